//! Application keys.

use super::{
    kit::{carried_out, done, expected_span, keyed, newest_first, request, spans},
    world::World,
};
use crate::{
    application_key::{ApplicationKey, KeyHash, KeySecret, NewKey, Scopes},
    id::KeyId,
    idempotency::{Attempt, KeyRefusal},
    page::{Boundary, Direction, Placed, Span},
    text::KeyName,
    time::Timestamp,
};

fn new_key(name: &str, scopes: &str, secret: u8) -> NewKey {
    let name = KeyName::parse(name).unwrap_or_else(|error| panic!("{name:?}: {error}"));
    let scopes = Scopes::parse(scopes).unwrap_or_else(|error| panic!("{scopes:?}: {error}"));
    NewKey { name, scopes, hash: hash(secret) }
}

fn hash(secret: u8) -> KeyHash {
    KeySecret::of_random(&[secret; 32]).hash()
}

async fn create(world: &World, key: NewKey) -> ApplicationKey {
    carried_out(world.stores.application_keys.create(key, None).await)
}

async fn find(world: &World, secret: u8) -> Option<ApplicationKey> {
    let found = done(world.stores.application_keys.find(&hash(secret)).await)?;
    assert_eq!(found.hash, hash(secret));
    Some(found.key)
}

async fn all(world: &World) -> Vec<ApplicationKey> {
    let all = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 1000 };
    done(world.stores.application_keys.list(all).await)
}

pub(super) async fn a_key_is_found_by_its_digest_alone(world: World) {
    let position = world.position().await;
    let made = create(&world, new_key("the «front» end", "read,write", 1)).await;
    let other = create(&world, new_key("the «front» end", "admin", 2)).await;
    assert_eq!((made.created_at, made.last_used_at), (world.now(), None));
    assert_eq!((made.name.as_str(), made.scopes.to_string().as_str()), ("the «front» end", "read,write"));
    assert_eq!(made.id.as_uuid().get_version_num(), 7);
    assert_eq!(find(&world, 1).await, Some(made));
    assert_eq!(find(&world, 2).await, Some(other));
    assert_eq!(find(&world, 3).await, None);
    assert_eq!(world.position().await, position, "a key is in the log of the feed");
}

pub(super) async fn a_revoked_key_opens_nothing_and_is_not_listed(world: World) {
    let [gone, stays] =
        [create(&world, new_key("gone", "read", 1)).await, create(&world, new_key("stays", "read", 2)).await];
    let revoke = async |id| done(world.stores.application_keys.revoke(id).await);
    assert!(revoke(gone.id).await);
    assert_eq!(find(&world, 1).await, None);
    assert_eq!(all(&world).await, [stays]);
    assert!(!revoke(gone.id).await, "a key was revoked twice");
}

pub(super) async fn keys_are_listed_newest_first_from_both_ends(world: World) {
    let mut listed = Vec::new();
    for secret in 0..5 {
        listed.insert(0, create(&world, new_key("a key", "read", secret)).await);
        world.clock.advance_seconds(1);
    }
    assert_eq!(all(&world).await, listed);
    let mut places: Vec<KeyId> = listed.iter().map(Placed::place).collect();
    done(world.stores.application_keys.revoke(listed.remove(2).id).await);
    places.push(KeyId::from_uuid(uuid::Uuid::nil()));
    for span in spans(&places) {
        let found = done(world.stores.application_keys.list(span).await);
        let expected = expected_span(&listed, &span, Placed::place, newest_first);
        assert!(found.iter().eq(expected.clone()), "{span:?}: {found:?}, not {expected:?}");
    }
}

pub(super) async fn the_last_use_of_a_key_never_goes_back(world: World) {
    let [one, other] =
        [create(&world, new_key("one", "read", 1)).await, create(&world, new_key("other", "read", 2)).await];
    let at = |second: i64| world.now().plus_micros(second * 1_000_000);
    let touch = async |used: &[(KeyId, Timestamp)]| done(world.stores.application_keys.touch(used).await);
    let last = async |secret| find(&world, secret).await.and_then(|key| key.last_used_at);
    touch(&[(one.id, at(5))]).await;
    assert_eq!((last(1).await, last(2).await), (Some(at(5)), None));
    touch(&[(one.id, at(3)), (other.id, at(4))]).await;
    assert_eq!((last(1).await, last(2).await), (Some(at(5)), Some(at(4))));
    done(world.stores.application_keys.revoke(one.id).await);
    touch(&[(one.id, at(9)), (other.id, at(9))]).await;
    assert_eq!((last(1).await, last(2).await), (None, Some(at(9))));
    touch(&[]).await;
}

pub(super) async fn a_key_made_again_under_an_idempotency_key_is_one(world: World) {
    let create = async |secret, content| {
        let keyed = keyed(request("1", content), &[], |_| true);
        done(world.stores.application_keys.create(new_key("a key", "read", secret), keyed).await)
    };
    assert!(matches!(create(1, "body").await, Attempt::Done(_)));
    assert!(matches!(create(2, "body").await, Attempt::Replayed(_)));
    assert_eq!(create(3, "other").await, Attempt::Refused(KeyRefusal::Reused));
    assert_eq!(all(&world).await.len(), 1);
    assert_eq!((find(&world, 2).await, find(&world, 3).await), (None, None));
}

pub(super) async fn keys_outlive_a_reset(world: World) {
    let made = create(&world, new_key("a key", "admin", 1)).await;
    let fixture = crate::ports::Fixture { users: Vec::new(), activities: Vec::new(), follows: Vec::new() };
    done(world.stores.development.reset(fixture, 10).await);
    assert_eq!(find(&world, 1).await, Some(made));
}
