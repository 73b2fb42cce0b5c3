//! Cursors: a boundary of a walk, written so that a client can carry it and cannot change it.
//!
//! A cursor is a small binary of a fixed layout, authenticated by HMAC-SHA256 (RFC 2104) cut to 16 bytes, in base64url
//! without padding (RFC 4648, section 5):
//!
//! ```text
//! version 1 | listing 1 | side and direction 1 | owner 16 | filter 8 | place (depends on the listing) | tag 16
//! ```
//!
//! It names the listing, its owner (by id, so that a rename does not matter) and the filter, and is refused elsewhere.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    feed::Position,
    follow::LinkPlace,
    id::{ActivityId, KeyId, WebhookId},
    notification::GroupPlace,
    page::{Boundary, Direction},
    text::Username,
    time::Timestamp,
};

const VERSION: u8 = 1;
const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = 3 + 16 + 8;

/// A cursor as clients carry it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// The opaque text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a cursor for this walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCursor {
    /// It is no cursor, or it was altered, or another key made it.
    #[error("the cursor is not one that this server gave out")]
    Altered,
    /// It belongs to another feed or list.
    #[error("the cursor belongs to another feed or list")]
    OtherListing,
    /// It belongs to the same feed under another filter.
    #[error("the cursor was made with another filter (verb, include_self, prefix); send the same one again")]
    OtherFilter,
}

/// Every listing that can be walked. The numbers are written into cursors and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Listing {
    /// A user's own feed.
    Own = 1,
    /// A user's friends feed.
    Friends = 2,
    /// A user's mentions.
    Mentions = 3,
    /// All users.
    Users = 4,
    /// Whom a user follows.
    Following = 5,
    /// Who follows a user.
    Followers = 6,
    /// Whom a user blocks.
    Blocks = 7,
    /// Whom a user mutes.
    Mutes = 8,
    /// All application keys.
    ApplicationKeys = 9,
    /// What concerns a user.
    Notifications = 10,
    /// All webhooks.
    Webhooks = 11,
    /// The deliveries of a webhook.
    WebhookDeliveries = 12,
}

/// What a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CursorScope {
    /// Which listing.
    pub listing: Listing,
    /// Whose; nil for a listing that nobody owns.
    pub owner: Uuid,
    /// Under which filter; zeros for none.
    pub filter: [u8; 8],
}

/// A place that a cursor can carry.
pub trait CursorPlace: Sized {
    /// Appends the place.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads all of `bytes`.
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// A cursor that was opened: authentic, though perhaps of another listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<K> {
    scope: CursorScope,
    /// Where the walk stands.
    pub boundary: Boundary<K>,
    /// Where it goes.
    pub direction: Direction,
}

impl<K> Opened<K> {
    /// Checks that the cursor belongs to the walk of `scope`.
    pub fn belongs_to(&self, scope: &CursorScope) -> Result<(), InvalidCursor> {
        if self.scope.owner != scope.owner {
            return Err(InvalidCursor::OtherListing);
        }
        self.fits(scope.listing, scope.filter)
    }

    fn fits(&self, listing: Listing, filter: [u8; 8]) -> Result<(), InvalidCursor> {
        if self.scope.listing != listing {
            return Err(InvalidCursor::OtherListing);
        }
        if self.scope.filter != filter {
            return Err(InvalidCursor::OtherFilter);
        }
        Ok(())
    }
}

/// Makes cursors and opens them; holds the key.
#[derive(Clone)]
pub struct CursorCodec {
    mac: Hmac<Sha256>,
}

impl CursorCodec {
    /// A codec for a key of any length; the longer and the more random, the better.
    pub fn new(key: &[u8]) -> Self {
        // A digest of the key has the length that HMAC takes without a further step, so this cannot fail.
        let digest = Sha256::digest(key);
        let mac = <Hmac<Sha256> as Mac>::new(&sized(&digest));
        Self { mac }
    }

    /// Seals a boundary of the walk of `scope`.
    pub fn seal<K: CursorPlace>(
        &self,
        scope: &CursorScope,
        boundary: &Boundary<K>,
        direction: Direction,
    ) -> Cursor {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + 24 + TAG_BYTES);
        let (side, place) = match boundary {
            Boundary::Top => (0, None),
            Boundary::Before(place) => (1, Some(place)),
            Boundary::After(place) => (2, Some(place)),
            Boundary::End => (3, None),
        };
        let way = match direction {
            Direction::Forward => 0,
            Direction::Backward => 4,
        };
        bytes.extend([VERSION, scope.listing as u8, side | way]);
        bytes.extend(scope.owner.as_bytes());
        bytes.extend(scope.filter);
        if let Some(place) = place {
            place.write(&mut bytes);
        }
        let tag = self.mac.clone().chain_update(&bytes).finalize().into_bytes();
        bytes.extend(&tag[..TAG_BYTES]);
        Cursor(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens what a client sent for a walk of `listing` under `filter`. Whose walk it is, is checked by
    /// [`Opened::belongs_to`] when the store has said who the owner is.
    pub fn open<K: CursorPlace>(
        &self,
        raw: &str,
        listing: Listing,
        filter: [u8; 8],
    ) -> Result<Opened<K>, InvalidCursor> {
        let opened = self.read(raw)?;
        opened.0.fits(listing, filter)?;
        let place = || K::read(&opened.1).ok_or(InvalidCursor::Altered);
        let boundary = match opened.0.boundary {
            Boundary::Top => Boundary::Top,
            Boundary::Before(()) => Boundary::Before(place()?),
            Boundary::After(()) => Boundary::After(place()?),
            Boundary::End => Boundary::End,
        };
        Ok(Opened { scope: opened.0.scope, boundary, direction: opened.0.direction })
    }

    fn read(&self, raw: &str) -> Result<(Opened<()>, Vec<u8>), InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(raw).map_err(|_| InvalidCursor::Altered)?;
        let (said, tag) =
            bytes.split_at_checked(bytes.len().saturating_sub(TAG_BYTES)).ok_or(InvalidCursor::Altered)?;
        self.mac.clone().chain_update(said).verify_truncated_left(tag).map_err(|_| InvalidCursor::Altered)?;
        // From here on the bytes are our own.
        let (head, place) = said.split_at_checked(HEAD_BYTES).ok_or(InvalidCursor::Altered)?;
        if head[0] != VERSION || tag.len() != TAG_BYTES {
            return Err(InvalidCursor::Altered);
        }
        let listing = match head[1] {
            1 => Listing::Own,
            2 => Listing::Friends,
            3 => Listing::Mentions,
            4 => Listing::Users,
            5 => Listing::Following,
            6 => Listing::Followers,
            7 => Listing::Blocks,
            8 => Listing::Mutes,
            9 => Listing::ApplicationKeys,
            10 => Listing::Notifications,
            11 => Listing::Webhooks,
            12 => Listing::WebhookDeliveries,
            _ => return Err(InvalidCursor::Altered),
        };
        let boundary = match head[2] & 3 {
            0 => Boundary::Top,
            1 => Boundary::Before(()),
            2 => Boundary::After(()),
            _ => Boundary::End,
        };
        let direction = if head[2] & 4 == 0 { Direction::Forward } else { Direction::Backward };
        let scope = CursorScope {
            listing,
            owner: Uuid::from_bytes(sized(&head[3..19])),
            filter: sized(&head[19..27]),
        };
        Ok((Opened { scope, boundary, direction }, place.to_vec()))
    }
}

impl std::fmt::Debug for CursorCodec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorCodec")
    }
}

/// Copies a slice into an array (or another fixed buffer) of the same length; the rest stays zero.
fn sized<T: Default + AsMut<[u8]>>(bytes: &[u8]) -> T {
    let mut out = T::default();
    let buffer = out.as_mut();
    let length = buffer.len().min(bytes.len());
    buffer[..length].copy_from_slice(&bytes[..length]);
    out
}

fn read_i64(bytes: &[u8]) -> i64 {
    i64::from_be_bytes(sized(bytes))
}

impl CursorPlace for Position {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.published.micros().to_be_bytes());
        out.extend(self.id.as_uuid().as_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 24 {
            return None;
        }
        let published = Timestamp::from_micros(read_i64(&bytes[..8])).ok()?;
        Some(Self { published, id: ActivityId::from_uuid(Uuid::from_bytes(sized(&bytes[8..]))) })
    }
}

impl CursorPlace for KeyId {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.as_uuid().as_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self::from_uuid)
    }
}

impl CursorPlace for WebhookId {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.as_uuid().as_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self::from_uuid)
    }
}

/// A position in the log of changes.
impl CursorPlace for i64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.to_be_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl CursorPlace for GroupPlace {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.at.micros().to_be_bytes());
        out.extend(self.tie.as_bytes());
        out.extend(self.as_of.micros().to_be_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 32 {
            return None;
        }
        Some(Self {
            at: Timestamp::from_micros(read_i64(&bytes[..8])).ok()?,
            tie: Uuid::from_bytes(sized(&bytes[8..24])),
            as_of: Timestamp::from_micros(read_i64(&bytes[24..])).ok()?,
        })
    }
}

impl CursorPlace for LinkPlace {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.since.micros().to_be_bytes());
        out.extend(self.order.to_be_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 16 {
            return None;
        }
        Some(Self {
            since: Timestamp::from_micros(read_i64(&bytes[..8])).ok()?,
            order: read_i64(&bytes[8..]),
        })
    }
}

impl CursorPlace for Username {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.as_str().as_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Self::parse(std::str::from_utf8(bytes).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> CursorScope {
        CursorScope { listing: Listing::Friends, owner: Uuid::from_u128(7), filter: [3; 8] }
    }

    fn position() -> Position {
        Position {
            published: Timestamp::from_micros(-5).unwrap(),
            id: ActivityId::from_uuid(Uuid::from_u128(9)),
        }
    }

    fn open(codec: &CursorCodec, raw: &str) -> Result<Opened<Position>, InvalidCursor> {
        codec.open(raw, Listing::Friends, [3; 8])
    }

    #[test]
    fn what_was_sealed_is_opened() {
        let codec = CursorCodec::new(b"key");
        for boundary in
            [Boundary::Top, Boundary::Before(position()), Boundary::After(position()), Boundary::End]
        {
            for direction in [Direction::Forward, Direction::Backward] {
                let opened = open(&codec, codec.seal(&scope(), &boundary, direction).as_str()).unwrap();
                assert_eq!((opened.boundary, opened.direction), (boundary, direction));
                opened.belongs_to(&scope()).unwrap();
            }
        }
    }

    #[test]
    fn any_changed_character_is_refused() {
        let codec = CursorCodec::new(b"key");
        let good = codec.seal(&scope(), &Boundary::After(position()), Direction::Forward);
        for at in 0..good.as_str().len() {
            for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ ".chars() {
                let mut altered = good.as_str().to_owned();
                altered.replace_range(at..=at, &other.to_string());
                if altered != good.as_str() {
                    assert_eq!(open(&codec, &altered), Err(InvalidCursor::Altered), "{altered}");
                }
            }
        }
        for raw in [
            "",
            "A",
            "AAAA",
            &good.as_str()[1..],
            &format!("{}A", good.as_str()),
            &format!("{}=", good.as_str()),
        ] {
            assert_eq!(open(&codec, raw), Err(InvalidCursor::Altered), "{raw}");
        }
        assert_eq!(open(&CursorCodec::new(b"other"), good.as_str()), Err(InvalidCursor::Altered));
    }

    #[test]
    fn a_cursor_is_refused_elsewhere() {
        let codec = CursorCodec::new(b"key");
        let good = codec.seal(&scope(), &Boundary::After(position()), Direction::Forward);
        let elsewhere = codec.open::<Position>(good.as_str(), Listing::Own, [3; 8]);
        assert_eq!(elsewhere, Err(InvalidCursor::OtherListing));
        assert_eq!(
            codec.open::<Position>(good.as_str(), Listing::Friends, [4; 8]),
            Err(InvalidCursor::OtherFilter)
        );
        let other_owner = CursorScope { owner: Uuid::from_u128(8), ..scope() };
        assert_eq!(
            open(&codec, good.as_str()).unwrap().belongs_to(&other_owner),
            Err(InvalidCursor::OtherListing)
        );
    }
}
