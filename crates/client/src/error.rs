use crate::problem::{Problem, ProblemKind};

/// What this crate's functions give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request has no answer that it was made for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused, or could not.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// No answer came, or not all of it.
    #[error("the request got no answer")]
    Transport(#[source] reqwest::Error),
    /// A stream did not begin within the time-out.
    #[error("the stream did not begin in time")]
    Late,
    /// The answer is not what this version of the client knows.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// The client was told something that no request can be made of.
    #[error("{0}")]
    Unusable(String),
}

impl Error {
    /// The server's problem, where it answered with one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::Transport(_) | Self::Late | Self::Unreadable(_) | Self::Unusable(_) => None,
        }
    }

    /// Whether the server answered with a problem of this kind.
    pub fn is(&self, kind: ProblemKind) -> bool {
        self.problem().is_some_and(|problem| problem.kind() == kind)
    }

    /// The status of the server's answer, where it answered.
    pub fn status(&self) -> Option<u16> {
        self.problem().map(|problem| problem.status)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        // The URL may hold names of people, and logs are read by many.
        Self::Transport(error.without_url())
    }
}
