//! Promise 3: a cursor never goes stale, and cannot be changed or used elsewhere.

use super::reader_of;
use crate::kit::{Store, World, on_both_stores};

on_both_stores!(
    a_cursor_works_after_a_restart,
    a_cursor_works_after_its_item_is_gone,
    a_cursor_works_after_a_rename,
    a_cursor_of_which_any_character_was_changed_is_a_400,
    a_cursor_of_another_feed_is_a_400,
);

async fn a_cursor_works_after_a_restart(world: &World) {
    let [reader, _] = reader_of(world, 9).await;
    let path = format!("{}?limit=3", reader.friends_path());
    let first = world.get(&path).await;
    let second = world.page(&path, &first.next().unwrap()).await;
    world.restart();
    assert_eq!(world.page(&path, &first.next().unwrap()).await.is(200).bytes, second.bytes);
    assert_eq!(world.page(&path, &second.previous()).await.items(), first.items());
    world.crash_and_start_again();
    assert_eq!(world.page(&path, &first.next().unwrap()).await.is(200).bytes, second.bytes);
}

async fn a_cursor_works_after_its_item_is_gone(world: &World) {
    let [reader, eric] = reader_of(world, 8).await;
    let path = format!("{}?limit=2", reader.friends_path());
    let all = world.walk(&reader.friends_path(), 100).await;
    let first = world.get(&path).await;
    let second = world.page(&path, &first.next().unwrap()).await;
    for item in [&all[1], &all[2], &all[3]] {
        world.delete(&format!("/v1/activities/{}", item["id"].as_str().unwrap())).await.is(204);
    }
    assert_eq!(world.page(&path, &first.next().unwrap()).await.is(200).items(), all[4..6]);
    assert_eq!(world.page(&path, &second.next().unwrap()).await.is(200).items(), all[4..6]);
    assert_eq!(world.page(&path, &second.previous()).await.is(200).items(), all[..1]);
    // Even when all of it is gone.
    reader.unfollows(&eric).await.is(204);
    world.page(&path, &first.next().unwrap()).await.shows(&[]);
    reader.follows(&eric).await.is(201);
    assert_eq!(world.page(&path, &first.next().unwrap()).await.items(), all[4..6]);
}

async fn a_cursor_works_after_a_rename(world: &World) {
    let [reader, eric] = reader_of(world, 6).await;
    let own = world.get(&format!("{}?limit=2", eric.own_path())).await;
    let friends = world.get(&format!("{}?limit=2", reader.friends_path())).await;
    eric.renames_to("erich").await.is(200);
    reader.renames_to("leser").await.is(200);
    let (erich, leser) = (world.user("erich"), world.user("leser"));
    for (page, path) in [(own, erich.own_path()), (friends, leser.friends_path())] {
        let next = world.page(&format!("{path}?limit=2"), &page.next().unwrap()).await;
        assert_eq!(next.is(200).lines().len(), 2);
        let all = world.walk(&path, 100).await;
        assert_eq!(next.items(), all[2..4]);
    }
    // Whoever takes the old name gets nowhere with it.
    let cursor = world.get(&format!("{}?limit=2", erich.own_path())).await.next().unwrap();
    world.users(["eric"]).await;
    world.page("/v1/feeds/eric?limit=2", &cursor).await.is_problem(400, "").names("cursor");
}

async fn a_cursor_of_which_any_character_was_changed_is_a_400(world: &World) {
    let [reader, _] = reader_of(world, 3).await;
    let path = format!("{}?limit=1", reader.friends_path());
    let cursor = world.get(&path).await.next().unwrap();
    assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{cursor}");
    for at in 0..cursor.len() {
        // The next letter of the alphabet is the smallest change there is; `A` is often a whole other byte.
        for other in [cursor.as_bytes()[at] ^ 1, b'A', b'_'] {
            let mut altered = cursor.clone().into_bytes();
            if other == altered[at] || !(other.is_ascii_alphanumeric() || other == b'_') {
                continue;
            }
            altered[at] = other;
            let altered = String::from_utf8(altered).unwrap();
            world.page(&path, &altered).await.is_problem(400, "").names("cursor");
        }
    }
    let half = &cursor[..cursor.len() / 2];
    for altered in
        [half.to_owned(), format!("{cursor}A"), format!("{cursor}="), format!("A{cursor}"), cursor.repeat(2)]
    {
        world.page(&path, &altered).await.is_problem(400, "").names("cursor");
    }
    for nonsense in ["%00", "%FF", "null", "0", "-1", "%F0%9F%98%80", &"A".repeat(4000)] {
        world.page(&path, nonsense).await.is_problem(400, "");
    }
    world.page(&path, &cursor).await.is(200);
}

async fn a_cursor_of_another_feed_is_a_400(world: &World) {
    let [reader, eric] = reader_of(world, 6).await;
    for path in [reader.friends_path(), eric.own_path()] {
        let page = world.get(&format!("{path}?limit=1")).await;
        for cursor in [page.next().unwrap(), page.previous()] {
            let others = [
                reader.own_path(),
                reader.mentions_path(),
                eric.friends_path(),
                eric.mentions_path(),
                format!("{path}?verb=share"),
                "/v1/users".to_owned(),
                format!("{}/following", reader.path()),
                format!("{}/blocks", reader.path()),
            ];
            for other in others {
                world.page(&other, &cursor).await.is_problem(400, "").names("cursor");
            }
            world.page(&path, &cursor).await.is(200);
        }
    }
    let filtered = world.get(&format!("{}?include_self=true&limit=1", reader.friends_path())).await;
    world.page(&reader.friends_path(), &filtered.next().unwrap()).await.is_problem(400, "");
}

/// A key of one's own in the settings makes cursors that only servers with that key take.
#[tokio::test]
async fn a_cursor_belongs_to_the_key_that_made_it() {
    let one = World::start_with(
        Store::Sqlite,
        &[("FEEDME__FEED__CURSOR_KEY", "a key of this test alone, and long")],
    );
    let [ivan] = one.users(["ivan"]).await;
    for object in ["1", "2", "3"] {
        ivan.posts("share", object).await.is(201);
    }
    let path = format!("{}?limit=1", ivan.own_path());
    let cursor = one.get(&path).await.next().unwrap();
    // The same data, moved to another database.
    let lines = one.place().run(&["export", "--out", "-"]);
    let other = World::start(Store::Sqlite);
    std::fs::write(other.place().home().join("all.ndjson"), lines).unwrap();
    other.place().run(&["import", "all.ndjson"]);
    assert_eq!(other.user("ivan").own_feed().await.items(), ivan.own_feed().await.items());
    other.page(&path, &cursor).await.is_problem(400, "").names("cursor");
    one.page(&path, &cursor).await.shows(&["ivan share 2"]);
}
