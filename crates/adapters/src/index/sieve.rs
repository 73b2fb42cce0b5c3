//! Whether a number may be in a long list, by one look at one word.

/// How many bits a number has.
const BITS_EACH: usize = 16;

/// A Bloom filter in which both bits of a number lie in one word (F. Putze, P. Sanders, J. Singler, "Cache-, hash- and
/// space-efficient Bloom filters", 2007): of the numbers that are not in the list, about one in fifty seems to be. Empty,
/// it lets every number through.
#[derive(Default)]
pub(super) struct Sieve(Box<[u64]>);

impl Sieve {
    /// A sieve of so many numbers, with room for a quarter more.
    pub(super) fn of(count: usize, numbers: impl Iterator<Item = u32>) -> Self {
        let words = (count + count / 4) * BITS_EACH / 64 + 1;
        let mut sieve = Self(vec![0; words].into());
        numbers.for_each(|number| sieve.add(number));
        sieve
    }

    /// Whether it can hold so many; one that is empty has no room.
    pub(super) fn has_room_for(&self, count: usize) -> bool {
        count * BITS_EACH <= self.0.len() * 64
    }

    /// Adds a number.
    pub(super) fn add(&mut self, number: u32) {
        let (word, bits) = self.place(number);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bits;
        }
    }

    /// Whether a number may have been added. Where nothing was, any may.
    #[inline]
    pub(super) fn may_hold(&self, number: u32) -> bool {
        let (word, bits) = self.place(number);
        self.0.get(word).is_none_or(|word| word & bits == bits)
    }

    #[inline]
    fn place(&self, number: u32) -> (usize, u64) {
        // Fibonacci hashing: the upper half of the product is well mixed.
        let hash = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let word = ((hash >> 32) * self.0.len() as u64) >> 32;
        let bits = (1 << ((hash >> 16) & 63)) | (1 << ((hash >> 22) & 63));
        (usize::try_from(word).unwrap_or(0), bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_held_and_hardly_anything_else() {
        let numbers = || (0..5000_u32).map(|number| number * 37 + 5);
        let sieve = Sieve::of(5000, numbers());
        assert!(numbers().all(|number| sieve.may_hold(number)));
        let others = (0..100_000).map(|number| number * 37 + 6);
        let wrong = others.filter(|number| sieve.may_hold(*number)).count();
        assert!(wrong < 5_000, "{wrong} of 100,000 seem to be held");
    }

    #[test]
    fn nothing_is_kept_from_passing_where_nothing_was_added() {
        let sieve = Sieve::default();
        assert!((0..1000).all(|number| sieve.may_hold(number)));
        assert!(!sieve.has_room_for(1));
    }

    #[test]
    fn there_is_room_for_a_quarter_more() {
        let mut sieve = Sieve::of(1000, 0..1000);
        assert!(sieve.has_room_for(1200) && !sieve.has_room_for(1300));
        (1000..1200).for_each(|number| sieve.add(number));
        assert!((0..1200).all(|number| sieve.may_hold(number)));
    }
}
