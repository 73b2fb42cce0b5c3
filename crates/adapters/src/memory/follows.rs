//! Follows in memory.

use async_trait::async_trait;
use feed_me_domain::{
    Attempt, Follow, FollowFrom, FollowRequest, FollowSide, Keyed, LinkPlace, ListedFollow, Relationship,
    Span, StoreError, UnfollowRequest, Username,
    before::Before,
    follow::{Current, FollowStep, UnfollowStep},
    ports::{BatchFollowed, FollowRepository, Followed, FoundFollow, Owned, Unfollowed},
    sequence::{EventKind, Turn},
};

use super::{MemoryStore, links::EdgeRow, state::State};

#[async_trait]
impl FollowRepository for MemoryStore {
    async fn follow(
        &self,
        request: FollowRequest,
        keyed: Option<Keyed<Followed>>,
    ) -> Result<Attempt<Followed>, StoreError> {
        Ok(self.write_keyed(keyed, |state, turn| {
            follow(state, turn, &request.follower, &request.followee, request.from)
        }))
    }

    async fn unfollow(
        &self,
        request: UnfollowRequest,
        keyed: Option<Keyed<Unfollowed>>,
    ) -> Result<Attempt<Unfollowed>, StoreError> {
        Ok(self.write_keyed(keyed, |state, turn| unfollow(state, turn, &request)))
    }

    async fn follow_batch(
        &self,
        follower: &Username,
        follow_names: Vec<Username>,
        unfollow_names: Vec<Username>,
        keyed: Option<Keyed<Option<BatchFollowed>>>,
    ) -> Result<Attempt<Option<BatchFollowed>>, StoreError> {
        Ok(self.write_keyed(keyed, |state, turn| {
            state.key_of(follower)?;
            let followed =
                follow_names.iter().map(|name| follow(state, turn, follower, name, None)).collect();
            let end = |followee| {
                let request = UnfollowRequest { follower: follower.clone(), followee, keep_history: false };
                unfollow(state, turn, &request)
            };
            Some(BatchFollowed { followed, unfollowed: unfollow_names.into_iter().map(end).collect() })
        }))
    }

    async fn find(&self, follower: &Username, followee: &Username) -> Result<FoundFollow, StoreError> {
        let state = self.state.read();
        Ok(match state.keys_of(follower, followee) {
            Err(unknown) => FoundFollow::Unknown(unknown),
            Ok((one, other)) => match state.links.get(one, other).current {
                Some((current, _)) => FoundFollow::Follow(named(follower, followee, current)),
                None => FoundFollow::None,
            },
        })
    }

    async fn list(
        &self,
        owner: &Username,
        side: FollowSide,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<ListedFollow>>, StoreError> {
        let state = self.state.read();
        let Some(key) = state.key_of(owner) else { return Ok(None) };
        let lists = match side {
            FollowSide::Following => &state.links.following,
            FollowSide::Followers => &state.links.followers,
        };
        let items = lists.stretch(key, &span).into_iter().filter_map(|(place, other)| {
            let (follower, followee) = match side {
                FollowSide::Following => (key, other),
                FollowSide::Followers => (other, key),
            };
            let (current, _) = state.links.get(follower, followee).current?;
            let follow = named(&state.name_of(follower), &state.name_of(followee), current);
            Some(ListedFollow { follow, place })
        });
        Ok(Some(Owned { owner: state.users[&key].id, items: items.collect() }))
    }

    async fn relationships(
        &self,
        owner: &Username,
        with: &[Username],
    ) -> Result<Option<Vec<Relationship>>, StoreError> {
        let state = self.state.read();
        let Some(key) = state.key_of(owner) else { return Ok(None) };
        let known = with.iter().filter_map(|name| Some((name, state.key_of(name)?)));
        let standing = known.map(|(name, other)| Relationship {
            username: name.clone(),
            following: state.links.get(key, other).current.is_some(),
            followed_by: state.links.get(other, key).current.is_some(),
        });
        Ok(Some(standing.collect()))
    }
}

/// A follow with the names of its ends.
pub(super) fn named(follower: &Username, followee: &Username, current: Current) -> Follow {
    Follow {
        follower: follower.clone(),
        followee: followee.clone(),
        since: current.since,
        from: current.from,
    }
}

fn follow(
    state: &mut State,
    turn: &mut Turn<'_>,
    follower: &Username,
    followee: &Username,
    from: Option<FollowFrom>,
) -> Followed {
    let (one, other) = match state.keys_of(follower, followee) {
        Ok(keys) => keys,
        Err(unknown) => return Followed::Unknown(unknown),
    };
    if one == other {
        return Followed::Oneself;
    }
    if state.is_blocked(one, other) {
        return Followed::Blocked;
    }
    let stored = state.links.get(one, other);
    let edge = stored.edge();
    match edge.follow(from, turn.stamp()) {
        FollowStep::New(current) => {
            let order = turn.record(EventKind::FollowAdded, None, Some(one), Some(other));
            turn.note(Before::of_edge(&edge));
            state.links.set(one, other, EdgeRow { current: Some((current, order)), ..stored });
            Followed::Now(named(follower, followee, current))
        }
        FollowStep::Moved(current) => {
            turn.record(EventKind::FollowChanged, None, Some(one), Some(other));
            turn.note(Before::of_edge(&edge));
            let current_row = stored.current.map(|(_, order)| (current, order));
            state.links.set(one, other, EdgeRow { current: current_row, ..stored });
            Followed::Already(named(follower, followee, current))
        }
        FollowStep::Already(current) => Followed::Already(named(follower, followee, current)),
    }
}

fn unfollow(state: &mut State, turn: &mut Turn<'_>, request: &UnfollowRequest) -> Unfollowed {
    let (one, other) = match state.keys_of(&request.follower, &request.followee) {
        Ok(keys) => keys,
        Err(unknown) => return Unfollowed::Unknown(unknown),
    };
    let edge = state.links.get(one, other).edge();
    match edge.unfollow(request.keep_history, turn.stamp()) {
        UnfollowStep::NotThere => Unfollowed::NotThere,
        UnfollowStep::NoChange => Unfollowed::Ended,
        UnfollowStep::End { current: _, kept } => {
            state.links.set(one, other, EdgeRow { current: None, kept });
            turn.record(EventKind::FollowRemoved, None, Some(one), Some(other));
            turn.note(Before::of_edge(&edge));
            Unfollowed::Ended
        }
    }
}
