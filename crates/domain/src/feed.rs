//! Feeds: which activities, in which order.

use sha2::{Digest, Sha256};

use crate::{
    activity::Activity,
    cursor::Listing,
    id::{ActivityId, UserId},
    page::{Placed, Span},
    text::{Username, Verb},
    time::Timestamp,
};

/// The place of an activity in every feed: newest `published` first, then the greatest id. Greater positions come
/// first. As an id is there once, the order is total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// When it was published.
    pub published: Timestamp,
    /// Which it is.
    pub id: ActivityId,
}

impl Placed for Activity {
    type Place = Position;
    fn place(&self) -> Position {
        self.position()
    }
}

/// The three feeds of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeedKind {
    /// What the user posted.
    Own,
    /// What those posted whom the user follows: inside the windows of the follows, without those muted.
    Friends,
    /// What has the user as its target, without the activities of those whom a block, either way, stands between.
    Mentions,
}

impl FeedKind {
    /// The listing that cursors of this feed name.
    pub fn listing(self) -> Listing {
        match self {
            Self::Own => Listing::Own,
            Self::Friends => Listing::Friends,
            Self::Mentions => Listing::Mentions,
        }
    }
}

/// What of a feed is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FeedFilter {
    verbs: Vec<Verb>,
    include_self: bool,
}

impl FeedFilter {
    /// Any of these verbs (all verbs, where there are none), and in a friends feed one's own activities too.
    pub fn new(mut verbs: Vec<Verb>, include_self: bool) -> Self {
        verbs.sort();
        verbs.dedup();
        Self { verbs, include_self }
    }

    /// The verbs asked for, each once, in order; empty for all.
    pub fn verbs(&self) -> &[Verb] {
        &self.verbs
    }

    /// Whether a friends feed shows the user's own activities too.
    pub fn includes_self(&self) -> bool {
        self.include_self
    }

    /// Whether an activity with this verb is wanted.
    pub fn wants(&self, verb: &Verb) -> bool {
        self.verbs.is_empty() || self.verbs.binary_search(verb).is_ok()
    }

    /// A short name of this filter for cursors: the same filter, the same name.
    pub fn fingerprint(&self) -> [u8; 8] {
        let mut hash = Sha256::new();
        hash.update([u8::from(self.include_self)]);
        for verb in &self.verbs {
            hash.update(verb.as_str());
            hash.update([0]);
        }
        let mut short = [0; 8];
        short.copy_from_slice(&hash.finalize()[..8]);
        short
    }
}

/// What a store is asked for a page of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedQuery {
    /// Which feed.
    pub kind: FeedKind,
    /// Whose.
    pub owner: Username,
    /// What of it.
    pub filter: FeedFilter,
    /// From where, which way, how many.
    pub span: Span<Position>,
    /// How many items to pass over first, by their keys alone; only the numbered pages of the classic routes do.
    pub skip: u64,
    /// How much of each item is wanted.
    pub shape: Shape,
}

/// How much of each item of a feed a store is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The whole activity.
    #[default]
    Whole,
    /// An entry will do: whoever asks has the bodies, or knows where to get them. A store that reads whole activities
    /// anyway answers them.
    Entry,
}

/// What a store answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedSlice {
    /// Whose feed it is; cursors carry this id, so that they outlive a rename.
    pub owner: UserId,
    /// The position in the order of all changes that the slice includes. What came later may be in it as well.
    pub position: i64,
    /// At most `span.take` items in walking order: newest first going forward, oldest first going backward.
    pub items: Vec<FeedItem>,
}

impl FeedSlice {
    /// A slice of whole activities.
    pub fn whole(owner: UserId, position: i64, activities: Vec<Activity>) -> Self {
        Self { owner, position, items: activities.into_iter().map(FeedItem::from).collect() }
    }

    /// Its activities, where all of them came whole.
    pub fn into_whole(self) -> Option<Vec<Activity>> {
        let whole = |item| match item {
            FeedItem::Whole(activity) => Some(*activity),
            FeedItem::Entry(_) => None,
        };
        self.items.into_iter().map(whole).collect()
    }
}

/// A state that feeds were read from, told by a store that can compare it with a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedMark {
    /// Which copy of the store told it. Marks of different ones have nothing to do with each other.
    pub copy: u64,
    /// The position in the order of all changes that the state includes.
    pub position: i64,
}

/// An item of a feed, as much of it as was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedItem {
    /// Which activity it is, and what of it depends on other rows.
    Entry(FeedEntry),
    /// The activity.
    Whole(Box<Activity>),
}

/// What a feed knows of an activity without its body. Together with the body of that id and version it is all of it:
/// the names stand here, because they change without the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its place.
    pub position: Position,
    /// Which state of it.
    pub version: i32,
    /// Who did it.
    pub actor: Username,
    /// To or for whom.
    pub target: Option<Username>,
}

impl FeedItem {
    /// Which activity it is.
    pub fn id(&self) -> ActivityId {
        self.place().id
    }
}

impl From<Activity> for FeedItem {
    fn from(activity: Activity) -> Self {
        Self::Whole(Box::new(activity))
    }
}

impl Placed for FeedItem {
    type Place = Position;
    fn place(&self) -> Position {
        match self {
            Self::Entry(entry) => entry.position,
            Self::Whole(activity) => activity.position(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn filter(verbs: &[&str], include_self: bool) -> FeedFilter {
        FeedFilter::new(verbs.iter().map(|verb| Verb::parse(verb).unwrap()).collect(), include_self)
    }

    #[test]
    fn the_order_and_the_repetition_of_verbs_do_not_matter() {
        let one = filter(&["post", "like", "post"], false);
        let other = filter(&["like", "post"], false);
        assert_eq!(one, other);
        assert_eq!(one.fingerprint(), other.fingerprint());
        assert_eq!(one.verbs().len(), 2);
    }

    #[test]
    fn different_filters_have_different_fingerprints() {
        let verbs: [&[&str]; 7] = [&[], &["a"], &["b"], &["ab"], &["a", "b"], &["A"], &["a", "b", "ab"]];
        let filters = verbs.iter().flat_map(|verbs| [filter(verbs, false), filter(verbs, true)]);
        let seen: HashSet<_> = filters.map(|filter| filter.fingerprint()).collect();
        assert_eq!(seen.len(), 14);
    }

    #[test]
    fn a_filter_without_verbs_wants_all_of_them() {
        let like = Verb::parse("like").unwrap();
        assert!(FeedFilter::default().wants(&like));
        assert!(filter(&["post", "like"], false).wants(&like));
        assert!(!filter(&["post", "Like"], false).wants(&like));
    }

    #[test]
    fn a_later_activity_has_the_greater_position_and_of_equal_times_the_greater_id() {
        let position = |micros: i64, id: u128| Position {
            published: Timestamp::from_micros(micros).unwrap(),
            id: ActivityId::from_uuid(uuid::Uuid::from_u128(id)),
        };
        assert!(position(1, 9) < position(2, 1));
        assert!(position(2, 1) < position(2, 2));
    }
}
