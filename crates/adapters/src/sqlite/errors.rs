use diesel::result::Error;
use feed_me_domain::error::StoreError;

/// What may go wrong inside a read or write.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Database(#[from] Error),
    /// A stored value that is none.
    #[error("{0}")]
    Stored(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Trouble {
    /// A column holds what it never should.
    pub(super) fn stored(column: &str, what: impl std::fmt::Display) -> Self {
        Self::Stored(format!("the stored {column} is not valid: {what}"))
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Database(error) if passes(&error) => Self::Unavailable(error.to_string()),
            Trouble::Store(error) => error,
            other => {
                tracing::error!(error = %other, "SQLite failed");
                Self::Failed(other.to_string())
            }
        }
    }
}

/// Whether asking again later may work. The driver keeps SQLite's text and not its code, so the texts of the codes BUSY,
/// LOCKED, FULL, READONLY, IOERR, CANTOPEN, PROTOCOL and NOMEM decide.
fn passes(error: &Error) -> bool {
    const TEXTS: [&str; 8] = [
        "database is locked",
        "database table is locked",
        "database or disk is full",
        "attempt to write a readonly database",
        "disk I/O error",
        "unable to open database file",
        "locking protocol",
        "out of memory",
    ];
    match error {
        Error::DatabaseError(_, information) => {
            TEXTS.iter().any(|text| information.message().starts_with(text))
        }
        Error::BrokenTransactionManager | Error::RollbackErrorOnCommit { .. } => true,
        _ => false,
    }
}
