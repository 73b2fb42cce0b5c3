/// Numbers that look random and follow from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// From `FEEDME_TEST_SEED`, or from the time. The seed is told, so that a failure can be looked at again.
    pub(crate) fn fresh() -> Self {
        let now = || {
            let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
            since.as_secs() ^ u64::from(since.subsec_nanos())
        };
        let seed = number_from("FEEDME_TEST_SEED").unwrap_or_else(now);
        eprintln!("FEEDME_TEST_SEED={seed}");
        Self(seed)
    }

    /// Another row of numbers, which follows from this one.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    /// The next number (splitmix64).
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// True once in `times`.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A number from the environment.
pub(crate) fn number_from(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is '{text}' and must be a number")))
}
