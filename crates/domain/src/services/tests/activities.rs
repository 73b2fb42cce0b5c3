use super::*;
use crate::{
    ActivityPatch, KeyRefusal, NewActivity, Precondition,
    ports::{Deleted, Edited, MockActivityRepository, MockUserRepository, Posted},
    services::{ActivityService, Stored},
};

fn service(activities: MockActivityRepository, users: MockUserRepository) -> ActivityService {
    ActivityService::new(Arc::new(activities), Arc::new(users), clock())
}

/// A service on a store that answers every post with `posted`.
fn posting(posted: Posted) -> ActivityService {
    let mut activities = MockActivityRepository::new();
    activities.expect_post().return_once(move |_, _| Ok(Attempt::Done(posted)));
    service(activities, MockUserRepository::new())
}

#[tokio::test]
async fn a_draft_without_faults_reaches_the_store_as_it_was_sent() {
    let sent = ActivityDraft {
        target: Given::Value(name("niko")),
        object: Given::Null,
        published: Some(at(5)),
        external_id: Some(external("x")),
        data: Data::parse(r#"{"a":1}"#).ok(),
        ..draft("eric")
    };
    let expected = NewActivity {
        actor: name("eric"),
        verb: Verb::parse("post").unwrap(),
        object: Given::Null,
        target: Given::Value(name("niko")),
        published: Some(at(5)),
        external_id: Some(external("x")),
        data: Data::parse(r#"{"a":1}"#).ok(),
    };
    let mut activities = MockActivityRepository::new();
    activities
        .expect_post()
        .withf(move |activity, keyed| *activity == expected && keyed.is_none())
        .return_once(|_, _| Ok(Attempt::Done(Posted::Created(activity("eric", 5)))));
    let posted = service(activities, MockUserRepository::new()).post(sent, None).await;
    assert_eq!(posted, Ok(Attempt::Done(Stored::Created(activity("eric", 5)))));
}

#[tokio::test]
async fn all_faults_of_a_draft_are_told_at_once_and_nothing_is_stored() {
    let mut users = MockUserRepository::new();
    users.expect_unknown().with(eq(names(&["eric", "niko"]))).return_once(|_| Ok(names(&["eric", "niko"])));
    let faulty = ActivityDraft {
        verb: None,
        target: Given::Value(name("niko")),
        published: Some(at(NOW + 301)),
        faults: vec![Fault::new("/data", "must be a JSON object")],
        ..draft("eric")
    };
    let told = service(MockActivityRepository::new(), users).post(faulty, None).await;
    assert_eq!(pointers(told), ["/data", "/published", "/verb", "/actor", "/target"]);
}

#[tokio::test]
async fn of_the_names_in_a_faulty_draft_only_those_that_nobody_has_are_faults() {
    let mut users = MockUserRepository::new();
    users.expect_unknown().return_once(|_| Ok(names(&["niko"])));
    let faulty = ActivityDraft { verb: None, target: Given::Value(name("niko")), ..draft("eric") };
    let told = service(MockActivityRepository::new(), users).post(faulty, None).await;
    let Err(Error::Invalid(faults)) = told else { panic!("{told:?}") };
    assert_eq!(faults, [Fault::new("/verb", "is required"), Fault::unknown_user("/target", name("niko"))]);
}

#[tokio::test]
async fn nobody_is_looked_up_for_a_draft_that_names_nobody() {
    // A mock without expectations panics when it is asked.
    let told = service(MockActivityRepository::new(), MockUserRepository::new())
        .post(ActivityDraft::default(), None)
        .await;
    assert_eq!(pointers(told), ["/actor", "/verb"]);
}

#[tokio::test]
async fn a_time_up_to_5_minutes_ahead_is_passed_on_and_one_further_ahead_is_a_fault() {
    let ahead =
        |micros: i64| ActivityDraft { published: Some(at(NOW + 300).plus_micros(micros)), ..draft("eric") };
    let mut activities = MockActivityRepository::new();
    activities
        .expect_post()
        .withf(|activity, _| activity.published == Some(at(NOW + 300)))
        .return_once(|_, _| Ok(Attempt::Done(Posted::Created(activity("eric", NOW)))));
    assert!(service(activities, MockUserRepository::new()).post(ahead(0), None).await.is_ok());

    let mut users = MockUserRepository::new();
    users.expect_unknown().return_once(|_| Ok(Vec::new()));
    let told = service(MockActivityRepository::new(), users).post(ahead(1), None).await;
    assert_eq!(pointers(told), ["/published"]);
}

#[tokio::test]
async fn names_that_the_store_does_not_know_are_faults_at_their_places() {
    let sent = || ActivityDraft { target: Given::Value(name("niko")), ..draft("eric") };
    for (actor, target, expected) in [
        (true, true, vec!["/actor", "/target"]),
        (true, false, vec!["/actor"]),
        (false, true, vec!["/target"]),
    ] {
        let told = posting(Posted::UnknownUsers { actor, target }).post(sent(), None).await;
        assert_eq!(pointers(told), expected);
    }
}

#[tokio::test]
async fn the_same_external_id_again_gives_what_is_stored_and_with_other_content_a_conflict() {
    let sent = || ActivityDraft { external_id: Some(external("x")), ..draft("eric") };
    let again = posting(Posted::Existing(activity("eric", 5))).post(sent(), None).await;
    assert_eq!(again, Ok(Attempt::Done(Stored::Existing(activity("eric", 5)))));

    let other = posting(Posted::ExternalIdTaken(activity("eric", 5))).post(sent(), None).await;
    let conflict =
        Error::ExternalIdTaken { actor: name("eric"), external_id: external("x"), stored: activity_id(5) };
    assert_eq!(other, Err(conflict));
}

#[tokio::test]
async fn the_store_keeps_an_answer_for_a_success_alone() {
    let mut activities = MockActivityRepository::new();
    activities.expect_post().return_once(|_, keyed| {
        let keyed = keyed.as_ref();
        assert_eq!(keyed.map(|keyed| keyed.key), Some(RequestKey::new(&[b"key"], &[b"body"])));
        let created = Posted::Created(activity("eric", 5));
        let answer = kept(keyed, &created);
        assert_eq!(answer, Some(format!("{:?}", Stored::Created(activity("eric", 5)))));
        assert!(kept(keyed, &Posted::Existing(activity("eric", 5))).is_some());
        assert_eq!(kept(keyed, &Posted::ExternalIdTaken(activity("eric", 5))), None);
        assert_eq!(kept(keyed, &Posted::UnknownUsers { actor: true, target: false }), None);
        Ok(Attempt::Done(created))
    });
    let sent = ActivityDraft { external_id: Some(external("x")), ..draft("eric") };
    assert!(service(activities, MockUserRepository::new()).post(sent, Some(keyed())).await.is_ok());
}

#[tokio::test]
async fn a_replay_a_refusal_and_a_store_that_cannot_are_passed_on() {
    let answered = async |answer: std::result::Result<Attempt<Posted>, StoreError>| {
        let mut activities = MockActivityRepository::new();
        activities.expect_post().return_once(move |_, _| answer);
        service(activities, MockUserRepository::new()).post(draft("eric"), Some(keyed())).await
    };
    assert_eq!(answered(Ok(replayed())).await, Ok(replayed()));
    for refusal in [KeyRefusal::Reused, KeyRefusal::UnderWay, KeyRefusal::Erased] {
        assert_eq!(answered(Ok(Attempt::Refused(refusal))).await, Err(Error::Key(refusal)));
    }
    assert_eq!(answered(Err(unavailable())).await, Err(Error::Store(unavailable())));
}

#[tokio::test]
async fn an_activity_that_is_not_there_is_told_by_its_id() {
    let mut activities = MockActivityRepository::new();
    activities.expect_find().with(eq(activity_id(5))).return_once(|_| Ok(None));
    let got = service(activities, MockUserRepository::new()).get(activity_id(5)).await;
    assert_eq!(got, Err(Error::UnknownActivity(activity_id(5))));
}

#[tokio::test]
async fn an_external_id_that_nobody_used_finds_nothing() {
    let mut activities = MockActivityRepository::new();
    activities
        .expect_find_external()
        .withf(|actor, external_id| *actor == name("eric") && *external_id == external("x"))
        .return_once(|_, _| Ok(None));
    let service = service(activities, MockUserRepository::new());
    assert_eq!(service.find_external(&name("eric"), &external("x")).await, Ok(None));
}

#[tokio::test]
async fn every_outcome_of_an_edit_has_its_answer() {
    let id = activity_id(5);
    let edited = async |outcome: Edited| {
        let mut activities = MockActivityRepository::new();
        activities.expect_edit().return_once(move |_, _, _| Ok(outcome));
        let service = service(activities, MockUserRepository::new());
        service.edit(id, ActivityPatch::default(), Precondition::None).await
    };
    assert_eq!(edited(Edited::Edited(activity("eric", 5))).await, Ok(activity("eric", 5)));
    assert_eq!(edited(Edited::Unknown).await, Err(Error::UnknownActivity(id)));
    assert_eq!(edited(Edited::PreconditionFailed).await, Err(Error::PreconditionFailed(id)));
    let unknown = Fault::unknown_user("/target", name("niko"));
    assert_eq!(edited(Edited::UnknownTarget(name("niko"))).await, Err(Error::Invalid(vec![unknown])));
}

#[tokio::test]
async fn the_faults_of_a_patch_include_a_target_that_nobody_has() {
    let mut users = MockUserRepository::new();
    users.expect_unknown().with(eq(names(&["niko"]))).return_once(|_| Ok(names(&["niko"])));
    let service = service(MockActivityRepository::new(), users);
    let faults = vec![Fault::new("/verb", "must not be empty")];
    let patch = ActivityPatch { target: Given::Value(name("niko")), ..ActivityPatch::default() };
    let told = service.patch_faults(faults.clone(), &patch).await.unwrap();
    assert_eq!(told, [faults[0].clone(), Fault::unknown_user("/target", name("niko"))]);

    let cleared = ActivityPatch { target: Given::Null, ..ActivityPatch::default() };
    assert_eq!(service.patch_faults(faults.clone(), &cleared).await, Ok(faults), "the store is not asked");
}

#[tokio::test]
async fn every_outcome_of_a_deletion_has_its_answer() {
    let id = activity_id(5);
    let expected = Precondition::OneOf(vec![activity("eric", 5).tag()]);
    for (outcome, answer) in [
        (Deleted::Deleted, Ok(())),
        (Deleted::Unknown, Err(Error::UnknownActivity(id))),
        (Deleted::PreconditionFailed, Err(Error::PreconditionFailed(id))),
    ] {
        let mut activities = MockActivityRepository::new();
        activities.expect_delete().with(eq(id), eq(expected.clone())).return_once(move |_, _| Ok(outcome));
        let service = service(activities, MockUserRepository::new());
        assert_eq!(service.delete(id, expected.clone()).await, answer);
    }
}
