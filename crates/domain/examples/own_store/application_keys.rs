//! Application keys, one line each.

use async_trait::async_trait;
use feed_me_domain::{
    ApplicationKey, Attempt, KeyHash, KeyId, Keyed, NewKey, Span, StoreError, StoredApplicationKey,
    Timestamp, ports::ApplicationKeyRepository,
};

use crate::notebook::{Notebook, stretch};

#[async_trait]
impl ApplicationKeyRepository for Notebook {
    async fn create(
        &self,
        key: NewKey,
        keyed: Option<Keyed<ApplicationKey>>,
    ) -> Result<Attempt<ApplicationKey>, StoreError> {
        Ok(self.write_keyed(keyed, |pages, turn| {
            let created_at = turn.now();
            let id = KeyId::from_uuid(turn.uuid(created_at));
            let NewKey { name, scopes, hash } = key;
            let key = ApplicationKey { id, name, scopes, created_at, last_used_at: None };
            pages.application_keys.push(StoredApplicationKey { key: key.clone(), hash });
            key
        }))
    }

    async fn list(&self, span: Span<KeyId>) -> Result<Vec<ApplicationKey>, StoreError> {
        let mut all: Vec<_> = self.read().application_keys.iter().map(|stored| stored.key.clone()).collect();
        all.sort_by_key(|key| std::cmp::Reverse(key.id));
        Ok(stretch(all, &span, |key| key.id, |one, other| other.cmp(one)))
    }

    async fn find(&self, hash: &KeyHash) -> Result<Option<StoredApplicationKey>, StoreError> {
        Ok(self.read().application_keys.iter().find(|stored| stored.hash.matches(hash)).cloned())
    }

    async fn revoke(&self, id: KeyId) -> Result<bool, StoreError> {
        Ok(self.write(|pages, _| {
            let before = pages.application_keys.len();
            pages.application_keys.retain(|stored| stored.key.id != id);
            pages.application_keys.len() != before
        }))
    }

    async fn touch(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        self.write(|pages, _| {
            for stored in &mut pages.application_keys {
                let times = used.iter().filter(|(id, _)| *id == stored.key.id).map(|(_, at)| *at);
                stored.key.last_used_at = stored.key.last_used_at.max(times.max());
            }
        });
        Ok(())
    }
}
