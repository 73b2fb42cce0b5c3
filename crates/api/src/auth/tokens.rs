//! Tokens of users: JWT (RFC 7519) signed by HS256 with a secret that the server shares with the applications.

use feed_me_domain::{Timestamp, User, UserId, UserToken, Username};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Deserializer, Serialize};

use super::bearer::Refusal;
use crate::problem::Failure;

/// How far ahead the clock of whoever signs may be, in seconds. The end of a token has no such leeway.
const AHEAD_MAX_S: i64 = 60;
const MICROS: i64 = 1_000_000;

/// The secrets that tokens may be signed with.
pub(super) struct TokenRing {
    secrets: Vec<TokenKey>,
}

struct TokenKey {
    kid: String,
    sign: EncodingKey,
    check: DecodingKey,
}

/// A token that was just made.
#[derive(Clone, PartialEq, Eq)]
pub struct MintedToken {
    /// The token, which is a secret.
    pub token: String,
    /// Whose it is.
    pub username: Username,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for MintedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MintedToken").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What a token is read as. A member that comes twice is an error.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(deserialize_with = "seconds")]
    exp: i64,
    #[serde(deserialize_with = "seconds")]
    iat: i64,
    #[serde(default, deserialize_with = "maybe_seconds")]
    nbf: Option<i64>,
    uid: Option<String>,
}

/// What a token of ours says.
#[derive(Serialize)]
struct MintedClaims<'a> {
    sub: &'a str,
    /// The user's id: whoever has the name in the same second is another.
    uid: String,
    iat: i64,
    exp: i64,
}

impl TokenRing {
    /// A ring of secrets by their ids. The last one signs.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = (String, &'a [u8])>) -> Self {
        let secrets = secrets.into_iter().map(|(kid, secret)| TokenKey {
            kid,
            sign: EncodingKey::from_secret(secret),
            check: DecodingKey::from_secret(secret),
        });
        Self { secrets: secrets.collect() }
    }

    /// What an authentic token says, and when it ends.
    pub(super) fn verify(&self, raw: &str, now: Timestamp) -> Result<(UserToken, Timestamp), Refusal> {
        let not_one = Refusal::Invalid("the credential is neither an application key nor a token");
        let header = jsonwebtoken::decode_header(raw).map_err(|_| not_one)?;
        if header.alg != Algorithm::HS256 {
            return Err(Refusal::Invalid("the token is not signed by HS256"));
        }
        if header.crit.is_some() {
            return Err(Refusal::Invalid("the token asks for an extension that is not known here"));
        }
        let key = self.key_of(header.kid.as_deref())?;
        let checked = jsonwebtoken::decode::<Claims>(raw, &key.check, &validation()).map_err(|error| {
            use jsonwebtoken::errors::ErrorKind;
            Refusal::Invalid(match error.kind() {
                ErrorKind::InvalidSignature => "the signature of the token is wrong",
                ErrorKind::InvalidAudience => "the token is meant for another audience",
                _ => "the token does not have the members sub, exp and iat as they should be",
            })
        })?;
        let Claims { sub, exp, iat, nbf, uid } = checked.claims;
        let starts_at = iat.max(nbf.unwrap_or(i64::MIN));
        let (now, now_s) = (now.micros(), now.micros().div_euclid(MICROS));
        if exp.saturating_mul(MICROS) <= now {
            return Err(Refusal::Invalid("the token has expired"));
        }
        if now_s.saturating_add(AHEAD_MAX_S) < starts_at {
            return Err(Refusal::Invalid("the token is not valid yet"));
        }
        let username =
            Username::parse(&sub).map_err(|_| Refusal::Invalid("the sub of the token is no username"))?;
        let is_odd = Refusal::Invalid("the uid of the token is no id of a user");
        let user = uid.map(|uid| UserId::parse(&uid).ok_or(is_odd)).transpose()?;
        let token = UserToken { username, user, issued_at_s: iat };
        Ok((token, instant(exp)))
    }

    /// The secret of an id. Without one it is clear which is meant where there is one alone.
    fn key_of(&self, kid: Option<&str>) -> Result<&TokenKey, Refusal> {
        match (kid, self.secrets.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(Refusal::Invalid("the token has no kid, and there are several secrets")),
            (Some(kid), secrets) => {
                // Environment variables, where most ids come from, are written in capitals.
                let named = secrets.iter().find(|key| key.kid.eq_ignore_ascii_case(kid));
                named.ok_or(Refusal::Invalid("the kid of the token names no secret of this server"))
            }
        }
    }

    /// Makes a token.
    pub(super) fn mint(&self, user: &User, now: Timestamp, seconds: u32) -> Result<MintedToken, Failure> {
        let key = self.secrets.last().ok_or_else(|| Failure::internal("there is no secret to sign with"))?;
        // Instants that are stamped may be ahead of the clock by a little.
        let iat = now.max(user.named_at).micros().div_euclid(MICROS);
        let exp = iat.saturating_add(i64::from(seconds));
        let username = user.username.clone();
        let claims = MintedClaims { sub: username.as_str(), uid: user.id.to_string(), iat, exp };
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &key.sign)
            .map_err(|error| Failure::internal(format!("a token cannot be signed: {:?}", error.kind())))?;
        Ok(MintedToken { token, username, expires_at: instant(exp) })
    }
}

/// Only the signature, and that the token is for no other audience. Times are checked on our own clock.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

fn instant(seconds: i64) -> Timestamp {
    Timestamp::EPOCH.plus_micros(seconds.saturating_mul(MICROS))
}

/// A `NumericDate`: seconds since 1970, which may have a fraction.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[expect(clippy::cast_possible_truncation, reason = "a cast of floats to integers holds at the ends")]
    let whole = |number: f64| number.floor() as i64;
    let number = serde_json::Number::deserialize(deserializer)?;
    number
        .as_i64()
        .or_else(|| number.as_f64().map(whole))
        .ok_or_else(|| serde::de::Error::custom("is no number of seconds"))
}

fn maybe_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    seconds(deserializer).map(Some)
}

#[cfg(test)]
mod tests;
