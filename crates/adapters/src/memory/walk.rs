//! Walking ordered structures from a boundary, either way.

use std::{
    collections::{BTreeMap, BinaryHeap},
    ops::Bound,
};

use feed_me_domain::{Boundary, Direction, Span};

/// Where a walk sets out, on the side that it walks away from; none where nothing lies ahead.
pub(super) fn start<K: Clone>(boundary: &Boundary<K>, direction: Direction) -> Option<Bound<K>> {
    match (direction, boundary) {
        (Direction::Forward, Boundary::Top) | (Direction::Backward, Boundary::End) => Some(Bound::Unbounded),
        (Direction::Forward, Boundary::Before(place)) | (Direction::Backward, Boundary::After(place)) => {
            Some(Bound::Included(place.clone()))
        }
        (Direction::Forward, Boundary::After(place)) | (Direction::Backward, Boundary::Before(place)) => {
            Some(Bound::Excluded(place.clone()))
        }
        (Direction::Forward, Boundary::End) | (Direction::Backward, Boundary::Top) => None,
    }
}

/// A stretch of a listing that has the greatest key first, in walking order.
pub(super) fn descending<'a, K: Ord + Clone, V>(
    list: &'a BTreeMap<K, V>,
    span: &Span<K>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    let start = start(&span.boundary, span.direction);
    let ahead: Option<Box<dyn Iterator<Item = (&'a K, &'a V)>>> = start.map(|start| match span.direction {
        Direction::Forward => {
            Box::new(list.range((Bound::Unbounded, start)).rev()) as Box<dyn Iterator<Item = _>>
        }
        Direction::Backward => Box::new(list.range((start, Bound::Unbounded))),
    });
    ahead.into_iter().flatten().take(span.take)
}

/// The upper bound that admits less.
pub(super) fn lower_of<K: Ord>(one: Bound<K>, other: Bound<K>) -> Bound<K> {
    tighter(one, other, |one, other| one < other)
}

/// The lower bound that admits less.
pub(super) fn higher_of<K: Ord>(one: Bound<K>, other: Bound<K>) -> Bound<K> {
    tighter(one, other, |one, other| other < one)
}

fn tighter<K: Ord>(one: Bound<K>, other: Bound<K>, is_tighter: impl Fn(&K, &K) -> bool) -> Bound<K> {
    match (&one, &other) {
        (Bound::Unbounded, _) => other,
        (_, Bound::Unbounded) => one,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
            if is_tighter(a, b) || (a == b && matches!(one, Bound::Excluded(_))) { one } else { other }
        }
    }
}

/// Merges sources, each in the order of falling `rank`, into one in that order.
pub(super) fn merge<'a, T, K>(
    sources: Vec<Box<dyn Iterator<Item = T> + 'a>>,
    rank: impl Fn(&T) -> K + 'a,
) -> impl Iterator<Item = T> + 'a
where
    T: Copy + 'a,
    K: Ord + 'a,
{
    let mut sources = sources;
    let mut heads = BinaryHeap::with_capacity(sources.len());
    let mut waiting: Vec<Option<T>> = Vec::with_capacity(sources.len());
    for (index, source) in sources.iter_mut().enumerate() {
        let head = source.next();
        heads.extend(head.as_ref().map(|head| (rank(head), index)));
        waiting.push(head);
    }
    std::iter::from_fn(move || {
        let (_, index) = heads.pop()?;
        let next = sources[index].next();
        heads.extend(next.as_ref().map(|next| (rank(next), index)));
        std::mem::replace(&mut waiting[index], next)
    })
}
