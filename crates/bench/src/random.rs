//! Random numbers from streams of one seed.

use rand_core::Rng;
use rand_pcg::Pcg64;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random(Pcg64);

/// What a stream is for. Streams of different purposes have nothing to do with each other.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Who has which place in the order of degrees.
    Places,
    /// What is posted when by whom.
    Activities,
    /// Whom one user follows.
    FollowsOf(u32),
    /// What one connection of the driver asks for.
    Connection(u32),
}

impl Random {
    /// The stream of a seed and a purpose.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let stream = match purpose {
            Purpose::Places => 1,
            Purpose::Activities => 2,
            Purpose::FollowsOf(user) => (1_u128 << 32) | u128::from(user),
            Purpose::Connection(number) => (2_u128 << 32) | u128::from(number),
        };
        Self(Pcg64::new(u128::from(seed) << 64 | 0xFEED, stream))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// At least 0 and below 1.
    pub fn part(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
        let bits = (self.bits() >> 11) as f64;
        bits * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Below a bound, which is not 0. The bias of the multiplication is below one in four billion for what is drawn here.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = (u128::from(self.bits()) * u128::from(bound)) >> 64;
        u64::try_from(wide).unwrap_or(0)
    }

    /// Whether something happens that does so in so many of a thousand cases.
    pub fn in_thousand(&mut self, cases: u64) -> bool {
        self.below(1000) < cases
    }

    /// One of some things, which are not none.
    pub fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        let place = self.below(things.len() as u64);
        &things[usize::try_from(place).unwrap_or(0)]
    }

    /// The numbers below a bound in random order.
    pub fn shuffled(&mut self, bound: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..bound).collect();
        for last in (1..order.len()).rev() {
            let other = self.below(last as u64 + 1);
            order.swap(last, usize::try_from(other).unwrap_or(last));
        }
        order
    }
}
