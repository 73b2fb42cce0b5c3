//! Who posted what, when.

use std::fmt::Write;

use super::{
    Degrees, YEAR, YEAR_BEGINS,
    names::{PROJECTS, VERBS},
};
use crate::{
    random::{Purpose, Random},
    size::Shape,
};

/// An activity. Users are numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// A UUIDv7 of its time.
    pub id: uuid::Uuid,
    /// Who.
    pub actor: u32,
    /// Did what.
    pub verb: &'static str,
    /// With what.
    pub object: String,
    /// To whom; nobody in nine of ten cases, as in the real data.
    pub target: Option<u32>,
    /// When, in microseconds since 1970.
    pub published: i64,
    /// What an application adds: nothing in most cases, otherwise a small JSON object.
    pub data: String,
}

/// All activities, the oldest first. They are spread evenly over the year, one in each of as many equal steps, so they
/// come in order of time without being sorted.
#[derive(Debug)]
pub struct Activities<'a> {
    degrees: &'a Degrees,
    random: Random,
    made: u64,
    count: u64,
}

impl<'a> Activities<'a> {
    pub(super) fn new(shape: &Shape, seed: u64, degrees: &'a Degrees) -> Self {
        let random = Random::new(seed, Purpose::Activities);
        Self { degrees, random, made: 0, count: shape.activities }
    }

    fn published(&mut self) -> i64 {
        let step = YEAR.unsigned_abs() / self.count;
        let after = self.made * step + self.random.below(step);
        YEAR_BEGINS.saturating_add_unsigned(after)
    }

    fn verb(&mut self) -> &'static str {
        let mut place = self.random.below(VERBS.iter().map(|(_, share)| share).sum());
        for (verb, share) in VERBS {
            match place.checked_sub(share) {
                None => return verb,
                Some(rest) => place = rest,
            }
        }
        VERBS[0].0
    }

    fn object(&mut self) -> String {
        let place = self.random.below(PROJECTS.len() as u64);
        let project = usize::try_from(place).map_or(PROJECTS[0], |place| PROJECTS[place]);
        format!("{project}:{:012x}", self.random.bits() >> 16)
    }

    fn data(&mut self) -> String {
        let mut data = String::from("{");
        if self.random.in_thousand(300) {
            let (files, lines) = (self.random.below(40) + 1, self.random.below(900));
            // Writing to a string does not fail.
            let _ = write!(data, r#""files":{files},"lines":{lines}"#);
            if self.random.in_thousand(300) {
                let _ = write!(data, r#","branch":"topic/{:08x}""#, self.random.bits() >> 32);
            }
        }
        data.push('}');
        data
    }
}

impl Iterator for Activities<'_> {
    type Item = Activity;

    fn next(&mut self) -> Option<Activity> {
        if self.made == self.count {
            return None;
        }
        let published = self.published();
        self.made += 1;
        let millis = u64::try_from(published / 1000).unwrap_or(0);
        let bytes = self.random.bits().to_be_bytes();
        // The counter makes ids differ, and rise with the time, even within a millisecond.
        let counter = u16::try_from(published % 1000).unwrap_or(0).to_be_bytes();
        let tail = [
            counter[0], counter[1], bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6],
            bytes[7],
        ];
        let actor = self.degrees.somebody_active(&mut self.random);
        let target = self.random.in_thousand(95).then(|| self.degrees.somebody_popular(&mut self.random));
        Some(Activity {
            id: uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid(),
            actor,
            verb: self.verb(),
            object: self.object(),
            target,
            published,
            data: self.data(),
        })
    }
}
