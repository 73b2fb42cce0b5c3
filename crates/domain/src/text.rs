//! Texts that cannot hold a wrong value: names, verbs, objects, external ids.
//!
//! Parsing is the only way in, so a rule checked here once holds for HTTP, import and embedding alike. Values share their
//! text, so that a clone allocates nothing.

use std::sync::Arc;

/// Why a text is not a valid value. The name of the field stands where the value is used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing is there.
    #[error("must not be empty")]
    Empty,
    /// More characters (Unicode scalar values) than the field holds.
    #[error("has {chars} characters, more than the {max} it may have")]
    TooLong {
        /// How many there are.
        chars: usize,
        /// How many there may be.
        max: usize,
    },
    /// U+0000, which PostgreSQL cannot store in a text.
    #[error("must not contain the character U+0000")]
    Nul,
    /// A character that a username may not have.
    #[error("must not contain the character U+{:04X}", u32::from(*.0))]
    ForbiddenCharacter(char),
    /// White space at an end of a username.
    #[error("must not begin or end with white space")]
    OuterWhiteSpace,
    /// `.` and `..` cannot be addressed in a path.
    #[error("must not be '.' or '..'")]
    Dots,
}

fn counted(raw: &str, max: usize) -> Result<(), InvalidText> {
    let chars = raw.chars().count();
    if max < chars {
        return Err(InvalidText::TooLong { chars, max });
    }
    if raw.contains('\0') {
        return Err(InvalidText::Nul);
    }
    Ok(())
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:literal, $least:literal, $rules:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most characters (Unicode scalar values) a value has.
            pub const CHARS_MAX: usize = $max;

            /// Takes `raw` where it obeys the rules of this type.
            pub fn parse(raw: &str) -> Result<Self, InvalidText> {
                if $least == 1 && raw.is_empty() {
                    return Err(InvalidText::Empty);
                }
                counted(raw, Self::CHARS_MAX)?;
                $rules(raw)?;
                Ok(Self(raw.into()))
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(
    /// The name a user is known by: 1-80 characters, compared as they are, in code-point order.
    Username, 80, 1, username_rules
);
text!(
    /// What was done: `post`, `like`, `follow` …
    Verb, 80, 1, no_more_rules
);
text!(
    /// What it was done to: any text, empty too, that the application gives a meaning.
    Object, 1024, 0, no_more_rules
);
text!(
    /// The application's own id of an activity, unique for its actor.
    ExternalId, 255, 1, no_more_rules
);
text!(
    /// The name a user is shown under; any text.
    DisplayName, 200, 1, no_more_rules
);
text!(
    /// What an application key is for, in an operator's words.
    KeyName, 100, 1, no_more_rules
);

#[expect(clippy::unnecessary_wraps, reason = "one of the rules that the macro chooses from")]
fn no_more_rules(_: &str) -> Result<(), InvalidText> {
    Ok(())
}

fn username_rules(raw: &str) -> Result<(), InvalidText> {
    if matches!(raw, "." | "..") {
        return Err(InvalidText::Dots);
    }
    if raw.starts_with(char::is_whitespace) || raw.ends_with(char::is_whitespace) {
        return Err(InvalidText::OuterWhiteSpace);
    }
    match raw.chars().find(|&c| is_forbidden_in_username(c)) {
        Some(c) => Err(InvalidText::ForbiddenCharacter(c)),
        None => Ok(()),
    }
}

/// Control characters, the path separator, and what is invisible or turns the direction of the text around it.
fn is_forbidden_in_username(c: char) -> bool {
    c.is_control()
        || matches!(c, '/' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_may_be_anything_a_path_can_name() {
        for name in
            ["i", "ivan", "Иван", "a b", "...", "e\u{301}", "%41", "a?b#c", "\u{200D}x", &"я".repeat(80)]
        {
            assert_eq!(Username::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_username_that_breaks_a_rule_is_refused_with_the_rule() {
        let refused = |raw: &str| Username::parse(raw).unwrap_err();
        assert_eq!(refused(""), InvalidText::Empty);
        assert_eq!(refused(&"я".repeat(81)), InvalidText::TooLong { chars: 81, max: 80 });
        assert_eq!(refused("a\0b"), InvalidText::Nul);
        for name in
            ["a/b", "a\nb", "a\u{7f}b", "a\u{85}b", "\u{200B}x", "x\u{202E}y", "\u{FEFF}x", "a\u{2069}"]
        {
            assert!(matches!(refused(name), InvalidText::ForbiddenCharacter(_)), "{name:?}");
        }
        for name in [" a", "a ", "a\u{3000}", "\u{a0}a"] {
            assert_eq!(refused(name), InvalidText::OuterWhiteSpace, "{name:?}");
        }
        assert_eq!(refused("."), InvalidText::Dots);
        assert_eq!(refused(".."), InvalidText::Dots);
    }

    #[test]
    fn lengths_count_characters_not_bytes() {
        assert!(Verb::parse(&"é".repeat(80)).is_ok());
        assert!(Verb::parse(&"e".repeat(81)).is_err());
        assert!(Object::parse("").is_ok());
        assert!(Object::parse(&"😀".repeat(1024)).is_ok());
        assert!(Object::parse(&"o".repeat(1025)).is_err());
        assert!(ExternalId::parse("").is_err());
        assert!(DisplayName::parse(&"d".repeat(201)).is_err());
    }

    #[test]
    fn usernames_sort_by_code_point() {
        let sorted = |a: &str, b: &str| Username::parse(a).unwrap() < Username::parse(b).unwrap();
        assert!(sorted("Z", "a"));
        assert!(sorted("z", "é"));
        assert!(sorted("\u{FFFD}", "😀"));
    }
}
