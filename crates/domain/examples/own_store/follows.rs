//! Follows in the notebook.

use async_trait::async_trait;
use feed_me_domain::{
    Attempt, Follow, FollowFrom, FollowRequest, FollowSide, Keyed, LinkPlace, ListedFollow, Placed,
    Relationship, Span, StoreError, UnfollowRequest, Username,
    follow::{Current, Edge, FollowStep, UnfollowStep},
    ports::{BatchFollowed, FollowRepository, Followed, FoundFollow, Owned, Unfollowed},
    sequence::{EventKind, Turn},
};

use crate::notebook::{Notebook, Pages, stretch};

#[async_trait]
impl FollowRepository for Notebook {
    async fn follow(
        &self,
        request: FollowRequest,
        keyed: Option<Keyed<Followed>>,
    ) -> Result<Attempt<Followed>, StoreError> {
        let FollowRequest { follower, followee, from } = request;
        Ok(self.write_keyed(keyed, |pages, turn| follow(pages, turn, &follower, &followee, from)))
    }

    async fn unfollow(
        &self,
        request: UnfollowRequest,
        keyed: Option<Keyed<Unfollowed>>,
    ) -> Result<Attempt<Unfollowed>, StoreError> {
        let UnfollowRequest { follower, followee, keep_history } = request;
        Ok(self.write_keyed(keyed, |pages, turn| unfollow(pages, turn, &follower, &followee, keep_history)))
    }

    async fn follow_batch(
        &self,
        follower: &Username,
        to_follow: Vec<Username>,
        to_unfollow: Vec<Username>,
        keyed: Option<Keyed<Option<BatchFollowed>>>,
    ) -> Result<Attempt<Option<BatchFollowed>>, StoreError> {
        Ok(self.write_keyed(keyed, |pages, turn| {
            pages.key(follower)?;
            let begin = |name| follow(pages, turn, follower, name, None);
            let followed = to_follow.iter().map(begin).collect();
            let end = |name| unfollow(pages, turn, follower, name, false);
            let unfollowed = to_unfollow.iter().map(end).collect();
            Some(BatchFollowed { followed, unfollowed })
        }))
    }

    async fn find(&self, follower: &Username, followee: &Username) -> Result<FoundFollow, StoreError> {
        let pages = self.read();
        Ok(match (pages.keys(follower, followee), pages.edge(follower, followee).current) {
            (Err(unknown), _) => FoundFollow::Unknown(unknown),
            (Ok(_), Some(current)) => FoundFollow::Follow(named(follower, followee, current)),
            (Ok(_), None) => FoundFollow::None,
        })
    }

    async fn list(
        &self,
        owner: &Username,
        side: FollowSide,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<ListedFollow>>, StoreError> {
        let pages = self.read();
        let Some(user) = pages.user(owner) else { return Ok(None) };
        let of_owner = pages.links.iter().filter(|link| match side {
            FollowSide::Following => link.follower == *owner,
            FollowSide::Followers => link.followee == *owner,
        });
        let mut all: Vec<ListedFollow> = of_owner
            .filter_map(|link| {
                let follow = named(&link.follower, &link.followee, link.edge.current?);
                Some(ListedFollow { follow, place: link.place()? })
            })
            .collect();
        all.sort_by_key(|item| std::cmp::Reverse(item.place));
        let items = stretch(all, &span, Placed::place, |one, other| other.cmp(one));
        Ok(Some(Owned { owner: user.id, items }))
    }

    async fn relationships(
        &self,
        owner: &Username,
        with: &[Username],
    ) -> Result<Option<Vec<Relationship>>, StoreError> {
        let pages = self.read();
        let known = with.iter().filter(|name| pages.key(name).is_some());
        let told = known.map(|other| Relationship {
            username: other.clone(),
            following: pages.edge(owner, other).current.is_some(),
            followed_by: pages.edge(other, owner).current.is_some(),
        });
        Ok(pages.key(owner).map(|_| told.collect()))
    }
}

pub(crate) fn named(follower: &Username, followee: &Username, current: Current) -> Follow {
    let (follower, followee) = (follower.clone(), followee.clone());
    Follow { follower, followee, since: current.since, from: current.from }
}

fn follow(
    pages: &mut Pages,
    turn: &mut Turn<'_>,
    follower: &Username,
    followee: &Username,
    from: Option<FollowFrom>,
) -> Followed {
    let (one, other) = match pages.keys(follower, followee) {
        Ok(keys) => keys,
        Err(unknown) => return Followed::Unknown(unknown),
    };
    if one == other {
        return Followed::Oneself;
    }
    if pages.is_blocked(follower, followee) {
        return Followed::Blocked;
    }
    let edge = pages.edge(follower, followee);
    // The domain knows what the wish means; the store writes it down.
    let (kind, current) = match edge.follow(from, turn.stamp()) {
        FollowStep::Already(current) => return Followed::Already(named(follower, followee, current)),
        FollowStep::Moved(current) => (EventKind::FollowChanged, current),
        FollowStep::New(current) => (EventKind::FollowAdded, current),
    };
    let position = turn.record(kind, None, Some(one), Some(other));
    let is_new = kind == EventKind::FollowAdded;
    let order = match pages.link(follower, followee) {
        Some(link) if !is_new => link.order,
        _ => position,
    };
    pages.set_edge(follower, followee, Edge { current: Some(current), ..edge }, order);
    let follow = named(follower, followee, current);
    if is_new { Followed::Now(follow) } else { Followed::Already(follow) }
}

fn unfollow(
    pages: &mut Pages,
    turn: &mut Turn<'_>,
    follower: &Username,
    followee: &Username,
    keep_history: bool,
) -> Unfollowed {
    let (one, other) = match pages.keys(follower, followee) {
        Ok(keys) => keys,
        Err(unknown) => return Unfollowed::Unknown(unknown),
    };
    match pages.edge(follower, followee).unfollow(keep_history, turn.stamp()) {
        UnfollowStep::NotThere => Unfollowed::NotThere,
        UnfollowStep::NoChange => Unfollowed::Ended,
        UnfollowStep::End { current: _, kept } => {
            turn.record(EventKind::FollowRemoved, None, Some(one), Some(other));
            pages.set_edge(follower, followee, Edge { current: None, kept }, 0);
            Unfollowed::Ended
        }
    }
}
