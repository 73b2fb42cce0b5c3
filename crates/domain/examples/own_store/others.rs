//! The small ports: the log of changes, stored answers, secrets, what development needs.

use async_trait::async_trait;
use feed_me_domain::{
    Activity, Attempt, Follow, Keyed, RequestKey, StoreError, Timestamp, UserId, UserKey, Username,
    follow::{Current, Edge},
    ports::{
        DevelopmentRepository, EventLog, Fixture, IdempotencyStore, LogExtent, LoggedEvent, Posted,
        ResetDone, SecretRepository,
    },
    sequence::{EventKind, Turn},
};

use crate::{
    activities,
    follows::named,
    notebook::{Notebook, Pages},
    users,
};

#[async_trait]
impl EventLog for Notebook {
    async fn after(&self, position: i64, take: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        let pages = self.read();
        let id = |key: UserKey| -> Option<UserId> {
            pages.users.iter().find(|user| user.key == key).map(|user| user.id)
        };
        let events = pages.events.iter().filter(|event| position < event.position).take(take);
        Ok(events
            .map(|event| LoggedEvent {
                position: event.position,
                at: event.at,
                kind: event.kind,
                activity: event.activity.map(|place| place.id),
                user: event.user.and_then(id),
                other: event.other.and_then(id),
            })
            .collect())
    }

    async fn extent(&self) -> Result<LogExtent, StoreError> {
        let pages = self.read();
        let last = pages.counters.position;
        Ok(LogExtent { first: pages.events.first().map_or(last + 1, |event| event.position), last })
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        Ok(self.write(|pages, _| {
            let old = pages.events.iter().take_while(|event| event.at < before).count();
            let gone = old.min(pages.events.len().saturating_sub(1)).min(take);
            pages.events.drain(..gone);
            gone
        }))
    }
}

#[async_trait]
impl IdempotencyStore for Notebook {
    async fn check(&self, key: RequestKey) -> Result<Option<Attempt<()>>, StoreError> {
        Ok(self.read().meets(&key, self.clock.now()))
    }

    async fn remember(&self, keyed: Keyed<()>) -> Result<Attempt<()>, StoreError> {
        Ok(self.write_keyed(Some(keyed), |_, _| ()))
    }

    async fn sweep(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        Ok(self.write(|pages, _| {
            pages.answers.sort_by_key(|(_, stored)| stored.at);
            let old = pages.answers.iter().take_while(|(_, stored)| stored.at < before).count().min(take);
            pages.answers.drain(..old);
            old
        }))
    }
}

#[async_trait]
impl SecretRepository for Notebook {
    async fn secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(self.write(|pages, _| {
            let known =
                pages.secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret.clone());
            known.unwrap_or_else(|| {
                pages.secrets.push((name.to_owned(), fresh.clone()));
                fresh
            })
        }))
    }
}

#[async_trait]
impl DevelopmentRepository for Notebook {
    async fn reset(&self, fixture: Fixture, users_max: usize) -> Result<ResetDone, StoreError> {
        self.write(|pages, turn| {
            if users_max < pages.users.len() {
                return Ok(ResetDone::TooLarge);
            }
            let mut fresh = Pages::empty(pages.counters, pages.secrets.clone());
            fresh.application_keys.clone_from(&pages.application_keys);
            let checkpoint = turn.checkpoint();
            match load(&mut fresh, turn, fixture) {
                Ok(()) => *pages = fresh,
                Err(error) => {
                    turn.roll_back_to(checkpoint);
                    return Err(error);
                }
            }
            Ok(ResetDone::Reset)
        })
    }

    async fn users(&self, take: usize) -> Result<Vec<(UserKey, Username)>, StoreError> {
        let mut users: Vec<_> =
            self.read().users.iter().map(|user| (user.key, user.username.clone())).collect();
        users.sort_by_key(|(key, _)| *key);
        users.truncate(take);
        Ok(users)
    }

    async fn activities(&self, take: usize) -> Result<Vec<Activity>, StoreError> {
        let mut activities = self.read().activities.clone();
        activities.sort_by_key(|activity| activity.id);
        activities.truncate(take);
        Ok(activities)
    }

    async fn follows(&self, take: usize) -> Result<Vec<Follow>, StoreError> {
        let mut links = self.read().links.clone();
        links.sort_by_key(|link| (link.order, link.place()));
        let follows = links.iter().filter_map(|link| {
            link.edge.current.map(|current| named(&link.follower, &link.followee, current))
        });
        Ok(follows.take(take).collect())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Loads a fixture into an empty book; all of it is one event.
fn load(pages: &mut Pages, turn: &mut Turn<'_>, fixture: Fixture) -> Result<(), StoreError> {
    turn.restart_user_keys();
    turn.stamp();
    let order = turn.record(EventKind::Reset, None, None, None);
    for username in fixture.users {
        let stamp = turn.stamp();
        users::create(pages, turn, &username, None, stamp, stamp);
    }
    for activity in fixture.activities {
        let posted = activities::place(pages, turn, activity);
        if !matches!(posted, Posted::Created(_)) {
            return Err(StoreError::Failed(format!("the fixture cannot be loaded: {posted:?}")));
        }
    }
    for (follower, followee) in fixture.follows {
        let current = Current { since: turn.stamp(), from: None };
        let edge = Edge { current: Some(current), kept: Vec::new() };
        pages.set_edge(&follower, &followee, edge, order);
    }
    Ok(())
}
