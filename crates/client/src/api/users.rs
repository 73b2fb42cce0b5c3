use reqwest::Method;
use serde_json::json;

use crate::{
    client::Client,
    error::Result,
    listing::Listing,
    model::{
        Stored,
        users::{Receipt, User, UserPatch},
    },
};

impl Client {
    /// Makes a user; one who is there stays as they are.
    pub async fn create_user(&self, username: &str) -> Result<Stored<User>> {
        let request = self.request(Method::PUT, &["users", username]);
        request.json(&json!({}))?.send().await?.stored()
    }

    /// Makes a user, or sets the name shown of one who is there; none: no such name.
    pub async fn put_user(&self, username: &str, display_name: Option<&str>) -> Result<Stored<User>> {
        let request = self.request(Method::PUT, &["users", username]);
        request.json(&json!({ "display_name": display_name }))?.send().await?.stored()
    }

    /// A user.
    pub async fn user(&self, username: &str) -> Result<User> {
        self.get(&["users", username]).send().await?.json()
    }

    /// Renames a user, or changes what is shown.
    pub async fn edit_user(&self, username: &str, patch: &UserPatch) -> Result<User> {
        self.request(Method::PATCH, &["users", username]).json(patch)?.send().await?.json()
    }

    /// Erases a user and everything that names them.
    pub async fn erase_user(&self, username: &str) -> Result<Receipt> {
        self.request(Method::DELETE, &["users", username]).send().await?.json()
    }

    /// The users, by name; [`Listing::prefix`] chooses among them.
    pub fn users(&self) -> Listing<User> {
        Listing::of(self, &["users"])
    }
}
