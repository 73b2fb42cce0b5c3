//! How a stretch of a listing that stands newest first is asked for in SQL.

use feed_me_domain::{Boundary, Direction, Span};

/// A comparison with a place, and the order of the rows.
pub(crate) struct Walk<T> {
    /// `<`, `<=`, `>` or `>=`.
    pub(crate) compare: &'static str,
    /// What is compared with.
    pub(crate) from: T,
    /// `asc` or `desc`.
    pub(crate) order: &'static str,
}

/// The walk of a span, where places lie between `least` and `greatest`. None where it stands at its end already.
pub(crate) fn walk<K: Copy, T>(
    span: &Span<K>,
    [least, greatest]: [T; 2],
    place: impl Fn(K) -> T,
) -> Option<Walk<T>> {
    let (compare, from) = match (span.direction, span.boundary) {
        (Direction::Forward, Boundary::End) | (Direction::Backward, Boundary::Top) => return None,
        (Direction::Forward, Boundary::Top) => ("<=", greatest),
        (Direction::Backward, Boundary::End) => (">=", least),
        (Direction::Forward, Boundary::Before(here)) => ("<=", place(here)),
        (Direction::Forward, Boundary::After(here)) => ("<", place(here)),
        (Direction::Backward, Boundary::Before(here)) => (">", place(here)),
        (Direction::Backward, Boundary::After(here)) => (">=", place(here)),
    };
    Some(Walk { compare, from, order: if span.direction == Direction::Forward { "desc" } else { "asc" } })
}
