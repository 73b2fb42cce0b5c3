//! Windows of follows: few and disjoint, and always the instants that a plain model says.

use proptest::prelude::*;

use crate::{
    Timestamp, Window,
    follow::{Edge, FollowFrom, FollowStep, UnfollowStep, united},
};

/// Instants are microseconds from 0 up to this.
const INSTANTS: i64 = 40;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

fn window() -> impl Strategy<Value = Window> {
    (0..INSTANTS, 0..INSTANTS, 0..6).prop_map(|(one, other, open)| Window {
        from: (open != 0).then(|| at(one.min(other))),
        until: (open != 1).then(|| at(one.max(other))),
    })
}

fn shown(windows: &[Window]) -> Vec<bool> {
    (0..INSTANTS).map(|micros| windows.iter().any(|window| window.contains(at(micros)))).collect()
}

/// Whether a gap lies between each two neighbours.
fn are_apart(windows: &[Window]) -> bool {
    windows.windows(2).all(|pair| match (pair[0].until, pair[1].from) {
        (Some(until), Some(from)) => until.plus_micros(1) < from,
        _ => false,
    })
}

#[derive(Clone, Copy, Debug)]
enum Wish {
    Follow(Option<FollowFrom>),
    Unfollow { keep_history: bool },
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        Just(Wish::Follow(None)),
        Just(Wish::Follow(Some(FollowFrom::Beginning))),
        Just(Wish::Follow(Some(FollowFrom::Now))),
        (0..INSTANTS).prop_map(|micros| Wish::Follow(Some(FollowFrom::At(at(micros))))),
        Just(Wish::Unfollow { keep_history: false }),
        Just(Wish::Unfollow { keep_history: true }),
        Just(Wish::Unfollow { keep_history: true }),
    ]
}

/// Carries out a wish as a store does.
fn carry_out(edge: &mut Edge, wish: Wish, stamp: Timestamp) {
    match wish {
        Wish::Follow(from) => match edge.follow(from, stamp) {
            FollowStep::New(current) | FollowStep::Moved(current) => edge.current = Some(current),
            FollowStep::Already(current) => assert_eq!(edge.current, Some(current)),
        },
        Wish::Unfollow { keep_history } => match edge.unfollow(keep_history, stamp) {
            UnfollowStep::NotThere => assert_eq!(*edge, Edge::default()),
            UnfollowStep::NoChange => assert_eq!(edge.current, None),
            UnfollowStep::End { current, kept } => {
                assert_eq!(current, edge.current.is_some());
                *edge = Edge { current: None, kept };
            }
        },
    }
}

/// The same in plain: what is kept instant by instant, and where the present follow begins.
#[derive(Default)]
struct Model {
    kept: Vec<bool>,
    from: Option<i64>,
}

impl Model {
    fn carry_out(&mut self, wish: Wish, stamp: i64) {
        self.kept.resize(usize::try_from(INSTANTS).unwrap(), false);
        match wish {
            Wish::Follow(None) => self.from = self.from.or(Some(0)),
            Wish::Follow(Some(FollowFrom::Beginning)) => self.from = Some(0),
            Wish::Follow(Some(FollowFrom::Now)) => self.from = Some(stamp),
            Wish::Follow(Some(FollowFrom::At(at))) => self.from = Some(at.micros().min(stamp)),
            Wish::Unfollow { keep_history: false } => *self = Self::default(),
            Wish::Unfollow { keep_history: true } => {
                if let Some(from) = self.from.take() {
                    for micros in from..=stamp {
                        self.kept[usize::try_from(micros).unwrap()] = true;
                    }
                }
            }
        }
    }

    fn shows(&self, micros: i64) -> bool {
        self.from.is_some_and(|from| from <= micros)
            || self.kept.get(usize::try_from(micros).unwrap()).is_some_and(|&kept| kept)
    }
}

proptest! {
    #[test]
    fn united_windows_show_the_same_and_lie_apart(windows in prop::collection::vec(window(), 0..8)) {
        let few = united(windows.clone());
        prop_assert_eq!(shown(&few), shown(&windows));
        prop_assert!(are_apart(&few), "{:?}", few);
        prop_assert!(few.len() <= windows.len());
        prop_assert_eq!(united(few.clone()), few);
    }

    #[test]
    fn any_history_of_follows_and_unfollows_shows_what_a_plain_model_says(
        wishes in prop::collection::vec(wish(), 0..12)
    ) {
        let (mut edge, mut model) = (Edge::default(), Model::default());
        for (turn, wish) in wishes.into_iter().enumerate() {
            let stamp = i64::try_from(turn).unwrap() * 3;
            carry_out(&mut edge, wish, at(stamp));
            model.carry_out(wish, stamp);
            let windows = edge.windows();
            prop_assert!(are_apart(&windows) && are_apart(&edge.kept), "{:?}", edge);
            for micros in 0..INSTANTS {
                let said = [edge.shows(at(micros)), windows.iter().any(|window| window.contains(at(micros)))];
                prop_assert_eq!(said, [model.shows(micros); 2], "{:?} at {} after {:?}", edge, micros, wish);
            }
        }
    }
}
