//! The one place where errors of the domain become HTTP.

use feed_me_domain::{Denial, Error, Fault, KeyRefusal, StoreError, Username};

use crate::problem::{self, Failure, Kind};

/// Which problem an error is. It has no `_` arm on purpose: whoever adds an error has to place it.
pub fn kind_of(error: &Error) -> &'static Kind {
    match error {
        Error::Invalid(_) => problem::INVALID_REQUEST,
        Error::UnknownUser(_) => problem::USER_NOT_FOUND,
        Error::UnknownActivity(_) => problem::ACTIVITY_NOT_FOUND,
        Error::NotFollowing { .. } => problem::FOLLOW_NOT_FOUND,
        Error::NotBlocked { .. } => problem::BLOCK_NOT_FOUND,
        Error::NotMuted { .. } => problem::MUTE_NOT_FOUND,
        Error::OnOneself { .. } => problem::SELF_FOLLOW,
        Error::Blocked { .. } => problem::BLOCKED,
        Error::NameTaken(_) => problem::NAME_TAKEN,
        Error::ExternalIdTaken { .. } => problem::EXTERNAL_ID_TAKEN,
        Error::PreconditionFailed(_) => problem::PRECONDITION_FAILED,
        Error::Cursor(_) => problem::INVALID_CURSOR,
        Error::UnknownKey(_) => problem::KEY_NOT_FOUND,
        Error::UnknownWebhook(_) => problem::WEBHOOK_NOT_FOUND,
        Error::UnknownDelivery { .. } => problem::DELIVERY_NOT_FOUND,
        Error::TooManyWebhooks { .. } => problem::TOO_MANY_WEBHOOKS,
        Error::Forbidden(_) => problem::FORBIDDEN,
        Error::Key(KeyRefusal::SecretShown) => problem::SECRET_SHOWN,
        Error::Key(KeyRefusal::Reused) => problem::KEY_REUSED,
        Error::Key(KeyRefusal::UnderWay) => problem::KEY_UNDER_WAY,
        Error::Key(KeyRefusal::Erased) => problem::KEY_ERASED,
        Error::TooLargeToReset { .. } => problem::RESET_REFUSED,
        Error::EventsGone { .. } => problem::EVENTS_GONE,
        Error::Store(StoreError::Unavailable(_)) => problem::UNAVAILABLE,
        Error::Store(StoreError::Failed(_)) => problem::INTERNAL,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = kind_of(&error);
        match error {
            Error::Invalid(faults) => Self::faulty(faults),
            Error::Store(StoreError::Unavailable(cause)) => Self {
                cause: Some(cause),
                ..Self::new(kind, "the service cannot reach its store for the moment; try again later")
            },
            Error::Store(StoreError::Failed(cause)) => Self::internal(cause),
            Error::Cursor(cursor) => {
                Self { faults: vec![Fault::new("cursor", cursor)], ..Self::new(kind, cursor.to_string()) }
            }
            Error::Forbidden(denial) => denial.into(),
            told => Self::new(kind, told.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

/// The users whom the message of an error may name.
pub fn names_in(error: &Error) -> Vec<Username> {
    match error {
        Error::Invalid(faults) => faults.iter().filter_map(|fault| fault.unknown_user.clone()).collect(),
        Error::UnknownUser(name) | Error::NameTaken(name) => vec![name.clone()],
        Error::NotFollowing { follower: one, followee: other }
        | Error::NotBlocked { blocker: one, blocked: other }
        | Error::NotMuted { muter: one, muted: other }
        | Error::Blocked { follower: one, followee: other } => vec![one.clone(), other.clone()],
        Error::OnOneself { user, .. } | Error::Forbidden(Denial::OtherUser { user }) => vec![user.clone()],
        Error::ExternalIdTaken { actor, .. } => vec![actor.clone()],
        Error::Forbidden(Denial::Scope(_) | Denial::NotForUsers(_))
        | Error::UnknownKey(_)
        | Error::UnknownWebhook(_)
        | Error::UnknownDelivery { .. }
        | Error::TooManyWebhooks { .. }
        | Error::UnknownActivity(_)
        | Error::PreconditionFailed(_)
        | Error::Cursor(_)
        | Error::Key(_)
        | Error::TooLargeToReset { .. }
        | Error::EventsGone { .. }
        | Error::Store(_) => Vec::new(),
    }
}
