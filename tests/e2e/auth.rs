//! Who may call, where `auth.mode` is `keys`.

mod attacks;
mod credentials;
mod guesses;
mod keys;
mod rights;
mod rotation;
mod secrets;
mod tokens;
mod users;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::kit::{Answer, Call, Place, Store, World};

/// The secret of user tokens, and its id.
const SECRET: &str = "a secret of user tokens that is long enough";
const KID: &str = "k1";

/// Tells each story on a guarded server, on SQLite and on PostgreSQL.
macro_rules! on_both_guarded {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&$crate::auth::Guarded::start($crate::kit::Store::Sqlite)).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&$crate::auth::Guarded::start($crate::kit::Store::Postgres)).await;
            })+
        }
    };
}

use on_both_guarded;

/// A server that asks who calls, and the key of its operator.
struct Guarded {
    world: World,
    admin: String,
}

impl Guarded {
    fn start(store: Store) -> Self {
        Self::at(
            &place(store).with(&format!("FEEDME__AUTH__USER_TOKEN_SECRETS__{}", KID.to_uppercase()), SECRET),
        )
    }

    fn at(place: &Place) -> Self {
        let admin = made(place, "admin");
        Self { world: place.serve(), admin }
    }

    /// A key made while the server runs.
    fn key(&self, scopes: &str) -> String {
        made(self.world.place(), scopes)
    }

    fn call(&self, method: Method, path: &str, credential: &str) -> Call {
        self.world.call(method, path).header("Authorization", format!("Bearer {credential}"))
    }

    fn get(&self, path: &str, credential: &str) -> Call {
        self.call(Method::GET, path, credential)
    }

    fn send(&self, method: Method, path: &str, body: Value, credential: &str) -> Call {
        self.call(method, path, credential).json(body)
    }

    /// Creates users.
    async fn users(&self, names: &[&str]) {
        for name in names {
            self.send(Method::PUT, &format!("/v1/users/{name}"), json!({}), &self.admin).await.is(201);
        }
    }

    /// A token that the server makes.
    async fn minted(&self, name: &str) -> String {
        let path = format!("/v1/users/{name}/tokens");
        self.call(Method::POST, &path, &self.admin).await.is(201).str_at("/token")
    }

    async fn posted(&self, actor: &str) -> String {
        let body = json!({ "actor": actor, "verb": "share", "object": "post:1" });
        self.send(Method::POST, "/v1/activities", body, &self.admin).await.is(201).id()
    }
}

fn place(store: Store) -> Place {
    Place::fresh(store).with("FEEDME__AUTH__MODE", "keys")
}

/// A key made on the command line, which says nothing else on standard output.
fn made(place: &Place, scopes: &str) -> String {
    let said = place.run(&["keys", "create", "--name", "a test's", "--scopes", scopes]);
    let key = said.trim_end().to_owned();
    assert_eq!(said, format!("{key}\n"));
    assert!(key.starts_with("fm_") && key.len() == 46, "{said}");
    key
}

fn now_s() -> i64 {
    let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since_1970.as_secs()).unwrap()
}

/// The claims of a good token.
fn claims(name: &str) -> Value {
    json!({ "sub": name, "iat": now_s(), "exp": now_s() + 600 })
}

/// A token as any library would make it.
fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// A good token of a user, made by the application.
fn token(name: &str) -> String {
    signed(&json!({ "alg": "HS256", "typ": "JWT", "kid": KID }), &claims(name), SECRET)
}

impl Answer {
    /// A 401 as RFC 6750 has it; `error` is empty where nothing was shown.
    #[track_caller]
    fn asks_for_a_credential(&self, error: &str) -> &Self {
        self.is(401);
        let challenge = self.header("www-authenticate");
        assert!(challenge.starts_with("Bearer realm="), "{self}");
        let told = challenge.split("error=\"").nth(1).and_then(|rest| rest.split('"').next());
        assert_eq!(told.unwrap_or_default(), error, "{self}");
        self
    }

    /// A 403 as RFC 6750 has it.
    #[track_caller]
    fn denies(&self) -> &Self {
        self.is(403);
        assert!(self.header("www-authenticate").contains("error=\"insufficient_scope\""), "{self}");
        self
    }

    /// Whether the guard let the request in.
    fn was_let_in(&self) -> bool {
        self.find_header("www-authenticate").is_none()
    }
}
