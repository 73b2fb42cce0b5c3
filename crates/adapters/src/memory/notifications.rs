//! Notifications in memory: what targets the owner stands together, and is gathered when somebody asks.

use async_trait::async_trait;
use feed_me_domain::{
    Attempt, Boundary, Direction, Keyed, LinkPlace, Span, StoreError, UserKey, Username,
    notification::{
        self, Gathered, GroupId, GroupPlace, Mark, MarkRequest, Notice, NotificationGroup, NotificationSlice,
        Subject,
    },
    ports::NotificationRepository,
};

use super::{MemoryStore, state::State, walk};

#[async_trait]
impl NotificationRepository for MemoryStore {
    async fn notifications(
        &self,
        owner: &Username,
        span: &Span<GroupPlace>,
    ) -> Result<Option<NotificationSlice>, StoreError> {
        let state = self.state.read();
        let Some(key) = state.key_of(owner) else { return Ok(None) };
        let now = state.counters.stamp;
        let of_all = mark(&state, key, GroupId::ALL);
        let mark = |id| of_all.joined(self::mark(&state, key, id));
        let all = notification::gather(notices(&state, key), None, now);
        let (unseen, unread) =
            notification::unmarked(all.iter().map(|group| (group.key.id(), group.news)), mark);
        let all = match notification::as_of(span) {
            None => all,
            as_of => notification::gather(notices(&state, key), as_of, now),
        };
        let groups = stretch(&all, span).into_iter().map(|group| {
            let names = group.actors.iter().map(|actor| state.name_of(*actor)).collect();
            let latest = group.latest().and_then(|id| state.activities.get(&id));
            NotificationGroup::of(group, names, latest.map(|row| state.activity(row)), mark)
        });
        let groups = groups.collect();
        Ok(Some(NotificationSlice {
            owner: state.users[&key].id,
            position: state.counters.position,
            groups,
            unseen,
            unread,
        }))
    }

    async fn mark(
        &self,
        owner: &Username,
        request: MarkRequest,
        keyed: Option<Keyed<bool>>,
    ) -> Result<Attempt<bool>, StoreError> {
        Ok(self.write_keyed(keyed, |state, turn| {
            let Some(key) = state.key_of(owner) else { return false };
            let (marks, is_all) = request.marks(turn.last_stamp());
            let stored = state.marks.entry(key).or_default();
            if is_all {
                stored.clear();
            }
            for (id, mark) in marks {
                let place = stored.entry(id).or_insert(Mark::NONE);
                *place = place.joined(mark);
            }
            true
        }))
    }
}

fn mark(state: &State, owner: UserKey, id: GroupId) -> Mark {
    state.marks.get(&owner).and_then(|marks| marks.get(&id)).copied().unwrap_or(Mark::NONE)
}

/// All that the owner is notified of.
fn notices(state: &State, owner: UserKey) -> impl Iterator<Item = Notice<UserKey>> {
    let positions = state.by_target.get(&owner).into_iter().flatten();
    let rows = positions.filter_map(|position| state.activities.get(&position.id));
    let shown = rows.filter(move |row| row.actor != owner && !state.is_blocked(owner, row.actor));
    let mentions = shown.map(|row| Notice {
        subject: Subject::Mention { verb: row.verb.clone(), object: row.object.clone() },
        actor: row.actor,
        at: row.published,
        tie: row.id.as_uuid(),
        arrived: notification::arrival(row.id, row.published, row.moved_at),
    });
    let everybody = Span { boundary: Boundary::Top, direction: Direction::Forward, take: usize::MAX };
    let followers = state.links.followers.stretch(owner, &everybody).into_iter();
    let followers = followers.map(|(LinkPlace { since, order }, follower)| Notice {
        subject: Subject::Followers,
        actor: follower,
        at: since,
        tie: notification::tie_of_follow(order),
        arrived: since,
    });
    mentions.chain(followers)
}

/// A stretch of groups that stand newest first.
fn stretch<'a>(groups: &'a [Gathered<UserKey>], span: &Span<GroupPlace>) -> Vec<&'a Gathered<UserKey>> {
    let Some(start) = walk::start(&span.boundary, span.direction) else { return Vec::new() };
    let is_ahead = |group: &&Gathered<UserKey>| match (&start, span.direction) {
        (std::ops::Bound::Unbounded, _) => true,
        (std::ops::Bound::Included(place), Direction::Forward) => group.place <= *place,
        (std::ops::Bound::Excluded(place), Direction::Forward) => group.place < *place,
        (std::ops::Bound::Included(place), Direction::Backward) => *place <= group.place,
        (std::ops::Bound::Excluded(place), Direction::Backward) => *place < group.place,
    };
    match span.direction {
        Direction::Forward => groups.iter().filter(is_ahead).take(span.take).collect(),
        Direction::Backward => groups.iter().rev().filter(is_ahead).take(span.take).collect(),
    }
}
