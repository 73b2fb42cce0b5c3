use super::*;
use crate::{
    Follow, Window,
    follow::{Current, Edge},
    ports::{Explained, MockFeedRepository, VisibilityFacts},
    services::{Explanation, FeedService, HiddenReason, explain},
};

fn window(from: impl Into<Option<i64>>, until: i64) -> Window {
    Window { from: from.into().map(at), until: Some(at(until)) }
}

/// An activity published at second 100, between users who have nothing to do with each other.
fn strangers() -> VisibilityFacts {
    VisibilityFacts {
        activity: activity("eric", 100),
        is_own: false,
        edge: Edge::default(),
        follow: None,
        mutes: false,
        blocks: false,
        blocked_by: false,
    }
}

fn keeping(kept: &[Window]) -> VisibilityFacts {
    VisibilityFacts { edge: Edge { current: None, kept: kept.to_vec() }, ..strangers() }
}

/// The same with a follow that shows what was published from `from` on.
fn following(from: Option<i64>, kept: &[Window]) -> VisibilityFacts {
    let from = from.map(at);
    let follow = Follow { follower: name("ivan"), followee: name("eric"), since: at(500), from };
    let edge = Edge { current: Some(Current { since: at(500), from }), kept: kept.to_vec() };
    VisibilityFacts { edge, follow: Some(follow), ..strangers() }
}

fn hidden(facts: VisibilityFacts) -> HiddenReason {
    match explain(facts) {
        Explanation::Hidden(reason) => reason,
        shown => panic!("{shown:?}"),
    }
}

#[test]
fn a_follow_shows_what_is_published_at_its_bound_and_after() {
    for from in [None, Some(50), Some(100)] {
        let facts = following(from, &[]);
        let follow = facts.follow.clone().unwrap();
        assert_eq!(explain(facts), Explanation::Follow(follow));
    }
    assert_eq!(hidden(following(Some(101), &[])), HiddenReason::BeforeFollowWindow);
}

#[test]
fn a_kept_history_shows_what_lies_in_it_both_ends_inclusive() {
    for kept in [window(None, 100), window(100, 100), window(100, 200), window(50, 100)] {
        assert_eq!(explain(keeping(&[window(1, 2), kept])), Explanation::KeptHistory(kept));
        // A follow that begins later hides nothing of what was kept.
        assert_eq!(explain(following(Some(900), &[kept])), Explanation::KeptHistory(kept));
    }
}

#[test]
fn the_present_follow_is_named_before_a_kept_history() {
    let facts = following(Some(60), &[window(50, 150)]);
    assert!(matches!(explain(facts), Explanation::Follow(_)));
}

#[test]
fn without_a_follow_the_reason_tells_what_there_once_was() {
    assert_eq!(hidden(strangers()), HiddenReason::NotFollowed);
    assert_eq!(hidden(keeping(&[window(1, 50), window(60, 99)])), HiddenReason::Unfollowed);
    assert_eq!(hidden(keeping(&[window(101, 200)])), HiddenReason::BeforeFollowWindow);
    assert_eq!(hidden(keeping(&[window(1, 50), window(101, 200)])), HiddenReason::BeforeFollowWindow);
    assert_eq!(hidden(following(Some(200), &[window(1, 50)])), HiddenReason::BeforeFollowWindow);
}

/// Switches one fact on.
type Switch = fn(&mut VisibilityFacts);

#[test]
fn own_comes_before_blocked_before_hidden_before_muted_before_all_else() {
    let switches: [(Switch, HiddenReason); 4] = [
        (|facts| facts.mutes = true, HiddenReason::Muted),
        (|facts| facts.blocked_by = true, HiddenReason::HiddenByAuthor),
        (|facts| facts.blocks = true, HiddenReason::Blocked),
        (|facts| facts.is_own = true, HiddenReason::Own),
    ];
    for base in [strangers(), following(None, &[]), keeping(&[window(1, 200)])] {
        // Alone, and with every weaker reason beside it.
        let mut all = base.clone();
        for (switch, reason) in switches {
            let mut alone = base.clone();
            switch(&mut alone);
            switch(&mut all);
            assert_eq!((hidden(alone), hidden(all.clone())), (reason, reason));
        }
    }
}

#[test]
fn what_is_explained_as_shown_is_what_the_edge_shows() {
    let kept = [window(None, 20), window(90, 95), window(100, 100), window(140, 150)];
    for second in 0..200 {
        for from in [None, Some(80), Some(101), Some(300)] {
            let mut facts = following(from, &kept);
            facts.activity.published = at(second);
            let shows = facts.edge.shows(at(second));
            let is_shown = !matches!(explain(facts), Explanation::Hidden(_));
            assert_eq!(is_shown, shows, "from {from:?}, published {second}");
        }
    }
}

#[tokio::test]
async fn who_and_what_is_not_there_is_told_by_name_and_id() {
    for (outcome, answer) in [
        (Explained::UnknownViewer, Err(Error::UnknownUser(name("ivan")))),
        (Explained::UnknownActivity, Err(Error::UnknownActivity(activity_id(100)))),
        (Explained::Facts(Box::new(strangers())), Ok(Explanation::Hidden(HiddenReason::NotFollowed))),
    ] {
        let mut feeds = MockFeedRepository::new();
        feeds
            .expect_explain()
            .with(eq(name("ivan")), eq(activity_id(100)))
            .return_once(move |_, _| Ok(outcome));
        let service = FeedService::new(Arc::new(feeds), codec());
        assert_eq!(service.explain(&name("ivan"), activity_id(100)).await, answer);
    }
}
