//! Several servers of one database.

use std::time::Duration;

use serde_json::json;

use super::{Receiver, Reply, place, subscribed, until};
use crate::kit::Store;

#[tokio::test]
async fn one_of_several_delivers_and_another_goes_on_when_it_is_killed() {
    let place = place(Store::Postgres);
    let worlds = [place.serve(), place.serve()];
    let receiver = Receiver::start();
    receiver.always(Reply::status(204).after(Duration::from_millis(20)));
    let [ivan] = worlds[0].users(["ivan"]).await;
    let mut paths = Vec::new();
    for _ in 0..3 {
        paths.push(subscribed(&worlds[0], &receiver.url(), json!({})).await.0);
    }
    for number in 0..10 {
        ivan.posts("like", &number.to_string()).await.is(201);
        worlds[1].user("ivan").posts("share", &number.to_string()).await.is(201);
    }
    receiver.has(60).await;
    for path in &paths {
        until("all is noted", async || worlds[1].get(path).await.at("/position") == json!("21")).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.arrived().len(), 60, "two deliver the same");
    // Whichever of the two delivers: one after the other is killed, and the other one goes on.
    worlds[0].server().kill();
    worlds[1].user("ivan").posts("like", "after the first kill").await.is(201);
    receiver.has(63).await;
    worlds[0].start_again();
    worlds[1].server().kill();
    worlds[0].user("ivan").posts("like", "after the second kill").await.is(201);
    receiver.has(66).await;
    let mut lines = receiver.lines()[60..].to_vec();
    lines.dedup();
    assert_eq!(lines, ["ivan like after the first kill", "ivan like after the second kill"]);
}
