//! The ports of the feed with something around each method: what a method is for stands here, once, and what follows from
//! that is the decorator's to say.
//!
//! * `write`: it changes something.
//! * `decide`: a right, a token or a write is decided by what it answers, so it has to be true right now.
//! * `show`: somebody is shown what it answers, so it may come from a copy that is near enough.

/// Implements the ports for `$decorator<dyn Port>`. The macro `$around` says what a method of a kind does:
/// `$around!(kind Port self method(argument, …))`.
macro_rules! decorate {
    ($decorator:ident by $around:ident) => {
        const _: () = {
            use async_trait::async_trait;
            use feed_me_domain::{
                Activity, ActivityId, ActivityPatch, Attempt, Erasure, ExternalId, FollowRequest, Keyed,
                LinkPlace, ListedFollow, NewActivity, Precondition, PutUser, Relation, RelationKind,
                Relationship, Span, StoreError, UnfollowRequest, User, UserPatch, Username,
                follow::FollowSide,
                ports::{
                    ActivityRepository, Atomicity, BatchFollowed, BatchPosted, Deleted, Edited,
                    FollowRepository, Followed, FoundFollow, Owned, Posted, Related, RelationRepository,
                    Unfollowed, Unrelated, UserEdited, UserPut, UserRepository,
                },
            };

            $crate::decorating::port! { $decorator $around UserRepository {
                write put(user: PutUser) -> UserPut;
                decide find(username: &Username) -> Option<User>;
                decide unknown(names: &[Username]) -> Vec<Username>;
                write edit(username: &Username, patch: UserPatch) -> UserEdited;
                write erase(username: &Username) -> Option<Erasure>;
                show list(prefix: &str, span: Span<Username>) -> Vec<User>;
            } }

            $crate::decorating::port! { $decorator $around ActivityRepository {
                write post(activity: NewActivity, keyed: Option<Keyed<Posted>>) -> Attempt<Posted>;
                write post_batch(
                    activities: Vec<NewActivity>,
                    atomicity: Atomicity,
                    keyed: Option<Keyed<BatchPosted>>
                ) -> Attempt<BatchPosted>;
                decide find(id: ActivityId) -> Option<Activity>;
                show find_many(ids: &[ActivityId]) -> Vec<Activity>;
                decide find_external(actor: &Username, external_id: &ExternalId) -> Option<Activity>;
                write edit(id: ActivityId, patch: ActivityPatch, precondition: Precondition) -> Edited;
                write delete(id: ActivityId, precondition: Precondition) -> Deleted;
            } }

            $crate::decorating::port! { $decorator $around FollowRepository {
                write follow(request: FollowRequest, keyed: Option<Keyed<Followed>>) -> Attempt<Followed>;
                write unfollow(
                    request: UnfollowRequest,
                    keyed: Option<Keyed<Unfollowed>>
                ) -> Attempt<Unfollowed>;
                write follow_batch(
                    follower: &Username,
                    follow: Vec<Username>,
                    unfollow: Vec<Username>,
                    keyed: Option<Keyed<Option<BatchFollowed>>>
                ) -> Attempt<Option<BatchFollowed>>;
                decide find(follower: &Username, followee: &Username) -> FoundFollow;
                show list(
                    owner: &Username,
                    side: FollowSide,
                    span: Span<LinkPlace>
                ) -> Option<Owned<ListedFollow>>;
                show relationships(owner: &Username, with: &[Username]) -> Option<Vec<Relationship>>;
            } }

            $crate::decorating::port! { $decorator $around RelationRepository {
                write add(kind: RelationKind, owner: &Username, other: &Username) -> Related;
                write remove(kind: RelationKind, owner: &Username, other: &Username) -> Unrelated;
                show list(
                    kind: RelationKind,
                    owner: &Username,
                    span: Span<LinkPlace>
                ) -> Option<Owned<Relation>>;
            } }
        };
    };
}

macro_rules! port {
    ($decorator:ident $around:ident $port:ident {
        $($kind:ident $method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*
    }) => {
        #[async_trait]
        impl $port for $decorator<dyn $port> {
            $(async fn $method(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                $around!($kind $port self $method($($argument),*))
            })*
        }
    };
}

pub(crate) use {decorate, port};
