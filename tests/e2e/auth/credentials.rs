//! What a request shows, and what is made of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    auth::{Guarded, KID, SECRET, claims, now_s, on_both_guarded, signed, token},
    kit::raw_answer,
};

on_both_guarded!(
    who_shows_nothing_is_asked_for_a_credential,
    a_credential_that_is_none_is_refused,
    a_token_is_refused_for_every_fault,
    a_good_credential_is_let_in_whatever_the_case_of_its_scheme,
    two_credentials_are_none,
    the_operational_routes_ask_nobody,
    an_unauthorised_write_has_no_effect,
);

async fn who_shows_nothing_is_asked_for_a_credential(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    // Whether somebody exists is nothing that a stranger is told.
    for path in ["/v1/users/ivan", "/v1/users/nobody", "/v1/feeds/ivan/friends", "/v1/users", "/v1/keys"] {
        let answer = guarded.world.get(path).await;
        answer.asks_for_a_credential("").is_problem(401, "unauthorized");
    }
    for path in
        ["/feed/ivan", "/feed/nobody", "/feed/ivan/friends", "/user", "/follows", "/activity", "/reset"]
    {
        guarded.world.get(path).await.asks_for_a_credential("").is_classic_error(401);
    }
    for scheme in ["Basic aXZhbjpnZWhlaW0=", "Digest x", "Token abc", "Bearerfm_x", "fm_abc"] {
        guarded.world.get("/v1/users").header("Authorization", scheme).await.asks_for_a_credential("");
    }
}

async fn a_credential_that_is_none_is_refused(guarded: &Guarded) {
    let foreign = format!("fm_{}", "A".repeat(43));
    let altered = {
        let (head, last) = guarded.admin.split_at(20);
        format!("{head}{}{}", if last.starts_with('A') { 'B' } else { 'A' }, &last[1..])
    };
    let (upper, cut, more) =
        (guarded.admin.to_uppercase(), &guarded.admin[..45], format!("{}A", guarded.admin));
    for credential in [&foreign, &altered, &upper, cut, &more, "fm_", "a.b.c", "...", "x", "null"] {
        let answer = guarded.get("/v1/users", credential).await;
        answer.asks_for_a_credential("invalid_token").is_problem(401, "unauthorized");
        assert!(credential.len() < 6 || !answer.text().contains(credential), "{answer}");
    }
    for credential in ["", " ", "a b", "a,b", "\"a\"", "a;b", &"a".repeat(5000)] {
        guarded.get("/v1/users", credential).await.asks_for_a_credential("invalid_request");
    }
    let bytes = "Authorization: Bearer \u{e9}\r\n";
    let (status, _) = raw_answer(&guarded.world.host(), "GET /v1/users", bytes).unwrap();
    assert_eq!(status, 401);
}

async fn a_token_is_refused_for_every_fault(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    let header = json!({ "alg": "HS256", "kid": KID });
    let with = |member: &str, value: Value| {
        let mut claims = claims("ivan");
        claims[member] = value;
        signed(&header, &claims, SECRET)
    };
    let without = |member: &str| {
        let mut claims = claims("ivan");
        claims.as_object_mut().unwrap().remove(member);
        signed(&header, &claims, SECRET)
    };
    guarded.get("/v1/users/ivan", &token("ivan")).await.is(200);
    let good = token("ivan");
    let unsigned = good.rsplit_once('.').unwrap().0.to_owned();
    let none = signed(&json!({ "alg": "none" }), &claims("ivan"), SECRET);
    let bad = [
        ("of another server", signed(&header, &claims("ivan"), "the secret of another server, and long")),
        ("of an empty secret", signed(&header, &claims("ivan"), "")),
        ("expired", with("exp", json!(now_s() - 61))),
        ("expired long ago", with("exp", json!(0))),
        ("without an end", without("exp")),
        ("without a beginning", without("iat")),
        ("without a subject", without("sub")),
        ("from the future", with("iat", json!(now_s() + 3600))),
        ("not yet", with("nbf", json!(now_s() + 3600))),
        ("with an end in words", with("exp", json!("tomorrow"))),
        ("of nobody", token("nobody")),
        ("of no name", token("")),
        ("with another kid", signed(&json!({ "alg": "HS256", "kid": "k2" }), &claims("ivan"), SECRET)),
        (
            "that names an algorithm alone",
            signed(&json!({ "alg": "HS512", "kid": KID }), &claims("ivan"), SECRET),
        ),
        ("none", none.clone()),
        ("none and unsigned", format!("{}.", none.rsplit_once('.').unwrap().0)),
        ("unsigned", format!("{unsigned}.")),
        ("cut", unsigned),
    ];
    for (what, credential) in bad {
        let answer = guarded.get("/v1/users/ivan", &credential).await;
        answer.asks_for_a_credential("invalid_token");
        assert!(!answer.text().contains(&credential) && !answer.text().contains(SECRET), "{what}: {answer}");
    }
}

async fn a_good_credential_is_let_in_whatever_the_case_of_its_scheme(guarded: &Guarded) {
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        let value = format!("{scheme} {}", guarded.admin);
        guarded.world.get("/v1/users").header("Authorization", value).await.is(200);
    }
    guarded.call(Method::HEAD, "/v1/users", &guarded.admin).await.is(200);
    guarded.world.call(Method::HEAD, "/v1/users").await.is(401);
}

async fn two_credentials_are_none(guarded: &Guarded) {
    let line = format!("Authorization: Bearer {}\r\n", guarded.admin);
    let answer = |lines: &str| raw_answer(&guarded.world.host(), "GET /v1/users", lines).unwrap();
    assert_eq!(answer(&line).0, 200);
    let (status, text) = answer(&format!("{line}{line}"));
    assert!(status == 401 && text.contains("invalid_request"), "{text}");
    assert_eq!(answer(&format!("{line}Authorization: Basic eDp5\r\n")).0, 401);
    assert_eq!(answer(&format!("Authorization: Bearer x\r\n{line}")).0, 401);
    // A line that is folded is no second chance.
    assert_ne!(answer(&format!("Authorization: Bearer\r\n {}\r\n", guarded.admin)).0, 200);
}

async fn the_operational_routes_ask_nobody(guarded: &Guarded) {
    for path in ["/livez", "/healthz", "/readyz", "/openapi.json", "/docs", "/docs/index.css", "/"] {
        guarded.world.get(path).await.is(200);
        guarded.world.get(path).header("Authorization", "Bearer wrong").await.is(200);
    }
    // What is not there is no secret, and neither is which methods there are.
    guarded.world.get("/v1/nothing").await.is(404);
    guarded.world.call(Method::PUT, "/v1/users").await.is(405);
    let answer = guarded.world.call(Method::OPTIONS, "/v1/users").await;
    assert!(answer.is(204).header("allow").contains("GET"), "{answer}");
}

async fn an_unauthorised_write_has_no_effect(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    let before = guarded.get("/v1/events", &guarded.admin).await.is(200).str_at("/position");
    let activity = json!({ "actor": "ivan", "verb": "share" });
    for (method, path, body) in [
        (Method::PUT, "/v1/users/eric", json!({})),
        (Method::PATCH, "/v1/users/ivan", json!({ "display_name": "I" })),
        (Method::POST, "/v1/activities", activity.clone()),
        (Method::POST, "/activity", activity.clone()),
        (Method::POST, "/v1/activities/batch", json!({ "activities": [activity] })),
        (Method::DELETE, "/v1/users/ivan", json!({})),
        (Method::POST, "/v1/keys", json!({ "name": "mine", "scopes": ["admin"] })),
    ] {
        guarded.world.call(method.clone(), path).json(body.clone()).key("k").await.is(401);
        guarded.send(method, path, body, &guarded.key("read")).key("k").await.denies();
    }
    assert_eq!(guarded.get("/v1/events", &guarded.admin).await.str_at("/position"), before);
    // The body was not even read, so nothing is wrong with it; and its key is free.
    guarded.world.call(Method::POST, "/v1/activities").text("text/plain", "{").await.is(401);
    let free =
        guarded.send(Method::POST, "/v1/activities", json!({ "actor": "ivan", "verb": "x" }), &guarded.admin);
    free.key("k").await.is(201);
}
