//! The scopes of idempotency keys whose requests have not been answered yet, within this process.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;

/// The scopes under way. They are of this process alone, so a crash leaves none behind.
#[derive(Clone, Default)]
pub(crate) struct ScopesUnderWay(Arc<Mutex<HashSet<[u8; 32]>>>);

/// Ends the way of a scope when it goes.
pub(crate) struct ScopeGuard {
    scopes: ScopesUnderWay,
    scope: [u8; 32],
}

impl ScopesUnderWay {
    /// Takes a scope; none where a request of it is under way.
    pub(crate) fn enter(&self, scope: [u8; 32]) -> Option<ScopeGuard> {
        let is_new = self.0.lock().insert(scope);
        is_new.then(|| ScopeGuard { scopes: self.clone(), scope })
    }

    /// Whether a request of a scope is under way.
    pub(crate) fn holds(&self, scope: &[u8; 32]) -> bool {
        self.0.lock().contains(scope)
    }
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        self.scopes.0.lock().remove(&self.scope);
    }
}
