//! The ports that write, with the index behind each: a write is in the index before its answer goes out.

use std::sync::Arc;

use async_trait::async_trait;
use feed_me_domain::{
    Activity, ActivityId, ActivityPatch, Attempt, Erasure, ExternalId, FollowRequest, Keyed, LinkPlace,
    ListedFollow, NewActivity, Precondition, PutUser, Relation, RelationKind, Relationship, Span, StoreError,
    Timestamp, UnfollowRequest, User, UserKey, UserPatch, Username,
    follow::{Follow, FollowSide},
    ports::{
        ActivityRepository, Atomicity, BatchFollowed, BatchPosted, Deleted, DevelopmentRepository, Edited,
        ExportSink, Fixture, FollowRepository, Followed, FoundFollow, Owned, Posted, Related,
        RelationRepository, ResetDone, Stores, TransferRepository, Unfollowed, Unrelated, UserEdited,
        UserPut, UserRepository,
    },
    transfer::{Imported, OnBadRecord, Record},
};

use super::FeedIndex;

/// A port whose writes the index takes in.
struct Noting<P: ?Sized> {
    port: Arc<P>,
    index: Arc<FeedIndex>,
}

/// The same stores with the index before their feeds and behind their writes.
pub(super) fn noting(stores: &Stores, index: &Arc<FeedIndex>) -> Stores {
    fn behind<P: ?Sized>(port: &Arc<P>, index: &Arc<FeedIndex>) -> Arc<Noting<P>> {
        Arc::new(Noting { port: port.clone(), index: index.clone() })
    }
    Stores {
        users: behind(&stores.users, index),
        activities: behind(&stores.activities, index),
        follows: behind(&stores.follows, index),
        relations: behind(&stores.relations, index),
        transfer: behind(&stores.transfer, index),
        development: behind(&stores.development, index),
        feeds: index.clone(),
        events: index.clone(),
        ..stores.clone()
    }
}

impl<P: ?Sized> Noting<P> {
    /// Passes the outcome of a write on when the index has taken the write in. One that failed is answered at once: while
    /// the database is away the index cannot get any further, and what is stored of it all the same is seen in the log.
    async fn noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if outcome.is_ok() {
            self.index.note().await;
        }
        outcome
    }
}

#[async_trait]
impl UserRepository for Noting<dyn UserRepository> {
    async fn put(&self, user: PutUser) -> Result<UserPut, StoreError> {
        self.noted(self.port.put(user).await).await
    }

    async fn find(&self, username: &Username) -> Result<Option<User>, StoreError> {
        self.port.find(username).await
    }

    async fn unknown(&self, names: &[Username]) -> Result<Vec<Username>, StoreError> {
        self.port.unknown(names).await
    }

    async fn edit(&self, username: &Username, patch: UserPatch) -> Result<UserEdited, StoreError> {
        self.noted(self.port.edit(username, patch).await).await
    }

    async fn erase(&self, username: &Username) -> Result<Option<Erasure>, StoreError> {
        self.noted(self.port.erase(username).await).await
    }

    async fn list(&self, prefix: &str, span: Span<Username>) -> Result<Vec<User>, StoreError> {
        self.port.list(prefix, span).await
    }
}

#[async_trait]
impl ActivityRepository for Noting<dyn ActivityRepository> {
    async fn post(
        &self,
        activity: NewActivity,
        keyed: Option<Keyed<Posted>>,
    ) -> Result<Attempt<Posted>, StoreError> {
        self.noted(self.port.post(activity, keyed).await).await
    }

    async fn post_batch(
        &self,
        activities: Vec<NewActivity>,
        atomicity: Atomicity,
        keyed: Option<Keyed<BatchPosted>>,
    ) -> Result<Attempt<BatchPosted>, StoreError> {
        self.noted(self.port.post_batch(activities, atomicity, keyed).await).await
    }

    async fn find(&self, id: ActivityId) -> Result<Option<Activity>, StoreError> {
        self.port.find(id).await
    }

    async fn find_many(&self, ids: &[ActivityId]) -> Result<Vec<Activity>, StoreError> {
        self.port.find_many(ids).await
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
        self.noted(self.port.edit(id, patch, precondition).await).await
    }

    async fn delete(&self, id: ActivityId, precondition: Precondition) -> Result<Deleted, StoreError> {
        self.noted(self.port.delete(id, precondition).await).await
    }
}

#[async_trait]
impl FollowRepository for Noting<dyn FollowRepository> {
    async fn follow(
        &self,
        request: FollowRequest,
        keyed: Option<Keyed<Followed>>,
    ) -> Result<Attempt<Followed>, StoreError> {
        self.noted(self.port.follow(request, keyed).await).await
    }

    async fn unfollow(
        &self,
        request: UnfollowRequest,
        keyed: Option<Keyed<Unfollowed>>,
    ) -> Result<Attempt<Unfollowed>, StoreError> {
        self.noted(self.port.unfollow(request, keyed).await).await
    }

    async fn follow_batch(
        &self,
        follower: &Username,
        follow: Vec<Username>,
        unfollow: Vec<Username>,
        keyed: Option<Keyed<Option<BatchFollowed>>>,
    ) -> Result<Attempt<Option<BatchFollowed>>, StoreError> {
        self.noted(self.port.follow_batch(follower, follow, unfollow, keyed).await).await
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
        self.port.list(owner, side, span).await
    }

    async fn relationships(
        &self,
        owner: &Username,
        with: &[Username],
    ) -> Result<Option<Vec<Relationship>>, StoreError> {
        self.port.relationships(owner, with).await
    }
}

#[async_trait]
impl RelationRepository for Noting<dyn RelationRepository> {
    async fn add(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Related, StoreError> {
        self.noted(self.port.add(kind, owner, other).await).await
    }

    async fn remove(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Unrelated, StoreError> {
        self.noted(self.port.remove(kind, owner, other).await).await
    }

    async fn list(
        &self,
        kind: RelationKind,
        owner: &Username,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<Relation>>, StoreError> {
        self.port.list(kind, owner, span).await
    }
}

#[async_trait]
impl TransferRepository for Noting<dyn TransferRepository> {
    async fn import(
        &self,
        records: Vec<Record>,
        started: Timestamp,
        on_bad: OnBadRecord,
    ) -> Result<Vec<Imported>, StoreError> {
        self.noted(self.port.import(records, started, on_bad).await).await
    }

    async fn export(&self, sink: ExportSink) -> Result<(), StoreError> {
        self.port.export(sink).await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.port.settle().await
    }
}

#[async_trait]
impl DevelopmentRepository for Noting<dyn DevelopmentRepository> {
    async fn reset(&self, fixture: Fixture, users_max: usize) -> Result<ResetDone, StoreError> {
        self.noted(self.port.reset(fixture, users_max).await).await
    }

    async fn users(&self, take: usize) -> Result<Vec<(UserKey, Username)>, StoreError> {
        self.port.users(take).await
    }

    async fn activities(&self, take: usize) -> Result<Vec<Activity>, StoreError> {
        self.port.activities(take).await
    }

    async fn follows(&self, take: usize) -> Result<Vec<Follow>, StoreError> {
        self.port.follows(take).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.port.ready().await
    }
}
