use std::sync::Arc;

use crate::ports::{
    ActivityRepository, ApplicationKeyRepository, DevelopmentRepository, EventLog, FeedRepository,
    FollowRepository, IdempotencyStore, NotificationRepository, RelationRepository, SecretRepository,
    TransferRepository, UserRepository, WebhookRepository,
};

/// Everything that keeps data, as the services take it. One store may stand behind all of it, or one behind each.
#[derive(Clone)]
pub struct Stores {
    /// Keeps users.
    pub users: Arc<dyn UserRepository>,
    /// Keeps activities.
    pub activities: Arc<dyn ActivityRepository>,
    /// Keeps follows.
    pub follows: Arc<dyn FollowRepository>,
    /// Keeps blocks and mutes.
    pub relations: Arc<dyn RelationRepository>,
    /// Reads feeds.
    pub feeds: Arc<dyn FeedRepository>,
    /// Reads and marks notifications.
    pub notifications: Arc<dyn NotificationRepository>,
    /// Reads the log of changes.
    pub events: Arc<dyn EventLog>,
    /// Looks after stored answers.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// Keeps application keys.
    pub application_keys: Arc<dyn ApplicationKeyRepository>,
    /// Keeps secrets.
    pub secrets: Arc<dyn SecretRepository>,
    /// Imports and exports.
    pub transfer: Arc<dyn TransferRepository>,
    /// Serves the routes for development.
    pub development: Arc<dyn DevelopmentRepository>,
    /// Keeps webhooks.
    pub webhooks: Arc<dyn WebhookRepository>,
}

impl Stores {
    /// One store behind all ports.
    pub fn of<S>(store: Arc<S>) -> Self
    where
        S: UserRepository
            + ActivityRepository
            + FollowRepository
            + RelationRepository
            + FeedRepository
            + NotificationRepository
            + EventLog
            + IdempotencyStore
            + ApplicationKeyRepository
            + SecretRepository
            + TransferRepository
            + DevelopmentRepository
            + WebhookRepository
            + 'static,
    {
        Self {
            users: store.clone(),
            activities: store.clone(),
            follows: store.clone(),
            relations: store.clone(),
            feeds: store.clone(),
            notifications: store.clone(),
            events: store.clone(),
            idempotency: store.clone(),
            application_keys: store.clone(),
            secrets: store.clone(),
            transfer: store.clone(),
            development: store.clone(),
            webhooks: store,
        }
    }
}
