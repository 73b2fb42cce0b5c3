//! What the stories are told with: a server of their own, users who act, and answers that can be asked.

mod answer;
mod call;
mod database;
mod place;
mod proxy;
mod raw;
mod server;
mod user;
mod walk;
mod world;

pub(crate) use self::{
    answer::Answer,
    call::Call,
    database::{Database, Store},
    place::Place,
    proxy::Proxy,
    raw::{raw, raw_answer},
    server::{Server, feed_me},
    user::User,
    walk::{as_line, assert_page_is_sound, assert_well_formed_activity},
    world::World,
};

/// Tells each story on a fresh SQLite database and on a fresh PostgreSQL database.
macro_rules! on_both_stores {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&$crate::kit::World::start($crate::kit::Store::Sqlite)).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&$crate::kit::World::start($crate::kit::Store::Postgres)).await;
            })+
        }
    };
}

/// Tells each story on a fresh SQLite database: for what never reaches the store.
macro_rules! on_sqlite {
    ($($story:ident),+ $(,)?) => {
        mod once {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&$crate::kit::World::start($crate::kit::Store::Sqlite)).await;
            })+
        }
    };
}

pub(crate) use {on_both_stores, on_sqlite};
