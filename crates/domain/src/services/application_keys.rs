use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

use crate::{
    application_key::{ApplicationKey, KeyDraft, KeyHash, KeySecret, NewKey},
    cursor::{CursorCodec, Listing},
    error::{Error, Result, StoreError},
    id::KeyId,
    idempotency::{Attempt, Keyed},
    page::{Boundary, Direction, Span},
    ports::{ApplicationKeyRepository, Clock, SecretSource},
    services::paging::{Page, PageRequest, Walk},
    time::Timestamp,
};

/// How exactly it is told when a key was last used, in microseconds: a minute.
const USE_MICROS: i64 = 60_000_000;

/// Making, showing, revoking and checking application keys.
pub struct ApplicationKeyService {
    keys: Arc<dyn ApplicationKeyRepository>,
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    cursors: CursorCodec,
    uses: Mutex<HashMap<KeyId, Use>>,
}

/// The last use of a key that is told.
#[derive(Clone, Copy)]
struct Use {
    at: Timestamp,
    is_stored: bool,
}

/// A key that was just made, and its secret, which is not to be had again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeKey {
    /// The key.
    pub key: ApplicationKey,
    /// Its secret.
    pub secret: KeySecret,
}

impl ApplicationKeyService {
    /// A service on a store.
    pub fn new(
        keys: Arc<dyn ApplicationKeyRepository>,
        secrets: Arc<dyn SecretSource>,
        clock: Arc<dyn Clock>,
        cursors: CursorCodec,
    ) -> Self {
        Self { keys, secrets, clock, cursors, uses: Mutex::default() }
    }

    /// Makes a key. The answer that `keyed` stores must not hold the secret: see
    /// [`without_its_secret`](crate::StoredAnswer::without_its_secret).
    pub async fn create(&self, draft: KeyDraft, keyed: Option<Keyed<MadeKey>>) -> Result<Attempt<MadeKey>> {
        let (name, scopes) = draft.checked().map_err(Error::Invalid)?;
        let secret = KeySecret::of_random(&self.secrets.secret()?);
        let key = NewKey { name, scopes, hash: secret.hash() };
        let made = move |key| Ok::<_, Error>(MadeKey { key, secret: secret.clone() });
        let keyed = keyed.map(|keyed| keyed.judged(made.clone()));
        self.keys.create(key, keyed).await?.try_map(made)
    }

    /// A page of all keys, the newest first.
    pub async fn list(&self, request: &PageRequest) -> Result<Page<ApplicationKey>> {
        let walk = Walk { codec: &self.cursors, listing: Listing::ApplicationKeys, filter: [0; 8] };
        let page =
            walk.page(request, async |span| Ok(Some((Uuid::nil(), self.keys.list(span).await?)))).await?;
        // The list of all keys has no owner who could be missing.
        let mut page =
            page.ok_or_else(|| StoreError::Failed("the list of application keys has no owner".to_owned()))?;
        page.items.iter_mut().for_each(|key| self.with_its_last_use(key));
        Ok(page)
    }

    /// The key of an id.
    pub async fn get(&self, id: KeyId) -> Result<ApplicationKey> {
        let span = Span { boundary: Boundary::Before(id), direction: Direction::Forward, take: 1 };
        let found = self.keys.list(span).await?.into_iter().find(|key| key.id == id);
        let mut key = found.ok_or(Error::UnknownKey(id))?;
        self.with_its_last_use(&mut key);
        Ok(key)
    }

    /// Revokes a key.
    pub async fn revoke(&self, id: KeyId) -> Result<()> {
        let was_there = self.keys.revoke(id).await?;
        self.uses().remove(&id);
        if was_there { Ok(()) } else { Err(Error::UnknownKey(id)) }
    }

    /// The key whose secret somebody shows; none where it is nobody's (any more).
    pub async fn find(&self, shown: &str) -> Result<Option<ApplicationKey>> {
        let hash = KeyHash::of(shown);
        let stored = self.keys.find(&hash).await?;
        Ok(stored.filter(|stored| stored.hash.matches(&hash)).map(|stored| stored.key))
    }

    /// Notes that a key is used, in memory alone.
    pub fn note_use(&self, id: KeyId) {
        let at = self.clock.now();
        let mut uses = self.uses();
        let is_told = uses.get(&id).is_some_and(|last| at < last.at.plus_micros(USE_MICROS));
        if !is_told {
            uses.insert(id, Use { at, is_stored: false });
        }
    }

    /// Stores what was noted.
    pub async fn store_uses(&self) -> Result<()> {
        let noted: Vec<_> =
            self.uses().iter().filter(|(_, last)| !last.is_stored).map(|(id, last)| (*id, last.at)).collect();
        if noted.is_empty() {
            return Ok(());
        }
        self.keys.touch(&noted).await?;
        let mut uses = self.uses();
        for (id, at) in noted {
            if let Some(last) = uses.get_mut(&id).filter(|last| last.at == at) {
                last.is_stored = true;
            }
        }
        Ok(())
    }

    fn with_its_last_use(&self, key: &mut ApplicationKey) {
        let noted = self.uses().get(&key.id).map(|last| last.at);
        key.last_used_at = key.last_used_at.max(noted);
    }

    fn uses(&self) -> std::sync::MutexGuard<'_, HashMap<KeyId, Use>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
