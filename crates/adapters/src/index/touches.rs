//! What was touched lately: how a page that somebody keeps is known to be still right without being read again.
//!
//! Each change notes whose feeds it may have altered, as coarsely as it can be said in 12 bytes. A page that was read at a
//! position is the same as long as nothing after that position touches its feed. To look is to walk back over what came
//! since: a few nanoseconds for each, against the microseconds of a page.

use std::collections::VecDeque;

use feed_me_domain::FeedKind;

use super::reader::Reader;

/// How many touches are remembered, in 24 bytes each.
const REMEMBERED_MAX: usize = 4_096;
/// How many are looked at: beyond these, to read the page again is about as cheap.
const LOOKED_AT_MAX: usize = 1_024;

/// Whose feeds a change may have altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// Those that an activity is in.
    Activity {
        /// Who did it.
        author: u32,
        /// To or for whom; 0 for nobody.
        target: u32,
    },
    /// All of one user.
    Reader(u32),
    /// Any.
    Everybody,
}

impl Touch {
    /// Whether it may have altered a feed of `owner`.
    fn is_about(self, kind: FeedKind, owner: u32, reader: &Reader) -> bool {
        match self {
            Self::Activity { author, target } => match kind {
                FeedKind::Own => author == owner,
                FeedKind::Mentions => target == owner,
                FeedKind::Friends => author == owner || reader.may_show(author),
            },
            Self::Reader(touched) => touched == owner,
            Self::Everybody => true,
        }
    }
}

/// The touches of late, in the order of the changes.
#[derive(Default)]
pub(super) struct Touches {
    recent: VecDeque<(i64, Touch)>,
    /// Everything after this position is remembered.
    from: i64,
}

impl Touches {
    /// The change at a position touches this.
    pub(super) fn note(&mut self, position: i64, touch: Touch) {
        if self.recent.len() == REMEMBERED_MAX
            && let Some((oldest, _)) = self.recent.pop_front()
        {
            self.from = oldest;
        }
        self.recent.push_back((position, touch));
    }

    /// Whether nothing after a position can have altered a feed of `owner`.
    pub(super) fn spare(&self, kind: FeedKind, owner: u32, reader: &Reader, since: i64) -> bool {
        if since < self.from {
            return false;
        }
        let mut later = self.recent.iter().rev().take_while(|(position, _)| since < *position);
        later.by_ref().take(LOOKED_AT_MAX).all(|(_, touch)| !touch.is_about(kind, owner, reader))
            && later.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_remembered_any_more_is_not_vouched_for() {
        let (mut touches, reader) = (Touches::default(), Reader::default());
        let others = |touches: &mut Touches, position| {
            touches.note(position, Touch::Activity { author: 7, target: 0 });
        };
        let is_spared = |touches: &Touches, since| touches.spare(FeedKind::Friends, 1, &reader, since);
        let remembered = i64::try_from(REMEMBERED_MAX).unwrap();
        let looked_at = i64::try_from(LOOKED_AT_MAX).unwrap();
        for position in 1..=remembered {
            others(&mut touches, position);
        }
        assert!(is_spared(&touches, remembered) && is_spared(&touches, remembered - looked_at));
        assert!(!is_spared(&touches, remembered - looked_at - 1), "further back than is looked");
        touches.note(remembered + 1, Touch::Everybody);
        assert!(!is_spared(&touches, remembered) && is_spared(&touches, remembered + 1));
        // The walk back never reaches what fell out; it is refused before.
        assert_eq!(touches.from, 1);
        assert!(!is_spared(&touches, 0));
    }

    #[test]
    fn an_activity_touches_its_author_its_target_and_who_follows_the_author() {
        let mut reader = Reader::default();
        reader.push_plain(7);
        let spares = |touch, kind, owner| {
            let mut touches = Touches::default();
            touches.note(5, touch);
            touches.spare(kind, owner, &reader, 4)
        };
        let posted = Touch::Activity { author: 7, target: 3 };
        assert!(!spares(posted, FeedKind::Friends, 1) && !spares(posted, FeedKind::Friends, 7));
        assert!(spares(posted, FeedKind::Own, 1) && !spares(posted, FeedKind::Own, 7));
        assert!(spares(posted, FeedKind::Mentions, 7) && !spares(posted, FeedKind::Mentions, 3));
        let foreign = Touch::Activity { author: 8, target: 0 };
        assert!(spares(foreign, FeedKind::Friends, 1));
        assert!(
            !spares(Touch::Reader(1), FeedKind::Own, 1) && spares(Touch::Reader(2), FeedKind::Friends, 1)
        );
    }
}
