use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::{
    client::Client,
    error::Result,
    listing::Listing,
    model::webhooks::{Delivery, DeliveryState, MadeWebhook, NewWebhook, ReplayFrom, Webhook, WebhookPatch},
    position::Position,
};

impl Client {
    /// Subscribes to what happens from now on.
    ///
    /// The server shows a secret once: where the answer to an attempt was lost, the next one gives a
    /// [`SecretAlreadyShown`](crate::ProblemKind::SecretAlreadyShown), and
    /// [`rotate_webhook_secret`](Client::rotate_webhook_secret) shows another one.
    pub async fn create_webhook(&self, webhook: &NewWebhook) -> Result<MadeWebhook> {
        self.post_to(&["webhooks"]).json(webhook)?.send().await?.json()
    }

    /// The webhooks, newest first, without their secrets.
    pub fn webhooks(&self) -> Listing<Webhook> {
        Listing::of(self, &["webhooks"])
    }

    /// A webhook, without its secret.
    pub async fn webhook(&self, id: Uuid) -> Result<Webhook> {
        self.get(&["webhooks", &id.to_string()]).send().await?.json()
    }

    /// Changes a webhook, pauses it, or lets it go on.
    pub async fn edit_webhook(&self, id: Uuid, patch: &WebhookPatch) -> Result<Webhook> {
        self.request(Method::PATCH, &["webhooks", &id.to_string()]).json(patch)?.send().await?.json()
    }

    /// Ends a subscription.
    pub async fn delete_webhook(&self, id: Uuid) -> Result<()> {
        self.request(Method::DELETE, &["webhooks", &id.to_string()]).send().await.map(drop)
    }

    /// Gives a webhook another secret. For so many hours the present one signs too.
    pub async fn rotate_webhook_secret(&self, id: Uuid, overlap_hours: u32) -> Result<MadeWebhook> {
        let request = self.post_to(&["webhooks", &id.to_string(), "secret"]);
        request.json(&json!({ "overlap_hours": overlap_hours }))?.send().await?.json()
    }

    /// Lets a webhook go on from elsewhere: from an earlier position on it delivers again, up to a later one it skips.
    pub async fn replay_webhook(&self, id: Uuid, from: ReplayFrom) -> Result<Webhook> {
        let request = self.post_to(&["webhooks", &id.to_string(), "replay"]);
        request.json(&json!({ "from": from }))?.send().await?.json()
    }

    /// The deliveries of a webhook, newest first; [`Listing::state`] chooses among them.
    pub fn deliveries(&self, id: Uuid) -> Listing<Delivery> {
        Listing::of(self, &["webhooks", &id.to_string(), "deliveries"])
    }

    /// What became of the event at a position.
    pub async fn delivery(&self, id: Uuid, position: Position) -> Result<Delivery> {
        let path = ["webhooks", &id.to_string(), "deliveries", &position.to_string()];
        self.get(&path).send().await?.json()
    }

    /// Delivers once more what was delivered or given up; what is pending is tried at once.
    pub async fn redeliver(&self, id: Uuid, position: Position) -> Result<Delivery> {
        let path = ["webhooks", &id.to_string(), "deliveries", &position.to_string(), "redeliver"];
        self.post_to(&path).json(&json!({}))?.send().await?.json()
    }
}

impl Listing<Delivery> {
    /// Only deliveries that stand so: dead letters, say.
    pub fn state(self, state: DeliveryState) -> Self {
        self.with("state", state.as_str())
    }
}
