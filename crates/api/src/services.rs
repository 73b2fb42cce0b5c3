//! The services behind the routes, as handlers receive them.

use std::sync::Arc;

use feed_me_domain::{
    Activity, CursorCodec,
    ports::{Clock, EventLog, FeedFacts, IdempotencyStore, SecretRepository, SecretSource, Stores},
    services::{
        ActivityService, ApplicationKeyService, ChangeService, DevelopmentService, EventService, FeedService,
        FollowService, NotificationService, RelationService, UserService, WebhookService,
    },
    webhook::AddressPolicy,
};

use tokio::sync::Notify;

use crate::{
    app::{CredentialEnds, Index, Queues},
    bodies::Bodies,
    kept_pages::KeptPages,
    live::Live,
    metrics::Metrics,
};

/// Every service, wired to one set of stores. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Users.
    pub users: Arc<UserService>,
    /// Activities.
    pub activities: Arc<ActivityService>,
    /// Follows.
    pub follows: Arc<FollowService>,
    /// Blocks and mutes.
    pub relations: Arc<RelationService>,
    /// Feeds.
    pub feeds: Arc<FeedService>,
    /// What changes in feeds.
    pub changes: Arc<ChangeService>,
    /// Feeds that are followed as they change.
    pub live: Arc<Live>,
    /// What concerns users.
    pub notifications: Arc<NotificationService>,
    /// The bodies of activities.
    pub bodies: Arc<Bodies>,
    /// Pages that are asked for again, where they can be kept.
    pub kept_pages: Option<Arc<KeptPages>>,
    /// The log of all changes.
    pub events: Arc<EventService>,
    /// The routes for development, and readiness.
    pub development: Arc<DevelopmentService>,
    /// Application keys.
    pub application_keys: Arc<ApplicationKeyService>,
    /// Webhooks.
    pub webhooks: Arc<WebhookService>,
    /// Rung where something about webhooks was changed here, for whoever delivers.
    pub webhook_bell: Arc<Notify>,
    /// Secrets that the database keeps.
    pub secrets: Arc<dyn SecretRepository>,
    /// Fresh secrets.
    pub secret_source: Arc<dyn SecretSource>,
    /// The log itself: how far it and its readers are.
    pub log: Arc<dyn EventLog>,
    /// Keys of requests that may be sent again.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The lines before the database, where somebody measures them.
    pub queues: Option<Queues>,
    /// The index, where there is one.
    pub index: Option<Index>,
    /// What other instances are heard to have ended.
    pub credential_ends: Arc<CredentialEnds>,
}

impl Services {
    /// Keeps the body of what was just written, where feeds are made of bodies.
    pub fn note(&self, activity: &Activity) {
        if self.index.is_some() {
            self.bodies.note(activity);
        }
    }

    /// Wires the services to `stores`.
    pub fn new(
        stores: &Stores,
        facts: &Arc<dyn FeedFacts>,
        clock: &Arc<dyn Clock>,
        secret_source: &Arc<dyn SecretSource>,
        cursors: &CursorCodec,
        bodies: Arc<Bodies>,
        webhook_addresses: AddressPolicy,
    ) -> Self {
        let changes = Arc::new(ChangeService::new(
            stores.users.clone(),
            stores.activities.clone(),
            stores.events.clone(),
            facts.clone(),
        ));
        Self {
            bodies,
            kept_pages: None,
            users: Arc::new(UserService::new(stores.users.clone(), cursors.clone())),
            activities: Arc::new(ActivityService::new(
                stores.activities.clone(),
                stores.users.clone(),
                clock.clone(),
            )),
            follows: Arc::new(FollowService::new(stores.follows.clone(), clock.clone(), cursors.clone())),
            relations: Arc::new(RelationService::new(stores.relations.clone(), cursors.clone())),
            feeds: Arc::new(FeedService::new(stores.feeds.clone(), cursors.clone())),
            live: Arc::new(Live::new(stores, facts.clone(), changes.clone())),
            changes,
            notifications: Arc::new(NotificationService::new(stores.notifications.clone(), cursors.clone())),
            events: Arc::new(EventService::new(stores.events.clone())),
            development: Arc::new(DevelopmentService::new(stores.development.clone())),
            application_keys: Arc::new(ApplicationKeyService::new(
                stores.application_keys.clone(),
                secret_source.clone(),
                clock.clone(),
                cursors.clone(),
            )),
            webhooks: Arc::new(WebhookService::new(
                stores.webhooks.clone(),
                stores.users.clone(),
                stores.events.clone(),
                secret_source.clone(),
                cursors.clone(),
                webhook_addresses,
            )),
            webhook_bell: Arc::default(),
            secrets: stores.secrets.clone(),
            secret_source: secret_source.clone(),
            log: stores.events.clone(),
            idempotency: stores.idempotency.clone(),
            clock: clock.clone(),
            metrics: Arc::default(),
            queues: None,
            index: None,
            credential_ends: Arc::default(),
        }
    }
}
