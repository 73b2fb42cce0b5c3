//! Users as feeds need them: by number and by name; and verbs as numbers.

use std::collections::HashMap;

use feed_me_domain::{UserId, Username, Verb};

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
    by_name: HashMap<Username, u32>,
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

    /// Every number that is a user's, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.by_key).filter_map(|(key, person)| person.as_ref().map(|_| key))
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
pub(super) struct Verbs(HashMap<Verb, u32>);

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
