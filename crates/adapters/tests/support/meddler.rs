use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use feed_me_domain::{
    Boundary, Direction, FeedFilter, FeedKind, FeedQuery, FollowFrom, FollowRequest, Given, NewActivity,
    Position, Precondition, RelationKind, Shape, Span, StoreError, UnfollowRequest, UserKey, Username, Verb,
    changes::{Asked, Found},
    ports::{ActivityFact, Change, EdgeFact, FeedFacts, FollowFact, Stores, Traces, UserFact},
};

use super::Random;

/// Facts of a store to which something happens before any of them is read.
pub(crate) struct Meddler {
    facts: Arc<dyn FeedFacts>,
    stores: Stores,
    random: Mutex<Random>,
    users: Mutex<Vec<Username>>,
    /// Who posts, and nothing else happens.
    poster: Mutex<Option<Username>>,
}

impl Meddler {
    pub(crate) fn new(facts: Arc<dyn FeedFacts>, stores: Stores, seed: u64) -> Self {
        let (users, poster) = (Mutex::default(), Mutex::default());
        Self { facts, stores, random: Mutex::new(Random(!seed)), users, poster }
    }

    /// Who does something.
    pub(crate) fn among(&self, users: Vec<Username>) {
        *self.users.lock().unwrap() = users;
    }

    /// From now on this user posts before each reading.
    pub(crate) fn only_posts_of(&self, poster: Username) {
        *self.poster.lock().unwrap() = Some(poster);
    }

    fn below(&self, end: usize) -> usize {
        self.random.lock().unwrap().below(end)
    }

    fn any(&self) -> Username {
        let users = self.users.lock().unwrap();
        users[self.below(users.len())].clone()
    }

    async fn meddle(&self) {
        let poster = self.poster.lock().unwrap().clone();
        if let Some(poster) = poster {
            return self.post(poster).await;
        }
        let (one, other) = (self.any(), self.any());
        let kind = [RelationKind::Block, RelationKind::Mute, RelationKind::Mute][self.below(3)];
        match self.below(14) {
            0..3 => self.delete_one_of(one).await,
            3..5 => drop(self.stores.relations.add(kind, &one, &other).await.unwrap()),
            5..8 => drop(self.stores.relations.remove(kind, &one, &other).await.unwrap()),
            8 => {
                let keep_history = self.below(2) == 0;
                let request = UnfollowRequest { follower: one, followee: other, keep_history };
                drop(self.stores.follows.unfollow(request, None).await.unwrap());
            }
            9 => {
                let from = [None, Some(FollowFrom::Now), Some(FollowFrom::Beginning)][self.below(3)];
                let request = FollowRequest { follower: one, followee: other, from };
                drop(self.stores.follows.follow(request, None).await.unwrap());
            }
            10 => self.post(one).await,
            _ => {}
        }
    }

    async fn post(&self, actor: Username) {
        let (object, target) = (Given::Absent, Given::Absent);
        let (published, external_id, data) = (None, None, None);
        let verb = Verb::parse("wrote").unwrap();
        let new = NewActivity { actor, verb, object, target, published, external_id, data };
        drop(self.stores.activities.post(new, None).await.unwrap());
    }

    async fn delete_one_of(&self, owner: Username) {
        let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 50 };
        let (kind, filter) = (FeedKind::Own, FeedFilter::default());
        let query = FeedQuery { kind, owner, filter, span, skip: 0, shape: Shape::Whole };
        let items = self.stores.feeds.page(&query).await.unwrap().unwrap().into_whole().unwrap();
        if !items.is_empty() {
            let id = items[self.below(items.len())].id;
            self.stores.activities.delete(id, Precondition::None).await.unwrap();
        }
    }
}

macro_rules! meddled {
    ($($name:ident($($given:ident: $kind:ty),*) -> $told:ty;)*) => {
        #[async_trait]
        impl FeedFacts for Meddler {
            $(async fn $name(&self, $($given: $kind),*) -> Result<$told, StoreError> {
                self.meddle().await;
                self.facts.$name($($given),*).await
            })*

            fn committed(&self) -> i64 {
                self.facts.committed()
            }
        }
    };
}

meddled! {
    users(after: UserKey, take: usize) -> Vec<UserFact>;
    follows(after: (UserKey, UserKey), take: usize) -> Vec<FollowFact>;
    kept(after: (UserKey, UserKey), take: usize) -> Vec<EdgeFact>;
    relations(kind: RelationKind, after: (UserKey, UserKey), take: usize) -> Vec<(UserKey, UserKey)>;
    activities(below: Option<Position>, take: usize) -> Vec<ActivityFact>;
    changes(after: i64, take: usize) -> Vec<Change>;
    look_up(asked: &Asked) -> Found;
    posted_by(author: UserKey, take: usize) -> Vec<ActivityFact>;
    targeting(target: UserKey, take: usize) -> Vec<ActivityFact>;
    traces(position: i64, reader: UserKey, take: usize) -> Traces;
}
