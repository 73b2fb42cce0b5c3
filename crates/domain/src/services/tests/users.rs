use super::*;
use crate::{
    DisplayName, Erasure, InvalidCursor, PutUser, Span, User, UserKey, UserPatch,
    ports::{MockUserRepository, UserEdited, UserPut},
    services::UserService,
};

fn service(users: MockUserRepository) -> UserService {
    UserService::new(Arc::new(users), codec())
}

fn user(username: &str) -> User {
    User {
        key: UserKey(1),
        id: user_id(1),
        username: name(username),
        display_name: None,
        created_at: at(1),
        named_at: at(1),
        following: 0,
        followers: 0,
        activities: 0,
    }
}

#[tokio::test]
async fn putting_a_user_passes_on_what_the_store_made_of_it() {
    let wish =
        PutUser { username: name("ivan"), display_name: Given::Value(DisplayName::parse("I").unwrap()) };
    for outcome in [UserPut::Created(user("ivan")), UserPut::Updated(user("ivan"))] {
        let mut users = MockUserRepository::new();
        let answer = outcome.clone();
        users.expect_put().with(eq(wish.clone())).return_once(move |_| Ok(answer));
        assert_eq!(service(users).put(wish.clone()).await, Ok(outcome));
    }
}

#[tokio::test]
async fn a_user_that_is_not_there_is_told_by_name() {
    let mut users = MockUserRepository::new();
    users.expect_find().with(eq(name("ivan"))).return_once(|_| Ok(None));
    assert_eq!(service(users).get(&name("ivan")).await, Err(Error::UnknownUser(name("ivan"))));
}

#[tokio::test]
async fn every_outcome_of_an_edit_has_its_answer() {
    let patch = UserPatch { username: Some(name("john")), display_name: Given::Absent };
    for (outcome, answer) in [
        (UserEdited::Edited(user("john")), Ok(user("john"))),
        (UserEdited::Unknown, Err(Error::UnknownUser(name("ivan")))),
        (UserEdited::NameTaken(name("john")), Err(Error::NameTaken(name("john")))),
    ] {
        let mut users = MockUserRepository::new();
        users.expect_edit().with(eq(name("ivan")), eq(patch.clone())).return_once(move |_, _| Ok(outcome));
        assert_eq!(service(users).edit(&name("ivan"), patch.clone()).await, answer);
    }
}

#[tokio::test]
async fn an_erasure_answers_its_receipt_and_nobody_is_erased_twice() {
    let receipt = Erasure {
        activities: 4,
        mentions: 3,
        following: 2,
        followers: 1,
        kept_windows: 0,
        blocks: 0,
        mutes: 0,
        stored_answers: 5,
        at: at(9),
    };
    for (outcome, answer) in [(Some(receipt), Ok(receipt)), (None, Err(Error::UnknownUser(name("ivan"))))] {
        let mut users = MockUserRepository::new();
        users.expect_erase().with(eq(name("ivan"))).return_once(move |_| Ok(outcome));
        assert_eq!(service(users).erase(&name("ivan")).await, answer);
    }
}

#[tokio::test]
async fn a_prefix_is_at_most_as_long_as_a_name_and_has_no_nul() {
    for prefix in ["я".repeat(81), "a\0".to_owned()] {
        let told = service(MockUserRepository::new()).list(&prefix, &PageRequest::default()).await;
        assert_eq!(pointers(told), ["prefix"]);
    }
    // What no name can begin with is still a fair question.
    for prefix in ["я".repeat(80), "/".to_owned(), " ".to_owned(), String::new()] {
        let mut users = MockUserRepository::new();
        users
            .expect_list()
            .with(eq(prefix.clone()), mockall::predicate::always())
            .return_once(|_, _| Ok(vec![]));
        let page = service(users).list(&prefix, &PageRequest::default()).await.unwrap();
        assert_eq!((page.items, page.next), (Vec::new(), None));
    }
}

#[tokio::test]
async fn a_page_of_users_asks_for_one_more_than_it_shows() {
    let mut users = MockUserRepository::new();
    let span = Span::first(PageLimit::new(2).unwrap());
    assert_eq!(span.take, 3);
    users
        .expect_list()
        .with(eq("i"), eq(span))
        .return_once(|_, _| Ok(vec![user("ian"), user("ida"), user("ivan")]));
    let page = service(users).list("i", &first_page(2)).await.unwrap();
    assert_eq!(page.items, [user("ian"), user("ida")]);
    assert!(page.next.is_some());
}

#[tokio::test]
async fn a_cursor_of_one_prefix_is_refused_under_another() {
    let mut users = MockUserRepository::new();
    users.expect_list().returning(|_, _| Ok(vec![user("ian"), user("ida")]));
    let service = service(users);
    let next = service.list("i", &first_page(1)).await.unwrap().next.unwrap();
    assert!(service.list("i", &page_at(1, &next)).await.is_ok());
    for other in ["", "ia", "I"] {
        let refused = service.list(other, &page_at(1, &next)).await;
        assert_eq!(refused, Err(Error::Cursor(InvalidCursor::OtherFilter)), "{other:?}");
    }
}
