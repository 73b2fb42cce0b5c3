//! What a subscription wants to hear of.

use crate::{
    id::{UserId, UserKey},
    ports::LoggedEvent,
    sequence::EventKind,
    text::{Username, Verb},
};

use super::FilterWish;

/// A user by number, id and present name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedUser {
    /// The number that rows refer to.
    pub key: UserKey,
    /// The id that events tell.
    pub id: UserId,
    /// The name by now.
    pub username: Username,
}

/// A user whom a filter is to name, as a store finds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundUser {
    /// No user is to be named.
    NotAsked,
    /// Nobody has the name.
    Nobody,
    /// This one has it.
    Found(NamedUser),
}

/// The actor and the target of a filter, as a store finds them.
pub type FoundUsers = [FoundUser; 2];

impl FoundUser {
    /// Looks up who has a name, where one is given.
    pub fn look_up<E>(
        name: Option<&Username>,
        look_up: impl FnOnce(&Username) -> Result<Option<(UserKey, UserId)>, E>,
    ) -> Result<Self, E> {
        let Some(username) = name else { return Ok(Self::NotAsked) };
        Ok(look_up(username)?
            .map_or(Self::Nobody, |(key, id)| Self::Found(NamedUser { key, id, username: username.clone() })))
    }

    fn named(self) -> Option<NamedUser> {
        match self {
            Self::Found(user) => Some(user),
            Self::NotAsked | Self::Nobody => None,
        }
    }
}

/// Which of the users whom a filter was to name are nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownUsers {
    /// Whether the actor is.
    pub actor: bool,
    /// Whether the target is.
    pub target: bool,
}

/// Actor and target, unless one of them is nobody.
pub(super) fn known([actor, target]: FoundUsers) -> Result<[Option<NamedUser>; 2], UnknownUsers> {
    let unknown = UnknownUsers { actor: actor == FoundUser::Nobody, target: target == FoundUser::Nobody };
    if unknown.actor || unknown.target {
        return Err(unknown);
    }
    Ok([actor.named(), target.named()])
}

/// What is delivered: the events that meet all of what is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookFilter {
    /// The kinds of events, each once, in the order of [`EventKind::ALL`]; all, where there is none.
    pub kinds: Vec<EventKind>,
    /// Only what this user did.
    pub actor: Option<NamedUser>,
    /// Only activities with this verb.
    pub verb: Option<Verb>,
    /// Only what was done to this user.
    pub target: Option<NamedUser>,
}

impl WebhookFilter {
    /// The filter of a wish whose users are found.
    pub fn of(wish: FilterWish, actor: Option<NamedUser>, target: Option<NamedUser>) -> Self {
        Self { kinds: distinct(wish.kinds), actor, verb: wish.verb, target }
    }

    /// Whether an event is wanted, as far as it tells itself: of its activity's verb, see [`wants_verb`](Self::wants_verb).
    pub fn wants(&self, event: &LoggedEvent) -> bool {
        let is_of = |wanted: &Option<NamedUser>, told: Option<UserId>| {
            wanted.as_ref().is_none_or(|user| told == Some(user.id))
        };
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && is_of(&self.actor, event.user)
            && is_of(&self.target, event.other)
            && (self.verb.is_none() || event.activity.is_some())
    }

    /// Whether an activity with this verb is wanted. Of one that is gone nobody knows the verb; it is wanted, since whoever
    /// was told of it has to hear that it went.
    pub fn wants_verb(&self, verb: Option<&Verb>) -> bool {
        match (&self.verb, verb) {
            (Some(wanted), Some(verb)) => wanted == verb,
            (None, _) | (_, None) => true,
        }
    }
}

/// Each kind once, in one order.
pub(super) fn distinct(kinds: impl AsRef<[EventKind]>) -> Vec<EventKind> {
    EventKind::ALL.into_iter().filter(|kind| kinds.as_ref().contains(kind)).collect()
}
