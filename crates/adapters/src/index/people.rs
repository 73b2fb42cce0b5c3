//! Users as feeds need them: by number and by name; and verbs as numbers.

use std::collections::HashMap;

use feed_me_domain::{UserId, Username, Verb};
use foldhash::fast::RandomState;

/// A user.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) name: Username,
}

/// All users.
#[derive(Default)]
pub(super) struct People {
    by_key: Vec<Option<Person>>,
    by_name: HashMap<Username, u32, RandomState>,
}

impl People {
    /// The number of a name.
    pub(super) fn key(&self, name: &Username) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The user of a number.
    pub(super) fn get(&self, key: u32) -> Option<&Person> {
        self.by_key.get(key as usize)?.as_ref()
    }

    /// Every name, in the order of the numbers.
    pub(super) fn names(&self) -> impl Iterator<Item = &Username> {
        self.by_key.iter().flatten().map(|person| &person.name)
    }

    /// The names of at most so many users, spread evenly over all; another round begins elsewhere. Looks at no more than it
    /// has to: somebody may wait for the copy.
    pub(super) fn spread(&self, count: usize, round: usize) -> impl Iterator<Item = &Username> {
        let len = self.by_key.len();
        let count = count.min(len);
        (0..count).filter_map(move |number| {
            let stretch = &self.by_key[number * len / count..(number + 1) * len / count];
            let (before, from) = stretch.split_at(round % stretch.len());
            from.iter().chain(before).flatten().next().map(|person| &person.name)
        })
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Makes a user what they are by now.
    pub(super) fn set(&mut self, key: u32, person: Person) {
        self.remove(key);
        let index = key as usize;
        if self.by_key.len() <= index {
            self.by_key.resize(index + 1, None);
        }
        self.by_name.insert(person.name.clone(), key);
        self.by_key[index] = Some(person);
    }

    /// Forgets a user.
    pub(super) fn remove(&mut self, key: u32) {
        let Some(person) = self.by_key.get_mut(key as usize).and_then(Option::take) else { return };
        // Another user may have taken the name already: changes tell what is, not what was.
        if self.by_name.get(&person.name) == Some(&key) {
            self.by_name.remove(&person.name);
        }
    }
}

/// Verbs, each by a number. There are few, and they are never forgotten.
#[derive(Default)]
pub(super) struct Verbs(HashMap<Verb, u32, RandomState>);

impl Verbs {
    /// The number of a verb that some activity had.
    pub(super) fn get(&self, verb: &Verb) -> Option<u32> {
        self.0.get(verb).copied()
    }

    /// The number of a verb; a new one where there is none yet.
    pub(super) fn number(&mut self, verb: &Verb) -> u32 {
        if let Some(number) = self.get(verb) {
            return number;
        }
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.insert(verb.clone(), number);
        number
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rounds_come_to_everybody_and_a_round_to_no_more_than_so_many() {
        let mut people = People::default();
        for key in (1..100).filter(|key| key % 3 != 0) {
            let name = Username::parse(&format!("u{key}")).unwrap();
            people.set(key, Person { id: UserId::from_uuid(uuid::Uuid::from_u128(key.into())), name });
        }
        let mut seen = BTreeSet::new();
        for round in 0..30 {
            let names: Vec<&Username> = people.spread(4, round).collect();
            assert_eq!(names.len(), 4, "round {round}");
            seen.extend(names.into_iter().cloned());
        }
        assert_eq!(seen.len(), people.names().count());
        assert_eq!(people.spread(30, 0).count(), 30);
        assert_eq!(people.spread(1000, 0).count(), people.names().count());
        assert_eq!(People::default().spread(4, 1).count(), 0);
    }
}
