//! The three sizes, and what a graph of each looks like.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How large a generated graph is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
pub enum Size {
    /// 1,000 users, 100,000 activities, a median of 20 followees.
    #[value(name = "S")]
    S,
    /// 50,000 users, 2 million activities, a median of 30 followees.
    #[value(name = "M")]
    M,
    /// 200,000 users, 10 million activities, 32 million follows: a median of 50 followees, p99 1,800, some 5,000.
    #[value(name = "L")]
    L,
}

/// What a graph is made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// How many users.
    pub users: u32,
    /// How many activities, over all of them.
    pub activities: u64,
    /// How many followees the user in the middle has.
    pub followees_median: f64,
    /// The spread of the logarithm of the followees: with 1.54 the user at 99 % has 36 times the median.
    pub followees_spread: f64,
    /// The most followees.
    pub followees_max: u32,
}

impl Size {
    /// The shape of its graph.
    pub fn shape(self) -> Shape {
        match self {
            // In a small town nobody follows half of it: a narrower spread.
            Self::S => Shape {
                users: 1_000,
                activities: 100_000,
                followees_median: 20.0,
                followees_spread: 1.1,
                followees_max: 400,
            },
            Self::M => Shape {
                users: 50_000,
                activities: 2_000_000,
                followees_median: 30.0,
                followees_spread: 1.54,
                followees_max: 5_000,
            },
            Self::L => Shape {
                users: 200_000,
                activities: 10_000_000,
                followees_median: 50.0,
                followees_spread: 1.54,
                followees_max: 5_000,
            },
        }
    }
}
