//! How often the store is asked, and what is forgotten when.

use std::sync::atomic::AtomicUsize;

use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use feed_me_adapters::{
    memory::MemoryStore,
    system::{SystemClock, SystemIds, SystemSecrets},
};
use feed_me_domain::{
    ApplicationKey, CursorCodec, Given, KeyId, KeyName, PutUser, Scopes, StoredApplicationKey, Username,
    ports::{
        Clock, FeedFacts, IdGenerator, MockApplicationKeyRepository, MockUserRepository, SecretSource,
        Stores, UserPut, UserRepository,
    },
};
use uuid::Uuid;

use super::*;

fn memory() -> Arc<MemoryStore> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdGenerator> = Arc::new(SystemIds);
    Arc::new(MemoryStore::new(clock, ids))
}

fn auth(stores: &Stores) -> Arc<Auth> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let secrets: Arc<dyn SecretSource> = Arc::new(SystemSecrets);
    // Nobody asks here what changes in feeds.
    let facts: Arc<dyn FeedFacts> = memory();
    let services = Services::new(
        stores,
        &facts,
        &clock,
        &secrets,
        &CursorCodec::new(b"test"),
        Arc::new(crate::bodies::Bodies::new(1 << 20)),
        feed_me_domain::webhook::AddressPolicy::default(),
    );
    let settings = AuthSettings { mode: AuthMode::Keys, allow_open: false, user_token_secrets: Vec::new() };
    Arc::new(Auth::new(services, &settings))
}

fn headers(credential: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {credential}")).unwrap());
    headers
}

fn secret() -> KeySecret {
    KeySecret::of_random(&[7; 32])
}

/// A store of one key, which says how often it was asked.
fn counting(asked: &Arc<AtomicUsize>) -> Stores {
    let key = ApplicationKey {
        id: KeyId::from_uuid(Uuid::from_u128(1)),
        name: KeyName::parse("shop").unwrap(),
        scopes: Scopes::parse("read").unwrap(),
        created_at: Timestamp::EPOCH,
        last_used_at: None,
    };
    let asked = asked.clone();
    let mut keys = MockApplicationKeyRepository::new();
    keys.expect_find().returning(move |hash| {
        asked.fetch_add(1, Ordering::SeqCst);
        Ok((*hash == secret().hash()).then(|| StoredApplicationKey { key: key.clone(), hash: *hash }))
    });
    Stores { application_keys: Arc::new(keys), ..Stores::of(memory()) }
}

#[tokio::test]
async fn a_key_in_use_is_asked_about_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let auth = auth(&counting(&asked));
    let headers = headers(secret().reveal());
    for _ in 0..100 {
        let caller = auth.caller(&headers).await.unwrap();
        assert!(matches!(&*caller, Caller::Application { .. }));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // Whatever this instance may have ended is asked about again at once.
    auth.forget(Kind::Token);
    auth.caller(&headers).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    auth.forget(Kind::Key);
    auth.caller(&headers).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused_without_a_question_and_a_wrong_one_is_not_remembered() {
    let asked = Arc::new(AtomicUsize::new(0));
    let auth = auth(&counting(&asked));
    for credential in ["fm_", "fm_short", "a.b.c", "x"] {
        assert_eq!(auth.caller(&headers(credential)).await.unwrap_err().kind, problem::UNAUTHORIZED);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let wrong = KeySecret::of_random(&[8; 32]);
    for _ in 0..3 {
        assert!(auth.caller(&headers(wrong.reveal())).await.is_err());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn the_user_of_a_token_in_use_is_asked_about_once() {
    let store = memory();
    let ivan = PutUser { username: Username::parse("ivan").unwrap(), display_name: Given::Absent };
    let (UserPut::Created(ivan) | UserPut::Updated(ivan)) = store.put(ivan).await.unwrap();
    let mut users = MockUserRepository::new();
    let found = ivan.clone();
    users.expect_find().times(1).returning(move |_| Ok(Some(found.clone())));
    let auth = auth(&Stores { users: Arc::new(users), ..Stores::of(store) });
    let minted = auth.mint(&ivan, 60).await.unwrap();
    for _ in 0..100 {
        let caller = auth.caller(&headers(&minted.token)).await.unwrap();
        assert_eq!(*caller, Caller::User { id: ivan.id, username: ivan.username.clone() });
    }
}

/// A revocation that comes between the store's answer and its being remembered voids it.
#[tokio::test]
async fn what_was_looked_up_before_something_ended_is_not_believed_after_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let auth = auth(&counting(&asked));
    let digest = known::digest(secret().reveal());
    let before = auth.generation(Kind::Key);
    auth.forget(Kind::Key);
    let caller = Arc::new(Caller::Anyone);
    auth.known.keep(digest, Known::new(caller, None, Instant::now(), before));
    auth.caller(&headers(secret().reveal())).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_store_that_is_away_is_told_as_such_and_does_not_end_what_is_known() {
    let mut keys = MockApplicationKeyRepository::new();
    keys.expect_find().returning(|_| Err(StoreError::Unavailable("away".to_owned())));
    let auth = auth(&Stores { application_keys: Arc::new(keys), ..Stores::of(memory()) });
    let refused = auth.caller(&headers(secret().reveal())).await.unwrap_err();
    assert_eq!(refused.kind, problem::UNAVAILABLE);
}

#[tokio::test]
async fn nobody_is_asked_where_auth_is_off() {
    let stores = Stores::of(memory());
    let open = auth(&stores);
    let settings = AuthSettings { mode: AuthMode::Off, allow_open: false, user_token_secrets: Vec::new() };
    let open = Arc::new(Auth::new(open.services.clone(), &settings));
    assert_eq!(*open.caller(&headers("nonsense")).await.unwrap(), Caller::Anyone);
}
