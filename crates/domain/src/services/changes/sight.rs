//! What of another's activities a viewer saw before each change, so that only what came and went is told.

use crate::{follow::Window, time::Timestamp};

/// What decides, at some moment, which activities of another are in the viewer's friends feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// The windows of the edge; none where the log does not tell them.
    pub(super) windows: Option<Vec<Window>>,
    /// The viewer mutes the other.
    pub(super) mutes: bool,
    /// The viewer blocks the other.
    pub(super) blocks: bool,
    /// The other blocks the viewer.
    pub(super) is_blocked: bool,
}

impl Sight {
    /// Whether an activity published then is in the feed; none where that is not known.
    pub(super) fn shows(&self, published: Timestamp) -> Option<bool> {
        if self.hides_all() {
            return Some(false);
        }
        self.windows.as_ref().map(|windows| windows.iter().any(|window| window.contains(published)))
    }

    /// Whether something published then or before may be in the feed.
    fn reaches(&self, published: Timestamp) -> bool {
        let is_before = |window: &Window| window.from.is_none_or(|from| from <= published);
        !self.hides_all() && self.windows.as_ref().is_none_or(|windows| windows.iter().any(is_before))
    }

    fn hides_all(&self) -> bool {
        self.mutes || self.blocks || self.is_blocked
    }
}

/// A change of what stands between a viewer and another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Its position.
    pub(super) position: i64,
    /// What it turned, and how that was before.
    pub(super) turned: Turned,
}

/// How something was before a change; windows are none where the log does not tell them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// The follow, or what is kept of it.
    Windows(Option<Vec<Window>>),
    /// The mute.
    Mute { was: bool },
    /// The viewer's block, which ends the edge.
    Block { was: bool, windows: Option<Vec<Window>> },
    /// The block by the other, which does too.
    Blocked { was: bool, windows: Option<Vec<Window>> },
    /// Everything, nobody knows from what: the other is no user any more.
    Everything,
}

impl Turned {
    /// Takes the change back.
    fn undo(&self, sight: &mut Sight) {
        match self {
            Self::Windows(windows) => sight.windows.clone_from(windows),
            Self::Mute { was } => sight.mutes = *was,
            Self::Block { was, windows } => {
                (sight.blocks, sight.windows) = (*was, windows.clone());
            }
            Self::Blocked { was, windows } => {
                (sight.is_blocked, sight.windows) = (*was, windows.clone());
            }
            Self::Everything => {
                *sight = Sight { windows: None, mutes: false, blocks: false, is_blocked: false };
            }
        }
    }
}

/// What was seen of another before each of some changes.
pub(super) struct Past {
    /// The last change first.
    before: Vec<(i64, Sight)>,
    now: Sight,
    /// More changed than is known here, so whatever may be otherwise is.
    is_vague: bool,
}

impl Past {
    /// Goes back from how it stands now, over changes in their order. It is vague where it did not stand so after the last
    /// of them.
    pub(super) fn of(now: Sight, steps: &[Step], is_vague: bool) -> Self {
        let mut sight = now.clone();
        let back = steps.iter().rev().map(|step| {
            step.turned.undo(&mut sight);
            (step.position, sight.clone())
        });
        Self { before: back.collect(), now, is_vague }
    }

    /// The last change by which an activity published then came or went; none where it is as it was before every one of them
    /// that it was there at, which those after `added_at` are.
    ///
    /// Of several changes each counts that found it otherwise than it is now: what a client has may be newer than the
    /// position that it knows, so it may be of any moment between them.
    pub(super) fn turned(&self, published: Timestamp, added_at: Option<i64>) -> Option<i64> {
        let is = self.now.shows(published);
        let was_there = |position: i64| added_at.is_none_or(|added_at| added_at < position);
        let mut there = self.before.iter().filter(|(position, _)| was_there(*position));
        let found = there.find(|(_, sight)| self.is_vague || sight.shows(published) != is);
        found.map(|(position, _)| *position)
    }

    /// Whether an activity published then may have been in the feed at any of these moments; it may be unknown when it was.
    pub(super) fn showed(&self, published: Option<Timestamp>) -> bool {
        let Some(published) = published else { return !self.before.is_empty() };
        let mut sights = self.before.iter().map(|(_, sight)| sight);
        self.is_vague || sights.any(|sight| sight.shows(published) != Some(false))
    }

    /// Whether what was published then or before may have come or gone.
    pub(super) fn reaches(&self, published: Timestamp) -> bool {
        let mut sights = self.before.iter().map(|(_, sight)| sight).chain([&self.now]);
        self.is_vague || sights.any(|sight| sight.reaches(published))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn sight(windows: &[(Option<i64>, Option<i64>)]) -> Sight {
        let end = |end: Option<i64>| end.map(at);
        let window =
            |(from, until): &(Option<i64>, Option<i64>)| Window { from: end(*from), until: end(*until) };
        let windows = Some(windows.iter().map(window).collect());
        Sight { windows, mutes: false, blocks: false, is_blocked: false }
    }

    fn step(position: i64, turned: Turned) -> Step {
        Step { position, turned }
    }

    #[test]
    fn a_window_that_moves_turns_what_lies_between_its_bounds() {
        let (wide, narrow) = (sight(&[(Some(3), None)]), sight(&[(Some(6), None)]));
        let past = Past::of(narrow, &[step(1, Turned::Windows(wide.windows))], false);
        let turned = [2, 3, 5, 6].map(|micros| past.turned(at(micros), None));
        assert_eq!(turned, [None, Some(1), Some(1), None]);
        assert_eq!([2, 3].map(|micros| past.showed(Some(at(micros)))), [false, true]);
        assert!(past.reaches(at(3)) && !past.reaches(at(2)));
    }

    #[test]
    fn a_mute_or_block_of_one_who_is_not_followed_turns_nothing() {
        let none = sight(&[]);
        for (turned, now) in [
            (Turned::Mute { was: false }, Sight { mutes: true, ..none.clone() }),
            (Turned::Block { was: false, windows: Some(vec![]) }, Sight { blocks: true, ..none.clone() }),
            (Turned::Blocked { was: true, windows: Some(vec![]) }, none.clone()),
        ] {
            let past = Past::of(now, &[step(1, turned)], false);
            assert_eq!(
                (past.turned(at(5), None), past.showed(Some(at(5))), past.reaches(at(5))),
                (None, false, false)
            );
        }
    }

    #[test]
    fn a_block_turns_what_the_follow_that_it_ended_showed() {
        let windows = sight(&[(Some(3), None)]).windows;
        let now = Sight { is_blocked: true, ..sight(&[]) };
        let past = Past::of(now, &[step(4, Turned::Blocked { was: false, windows })], false);
        assert_eq!((past.turned(at(2), None), past.turned(at(3), None)), (None, Some(4)));
    }

    #[test]
    fn what_went_and_came_again_is_told_by_the_last_change_that_found_it_otherwise() {
        let all = sight(&[(None, None)]);
        let steps = [
            step(1, Turned::Windows(all.windows.clone())),
            step(2, Turned::Windows(Some(vec![]))),
            step(3, Turned::Windows(all.windows.clone())),
        ];
        let past = Past::of(all, &steps, false);
        assert_eq!([None, Some(1), Some(2)].map(|added| past.turned(at(5), added)), [Some(2), Some(2), None]);
    }

    #[test]
    fn what_is_not_known_may_have_turned() {
        let all = sight(&[(None, None)]);
        let unknown = Past::of(all.clone(), &[step(1, Turned::Windows(None))], false);
        let vague = Past::of(all.clone(), &[step(1, Turned::Windows(all.windows.clone()))], true);
        let erased = Past::of(sight(&[]), &[step(1, Turned::Everything)], false);
        for past in [unknown, vague, erased] {
            assert_eq!(
                (past.turned(at(5), None), past.showed(None), past.reaches(at(5))),
                (Some(1), true, true)
            );
        }
        assert_eq!(Past::of(all, &[], true).turned(at(5), None), None);
    }
}
