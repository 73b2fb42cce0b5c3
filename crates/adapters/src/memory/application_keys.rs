//! Application keys in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use feed_me_domain::{
    ApplicationKey, Attempt, Boundary, Direction, KeyHash, KeyId, Keyed, NewKey, Span, StoreError,
    StoredApplicationKey, Timestamp, ports::ApplicationKeyRepository,
};

use super::MemoryStore;

/// All keys, by id.
pub(super) type Keys = BTreeMap<KeyId, StoredApplicationKey>;

#[async_trait]
impl ApplicationKeyRepository for MemoryStore {
    async fn create(
        &self,
        key: NewKey,
        keyed: Option<Keyed<ApplicationKey>>,
    ) -> Result<Attempt<ApplicationKey>, StoreError> {
        Ok(self.write_keyed(keyed, |state, turn| {
            let created_at = turn.now();
            let id = KeyId::from_uuid(turn.uuid(created_at));
            let NewKey { name, scopes, hash } = key;
            let key = ApplicationKey { id, name, scopes, created_at, last_used_at: None };
            state.application_keys.insert(id, StoredApplicationKey { key: key.clone(), hash });
            key
        }))
    }

    async fn list(&self, span: Span<KeyId>) -> Result<Vec<ApplicationKey>, StoreError> {
        let state = self.state.read();
        let is_before_boundary = |id: KeyId| match span.boundary {
            Boundary::Top => false,
            // The newest come first.
            Boundary::Before(here) => here < id,
            Boundary::After(here) => here <= id,
            Boundary::End => true,
        };
        let all = state.application_keys.values().map(|stored| &stored.key);
        Ok(match span.direction {
            Direction::Forward => {
                all.rev().filter(|key| !is_before_boundary(key.id)).take(span.take).cloned().collect()
            }
            Direction::Backward => {
                all.filter(|key| is_before_boundary(key.id)).take(span.take).cloned().collect()
            }
        })
    }

    async fn find(&self, hash: &KeyHash) -> Result<Option<StoredApplicationKey>, StoreError> {
        let state = self.state.read();
        Ok(state.application_keys.values().find(|stored| stored.hash.matches(hash)).cloned())
    }

    async fn revoke(&self, id: KeyId) -> Result<bool, StoreError> {
        Ok(self.state.write().application_keys.remove(&id).is_some())
    }

    async fn touch(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        let mut state = self.state.write();
        for (id, at) in used {
            if let Some(stored) = state.application_keys.get_mut(id) {
                stored.key.last_used_at = stored.key.last_used_at.max(Some(*at));
            }
        }
        Ok(())
    }
}
