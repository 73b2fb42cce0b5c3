//! Random histories: whatever happens, every feed is what the model says.

use super::{
    kit::{doing, done, name, verb},
    model::{Model, Remembered},
    random::Random,
    world::World,
};
use crate::{
    activity::{ActivityPatch, Precondition},
    follow::FollowFrom,
    given::Given,
    ports::{Edited, Followed, Unfollowed},
    relation::RelationKind,
    time::Timestamp,
};

const VERBS: [&str; 3] = ["wrote", "liked", "shared"];

pub(super) async fn every_feed_equals_the_model_after_every_few_steps(world: World) {
    for seed in [1, 2, 3] {
        let world = world.another().await;
        let mut random = Random::new(seed);
        let mut model = Model::default();
        for step in 1..=200 {
            random_history(&world, &mut model, &mut random).await;
            if step % 12 == 0 {
                let names = model.names();
                let one = random.pick(&names);
                let take = random.pick(&[1, 3, 7]);
                model.check(&world, &[one], take, &format!("seed {seed}, step {step}")).await;
            }
        }
        for take in [1, 3, 7] {
            model.check(&world, &model.names(), take, &format!("seed {seed}, at the end")).await;
        }
    }
}

/// One random step, taken in the store and in the model.
pub(super) async fn random_history(world: &World, model: &mut Model, random: &mut Random) {
    if random.once_in(3) {
        world.clock.advance(random.pick(&[0, 1, 1000, 1_000_000, -2_000_000]));
    }
    let present = model.present();
    if present.len() < 3 || (present.len() < 7 && random.once_in(12)) {
        let fresh = format!("user {}", model.users.len());
        model.users.push(Some(world.user(&fresh).await));
        return;
    }
    let one = random.pick(&present);
    let other = random.pick(&present);
    match random.below(20) {
        0..=6 => post(world, model, random, one, other).await,
        7 => delete(world, model, random).await,
        8 => edit(world, model, random, other).await,
        9..=12 => follow(world, model, random, one, other).await,
        13..=14 => unfollow(world, model, random, one, other).await,
        15 => relate(world, model, RelationKind::Block, one, other).await,
        16 => relate(world, model, RelationKind::Mute, one, other).await,
        17 => unrelate(world, model, random).await,
        18 => {
            let new = format!("renamed {} {}", one, random.below(1000));
            model.users[one] = Some(world.rename(&model.name(one), &new).await);
        }
        _ if 4 < present.len() && random.once_in(3) => {
            world.erase(&model.name(one)).await;
            model.erase(one);
        }
        _ => post(world, model, random, one, other).await,
    }
}

/// An instant among few, so that many activities share one.
fn instant(world: &World, random: &mut Random) -> Option<Timestamp> {
    match random.below(4) {
        0 => None,
        1 => Some(Timestamp::EPOCH.plus_micros(i64::try_from(random.below(4)).unwrap_or(0))),
        2 => Some(world.now()),
        _ => Some(world.now().plus_micros(-1_000_000 * i64::try_from(random.below(4)).unwrap_or(0))),
    }
}

async fn post(world: &World, model: &mut Model, random: &mut Random, actor: usize, target: usize) {
    let target = random.once_in(2).then_some(target);
    let mut activity = doing(&model.name(actor), random.pick(&VERBS));
    activity.published = instant(world, random);
    if let Some(target) = target {
        activity = activity.to(&model.name(target));
    }
    let stored = world.post(activity).await;
    let position = stored.position();
    model.activities.push(Remembered { position, actor, target, verb: stored.verb });
}

async fn delete(world: &World, model: &mut Model, random: &mut Random) {
    if !model.activities.is_empty() {
        let gone = model.activities.swap_remove(random.below(model.activities.len()));
        world.delete(gone.position.id).await;
    }
}

async fn edit(world: &World, model: &mut Model, random: &mut Random, target: usize) {
    if model.activities.is_empty() {
        return;
    }
    let at = random.below(model.activities.len());
    let (new_verb, keep_target) = (verb(random.pick(&VERBS)), random.once_in(2));
    let wish = if keep_target { Given::Absent } else { Given::Value(model.name(target)) };
    let patch = ActivityPatch { verb: Some(new_verb.clone()), target: wish, ..ActivityPatch::default() };
    let id = model.activities[at].position.id;
    let edited = done(world.stores.activities.edit(id, patch, Precondition::None).await);
    assert!(matches!(edited, Edited::Edited(_)), "an edit answers {edited:?}");
    model.activities[at].verb = new_verb;
    if !keep_target {
        model.activities[at].target = Some(target);
    }
}

async fn follow(world: &World, model: &mut Model, random: &mut Random, one: usize, other: usize) {
    let from = match random.below(5) {
        0 => Some(FollowFrom::Now),
        1 => Some(FollowFrom::Beginning),
        2 => instant(world, random).map(FollowFrom::At),
        _ => None,
    };
    let answered = world.try_follow(&model.name(one), &model.name(other), from).await;
    let is_blocked = model.is_blocked(one, other);
    let follows = model.sight(one, other).follow.is_some();
    match answered {
        Followed::Oneself => assert_eq!(one, other),
        Followed::Blocked => assert!(is_blocked, "no block stands between {one} and {other}"),
        Followed::Now(follow) => {
            assert!(one != other && !is_blocked && !follows, "{follow:?} cannot be new");
            model.sight(one, other).follow = Some(follow.from.unwrap_or(Timestamp::MIN));
        }
        Followed::Already(follow) => {
            assert!(follows, "{follow:?} was not there");
            model.sight(one, other).follow = Some(follow.from.unwrap_or(Timestamp::MIN));
        }
        Followed::Unknown(name) => panic!("'{name}' is a user"),
    }
}

async fn unfollow(world: &World, model: &mut Model, random: &mut Random, one: usize, other: usize) {
    let keep_history = random.once_in(2);
    let position = world.position().await;
    let ended = world.unfollow(&model.name(one), &model.name(other), keep_history).await;
    let at = world.events_after(position).await.first().map(|event| event.at);
    let sight = model.sight(one, other);
    let expected = if sight.follow.is_none() && sight.kept.is_empty() {
        Unfollowed::NotThere
    } else {
        Unfollowed::Ended
    };
    assert_eq!(ended, expected, "an unfollow of {other} by {one}");
    if !keep_history {
        sight.kept.clear();
    } else if let (Some(from), Some(at)) = (sight.follow, at) {
        sight.kept.push((from, from.max(at)));
    }
    sight.follow = None;
}

async fn relate(world: &World, model: &mut Model, kind: RelationKind, one: usize, other: usize) {
    let present = match kind {
        RelationKind::Block => &model.blocks,
        RelationKind::Mute => &model.mutes,
    };
    if one == other || present.contains(&(one, other)) {
        return;
    }
    match kind {
        RelationKind::Block => {
            world.block(&model.name(one), &model.name(other)).await;
            model.block(one, other);
        }
        RelationKind::Mute => {
            world.mute(&model.name(one), &model.name(other)).await;
            model.mutes.push((one, other));
        }
    }
}

/// Ends a random block or mute; blocks most often, or nothing would be left to follow.
async fn unrelate(world: &World, model: &mut Model, random: &mut Random) {
    let (kind, list) = if !model.blocks.is_empty() && !random.once_in(4) {
        (RelationKind::Block, &mut model.blocks)
    } else {
        (RelationKind::Mute, &mut model.mutes)
    };
    if list.is_empty() {
        return;
    }
    let (one, other) = list.swap_remove(random.below(list.len()));
    world.end(kind, &model.name(one), &model.name(other)).await;
}

pub(super) async fn lists_of_users_equal_the_model(world: World) {
    let mut random = Random::new(0x11);
    let mut model = Model::default();
    for _ in 0..120 {
        random_history(&world, &mut model, &mut random).await;
    }
    let mut expected = model.names();
    expected.sort();
    let span = crate::page::Span {
        boundary: crate::page::Boundary::Top,
        direction: crate::page::Direction::Forward,
        take: 1000,
    };
    let listed = done(world.stores.users.list("", span).await);
    let names: Vec<_> = listed.into_iter().map(|user| user.username).collect();
    assert_eq!(names, expected);
    assert!(!names.contains(&name("nobody")));
}
