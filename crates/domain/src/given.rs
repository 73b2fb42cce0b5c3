//! Members of a request that may be absent, null or a value, which are three different wishes.

/// What a client said about one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Given<T> {
    /// Nothing: leave it, or take the default.
    #[default]
    Absent,
    /// An explicit null: clear it.
    Null,
    /// This value.
    Value(T),
}

impl<T> Given<T> {
    /// The value, where there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Whether the client said anything.
    pub fn is_given(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// Looks at the value without taking it.
    pub fn as_ref(&self) -> Given<&T> {
        match self {
            Self::Absent => Given::Absent,
            Self::Null => Given::Null,
            Self::Value(value) => Given::Value(value),
        }
    }

    /// What is kept after this wish, when `stored` was there before.
    pub fn applied_to(self, stored: Option<T>) -> Option<T> {
        match self {
            Self::Absent => stored,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    /// Whether the wish, where there is one, is what `stored` already says.
    pub fn agrees_with(&self, stored: Option<&T>) -> bool
    where
        T: PartialEq,
    {
        match self {
            Self::Absent => true,
            Self::Null => stored.is_none(),
            Self::Value(value) => stored == Some(value),
        }
    }
}
