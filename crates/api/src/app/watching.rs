//! The lines before the database, as the rest of the server sees them.

use std::sync::Arc;

pub use feed_me_adapters::watch::{CredentialEnds, Hearing, Line, Queue, StandbyLoad, StoreLoad, Watch};

/// Both lines.
#[derive(Clone)]
pub struct Queues {
    read: Arc<Queue>,
    write: Arc<Queue>,
}

impl Queues {
    /// Those that `queue` knows.
    pub fn of<'a>(queue: impl Fn(Line) -> &'a Arc<Queue>) -> Self {
        Self { read: queue(Line::Read).clone(), write: queue(Line::Write).clone() }
    }

    /// One of them.
    pub fn line(&self, line: Line) -> &Arc<Queue> {
        match line {
            Line::Read => &self.read,
            Line::Write => &self.write,
        }
    }

    /// The one of those who read, and that of those who write.
    pub fn all(&self) -> [&Arc<Queue>; 2] {
        [&self.read, &self.write]
    }
}
