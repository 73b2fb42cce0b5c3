//! The promises of the ports, asked of every store we have. One line for each.

use std::sync::Arc;

use feed_me_adapters::memory::MemoryStore;
use feed_me_domain::{
    conformance_suite,
    ports::{Clock, IdGenerator, Stores},
};

async fn in_memory(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Stores {
    Stores::of(Arc::new(MemoryStore::new(clock, ids)))
}

conformance_suite!(memory, in_memory);
