//! What the database's errors mean.
//!
//! diesel tells a few kinds apart and keeps the SQLSTATE of the others to itself, so these are known by their English
//! messages. Sessions ask for English (`lc_messages`) where the role may; elsewhere an unknown text is a failure.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use feed_me_domain::StoreError;

/// What a piece of work on a session answers.
pub(super) type Outcome<T> = Result<T, PgError>;

/// Why a piece of work on a session ended early.
#[derive(Debug)]
pub(super) enum PgError {
    /// The database said so.
    Database(DieselError),
    /// We said so, or it is known what it means: nothing is tried again.
    Store(StoreError),
}

/// What to do about an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The session is gone: drop it and try on another.
    OtherSession(String),
    /// Another transaction stood in the way: try again.
    Again(String),
    /// Tell the caller.
    Tell(StoreError),
}

impl From<DieselError> for PgError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for PgError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl PgError {
    /// Something that is stored, or answered by the database, is not what it must be.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::Store(StoreError::Failed(message.into()))
    }

    /// What to do.
    pub(super) fn remedy(self) -> Remedy {
        match self {
            Self::Store(error) => Remedy::Tell(error),
            Self::Database(error) => remedy(&error),
        }
    }

    /// The same error when it came with the answer to a commit. Where the session is gone then, nobody knows whether the
    /// write was stored, so it must not be tried again.
    pub(super) fn at_commit(self) -> Self {
        match self.remedy() {
            Remedy::OtherSession(message) => Self::Store(StoreError::Unavailable(format!(
                "the session was lost while the write was committed: {message}"
            ))),
            Remedy::Again(message) => Self::Store(StoreError::Unavailable(message)),
            Remedy::Tell(error) => Self::Store(error),
        }
    }

    /// The same error where trying again is out of the question.
    pub(super) fn told(self) -> Self {
        match self.remedy() {
            Remedy::OtherSession(message) | Remedy::Again(message) => {
                Self::Store(StoreError::Unavailable(message))
            }
            Remedy::Tell(error) => Self::Store(error),
        }
    }
}

/// The end of a session, or a session that knows things that are true no more (a plan from before a migration, or a
/// statement that a pooler prepared elsewhere), or leads to a server that takes no writes.
const SESSION_GONE: [&str; 11] = [
    "terminating connection",
    "server closed the connection",
    "connection to server",
    "no connection to the server",
    "SSL connection has been closed",
    "could not receive data from server",
    "could not send data to server",
    "the database system is",
    "cached plan must not change result type",
    "prepared statement",
    // It was the primary once, or never: another session may lead to the one that is.
    "read-only transaction",
];

/// What passes by itself or by the hand of an operator.
const UNAVAILABLE: [&str; 11] = [
    "canceling statement due to",
    "No space left on device",
    "Disk quota exceeded",
    "could not extend file",
    "could not write",
    "out of memory",
    "out of shared memory",
    "too many connections",
    "too many clients",
    "remaining connection slots",
    "not currently accepting connections",
];

fn remedy(error: &DieselError) -> Remedy {
    match error {
        DieselError::DatabaseError(kind, information) => {
            let message = information.message();
            let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
            match kind {
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction => Remedy::OtherSession(message.to_owned()),
                DatabaseErrorKind::SerializationFailure => Remedy::Again(message.to_owned()),
                DatabaseErrorKind::Unknown if says(&SESSION_GONE) => Remedy::OtherSession(message.to_owned()),
                DatabaseErrorKind::Unknown if says(&UNAVAILABLE) => unavailable(message),
                DatabaseErrorKind::Unknown if message.contains("deadlock detected") => {
                    Remedy::Again(message.to_owned())
                }
                _ => Remedy::Tell(StoreError::Failed(detailed(message, information.details()))),
            }
        }
        DieselError::BrokenTransactionManager => Remedy::OtherSession(error.to_string()),
        DieselError::RollbackErrorOnCommit { commit_error, .. } => remedy(commit_error),
        other => Remedy::Tell(StoreError::Failed(other.to_string())),
    }
}

fn unavailable(message: &str) -> Remedy {
    Remedy::Tell(StoreError::Unavailable(message.to_owned()))
}

fn detailed(message: &str, details: Option<&str>) -> String {
    details.map_or_else(|| message.to_owned(), |details| format!("{message} ({details})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(kind: DatabaseErrorKind, message: &str) -> Remedy {
        PgError::from(DieselError::DatabaseError(kind, Box::new(message.to_owned()))).remedy()
    }

    #[test]
    fn what_passes_is_unavailable_what_was_in_the_way_is_tried_again_the_rest_failed() {
        let unknown = |message| met(DatabaseErrorKind::Unknown, message);
        for message in [
            "canceling statement due to lock timeout",
            "could not extend file \"base/1/2\": No space left on device",
        ] {
            assert!(matches!(unknown(message), Remedy::Tell(StoreError::Unavailable(_))), "{message}");
        }
        assert!(matches!(unknown("deadlock detected"), Remedy::Again(_)));
        assert!(matches!(met(DatabaseErrorKind::SerializationFailure, "x"), Remedy::Again(_)));
        for message in [
            "terminating connection due to administrator command",
            "the database system is shutting down",
            "cannot execute UPDATE in a read-only transaction",
        ] {
            assert!(matches!(unknown(message), Remedy::OtherSession(_)), "{message}");
        }
        assert!(matches!(met(DatabaseErrorKind::UniqueViolation, "x"), Remedy::Tell(StoreError::Failed(_))));
    }

    #[test]
    fn a_session_lost_at_the_commit_is_not_tried_again() {
        let lost = DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new("x".to_owned()));
        assert!(matches!(PgError::from(lost).at_commit().remedy(), Remedy::Tell(StoreError::Unavailable(_))));
    }
}
