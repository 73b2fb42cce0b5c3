use std::{collections::HashSet, sync::Arc};

use crate::{
    cursor::{CursorCodec, Listing},
    error::{Error, Fault, Result},
    follow::{Follow, FollowFrom, FollowRequest, FollowSide, ListedFollow, Relationship, UnfollowRequest},
    idempotency::{Attempt, Keyed},
    ports::{BatchFollowed, Clock, FollowRepository, Followed, FoundFollow, Unfollowed},
    services::paging::{Page, PageRequest, Walk},
    text::Username,
};

/// Starting and ending follows, and who follows whom.
pub struct FollowService {
    follows: Arc<dyn FollowRepository>,
    clock: Arc<dyn Clock>,
    cursors: CursorCodec,
}

/// A follow that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Since now.
    Now(Follow),
    /// It stood before.
    Already(Follow),
}

/// An outcome for each name of a batch: first those to follow, then those to unfollow, each in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowBatchResults {
    /// Of the names to follow.
    pub followed: Vec<(Username, Result<Standing>)>,
    /// Of the names to unfollow.
    pub unfollowed: Vec<(Username, Result<()>)>,
}

impl FollowService {
    /// The most names of a batch.
    pub const BATCH_MAX: usize = 1000;
    /// The most names of one question about relationships.
    pub const RELATIONSHIPS_MAX: usize = 100;

    /// A service on a store and a clock.
    pub fn new(follows: Arc<dyn FollowRepository>, clock: Arc<dyn Clock>, cursors: CursorCodec) -> Self {
        Self { follows, clock, cursors }
    }

    /// Follows. A follow that stands stays, and moves its window only when `from` is given.
    pub async fn follow(
        &self,
        request: FollowRequest,
        keyed: Option<Keyed<Standing>>,
    ) -> Result<Attempt<Standing>> {
        let request = FollowRequest { from: self.checked_from(request.from)?, ..request };
        let (follower, followee) = (request.follower.clone(), request.followee.clone());
        let judge = move |followed| judge_follow(followed, &follower, &followee);
        let keyed = keyed.map(|keyed| keyed.judged(judge.clone()));
        self.follows.follow(request, keyed).await?.try_map(judge)
    }

    /// Unfollows.
    pub async fn unfollow(&self, request: UnfollowRequest, keyed: Option<Keyed<()>>) -> Result<Attempt<()>> {
        let (follower, followee) = (request.follower.clone(), request.followee.clone());
        let judge = move |unfollowed| judge_unfollow(unfollowed, &follower, &followee);
        let keyed = keyed.map(|keyed| keyed.judged(judge.clone()));
        self.follows.unfollow(request, keyed).await?.try_map(judge)
    }

    /// Follows some and unfollows others in one step.
    pub async fn batch(
        &self,
        follower: &Username,
        follow: Vec<Username>,
        unfollow: Vec<Username>,
        keyed: Option<Keyed<FollowBatchResults>>,
    ) -> Result<Attempt<FollowBatchResults>> {
        check_batch(&follow, &unfollow)?;
        let (owner, follow_names, unfollow_names) = (follower.clone(), follow.clone(), unfollow.clone());
        let judge = move |outcomes: Option<BatchFollowed>| {
            let outcomes = outcomes.ok_or_else(|| Error::UnknownUser(owner.clone()))?;
            let followed = follow_names.iter().cloned().zip(outcomes.followed);
            let unfollowed = unfollow_names.iter().cloned().zip(outcomes.unfollowed);
            Ok(FollowBatchResults {
                followed: followed
                    .map(|(name, outcome)| (name.clone(), judge_follow(outcome, &owner, &name)))
                    .collect(),
                unfollowed: unfollowed
                    .map(|(name, outcome)| (name.clone(), judge_unfollow(outcome, &owner, &name)))
                    .collect(),
            })
        };
        let keyed = keyed.map(|keyed| keyed.judged(judge.clone()));
        self.follows.follow_batch(follower, follow, unfollow, keyed).await?.try_map(judge)
    }

    /// The follow of one user by another.
    pub async fn get(&self, follower: &Username, followee: &Username) -> Result<Follow> {
        match self.follows.find(follower, followee).await? {
            FoundFollow::Follow(follow) => Ok(follow),
            FoundFollow::None => {
                Err(Error::NotFollowing { follower: follower.clone(), followee: followee.clone() })
            }
            FoundFollow::Unknown(name) => Err(Error::UnknownUser(name)),
        }
    }

    /// A page of the follows of or by a user, newest first.
    pub async fn list(
        &self,
        owner: &Username,
        side: FollowSide,
        request: &PageRequest,
    ) -> Result<Page<ListedFollow>> {
        let listing = match side {
            FollowSide::Following => Listing::Following,
            FollowSide::Followers => Listing::Followers,
        };
        let walk = Walk { codec: &self.cursors, listing, filter: [0; 8] };
        let fetch = async |span| {
            Ok(self.follows.list(owner, side, span).await?.map(|found| (found.owner.as_uuid(), found.items)))
        };
        walk.page(request, fetch).await?.ok_or_else(|| Error::UnknownUser(owner.clone()))
    }

    /// How a user stands to others; names that nobody has are left out.
    pub async fn relationships(&self, owner: &Username, with: &[Username]) -> Result<Vec<Relationship>> {
        if with.is_empty() || Self::RELATIONSHIPS_MAX < with.len() {
            return Err(Error::fault(
                "with",
                format!(
                    "is given {} times; it must be given 1 to {} times",
                    with.len(),
                    Self::RELATIONSHIPS_MAX
                ),
            ));
        }
        self.follows.relationships(owner, with).await?.ok_or_else(|| Error::UnknownUser(owner.clone()))
    }

    fn checked_from(&self, from: Option<FollowFrom>) -> Result<Option<FollowFrom>> {
        let checked = from.map(|from| from.checked(self.clock.now())).transpose();
        checked.map_err(|fault| Error::Invalid(vec![fault]))
    }
}

fn judge_follow(followed: Followed, follower: &Username, followee: &Username) -> Result<Standing> {
    match followed {
        Followed::Now(follow) => Ok(Standing::Now(follow)),
        Followed::Already(follow) => Ok(Standing::Already(follow)),
        Followed::Unknown(name) => Err(Error::UnknownUser(name)),
        Followed::Oneself => Err(Error::OnOneself { user: follower.clone(), action: "follow" }),
        Followed::Blocked => Err(Error::Blocked { follower: follower.clone(), followee: followee.clone() }),
    }
}

fn judge_unfollow(unfollowed: Unfollowed, follower: &Username, followee: &Username) -> Result<()> {
    match unfollowed {
        Unfollowed::Ended => Ok(()),
        Unfollowed::NotThere => {
            Err(Error::NotFollowing { follower: follower.clone(), followee: followee.clone() })
        }
        Unfollowed::Unknown(name) => Err(Error::UnknownUser(name)),
    }
}

fn check_batch(follow: &[Username], unfollow: &[Username]) -> Result<()> {
    let named = follow.len() + unfollow.len();
    if named == 0 || FollowService::BATCH_MAX < named {
        return Err(Error::fault(
            "",
            format!("{named} names are given; a batch has 1 to {}", FollowService::BATCH_MAX),
        ));
    }
    let mut seen = HashSet::new();
    let places = follow.iter().enumerate().map(|(index, name)| ("follow", index, name));
    let places = places.chain(unfollow.iter().enumerate().map(|(index, name)| ("unfollow", index, name)));
    let twice = places.filter(|(_, _, name)| !seen.insert(*name));
    let faults: Vec<Fault> = twice
        .map(|(list, index, name)| Fault::new(format!("/{list}/{index}"), format!("'{name}' is named twice")))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
}
