//! The composition root: builds everything that the settings ask for. Nothing else in this crate names an adapter.

mod index;
mod watching;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use feed_me_adapters::{
    postgres::{self, Copies, Listener, PgOptions, PgStore, Standbys},
    sqlite::{Access, AlreadyServed, OpenError, ServingLock, SqliteOptions, SqliteStore},
    system::{SystemClock, SystemIds, SystemSecrets, random_key},
    webhook_sender::HttpSender,
};
use feed_me_domain::{
    CursorCodec, StoreError, Timestamp,
    ports::{BackupRepository, Clock, FeedFacts, IdGenerator, SecretSource, Stores},
    services::{DeliveryParts, DeliveryService},
    webhook::{AddressPolicy, RetryPolicy},
};
use uuid::Uuid;

pub use self::{
    index::{Index, Report},
    watching::{CredentialEnds, Hearing, Line, Queue, Queues, StandbyLoad, StoreLoad, Watch},
};
use crate::{
    bodies::Bodies,
    kept_pages::KeptPages,
    metrics::sources::Sources,
    services::Services,
    settings::{DatabaseSettings, FeedEngine, FeedSettings, Settings, WebhookSettings, redacted_url},
    webhooks::JsonMessages,
};

/// The name of the cursor key among the secrets of a database.
const CURSOR_KEY: &str = "cursor_key";

/// Everything, wired.
pub struct App {
    /// The services behind the routes.
    pub services: Services,
    /// What keeps the data.
    pub stores: Stores,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The feeds in memory, where the settings ask for that and somebody is served.
    pub index: Option<Index>,
    /// What delivers webhooks, where the settings ask for that and somebody is served.
    pub deliveries: Option<Arc<DeliveryService>>,
    /// Hears of other instances, while somebody is served.
    _listener: Option<Listener>,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailure {
    /// The SQLite file cannot be opened.
    #[error(transparent)]
    Sqlite(#[from] OpenError),
    /// Another process serves the SQLite file.
    #[error(transparent)]
    Served(#[from] AlreadyServed),
    /// The SQLite file is not there, and the command makes none.
    #[error("there is no database {}; feed-me migrate makes one", .0.display())]
    Missing(PathBuf),
    /// The schema is older than this binary.
    #[error(
        "the schema of {url} is not current ({pending} was not run); feed-me migrate brings it up to date"
    )]
    NotCurrent {
        /// The database, without its password.
        url: String,
        /// What was not run.
        pending: String,
    },
    /// The database could not.
    #[error("the database {url}: {source}")]
    Store {
        /// The database, without its password.
        url: String,
        /// What it said.
        source: StoreError,
    },
    /// The operating system gives no random bytes for a key.
    #[error("no random bytes for the cursor key: {0}")]
    NoRandomness(std::io::Error),
}

impl App {
    /// Builds the object graph of a command that works on `database`, whose schema has to be current.
    pub async fn build(settings: &Settings, database: &Database) -> Result<Self, OpenFailure> {
        Self::wire(settings, database, Wiring::of(database)).await
    }

    /// Builds the whole object graph of a server.
    pub async fn serving(settings: &Settings, database: &Database) -> Result<Self, OpenFailure> {
        let mut wiring = Wiring::of(database);
        wiring.listener = database.listen()?;
        if let Some((standbys, stores)) = database.standbys(&settings.database)? {
            (wiring.standbys, wiring.stores) = (Some(standbys), stores);
        }
        if settings.feed.engine == FeedEngine::Index {
            let (index, stores) = Index::over(&wiring.stores, database, &settings.feed);
            (wiring.index, wiring.stores) = (Some(index), stores);
        }
        let mut app = Self::wire(settings, database, wiring).await?;
        if settings.webhooks.deliver && !settings.database.read_only {
            app.deliveries = Some(Arc::new(deliveries(&settings.webhooks, &app)));
        }
        Ok(app)
    }

    async fn wire(
        settings: &Settings,
        database: &Database,
        Wiring { stores, index, standbys, listener }: Wiring,
    ) -> Result<Self, OpenFailure> {
        let cursors = CursorCodec::new(&cursor_key(&settings.feed, &stores, database).await?);
        let bodies = Arc::new(Bodies::new(settings.feed.body_memory));
        if let Some(index) = &index {
            index.tell(bodies.clone());
        }
        // Without an index nobody vouches for them.
        let keeps_pages = index.is_some() && 0 < settings.feed.page_memory;
        let kept_pages = keeps_pages.then(|| Arc::new(KeptPages::new(settings.feed.page_memory)));
        let secret_source: Arc<dyn SecretSource> = Arc::new(SystemSecrets);
        let mut services = Services::new(
            &stores,
            &database.facts(),
            &database.clock,
            &secret_source,
            &cursors,
            bodies.clone(),
            addresses(&settings.webhooks),
        );
        let queues = database.queues();
        services.metrics.watch(Sources {
            store: database.load(),
            queues: queues.clone(),
            index: index.clone(),
            bodies,
            kept_pages: kept_pages.clone(),
            hearing: listener.is_some().then(|| database.hearing()).flatten(),
            standbys: standbys.map(|standbys| Box::new(move || standbys.load()) as _),
        });
        services.queues = Some(queues);
        services.index.clone_from(&index);
        services.kept_pages.clone_from(&kept_pages);
        if let Some(ends) = database.credential_ends() {
            services.credential_ends = ends;
        }
        Ok(Self {
            services,
            stores,
            clock: database.clock.clone(),
            index,
            deliveries: None,
            _listener: listener,
        })
    }
}

/// The stores, and what stands before them.
struct Wiring {
    stores: Stores,
    index: Option<Index>,
    standbys: Option<Arc<Standbys>>,
    listener: Option<Listener>,
}

impl Wiring {
    /// A database's own stores.
    fn of(database: &Database) -> Self {
        Self { stores: database.stores(), index: None, standbys: None, listener: None }
    }
}

/// Where webhooks may lead.
fn addresses(settings: &WebhookSettings) -> AddressPolicy {
    AddressPolicy { allow_private: settings.allow_private, allow_http: settings.allow_http }
}

fn deliveries(settings: &WebhookSettings, app: &App) -> DeliveryService {
    let micros = |units: u64, each: i64| i64::try_from(units).unwrap_or(i64::MAX).saturating_mul(each);
    let policy = RetryPolicy {
        base_micros: micros(settings.retry_base_ms, 1_000),
        max_micros: micros(settings.retry_max_ms, 1_000),
        attempts_max: settings.attempts_max,
        disable_after_micros: micros(settings.disable_after_hours, 3_600_000_000),
    };
    let timeout = Duration::from_millis(settings.timeout_ms);
    DeliveryService::new(DeliveryParts {
        webhooks: app.stores.webhooks.clone(),
        log: app.stores.events.clone(),
        activities: app.stores.activities.clone(),
        sender: Arc::new(HttpSender::new(addresses(settings), timeout)),
        writer: Arc::new(JsonMessages),
        clock: app.clock.clone(),
        ids: Arc::new(SystemIds),
        policy,
        holder: Uuid::now_v7(),
    })
}

/// The key from the settings, or else the one that the database keeps.
async fn cursor_key(
    settings: &FeedSettings,
    stores: &Stores,
    database: &Database,
) -> Result<Vec<u8>, OpenFailure> {
    if let Some(key) = &settings.cursor_key {
        return Ok(key.clone().into_bytes());
    }
    let fresh = random_key().map_err(OpenFailure::NoRandomness)?;
    stores.secrets.secret(CURSOR_KEY, fresh.to_vec()).await.map_err(|source| database.failed(source))
}

/// The database that the settings name.
pub struct Database {
    url: String,
    /// PostgreSQL: where a session is one with the database itself.
    direct_url: String,
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

enum Store {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PgStore>),
}

/// Whether a SQLite file that is not there is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// It is, and its folder too.
    Make,
    /// That is an error.
    Fail,
}

impl Database {
    /// Opens the database. Its scheme decides which adapter does.
    pub fn open(settings: &DatabaseSettings, if_missing: IfMissing) -> Result<Self, OpenFailure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn IdGenerator> = Arc::new(SystemIds);
        let acquire_timeout = Duration::from_millis(settings.acquire_timeout_ms);
        let url = settings.url.clone();
        let store = if let Some(path) = sqlite_path(&url) {
            if (if_missing == IfMissing::Fail || settings.read_only) && !path.exists() {
                return Err(OpenFailure::Missing(path.to_owned()));
            }
            let path = path.to_owned();
            let options = SqliteOptions {
                path,
                access: access(settings),
                readers: settings.pool_size,
                acquire_timeout,
                commit_group_max: settings.commit_group_max,
            };
            Store::Sqlite(Arc::new(SqliteStore::open(options, clock.clone(), ids.clone())?))
        } else {
            let options = PgOptions {
                url: url.clone(),
                pool_size: settings.pool_size,
                acquire_timeout,
                commit_group_max: settings.commit_group_max,
            };
            let connected = PgStore::connect(options, clock.clone(), ids.clone());
            Store::Postgres(Arc::new(connected.map_err(|source| failed(&url, source))?))
        };
        let direct_url = settings.direct_url.clone().unwrap_or_else(|| url.clone());
        Ok(Self { url, direct_url, store, clock, ids })
    }

    /// Brings the schema up to date and names what was run for it. Of several instances one works and the others wait.
    pub async fn migrate(&self) -> Result<Vec<String>, OpenFailure> {
        let run = match &self.store {
            Store::Sqlite(store) => store.migrate().await,
            Store::Postgres(_) => self.on_postgres(postgres::migrations::run_pending).await,
        };
        run.map_err(|source| self.failed_directly(source))
    }

    /// What was not run yet.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenFailure> {
        let pending = match &self.store {
            Store::Sqlite(store) => store.pending_migrations().await,
            Store::Postgres(_) => self.on_postgres(postgres::migrations::pending).await,
        };
        pending.map_err(|source| self.failed_directly(source))
    }

    /// Takes back the last migration and names it; none where none was run. A SQLite file that is served is left alone.
    pub async fn revert_migration(&self) -> Result<Option<String>, OpenFailure> {
        let _not_served = self.lock_for_serving()?;
        let reverted = match &self.store {
            Store::Sqlite(store) => store.revert_last_migration().await,
            Store::Postgres(_) => self.on_postgres(postgres::migrations::revert_last).await,
        };
        reverted.map_err(|source| self.failed_directly(source))
    }

    /// Fails where the schema is not the one that this binary needs.
    pub async fn expect_current(&self) -> Result<(), OpenFailure> {
        let pending = self.pending_migrations().await?;
        if pending.is_empty() {
            return Ok(());
        }
        Err(OpenFailure::NotCurrent { url: redacted_url(&self.url), pending: pending.join(", ") })
    }

    /// Keeps other servers off a SQLite file for as long as the answer lives. PostgreSQL takes any number of servers.
    pub fn lock_for_serving(&self) -> Result<Option<ServingLock>, OpenFailure> {
        match &self.store {
            Store::Sqlite(store) => Ok(Some(store.lock_for_serving()?)),
            Store::Postgres(_) => Ok(None),
        }
    }

    /// Whether a server has this SQLite file.
    pub fn is_served(&self) -> bool {
        match &self.store {
            Store::Sqlite(store) => matches!(store.lock_for_serving(), Err(AlreadyServed::Held { .. })),
            Store::Postgres(_) => false,
        }
    }

    /// All rows, to give and to take.
    pub fn backups(&self) -> Arc<dyn BackupRepository> {
        match &self.store {
            Store::Sqlite(store) => store.clone(),
            Store::Postgres(store) => store.clone(),
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Tells the database that many rows came at once.
    pub async fn settle(&self) -> Result<(), StoreError> {
        self.stores().transfer.settle().await
    }

    /// Listens to other instances of a PostgreSQL database for as long as the answer lives.
    fn listen(&self) -> Result<Option<Listener>, OpenFailure> {
        match &self.store {
            Store::Sqlite(_) => Ok(None),
            Store::Postgres(store) => {
                store.listen(&self.direct_url).map(Some).map_err(|source| failed(&self.direct_url, source))
            }
        }
    }

    /// The standbys that the settings name, and the stores that read from them.
    fn standbys(&self, settings: &DatabaseSettings) -> Result<Option<(Arc<Standbys>, Stores)>, OpenFailure> {
        match &self.store {
            Store::Postgres(store) if !settings.replicas.is_empty() => {
                let (urls, copies) = (&settings.replicas, Copies::Standbys);
                let before = Standbys::before(store, &self.direct_url, urls, copies, &self.clock, &self.ids);
                before.map(Some).map_err(|source| self.failed(source))
            }
            _ => Ok(None),
        }
    }

    fn hearing(&self) -> Option<Box<dyn Fn() -> Hearing + Send + Sync>> {
        match &self.store {
            Store::Sqlite(_) => None,
            Store::Postgres(store) => {
                let store = Arc::downgrade(store);
                Some(Box::new(move || store.upgrade().map(|store| store.hearing()).unwrap_or_default()))
            }
        }
    }

    fn credential_ends(&self) -> Option<Arc<CredentialEnds>> {
        match &self.store {
            Store::Sqlite(_) => None,
            Store::Postgres(store) => Some(store.credential_ends().clone()),
        }
    }

    fn stores(&self) -> Stores {
        match &self.store {
            Store::Sqlite(store) => Stores::of(store.clone()),
            Store::Postgres(store) => Stores::of(store.clone()),
        }
    }

    fn queues(&self) -> Queues {
        match &self.store {
            Store::Sqlite(store) => Queues::of(|line| store.queue(line)),
            Store::Postgres(store) => Queues::of(|line| store.queue(line)),
        }
    }

    fn load(&self) -> Box<dyn Fn() -> StoreLoad + Send + Sync> {
        match &self.store {
            Store::Sqlite(store) => {
                let store = Arc::downgrade(store);
                Box::new(move || store.upgrade().map(|store| store.load()).unwrap_or_default())
            }
            Store::Postgres(store) => {
                let store = Arc::downgrade(store);
                Box::new(move || store.upgrade().map(|store| store.load()).unwrap_or_default())
            }
        }
    }

    fn facts(&self) -> Arc<dyn FeedFacts> {
        match &self.store {
            Store::Sqlite(store) => store.clone(),
            Store::Postgres(store) => store.clone(),
        }
    }

    /// Does what blocks where blocking harms nobody.
    async fn on_postgres<T: Send + 'static>(
        &self,
        work: fn(&str) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let url = self.direct_url.clone();
        let done = tokio::task::spawn_blocking(move || work(&url)).await;
        done.unwrap_or_else(|error| Err(StoreError::Failed(format!("the migrations broke off: {error}"))))
    }

    fn failed(&self, source: StoreError) -> OpenFailure {
        failed(&self.url, source)
    }

    fn failed_directly(&self, source: StoreError) -> OpenFailure {
        failed(&self.direct_url, source)
    }
}

/// Drivers write messages of several lines; ours have one.
fn failed(url: &str, source: StoreError) -> OpenFailure {
    let in_one_line = |message: String| message.split_whitespace().collect::<Vec<_>>().join(" ");
    let source = match source {
        StoreError::Unavailable(message) => StoreError::Unavailable(in_one_line(message)),
        StoreError::Failed(message) => StoreError::Failed(in_one_line(message)),
    };
    OpenFailure::Store { url: redacted_url(url), source }
}

fn access(settings: &DatabaseSettings) -> Access {
    if settings.read_only { Access::ReadOnly } else { Access::ReadWrite { pages_max: settings.max_pages } }
}

/// `sqlite://relative/path` and `sqlite:///absolute/path`.
fn sqlite_path(url: &str) -> Option<&Path> {
    url.strip_prefix("sqlite://").map(Path::new)
}
