use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    cursor::{CursorCodec, Listing},
    error::{Error, Fault, Result},
    ports::{UserEdited, UserPut, UserRepository},
    services::paging::{Page, PageRequest, Walk},
    text::Username,
    user::{Erasure, PutUser, User, UserPatch},
};

/// Making, finding, renaming and erasing users.
pub struct UserService {
    users: Arc<dyn UserRepository>,
    cursors: CursorCodec,
}

impl UserService {
    /// A service on a store.
    pub fn new(users: Arc<dyn UserRepository>, cursors: CursorCodec) -> Self {
        Self { users, cursors }
    }

    /// Creates the user, or sets what is given.
    pub async fn put(&self, user: PutUser) -> Result<UserPut> {
        Ok(self.users.put(user).await?)
    }

    /// The user of a name.
    pub async fn get(&self, username: &Username) -> Result<User> {
        self.users.find(username).await?.ok_or_else(|| Error::UnknownUser(username.clone()))
    }

    /// Renames the user or changes what is shown.
    pub async fn edit(&self, username: &Username, patch: UserPatch) -> Result<User> {
        match self.users.edit(username, patch).await? {
            UserEdited::Edited(user) => Ok(user),
            UserEdited::Unknown => Err(Error::UnknownUser(username.clone())),
            UserEdited::NameTaken(name) => Err(Error::NameTaken(name)),
        }
    }

    /// Erases the user and everything that names them.
    pub async fn erase(&self, username: &Username) -> Result<Erasure> {
        self.users.erase(username).await?.ok_or_else(|| Error::UnknownUser(username.clone()))
    }

    /// A page of the users whose names begin with `prefix`, by name.
    pub async fn list(&self, prefix: &str, request: &PageRequest) -> Result<Page<User>> {
        if Username::CHARS_MAX < prefix.chars().count() || prefix.contains('\0') {
            return Err(Error::fault(
                "prefix",
                format!(
                    "must be the beginning of a username: at most {} characters, no U+0000",
                    Username::CHARS_MAX
                ),
            ));
        }
        let walk = Walk { codec: &self.cursors, listing: Listing::Users, filter: fingerprint(prefix) };
        let page = walk
            .page(request, async |span| Ok(Some((Uuid::nil(), self.users.list(prefix, span).await?))))
            .await?;
        // The list of all users has no owner who could be missing.
        page.ok_or_else(|| {
            Error::Store(crate::StoreError::Failed("the list of users has no owner".to_owned()))
        })
    }

    /// A fault for each of `names`, given with its place, that is not the name of a user.
    pub(crate) async fn unknown_among(
        users: &dyn UserRepository,
        names: &[(String, Username)],
    ) -> Result<Vec<Fault>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<Username> = names.iter().map(|(_, name)| name.clone()).collect();
        let unknown = users.unknown(&asked).await?;
        let faults = names.iter().filter(|(_, name)| unknown.contains(name));
        Ok(faults.map(|(pointer, name)| Fault::unknown_user(pointer.clone(), name.clone())).collect())
    }
}

fn fingerprint(prefix: &str) -> [u8; 8] {
    let mut short = [0; 8];
    if !prefix.is_empty() {
        short.copy_from_slice(&Sha256::digest(prefix)[..8]);
    }
    short
}
