//! Filling: reading everything that is newer than the floor, in steps.

use std::sync::atomic::Ordering;

use feed_me_domain::{Position, RelationKind, StoreError, UserKey};

use super::{
    FeedIndex,
    following::Step,
    records::place_of,
    state::{State, Unfit},
};

/// How many rows a step reads: few enough that no step holds a connection long.
const STEP: usize = 20_000;
/// Before the first pair.
const START: (UserKey, UserKey) = (UserKey(0), UserKey(0));

impl From<Unfit> for StoreError {
    fn from(unfit: Unfit) -> Self {
        Self::Failed(match unfit {
            Unfit::Everything => "the database was reset meanwhile".to_owned(),
            Unfit::TooLarge => "more users or activities than the index can number".to_owned(),
        })
    }
}

impl FeedIndex {
    /// Fills the index anew; the store answers meanwhile. When it is done, everything that was answered before is in it.
    pub async fn fill(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.fill_in_turn().await
    }

    /// The same for who has the turn.
    pub(super) async fn fill_in_turn(&self) -> Result<(), StoreError> {
        self.is_following.store(false, Ordering::Release);
        *self.state.write() = None;
        self.breaks.store(self.facts.breaks(), Ordering::Release);
        let mut state = self.read_everything().await?;
        self.catch_up_with(&mut state).await?;
        // From here on writes wait for the turn; what was committed before they did is seen by the steps that follow.
        self.is_following.store(true, Ordering::Release);
        let began = self.elapsed_ms();
        if let Err(error) = self.catch_up_with(&mut state).await {
            self.is_following.store(false, Ordering::Release);
            return Err(error);
        }
        let position = state.position;
        *self.state.write() = Some(state);
        self.has_reached(position);
        self.is_level.store(true, Ordering::Release);
        self.is_fresh_since(began);
        Ok(())
    }

    /// Reads the tables, at whatever instant each step finds them, and notes the position before the first one.
    async fn read_everything(&self) -> Result<State, StoreError> {
        let mut state = State::new(self.options.memory);
        state.position = self.events.extent().await?.last;
        self.read_users(&mut state).await?;
        self.read_edges(&mut state).await?;
        for kind in [RelationKind::Block, RelationKind::Mute] {
            self.read_relations(&mut state, kind).await?;
        }
        self.read_activities(&mut state).await?;
        state.order();
        Ok(state)
    }

    async fn read_users(&self, state: &mut State) -> Result<(), StoreError> {
        let mut after = UserKey(0);
        loop {
            let users = self.facts.users(after, STEP).await?;
            users.iter().try_for_each(|user| state.set_user(user))?;
            match users.last() {
                Some(last) if users.len() == STEP => after = last.key,
                _ => return Ok(()),
            }
        }
    }

    async fn read_edges(&self, state: &mut State) -> Result<(), StoreError> {
        let mut after = START;
        loop {
            let follows = self.facts.follows(after, STEP).await?;
            state.push_follows(&follows)?;
            match follows.last() {
                Some(last) if follows.len() == STEP => after = (last.follower, last.followee),
                _ => break,
            }
        }
        after = START;
        loop {
            let kept = self.facts.kept(after, STEP).await?;
            kept.iter().try_for_each(|edge| state.set_edge(edge))?;
            match kept.last() {
                Some(last) if kept.len() == STEP => after = (last.follower, last.followee),
                _ => return Ok(()),
            }
        }
    }

    async fn read_relations(&self, state: &mut State, kind: RelationKind) -> Result<(), StoreError> {
        let mut after = START;
        loop {
            let pairs = self.facts.relations(kind, after, STEP).await?;
            pairs.iter().try_for_each(|pair| state.set_relation(kind, *pair, true))?;
            match pairs.last() {
                Some(last) if pairs.len() == STEP => after = *last,
                _ => return Ok(()),
            }
        }
    }

    /// The newest first, until there is no room for more: there the floor is.
    async fn read_activities(&self, state: &mut State) -> Result<(), StoreError> {
        let mut below: Option<Position> = None;
        loop {
            let activities = self.facts.activities(below, STEP).await?;
            activities.iter().try_for_each(|activity| state.push_activity(activity))?;
            match activities.last() {
                Some(last) if activities.len() == STEP => below = Some(last.position),
                _ => return Ok(()),
            }
            if state.is_full() {
                state.floor = below.map(place_of);
                return Ok(());
            }
        }
    }

    async fn catch_up_with(&self, state: &mut State) -> Result<(), StoreError> {
        while let Step::Took(changes) = self.next_changes(state.position).await? {
            changes.iter().try_for_each(|change| state.apply(change))?;
        }
        state.take_gone();
        Ok(())
    }
}
