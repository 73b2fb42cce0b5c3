use super::*;
use crate::id::uuid_at;

const NOW: i64 = 1_000_000;
const FIVE_MINUTES: i64 = 300;

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000).unwrap()
}

fn name(raw: &str) -> Username {
    Username::parse(raw).unwrap()
}

fn verb(raw: &str) -> Verb {
    Verb::parse(raw).unwrap()
}

fn object(raw: &str) -> Object {
    Object::parse(raw).unwrap()
}

fn new() -> NewActivity {
    NewActivity {
        actor: name("eric"),
        verb: verb("post"),
        object: Given::Absent,
        target: Given::Absent,
        published: None,
        external_id: None,
        data: None,
    }
}

fn id_of(second: i64) -> ActivityId {
    ActivityId::from_uuid(uuid_at(at(second), 7))
}

/// What is stored of `sent` in a turn at that second.
fn stored(sent: NewActivity, second: i64) -> Activity {
    sent.stamped(id_of(second), at(second))
}

/// An activity with an object, a target and data.
fn full() -> Activity {
    let sent = NewActivity {
        object: Given::Value(object("post:1")),
        target: Given::Value(name("niko")),
        data: Data::parse(r#"{"a":1}"#).ok(),
        ..new()
    };
    stored(sent, NOW)
}

mod stamping {
    use super::*;

    #[test]
    fn an_activity_without_a_time_is_published_when_its_turn_comes() {
        let activity = stored(new(), NOW);
        assert_eq!((activity.published, activity.id), (at(NOW), id_of(NOW)));
        assert_eq!((activity.version, activity.edited_at), (1, None));
        assert_eq!((activity.object, activity.target, activity.data), (None, None, Data::empty()));
    }

    #[test]
    fn a_time_in_the_past_is_kept_and_a_fast_clock_counts_as_now() {
        for (asked, published) in [(5, 5), (NOW, NOW), (NOW + 1, NOW), (NOW + FIVE_MINUTES, NOW)] {
            let activity = stored(NewActivity { published: Some(at(asked)), ..new() }, NOW);
            assert_eq!(activity.published, at(published), "asked {asked}");
            assert_eq!(activity.id.stamp(), Some(at(NOW)), "the id tells the turn");
        }
    }

    #[test]
    fn an_explicit_null_is_stored_as_nothing() {
        let sent = NewActivity { object: Given::Null, target: Given::Null, ..new() };
        let activity = stored(sent, NOW);
        assert_eq!((activity.object, activity.target), (None, None));
    }
}

mod repeating {
    use super::*;

    #[test]
    fn what_was_not_sent_is_not_compared() {
        assert!(NewActivity { verb: verb("post"), ..new() }.repeats(&full(), at(NOW + 9)));
    }

    #[test]
    fn what_is_sent_must_be_what_is_stored() {
        let same = || NewActivity {
            object: Given::Value(object("post:1")),
            target: Given::Value(name("niko")),
            data: Data::parse(r#"{ "a": 1 }"#).ok(),
            published: Some(at(NOW)),
            ..new()
        };
        let is_repeat = |sent: NewActivity| sent.repeats(&full(), at(NOW + 9));
        assert!(is_repeat(same()));
        assert!(!is_repeat(NewActivity { verb: verb("like"), ..same() }));
        assert!(!is_repeat(NewActivity { object: Given::Value(object("post:2")), ..same() }));
        assert!(!is_repeat(NewActivity { object: Given::Null, ..same() }), "an explicit null is given");
        assert!(!is_repeat(NewActivity { target: Given::Value(name("ivan")), ..same() }));
        assert!(!is_repeat(NewActivity { target: Given::Null, ..same() }));
        assert!(!is_repeat(NewActivity { data: Data::parse(r#"{"a":2}"#).ok(), ..same() }));
        assert!(!is_repeat(NewActivity { data: Some(Data::empty()), ..same() }));
        assert!(!is_repeat(NewActivity { published: Some(at(NOW - 1)), ..same() }));
    }

    #[test]
    fn an_explicit_null_repeats_what_has_nothing_there() {
        let sent =
            NewActivity { object: Given::Null, target: Given::Null, data: Some(Data::empty()), ..new() };
        assert!(sent.repeats(&stored(new(), NOW), at(NOW + 9)));
    }

    #[test]
    fn a_fast_clock_that_tries_again_repeats_itself_however_late() {
        for ahead in [1, FIVE_MINUTES] {
            let sent = NewActivity { published: Some(at(NOW + ahead)), ..new() };
            let first = stored(sent.clone(), NOW);
            for later in [0, 1, FIVE_MINUTES, 86_400] {
                assert!(sent.repeats(&first, at(NOW + later)), "{ahead} ahead, {later} later");
            }
        }
    }

    #[test]
    fn a_time_that_no_fast_clock_explains_is_other_content() {
        let sent = |second| NewActivity { published: Some(at(second)), ..new() };
        let later = at(NOW + 86_400);
        let first = stored(new(), NOW);
        assert!(!sent(NOW - 1).repeats(&first, later), "before it was stored");
        assert!(!sent(NOW + FIVE_MINUTES + 1).repeats(&first, later), "too far after it was stored");
        let backdated = stored(sent(5), NOW);
        assert!(sent(5).repeats(&backdated, later));
        assert!(!sent(6).repeats(&backdated, later), "its time was given, not stamped");
    }

    #[test]
    fn a_time_still_ahead_is_taken_for_a_fast_clock_as_it_was_the_first_time() {
        let backdated = stored(NewActivity { published: Some(at(5)), ..new() }, NOW);
        let sent = NewActivity { published: Some(at(NOW + 60)), ..new() };
        assert!(sent.repeats(&backdated, at(NOW)));
        assert!(!sent.repeats(&backdated, at(NOW + 60)));
    }
}

mod editing {
    use super::*;

    fn edited(patch: &ActivityPatch) -> Activity {
        full().edited(patch, at(NOW + 9)).unwrap()
    }

    #[test]
    fn a_patch_that_asks_for_nothing_changes_nothing() {
        assert_eq!(full().edited(&ActivityPatch::default(), at(NOW + 9)), None);
    }

    #[test]
    fn each_member_is_changed_alone() {
        let changed = Activity { edited_at: Some(at(NOW + 9)), version: 2, ..full() };
        let none = ActivityPatch::default;
        assert_eq!(
            edited(&ActivityPatch { verb: Some(verb("like")), ..none() }),
            Activity { verb: verb("like"), ..changed.clone() }
        );
        assert_eq!(
            edited(&ActivityPatch { object: Given::Value(object("post:2")), ..none() }),
            Activity { object: Some(object("post:2")), ..changed.clone() }
        );
        assert_eq!(
            edited(&ActivityPatch { target: Given::Value(name("ivan")), ..none() }),
            Activity { target: Some(name("ivan")), ..changed.clone() }
        );
        assert_eq!(
            edited(&ActivityPatch { data: Some(Data::empty()), ..none() }),
            Activity { data: Data::empty(), ..changed }
        );
    }

    #[test]
    fn null_clears_object_and_target() {
        let patch = ActivityPatch { object: Given::Null, target: Given::Null, ..ActivityPatch::default() };
        assert_eq!((edited(&patch).object, edited(&patch).target), (None, None));
    }

    #[test]
    fn an_edit_keeps_the_place_in_every_feed() {
        let patch = ActivityPatch { verb: Some(verb("like")), ..ActivityPatch::default() };
        assert_eq!(edited(&patch).position(), full().position());
    }

    #[test]
    fn the_version_stays_positive_for_ever() {
        let old = Activity { version: i32::MAX, ..full() };
        let patch = ActivityPatch { verb: Some(verb("like")), ..ActivityPatch::default() };
        assert_eq!(old.edited(&patch, at(NOW)).map(|activity| activity.version), Some(1));
    }
}

mod tags {
    use super::*;

    #[test]
    fn another_version_or_another_name_gives_another_tag() {
        let tag = full().tag();
        assert_eq!(full().tag(), tag);
        for other in [
            Activity { version: 2, ..full() },
            Activity { actor: name("erik"), ..full() },
            Activity { target: Some(name("nika")), ..full() },
            Activity { target: None, ..full() },
            Activity { id: id_of(5), ..full() },
        ] {
            assert_ne!(other.tag(), tag, "{other:?}");
        }
    }

    #[test]
    fn names_that_run_together_give_different_tags() {
        let named = |actor, target| Activity { actor: name(actor), target: Some(name(target)), ..full() };
        assert_ne!(named("ab", "c").tag(), named("a", "bc").tag());
    }

    #[test]
    fn a_precondition_holds_for_the_states_it_names() {
        let (old, new) = (full(), Activity { version: 2, ..full() });
        assert!(Precondition::None.holds_for(&new));
        assert!(Precondition::default().holds_for(&new));
        assert!(Precondition::OneOf(vec![old.tag(), new.tag()]).holds_for(&new));
        assert!(!Precondition::OneOf(vec![old.tag()]).holds_for(&new));
        assert!(!Precondition::OneOf(vec![]).holds_for(&new), "If-Match with weak tags alone");
    }
}

mod drafts {
    use super::*;

    fn good() -> ActivityDraft {
        ActivityDraft { actor: Some(name("eric")), verb: Some(verb("post")), ..ActivityDraft::default() }
    }

    fn pointers(draft: ActivityDraft) -> Vec<String> {
        draft.checked(at(NOW)).unwrap_err().faults.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn a_draft_with_actor_and_verb_is_an_activity() {
        assert_eq!(good().checked(at(NOW)), Ok(new()));
    }

    #[test]
    fn what_is_missing_is_told_unless_it_was_there_and_wrong() {
        assert_eq!(pointers(ActivityDraft::default()), ["/actor", "/verb"]);
        let wrong_verb = ActivityDraft {
            faults: vec![Fault::new("/verb", "must not be empty")],
            ..ActivityDraft::default()
        };
        assert_eq!(pointers(wrong_verb), ["/verb", "/actor"]);
    }

    #[test]
    fn one_fault_anywhere_makes_no_activity_of_it_and_keeps_what_is_valid() {
        let faulty = ActivityDraft { faults: vec![Fault::new("/data", "must be a JSON object")], ..good() };
        let back = faulty.clone().checked(at(NOW)).unwrap_err();
        assert_eq!(*back, faulty);
    }

    #[test]
    fn a_time_is_checked_against_the_clock_to_the_microsecond() {
        let published = |at| ActivityDraft { published: Some(at), ..good() };
        let bound = at(NOW + FIVE_MINUTES);
        assert!(published(bound).checked(at(NOW)).is_ok());
        assert!(published(Timestamp::MIN).checked(at(NOW)).is_ok());
        assert_eq!(pointers(published(bound.plus_micros(1))), ["/published"]);
        assert_eq!(pointers(published(Timestamp::MAX)), ["/published"]);
    }

    #[test]
    fn the_names_of_a_draft_stand_with_their_places() {
        assert_eq!(ActivityDraft { target: Given::Null, ..ActivityDraft::default() }.names(), []);
        let draft = ActivityDraft { target: Given::Value(name("niko")), ..good() };
        assert_eq!(draft.names(), [("/actor", name("eric")), ("/target", name("niko"))]);
    }
}
