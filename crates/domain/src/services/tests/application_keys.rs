use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::{
    ApplicationKey, KeyDraft, KeyHash, KeyId, KeyName, KeySecret, Scopes, StoredApplicationKey,
    ports::{MockApplicationKeyRepository, MockSecretSource, SecretSource},
    services::ApplicationKeyService,
};

fn key(number: u128) -> ApplicationKey {
    ApplicationKey {
        id: KeyId::from_uuid(Uuid::from_u128(number)),
        name: KeyName::parse("shop").unwrap(),
        scopes: Scopes::parse("read").unwrap(),
        created_at: at(1),
        last_used_at: None,
    }
}

fn draft() -> KeyDraft {
    let ApplicationKey { name, scopes, .. } = key(1);
    KeyDraft { name: Some(name), scopes: Some(scopes), faults: Vec::new() }
}

fn sevens() -> Arc<dyn SecretSource> {
    let mut secrets = MockSecretSource::new();
    secrets.expect_secret().returning(|| Ok([7; 32]));
    Arc::new(secrets)
}

fn service(keys: MockApplicationKeyRepository) -> ApplicationKeyService {
    ApplicationKeyService::new(Arc::new(keys), sevens(), clock(), codec())
}

#[tokio::test]
async fn only_the_digest_of_a_new_secret_reaches_the_store() {
    let mut keys = MockApplicationKeyRepository::new();
    let secret = KeySecret::of_random(&[7; 32]);
    let hash = secret.hash();
    let stored = keys.expect_create().withf(move |new, keyed| new.hash == hash && keyed.is_none());
    stored.return_once(|_, _| Ok(Attempt::Done(key(1))));
    let Ok(Attempt::Done(made)) = service(keys).create(draft(), None).await else { panic!("no key") };
    assert_eq!((made.key, made.secret), (key(1), secret));
}

#[tokio::test]
async fn a_faulty_draft_and_a_lack_of_randomness_make_no_key() {
    // A call of the store would be a panic.
    let nothing = service(MockApplicationKeyRepository::new());
    let refused = nothing.create(KeyDraft::default(), None).await;
    assert!(matches!(refused, Err(Error::Invalid(faults)) if faults.len() == 2));
    let down = StoreError::Unavailable("no random bytes".to_owned());
    let mut secrets = MockSecretSource::new();
    let answer = down.clone();
    secrets.expect_secret().return_once(|| Err(answer));
    let keys = Arc::new(MockApplicationKeyRepository::new());
    let service = ApplicationKeyService::new(keys, Arc::new(secrets), clock(), codec());
    assert_eq!(service.create(draft(), None).await.err(), Some(Error::Store(down)));
}

#[tokio::test]
async fn a_key_that_the_store_finds_by_another_digest_is_not_believed() {
    let shown = KeySecret::of_random(&[1; 32]);
    for (hash, found) in [(shown.hash(), Some(key(1))), (KeyHash::of("other"), None)] {
        let mut keys = MockApplicationKeyRepository::new();
        keys.expect_find().return_once(move |_| Ok(Some(StoredApplicationKey { key: key(1), hash })));
        assert_eq!(service(keys).find(shown.reveal()).await, Ok(found));
    }
}

#[tokio::test]
async fn a_key_that_is_not_there_is_unknown() {
    let mut keys = MockApplicationKeyRepository::new();
    keys.expect_revoke().returning(|_| Ok(false));
    keys.expect_list().returning(|_| Ok(vec![key(1)]));
    let service = service(keys);
    assert_eq!(service.revoke(key(2).id).await, Err(Error::UnknownKey(key(2).id)));
    assert_eq!(service.get(key(2).id).await, Err(Error::UnknownKey(key(2).id)));
    assert_eq!(service.get(key(1).id).await, Ok(key(1)));
}

/// A clock that the test moves, in seconds.
fn moving() -> (Arc<AtomicI64>, Arc<dyn Clock>) {
    let second = Arc::new(AtomicI64::new(NOW));
    let mut clock = MockClock::new();
    let told = second.clone();
    clock.expect_now().returning(move || at(told.load(Ordering::Relaxed)));
    (second, Arc::new(clock))
}

#[tokio::test]
async fn uses_are_stored_once_a_minute_and_shown_before_they_are() {
    let (second, clock) = moving();
    let mut keys = MockApplicationKeyRepository::new();
    let mut order = mockall::Sequence::new();
    let mut touch = |answer: std::result::Result<(), StoreError>, second: i64| {
        let touch = keys.expect_touch().withf(move |used| *used == [(key(1).id, at(second))]);
        touch.times(1).in_sequence(&mut order).return_once(move |_| answer);
    };
    touch(Err(StoreError::Unavailable("down".to_owned())), NOW);
    touch(Ok(()), NOW);
    touch(Ok(()), NOW + 60);
    keys.expect_list().returning(|_| Ok(vec![key(1)]));
    let service = ApplicationKeyService::new(Arc::new(keys), sevens(), clock, codec());
    service.store_uses().await.unwrap();
    service.note_use(key(1).id);
    assert_eq!(service.get(key(1).id).await.unwrap().last_used_at, Some(at(NOW)));
    // What could not be stored is stored the next time, and then not again.
    assert!(service.store_uses().await.is_err());
    service.store_uses().await.unwrap();
    second.store(NOW + 59, Ordering::Relaxed);
    service.note_use(key(1).id);
    service.store_uses().await.unwrap();
    second.store(NOW + 60, Ordering::Relaxed);
    service.note_use(key(1).id);
    service.store_uses().await.unwrap();
    let page = service.list(&PageRequest::default()).await.unwrap();
    assert_eq!(page.items[0].last_used_at, Some(at(NOW + 60)));
}
