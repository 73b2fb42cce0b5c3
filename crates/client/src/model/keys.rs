use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an application key allows.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Scope {
    /// To read.
    Read,
    /// To write; it does not include to read.
    Write,
    /// Everything.
    Admin,
}

/// An application key, without its secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplicationKey {
    /// Its id, which is no secret.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// An application key that was just made.
#[derive(Clone, Deserialize)]
#[non_exhaustive]
pub struct MadeApplicationKey {
    /// What is shown of it from now on.
    #[serde(flatten)]
    pub public: ApplicationKey,
    /// The key itself, shown this once.
    pub key: String,
}

impl fmt::Debug for MadeApplicationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MadeApplicationKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// A token of a user.
#[derive(Clone, Deserialize)]
#[non_exhaustive]
pub struct MintedToken {
    /// The token, shown this once.
    pub token: String,
    /// Whose it is.
    pub username: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl fmt::Debug for MintedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("MintedToken");
        shown.field("username", &self.username).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
