//! Importing.

use super::{
    activities::data,
    kit::{doing, done, external, name, object, shown_as, verb},
    world::World,
};
use crate::{
    activity::Activity,
    data::Data,
    feed::FeedKind,
    follow::{FollowSide, Window},
    id::ActivityId,
    page::{Boundary, Direction, Span},
    ports::{FoundFollow, Related},
    relation::RelationKind,
    sequence::EventKind,
    text::Username,
    time::Timestamp,
    transfer::{
        FollowRecord, FollowRecordCurrent, Imported, OnBadRecord, Record, RelationRecord, UserRecord,
    },
};

pub(super) async fn import(world: &World, records: Vec<Record>, on_bad: OnBadRecord) -> Vec<Imported> {
    done(world.stores.transfer.import(records, world.now(), on_bad).await)
}

/// Makes many users in one step.
pub(super) async fn import_users(world: &World, names: &[Username]) {
    let records = names.iter().map(|username| user_record(username.as_str())).collect();
    let imported = import(world, records, OnBadRecord::Stop).await;
    assert!(imported.iter().all(|outcome| *outcome == Imported::New), "users of a promise are not imported");
}

fn user_record(username: &str) -> Record {
    Record::User(UserRecord { username: name(username), display_name: None, created_at: None })
}

/// An activity by its number.
fn activity(number: u128, actor: &str, target: Option<&str>) -> Activity {
    let id = uuid::Uuid::from_u128(0x0123_4567_0000_7000_8000_0000_0000_0000 + number);
    Activity {
        id: ActivityId::from_uuid(id),
        actor: name(actor),
        verb: verb("wrote"),
        object: None,
        target: target.map(name),
        published: Timestamp::EPOCH.plus_micros(5),
        edited_at: None,
        external_id: None,
        data: Data::empty(),
        version: 1,
    }
}

fn follow(follower: &str, followee: &str, since: Timestamp) -> Record {
    Record::Follow(FollowRecord {
        follower: name(follower),
        followee: name(followee),
        current: Some(FollowRecordCurrent { since, from: None }),
        kept: vec![],
    })
}

fn relation(owner: &str, other: &str, since: Timestamp) -> RelationRecord {
    RelationRecord { owner: name(owner), other: name(other), since }
}

pub(super) async fn an_import_twice_changes_nothing_the_second_time(world: World) {
    let since = world.now();
    let records = vec![
        user_record("ivan"),
        Record::Activity(activity(1, "ivan", Some("eric"))),
        Record::Activity(activity(2, "niko", None)),
        follow("ivan", "niko", since),
        Record::Follow(FollowRecord {
            follower: name("eric"),
            followee: name("ivan"),
            current: None,
            kept: vec![Window { from: None, until: Some(since) }],
        }),
        Record::Block(relation("ivan", "zoe", since)),
        Record::Mute(relation("niko", "ivan", since)),
    ];
    let count = records.len();
    assert_eq!(import(&world, records.clone(), OnBadRecord::Stop).await, vec![Imported::New; count]);
    let (position, exported) = (world.position().await, super::transfer::exported(&world).await);
    world.clock.advance_seconds(100);
    let again = import(&world, records, OnBadRecord::Stop).await;
    assert_eq!(again, vec![Imported::AlreadyThere; count]);
    assert_eq!(world.position().await, position);
    assert_eq!(super::transfer::exported(&world).await, exported);
}

pub(super) async fn a_record_twice_in_a_batch_is_stored_once(world: World) {
    let since = world.now();
    let twice = [
        user_record("zoe"),
        Record::Activity(activity(1, "ivan", None)),
        follow("ivan", "eric", since),
        Record::Mute(relation("ivan", "niko", since)),
    ];
    let records = twice.iter().flat_map(|record| [record.clone(), record.clone()]).collect();
    let outcomes = import(&world, records, OnBadRecord::Stop).await;
    assert_eq!(outcomes.len(), 8);
    for pair in outcomes.chunks(2) {
        assert_eq!(pair, [Imported::New, Imported::AlreadyThere]);
    }
    assert_eq!(world.found(&name("ivan")).await.activities, 1);
    assert_eq!(world.found(&name("eric")).await.followers, 1);
}

pub(super) async fn users_are_made_as_they_are_met_at_the_start_of_the_import(world: World) {
    let started = world.now();
    world.clock.advance_seconds(30);
    let records = vec![
        Record::Activity(activity(1, "b", Some("a"))),
        follow("c", "b", started),
        Record::Block(relation("e", "d", started)),
    ];
    let imported = done(world.stores.transfer.import(records, started, OnBadRecord::Stop).await);
    assert_eq!(imported, vec![Imported::New; 3]);
    let mut met = Vec::new();
    for raw in ["b", "a", "c", "e", "d"] {
        let user = world.found(&name(raw)).await;
        assert_eq!(user.created_at, started, "'{raw}' was not made when the import began");
        assert_eq!(user.display_name, None);
        met.push(user.key);
    }
    assert!(met.is_sorted(), "users are not numbered as they were met: {met:?}");
    let kinds = world.kinds_after(0).await;
    let created = kinds.iter().filter(|kind| **kind == EventKind::UserCreated).count();
    assert_eq!((created, kinds.len()), (5, 8), "{kinds:?}");
}

pub(super) async fn an_id_that_exists_is_passed_over_before_its_users_are_made(world: World) {
    import(&world, vec![Record::Activity(activity(1, "ivan", None))], OnBadRecord::Stop).await;
    let same_id = Record::Activity(activity(1, "somebody", Some("else")));
    assert_eq!(import(&world, vec![same_id], OnBadRecord::Stop).await, [Imported::AlreadyThere]);
    let made = done(world.stores.users.unknown(&["somebody", "else"].map(name)).await);
    assert_eq!(made.len(), 2, "users were made for a record that was there already");
}

pub(super) async fn an_imported_activity_is_kept_as_it_is(world: World) {
    let sent = Activity {
        object: Some(object("post:1")),
        edited_at: Some(Timestamp::EPOCH.plus_micros(9)),
        external_id: Some(external("1")),
        data: data(r#"{"a":[1,2]}"#),
        version: 7,
        ..activity(1, "ivan", Some("eric"))
    };
    import(&world, vec![Record::Activity(sent.clone())], OnBadRecord::Stop).await;
    assert_eq!(world.activity(sent.id).await, Some(sent.clone()));
    assert_eq!(world.feed(FeedKind::Own, &name("ivan")).await, std::slice::from_ref(&sent));
    assert_eq!(world.feed(FeedKind::Mentions, &name("eric")).await, std::slice::from_ref(&sent));
    let found = done(world.stores.activities.find_external(&name("ivan"), &external("1")).await);
    assert_eq!(found, Some(sent));
    let events = world.events_after(0).await;
    assert_eq!(events.last().map(|event| event.kind), Some(EventKind::ActivityAdded));
}

pub(super) async fn an_imported_user_is_kept_as_it_is_and_a_present_one_stays(world: World) {
    let made = Timestamp::EPOCH.plus_micros(77);
    let record = |raw, shown| {
        Record::User(UserRecord {
            username: name(raw),
            display_name: Some(shown_as(shown)),
            created_at: Some(made),
        })
    };
    let present = world.user("ivan").await;
    let before = world.found(&present).await;
    let outcomes = import(&world, vec![record("eric", "Eric"), record("ivan", "I")], OnBadRecord::Stop).await;
    assert_eq!(outcomes, [Imported::New, Imported::AlreadyThere]);
    let eric = world.found(&name("eric")).await;
    assert_eq!((eric.created_at, eric.display_name), (made, Some(shown_as("Eric"))));
    assert_eq!(world.found(&present).await, before);
}

/// Good records around one that takes the external id of another activity.
async fn with_a_bad_one(world: &World, on_bad: OnBadRecord) -> Vec<Imported> {
    let ivan = world.user("ivan").await;
    world.post(doing(&ivan, "shared").known_as("1")).await;
    let bad = Activity { external_id: Some(external("1")), ..activity(2, "ivan", Some("met on the way")) };
    let records = vec![
        Record::Activity(activity(1, "new", None)),
        Record::Activity(bad),
        follow("newer", "ivan", world.now()),
        user_record("newest"),
    ];
    import(world, records, on_bad).await
}

pub(super) async fn a_bad_record_stops_its_batch_and_nothing_of_it_is_stored(world: World) {
    let outcomes = with_a_bad_one(&world, OnBadRecord::Stop).await;
    assert_eq!(outcomes.len(), 4);
    assert!(matches!(outcomes[1], Imported::Refused(_)), "{outcomes:?}");
    assert_eq!(world.position().await, 2, "what was not stored is in the log");
    let names = ["new", "met on the way", "newer", "newest"].map(name);
    assert_eq!(done(world.stores.users.unknown(&names).await), names);
    let ivan = world.found(&name("ivan")).await;
    assert_eq!((ivan.followers, ivan.activities), (0, 1));
    assert_eq!(world.user("next").await, name("next"));
    assert_eq!(world.found(&name("next")).await.key.0, 2, "a number was spent on a user that is not there");
}

pub(super) async fn a_bad_record_is_left_out_when_asked_to(world: World) {
    let outcomes = with_a_bad_one(&world, OnBadRecord::Skip).await;
    assert!(
        matches!(outcomes[..], [Imported::New, Imported::Refused(_), Imported::New, Imported::New]),
        "{outcomes:?}"
    );
    let unknown =
        done(world.stores.users.unknown(&["new", "met on the way", "newer", "newest"].map(name)).await);
    assert_eq!(unknown, [name("met on the way")], "a user was made for a record that is left out");
    let ivan = world.found(&name("ivan")).await;
    assert_eq!((ivan.followers, ivan.activities), (1, 1));
}

pub(super) async fn external_ids_within_an_import_are_unique_for_their_actor(world: World) {
    let known =
        |number, actor| Activity { external_id: Some(external("1")), ..activity(number, actor, None) };
    let records = vec![
        Record::Activity(known(1, "ivan")),
        Record::Activity(known(2, "eric")),
        Record::Activity(known(3, "ivan")),
    ];
    let outcomes = import(&world, records, OnBadRecord::Skip).await;
    assert!(matches!(outcomes[..], [Imported::New, Imported::New, Imported::Refused(_)]), "{outcomes:?}");
}

pub(super) async fn an_imported_follow_is_refused_where_a_block_stands(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.block(&eric, &ivan).await;
    let since = world.now();
    let records = vec![follow("ivan", "eric", since), follow("eric", "ivan", since)];
    let outcomes = import(&world, records, OnBadRecord::Skip).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Imported::Refused(_))), "{outcomes:?}");
    assert_eq!(done(world.stores.follows.find(&ivan, &eric).await), FoundFollow::None);
}

pub(super) async fn an_imported_edge_shows_what_its_windows_say(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let at = |micros| Timestamp::EPOCH.plus_micros(micros);
    for micros in 0..10 {
        world.post(doing(&eric, &micros.to_string()).at(at(micros))).await;
    }
    let record = FollowRecord {
        follower: ivan.clone(),
        followee: eric.clone(),
        current: Some(FollowRecordCurrent { since: at(100), from: Some(at(8)) }),
        kept: vec![
            Window { from: None, until: Some(at(1)) },
            Window { from: Some(at(4)), until: Some(at(5)) },
        ],
    };
    import(&world, vec![Record::Follow(record.clone())], OnBadRecord::Stop).await;
    assert_eq!(world.friends(&ivan).await, ["9", "8", "5", "4", "1", "0"]);
    let exported = super::transfer::exported(&world).await;
    assert!(exported.contains(&Record::Follow(record)), "{exported:?}");
}

pub(super) async fn an_imported_relation_keeps_its_since(world: World) {
    let since = Timestamp::EPOCH.plus_micros(9);
    let records =
        vec![Record::Block(relation("ivan", "eric", since)), Record::Mute(relation("ivan", "eric", since))];
    import(&world, records, OnBadRecord::Stop).await;
    for kind in [RelationKind::Block, RelationKind::Mute] {
        assert_eq!(world.relate(kind, &name("ivan"), &name("eric")).await, Related::Already(since));
    }
    assert_eq!(world.kinds_after(2).await, [EventKind::BlockAdded, EventKind::MuteAdded]);
}

pub(super) async fn a_large_batch_is_imported_in_one_step(world: World) {
    let records: Vec<Record> = (0..3000_u128)
        .map(|number| {
            let author = format!("author {}", number % 100);
            Record::Activity(activity(number, &author, Some(&format!("author {}", number % 7))))
        })
        .collect();
    let outcomes = import(&world, records, OnBadRecord::Stop).await;
    assert_eq!(outcomes, vec![Imported::New; 3000]);
    let author = world.found(&name("author 3")).await;
    assert_eq!(author.activities, 30);
    let extent = done(world.stores.events.extent().await);
    assert_eq!(extent.last, 3100);
    done(world.stores.transfer.settle().await);
    let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 10 };
    let listed = done(world.stores.follows.list(&author.username, FollowSide::Followers, span).await);
    assert_eq!(listed.map(|listed| listed.items), Some(vec![]));
}
