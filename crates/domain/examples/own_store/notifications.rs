//! Notifications of the notebook: everything that targets the owner is gathered anew each time.

use async_trait::async_trait;
use feed_me_domain::{
    Activity, Attempt, Keyed, Placed, Span, StoreError, Timestamp, User, Username,
    notification::{
        self, GroupId, GroupPlace, Mark, MarkRequest, Notice, NotificationGroup, NotificationSlice, Subject,
    },
    ports::NotificationRepository,
};

use crate::notebook::{Notebook, Pages, stretch};

#[async_trait]
impl NotificationRepository for Notebook {
    async fn notifications(
        &self,
        owner: &Username,
        span: &Span<GroupPlace>,
    ) -> Result<Option<NotificationSlice>, StoreError> {
        let pages = self.read();
        let Some(user) = pages.user(owner) else { return Ok(None) };
        let now = pages.counters.stamp;
        let mark = |id| mark(&pages, &user, GroupId::ALL).joined(self::mark(&pages, &user, id));
        let all = notification::gather(notices(&pages, owner), None, now);
        let (unseen, unread) =
            notification::unmarked(all.iter().map(|group| (group.key.id(), group.news)), mark);
        let all = notification::gather(notices(&pages, owner), notification::as_of(span), now);
        let groups = stretch(all, span, Placed::place, |one, other| other.cmp(one));
        let latest = |id| pages.activities.iter().find(|activity| Some(activity.id) == id).cloned();
        let groups = groups
            .iter()
            .map(|group| NotificationGroup::of(group, group.actors.clone(), latest(group.latest()), mark));
        Ok(Some(NotificationSlice {
            owner: user.id,
            position: pages.counters.position,
            groups: groups.collect(),
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
        Ok(self.write_keyed(keyed, |pages, turn| {
            let Some(user) = pages.user(owner) else { return false };
            let (marks, is_all) = request.marks(turn.last_stamp());
            if is_all {
                pages.marks.retain(|(owner, id, _)| *owner != user.key || *id == GroupId::ALL);
            }
            for (id, new) in marks {
                let joined = mark(pages, &user, id).joined(new);
                pages.marks.retain(|(owner, marked, _)| (*owner, *marked) != (user.key, id));
                pages.marks.push((user.key, id, joined));
            }
            true
        }))
    }
}

fn mark(pages: &Pages, user: &User, id: GroupId) -> Mark {
    let found = pages.marks.iter().find(|(owner, marked, _)| (*owner, *marked) == (user.key, id));
    found.map_or(Mark::NONE, |(.., mark)| *mark)
}

fn notices(pages: &Pages, owner: &Username) -> Vec<Notice<Username>> {
    let moved_at = |activity: &Activity| -> Option<Timestamp> {
        pages.moved.iter().find(|(moved, _)| *moved == activity.id).map(|(_, at)| *at)
    };
    let is_shown = |activity: &&Activity| {
        activity.target.as_ref() == Some(owner)
            && activity.actor != *owner
            && !pages.is_blocked(owner, &activity.actor)
    };
    let mentions = pages.activities.iter().filter(is_shown).map(|activity| Notice {
        subject: Subject::Mention { verb: activity.verb.clone(), object: activity.object.clone() },
        actor: activity.actor.clone(),
        at: activity.published,
        tie: activity.id.as_uuid(),
        arrived: notification::arrival(activity.id, activity.published, moved_at(activity)),
    });
    let followers = pages.links.iter().filter(|link| link.followee == *owner).filter_map(|link| {
        let place = link.place()?;
        Some(Notice {
            subject: Subject::Followers,
            actor: link.follower.clone(),
            at: place.since,
            tie: notification::tie_of_follow(place.order),
            arrived: place.since,
        })
    });
    mentions.chain(followers).collect()
}
