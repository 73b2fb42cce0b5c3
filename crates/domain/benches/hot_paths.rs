//! What every request pays on its way through the domain.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use feed_me_domain::{
    ActivityId, Boundary, CursorCodec, Data, Direction, Follow, Listing, PageLimit, Placed, Position, Span,
    Timestamp, Username, Window,
    cursor::CursorScope,
    follow::{Current, Edge},
    id::uuid_at,
    page::cut,
    ports::VisibilityFacts,
    services::explain,
};
use uuid::Uuid;

fn at(second: i64) -> Timestamp {
    Timestamp::EPOCH.plus_micros(second * 1_000_000)
}

fn position(second: i64) -> Position {
    Position { published: at(second), id: ActivityId::from_uuid(uuid_at(at(second), 7)) }
}

fn cursors(c: &mut Criterion) {
    let codec = CursorCodec::new(b"the key of a benchmark");
    let scope = CursorScope { listing: Listing::Friends, owner: Uuid::from_u128(7), filter: [3; 8] };
    let boundary = Boundary::After(position(1_800_000_000));
    let sealed = codec.seal(&scope, &boundary, Direction::Forward);
    c.bench_function("cursor/seal", |b| {
        b.iter(|| codec.seal(&scope, black_box(&boundary), Direction::Forward));
    });
    c.bench_function("cursor/open", |b| {
        b.iter(|| codec.open::<Position>(black_box(sealed.as_str()), Listing::Friends, [3; 8]));
    });
}

struct Item(Position);

impl Placed for Item {
    type Place = Position;
    fn place(&self) -> Position {
        self.0
    }
}

fn pages(c: &mut Criterion) {
    let span = Span::from_boundary(Boundary::End, Direction::Backward, PageLimit::default());
    let fetched = || (0..21).map(|second| Item(position(second))).collect::<Vec<_>>();
    c.bench_function("page/cut 20 of 21, backward", |b| {
        b.iter_batched(fetched, |fetched| cut(black_box(fetched), &span), BatchSize::SmallInput);
    });
}

fn data(c: &mut Criterion) {
    let small = r#"{"url": "https://example.org/posts/1", "tags": ["a", "b"], "likes": 12, "score": 0.75}"#;
    let members: Vec<String> =
        (0..300).map(|i| format!(r#""key {i}": [{i}, {i}.5, "value \"{i}\"", {{"deep": null}}]"#)).collect();
    let large = format!("{{ {} }}", members.join(", "));
    for (name, raw) in [("data/parse 90 bytes", small), ("data/parse 14 KiB", large.as_str())] {
        assert!(Data::parse(raw).is_ok(), "{name}");
        c.bench_function(name, |b| b.iter(|| Data::parse(black_box(raw))));
    }
}

fn windows(c: &mut Criterion) {
    // A follow that was ended and kept eight times and stands again: the activity lies in the last of the kept windows.
    let kept: Vec<Window> =
        (0..8).map(|i| Window { from: Some(at(i * 100)), until: Some(at(i * 100 + 50)) }).collect();
    let edge = Edge { current: Some(Current { since: at(900), from: Some(at(900)) }), kept };
    let facts = facts(edge);
    c.bench_function("windows/shows", |b| {
        b.iter(|| black_box(&facts.edge).shows(black_box(facts.activity.published)));
    });
    c.bench_function("windows/united", |b| b.iter(|| black_box(&facts.edge).windows()));
    c.bench_function("windows/explain", |b| {
        b.iter_batched(|| facts.clone(), |facts| explain(black_box(facts)), BatchSize::SmallInput);
    });
}

/// An activity published at second 720, and nothing but `edge` between its actor and the viewer.
fn facts(edge: Edge) -> VisibilityFacts {
    let (viewer, actor) = (name("ivan"), name("eric"));
    let follow = edge.current.map(|current| Follow {
        follower: viewer,
        followee: actor.clone(),
        since: current.since,
        from: current.from,
    });
    VisibilityFacts {
        activity: feed_me_domain::Activity {
            id: position(720).id,
            actor,
            verb: feed_me_domain::Verb::parse("post").unwrap_or_else(|error| panic!("{error}")),
            object: None,
            target: None,
            published: at(720),
            edited_at: None,
            external_id: None,
            data: Data::empty(),
            version: 1,
        },
        is_own: false,
        edge,
        follow,
        mutes: false,
        blocks: false,
        blocked_by: false,
    }
}

fn name(raw: &str) -> Username {
    Username::parse(raw).unwrap_or_else(|error| panic!("{error}"))
}

criterion_group!(benches, cursors, pages, data, windows);
criterion_main!(benches);
