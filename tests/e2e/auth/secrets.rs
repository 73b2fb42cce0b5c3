//! Secrets stay where they belong: not in logs, errors, `verify-config` or the database.

use reqwest::Method;
use serde_json::json;

use crate::{
    auth::{Guarded, SECRET, on_both_guarded, token},
    kit::Store,
};

on_both_guarded!(no_secret_is_logged_or_answered);

async fn no_secret_is_logged_or_answered(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    let body = json!({ "name": "a\r\nforged: line", "scopes": ["read"] });
    let key =
        guarded.send(Method::POST, "/v1/keys", body, &guarded.admin).key("k").await.is(201).str_at("/key");
    let (minted, signed) = (guarded.minted("ivan").await, token("ivan"));
    let wrong = format!("fm_{}", "B".repeat(43));
    let secrets = [guarded.admin.as_str(), &key, &minted, &signed, &wrong, SECRET];
    for credential in [&key, &minted, &signed, &wrong, &format!("{signed}x")] {
        for path in ["/v1/users", "/v1/keys", "/feed/ivan/friends", "/v1/nothing"] {
            let answer = guarded.get(path, credential).await;
            let headers = format!("{:?}", answer.headers);
            for secret in secrets {
                assert!(!answer.text().contains(secret) && !headers.contains(secret), "{answer}");
            }
        }
    }
    // Lines are gathered for a tenth of a second.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let logged = guarded.world.server().output();
    assert!(logged.contains("answered"), "{logged}");
    let place = guarded.world.place();
    let shown = place.run(&["verify-config", "--show"]) + &place.run(&["keys", "list"]);
    assert!(shown.contains("auth.user_token_secrets.k1 = ***"), "{shown}");
    assert!(!shown.contains('\r') && !shown.contains("\nforged"), "{shown}");
    for secret in secrets {
        assert!(!logged.contains(secret), "{logged}");
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn the_file_of_the_database_holds_no_key() {
    let guarded = Guarded::start(Store::Sqlite);
    let key = guarded.key("admin");
    let body = json!({ "name": "kept", "scopes": ["read"] });
    let shown =
        guarded.send(Method::POST, "/v1/keys", body, &guarded.admin).key("k").await.is(201).str_at("/key");
    let place = guarded.world.place().clone();
    drop(guarded);
    for file in std::fs::read_dir(place.home()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        for secret in [&key, &shown] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}
