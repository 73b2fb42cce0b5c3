//! What a page promises, promise by promise; the numbers are those of the contract.

mod cursors;
mod walks;

use serde_json::{Value, json};

use crate::kit::{User, World, on_both_stores};

on_both_stores!(
    promise_1_a_page_is_full_unless_the_feed_ends_in_it,
    promise_4_the_newest_page_leads_to_what_comes_later,
    promise_4_pages_reached_backwards_are_adjacent_and_newest_first,
    promise_4_an_empty_feed_leads_to_its_first_item,
    promise_6_a_write_that_was_answered_is_in_the_next_read,
);

/// A reader who follows `eric`, and eric's posts `0` to `count - 1`, two of each second.
async fn reader_of(world: &World, count: usize) -> [User<'_>; 2] {
    let [reader, eric] = world.users(["reader", "eric"]).await;
    reader.follows(&eric).await.is(201);
    post_in_pairs(world, &eric, 0..count).await;
    [reader, eric]
}

async fn post_in_pairs(world: &World, author: &User<'_>, numbers: std::ops::Range<usize>) {
    let item = |number: usize| {
        let published = format!("2020-01-01T00:{:02}:{:02}Z", number / 120, number / 2 % 60);
        json!({ "actor": author.name, "verb": "share", "object": number.to_string(), "published": published })
    };
    for chunk in numbers.collect::<Vec<_>>().chunks(1000) {
        let items: Vec<Value> = chunk.iter().map(|number| item(*number)).collect();
        world.post("/v1/activities/batch", json!({ "activities": items })).await.is(200);
    }
}

async fn promise_1_a_page_is_full_unless_the_feed_ends_in_it(world: &World) {
    let [reader, eric] = reader_of(world, 30).await;
    let all = world.walk(&reader.friends_path(), 100).await;
    assert_eq!(all.len(), 30);
    // Every limit, also those that end exactly with a page: `walk` looks at each page.
    for limit in [1, 2, 3, 5, 6, 7, 10, 15, 29, 30, 31] {
        for path in [reader.friends_path(), eric.own_path()] {
            assert_eq!(world.walk(&path, limit).await, all);
        }
    }
    let whole = world.get(&format!("{}?limit=30", reader.friends_path())).await;
    assert_eq!((whole.items().len(), whole.next()), (30, None));
}

async fn promise_4_the_newest_page_leads_to_what_comes_later(world: &World) {
    let [reader, eric] = reader_of(world, 3).await;
    let path = reader.friends_path();
    let newest = world.get(&format!("{path}?limit=2")).await;
    let empty = world.page(&format!("{path}?limit=2"), &newest.previous()).await;
    empty.shows(&[]);
    // Nothing yet; and both ways lead on from here.
    let back = world.page(&format!("{path}?limit=2"), &empty.next().unwrap()).await;
    assert_eq!(back.items(), newest.items());
    for object in ["3", "4", "5"] {
        eric.posts("share", object).await.is(201);
    }
    // Three came: two pages, adjacent to what was there, none left out.
    let one = world.page(&format!("{path}?limit=2"), &newest.previous()).await;
    one.shows(&["eric share 4", "eric share 3"]);
    let two = world.page(&format!("{path}?limit=2"), &one.previous()).await;
    two.shows(&["eric share 5"]);
    let same = world.page(&format!("{path}?limit=2"), &empty.previous()).await;
    same.shows(&["eric share 4", "eric share 3"]);
    // From a page that was reached backwards, forwards again.
    let forth = world.page(&format!("{path}?limit=2"), &two.next().unwrap()).await;
    forth.shows(&["eric share 4", "eric share 3"]);
    let further = world.page(&format!("{path}?limit=2"), &one.next().unwrap()).await;
    assert_eq!(further.items(), newest.items());
}

async fn promise_4_pages_reached_backwards_are_adjacent_and_newest_first(world: &World) {
    let [reader, _] = reader_of(world, 25).await;
    let path = reader.friends_path();
    let all = world.walk(&path, 100).await;
    for limit in [1, 2, 4, 24, 25, 100] {
        // To the end, and back from there.
        let mut page = world.get(&format!("{path}?limit={limit}")).await;
        while let Some(next) = page.next() {
            page = world.page(&format!("{path}?limit={limit}"), &next).await;
        }
        let last = page.items();
        let before = world.walk_back(&path, &page.previous(), limit).await;
        assert_eq!([before, last].concat(), all, "limit {limit}");
    }
    // A page that is reached backwards holds what is next to where one came from.
    let third = world.get(&format!("{path}?limit=10")).await;
    let middle = world.page(&format!("{path}?limit=10"), &third.next().unwrap()).await;
    let above = world.page(&format!("{path}?limit=3"), &middle.previous()).await;
    assert_eq!(above.items(), all[7..10]);
}

async fn promise_4_an_empty_feed_leads_to_its_first_item(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for path in [ivan.own_path(), ivan.mentions_path(), ivan.friends_path()] {
        let empty = world.get(&path).await;
        empty.shows(&[]);
        assert_eq!(empty.next(), None);
        world.page(&path, &empty.previous()).await.shows(&[]);
    }
    let empty = ivan.own_feed().await;
    let still_empty = world.page(&ivan.own_path(), &empty.previous()).await;
    ivan.posts("share", "first").await.is(201);
    for page in [empty, still_empty] {
        world.page(&ivan.own_path(), &page.previous()).await.shows(&["ivan share first"]);
    }
}

async fn promise_6_a_write_that_was_answered_is_in_the_next_read(world: &World) {
    let [reader, eric, niko] = world.users(["reader", "eric", "niko"]).await;
    for round in 0..15 {
        let line = format!("eric share {round} -> niko");
        reader.follows(&eric).await.is(201);
        let id = eric.posts_to("share", &round.to_string(), &niko).await.is(201).id();
        reader.friends_feed().await.shows(&[&line]);
        niko.mentions().await.shows(&[&line]);
        let path = format!("/v1/activities/{id}");
        world.patch(&path, json!({ "verb": "like" })).await.is(200);
        reader.friends_feed().await.shows(&[&line.replace("share", "like")]);
        reader.mutes(&eric).await.is(201);
        reader.friends_feed().await.shows(&[]);
        reader.unmutes(&eric).await.is(204);
        assert_eq!(reader.friends_feed().await.items().len(), 1);
        if round % 2 == 0 {
            reader.unfollows(&eric).await.is(204);
        } else {
            niko.blocks(&eric).await.is(201);
            niko.mentions().await.shows(&[]);
            niko.unblocks(&eric).await.is(204);
            reader.blocks(&eric).await.is(201);
            reader.unblocks(&eric).await.is(204);
        }
        reader.friends_feed().await.shows(&[]);
        niko.mentions().await.shows(&[&line.replace("share", "like")]);
        world.delete(&path).await.is(204);
        niko.mentions().await.shows(&[]);
        eric.own_feed().await.shows(&[]);
    }
}
