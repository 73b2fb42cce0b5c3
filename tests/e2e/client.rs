//! The typed client, against the server that it is for.

use feed_me_client::{
    ActivityPatch, Atomicity, Because, Change, Client, DeliveryState, Explanation, FeedCopy, FollowFrom,
    Marks, NewActivity, NewWebhook, Position, ProblemKind, ReplayFrom, Scope, UserPatch, WebhookPatch,
};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::kit::{Store, World, on_both_stores, on_sqlite};

on_both_stores!(
    users_are_made_changed_and_erased,
    activities_are_posted_edited_and_deleted,
    who_follows_blocks_and_mutes_whom,
    feeds_are_walked_both_ways,
    a_feed_is_followed_by_a_stream_and_by_changes,
    notifications_are_grouped_and_marked,
    the_log_is_read_to_its_end,
);

on_sqlite!(
    keys_and_tokens_open_what_they_say,
    a_webhook_is_made_changed_replayed_and_ended,
    every_kind_of_problem_is_known,
    a_credential_that_is_not_enough_ends_a_stream
);

fn data(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

async fn with_users(world: &World, names: &[&str]) -> Client {
    let client = world.client();
    for name in names {
        assert!(client.create_user(name).await.unwrap().is_created());
    }
    client
}

async fn users_are_made_changed_and_erased(world: &World) {
    let client = with_users(world, &["ivan", "eric", "ed é+"]).await;
    assert!(!client.create_user("ivan").await.unwrap().is_created());
    let ivan = client.put_user("ivan", Some("Ivan")).await.unwrap().into_inner();
    assert_eq!(ivan.display_name.as_deref(), Some("Ivan"));
    let renamed =
        client.edit_user("ivan", &UserPatch::new().username("iván").display_name(None)).await.unwrap();
    assert_eq!((renamed.id, renamed.display_name), (ivan.id, None));
    assert!(client.user("ivan").await.unwrap_err().is(ProblemKind::UserNotFound));
    let error = client.edit_user("eric", &UserPatch::new().username("iván")).await.unwrap_err();
    assert!(error.is(ProblemKind::UsernameTaken), "{error}");
    let names: Vec<_> =
        client.users().prefix("e").limit(1).items().map_ok(|user| user.username).try_collect().await.unwrap();
    assert_eq!(names, ["ed é+", "eric"]);
    client.post(&NewActivity::new("eric", "share")).await.unwrap();
    assert_eq!(client.erase_user("eric").await.unwrap().erased.activities, 1);
    let error = client.create_user(" ").await.unwrap_err();
    assert!(error.is(ProblemKind::InvalidUsername), "{error}");
}

async fn activities_are_posted_edited_and_deleted(world: &World) {
    let client = with_users(world, &["ivan", "eric"]).await;
    let long_ago = "2020-01-01T00:00:00.123456Z".parse().unwrap();
    let new =
        NewActivity::new("eric", "share").object("1").target("ivan").published(long_ago).external_id("x");
    let new = new.data(data(&json!({ "a": [1, 1.5, null] })));
    let posted = client.post(&new).await.unwrap();
    assert!(posted.is_created() && !client.post(&new).await.unwrap().is_created());
    let stored = client.activity(posted.id).await.unwrap();
    assert_eq!((&*stored, stored.published, &stored.data["a"]), (&*posted, long_ago, &json!([1, 1.5, null])));
    assert_eq!(client.find_activity("eric", "x").await.unwrap().map(|it| it.id), Some(posted.id));
    assert_eq!(client.find_activity("eric", "y").await.unwrap(), None);
    let patch = ActivityPatch::new().object(None).verb("like");
    let edited = client.edit_activity(posted.id, &patch, Some(&stored.etag)).await.unwrap();
    assert_eq!(
        (edited.object.as_deref(), edited.verb.as_str(), edited.edited_at.is_some()),
        (None, "like", true)
    );
    for outcome in [
        client.edit_activity(posted.id, &patch, Some(&stored.etag)).await.map(drop),
        client.delete_activity(posted.id, Some(&stored.etag)).await,
    ] {
        assert!(outcome.unwrap_err().is(ProblemKind::PreconditionFailed));
    }
    client.delete_activity(posted.id, Some(&edited.etag)).await.unwrap();
    assert!(client.activity(posted.id).await.unwrap_err().is(ProblemKind::ActivityNotFound));
    let batch =
        [NewActivity::new("eric", "a"), NewActivity::new("nobody", ""), NewActivity::new("eric", "b")];
    let mut results = client.post_batch(&batch, Atomicity::Each).await.unwrap();
    assert_eq!(results.iter().map(|result| result.status).collect::<Vec<_>>(), [201, 400, 201]);
    let refused = results.remove(1).into_result().unwrap_err();
    let mut places: Vec<_> =
        refused.problem().unwrap().errors.iter().filter_map(|it| it.pointer.clone()).collect();
    places.sort();
    assert_eq!(places, ["/actor", "/verb"]);
    assert!(
        client.post_batch(&batch, Atomicity::AllOrNone).await.unwrap_err().is(ProblemKind::InvalidRequest)
    );
    // One key, one effect.
    let once = NewActivity::new("eric", "once");
    let first = client.post_once("key", &once).await.unwrap();
    assert_eq!(client.post_once("key", &once).await.unwrap().id, first.id);
    let other = client.post_once("key", &NewActivity::new("eric", "twice")).await.unwrap_err();
    assert!(other.is(ProblemKind::IdempotencyKeyReused), "{other}");
}

async fn who_follows_blocks_and_mutes_whom(world: &World) {
    let client = with_users(world, &["ivan", "eric", "niko"]).await;
    assert!(client.follow("ivan", "eric").await.unwrap().is_created());
    assert!(!client.follow("ivan", "eric").await.unwrap().is_created());
    let since = "2020-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(client.follow_from("ivan", "eric", FollowFrom::At(since)).await.unwrap().from, Some(since));
    assert_eq!(client.follow_from("ivan", "eric", FollowFrom::Beginning).await.unwrap().from, None);
    assert!(client.follow_from("niko", "eric", FollowFrom::Now).await.unwrap().from.is_some());
    assert_eq!(client.follow_of("ivan", "eric").await.unwrap().followee, "eric");
    let followers: Vec<_> = client.followers("eric").limit(1).items().try_collect().await.unwrap();
    let followers: Vec<_> = followers.iter().map(|it| it.follower.as_str()).collect();
    assert_eq!(followers, ["niko", "ivan"]);
    assert_eq!(client.following("ivan").page().await.unwrap().items.len(), 1);
    let stands = client.relationships("ivan", &["eric", "niko", "nobody"]).await.unwrap();
    assert_eq!(stands.iter().map(|it| it.following).collect::<Vec<_>>(), [true, false]);
    let results = client.follow_many("ivan", &["niko", "nobody"], &["eric"]).await.unwrap();
    let told: Vec<_> =
        results.iter().map(|it| (it.username.as_str(), it.action.as_str(), it.status)).collect();
    assert_eq!(told, [("niko", "follow", 201), ("nobody", "follow", 404), ("eric", "unfollow", 204)]);
    client.unfollow_keeping_history("ivan", "niko").await.unwrap();
    assert!(client.unfollow("ivan", "eric").await.unwrap_err().is(ProblemKind::FollowNotFound));
    assert!(client.mute("ivan", "niko").await.unwrap().is_created());
    assert_eq!(client.mutes("ivan").page().await.unwrap().items[0].username, "niko");
    client.unmute("ivan", "niko").await.unwrap();
    assert!(client.unmute("ivan", "niko").await.unwrap_err().is(ProblemKind::MuteNotFound));
    assert!(client.block("eric", "ivan").await.unwrap().is_created());
    assert_eq!(client.blocks("eric").page().await.unwrap().items[0].username, "ivan");
    assert!(client.follow("ivan", "eric").await.unwrap_err().is(ProblemKind::Blocked));
    client.unblock("eric", "ivan").await.unwrap();
    assert!(client.unblock("eric", "ivan").await.unwrap_err().is(ProblemKind::BlockNotFound));
    assert!(client.follow("ivan", "ivan").await.unwrap_err().is(ProblemKind::OnOneself));
}

async fn feeds_are_walked_both_ways(world: &World) {
    let client = with_users(world, &["ivan", "eric"]).await;
    client.follow("ivan", "eric").await.unwrap();
    for number in 0..7 {
        let new = NewActivity::new("eric", if number == 3 { "odd" } else { "share" });
        client.post(&new.object(number.to_string()).target("ivan")).await.unwrap();
    }
    client.post(&NewActivity::new("ivan", "share").object("own")).await.unwrap();
    let objects = |items: Vec<feed_me_client::Activity>| {
        items.into_iter().map(|item| item.object.unwrap()).collect::<Vec<_>>().join(" ")
    };
    let feed = client.friends_feed("ivan").limit(3);
    assert_eq!(objects(feed.clone().items().try_collect().await.unwrap()), "6 5 4 3 2 1 0");
    assert_eq!(objects(client.mentions("ivan").items().try_collect().await.unwrap()), "6 5 4 3 2 1 0");
    assert_eq!(objects(client.feed("ivan").items().try_collect().await.unwrap()), "own");
    let filtered = client.friends_feed("ivan").verb("odd").verb("none").include_self();
    assert_eq!(objects(filtered.items().try_collect().await.unwrap()), "3");
    let with_self = client.friends_feed("ivan").include_self().limit(1);
    assert_eq!(objects(with_self.page().await.unwrap().items), "own");
    let pages: Vec<_> = feed.clone().pages().try_collect().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [3, 3, 1]);
    let back = feed.clone().cursor(pages[2].previous_cursor.clone().unwrap()).newer();
    assert_eq!(objects(back.try_collect().await.unwrap()), "1 2 3 4 5 6");
    let tag = pages[0].etag.clone().unwrap();
    assert!(feed.page_unless(&tag).await.unwrap().is_none());
    let posted = client.post(&NewActivity::new("eric", "share").object("7")).await.unwrap();
    let changed = feed.page_unless(&tag).await.unwrap().unwrap();
    assert!(pages[0].position < changed.position && client.position() <= changed.position);
    let shown = client.explain("ivan", posted.id).await.unwrap();
    assert!(matches!(shown, Explanation::Shown(Because::Follow(follow)) if follow.followee == "eric"));
    client.unfollow_keeping_history("ivan", "eric").await.unwrap();
    let kept = client.explain("ivan", posted.id).await.unwrap();
    assert!(
        matches!(kept, Explanation::Shown(Because::KeptHistory(window)) if window.until.is_some()),
        "{kept:?}"
    );
    client.mute("ivan", "eric").await.unwrap();
    let hidden = client.explain("ivan", posted.id).await.unwrap();
    assert!(matches!(hidden, Explanation::Hidden { reason, .. } if reason == "muted"));
}

async fn a_feed_is_followed_by_a_stream_and_by_changes(world: &World) {
    let client = with_users(world, &["ivan", "eric"]).await;
    client.follow("ivan", "eric").await.unwrap();
    client.post(&NewActivity::new("eric", "share").object("0")).await.unwrap();
    let (mut streamed, position) = FeedCopy::read(&client, "ivan").await.unwrap();
    let mut changed = streamed.clone();
    let mut live = std::pin::pin!(client.live("ivan").since(position).stream());
    let first = client.post(&NewActivity::new("eric", "share").object("1")).await.unwrap();
    let second = client.post(&NewActivity::new("eric", "share").object("2")).await.unwrap();
    client.edit_activity(first.id, &ActivityPatch::new().object(Some("one")), None).await.unwrap();
    client.delete_activity(second.id, None).await.unwrap();
    loop {
        let event = live.next().await.unwrap().unwrap();
        assert!(streamed.apply(&event));
        if event.change == Change::Removed(second.id) {
            break;
        }
    }
    let changes = client.changes("ivan", Some(position)).await.unwrap();
    assert!(changed.apply_changes(&changes) && !changes.resync);
    let (feed, _) = FeedCopy::read(&client, "ivan").await.unwrap();
    assert_eq!((&streamed, &changed), (&feed, &feed));
    assert_eq!(feed.get(first.id).unwrap().object.as_deref(), Some("one"));
    // Whoever is gone has no stream.
    client.erase_user("ivan").await.unwrap();
    let end = live.next().await.unwrap().unwrap_err();
    assert!(end.is(ProblemKind::UserNotFound), "{end}");
    assert!(live.next().await.is_none());
}

async fn notifications_are_grouped_and_marked(world: &World) {
    let client = with_users(world, &["ivan", "eric", "niko"]).await;
    client.follow("eric", "ivan").await.unwrap();
    for actor in ["eric", "niko"] {
        client.post(&NewActivity::new(actor, "like").object("post:1").target("ivan")).await.unwrap();
    }
    let listing = client.notifications("ivan").limit(1);
    let (page, counts) = listing.with_counts().await.unwrap();
    assert_eq!((counts.unseen, counts.unread, page.items.len()), (2, 2, 1));
    let group = &page.items[0];
    assert_eq!((group.actors.join(","), group.actor_count), ("niko,eric".to_owned(), 2));
    client.mark_notifications("ivan", &Marks::Read(vec![group.id.clone()])).await.unwrap();
    client.mark_notifications("ivan", &Marks::SeenAll).await.unwrap();
    let (_, counts) = listing.with_counts().await.unwrap();
    assert_eq!((counts.unseen, counts.unread), (0, 1));
    client.mark_notifications("ivan", &Marks::ReadAll).await.unwrap();
    let groups: Vec<_> = listing.items().try_collect().await.unwrap();
    assert!(groups.len() == 2 && groups.iter().all(|group| group.read && group.seen), "{groups:?}");
    assert!(groups[1].latest.is_none() && groups[1].verb == "follow");
}

async fn the_log_is_read_to_its_end(world: &World) {
    let client = with_users(world, &["ivan", "eric"]).await;
    client.follow("ivan", "eric").await.unwrap();
    let posted = client.post(&NewActivity::new("eric", "share")).await.unwrap();
    let events: Vec<_> = client.events().limit(1).items().try_collect().await.unwrap();
    let positions: Vec<u64> = events.iter().map(|event| event.position.0).collect();
    assert_eq!(positions, (1..=4).collect::<Vec<_>>());
    assert_eq!((events[3].kind.as_str(), events[3].activity_id), ("activity.added", Some(posted.id)));
    let page = client.events().after(events[3].position).page().await.unwrap();
    assert_eq!((page.events.len(), page.position), (0, events[3].position));
}

async fn keys_and_tokens_open_what_they_say(_: &World) {
    let world = World::start_with(
        Store::Sqlite,
        &[
            ("FEEDME__AUTH__MODE", "keys"),
            ("FEEDME__AUTH__USER_TOKEN_SECRETS__A", "0123456789abcdef0123456789abcdef"),
        ],
    );
    let key = world.place().run(&["keys", "create", "--name", "test", "--scopes", "admin"]);
    let with =
        |credential: &str| Client::builder(&world.address()).credential(credential.trim()).build().unwrap();
    let admin = with(&key);
    let made = admin.create_key("reader", &[Scope::Read]).await.unwrap();
    assert_eq!(
        (admin.key(made.public.id).await.unwrap().name.as_str(), &made.public.scopes[..]),
        ("reader", &[Scope::Read][..])
    );
    assert!(!format!("{made:?}").contains(&made.key));
    let reader = with(&made.key);
    assert!(reader.create_user("ivan").await.unwrap_err().is(ProblemKind::Forbidden));
    admin.create_user("ivan").await.unwrap();
    reader.user("ivan").await.unwrap();
    let minted = admin.mint_token("ivan", Some(60)).await.unwrap();
    let ivan = with(&minted.token);
    ivan.post(&NewActivity::new("ivan", "share")).await.unwrap();
    assert!(ivan.post(&NewActivity::new("eric", "share")).await.unwrap_err().is(ProblemKind::Forbidden));
    let keys: Vec<_> = admin.keys().limit(1).items().try_collect().await.unwrap();
    assert_eq!(keys.len(), 2);
    admin.revoke_key(made.public.id).await.unwrap();
    assert!(reader.user("ivan").await.unwrap_err().is(ProblemKind::Unauthorized));
    assert!(admin.revoke_key(Uuid::nil()).await.unwrap_err().is(ProblemKind::KeyNotFound));
}

async fn a_webhook_is_made_changed_replayed_and_ended(world: &World) {
    let client = with_users(world, &["ivan", "eric"]).await;
    let wanted = NewWebhook::new("https://receiver.example/feed").kind("activity.added").actor("eric");
    let made = client.create_webhook(&wanted).await.unwrap();
    let id = made.public.id;
    assert!(made.secret.starts_with("whsec_") && !format!("{made:?}").contains(&made.secret));
    let paused =
        client.edit_webhook(id, &WebhookPatch::new().enabled(false).actor(None).verb(Some("share"))).await;
    let paused = paused.unwrap();
    assert_eq!(
        (paused.status.as_str(), &paused.actor, paused.verb.as_deref()),
        ("paused", &None, Some("share"))
    );
    let rotated = client.rotate_webhook_secret(id, 0).await.unwrap();
    assert_ne!(rotated.secret, made.secret);
    let replayed = client.replay_webhook(id, ReplayFrom::Beginning).await.unwrap();
    assert_eq!(replayed.position, Position(0));
    assert_eq!(
        client.replay_webhook(id, ReplayFrom::After(Position(2))).await.unwrap().position,
        Position(2)
    );
    let listed: Vec<_> = client.webhooks().items().try_collect().await.unwrap();
    assert_eq!(listed, [client.webhook(id).await.unwrap()]);
    let dead: Vec<_> = client.deliveries(id).state(DeliveryState::Dead).items().try_collect().await.unwrap();
    assert!(dead.is_empty());
    let none = client.delivery(id, Position(1)).await.unwrap_err();
    assert!(none.is(ProblemKind::DeliveryNotFound));
    assert!(client.redeliver(id, Position(1)).await.unwrap_err().is(ProblemKind::DeliveryNotFound));
    client.delete_webhook(id).await.unwrap();
    assert!(client.webhook(id).await.unwrap_err().is(ProblemKind::WebhookNotFound));
}

async fn every_kind_of_problem_is_known(_: &World) {
    for kind in feed_me_api::problem::ALL_KINDS {
        assert_ne!(ProblemKind::of(&kind.uri()), ProblemKind::Other, "{}", kind.slug);
    }
}

async fn a_credential_that_is_not_enough_ends_a_stream(_: &World) {
    let world = World::start_with(Store::Sqlite, &[("FEEDME__AUTH__MODE", "keys")]);
    let told: Vec<_> = world.client().live("ivan").stream().collect().await;
    assert!(matches!(&told[..], [Err(error)] if error.is(ProblemKind::Unauthorized)), "{told:?}");
}
