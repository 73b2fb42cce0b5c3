//! Which scenarios there are, in the order in which they are run: reads before writes change anything.

use std::rc::Rc;

use crate::{
    script::Mix,
    subjects::{FOLLOWEES, Subjects},
};

/// The most that the mixed load does.
const MIXED: &str = "mixed-90-5-5";
/// How many connections the open loop has: more than are ever needed at half of the peak, unless the server stalls.
pub(super) const OPEN_CONNECTIONS: u32 = 64;

/// A scenario.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// Its name.
    pub(super) name: &'static str,
    /// What is asked for.
    pub(super) mix: Mix,
    /// The pages that are read.
    pub(super) pages: Rc<[Vec<u8>]>,
    /// How many connections ask, where that is not left to the command line.
    pub(super) connections: Option<u32>,
    /// Why it cannot be measured on these data, where it cannot.
    pub(super) left_out: Option<String>,
    /// The scenario of which this is the open loop at half of the rate.
    pub(super) half_of: Option<&'static str>,
}

fn named(name: &'static str, mix: Mix, pages: &Rc<[Vec<u8>]>) -> Named {
    Named { name, mix, pages: pages.clone(), connections: None, left_out: None, half_of: None }
}

fn reads(name: &'static str, pages: &Rc<[Vec<u8>]>, missing: &str) -> Named {
    let left_out = pages.is_empty().then(|| missing.to_owned());
    Named { left_out, ..named(name, Mix::READS, pages) }
}

const NO_FULL_PAGE: &str = "no friends feed has a full page";
const NOBODY_WIDE: &str = "no user of these data follows 4,000 or more";
const NOTHING_DEEP: &str = "no friends feed of these data has 2,000 items";

/// Pages that the server does not keep: each is read as if it were asked for the first time.
pub(super) fn anew(subjects: &Subjects) -> Vec<Named> {
    vec![
        reads("friends-first-anew", &subjects.first, NO_FULL_PAGE),
        reads("friends-first-5000-anew", &subjects.wide, NOBODY_WIDE),
        reads("friends-deep-anew", &subjects.deep, NOTHING_DEEP),
        reads("own-first-anew", &subjects.own, "no own feed has a full page"),
    ]
}

/// All other scenarios on what was found.
pub(super) fn scenarios(subjects: &Subjects) -> Vec<Named> {
    // One client alone, so that its latency is the time of a page and not that of a queue.
    let alone = FOLLOWEES.iter().zip(&subjects.by_followees).map(|((name, _), pages)| Named {
        connections: Some(1),
        ..reads(name, pages, "no user of these data follows about as many")
    });
    let alone_wide =
        Named { connections: Some(1), ..reads("alone-5000-followees", &subjects.wide, NOBODY_WIDE) };
    let mut scenarios: Vec<Named> = alone.chain([alone_wide]).collect();
    scenarios.extend([
        reads("friends-first", &subjects.first, NO_FULL_PAGE),
        reads("friends-first-5000", &subjects.wide, NOBODY_WIDE),
        reads("friends-deep", &subjects.deep, NOTHING_DEEP),
        reads("own-first", &subjects.own, "no own feed has a full page"),
        named("post", Mix::POSTS, &subjects.first),
        named("follow-unfollow", Mix::FOLLOWS, &subjects.first),
        named(MIXED, Mix::MIXED, &subjects.first),
        Named {
            half_of: Some(MIXED),
            connections: Some(OPEN_CONNECTIONS),
            ..named("mixed-at-half-rate", Mix::MIXED, &subjects.first)
        },
    ]);
    scenarios
}
