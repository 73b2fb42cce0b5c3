use super::*;
use crate::{
    Follow, FollowFrom, FollowRequest, FollowSide, InvalidCursor, KeyRefusal, LinkPlace, ListedFollow,
    Relationship, UnfollowRequest,
    ports::{BatchFollowed, Followed, FoundFollow, MockFollowRepository, Owned, Unfollowed},
    services::{FollowBatchResults, FollowService, Standing},
};

fn service(follows: MockFollowRepository) -> FollowService {
    FollowService::new(Arc::new(follows), clock(), codec())
}

fn follow(followee: &str) -> Follow {
    Follow { follower: name("ivan"), followee: name(followee), since: at(5), from: None }
}

fn request(from: Option<FollowFrom>) -> FollowRequest {
    FollowRequest { follower: name("ivan"), followee: name("eric"), from }
}

fn unfollowing(keep_history: bool) -> UnfollowRequest {
    UnfollowRequest { follower: name("ivan"), followee: name("eric"), keep_history }
}

fn not_following(followee: &str) -> Error {
    Error::NotFollowing { follower: name("ivan"), followee: name(followee) }
}

fn blocked(followee: &str) -> Error {
    Error::Blocked { follower: name("ivan"), followee: name(followee) }
}

fn oneself() -> Error {
    Error::OnOneself { user: name("ivan"), action: "follow" }
}

#[tokio::test]
async fn every_outcome_of_a_follow_has_its_answer() {
    for (outcome, answer) in [
        (Followed::Now(follow("eric")), Ok(Standing::Now(follow("eric")))),
        (Followed::Already(follow("eric")), Ok(Standing::Already(follow("eric")))),
        (Followed::Unknown(name("eric")), Err(Error::UnknownUser(name("eric")))),
        (Followed::Oneself, Err(oneself())),
        (Followed::Blocked, Err(blocked("eric"))),
    ] {
        let mut follows = MockFollowRepository::new();
        follows.expect_follow().return_once(move |_, _| Ok(Attempt::Done(outcome)));
        assert_eq!(service(follows).follow(request(None), None).await, answer.map(Attempt::Done));
    }
}

#[tokio::test]
async fn the_wish_from_when_on_reaches_the_store_up_to_5_minutes_ahead() {
    for from in
        [None, Some(FollowFrom::Beginning), Some(FollowFrom::Now), Some(FollowFrom::At(at(NOW + 300)))]
    {
        let mut follows = MockFollowRepository::new();
        follows
            .expect_follow()
            .withf(move |asked, _| *asked == request(from))
            .return_once(|_, _| Ok(Attempt::Done(Followed::Now(follow("eric")))));
        assert!(service(follows).follow(request(from), None).await.is_ok(), "{from:?}");
    }
    let ahead = Some(FollowFrom::At(at(NOW + 300).plus_micros(1)));
    let told = service(MockFollowRepository::new()).follow(request(ahead), None).await;
    assert_eq!(pointers(told), ["/from"]);
}

#[tokio::test]
async fn every_outcome_of_an_unfollow_has_its_answer() {
    for keep_history in [false, true] {
        for (outcome, answer) in [
            (Unfollowed::Ended, Ok(Attempt::Done(()))),
            (Unfollowed::NotThere, Err(not_following("eric"))),
            (Unfollowed::Unknown(name("ivan")), Err(Error::UnknownUser(name("ivan")))),
        ] {
            let mut follows = MockFollowRepository::new();
            follows
                .expect_unfollow()
                .withf(move |asked, _| *asked == unfollowing(keep_history))
                .return_once(move |_, _| Ok(Attempt::Done(outcome)));
            assert_eq!(service(follows).unfollow(unfollowing(keep_history), None).await, answer);
        }
    }
}

#[tokio::test]
async fn answers_are_kept_for_follows_that_stand_and_unfollows_that_ended_something() {
    let mut follows = MockFollowRepository::new();
    follows.expect_follow().return_once(|_, keyed| {
        let keyed = keyed.as_ref();
        assert!(kept(keyed, &Followed::Now(follow("eric"))).is_some());
        assert!(kept(keyed, &Followed::Already(follow("eric"))).is_some());
        for failed in [Followed::Oneself, Followed::Blocked, Followed::Unknown(name("eric"))] {
            assert_eq!(kept(keyed, &failed), None);
        }
        Ok(replayed())
    });
    follows.expect_unfollow().return_once(|_, keyed| {
        assert!(kept(keyed.as_ref(), &Unfollowed::Ended).is_some());
        for failed in [Unfollowed::NotThere, Unfollowed::Unknown(name("eric"))] {
            assert_eq!(kept(keyed.as_ref(), &failed), None);
        }
        Ok(Attempt::Refused(KeyRefusal::Reused))
    });
    let service = service(follows);
    assert_eq!(service.follow(request(None), Some(keyed())).await, Ok(replayed()));
    let refused = service.unfollow(unfollowing(false), Some(keyed())).await;
    assert_eq!(refused, Err(Error::Key(KeyRefusal::Reused)));
}

#[tokio::test]
async fn a_batch_answers_each_name_follows_first() {
    let mut follows = MockFollowRepository::new();
    follows
        .expect_follow_batch()
        .withf(|follower, follow, unfollow, _| {
            *follower == name("ivan")
                && *follow == names(&["eric", "ivan", "nobody", "foe"])
                && *unfollow == names(&["niko", "stranger"])
        })
        .return_once(|_, _, _, keyed| {
            let outcomes = BatchFollowed {
                followed: vec![
                    Followed::Now(follow("eric")),
                    Followed::Oneself,
                    Followed::Unknown(name("nobody")),
                    Followed::Blocked,
                ],
                unfollowed: vec![Unfollowed::Ended, Unfollowed::NotThere],
            };
            assert_eq!(kept(keyed.as_ref(), &None), None, "a follower who is no user");
            assert!(kept(keyed.as_ref(), &Some(outcomes.clone())).is_some());
            Ok(Attempt::Done(Some(outcomes)))
        });
    let results = service(follows)
        .batch(
            &name("ivan"),
            names(&["eric", "ivan", "nobody", "foe"]),
            names(&["niko", "stranger"]),
            Some(keyed()),
        )
        .await;
    let expected = FollowBatchResults {
        followed: vec![
            (name("eric"), Ok(Standing::Now(follow("eric")))),
            (name("ivan"), Err(oneself())),
            (name("nobody"), Err(Error::UnknownUser(name("nobody")))),
            (name("foe"), Err(blocked("foe"))),
        ],
        unfollowed: vec![(name("niko"), Ok(())), (name("stranger"), Err(not_following("stranger")))],
    };
    assert_eq!(results, Ok(Attempt::Done(expected)));
}

#[tokio::test]
async fn a_batch_by_somebody_who_is_no_user_tells_that() {
    let mut follows = MockFollowRepository::new();
    follows.expect_follow_batch().return_once(|_, _, _, _| Ok(Attempt::Done(None)));
    let told = service(follows).batch(&name("ivan"), names(&["eric"]), vec![], None).await;
    assert_eq!(told, Err(Error::UnknownUser(name("ivan"))));
}

#[tokio::test]
async fn a_batch_names_1_to_1000_users_each_once() {
    let refused = async |follow: Vec<Username>, unfollow: Vec<Username>| {
        pointers(service(MockFollowRepository::new()).batch(&name("ivan"), follow, unfollow, None).await)
    };
    let many = |count: usize| (0..count).map(|i| name(&format!("user{i}"))).collect::<Vec<_>>();
    assert_eq!(refused(vec![], vec![]).await, [""]);
    assert_eq!(refused(many(1001), vec![]).await, [""]);
    assert_eq!(refused(many(1000), names(&["other"])).await, [""]);
    assert_eq!(refused(names(&["a", "b", "a"]), vec![]).await, ["/follow/2"]);
    assert_eq!(refused(names(&["a"]), names(&["b", "b"])).await, ["/unfollow/1"]);
    assert_eq!(refused(names(&["a", "a"]), names(&["b", "a"])).await, ["/follow/1", "/unfollow/1"]);

    let mut follows = MockFollowRepository::new();
    follows
        .expect_follow_batch()
        .withf(|_, follow, unfollow, _| follow.len() == 1000 && unfollow.is_empty())
        .return_once(|_, _, _, _| Ok(replayed()));
    assert_eq!(service(follows).batch(&name("ivan"), many(1000), vec![], None).await, Ok(replayed()));
}

#[tokio::test]
async fn every_outcome_of_a_question_for_one_follow_has_its_answer() {
    for (outcome, answer) in [
        (FoundFollow::Follow(follow("eric")), Ok(follow("eric"))),
        (FoundFollow::None, Err(not_following("eric"))),
        (FoundFollow::Unknown(name("eric")), Err(Error::UnknownUser(name("eric")))),
    ] {
        let mut follows = MockFollowRepository::new();
        follows.expect_find().with(eq(name("ivan")), eq(name("eric"))).return_once(move |_, _| Ok(outcome));
        assert_eq!(service(follows).get(&name("ivan"), &name("eric")).await, answer);
    }
}

#[tokio::test]
async fn relationships_are_asked_for_1_to_100_names() {
    for count in [0, 101] {
        let told = service(MockFollowRepository::new())
            .relationships(&name("ivan"), &vec![name("eric"); count])
            .await;
        assert_eq!(pointers(told), ["with"]);
    }
    let known = Relationship { username: name("eric"), following: true, followed_by: false };
    let mut follows = MockFollowRepository::new();
    let answer = known.clone();
    follows
        .expect_relationships()
        .withf(|owner, with| *owner == name("ivan") && with.len() == 100)
        .return_once(move |_, _| Ok(Some(vec![answer])));
    let got = service(follows).relationships(&name("ivan"), &vec![name("eric"); 100]).await;
    assert_eq!(got, Ok(vec![known]));
}

#[tokio::test]
async fn relationships_of_somebody_who_is_no_user_tell_that() {
    let mut follows = MockFollowRepository::new();
    follows.expect_relationships().return_once(|_, _| Ok(None));
    let told = service(follows).relationships(&name("ivan"), &names(&["eric"])).await;
    assert_eq!(told, Err(Error::UnknownUser(name("ivan"))));
}

fn listed(followee: &str, order: i64) -> ListedFollow {
    ListedFollow { follow: follow(followee), place: LinkPlace { since: at(5), order } }
}

#[tokio::test]
async fn the_two_lists_of_follows_are_different_walks() {
    let mut follows = MockFollowRepository::new();
    follows.expect_list().returning(|_, side, _| {
        let items = match side {
            FollowSide::Following => vec![listed("eric", 2), listed("niko", 1)],
            FollowSide::Followers => vec![],
        };
        Ok(Some(Owned { owner: user_id(1), items }))
    });
    let service = service(follows);
    let page = service.list(&name("ivan"), FollowSide::Following, &first_page(1)).await.unwrap();
    assert_eq!(page.items, [listed("eric", 2)]);
    let foreign = page_at(1, &page.next.unwrap());
    let refused = service.list(&name("ivan"), FollowSide::Followers, &foreign).await;
    assert_eq!(refused, Err(Error::Cursor(InvalidCursor::OtherListing)));
}

#[tokio::test]
async fn a_list_of_follows_of_somebody_who_is_no_user_tells_that() {
    let mut follows = MockFollowRepository::new();
    follows.expect_list().return_once(|_, _, _| Ok(None));
    let told = service(follows).list(&name("ivan"), FollowSide::Followers, &first_page(1)).await;
    assert_eq!(told, Err(Error::UnknownUser(name("ivan"))));
}
