//! Stored answers of requests with an idempotency key; and secrets, which are as small.

use std::collections::{BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use feed_me_domain::{
    Attempt, Keyed, RequestKey, StoreError, StoredAnswer, StoredKey, Timestamp, UserKey,
    ports::{IdempotencyStore, SecretRepository},
};

use super::MemoryStore;

type Scope = [u8; 32];

#[derive(Default)]
pub(super) struct Answers {
    keys: HashMap<Scope, (StoredKey, Vec<UserKey>)>,
    by_time: BTreeSet<(Timestamp, Scope)>,
    by_user: HashMap<UserKey, HashSet<Scope>>,
}

impl Answers {
    /// What a request with this key meets.
    pub(super) fn meets<T>(&self, key: &RequestKey, now: Timestamp) -> Option<Attempt<T>> {
        let (stored, _) = self.keys.get(&key.scope)?;
        stored.clone().meets(key, now)
    }

    pub(super) fn store(
        &mut self,
        key: &RequestKey,
        answer: StoredAnswer,
        named: Vec<UserKey>,
        at: Timestamp,
    ) {
        self.remove(&key.scope);
        for user in &named {
            self.by_user.entry(*user).or_default().insert(key.scope);
        }
        self.by_time.insert((at, key.scope));
        self.keys.insert(key.scope, (StoredKey { content: key.content, answer: Some(answer), at }, named));
    }

    /// Drops the bodies of the answers that name a user, keeps their keys, and says how many bodies went.
    pub(super) fn forget(&mut self, user: UserKey) -> u64 {
        let scopes = self.by_user.remove(&user).unwrap_or_default();
        for scope in &scopes {
            let Some((stored, named)) = self.keys.get_mut(scope) else { continue };
            stored.answer = None;
            for other in std::mem::take(named) {
                forget_name(&mut self.by_user, other, scope);
            }
        }
        scopes.len() as u64
    }

    fn remove(&mut self, scope: &Scope) {
        let Some((stored, named)) = self.keys.remove(scope) else { return };
        self.by_time.remove(&(stored.at, *scope));
        for user in named {
            forget_name(&mut self.by_user, user, scope);
        }
    }

    fn sweep(&mut self, before: Timestamp, take: usize) -> usize {
        let old = self.by_time.iter().take_while(|(at, _)| *at < before).take(take);
        let scopes: Vec<Scope> = old.map(|(_, scope)| *scope).collect();
        for scope in &scopes {
            self.remove(scope);
        }
        scopes.len()
    }
}

fn forget_name(by_user: &mut HashMap<UserKey, HashSet<Scope>>, user: UserKey, scope: &Scope) {
    if let Some(scopes) = by_user.get_mut(&user) {
        scopes.remove(scope);
        if scopes.is_empty() {
            by_user.remove(&user);
        }
    }
}

#[async_trait]
impl IdempotencyStore for MemoryStore {
    async fn check(&self, key: RequestKey) -> Result<Option<Attempt<()>>, StoreError> {
        Ok(self.state.read().answers.meets(&key, self.clock.now()))
    }

    async fn remember(&self, keyed: Keyed<()>) -> Result<Attempt<()>, StoreError> {
        Ok(self.write_keyed(Some(keyed), |_, _| ()))
    }

    async fn sweep(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        Ok(self.state.write().answers.sweep(before, take))
    }
}

#[async_trait]
impl SecretRepository for MemoryStore {
    async fn secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(self.state.write().secrets.entry(name.to_owned()).or_insert(fresh).clone())
    }
}
