//! The feeds in memory, as the server and `feed-me verify` use them.

use std::{fmt, sync::Arc, thread::JoinHandle, time::Duration};

use feed_me_adapters::index::{
    Compared, Difference, FeedIndex, IndexEvent, IndexOptions, IndexStatus, Sample,
};
use feed_me_domain::{
    FeedEntry, StoreError,
    ports::{Forgets, Stores},
};
use tokio::sync::watch;

use super::{Database, OpenFailure};
use crate::settings::FeedSettings;

/// How many users' feeds a server compares with the database in a round.
const COMPARED_USERS: usize = 4;
/// How long it pauses before each page. Who asks for one meanwhile may wait for it, for half a millisecond and more: with one in
/// 50 ms that was one request in a hundred.
const COMPARING_PAUSE: Duration = Duration::from_secs(1);

/// An index over a database.
#[derive(Clone)]
pub struct Index(Arc<FeedIndex>);

impl Index {
    /// An index over stores of a database, and these with it.
    pub(super) fn over(stores: &Stores, database: &Database, settings: &FeedSettings) -> (Self, Stores) {
        let memory = usize::try_from(settings.index_memory).unwrap_or(usize::MAX);
        let options = IndexOptions { memory, ..IndexOptions::default() };
        let (index, stores) = FeedIndex::over(stores, database.facts(), options);
        (Self(index), stores)
    }

    pub(super) fn tell(&self, listener: Arc<dyn Forgets>) {
        self.0.tell(listener);
    }

    /// What it holds and has done.
    pub fn status(&self) -> IndexStatus {
        self.0.status()
    }

    /// Fills it and follows the log, in a thread of its own: filling is hard work, and nobody who answers should do it.
    pub fn keep(&self) -> std::io::Result<Keeper> {
        let index = self.0.clone();
        let (stop, mut stopped) = watch::channel(false);
        let thread = std::thread::Builder::new().name("feed-index".to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    tracing::error!(%error, "the index cannot be kept; the database answers feeds");
                    return;
                }
            };
            let started = std::time::Instant::now();
            let told = |event| match event {
                IndexEvent::Serves => {
                    let IndexStatus { users, edges, activities, bytes, .. } = index.status();
                    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                    tracing::info!(users, edges, activities, bytes, elapsed_ms, "the index serves");
                }
                IndexEvent::Trouble(error) => {
                    tracing::warn!(%error, "the index does not follow; the database answers feeds");
                }
            };
            runtime.block_on(async {
                tokio::select! {
                    () = index.keep(told) => {}
                    _ = stopped.wait_for(|stop| *stop) => {}
                }
            });
        })?;
        Ok(Keeper { stop, thread: Some(thread) })
    }

    /// Compares the feeds of a few users with what the database says, other users in each round, and tells the log where
    /// the two differ. Answers how many pages did.
    pub async fn spot_check(&self, round: usize) -> Result<usize, StoreError> {
        let sample = Sample::Users { count: COMPARED_USERS, round };
        let Compared { differences, .. } = self.0.compare(sample, COMPARING_PAUSE, |_, _| ()).await?;
        for Difference { query, .. } in &differences {
            tracing::error!(kind = ?query.kind, span = ?query.span, "the index and the database differ");
        }
        Ok(differences.len())
    }

    /// Fills an index over a database and compares what it answers with what the database does, for all users or for so
    /// many of them.
    pub async fn verify(
        database: &Database,
        settings: &FeedSettings,
        users: Option<usize>,
        progress: impl FnMut(usize, usize),
    ) -> Result<Report, OpenFailure> {
        let (Self(index), _) = Self::over(&database.stores(), database, settings);
        index.fill().await.map_err(|source| database.failed(source))?;
        let sample = users.map_or(Sample::All, |count| Sample::Users { count, round: 0 });
        let compared = index.compare(sample, Duration::ZERO, progress).await;
        let compared = compared.map_err(|source| database.failed(source))?;
        Ok(Report { status: index.status(), compared })
    }
}

/// The thread that keeps an index. It ends when this goes.
pub struct Keeper {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Where nobody listens any more, the thread has ended.
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What verifying came to.
pub struct Report {
    status: IndexStatus,
    compared: Compared,
}

impl Report {
    /// Whether the index and the database say the same.
    pub fn is_clean(&self) -> bool {
        self.compared.differences.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Compared { users, pages, left_to_sql, differences } = &self.compared;
        let IndexStatus { position, activities, edges, bytes, .. } = self.status;
        for Difference { query, index, store } in differences {
            writeln!(
                f,
                "{:?} feed of '{}' ({:?}): the index says {}, the database {}",
                query.kind,
                query.owner,
                query.span,
                told(index.as_deref()),
                told(store.as_deref())
            )?;
        }
        write!(
            f,
            "{users} users, {pages} pages compared ({left_to_sql} left to the database), {} differ; the index has \
             {activities} activities and {edges} follows in {bytes} bytes at position {position}",
            differences.len()
        )
    }
}

/// A page in a line: what of it is enough to find the difference.
fn told(entries: Option<&[FeedEntry]>) -> String {
    let Some(entries) = entries else { return "that there is no such user".to_owned() };
    let entry = |entry: &FeedEntry| {
        let target = entry.target.as_ref().map(|target| format!(" → {target}")).unwrap_or_default();
        format!("{} v{} {}{target}", entry.position.id, entry.version, entry.actor)
    };
    format!("[{}]", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
}
