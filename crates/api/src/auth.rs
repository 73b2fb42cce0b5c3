//! Who may call: one middleware before every route.
//!
//! A request shows a credential (`bearer`): the key of an application, or the token of a user (`tokens`). `known`
//! remembers for less than a second whose it is. What it allows stands in one table ([`rights`]), a line for each route,
//! and [`guard`] refuses what is not allowed before a handler sees the request. What is right only for an actor that the
//! body names is asked of the [`acting`] caller by the handler.

pub mod acting;
mod bearer;
pub mod guard;
mod known;
pub mod rights;
mod tokens;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use actix_web::http::header::HeaderMap;
use feed_me_domain::{
    Caller, Denial, Error, KeySecret, PageLimit, StoreError, Timestamp, User, services::PageRequest,
};
use tokio::sync::OnceCell;

pub use self::tokens::MintedToken;
use self::{
    bearer::Refusal,
    known::{Digest, Freshness, Known, KnownCallers},
    tokens::TokenRing,
};
use crate::{
    problem::{self, Failure},
    services::Services,
    settings::{AuthMode, AuthSettings, TokenSecret},
};

/// The name of the secret of user tokens among the secrets of a database.
const TOKEN_SECRET: &str = "user_token_secret";
/// How that secret is called in tokens.
const TOKEN_SECRET_KID: &str = "database";

/// Tells who calls.
pub struct Auth {
    mode: AuthMode,
    services: Services,
    configured: Vec<(String, TokenSecret)>,
    /// Made when it is first needed, as its secret may have to be fetched.
    tokens: OnceCell<TokenRing>,
    known: KnownCallers,
    /// Each grows whenever this instance may have ended what a credential of that kind is good for.
    generations: [AtomicU64; 2],
}

/// The kinds of credentials, which end by different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Key,
    Token,
}

impl Kind {
    fn of(shown: &str) -> Self {
        if shown.starts_with(KeySecret::PREFIX) { Self::Key } else { Self::Token }
    }
}

impl Auth {
    /// As the settings want it.
    pub fn new(services: Services, settings: &AuthSettings) -> Self {
        Self {
            mode: settings.mode,
            services,
            configured: settings.user_token_secrets.clone(),
            tokens: OnceCell::new(),
            known: KnownCallers::new(),
            generations: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// Who sends a request with these headers.
    async fn caller(self: &Arc<Self>, headers: &HeaderMap) -> Result<Arc<Caller>, Failure> {
        self.caller_if(headers, || Ok(())).await
    }

    /// The same; before the store is asked about a credential that is not known, `may_look` may say no.
    async fn caller_if(
        self: &Arc<Self>,
        headers: &HeaderMap,
        may_look: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Arc<Caller>, Failure> {
        if self.mode == AuthMode::Off {
            return Ok(Arc::new(Caller::Anyone));
        }
        let shown = bearer::shown(headers)?;
        let digest = known::digest(shown);
        let generation = self.generation(Kind::of(shown));
        let caller = match self.known.get(&digest, generation, self.services.clock.now()) {
            Freshness::Fresh(caller) => caller,
            Freshness::Ageing(caller) => {
                let (auth, shown) = (self.clone(), shown.to_owned());
                // A credential in steady use is looked at again beside the requests, so that none of them waits.
                tokio::spawn(async move { auth.look(&shown, digest).await });
                caller
            }
            Freshness::Unknown => {
                may_look()?;
                self.look(shown, digest).await?
            }
        };
        if let Caller::Application { id, .. } = &*caller {
            self.services.application_keys.note_use(*id);
        }
        Ok(caller)
    }

    /// Forgets whose credentials of a kind are whose. What was being looked up meanwhile is not believed either.
    fn forget(&self, kind: Kind) {
        self.generations[kind as usize].fetch_add(1, Ordering::AcqRel);
    }

    /// Grows by what is ended here, and by what other instances are heard to have ended.
    fn generation(&self, kind: Kind) -> u64 {
        let here = self.generations[kind as usize].load(Ordering::Acquire);
        let (tokens, keys) = self.services.credential_ends.count();
        here + match kind {
            Kind::Token => tokens,
            Kind::Key => keys,
        }
    }

    /// Asks the store whose credential this is, and remembers a good one.
    async fn look(&self, shown: &str, digest: Digest) -> Result<Arc<Caller>, Failure> {
        // Both are from before the store is asked: what it says was true then.
        let (at, generation) = (Instant::now(), self.generation(Kind::of(shown)));
        let found = self.identify(shown).await;
        match found {
            Ok((caller, expires_at)) => {
                let caller = Arc::new(caller);
                self.known.keep(digest, Known::new(caller.clone(), expires_at, at, generation));
                Ok(caller)
            }
            Err(failure) => {
                if failure.kind == problem::UNAUTHORIZED {
                    self.known.drop(&digest);
                }
                Err(failure)
            }
        }
    }

    async fn identify(&self, shown: &str) -> Result<(Caller, Option<Timestamp>), Failure> {
        if Kind::of(shown) == Kind::Key {
            let found = if KeySecret::has_shape(shown) {
                self.services.application_keys.find(shown).await?
            } else {
                None
            };
            let key =
                found.ok_or(Refusal::Invalid("the application key is not known here, or was revoked"))?;
            return Ok((Caller::Application { id: key.id, scopes: key.scopes }, None));
        }
        let (token, expires_at) = self.tokens().await?.verify(shown, self.services.clock.now())?;
        let holder = match self.services.users.get(&token.username).await {
            Ok(user) => Some(user).filter(|user| token.is_of(user)),
            Err(Error::UnknownUser(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let user = holder.ok_or(Refusal::Invalid("the token was made for nobody who has the name now"))?;
        Ok((Caller::User { id: user.id, username: user.username }, Some(expires_at)))
    }

    /// Makes a token of a user that is good for so many seconds.
    pub async fn mint(&self, user: &User, seconds: u32) -> Result<MintedToken, Failure> {
        self.tokens().await?.mint(user, self.services.clock.now(), seconds)
    }

    /// The secrets of tokens: those of the settings, or else the one that the database keeps.
    async fn tokens(&self) -> Result<&TokenRing, Failure> {
        let load = async || {
            if !self.configured.is_empty() {
                let secrets =
                    self.configured.iter().map(|(kid, secret)| (kid.clone(), secret.reveal().as_bytes()));
                return Ok(TokenRing::new(secrets));
            }
            let fresh = self.services.secret_source.secret()?;
            let secret = self.services.secrets.secret(TOKEN_SECRET, fresh.to_vec()).await?;
            Ok(TokenRing::new([(TOKEN_SECRET_KID.to_owned(), secret.as_slice())]))
        };
        self.tokens.get_or_try_init(load).await
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self {
            challenge: Some(refusal.challenge().into()),
            ..Self::new(problem::UNAUTHORIZED, refusal.told())
        }
    }
}

/// A good credential without the right, as RFC 6750 has it.
impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        let needed = match &denial {
            Denial::Scope(scope) | Denial::NotForUsers(scope) => format!(", scope=\"{scope}\""),
            Denial::OtherUser { .. } => String::new(),
        };
        let challenge = format!("{}, error=\"insufficient_scope\"{needed}", bearer::CHALLENGE);
        Self { challenge: Some(challenge.into()), ..Self::new(problem::FORBIDDEN, denial.to_string()) }
    }
}

/// Tells at a start what an operator will want to know: that nobody can call yet, or that a secret is weak.
pub async fn tell(settings: &AuthSettings, services: &Services) -> Result<(), StoreError> {
    if settings.mode == AuthMode::Off {
        return Ok(());
    }
    for (kid, _) in settings.user_token_secrets.iter().filter(|(_, secret)| secret.is_short()) {
        let at_least = TokenSecret::BYTES_MIN;
        tracing::warn!(kid, at_least, "a secret of user tokens has fewer bytes than it should have");
    }
    let one = PageRequest { limit: PageLimit::default(), cursor: None };
    match services.application_keys.list(&one).await {
        Ok(page) if page.items.is_empty() => {
            tracing::warn!(
                "there is no application key yet: feed-me keys create --name NAME --scopes admin makes one"
            );
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(Error::Store(error)) => Err(error),
        Err(other) => Err(StoreError::Failed(other.to_string())),
    }
}

#[cfg(test)]
mod tests;
