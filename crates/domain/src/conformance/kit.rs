//! Short ways to say what a promise needs: names, posts, follows, and what feeds show.

use std::{cmp::Ordering, fmt::Debug};

use super::world::World;
use crate::{
    activity::{Activity, NewActivity, Precondition},
    error::StoreError,
    feed::{FeedEntry, FeedFilter, FeedItem, FeedKind, FeedQuery, FeedSlice, Position, Shape},
    follow::{Follow, FollowFrom, FollowRequest, UnfollowRequest},
    given::Given,
    id::ActivityId,
    idempotency::{Attempt, Keyed, RequestKey, StoredAnswer},
    page::{Boundary, Direction, Span},
    ports::{Deleted, Followed, LoggedEvent, Posted, Related, Unfollowed, Unrelated, UserPut},
    relation::RelationKind,
    sequence::EventKind,
    text::{DisplayName, ExternalId, Object, Username, Verb},
    time::Timestamp,
    user::{PutUser, User, UserPatch},
};

/// Unwraps what a store answers; that it could not is no answer to any promise.
#[track_caller]
pub(super) fn done<T>(answered: Result<T, StoreError>) -> T {
    answered.unwrap_or_else(|error| panic!("{error}"))
}

/// Unwraps the outcome of a write that is carried out now.
#[track_caller]
pub(super) fn carried_out<T: Debug>(attempt: Result<Attempt<T>, StoreError>) -> T {
    match done(attempt) {
        Attempt::Done(outcome) => outcome,
        other => panic!("a write was not carried out: {other:?}"),
    }
}

#[track_caller]
fn valid<T, E: Debug>(parsed: Result<T, E>, raw: &str) -> T {
    parsed.unwrap_or_else(|error| panic!("{raw:?} is not valid: {error:?}"))
}

#[track_caller]
pub(super) fn name(raw: &str) -> Username {
    valid(Username::parse(raw), raw)
}

#[track_caller]
pub(super) fn verb(raw: &str) -> Verb {
    valid(Verb::parse(raw), raw)
}

#[track_caller]
pub(super) fn object(raw: &str) -> Object {
    valid(Object::parse(raw), raw)
}

#[track_caller]
pub(super) fn external(raw: &str) -> ExternalId {
    valid(ExternalId::parse(raw), raw)
}

#[track_caller]
pub(super) fn shown_as(raw: &str) -> DisplayName {
    valid(DisplayName::parse(raw), raw)
}

/// An activity to post: who, and what.
pub(super) fn doing(actor: &Username, what: &str) -> NewActivity {
    NewActivity {
        actor: actor.clone(),
        verb: verb(what),
        object: Given::Absent,
        target: Given::Absent,
        published: None,
        external_id: None,
        data: None,
    }
}

impl NewActivity {
    pub(super) fn to(self, target: &Username) -> Self {
        Self { target: Given::Value(target.clone()), ..self }
    }

    pub(super) fn at(self, published: Timestamp) -> Self {
        Self { published: Some(published), ..self }
    }

    pub(super) fn known_as(self, external_id: &str) -> Self {
        Self { external_id: Some(external(external_id)), ..self }
    }
}

/// An answer to store for any outcome that is `good`, naming `names`.
#[expect(clippy::unnecessary_wraps, reason = "in the form in which the ports take it")]
pub(super) fn keyed<T: Debug + 'static>(
    key: RequestKey,
    names: &[&Username],
    good: fn(&T) -> bool,
) -> Option<Keyed<T>> {
    let names: Vec<Username> = names.iter().map(|name| (*name).clone()).collect();
    let answer = move |outcome: &T| {
        good(outcome).then(|| StoredAnswer {
            status: 201,
            location: Some("/v1/somewhere".to_owned()),
            body: format!("{outcome:?}"),
            names: names.clone(),
        })
    };
    Some(Keyed { key, answer: Box::new(answer) })
}

/// The key of a request, by two words.
pub(super) fn request(scope: &str, content: &str) -> RequestKey {
    RequestKey::new(&[scope.as_bytes()], &[content.as_bytes()])
}

/// The order of feeds and of lists of links: greatest first.
pub(super) fn newest_first<K: Ord>(one: &K, other: &K) -> Ordering {
    other.cmp(one)
}

/// What a store has to answer for a span of `all`, which stands in the order of the listing.
pub(super) fn expected_span<'a, T, K>(
    all: &'a [T],
    span: &Span<K>,
    place: impl Fn(&T) -> K,
    order: impl Fn(&K, &K) -> Ordering,
) -> Vec<&'a T> {
    let gap = match &span.boundary {
        Boundary::Top => 0,
        Boundary::Before(here) => all.iter().filter(|item| order(&place(item), here).is_lt()).count(),
        Boundary::After(here) => all.iter().filter(|item| order(&place(item), here).is_le()).count(),
        Boundary::End => all.len(),
    };
    match span.direction {
        Direction::Forward => all[gap..].iter().take(span.take).collect(),
        Direction::Backward => all[..gap].iter().rev().take(span.take).collect(),
    }
}

/// Every way to stand at the places given and at both ends, in both directions, for short and long stretches.
pub(super) fn spans<K: Clone>(places: &[K]) -> Vec<Span<K>> {
    let mut boundaries = vec![Boundary::Top, Boundary::End];
    for place in places {
        boundaries.extend([Boundary::Before(place.clone()), Boundary::After(place.clone())]);
    }
    let mut spans = Vec::new();
    for boundary in boundaries {
        for direction in [Direction::Forward, Direction::Backward] {
            for take in [1, 3, 200] {
                spans.push(Span { boundary: boundary.clone(), direction, take });
            }
        }
    }
    spans
}

pub(super) fn ids(activities: &[Activity]) -> Vec<ActivityId> {
    activities.iter().map(|activity| activity.id).collect()
}

impl World {
    pub(super) async fn user(&self, raw: &str) -> Username {
        let username = name(raw);
        let wish = PutUser { username: username.clone(), display_name: Given::Absent };
        match done(self.stores.users.put(wish).await) {
            UserPut::Created(_) => username,
            UserPut::Updated(_) => panic!("there is a user named '{username}' already"),
        }
    }

    pub(super) async fn users<const N: usize>(&self, raw: [&str; N]) -> [Username; N] {
        for raw in raw {
            self.user(raw).await;
        }
        raw.map(name)
    }

    /// The user of a name that somebody has.
    pub(super) async fn found(&self, username: &Username) -> User {
        let found = done(self.stores.users.find(username).await);
        found.unwrap_or_else(|| panic!("there is no user named '{username}'"))
    }

    pub(super) async fn rename(&self, username: &Username, new: &str) -> Username {
        let new = name(new);
        let patch = UserPatch { username: Some(new.clone()), display_name: Given::Absent };
        match done(self.stores.users.edit(username, patch).await) {
            crate::ports::UserEdited::Edited(user) => user.username,
            other => panic!("renaming '{username}' to '{new}' answers {other:?}"),
        }
    }

    pub(super) async fn erase(&self, username: &Username) -> crate::user::Erasure {
        let erased = done(self.stores.users.erase(username).await);
        erased.unwrap_or_else(|| panic!("there is no user named '{username}' to erase"))
    }

    /// Posts what has to be stored.
    pub(super) async fn post(&self, activity: NewActivity) -> Activity {
        match self.try_post(activity).await {
            Posted::Created(activity) => activity,
            other => panic!("a post answers {other:?}"),
        }
    }

    pub(super) async fn try_post(&self, activity: NewActivity) -> Posted {
        carried_out(self.stores.activities.post(activity, None).await)
    }

    pub(super) async fn delete(&self, id: ActivityId) {
        let deleted = done(self.stores.activities.delete(id, Precondition::None).await);
        assert_eq!(deleted, Deleted::Deleted, "deleting the activity {id}");
    }

    pub(super) async fn activity(&self, id: ActivityId) -> Option<Activity> {
        done(self.stores.activities.find(id).await)
    }

    /// Follows, which has to be new.
    pub(super) async fn follow(&self, follower: &Username, followee: &Username) -> Follow {
        self.follow_from(follower, followee, FollowFrom::Beginning).await
    }

    pub(super) async fn follow_from(
        &self,
        follower: &Username,
        followee: &Username,
        from: FollowFrom,
    ) -> Follow {
        match self.try_follow(follower, followee, Some(from)).await {
            Followed::Now(follow) => follow,
            other => panic!("'{follower}' following '{followee}' answers {other:?}"),
        }
    }

    pub(super) async fn try_follow(
        &self,
        follower: &Username,
        followee: &Username,
        from: Option<FollowFrom>,
    ) -> Followed {
        let request = FollowRequest { follower: follower.clone(), followee: followee.clone(), from };
        carried_out(self.stores.follows.follow(request, None).await)
    }

    pub(super) async fn unfollow(
        &self,
        follower: &Username,
        followee: &Username,
        keep_history: bool,
    ) -> Unfollowed {
        let (follower, followee) = (follower.clone(), followee.clone());
        let request = UnfollowRequest { follower, followee, keep_history };
        carried_out(self.stores.follows.unfollow(request, None).await)
    }

    pub(super) async fn relate(&self, kind: RelationKind, owner: &Username, other: &Username) -> Related {
        done(self.stores.relations.add(kind, owner, other).await)
    }

    pub(super) async fn block(&self, owner: &Username, other: &Username) {
        let related = self.relate(RelationKind::Block, owner, other).await;
        assert!(matches!(related, Related::Now(_)), "'{owner}' blocking '{other}' answers {related:?}");
    }

    pub(super) async fn mute(&self, owner: &Username, other: &Username) {
        let related = self.relate(RelationKind::Mute, owner, other).await;
        assert!(matches!(related, Related::Now(_)), "'{owner}' muting '{other}' answers {related:?}");
    }

    pub(super) async fn end(&self, kind: RelationKind, owner: &Username, other: &Username) {
        let ended = done(self.stores.relations.remove(kind, owner, other).await);
        assert_eq!(ended, Unrelated::Ended, "ending {kind:?} of '{other}' by '{owner}'");
    }

    pub(super) async fn slice(
        &self,
        kind: FeedKind,
        owner: &Username,
        filter: &FeedFilter,
        span: Span<Position>,
    ) -> Vec<Activity> {
        let (owner, filter) = (owner.clone(), filter.clone());
        let query = FeedQuery { kind, owner, filter, span, skip: 0, shape: Shape::Entry };
        self.page(query).await.unwrap_or_else(|| panic!("there is no such feed"))
    }

    /// Asks for a page in both shapes, which have to agree, and answers whole activities.
    pub(super) async fn page(&self, query: FeedQuery) -> Option<Vec<Activity>> {
        let slice: Option<FeedSlice> = done(self.stores.feeds.page(&query).await);
        let whole = FeedQuery { shape: Shape::Whole, ..query };
        let whole: Option<FeedSlice> = done(self.stores.feeds.page(&whole).await);
        assert_eq!(slice.as_ref().map(|slice| slice.owner), whole.as_ref().map(|slice| slice.owner));
        let whole = whole?
            .into_whole()
            .unwrap_or_else(|| panic!("asked for whole activities, a store answers entries"));
        let entry = |activity: &Activity| FeedEntry {
            position: activity.position(),
            version: activity.version,
            actor: activity.actor.clone(),
            target: activity.target.clone(),
        };
        let entries: Vec<FeedEntry> = slice?
            .items
            .into_iter()
            .map(|item| match item {
                FeedItem::Entry(entry) => entry,
                FeedItem::Whole(activity) => entry(&activity),
            })
            .collect();
        assert_eq!(entries, whole.iter().map(entry).collect::<Vec<_>>(), "entries and whole activities");
        Some(whole)
    }

    /// All of a feed, newest first.
    pub(super) async fn feed(&self, kind: FeedKind, owner: &Username) -> Vec<Activity> {
        self.filtered(kind, owner, &FeedFilter::default()).await
    }

    pub(super) async fn filtered(
        &self,
        kind: FeedKind,
        owner: &Username,
        filter: &FeedFilter,
    ) -> Vec<Activity> {
        let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 5000 };
        self.slice(kind, owner, filter, span).await
    }

    /// The verbs of a friends feed, newest first: enough to tell activities apart in a promise.
    pub(super) async fn friends(&self, owner: &Username) -> Vec<String> {
        verbs(&self.feed(FeedKind::Friends, owner).await)
    }

    /// The verbs of a mentions feed, newest first.
    pub(super) async fn mentions(&self, owner: &Username) -> Vec<String> {
        verbs(&self.feed(FeedKind::Mentions, owner).await)
    }

    /// The verbs of an own feed, newest first.
    pub(super) async fn own(&self, owner: &Username) -> Vec<String> {
        verbs(&self.feed(FeedKind::Own, owner).await)
    }

    /// Walks all of a feed in stretches of `take`; newest first in the end, whichever way it went.
    pub(super) async fn walk(
        &self,
        kind: FeedKind,
        owner: &Username,
        filter: &FeedFilter,
        take: usize,
        direction: Direction,
    ) -> Vec<Activity> {
        let mut all: Vec<Activity> = Vec::new();
        loop {
            let boundary = match (direction, all.last()) {
                (Direction::Forward, None) => Boundary::Top,
                (Direction::Forward, Some(last)) => Boundary::After(last.position()),
                (Direction::Backward, None) => Boundary::End,
                (Direction::Backward, Some(last)) => Boundary::Before(last.position()),
            };
            let slice = self.slice(kind, owner, filter, Span { boundary, direction, take }).await;
            assert!(
                slice.len() <= take,
                "{} activities were answered where {take} were asked for",
                slice.len()
            );
            let is_last = slice.len() < take;
            all.extend(slice);
            assert!(all.len() <= 100_000, "the {kind:?} feed of '{owner}' never ends");
            if is_last {
                break;
            }
        }
        if direction == Direction::Backward {
            all.reverse();
        }
        all
    }

    /// The position of the last event.
    pub(super) async fn position(&self) -> i64 {
        done(self.stores.events.extent().await).last
    }

    pub(super) async fn events_after(&self, position: i64) -> Vec<LoggedEvent> {
        done(self.stores.events.after(position, 100_000).await)
    }

    pub(super) async fn kinds_after(&self, position: i64) -> Vec<EventKind> {
        self.events_after(position).await.iter().map(|event| event.kind).collect()
    }
}

pub(super) fn verbs(activities: &[Activity]) -> Vec<String> {
    activities.iter().map(|activity| activity.verb.as_str().to_owned()).collect()
}
