//! Secrets of subscriptions, and signatures by them, as [Standard Webhooks](https://www.standardwebhooks.com) has it.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::time::Timestamp;

/// The secret of a subscription: 256 random bits. It prints as nothing, so that no log has it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret([u8; 32]);

impl WebhookSecret {
    /// What every secret begins with.
    pub const PREFIX: &'static str = "whsec_";

    /// A secret of 256 random bits.
    pub fn of_random(bits: [u8; 32]) -> Self {
        Self(bits)
    }

    /// Reads a secret as [`reveal`](Self::reveal) writes it.
    pub fn parse(raw: &str) -> Option<Self> {
        let bytes = STANDARD.decode(raw.strip_prefix(Self::PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The secret itself: `whsec_` and the bits in Base64.
    pub fn reveal(&self) -> String {
        format!("{}{}", Self::PREFIX, STANDARD.encode(self.0))
    }

    /// `v1,` and the Base64 of the HMAC-SHA256 of `{id}.{timestamp}.{body}`; the timestamp in whole seconds since 1970.
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &str) -> String {
        // 32 bytes are no more than a block of SHA-256, so the key is taken as it is.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = <Hmac<Sha256> as Mac>::new(&block.into());
        mac.update(id.as_bytes());
        mac.update(format!(".{timestamp_s}.").as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(***)")
    }
}

/// The secrets of a subscription: the present one, and former ones that still count for a while, so that a receiver has
/// time to take the new one over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSecrets {
    current: WebhookSecret,
    /// The newest first, each with the instant at which it ends.
    former: Vec<(WebhookSecret, Timestamp)>,
}

impl WebhookSecrets {
    /// The most former secrets that count at a time.
    pub const FORMER_MAX: usize = 3;

    /// A first secret.
    pub fn new(current: WebhookSecret) -> Self {
        Self { current, former: Vec::new() }
    }

    /// The present secret.
    pub fn current(&self) -> &WebhookSecret {
        &self.current
    }

    /// Another secret in the place of the present one, which counts for `overlap_micros` more. None of the former ones
    /// counts longer than that from now on.
    #[must_use]
    pub fn rotated(&self, fresh: WebhookSecret, overlap_micros: i64, now: Timestamp) -> Self {
        let end = now.plus_micros(overlap_micros);
        let former = self.former.iter().map(|(secret, until)| (secret.clone(), end.min(*until)));
        let mut former: Vec<_> = std::iter::once((self.current.clone(), end)).chain(former).collect();
        former.retain(|(_, until)| now < *until);
        former.truncate(Self::FORMER_MAX);
        Self { current: fresh, former }
    }

    /// The signatures of a message by every secret that counts at `now`, with blanks between them.
    pub fn sign(&self, id: &str, now: Timestamp, body: &str) -> String {
        let former = self.former.iter().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
        let all = std::iter::once(&self.current).chain(former);
        let timestamp_s = now.micros().div_euclid(1_000_000);
        all.map(|secret| secret.sign(id, timestamp_s, body)).collect::<Vec<_>>().join(" ")
    }

    /// The text to store: the present secret, then each former one with its end.
    pub fn to_stored(&self) -> String {
        let former =
            self.former.iter().map(|(secret, until)| format!(" {}@{}", secret.reveal(), until.micros()));
        std::iter::once(self.current.reveal()).chain(former).collect()
    }

    /// Reads a stored text.
    pub fn from_stored(raw: &str) -> Option<Self> {
        let (current, former) =
            raw.split_once(' ').map_or((raw, None), |(current, rest)| (current, Some(rest)));
        let former = former.into_iter().flat_map(|rest| rest.split(' ')).map(|one| {
            let (secret, until) = one.split_once('@')?;
            Some((WebhookSecret::parse(secret)?, Timestamp::from_micros(until.parse().ok()?).ok()?))
        });
        Some(Self { current: WebhookSecret::parse(current)?, former: former.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> WebhookSecret {
        WebhookSecret::of_random([byte; 32])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    /// The digest was computed by another program: `openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef`.
    const EXPECTED: &str = "v1,Umv0XpbypYgcK4h8e6kHegVd1R4Xif8Zfdl5fb8hw8M=";

    #[test]
    fn a_signature_is_that_of_the_specification() {
        let secret = WebhookSecret::parse("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=").unwrap();
        let body = r#"{"event_type":"ping","data":{"success":true}}"#;
        let signature = secret.sign("msg_loFOjxBNrRLzqYUf", 1_731_705_121, body);
        assert_eq!(signature, EXPECTED);
    }

    #[test]
    fn a_secret_is_written_as_it_is_read_and_never_printed() {
        let secret = secret(0xFF);
        assert_eq!(secret.reveal(), format!("whsec_{}8=", "/".repeat(42)));
        assert_eq!(WebhookSecret::parse(&secret.reveal()), Some(secret.clone()));
        assert!(!format!("{secret:?} {:?}", WebhookSecrets::new(secret.clone())).contains("//"));
        for raw in ["", "whsec_", "whsec_AAAA", &secret.reveal()[6..]] {
            assert_eq!(WebhookSecret::parse(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_former_secret_counts_until_its_end() {
        let secrets = WebhookSecrets::new(secret(1)).rotated(secret(2), 10_000_000, at(100));
        let signed = |at| secrets.sign("m", at, "{}");
        let both = [secret(2).sign("m", 109, "{}"), secret(1).sign("m", 109, "{}")].join(" ");
        assert_eq!(signed(at(109)), both);
        assert_eq!(signed(at(110)), secret(2).sign("m", 110, "{}"));
    }

    #[test]
    fn a_rotation_whose_answer_was_lost_leaves_the_secret_that_the_receiver_has() {
        let secrets = WebhookSecrets::new(secret(1)).rotated(secret(2), 10_000_000, at(100)).rotated(
            secret(3),
            10_000_000,
            at(101),
        );
        assert!(secrets.sign("m", at(105), "").contains(&secret(1).sign("m", 105, "")));
    }

    #[test]
    fn a_rotation_without_an_overlap_ends_all_others_at_once() {
        let secrets = WebhookSecrets::new(secret(1)).rotated(secret(2), 10_000_000, at(100)).rotated(
            secret(3),
            0,
            at(101),
        );
        assert_eq!(secrets, WebhookSecrets::new(secret(3)));
    }

    #[test]
    fn former_secrets_are_few_and_survive_being_stored() {
        let mut secrets = WebhookSecrets::new(secret(0));
        for byte in 1..10 {
            secrets = secrets.rotated(secret(byte), 1_000_000_000, at(100));
        }
        assert_eq!(secrets.sign("m", at(101), "").split(' ').count(), 1 + WebhookSecrets::FORMER_MAX);
        assert_eq!(WebhookSecrets::from_stored(&secrets.to_stored()), Some(secrets));
        for raw in
            ["", " ", "whsec_x", &format!("{} x", secret(1).reveal()), &format!("{} ", secret(1).reveal())]
        {
            assert_eq!(WebhookSecrets::from_stored(raw), None, "{raw}");
        }
    }
}
