use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::{
    client::Client,
    error::Result,
    listing::Listing,
    model::keys::{ApplicationKey, MadeApplicationKey, MintedToken, Scope},
};

impl Client {
    /// Makes an application key.
    ///
    /// The server shows a secret once: where the answer to an attempt was lost, the next one gives a
    /// [`SecretAlreadyShown`](crate::ProblemKind::SecretAlreadyShown), and the key that nobody knows is there to be revoked.
    pub async fn create_key(&self, name: &str, scopes: &[Scope]) -> Result<MadeApplicationKey> {
        let request = self.post_to(&["keys"]);
        request.json(&json!({ "name": name, "scopes": scopes }))?.send().await?.json()
    }

    /// The application keys, newest first, without their secrets.
    pub fn keys(&self) -> Listing<ApplicationKey> {
        Listing::of(self, &["keys"])
    }

    /// An application key, without its secret.
    pub async fn key(&self, id: Uuid) -> Result<ApplicationKey> {
        self.get(&["keys", &id.to_string()]).send().await?.json()
    }

    /// A key opens nothing any more.
    pub async fn revoke_key(&self, id: Uuid) -> Result<()> {
        self.request(Method::DELETE, &["keys", &id.to_string()]).send().await.map(drop)
    }

    /// Makes a token of a user, good for so many seconds: an hour where nothing is said, 30 days at most.
    pub async fn mint_token(&self, username: &str, expires_in: Option<u32>) -> Result<MintedToken> {
        let request = self.post_to(&["users", username, "tokens"]);
        let body = match expires_in {
            Some(seconds) => json!({ "expires_in": seconds }),
            None => json!({}),
        };
        request.json(&body)?.send().await?.json()
    }
}
