use super::*;
use crate::{
    Follow, NewActivity, Object, UserKey,
    ports::{Fixture, MockDevelopmentRepository, ResetDone},
    services::DevelopmentService,
};

fn service(store: MockDevelopmentRepository) -> DevelopmentService {
    DevelopmentService::new(Arc::new(store))
}

#[tokio::test]
async fn a_reset_loads_the_fixture_of_the_first_feed_me() {
    let posted = |actor: &str, verb: &str, object: &str, target: Option<&str>| NewActivity {
        actor: name(actor),
        verb: Verb::parse(verb).unwrap(),
        object: Given::Value(Object::parse(object).unwrap()),
        target: target.map(name).map_or(Given::Absent, Given::Value),
        published: None,
        external_id: None,
        data: None,
    };
    let fixture = Fixture {
        users: names(&["ivan", "niko", "eric"]),
        activities: vec![
            posted("ivan", "share", "post:1", Some("eric")),
            posted("niko", "like", "post:2", Some("ivan")),
            posted("eric", "post", "post:3", None),
            posted("ivan", "follow", "null", Some("niko")),
        ],
        follows: vec![(name("ivan"), name("eric"))],
    };
    let mut store = MockDevelopmentRepository::new();
    store.expect_reset().with(eq(fixture), eq(5000)).return_once(|_, _| Ok(ResetDone::Reset));
    assert_eq!(service(store).reset().await, Ok(()));
}

#[tokio::test]
async fn a_database_that_is_no_toy_is_not_reset() {
    let mut store = MockDevelopmentRepository::new();
    store.expect_reset().return_once(|_, _| Ok(ResetDone::TooLarge));
    assert_eq!(service(store).reset().await, Err(Error::TooLargeToReset { limit: 5000 }));
}

#[tokio::test]
async fn the_lists_show_the_first_1000_activities_and_all_users_and_follows_of_what_can_be_reset() {
    let mut store = MockDevelopmentRepository::new();
    let follow = Follow { follower: name("ivan"), followee: name("eric"), since: at(5), from: None };
    let (users, activities, follows) =
        (vec![(UserKey(1), name("ivan"))], vec![activity("ivan", 5)], vec![follow]);
    let (some_users, some_activities, some_follows) = (users.clone(), activities.clone(), follows.clone());
    store.expect_users().with(eq(100_000)).return_once(move |_| Ok(some_users));
    store.expect_activities().with(eq(1000)).return_once(move |_| Ok(some_activities));
    store.expect_follows().with(eq(100_000)).return_once(move |_| Ok(some_follows));
    let service = service(store);
    assert_eq!(service.users().await, Ok(users));
    assert_eq!(service.activities().await, Ok(activities));
    assert_eq!(service.follows().await, Ok(follows));
}

#[tokio::test]
async fn a_store_that_cannot_serve_is_not_ready() {
    for (answer, told) in [(Ok(()), Ok(())), (Err(unavailable()), Err(Error::Store(unavailable())))] {
        let mut store = MockDevelopmentRepository::new();
        store.expect_ready().return_once(move || answer);
        assert_eq!(service(store).ready().await, told);
    }
}
