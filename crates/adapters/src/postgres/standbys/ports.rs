//! The ports, with standbys before some of their reads: feeds, lists, and the bodies of activities.
//!
//! Everything else asks the primary: what names, keys and ids are looked up for decides rights and writes, and marks of
//! notifications are no part of the log, so no position tells whether a standby has them.

use std::sync::Arc;

use async_trait::async_trait;
use feed_me_domain::{
    Activity, ActivityId, ActivityPatch, Attempt, Erasure, ExternalId, FeedQuery, FeedSlice, FollowRequest,
    Keyed, LinkPlace, ListedFollow, NewActivity, Precondition, PutUser, Relation, RelationKind, Relationship,
    Span, StoreError, Timestamp, UnfollowRequest, User, UserPatch, Username,
    follow::FollowSide,
    ports::{
        ActivityRepository, Atomicity, BatchFollowed, BatchPosted, Deleted, Edited, EventLog, Explained,
        FeedRepository, FollowRepository, Followed, FoundFollow, LogExtent, LoggedEvent, Owned, Posted,
        Related, RelationRepository, Stores, Unfollowed, Unrelated, UserEdited, UserPut, UserRepository,
    },
};

use super::Standbys;

/// A port some of whose reads may go to standbys.
struct Reading<P: ?Sized> {
    port: Arc<P>,
    standbys: Arc<Standbys>,
}

/// The same stores with standbys before their reads.
pub(super) fn over(stores: &Stores, standbys: &Arc<Standbys>) -> Stores {
    fn reading<P: ?Sized>(port: &Arc<P>, standbys: &Arc<Standbys>) -> Arc<Reading<P>> {
        Arc::new(Reading { port: port.clone(), standbys: standbys.clone() })
    }
    Stores {
        users: reading(&stores.users, standbys),
        activities: reading(&stores.activities, standbys),
        follows: reading(&stores.follows, standbys),
        relations: reading(&stores.relations, standbys),
        feeds: reading(&stores.feeds, standbys),
        events: reading(&stores.events, standbys),
        ..stores.clone()
    }
}

#[async_trait]
impl FeedRepository for Reading<dyn FeedRepository> {
    async fn page(&self, query: &FeedQuery) -> Result<Option<FeedSlice>, StoreError> {
        self.standbys.read(move |store| async move { store.page(query).await }).await
    }

    async fn explain(&self, viewer: &Username, activity: ActivityId) -> Result<Explained, StoreError> {
        self.standbys.read(move |store| async move { store.explain(viewer, activity).await }).await
    }
}

#[async_trait]
impl EventLog for Reading<dyn EventLog> {
    async fn after(&self, position: i64, take: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        self.port.after(position, take).await
    }

    async fn extent(&self) -> Result<LogExtent, StoreError> {
        self.port.extent().await
    }

    async fn reached(&self) -> Result<i64, StoreError> {
        self.port.reached().await
    }

    fn last_committed(&self) -> Option<i64> {
        self.port.last_committed()
    }

    async fn grown(&self, after: i64) {
        self.port.grown(after).await;
    }

    fn require(&self, position: i64) {
        self.standbys.require(position);
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        self.port.trim(before, take).await
    }
}

#[async_trait]
impl UserRepository for Reading<dyn UserRepository> {
    async fn put(&self, user: PutUser) -> Result<UserPut, StoreError> {
        self.port.put(user).await
    }

    async fn find(&self, username: &Username) -> Result<Option<User>, StoreError> {
        self.port.find(username).await
    }

    async fn unknown(&self, names: &[Username]) -> Result<Vec<Username>, StoreError> {
        self.port.unknown(names).await
    }

    async fn edit(&self, username: &Username, patch: UserPatch) -> Result<UserEdited, StoreError> {
        self.port.edit(username, patch).await
    }

    async fn erase(&self, username: &Username) -> Result<Option<Erasure>, StoreError> {
        self.port.erase(username).await
    }

    async fn list(&self, prefix: &str, span: Span<Username>) -> Result<Vec<User>, StoreError> {
        let span = &span;
        self.standbys
            .read(move |store| async move { UserRepository::list(&store, prefix, span.clone()).await })
            .await
    }
}

#[async_trait]
impl ActivityRepository for Reading<dyn ActivityRepository> {
    async fn post(
        &self,
        activity: NewActivity,
        keyed: Option<Keyed<Posted>>,
    ) -> Result<Attempt<Posted>, StoreError> {
        self.port.post(activity, keyed).await
    }

    async fn post_batch(
        &self,
        activities: Vec<NewActivity>,
        atomicity: Atomicity,
        keyed: Option<Keyed<BatchPosted>>,
    ) -> Result<Attempt<BatchPosted>, StoreError> {
        self.port.post_batch(activities, atomicity, keyed).await
    }

    async fn find(&self, id: ActivityId) -> Result<Option<Activity>, StoreError> {
        self.port.find(id).await
    }

    async fn find_many(&self, ids: &[ActivityId]) -> Result<Vec<Activity>, StoreError> {
        self.standbys.read(move |store| async move { ActivityRepository::find_many(&store, ids).await }).await
    }

    async fn find_external(
        &self,
        actor: &Username,
        external_id: &ExternalId,
    ) -> Result<Option<Activity>, StoreError> {
        self.port.find_external(actor, external_id).await
    }

    async fn edit(
        &self,
        id: ActivityId,
        patch: ActivityPatch,
        precondition: Precondition,
    ) -> Result<Edited, StoreError> {
        self.port.edit(id, patch, precondition).await
    }

    async fn delete(&self, id: ActivityId, precondition: Precondition) -> Result<Deleted, StoreError> {
        self.port.delete(id, precondition).await
    }
}

#[async_trait]
impl FollowRepository for Reading<dyn FollowRepository> {
    async fn follow(
        &self,
        request: FollowRequest,
        keyed: Option<Keyed<Followed>>,
    ) -> Result<Attempt<Followed>, StoreError> {
        self.port.follow(request, keyed).await
    }

    async fn unfollow(
        &self,
        request: UnfollowRequest,
        keyed: Option<Keyed<Unfollowed>>,
    ) -> Result<Attempt<Unfollowed>, StoreError> {
        self.port.unfollow(request, keyed).await
    }

    async fn follow_batch(
        &self,
        follower: &Username,
        follow: Vec<Username>,
        unfollow: Vec<Username>,
        keyed: Option<Keyed<Option<BatchFollowed>>>,
    ) -> Result<Attempt<Option<BatchFollowed>>, StoreError> {
        self.port.follow_batch(follower, follow, unfollow, keyed).await
    }

    async fn find(&self, follower: &Username, followee: &Username) -> Result<FoundFollow, StoreError> {
        self.port.find(follower, followee).await
    }

    async fn list(
        &self,
        owner: &Username,
        side: FollowSide,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<ListedFollow>>, StoreError> {
        self.standbys
            .read(move |store| async move { FollowRepository::list(&store, owner, side, span).await })
            .await
    }

    async fn relationships(
        &self,
        owner: &Username,
        with: &[Username],
    ) -> Result<Option<Vec<Relationship>>, StoreError> {
        self.standbys
            .read(move |store| async move { FollowRepository::relationships(&store, owner, with).await })
            .await
    }
}

#[async_trait]
impl RelationRepository for Reading<dyn RelationRepository> {
    async fn add(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Related, StoreError> {
        self.port.add(kind, owner, other).await
    }

    async fn remove(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Unrelated, StoreError> {
        self.port.remove(kind, owner, other).await
    }

    async fn list(
        &self,
        kind: RelationKind,
        owner: &Username,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<Relation>>, StoreError> {
        self.standbys
            .read(move |store| async move { RelationRepository::list(&store, kind, owner, span).await })
            .await
    }
}
