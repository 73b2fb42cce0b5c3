use super::*;
use crate::{
    InvalidCursor, LinkPlace, Relation, RelationKind,
    ports::{MockRelationRepository, Owned, Related, Unrelated},
    services::{RelationService, Set},
};

const KINDS: [(RelationKind, &str); 2] = [(RelationKind::Block, "block"), (RelationKind::Mute, "mute")];

fn service(relations: MockRelationRepository) -> RelationService {
    RelationService::new(Arc::new(relations), codec())
}

#[tokio::test]
async fn every_outcome_of_a_block_or_mute_has_its_answer() {
    for (kind, action) in KINDS {
        for (outcome, answer) in [
            (Related::Now(at(5)), Ok(Set::Now(at(5)))),
            (Related::Already(at(4)), Ok(Set::Already(at(4)))),
            (Related::Unknown(name("eric")), Err(Error::UnknownUser(name("eric")))),
            (Related::Oneself, Err(Error::OnOneself { user: name("ivan"), action })),
        ] {
            let mut relations = MockRelationRepository::new();
            relations
                .expect_add()
                .with(eq(kind), eq(name("ivan")), eq(name("eric")))
                .return_once(move |_, _, _| Ok(outcome));
            assert_eq!(service(relations).set(kind, &name("ivan"), &name("eric")).await, answer);
        }
    }
}

#[tokio::test]
async fn every_outcome_of_ending_one_has_its_answer() {
    for (kind, _) in KINDS {
        let not_there = match kind {
            RelationKind::Block => Error::NotBlocked { blocker: name("ivan"), blocked: name("eric") },
            RelationKind::Mute => Error::NotMuted { muter: name("ivan"), muted: name("eric") },
        };
        for (outcome, answer) in [
            (Unrelated::Ended, Ok(())),
            (Unrelated::NotThere, Err(not_there)),
            (Unrelated::Unknown(name("ivan")), Err(Error::UnknownUser(name("ivan")))),
        ] {
            let mut relations = MockRelationRepository::new();
            relations
                .expect_remove()
                .with(eq(kind), eq(name("ivan")), eq(name("eric")))
                .return_once(move |_, _, _| Ok(outcome));
            assert_eq!(service(relations).end(kind, &name("ivan"), &name("eric")).await, answer);
        }
    }
}

#[tokio::test]
async fn blocks_and_mutes_are_different_walks() {
    let related =
        |username, order| Relation { username: name(username), place: LinkPlace { since: at(5), order } };
    let mut relations = MockRelationRepository::new();
    relations.expect_list().returning(move |_, _, _| {
        Ok(Some(Owned { owner: user_id(1), items: vec![related("eric", 2), related("niko", 1)] }))
    });
    let service = service(relations);
    let page = service.list(RelationKind::Block, &name("ivan"), &first_page(1)).await.unwrap();
    assert_eq!(page.items, [related("eric", 2)]);
    let foreign = page_at(1, &page.next.unwrap());
    assert!(service.list(RelationKind::Block, &name("ivan"), &foreign).await.is_ok());
    let refused = service.list(RelationKind::Mute, &name("ivan"), &foreign).await;
    assert_eq!(refused, Err(Error::Cursor(InvalidCursor::OtherListing)));
}

#[tokio::test]
async fn a_list_of_somebody_who_is_no_user_tells_that() {
    let mut relations = MockRelationRepository::new();
    relations.expect_list().return_once(|_, _, _| Ok(None));
    let told = service(relations).list(RelationKind::Mute, &name("ivan"), &first_page(1)).await;
    assert_eq!(told, Err(Error::UnknownUser(name("ivan"))));
}
