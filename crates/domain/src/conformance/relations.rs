//! Blocks and mutes.

use super::{
    kit::{doing, done, expected_span, name, newest_first, spans},
    world::World,
};
use crate::{
    feed::{FeedFilter, FeedKind},
    follow::LinkPlace,
    page::{Boundary, Direction, Placed, Span},
    ports::{Followed, FoundFollow, Related, Unfollowed, Unrelated},
    relation::{Relation, RelationKind},
    text::Username,
};

const KINDS: [RelationKind; 2] = [RelationKind::Block, RelationKind::Mute];

pub(super) async fn a_block_ends_follows_both_ways_and_what_was_kept_of_them(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.post(doing(&eric, "wrote")).await;
    world.post(doing(&ivan, "answered")).await;
    world.follow(&ivan, &eric).await;
    world.unfollow(&ivan, &eric, true).await;
    world.follow(&eric, &ivan).await;
    world.unfollow(&eric, &ivan, true).await;
    world.follow(&eric, &ivan).await;
    world.block(&ivan, &eric).await;
    for (one, other) in [(&ivan, &eric), (&eric, &ivan)] {
        assert_eq!(world.friends(one).await, [""; 0], "{one} still sees {other}");
        assert_eq!(done(world.stores.follows.find(one, other).await), FoundFollow::None);
        assert_eq!((world.found(one).await.following, world.found(one).await.followers), (0, 0));
    }
    world.end(RelationKind::Block, &ivan, &eric).await;
    for (one, other) in [(&ivan, &eric), (&eric, &ivan)] {
        assert_eq!(world.friends(one).await, [""; 0], "an unblock brought something back");
        assert_eq!(world.unfollow(one, other, false).await, Unfollowed::NotThere);
    }
}

pub(super) async fn a_block_refuses_follows_both_ways_until_it_ends(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.block(&ivan, &eric).await;
    let position = world.position().await;
    assert_eq!(world.try_follow(&ivan, &eric, None).await, Followed::Blocked);
    assert_eq!(world.try_follow(&eric, &ivan, None).await, Followed::Blocked);
    assert_eq!(world.position().await, position);
    world.block(&eric, &ivan).await;
    world.end(RelationKind::Block, &ivan, &eric).await;
    assert_eq!(world.try_follow(&ivan, &eric, None).await, Followed::Blocked, "the other block stands");
    world.end(RelationKind::Block, &eric, &ivan).await;
    world.follow(&ivan, &eric).await;
}

pub(super) async fn a_block_hides_mentions_both_ways_until_it_ends(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    world.post(doing(&eric, "greeted").to(&ivan)).await;
    world.post(doing(&niko, "greeted").to(&ivan)).await;
    world.post(doing(&ivan, "thanked").to(&eric)).await;
    world.block(&ivan, &eric).await;
    let while_blocked = world.post(doing(&eric, "begged").to(&ivan)).await;
    assert_eq!(world.mentions(&ivan).await, ["greeted"]);
    assert_eq!(world.mentions(&eric).await, [""; 0]);
    assert_eq!(world.activity(while_blocked.id).await, Some(while_blocked), "it is stored all the same");
    assert_eq!(world.own(&eric).await, ["begged", "greeted"]);
    world.end(RelationKind::Block, &ivan, &eric).await;
    assert_eq!(world.mentions(&ivan).await, ["begged", "greeted", "greeted"]);
    assert_eq!(world.mentions(&eric).await, ["thanked"]);
}

pub(super) async fn a_block_leaves_what_third_persons_do(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    world.follow(&ivan, &niko).await;
    world.follow(&niko, &eric).await;
    world.block(&ivan, &eric).await;
    world.post(doing(&niko, "praised").to(&eric)).await;
    world.post(doing(&eric, "wrote").to(&ivan)).await;
    assert_eq!(world.friends(&ivan).await, ["praised"]);
    assert_eq!(world.friends(&niko).await, ["wrote"]);
    assert_eq!(world.mentions(&eric).await, ["praised"]);
}

pub(super) async fn a_mute_hides_from_the_friends_feed_alone(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    world.follow(&ivan, &eric).await;
    world.follow(&ivan, &niko).await;
    world.follow(&eric, &ivan).await;
    world.post(doing(&eric, "greeted").to(&ivan)).await;
    world.post(doing(&niko, "praised").to(&eric)).await;
    world.post(doing(&ivan, "answered")).await;
    world.mute(&ivan, &eric).await;
    assert_eq!(world.friends(&ivan).await, ["praised"]);
    let with_self = world.filtered(FeedKind::Friends, &ivan, &FeedFilter::new(vec![], true)).await;
    assert_eq!(with_self.len(), 2);
    assert_eq!(world.mentions(&ivan).await, ["greeted"]);
    assert_eq!(world.own(&eric).await, ["greeted"]);
    assert_eq!(world.friends(&eric).await, ["answered"], "a mute works one way");
    assert!(matches!(done(world.stores.follows.find(&ivan, &eric).await), FoundFollow::Follow(_)));
    assert_eq!(world.found(&ivan).await.following, 2);
    world.end(RelationKind::Mute, &ivan, &eric).await;
    assert_eq!(world.friends(&ivan).await, ["praised", "greeted"]);
}

pub(super) async fn a_mute_holds_for_follows_that_come_later_and_for_kept_history(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.post(doing(&eric, "wrote")).await;
    world.mute(&ivan, &eric).await;
    world.follow(&ivan, &eric).await;
    assert_eq!(world.friends(&ivan).await, [""; 0]);
    world.unfollow(&ivan, &eric, true).await;
    assert_eq!(world.friends(&ivan).await, [""; 0]);
    world.end(RelationKind::Mute, &ivan, &eric).await;
    assert_eq!(world.friends(&ivan).await, ["wrote"]);
}

pub(super) async fn a_block_leaves_mutes(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.mute(&ivan, &eric).await;
    world.block(&ivan, &eric).await;
    world.end(RelationKind::Block, &ivan, &eric).await;
    world.end(RelationKind::Mute, &ivan, &eric).await;
}

pub(super) async fn a_relation_says_since_when_it_stands(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    for kind in KINDS {
        world.clock.advance_seconds(10);
        let Related::Now(since) = world.relate(kind, &ivan, &eric).await else {
            panic!("a first {kind:?} is not new");
        };
        assert_eq!(since, world.now());
        let position = world.position().await;
        world.clock.advance_seconds(10);
        assert_eq!(world.relate(kind, &ivan, &eric).await, Related::Already(since));
        assert_eq!(world.position().await, position, "a repeated {kind:?} is in the log");
        assert!(matches!(world.relate(kind, &eric, &ivan).await, Related::Now(_)), "{kind:?} works one way");
    }
}

pub(super) async fn a_relation_checks_names_then_oneself(world: World) {
    let ivan = world.user("ivan").await;
    let (nobody, none) = (name("nobody"), name("none"));
    let position = world.position().await;
    for kind in KINDS {
        for (owner, other, unknown) in
            [(&nobody, &none, &nobody), (&ivan, &none, &none), (&nobody, &ivan, &nobody)]
        {
            assert_eq!(world.relate(kind, owner, other).await, Related::Unknown(unknown.clone()));
            let removed = done(world.stores.relations.remove(kind, owner, other).await);
            assert_eq!(removed, Unrelated::Unknown(unknown.clone()));
        }
        assert_eq!(world.relate(kind, &ivan, &ivan).await, Related::Oneself);
        let removed = done(world.stores.relations.remove(kind, &ivan, &ivan).await);
        assert_eq!(removed, Unrelated::NotThere);
        assert_eq!(done(world.stores.relations.list(kind, &nobody, top(10)).await), None);
    }
    assert_eq!(world.position().await, position);
}

pub(super) async fn ending_a_relation_says_whether_there_was_one(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    for kind in KINDS {
        let remove = async |owner, other| done(world.stores.relations.remove(kind, owner, other).await);
        assert_eq!(remove(&ivan, &eric).await, Unrelated::NotThere);
        world.relate(kind, &ivan, &eric).await;
        assert_eq!(remove(&eric, &ivan).await, Unrelated::NotThere, "{kind:?} of the other one");
        assert_eq!(remove(&ivan, &eric).await, Unrelated::Ended);
        assert_eq!(remove(&ivan, &eric).await, Unrelated::NotThere);
    }
}

fn top(take: usize) -> Span<LinkPlace> {
    Span { boundary: Boundary::Top, direction: Direction::Forward, take }
}

pub(super) async fn relations_are_listed_newest_first(world: World) {
    let ivan = world.user("ivan").await;
    for kind in KINDS {
        for raw in ["c", "a", "d", "b"] {
            let other = name(&format!("{raw} {kind:?}"));
            super::imports::import_users(&world, std::slice::from_ref(&other)).await;
            world.relate(kind, &ivan, &other).await;
            world.relate(kind, &other, &ivan).await;
        }
        world.end(kind, &ivan, &name(&format!("a {kind:?}"))).await;
        let listed = done(world.stores.relations.list(kind, &ivan, top(100)).await);
        let Some(listed) = listed else { panic!("'ivan' has no list") };
        let names: Vec<&str> = listed.items.iter().map(|item| item.username.as_str()).collect();
        assert_eq!(names, ["b", "d", "c"].map(|raw| format!("{raw} {kind:?}")));
        check_list(&world, kind, &ivan, &listed.items).await;
    }
}

async fn check_list(world: &World, kind: RelationKind, owner: &Username, list: &[Relation]) {
    let mut places: Vec<LinkPlace> = list.iter().map(Placed::place).collect();
    for place in places.clone() {
        places.push(LinkPlace { order: place.order - 1, ..place });
    }
    for span in spans(&places) {
        let listed = done(world.stores.relations.list(kind, owner, span).await);
        let items = listed.map(|listed| listed.items).unwrap_or_default();
        let expected = expected_span(list, &span, Placed::place, newest_first);
        assert!(items.iter().eq(expected.clone()), "{span:?}: {items:?}, not {expected:?}");
    }
}

pub(super) async fn a_rename_changes_the_name_in_every_list(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.mute(&ivan, &eric).await;
    world.block(&ivan, &eric).await;
    let erich = world.rename(&eric, "erich").await;
    for kind in KINDS {
        let listed = done(world.stores.relations.list(kind, &ivan, top(10)).await);
        let names: Vec<Username> =
            listed.into_iter().flat_map(|listed| listed.items).map(|item| item.username).collect();
        assert_eq!(names, std::slice::from_ref(&erich));
    }
}
