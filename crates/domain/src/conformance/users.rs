//! Users: making, naming, renaming, listing, erasing.

use super::{
    kit::{doing, done, expected_span, external, name, shown_as, spans},
    world::World,
};
use crate::{
    activity::{ActivityPatch, Precondition},
    feed::FeedKind,
    follow::FollowSide,
    given::Given,
    page::{Boundary, Direction, Placed, Span},
    ports::{Explained, FoundFollow, UserEdited, UserPut},
    relation::RelationKind,
    text::{DisplayName, Username},
    transfer::Record,
    user::{PutUser, User, UserPatch},
};

fn put(username: &str, display_name: Given<DisplayName>) -> PutUser {
    PutUser { username: name(username), display_name }
}

fn rename_to(username: &Username) -> UserPatch {
    UserPatch { username: Some(username.clone()), display_name: Given::Absent }
}

pub(super) async fn the_first_put_creates_and_the_next_one_updates(world: World) {
    let users = &world.stores.users;
    let created = match done(users.put(put("ivan", Given::Value(shown_as("Ivan the First")))).await) {
        UserPut::Created(user) => user,
        UserPut::Updated(user) => panic!("the first put of a name updated {user:?}"),
    };
    assert_eq!(created.username, name("ivan"));
    assert_eq!(created.display_name, Some(shown_as("Ivan the First")));
    assert_eq!((created.following, created.followers, created.activities), (0, 0, 0));
    assert!(world.now() <= created.created_at, "made at {}, before its turn", created.created_at);
    assert_eq!(created.named_at, created.created_at);
    assert_eq!(world.found(&name("ivan")).await, created);
    world.clock.advance_seconds(5);
    let updated = done(users.put(put("ivan", Given::Value(shown_as("I")))).await);
    let expected = User { display_name: Some(shown_as("I")), ..created };
    assert_eq!(updated, UserPut::Updated(expected));
}

pub(super) async fn a_put_leaves_what_is_not_given_and_clears_what_is_null(world: World) {
    let users = &world.stores.users;
    done(users.put(put("ivan", Given::Value(shown_as("Ivan")))).await);
    done(users.put(put("ivan", Given::Absent)).await);
    assert_eq!(world.found(&name("ivan")).await.display_name, Some(shown_as("Ivan")));
    done(users.put(put("ivan", Given::Null)).await);
    assert_eq!(world.found(&name("ivan")).await.display_name, None);
}

pub(super) async fn users_are_numbered_in_the_order_in_which_they_come(world: World) {
    let [ivan, niko] = world.users(["ivan", "niko"]).await;
    let (ivan, niko) = (world.found(&ivan).await, world.found(&niko).await);
    assert_eq!((ivan.key.0, niko.key.0), (1, 2));
    assert_ne!(ivan.id, niko.id);
    assert!(ivan.created_at < niko.created_at, "two writes have the same instant");
}

pub(super) async fn names_are_compared_as_they_are(world: World) {
    // The same to the eye, or but for the case; six different names.
    let names = ["ivan", "Ivan", "é", "e\u{301}", "ａ", "a"];
    for raw in names {
        world.user(raw).await;
    }
    for raw in names {
        assert_eq!(world.found(&name(raw)).await.username.as_str(), raw);
    }
    assert_eq!(done(world.stores.users.find(&name("IVAN")).await), None);
}

pub(super) async fn unknown_names_are_told_in_the_order_given(world: World) {
    world.users(["ivan", "niko"]).await;
    let asked = ["zoe", "ivan", "Niko", "anna", "niko"].map(name);
    let unknown = done(world.stores.users.unknown(&asked).await);
    assert_eq!(unknown, ["zoe", "Niko", "anna"].map(name));
    assert_eq!(done(world.stores.users.unknown(&[]).await), []);
}

pub(super) async fn a_rename_keeps_the_id_the_follows_and_the_activities(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let posted = world.post(doing(&eric, "wrote").to(&ivan).known_as("1")).await;
    world.post(doing(&ivan, "answered").to(&eric)).await;
    world.follow(&ivan, &eric).await;
    let before = world.found(&eric).await;
    world.clock.advance_seconds(9);
    let erich = world.rename(&eric, "erich").await;
    let after = world.found(&erich).await;
    assert_eq!(User { username: eric.clone(), named_at: before.named_at, ..after.clone() }, before);
    assert!(before.named_at < after.named_at, "a rename does not say when");

    let seen = world.feed(FeedKind::Friends, &ivan).await;
    assert_eq!((seen.len(), seen[0].id, &seen[0].actor), (1, posted.id, &erich));
    let mentioned = world.feed(FeedKind::Mentions, &erich).await;
    assert_eq!(mentioned[0].target, Some(erich.clone()));
    let found = done(world.stores.activities.find_external(&erich, &external("1")).await);
    assert_eq!(found.map(|activity| (activity.id, activity.version)), Some((posted.id, posted.version)));
    let listed = done(world.stores.follows.find(&ivan, &erich).await);
    assert!(matches!(listed, FoundFollow::Follow(follow) if follow.followee == erich));
}

pub(super) async fn a_rename_frees_the_old_name_and_its_next_holder_inherits_nothing(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.post(doing(&eric, "wrote").known_as("1")).await;
    world.follow(&ivan, &eric).await;
    let old = world.found(&eric).await;
    world.rename(&eric, "erich").await;
    assert_eq!(done(world.stores.users.find(&eric).await), None);
    world.user("eric").await;
    let new = world.found(&eric).await;
    assert_ne!((new.id, new.key), (old.id, old.key));
    assert_eq!((new.followers, new.activities), (0, 0));
    assert_eq!(world.own(&eric).await, [""; 0]);
    assert_eq!(done(world.stores.activities.find_external(&eric, &external("1")).await), None);
}

pub(super) async fn a_rename_to_the_name_of_another_changes_nothing(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let (before, position) = (world.found(&ivan).await, world.position().await);
    let patch = UserPatch { username: Some(eric.clone()), display_name: Given::Value(shown_as("I")) };
    assert_eq!(done(world.stores.users.edit(&ivan, patch).await), UserEdited::NameTaken(eric));
    assert_eq!(world.found(&ivan).await, before);
    assert_eq!(world.position().await, position);
}

pub(super) async fn an_edit_that_asks_for_nothing_new_changes_nothing(world: World) {
    let ivan = world.user("ivan").await;
    done(world.stores.users.put(put("ivan", Given::Value(shown_as("I")))).await);
    let (before, position) = (world.found(&ivan).await, world.position().await);
    world.clock.advance_seconds(1);
    let nothing = UserPatch { username: None, display_name: Given::Absent };
    let same_name = rename_to(&ivan);
    let same_display = UserPatch { username: None, display_name: Given::Value(shown_as("I")) };
    for patch in [nothing, same_name, same_display] {
        let edited = done(world.stores.users.edit(&ivan, patch).await);
        assert_eq!(edited, UserEdited::Edited(before.clone()));
    }
    assert_eq!(world.position().await, position, "an edit that changes nothing is in the log");
}

pub(super) async fn an_edit_sets_name_and_display_name_at_once(world: World) {
    let ivan = world.user("ivan").await;
    let patch = UserPatch { username: Some(name("Ivan")), display_name: Given::Value(shown_as("I")) };
    match done(world.stores.users.edit(&ivan, patch).await) {
        UserEdited::Edited(user) => {
            assert_eq!((user.username, user.display_name), (name("Ivan"), Some(shown_as("I"))));
        }
        other => panic!("a rename that changes the case alone answers {other:?}"),
    }
}

pub(super) async fn what_is_asked_of_nobody_finds_nobody(world: World) {
    let [niko] = world.users(["niko"]).await;
    let nobody = name("nobody");
    assert_eq!(done(world.stores.users.find(&nobody).await), None);
    assert_eq!(done(world.stores.users.edit(&nobody, rename_to(&niko)).await), UserEdited::Unknown);
    assert_eq!(done(world.stores.users.erase(&nobody).await), None);
}

pub(super) async fn an_erasure_says_exactly_what_it_took(world: World) {
    let [ivan, eric, niko, zoe] = world.users(["ivan", "eric", "niko", "zoe"]).await;
    for published in 1..=3 {
        world.post(doing(&eric, "wrote").at(crate::Timestamp::EPOCH.plus_micros(published))).await;
    }
    world.post(doing(&eric, "looked at").to(&eric)).await;
    world.post(doing(&ivan, "greeted").to(&eric)).await;
    world.post(doing(&niko, "greeted").to(&eric)).await;
    world.post(doing(&niko, "greeted").to(&ivan)).await;
    world.follow(&eric, &ivan).await;
    world.follow(&ivan, &eric).await;
    world.follow(&niko, &eric).await;
    world.follow(&zoe, &eric).await;
    world.unfollow(&zoe, &eric, true).await;
    world.follow(&eric, &zoe).await;
    world.unfollow(&eric, &zoe, true).await;
    let [block] = world.users(["blocked"]).await;
    world.block(&eric, &block).await;
    world.mute(&eric, &ivan).await;
    world.mute(&niko, &eric).await;
    world.mute(&niko, &ivan).await;
    world.clock.advance_seconds(7);
    let erasure = world.erase(&eric).await;
    assert_eq!((erasure.activities, erasure.mentions), (4, 2), "activities and mentions");
    assert_eq!((erasure.following, erasure.followers), (1, 2), "follows");
    assert_eq!(erasure.kept_windows, 2, "kept histories");
    assert_eq!((erasure.blocks, erasure.mutes), (1, 2), "blocks and mutes");
    assert_eq!(erasure.stored_answers, 0, "stored answers");
    assert!(world.now() <= erasure.at, "erased at {}, before its turn", erasure.at);
    assert_eq!(done(world.stores.users.erase(&eric).await), None);
}

pub(super) async fn an_erasure_sets_the_counts_of_others_right(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    world.follow(&eric, &ivan).await;
    world.follow(&ivan, &eric).await;
    world.follow(&niko, &ivan).await;
    world.post(doing(&ivan, "greeted").to(&eric)).await;
    world.erase(&eric).await;
    let ivan = world.found(&ivan).await;
    assert_eq!((ivan.following, ivan.followers, ivan.activities), (0, 1, 1));
}

pub(super) async fn an_erasure_leaves_activities_of_others_without_their_target(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let before = world.post(doing(&ivan, "greeted").to(&eric).known_as("1")).await;
    let edit = ActivityPatch { verb: Some(super::kit::verb("hugged")), ..ActivityPatch::default() };
    done(world.stores.activities.edit(before.id, edit, Precondition::None).await);
    world.erase(&eric).await;
    let after = world.activity(before.id).await.unwrap_or_else(|| panic!("the activity went too"));
    assert_eq!(after.target, None);
    assert_eq!((before.version, after.version), (1, 3), "it has no new version");
    assert_eq!((after.verb.as_str(), after.published), ("hugged", before.published));
    assert_eq!(world.own(&ivan).await, ["hugged"]);
    // The name is nobody's mention any more, also when another takes it.
    world.user("eric").await;
    assert_eq!(world.mentions(&eric).await, [""; 0]);
}

pub(super) async fn nothing_leads_to_an_erased_user(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let erased = world.found(&eric).await;
    let own = world.post(doing(&eric, "wrote").known_as("1")).await;
    let greeting = world.post(doing(&ivan, "greeted").to(&eric)).await;
    world.follow(&ivan, &eric).await;
    world.unfollow(&ivan, &eric, true).await;
    world.follow(&ivan, &eric).await;
    world.mute(&ivan, &eric).await;
    world.end(RelationKind::Mute, &ivan, &eric).await;
    world.erase(&eric).await;

    assert_eq!(done(world.stores.users.find(&eric).await), None);
    assert_eq!(
        done(world.stores.users.unknown(std::slice::from_ref(&eric)).await),
        std::slice::from_ref(&eric)
    );
    assert_eq!(world.activity(own.id).await, None);
    assert_eq!(done(world.stores.activities.find_external(&eric, &external("1")).await), None);
    assert_eq!(world.friends(&ivan).await, [""; 0]);
    assert_eq!(done(world.stores.follows.find(&ivan, &eric).await), FoundFollow::Unknown(eric.clone()));
    assert_eq!(done(world.stores.feeds.explain(&ivan, own.id).await), Explained::UnknownActivity);
    assert_eq!(done(world.stores.feeds.explain(&eric, greeting.id).await), Explained::UnknownViewer);
    let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 10 };
    let following = done(world.stores.follows.list(&ivan, FollowSide::Following, span).await);
    assert_eq!(following.map(|list| list.items), Some(vec![]));
    for event in world.events_after(0).await {
        assert!(
            event.user != Some(erased.id) && event.other != Some(erased.id),
            "{event:?} leads to the user"
        );
    }
    for record in super::transfer::exported(&world).await {
        let names_the_user = match &record {
            Record::User(user) => user.username == eric,
            Record::Activity(activity) => activity.actor == eric || activity.target.as_ref() == Some(&eric),
            Record::Follow(follow) => follow.follower == eric || follow.followee == eric,
            Record::Block(relation) | Record::Mute(relation) => {
                relation.owner == eric || relation.other == eric
            }
        };
        assert!(!names_the_user, "{record:?} names the user");
    }
}

pub(super) async fn the_name_of_an_erased_user_is_free_and_the_number_is_not(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.follow(&ivan, &eric).await;
    world.block(&eric, &name("ivan")).await;
    let old = world.found(&eric).await;
    let since = world.position().await;
    world.erase(&eric).await;
    world.user("eric").await;
    let new = world.found(&eric).await;
    assert!(old.key < new.key, "the number {} was given again", new.key.0);
    assert_ne!(old.id, new.id);
    assert_eq!((new.followers, new.activities), (0, 0));
    world.follow(&ivan, &eric).await;
    assert!(
        world
            .events_after(0)
            .await
            .iter()
            .take(usize::try_from(since).unwrap_or(0))
            .all(|event| { event.user != Some(new.id) && event.other != Some(new.id) }),
        "events of the old holder lead to the new one"
    );
}

pub(super) async fn users_are_listed_by_code_point(world: World) {
    // UTF-16 order, case folding and every collation put some of these elsewhere.
    let sorted = [
        "A",
        "Z",
        "_",
        "a",
        "a b",
        "ab",
        "b",
        "z",
        "é",
        "\u{D7FF}",
        "\u{E000}",
        "ａ",
        "\u{FFFD}",
        "𐀀",
        "😀",
        "\u{10FFFF}",
    ];
    let mut mixed = sorted;
    mixed.reverse();
    mixed.swap(2, 9);
    for raw in mixed {
        world.user(raw).await;
    }
    check_list(&world, "", &sorted, &["", "B", "aa", "\u{FFFE}", "😁"].map(str::to_owned)).await;
}

pub(super) async fn a_prefix_is_literal_and_case_sensitive(world: World) {
    let all = [
        "%",
        "%a",
        "A",
        "Ab",
        "_",
        "_a",
        "a",
        "a%",
        "aB",
        "a_",
        "ab",
        "abc",
        "b",
        "é",
        "é1",
        "\u{D7FF}x",
        "\u{E000}",
        "\u{10FFFF}",
        "\u{10FFFF}a",
    ];
    for raw in all {
        world.user(raw).await;
    }
    for prefix in
        ["a", "A", "ab", "%", "_", "a%", "a_", "é", "e", "\u{D7FF}", "\u{10FFFF}", "abcd", "\\", "*"]
    {
        let expected: Vec<&str> = all.into_iter().filter(|name| name.starts_with(prefix)).collect();
        check_list(&world, prefix, &expected, &["A", "aa", "zz"].map(str::to_owned)).await;
    }
}

/// Asks for every span of a list of users, from places in it and beside it.
async fn check_list(world: &World, prefix: &str, sorted: &[&str], beside: &[String]) {
    let mut expected = Vec::new();
    for raw in sorted {
        expected.push(world.found(&name(raw)).await);
    }
    expected.sort_by(|one, other| one.username.as_str().cmp(other.username.as_str()));
    let mut places: Vec<Username> = expected.iter().map(Placed::place).collect();
    places.extend(beside.iter().filter_map(|raw| Username::parse(raw).ok()));
    for span in spans(&places) {
        let listed = done(world.stores.users.list(prefix, span.clone()).await);
        let expected = expected_span(&expected, &span, Placed::place, Username::cmp);
        let names = |users: Vec<&User>| users.iter().map(|user| user.username.clone()).collect::<Vec<_>>();
        assert_eq!(names(listed.iter().collect()), names(expected.clone()), "prefix {prefix:?}, {span:?}");
        assert!(listed.iter().eq(expected), "the listed users are not what they are when asked for by name");
    }
}
