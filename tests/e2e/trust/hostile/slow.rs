//! Clients that take their time to hold what others need.

use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{others_are_served_until, read_until, request, statuses_of, victim};

/// How many hold a connection at once.
const HELD: usize = 150;
/// The server waits this long for a head, and for the next bytes of a body.
const HEAD_MAX: Duration = Duration::from_secs(1);
const SILENCE_MAX: Duration = Duration::from_secs(10);
const SLACK: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut_off() {
    let world = victim().await;
    let host = world.host();
    let attacking = tokio::task::spawn_blocking(move || {
        let mut held: Vec<_> = (0..HELD).map(|_| TcpStream::connect(&*host).unwrap()).collect();
        let begun = Instant::now();
        for byte in b"GET /v1/users/ivan HTTP/1.1\r\nX-Slow: ".iter().chain([b'x'; 1000].iter()) {
            // Writing to one that was closed fails; what it was told is read below.
            for stream in &mut held {
                let _ = stream.write_all(&[*byte]);
            }
            std::thread::sleep(Duration::from_millis(50));
            if HEAD_MAX * 2 < begun.elapsed() {
                break;
            }
        }
        assert_refused(held, begun + HEAD_MAX + SLACK);
    });
    others_are_served_until(&world, attacking).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_cut_off() {
    let world = victim().await;
    let host = world.host();
    let attacking = tokio::task::spawn_blocking(move || {
        let heads =
            ["POST /v1/activities", "POST /v1/activities/batch", "PUT /v1/users/ivan", "POST /activity"];
        let begun = Instant::now();
        let hold = |number: usize| {
            let mut stream = TcpStream::connect(&*host).unwrap();
            let framing =
                if number.is_multiple_of(2) { "Content-Length: 1000" } else { "Transfer-Encoding: chunked" };
            let headers = ["Content-Type: application/json", framing];
            stream.write_all(&request(heads[number % heads.len()], &headers, b"")).unwrap();
            stream
        };
        let held = (0..HELD).map(hold).collect();
        assert_refused(held, begun + SILENCE_MAX + SLACK);
    });
    others_are_served_until(&world, attacking).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_holds_nobody_up() {
    let world = victim().await;
    let host = world.host();
    let attacking = tokio::task::spawn_blocking(move || {
        let asks = request("GET /v1/feeds/ivan/friends", &[], b"").repeat(200);
        let mut held: Vec<_> = (0..20).map(|_| TcpStream::connect(&*host).unwrap()).collect();
        for stream in &mut held {
            stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
            // The server stops to take requests when nobody takes its answers.
            let _ = stream.write_all(&asks);
        }
        std::thread::sleep(Duration::from_secs(1));
    });
    others_are_served_until(&world, attacking).await;
}

/// Each was told a 4xx or was closed, in time.
fn assert_refused(held: Vec<TcpStream>, deadline: Instant) {
    for mut stream in held {
        let patience = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(300));
        let is_answered = |said: &[u8]| !statuses_of(said).is_empty();
        let said = read_until(&mut stream, patience, is_answered);
        let said = said.unwrap_or_else(|_| panic!("a slow client was neither refused nor closed"));
        let statuses = statuses_of(&said);
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "it was answered {statuses:?}");
    }
}
