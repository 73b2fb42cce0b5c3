//! Who calls, and what they may do.

use crate::{
    application_key::{Scope, Scopes},
    id::{KeyId, UserId},
    text::Username,
    user::User,
};

/// Who asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anybody: where no credential is asked for.
    Anyone,
    /// An application, by its key.
    Application {
        /// Which key.
        id: KeyId,
        /// What it allows.
        scopes: Scopes,
    },
    /// A user, by a token.
    User {
        /// Who, whatever the name becomes.
        id: UserId,
        /// The present name.
        username: Username,
    },
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nothing.
    Open,
    /// A key with a scope, or a token of a user who may.
    Needs(Scope, UserRight),
}

/// What the token of a user is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRight {
    /// Not for this.
    Nothing,
    /// For this, whomever it is about.
    Anything,
    /// Where it is about the user.
    Own,
    /// Where the user is the actor of what is sent. What is sent has to be read first: see [`Caller::may_act_as`].
    AsActor,
    /// Where the user is the actor of the activity that it is about.
    OwnActivity,
}

impl Right {
    /// To read what is everybody's.
    pub const READ: Self = Self::Needs(Scope::Read, UserRight::Anything);
    /// To read what is one user's.
    pub const READ_OWN: Self = Self::Needs(Scope::Read, UserRight::Own);
    /// To write for an application.
    pub const WRITE: Self = Self::Needs(Scope::Write, UserRight::Nothing);
    /// To write what is one user's.
    pub const WRITE_OWN: Self = Self::Needs(Scope::Write, UserRight::Own);
    /// To post as an actor.
    pub const ACT: Self = Self::Needs(Scope::Write, UserRight::AsActor);
    /// To change an activity.
    pub const CHANGE_ACTIVITY: Self = Self::Needs(Scope::Write, UserRight::OwnActivity);
    /// To erase a user.
    pub const ERASE: Self = Self::Needs(Scope::Admin, UserRight::Own);
    /// To run the service.
    pub const ADMIN: Self = Self::Needs(Scope::Admin, UserRight::Nothing);
}

/// What is known before anything is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Yes.
    Granted,
    /// No.
    Denied(Denial),
    /// Yes, where the request is about this user.
    IfAbout(&'a Username),
    /// Yes, where the activity that the request is about has this actor.
    IfActor(&'a Username),
}

/// Why somebody may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The key lacks a scope.
    #[error("the application key does not have the scope '{0}', which this needs")]
    Scope(Scope),
    /// No user may.
    #[error("the token of a user does not allow this; it takes an application key with the scope '{0}'")]
    NotForUsers(Scope),
    /// It is about somebody else.
    #[error("the token is '{user}''s and allows nothing in the name of another")]
    OtherUser {
        /// Whose token it is.
        user: Username,
    },
}

impl Caller {
    /// What the caller may, as far as it can be told from the right alone.
    pub fn may(&self, right: Right) -> Verdict<'_> {
        let Right::Needs(scope, user_right) = right else { return Verdict::Granted };
        match self {
            Self::Anyone => Verdict::Granted,
            Self::Application { scopes, .. } if scopes.allow(scope) => Verdict::Granted,
            Self::Application { .. } => Verdict::Denied(Denial::Scope(scope)),
            Self::User { username, .. } => match user_right {
                UserRight::Nothing => Verdict::Denied(Denial::NotForUsers(scope)),
                UserRight::Anything | UserRight::AsActor => Verdict::Granted,
                UserRight::Own => Verdict::IfAbout(username),
                UserRight::OwnActivity => Verdict::IfActor(username),
            },
        }
    }

    /// Refuses to act in the name of a user other than the caller.
    pub fn may_act_as(&self, actor: &Username) -> Result<(), Denial> {
        match self {
            Self::User { username, .. } if username != actor => {
                Err(Denial::OtherUser { user: username.clone() })
            }
            Self::Anyone | Self::Application { .. } | Self::User { .. } => Ok(()),
        }
    }

    /// What the keys of idempotent requests are told apart by: the application's key, or the user, whose next token is
    /// another text. Nobody else can come by the same.
    pub fn credential(&self) -> Vec<u8> {
        let tagged = |tag: u8, id: &[u8; 16]| [&[tag], id.as_slice()].concat();
        match self {
            Self::Anyone => Vec::new(),
            Self::Application { id, .. } => tagged(b'k', id.as_uuid().as_bytes()),
            Self::User { id, .. } => tagged(b'u', id.as_uuid().as_bytes()),
        }
    }
}

/// What an authentic token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserToken {
    /// The name of the user it was made for.
    pub username: Username,
    /// Who that was, where the token says so.
    pub user: Option<UserId>,
    /// When it was made, in whole seconds since 1970.
    pub issued_at_s: i64,
}

impl UserToken {
    /// Whether it was made for the present holder of its name: not before the second in which that user took it.
    pub fn is_of(&self, holder: &User) -> bool {
        let named_at_s = holder.named_at.micros().div_euclid(1_000_000);
        self.username == holder.username
            && named_at_s <= self.issued_at_s
            && self.user.is_none_or(|user| user == holder.id)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{id::UserKey, time::Timestamp};

    fn name(raw: &str) -> Username {
        Username::parse(raw).unwrap()
    }

    fn user_id(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn application(scopes: &str) -> Caller {
        let id = KeyId::from_uuid(Uuid::from_u128(1));
        Caller::Application { id, scopes: Scopes::parse(scopes).unwrap() }
    }

    fn ivan() -> Caller {
        Caller::User { id: user_id(1), username: name("ivan") }
    }

    #[test]
    fn an_application_may_what_its_scopes_say_whomever_it_is_about() {
        for right in [Right::READ, Right::READ_OWN] {
            assert_eq!(application("read").may(right), Verdict::Granted);
            assert_eq!(application("write").may(right), Verdict::Denied(Denial::Scope(Scope::Read)));
        }
        for right in [Right::WRITE, Right::WRITE_OWN, Right::ACT, Right::CHANGE_ACTIVITY] {
            assert_eq!(application("write").may(right), Verdict::Granted);
            assert_eq!(application("read").may(right), Verdict::Denied(Denial::Scope(Scope::Write)));
        }
        for right in [Right::ADMIN, Right::ERASE] {
            assert_eq!(application("admin").may(right), Verdict::Granted);
            assert_eq!(application("read,write").may(right), Verdict::Denied(Denial::Scope(Scope::Admin)));
        }
    }

    #[test]
    fn a_user_may_what_is_everybody_s_and_what_is_their_own() {
        let (user, own) = (ivan(), name("ivan"));
        assert_eq!(user.may(Right::Open), Verdict::Granted);
        assert_eq!(user.may(Right::READ), Verdict::Granted);
        for right in [Right::READ_OWN, Right::WRITE_OWN, Right::ERASE] {
            assert_eq!(user.may(right), Verdict::IfAbout(&own));
        }
        assert_eq!(user.may(Right::CHANGE_ACTIVITY), Verdict::IfActor(&own));
        assert_eq!(user.may(Right::WRITE), Verdict::Denied(Denial::NotForUsers(Scope::Write)));
        assert_eq!(user.may(Right::ADMIN), Verdict::Denied(Denial::NotForUsers(Scope::Admin)));
    }

    #[test]
    fn a_user_acts_as_nobody_else() {
        assert_eq!(ivan().may_act_as(&name("ivan")), Ok(()));
        assert_eq!(ivan().may_act_as(&name("Ivan")), Err(Denial::OtherUser { user: name("ivan") }));
        assert_eq!(application("write").may_act_as(&name("eric")), Ok(()));
        assert_eq!(Caller::Anyone.may_act_as(&name("eric")), Ok(()));
    }

    #[test]
    fn no_two_callers_have_the_same_credential() {
        let same_bits = Caller::User { id: user_id(1), username: name("eric") };
        assert_eq!(same_bits.credential(), ivan().credential());
        assert_ne!(application("read").credential(), ivan().credential());
        assert!(Caller::Anyone.credential().is_empty());
    }

    fn holder(named_at_micros: i64) -> User {
        User {
            key: UserKey(1),
            id: user_id(1),
            username: name("ivan"),
            display_name: None,
            created_at: Timestamp::EPOCH,
            named_at: Timestamp::from_micros(named_at_micros).unwrap(),
            following: 0,
            followers: 0,
            activities: 0,
        }
    }

    #[test]
    fn a_token_from_before_the_second_in_which_the_name_was_taken_is_of_another() {
        let token = |issued_at_s| UserToken { username: name("ivan"), user: None, issued_at_s };
        let holder = holder(5_999_999);
        assert!(!token(4).is_of(&holder));
        assert!(token(5).is_of(&holder) && token(6).is_of(&holder));
    }

    #[test]
    fn a_token_that_names_its_user_is_of_no_other_even_in_the_same_second() {
        let token = |user| UserToken { username: name("ivan"), user: Some(user), issued_at_s: 5 };
        assert!(token(user_id(1)).is_of(&holder(5_000_000)));
        assert!(!token(user_id(2)).is_of(&holder(5_000_000)));
    }
}
