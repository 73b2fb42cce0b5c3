//! The generator: a social graph from a seed, the same bytes every time.
//!
//! Nothing is kept but a few numbers a user, so a graph of 42 million lines takes a few megabytes of memory. Everything
//! random comes from PCG streams of the seed: one for the users, one for each follower, one for the activities; so parts
//! can be made apart and in any order.

mod activities;
mod degrees;
mod follows;
mod lines;
mod names;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use flate2::{Compression, write::GzEncoder};

pub use self::{
    activities::{Activities, Activity},
    degrees::Degrees,
    follows::{Follow, FollowsOf},
    names::username,
};
use crate::size::Shape;

/// The instant at which the year of the graph begins, in microseconds since 1970: 1 November 2025.
pub const YEAR_BEGINS: i64 = 1_761_955_200_000_000;
/// How long the year is, in microseconds.
pub const YEAR: i64 = 365 * 24 * 3_600 * 1_000_000;

/// A graph that can be read from its beginning any number of times.
#[derive(Clone, Debug)]
pub struct Graph {
    shape: Shape,
    seed: u64,
    degrees: Degrees,
}

/// What a written or loaded graph came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Achieved {
    /// Activities.
    pub activities: u64,
    /// Follows.
    pub follows: u64,
    /// Followees of each user, ascending.
    followees: Vec<u32>,
    /// Followers of each user, ascending.
    followers: Vec<u32>,
    /// Activities of each user, ascending.
    posts: Vec<u32>,
}

impl Graph {
    /// The graph of a shape and a seed.
    pub fn new(shape: Shape, seed: u64) -> Self {
        Self { shape, seed, degrees: Degrees::new(&shape, seed) }
    }

    /// How many users it has; they are numbered from 0.
    pub fn users(&self) -> u32 {
        self.shape.users
    }

    /// All activities, the oldest first.
    pub fn activities(&self) -> Activities<'_> {
        Activities::new(&self.shape, self.seed, &self.degrees)
    }

    /// All follows, by follower and then by followee.
    pub fn follows(&self) -> impl Iterator<Item = Follow> + '_ {
        let mut of = FollowsOf::new(&self.shape, self.seed, &self.degrees);
        (0..self.shape.users).flat_map(move |follower| of.follower(follower))
    }
}

impl Achieved {
    /// Puts the counts of a graph together.
    pub fn of(followees: Vec<u32>, followers: Vec<u32>, posts: Vec<u32>) -> Self {
        let sum = |counts: &[u32]| counts.iter().copied().map(u64::from).sum();
        let (activities, follows) = (sum(&posts), sum(&followees));
        let sorted = |mut counts: Vec<u32>| {
            counts.sort_unstable();
            counts
        };
        let (followees, followers, posts) = (sorted(followees), sorted(followers), sorted(posts));
        Self { activities, follows, followees, followers, posts }
    }

    /// In words, for people.
    pub fn told(&self) -> String {
        let line = |name: &str, counts: &[u32]| {
            let at = |part| quantile(counts, part);
            format!(
                "{name}: median {}, p90 {}, p99 {}, most {}",
                at(0.5),
                at(0.9),
                at(0.99),
                counts.last().unwrap_or(&0)
            )
        };
        let at_most = self
            .followees
            .last()
            .map_or(0, |most| self.followees.iter().rev().take_while(|count| *count == most).count());
        format!(
            "{} users, {} activities, {} follows\n  {} ({at_most} users have the most)\n  {}\n  {}",
            self.followees.len(),
            self.activities,
            self.follows,
            line("followees a user", &self.followees),
            line("followers a user", &self.followers),
            line("activities a user", &self.posts),
        )
    }

    #[cfg(test)]
    fn followees_at(&self, part: f64) -> u32 {
        quantile(&self.followees, part)
    }
}

/// The value below which a part of the ascending values lies.
fn quantile(ascending: &[u32], part: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index of at most 200,000"
    )]
    let index = (ascending.len() as f64 * part) as usize;
    ascending.get(index.min(ascending.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// Writes `activities.ndjson` and `follows.ndjson`, which `feed-me import` takes, into a folder; compressed by gzip where
/// asked. Answers the files and what was made.
pub fn write(graph: &Graph, folder: &Path, gzip: bool) -> anyhow::Result<(Vec<PathBuf>, Achieved)> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let counts = || vec![0_u32; graph.users() as usize];
    let (mut followees, mut followers, mut posts) = (counts(), counts(), counts());
    let activities = write_file(folder, "activities", gzip, |out| {
        for activity in graph.activities() {
            posts[activity.actor as usize] += 1;
            lines::activity(out, &activity)?;
        }
        Ok(())
    })?;
    let follows = write_file(folder, "follows", gzip, |out| {
        for follow in graph.follows() {
            followees[follow.follower as usize] += 1;
            followers[follow.followee as usize] += 1;
            lines::follow(out, &follow)?;
        }
        Ok(())
    })?;
    Ok((vec![activities, follows], Achieved::of(followees, followers, posts)))
}

fn write_file(
    folder: &Path,
    name: &str,
    gzip: bool,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<PathBuf> {
    let path = folder.join(if gzip { format!("{name}.ndjson.gz") } else { format!("{name}.ndjson") });
    let failed = || format!("cannot write {}", path.display());
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).with_context(failed)?);
    if gzip {
        // The header of gzip holds no time here, so the files too are the same bytes every time.
        let mut packed = GzEncoder::new(&mut out, Compression::fast());
        fill(&mut packed).with_context(failed)?;
        packed.finish().with_context(failed)?;
    } else {
        fill(&mut out).with_context(failed)?;
    }
    out.flush().with_context(failed)?;
    Ok(path)
}

#[cfg(test)]
mod tests;
