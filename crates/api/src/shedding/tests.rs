use super::*;
use crate::app::Queue;

const TARGET: Duration = Duration::from_secs(100);

fn gate(requests_max: usize) -> (Arc<Gate>, Queues) {
    let (read, write) = (Queue::new(Line::Read, 1, 1), Queue::new(Line::Write, 1, 1));
    let queues = Queues::of(|line| if line == Line::Read { &read } else { &write });
    let gate = Arc::new(Gate {
        target: Some(TARGET),
        requests_max,
        in_flight: AtomicUsize::new(0),
        queues: Some(queues.clone()),
        index: None,
        metrics: Arc::default(),
    });
    (gate, queues)
}

const fn traffic(rank: Rank, needs: Needs) -> Traffic {
    Traffic { class: None, rank, needs }
}

const LIST: Traffic = traffic(Rank::List, Needs::Reading);
const FIRST_PAGE: Traffic = traffic(Rank::FirstPage, Needs::Feed);
const WRITE: Traffic = traffic(Rank::Write, Needs::Writing);
const HEALTH: Traffic = traffic(Rank::Never, Needs::Nothing);

/// Which of them are let in.
fn let_in(gate: &Arc<Gate>) -> [bool; 4] {
    [LIST, FIRST_PAGE, WRITE, HEALTH].map(|traffic| gate.enter(traffic).is_ok())
}

#[test]
fn as_the_wait_grows_lists_go_first_then_first_pages_then_writes_and_all_come_back() {
    let (gate, queues) = gate(100);
    for line in [Line::Read, Line::Write] {
        queues.line(line).took(TARGET / 2);
    }
    let mut waiting = Vec::new();
    let mut ahead = |calls: usize| {
        waiting.clear();
        for line in [Line::Read, Line::Write] {
            waiting.extend((0..calls).map(|_| queues.line(line).enter().unwrap()));
        }
        let_in(&gate)
    };
    assert_eq!(ahead(2), [true, true, true, true]);
    assert_eq!(ahead(3), [false, true, true, true]);
    assert_eq!(ahead(5), [false, false, true, true]);
    assert_eq!(ahead(11), [false, false, false, true]);
    assert_eq!(ahead(0), [true, true, true, true]);
    let told = String::from_utf8(gate.metrics.told().unwrap()).unwrap();
    assert!(told.contains(r#"feedme_requests_shed_total{rank="list",reason="queue"} 3"#), "{told}");
    assert!(told.contains(r#"feedme_requests_shed_total{rank="write",reason="queue"} 1"#), "{told}");
}

#[test]
fn reads_do_not_go_because_writes_wait() {
    let (gate, queues) = gate(100);
    queues.line(Line::Write).took(TARGET * 9);
    let _waiting = queues.line(Line::Write).enter().unwrap();
    assert_eq!(let_in(&gate), [true, true, false, true]);
}

#[test]
fn as_requests_grow_they_go_in_the_same_order() {
    let (gate, _) = gate(8);
    let mut inside = Vec::new();
    let mut at = |requests: usize| {
        inside.clear();
        inside.extend((0..requests).map(|_| gate.enter(HEALTH).unwrap_or_else(|_| panic!("health"))));
        let_in(&gate)
    };
    assert_eq!(at(3), [true, true, true, true]);
    assert_eq!(at(4), [false, true, true, true]);
    assert_eq!(at(6), [false, false, true, true]);
    assert_eq!(at(8), [false, false, false, true]);
    assert_eq!(at(0), [true, true, true, true]);
    drop(inside);
    assert_eq!(gate.in_flight.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_was_let_in_is_asked_again_where_it_would_wait() {
    let (gate, _) = gate(100);
    let inside = |rank| gate.enter(traffic(rank, Needs::Nothing)).unwrap_or_else(|_| panic!("empty"));
    let asked = |gate: Arc<Gate>| async move { gate.may_wait(Line::Read, TARGET * 2) };
    assert!(matches!(inside(Rank::List).work(asked(gate.clone())).await, (false, Some(_))));
    assert!(matches!(inside(Rank::FirstPage).work(asked(gate.clone())).await, (true, None)));
    assert!(matches!(inside(Rank::Never).work(asked(gate.clone())).await, (true, None)));
    // Nobody's request: the index that follows, a sweep.
    assert!(gate.may_wait(Line::Write, TARGET * 1000));
}

#[test]
fn without_a_target_nobody_is_turned_away_for_the_wait() {
    let (gate, queues) = gate(100);
    let gate = Arc::new(Gate { target: None, queues: gate.queues.clone(), ..Arc::into_inner(gate).unwrap() });
    queues.line(Line::Read).took(TARGET * 1000);
    let _waiting = queues.line(Line::Read).enter().unwrap();
    assert_eq!(let_in(&gate), [true, true, true, true]);
}
