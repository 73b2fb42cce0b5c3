//! Application keys: what a program shows to be let in. The secret is shown once and kept only as a digest.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{error::Fault, id::KeyId, page::Placed, text::KeyName, time::Timestamp};

/// An application key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationKey {
    /// Its public id.
    pub id: KeyId,
    /// What it is for.
    pub name: KeyName,
    /// What it allows.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Timestamp>,
}

/// Keys are listed by their ids, the newest first.
impl Placed for ApplicationKey {
    type Place = KeyId;
    fn place(&self) -> KeyId {
        self.id
    }
}

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredApplicationKey {
    /// The key.
    pub key: ApplicationKey,
    /// The digest of its secret.
    pub hash: KeyHash,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What it is for.
    pub name: KeyName,
    /// What it allows.
    pub scopes: Scopes,
    /// The digest of its secret.
    pub hash: KeyHash,
}

/// A key as it was asked for: what is valid stands in its member, all that is not stands in `faults`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDraft {
    /// What it is for.
    pub name: Option<KeyName>,
    /// What it allows.
    pub scopes: Option<Scopes>,
    /// Everything that was wrong.
    pub faults: Vec<Fault>,
}

impl KeyDraft {
    /// The name and the scopes, or every fault.
    pub fn checked(self) -> Result<(KeyName, Scopes), Vec<Fault>> {
        let mut faults = self.faults;
        for (is_missing, pointer) in [(self.name.is_none(), "/name"), (self.scopes.is_none(), "/scopes")] {
            let is_told =
                |fault: &Fault| fault.pointer == pointer || fault.pointer.starts_with(&format!("{pointer}/"));
            if is_missing && !faults.iter().any(is_told) {
                faults.push(Fault::new(pointer, "is required"));
            }
        }
        match (self.name, self.scopes) {
            (Some(name), Some(scopes)) if faults.is_empty() => Ok((name, scopes)),
            _ => Err(faults),
        }
    }
}

/// Something that a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// To read.
    Read,
    /// To write; that does not include to read.
    Write,
    /// Everything.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope of a word.
    pub fn parse(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == raw)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a key allows: one scope at least.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

/// Why a text names no scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScopes {
    /// It names none.
    #[error("must name one of read, write, admin at least")]
    Empty,
    /// It names one that there is not.
    #[error("'{0}' is no scope; there are read, write, admin")]
    Unknown(String),
}

impl Scopes {
    /// These scopes; none where there are none.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Option<Self> {
        let bits = scopes.into_iter().fold(0, |bits, scope| bits | scope.bit());
        (bits != 0).then_some(Self(bits))
    }

    /// Reads words with commas between them, as [`Display`](std::fmt::Display) writes them.
    pub fn parse(raw: &str) -> Result<Self, InvalidScopes> {
        let words = raw.split(',').map(str::trim).filter(|word| !word.is_empty());
        let scopes = words.map(|word| {
            Scope::parse(word).ok_or_else(|| InvalidScopes::Unknown(word.chars().take(80).collect()))
        });
        Self::new(scopes.collect::<Result<Vec<_>, _>>()?).ok_or(InvalidScopes::Empty)
    }

    /// Whether a need is met: by the scope itself, or by `admin`, which includes all.
    pub fn allow(self, needed: Scope) -> bool {
        self.0 & (needed.bit() | Scope::Admin.bit()) != 0
    }

    /// The scopes that were given, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0)
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.iter().map(Scope::as_str).collect::<Vec<_>>().join(","))
    }
}

impl std::fmt::Debug for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scopes({self})")
    }
}

/// The secret of a key: `fm_` and 256 random bits. It prints as nothing, so that no log has it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret(String);

impl KeySecret {
    /// What every secret begins with: it tells keys from tokens, and lets scanners find one that was published.
    pub const PREFIX: &'static str = "fm_";

    /// A secret of 256 random bits.
    pub fn of_random(bits: &[u8; 32]) -> Self {
        Self(format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(bits)))
    }

    /// Whether a text could be a secret, so that the store need not be asked about others.
    pub fn has_shape(raw: &str) -> bool {
        const CHARS: usize = 43;
        let encoded = raw.strip_prefix(Self::PREFIX).filter(|encoded| encoded.len() == CHARS);
        encoded.is_some_and(|encoded| URL_SAFE_NO_PAD.decode(encoded).is_ok())
    }

    /// The secret itself, to be shown this once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(&self.0)
    }
}

impl std::fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySecret(***)")
    }
}

/// The SHA-256 of a secret. 256 random bits cannot be guessed, so a fast digest is enough.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The digest of what a client shows.
    pub fn of(raw: &str) -> Self {
        Self(Sha256::digest(raw).into())
    }

    /// A digest as it is stored; none where it has another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHash(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_does_not_include_read_and_admin_includes_both() {
        for (scopes, allowed) in [
            ("read", [true, false, false]),
            ("write", [false, true, false]),
            ("read,write", [true, true, false]),
            ("admin", [true, true, true]),
            ("admin,read", [true, true, true]),
        ] {
            let scopes = Scopes::parse(scopes).unwrap();
            assert_eq!(Scope::ALL.map(|scope| scopes.allow(scope)), allowed, "{scopes}");
        }
    }

    #[test]
    fn scopes_are_written_in_a_fixed_order_and_once() {
        assert_eq!(Scopes::parse("admin, read,read,").unwrap().to_string(), "read,admin");
        assert_eq!(Scopes::parse(" , "), Err(InvalidScopes::Empty));
        assert_eq!(Scopes::parse("read,Write"), Err(InvalidScopes::Unknown("Write".to_owned())));
        assert_eq!(Scopes::new([]), None);
    }

    #[test]
    fn a_secret_carries_256_bits_and_is_never_printed() {
        let secret = KeySecret::of_random(&[0xFF; 32]);
        assert_eq!(secret.reveal(), "fm___________________________________________8");
        assert_eq!(secret.reveal().len(), 3 + 43);
        assert!(!format!("{secret:?}{:?}", secret.hash()).contains("__"));
        assert!(KeySecret::has_shape(secret.reveal()));
        for raw in ["", "fm_", "fm_short", &secret.reveal()[3..], &format!("{}A", secret.reveal())] {
            assert!(!KeySecret::has_shape(raw), "{raw}");
        }
    }

    #[test]
    fn a_digest_matches_its_own_secret_alone() {
        let [one, other] = [KeySecret::of_random(&[1; 32]), KeySecret::of_random(&[2; 32])];
        assert!(one.hash().matches(&KeyHash::of(one.reveal())));
        assert!(!one.hash().matches(&other.hash()));
        assert_eq!(KeyHash::from_bytes(one.hash().as_bytes()), Some(one.hash()));
        assert_eq!(KeyHash::from_bytes(b"short"), None);
    }

    #[test]
    fn a_draft_tells_all_that_is_missing_and_nothing_twice() {
        let faults = KeyDraft::default().checked().unwrap_err();
        assert_eq!(
            faults.iter().map(|fault| fault.pointer.as_str()).collect::<Vec<_>>(),
            ["/name", "/scopes"]
        );
        let told = vec![Fault::new("/scopes/0", "is no scope")];
        let faults = KeyDraft { faults: told, ..KeyDraft::default() }.checked().unwrap_err();
        assert_eq!(
            faults.iter().map(|fault| fault.pointer.as_str()).collect::<Vec<_>>(),
            ["/scopes/0", "/name"]
        );
    }
}
