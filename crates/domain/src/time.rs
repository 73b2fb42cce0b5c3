//! Instants of the feed: UTC, to the microsecond, in the years 1 to 9999.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// An instant in UTC with a resolution of one microsecond.
///
/// Both databases keep microseconds, so an instant is cut to them where it is made; otherwise the same
/// activity could sort differently in two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// Why a text is not an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTimestamp {
    /// The text does not follow RFC 3339.
    #[error("is not an RFC 3339 time such as 2026-02-24T21:20:58.123456Z")]
    Malformed,
    /// RFC 3339 allows a leap second; databases do not keep it.
    #[error("has a second of 60, which cannot be kept")]
    LeapSecond,
    /// The instant lies outside the years 1 to 9999 (UTC).
    #[error("is outside the years 1 to 9999")]
    OutOfRange,
}

impl Timestamp {
    /// The first instant of the year 1.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// The last microsecond of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999_999);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Reads an RFC 3339 time with any offset. Digits beyond the sixth of a second are cut downwards.
    pub fn parse(raw: &str) -> Result<Self, InvalidTimestamp> {
        let bytes = raw.as_bytes();
        // chrono also takes a blank for the `T` and other lengths of the date; RFC 3339 as JSON uses it does not.
        let shaped = raw.is_ascii()
            && 20 <= bytes.len()
            && bytes[4] == b'-'
            && bytes[7] == b'-'
            && matches!(bytes[10], b'T' | b't')
            && bytes[..4].iter().all(u8::is_ascii_digit);
        if !shaped {
            return Err(InvalidTimestamp::Malformed);
        }
        if &bytes[17..19] == b"60" {
            return Err(InvalidTimestamp::LeapSecond);
        }
        let parsed = DateTime::parse_from_rfc3339(raw).map_err(|_| InvalidTimestamp::Malformed)?;
        Self::from_datetime(parsed.to_utc())
    }

    /// Takes a chrono time over, cut downwards to the microsecond.
    pub fn from_datetime(at: DateTime<Utc>) -> Result<Self, InvalidTimestamp> {
        Self::from_micros(at.timestamp_micros())
    }

    /// The instant that lies `micros` microseconds after 1970 (before, where negative).
    pub fn from_micros(micros: i64) -> Result<Self, InvalidTimestamp> {
        if (Self::MIN.0..=Self::MAX.0).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(InvalidTimestamp::OutOfRange)
        }
    }

    /// Microseconds since 1970, negative before.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970, rounded down.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The same instant for chrono.
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The instant `micros` microseconds later, held inside the years 1 to 9999.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// `2026-02-24T21:20:58.123456Z`: always six digits.
    pub fn to_rfc3339(self) -> String {
        self.to_datetime().to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    /// `2019-02-08T08:07:19`: to the second, cut, without an offset, as the classic routes write it.
    pub fn to_classic(self) -> String {
        self.to_datetime().format("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// The given day at midnight UTC; handy in tests and examples.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        let midnight = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(0, 0, 0)?;
        Self::from_datetime(midnight.and_utc()).ok()
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(raw: &str) -> String {
        Timestamp::parse(raw).unwrap().to_rfc3339()
    }

    #[test]
    fn any_offset_is_taken_and_utc_comes_back() {
        assert_eq!(parsed("2026-02-24T23:20:58+02:00"), "2026-02-24T21:20:58.000000Z");
        assert_eq!(parsed("2026-02-24t21:20:58.5z"), "2026-02-24T21:20:58.500000Z");
    }

    #[test]
    fn digits_beyond_the_sixth_are_cut_downwards_also_before_1970() {
        assert_eq!(parsed("2026-02-24T21:20:58.1234569Z"), "2026-02-24T21:20:58.123456Z");
        assert_eq!(parsed("1969-12-31T23:59:59.9999999Z"), "1969-12-31T23:59:59.999999Z");
        assert_eq!(parsed("1960-01-01T00:00:00.0000009Z"), "1960-01-01T00:00:00.000000Z");
    }

    #[test]
    fn what_is_no_time_is_refused_with_its_reason() {
        let refused = |raw: &str| Timestamp::parse(raw).unwrap_err();
        assert_eq!(refused("2026-12-31T23:59:60Z"), InvalidTimestamp::LeapSecond);
        assert_eq!(refused("0000-12-31T23:59:59Z"), InvalidTimestamp::OutOfRange);
        assert_eq!(refused("9999-12-31T23:59:59-01:00"), InvalidTimestamp::OutOfRange);
        for raw in [
            "",
            "yesterday",
            "2026-02-24",
            "2026-02-24 21:20:58Z",
            "2026-02-30T00:00:00Z",
            "2026-02-24T21:20:58",
            "+2026-02-24T21:20:58Z",
        ] {
            assert_eq!(refused(raw), InvalidTimestamp::Malformed, "{raw}");
        }
    }

    #[test]
    fn the_bounds_are_what_their_names_say() {
        assert_eq!(parsed("0001-01-01T00:00:00Z"), Timestamp::MIN.to_rfc3339());
        assert_eq!(parsed("9999-12-31T23:59:59.999999Z"), Timestamp::MAX.to_rfc3339());
    }

    #[test]
    fn classic_cuts_to_the_second() {
        assert_eq!(
            Timestamp::parse("2019-02-08T08:07:19.999999Z").unwrap().to_classic(),
            "2019-02-08T08:07:19"
        );
    }
}
