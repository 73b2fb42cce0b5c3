//! What can go wrong, in the feed's own terms. HTTP statuses are the API crate's business.

use crate::{
    caller::Denial,
    cursor::InvalidCursor,
    id::{ActivityId, KeyId, WebhookId},
    idempotency::KeyRefusal,
    text::{ExternalId, Username},
};

/// The result of a service.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything a service can answer instead of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request has faults; all of them are listed.
    #[error("{}", listed(.0))]
    Invalid(Vec<Fault>),
    /// A user that the request addresses does not exist.
    #[error("there is no user named '{0}'")]
    UnknownUser(Username),
    /// No activity has this id (any more).
    #[error("there is no activity with the id {0}")]
    UnknownActivity(ActivityId),
    /// There is no such follow, and no history kept of one.
    #[error("'{follower}' does not follow '{followee}'")]
    NotFollowing {
        /// Who would be following.
        follower: Username,
        /// Who would be followed.
        followee: Username,
    },
    /// There is no such block.
    #[error("'{blocker}' does not block '{blocked}'")]
    NotBlocked {
        /// Who would be blocking.
        blocker: Username,
        /// Who would be blocked.
        blocked: Username,
    },
    /// There is no such mute.
    #[error("'{muter}' does not mute '{muted}'")]
    NotMuted {
        /// Who would be muting.
        muter: Username,
        /// Who would be muted.
        muted: Username,
    },
    /// Following, blocking or muting oneself.
    #[error("'{user}' cannot {action} themselves")]
    OnOneself {
        /// The user.
        user: Username,
        /// `follow`, `block` or `mute`.
        action: &'static str,
    },
    /// A block stands between the two.
    #[error("'{follower}' cannot follow '{followee}': one of them blocks the other")]
    Blocked {
        /// Who wants to follow.
        follower: Username,
        /// Whom.
        followee: Username,
    },
    /// Another user has the name.
    #[error("the username '{0}' is taken")]
    NameTaken(Username),
    /// The actor has another activity with this external id.
    #[error(
        "'{actor}' already has an activity with the external_id '{external_id}' and other content: {stored}"
    )]
    ExternalIdTaken {
        /// Whose activities the id is unique among.
        actor: Username,
        /// The id.
        external_id: ExternalId,
        /// The activity that has it.
        stored: ActivityId,
    },
    /// The stored version is not the one that the client has seen.
    #[error("the activity {0} is not in the version that If-Match names")]
    PreconditionFailed(ActivityId),
    /// The cursor cannot be used here.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The idempotency key does not allow the write.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// A reset would wipe a database that is no toy.
    #[error("a database with more than {limit} users is not reset")]
    TooLargeToReset {
        /// The most users a database may have to be reset.
        limit: usize,
    },
    /// There is no such application key (any more).
    #[error("there is no application key with the id {0}")]
    UnknownKey(KeyId),
    /// There is no such webhook (any more).
    #[error("there is no webhook with the id {0}")]
    UnknownWebhook(WebhookId),
    /// The webhook has no such delivery (any more).
    #[error("the webhook {webhook} has no delivery of the position {position}")]
    UnknownDelivery {
        /// Which webhook.
        webhook: WebhookId,
        /// Which position.
        position: i64,
    },
    /// There are as many webhooks as there may be.
    #[error("there are {limit} webhooks already, as many as there may be")]
    TooManyWebhooks {
        /// How many there may be.
        limit: usize,
    },
    /// Who asks has not the right.
    #[error(transparent)]
    Forbidden(#[from] Denial),
    /// The log of changes does not reach back to the position.
    #[error(
        "the events right after position {asked} are not kept any more; the log goes on from position {oldest}"
    )]
    EventsGone {
        /// The position asked for.
        asked: i64,
        /// The earliest position that can be asked for.
        oldest: i64,
    },
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// One fault alone.
    pub fn fault(pointer: impl Into<String>, detail: impl std::fmt::Display) -> Self {
        Self::Invalid(vec![Fault::new(pointer, detail)])
    }
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is: a JSON pointer into the body (`/verb`), or the name of a query parameter.
    pub pointer: String,
    /// What is wrong with it: half a sentence that follows the name of the place.
    pub detail: String,
    /// The name, where the fault is that nobody has it.
    pub unknown_user: Option<Username>,
}

impl Fault {
    /// A value at `pointer` breaks the rule that `detail` names.
    pub fn new(pointer: impl Into<String>, detail: impl std::fmt::Display) -> Self {
        Self { pointer: pointer.into(), detail: format!("{detail}"), unknown_user: None }
    }

    /// The name at `pointer` is not a user's.
    pub fn unknown_user(pointer: impl Into<String>, name: Username) -> Self {
        Self {
            pointer: pointer.into(),
            detail: format!("'{name}' is not the name of a user"),
            unknown_user: Some(name),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = self.pointer.trim_start_matches('/');
        if place.is_empty() { f.write_str(&self.detail) } else { write!(f, "{place}: {}", self.detail) }
    }
}

fn listed(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

/// The store could not do what it was asked. What may happen on a good day is never one of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is too busy, full or read-only; asking again later may work. Nothing was half-done.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It answered what it never should: a defect on our side.
    #[error("the store failed: {0}")]
    Failed(String),
}
