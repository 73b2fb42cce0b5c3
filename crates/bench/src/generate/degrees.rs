//! How many followees, followers and activities each user has.
//!
//! Followees are log-normal: the user at a part `p` of all has `median * exp(spread * normal_quantile(p))` of them. With the
//! median 50 and the spread 1.54 that is 1,800 at 99 %, a mean of 159 (32 million for 200,000 users), and 0.14 % of the users
//! would have more than 5,000 and are cut there: those are the viewers of 5,000 followees. The quantiles are handed out
//! rather than drawn, so the stated figures are met exactly, whatever the seed; it decides who gets which.
//!
//! Followers and activities are power laws of a user's place in an order of popularity and one of activity: the first
//! falls with the root of the place (the most popular of 200,000 users has about 65,000 followers), the second with
//! `(place + 10)^-0.8` (the most active one has 32,000 of 10 million activities, the one in the middle 20).

use crate::{
    random::{Purpose, Random},
    size::Shape,
};

/// How many places of activity count as nearly alike, so that one user does not post half of everything.
const SHIFT: f64 = 10.0;

/// Who has which degrees.
#[derive(Clone, Debug)]
pub struct Degrees {
    /// How many each user follows.
    followees: Vec<u32>,
    /// The users, the most popular first.
    popular: Vec<u32>,
    /// The users, the most active first.
    active: Vec<u32>,
    /// The fifth root of [`SHIFT`], and by how much that of the last place is more.
    first_root: f64,
    more_root: f64,
}

impl Degrees {
    pub(super) fn new(shape: &Shape, seed: u64) -> Self {
        let mut random = Random::new(seed, Purpose::Places);
        let by_followees = random.shuffled(shape.users);
        let mut followees = vec![0; shape.users as usize];
        for (place, user) in by_followees.into_iter().enumerate() {
            followees[user as usize] = followees_at(shape, place);
        }
        let (first_root, last_root) = (SHIFT.powf(0.2), (f64::from(shape.users) + SHIFT).powf(0.2));
        Self {
            followees,
            popular: random.shuffled(shape.users),
            active: random.shuffled(shape.users),
            first_root,
            more_root: last_root - first_root,
        }
    }

    /// How many a user follows.
    pub(super) fn followees(&self, user: u32) -> u32 {
        self.followees[user as usize]
    }

    /// Somebody, the more likely the more popular. The square of an even part falls off with the root.
    pub(super) fn somebody_popular(&self, random: &mut Random) -> u32 {
        let part = random.part();
        Self::at(&self.popular, part * part * self.len())
    }

    /// Somebody, the more likely the more active. The integral of `(x + SHIFT)^-0.8` is a fifth root, so a fifth power
    /// turns an even part into a place: no table, no logarithm.
    pub(super) fn somebody_active(&self, random: &mut Random) -> u32 {
        let root = self.first_root + random.part() * self.more_root;
        let squared = root * root;
        Self::at(&self.active, squared * squared * root - SHIFT)
    }

    #[expect(clippy::cast_precision_loss, reason = "at most 200,000")]
    fn len(&self) -> f64 {
        self.followees.len() as f64
    }

    fn at(users: &[u32], place: f64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "cut to the length below"
        )]
        let place = place.max(0.0) as usize;
        users[place.min(users.len() - 1)]
    }
}

/// The followees of the user at a place of the ascending order.
fn followees_at(shape: &Shape, place: usize) -> u32 {
    #[expect(clippy::cast_precision_loss, reason = "at most 200,000")]
    let part = (place as f64 + 0.5) / f64::from(shape.users);
    let wished = shape.followees_median * (shape.followees_spread * normal_quantile(part)).exp();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let count = wished.round().clamp(1.0, f64::from(shape.followees_max.min(shape.users / 2))) as u32;
    count
}

/// The value below which a part of the normal distribution lies, by Acklam's rational approximation (relative error 1e-9).
fn normal_quantile(part: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
        1.0,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        0.007_784_695_709_041_462,
        0.322_467_129_070_039_8,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    const TAIL: f64 = 0.024_25;
    let polynomial = |factors: &[f64], x: f64| factors.iter().fold(0.0, |sum, factor| sum * x + factor);
    let tail = |part: f64| {
        let x = (-2.0 * part.ln()).sqrt();
        polynomial(&C, x) / polynomial(&D, x)
    };
    if part < TAIL {
        tail(part)
    } else if 1.0 - TAIL < part {
        -tail(1.0 - part)
    } else {
        let x = part - 0.5;
        x * polynomial(&A, x * x) / polynomial(&B, x * x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_quantile_has_the_values_of_the_tables() {
        for (part, value) in [(0.5, 0.0), (0.975, 1.959_964), (0.99, 2.326_348), (0.001, -3.090_232)] {
            assert!((normal_quantile(part) - value).abs() < 1e-5, "{part}: {}", normal_quantile(part));
        }
    }
}
