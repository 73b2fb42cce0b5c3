//! Identifiers: public UUIDv7s, and the numbers that rows refer to users by.

use uuid::Uuid;

use crate::time::Timestamp;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes over an id that was made elsewhere (a row, a path, an import).
            pub fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// Reads the hyphenated form, the only one that is ever written.
            pub fn parse(raw: &str) -> Option<Self> {
                (raw.len() == 36).then(|| Uuid::try_parse(raw).ok()).flatten().map(Self)
            }

            /// The bare UUID.
            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_id!(
    /// Names an activity for ever.
    ActivityId
);
uuid_id!(
    /// Names a user for ever, whatever the username becomes.
    UserId
);
uuid_id!(
    /// Names an application key; no secret.
    KeyId
);
uuid_id!(
    /// Names a webhook.
    WebhookId
);

/// The number of a user: what rows refer to, and the `id` of the classic `GET /user`. Never given twice, so an event
/// that keeps the number of an erased user points at nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey(pub i64);

impl ActivityId {
    /// The instant at which this id was stamped, when it was made by [`uuid_at`].
    pub fn stamp(self) -> Option<Timestamp> {
        let bytes = self.0.as_bytes();
        let millis = bytes[..6].iter().fold(0_i64, |sum, &byte| (sum << 8) | i64::from(byte));
        let below = (i64::from(bytes[6] & 0x0F) << 8) | i64::from(bytes[7]);
        if self.0.get_version_num() != 7 || 999 < below {
            return None;
        }
        Timestamp::from_micros(millis.checked_mul(1000)?.checked_add(below)?).ok()
    }
}

/// Builds the UUIDv7 of an instant (RFC 9562, section 6.2, method 3: the sub-millisecond part fills `rand_a`, here as
/// whole microseconds), so that ids stamped one after the other sort as their instants do. `random` fills the rest;
/// its upper two bits are not used. An instant before 1970 counts as 1970, which is all that UUIDv7 can say.
pub fn uuid_at(at: Timestamp, random: u64) -> Uuid {
    let at = at.max(Timestamp::EPOCH);
    let millis = at.millis().to_be_bytes();
    let below = u16::try_from(at.micros().rem_euclid(1000)).unwrap_or(0).to_be_bytes();
    let random = random.to_be_bytes();
    let mut bytes = [0_u8; 16];
    bytes[..6].copy_from_slice(&millis[2..]);
    bytes[6] = 0x70 | below[0];
    bytes[7] = below[1];
    bytes[8..].copy_from_slice(&random);
    bytes[8] = 0x80 | (random[0] & 0x3F);
    Uuid::from_bytes(bytes)
}

/// The id of an imported activity that brings none: a UUIDv7 of its `published` in milliseconds (0 before 1970) and of
/// `digest`, the SHA-256 of its canonical line, so that the same line is the same activity everywhere.
pub fn imported_id(published: Timestamp, digest: &[u8; 32]) -> ActivityId {
    let millis = published.max(Timestamp::EPOCH).millis().to_be_bytes();
    let mut bytes = [0_u8; 16];
    bytes[..6].copy_from_slice(&millis[2..]);
    bytes[6..].copy_from_slice(&digest[..10]);
    bytes[6] = 0x70 | (bytes[6] & 0x0F);
    bytes[8] = 0x80 | (bytes[8] & 0x3F);
    ActivityId(Uuid::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_version_7_uuid_that_tells_its_instant() {
        let at = Timestamp::parse("2026-02-24T21:20:58.123456Z").unwrap();
        let id = ActivityId::from_uuid(uuid_at(at, u64::MAX));
        assert_eq!(id.as_uuid().get_version_num(), 7);
        assert_eq!(id.as_uuid().get_variant(), uuid::Variant::RFC4122);
        assert_eq!(id.stamp(), Some(at));
    }

    #[test]
    fn a_later_instant_makes_a_greater_id_whatever_the_random_part() {
        let at = Timestamp::parse("2026-02-24T21:20:58.999999Z").unwrap();
        assert!(uuid_at(at, u64::MAX) < uuid_at(at.plus_micros(1), 0));
    }

    #[test]
    fn an_imported_id_depends_on_time_and_line_alone() {
        let at = Timestamp::parse("1969-01-01T00:00:00Z").unwrap();
        let id = imported_id(at, &[0xFF; 32]);
        assert_eq!(id.to_string(), "00000000-0000-7fff-bfff-ffffffffffff");
        assert_eq!(id, imported_id(at, &[0xFF; 32]));
    }

    #[test]
    fn only_the_hyphenated_form_is_read() {
        assert!(ActivityId::parse("019c91a9-5b3b-7123-8000-000000000000").is_some());
        assert!(ActivityId::parse("019c91a95b3b71238000000000000000").is_none());
        assert!(ActivityId::parse("{019c91a9-5b3b-7123-8000-000000000000}").is_none());
        assert!(ActivityId::parse("019c91a9-5b3b-7123-8000-00000000000z").is_none());
    }
}
