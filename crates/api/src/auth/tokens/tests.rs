use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use feed_me_domain::UserKey;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::*;

const NOW_S: i64 = 1_800_000_000;

fn now() -> Timestamp {
    instant(NOW_S)
}

fn ring(secrets: &[(&str, &str)]) -> TokenRing {
    TokenRing::new(secrets.iter().map(|(kid, secret)| ((*kid).to_owned(), secret.as_bytes())))
}

/// A token as any library would make it.
fn token(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    signed(&format!("{}.{}", part(header), part(claims)), secret)
}

fn signed(message: &str, secret: &str) -> String {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn claims() -> Value {
    json!({ "sub": "ivan", "iat": NOW_S, "exp": NOW_S + 60 })
}

fn with(member: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[member] = value;
    claims
}

fn verified(claims: &Value) -> Result<(UserToken, Timestamp), Refusal> {
    let token = token(&json!({ "alg": "HS256", "typ": "JWT" }), claims, "one");
    ring(&[("k1", "one")]).verify(&token, now())
}

#[test]
fn a_token_says_whose_it_is_and_when_it_ends() {
    let (token, expires_at) = verified(&claims()).unwrap();
    assert_eq!((token.username.as_str(), token.user, token.issued_at_s), ("ivan", None, NOW_S));
    assert_eq!(expires_at, instant(NOW_S + 60));
}

#[test]
fn a_token_ends_on_the_second_and_may_begin_a_minute_ahead() {
    let refused = |member: &str, value: Value| verified(&with(member, value)).err().map(Refusal::told);
    assert_eq!(refused("exp", json!(NOW_S + 1)), None);
    assert_eq!(refused("exp", json!(NOW_S)), Some("the token has expired"));
    assert_eq!(refused("iat", json!(NOW_S + 60)), None);
    for member in ["iat", "nbf"] {
        assert_eq!(refused(member, json!(NOW_S + 61)), Some("the token is not valid yet"), "{member}");
    }
}

#[test]
fn members_that_are_missing_or_odd_are_refused() {
    for member in ["sub", "exp", "iat"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(member);
        assert!(verified(&claims).is_err(), "{member} is missing");
        for odd in [json!(null), json!([]), json!({}), json!(true)] {
            assert!(verified(&with(member, odd.clone())).is_err(), "{member}: {odd}");
        }
    }
    for (member, odd) in [
        ("exp", json!("1900000000")),
        ("iat", json!("1800000000")),
        ("sub", json!("")),
        ("sub", json!("a/b")),
        ("sub", json!(7)),
        ("uid", json!("ivan")),
        ("aud", json!("elsewhere")),
    ] {
        assert!(verified(&with(member, odd.clone())).is_err(), "{member}: {odd}");
    }
    assert_eq!(verified(&with("iat", json!(1_799_999_999.9))).unwrap().0.issued_at_s, NOW_S - 1);
    assert!(verified(&with("exp", json!(1e300))).is_ok());
}

#[test]
fn a_member_that_comes_twice_is_refused() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
    let claims = format!(r#"{{"sub":"ivan","sub":"eric","iat":{NOW_S},"exp":{}}}"#, NOW_S + 60);
    let raw = signed(&format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims)), "one");
    assert!(ring(&[("k1", "one")]).verify(&raw, now()).is_err());
}

#[test]
fn no_other_algorithm_is_taken_and_no_key_from_the_token() {
    let ring = ring(&[("k1", "one")]);
    for alg in ["none", "None", "NONE", "HS384", "HS512", "RS256", "ES256", "hs256", ""] {
        let raw = token(&json!({ "alg": alg }), &claims(), "one");
        assert!(ring.verify(&raw, now()).is_err(), "{alg}");
        let unsigned = raw.rsplit_once('.').unwrap().0.to_owned() + ".";
        assert!(ring.verify(&unsigned, now()).is_err(), "{alg}, unsigned");
    }
    let jwk = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("mine"), "alg": "HS256" });
    let header = json!({ "alg": "HS256", "jwk": jwk });
    assert!(ring.verify(&token(&header, &claims(), "mine"), now()).is_err());
    let header = json!({ "alg": "HS256", "crit": ["exp"], "exp": 1 });
    assert!(ring.verify(&token(&header, &claims(), "one"), now()).is_err());
}

#[test]
fn a_token_that_was_altered_or_cut_is_refused() {
    let ring = ring(&[("k1", "one")]);
    let raw = token(&json!({ "alg": "HS256" }), &claims(), "one");
    assert!(ring.verify(&raw, now()).is_ok());
    // The last character carries only some bits of the signature; a decoder that is strict refuses the others.
    for at in 0..raw.len() {
        let mut altered = raw.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert!(ring.verify(&altered, now()).is_err(), "character {at}");
        assert!(ring.verify(&raw[..at], now()).is_err(), "cut at {at}");
    }
    assert!(ring.verify(&format!("{raw}A"), now()).is_err());
    assert!(ring.verify(&format!("{raw}.{raw}"), now()).is_err());
}

#[test]
fn a_kid_names_its_secret_and_may_be_left_out_where_there_is_one_alone() {
    let signed_by = |kid: Option<&str>, secret| {
        let mut header = json!({ "alg": "HS256" });
        if let Some(kid) = kid {
            header["kid"] = json!(kid);
        }
        token(&header, &claims(), secret)
    };
    let two = ring(&[("k1", "one"), ("k2", "two")]);
    for (kid, secret, is_good) in [
        (Some("k1"), "one", true),
        (Some("K2"), "two", true),
        (Some("k1"), "two", false),
        (Some("k3"), "one", false),
        (Some(""), "one", false),
        (None, "one", false),
        (None, "two", false),
    ] {
        assert_eq!(two.verify(&signed_by(kid, secret), now()).is_ok(), is_good, "{kid:?} {secret}");
    }
    let one = ring(&[("k1", "one")]);
    assert!(one.verify(&signed_by(None, "one"), now()).is_ok());
    assert!(one.verify(&signed_by(Some("k2"), "one"), now()).is_err());
    assert!(one.verify(&signed_by(None, "other"), now()).is_err());
}

#[test]
fn a_minted_token_is_signed_by_the_last_secret_and_is_of_its_user_alone() {
    let user = |number: u128| User {
        key: UserKey(1),
        id: UserId::from_uuid(Uuid::from_u128(number)),
        username: Username::parse("ivan").unwrap(),
        display_name: None,
        created_at: now(),
        // A stamp may be ahead of the clock.
        named_at: now().plus_micros(1_000_001),
        following: 0,
        followers: 0,
        activities: 0,
    };
    let two = ring(&[("k1", "one"), ("k2", "two")]);
    let minted = two.mint(&user(1), now(), 60).unwrap();
    assert_eq!(minted.expires_at, instant(NOW_S + 61));
    assert!(!format!("{minted:?}").contains(&minted.token));
    let (token, expires_at) = ring(&[("k2", "two")]).verify(&minted.token, now()).unwrap();
    assert_eq!(expires_at, minted.expires_at);
    assert!(token.is_of(&user(1)) && !token.is_of(&user(2)));
    assert!(ring(&[("k1", "one")]).verify(&minted.token, now()).is_err());
}
