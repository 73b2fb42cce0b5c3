//! A store in memory: for tests, demonstrations and embedding. What is in it goes with the process.
//!
//! One lock stands around plain ordered structures (`state`). A write holds it from the look-up of its idempotency key
//! to its last event, so writes are serial, as the sequence asks, and no request is ever met half-way. A page seeks to its
//! boundary in the structure that has its order (`walk`).

mod activities;
mod answers;
mod application_keys;
mod development;
mod events;
mod facts;
mod feeds;
mod follows;
mod links;
mod notifications;
mod relations;
mod state;
mod transfer;
mod users;
mod walk;
mod webhooks;

use std::sync::Arc;

use feed_me_domain::{
    Attempt, Keyed,
    ports::{Clock, IdGenerator},
    sequence::Turn,
};
use parking_lot::RwLock;

use self::state::State;

/// Keeps every promise of the ports, as long as the process lives.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    state: RwLock<State>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { clock, ids, state: RwLock::new(State::default()) }
    }

    /// One turn of the sequence: `work` changes the state, and the turn's events and counters are kept with it.
    fn write<T>(&self, work: impl FnOnce(&mut State, &mut Turn<'_>) -> T) -> T {
        let mut state = self.state.write();
        let mut turn = Turn::begin(state.counters, &*self.clock, &*self.ids);
        let outcome = work(&mut state, &mut turn);
        state.keep(turn);
        outcome
    }

    /// The same for a write that may carry a key.
    fn write_keyed<T>(
        &self,
        keyed: Option<Keyed<T>>,
        work: impl FnOnce(&mut State, &mut Turn<'_>) -> T,
    ) -> Attempt<T> {
        let mut state = self.state.write();
        let mut turn = Turn::begin(state.counters, &*self.clock, &*self.ids);
        let now = turn.now();
        if let Some(met) = keyed.as_ref().and_then(|keyed| state.answers.meets(&keyed.key, now)) {
            return met;
        }
        let outcome = work(&mut state, &mut turn);
        state.keep(turn);
        if let Some(keyed) = keyed
            && let Some(answer) = (keyed.answer)(&outcome)
        {
            let named = answer.names.iter().filter_map(|name| state.key_of(name)).collect();
            state.answers.store(&keyed.key, answer, named, now);
        }
        Attempt::Done(outcome)
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryStore")
    }
}
