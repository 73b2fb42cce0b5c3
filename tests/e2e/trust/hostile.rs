//! Clients that mean no good: each is refused or dropped, none gets a 5xx, and others are served meanwhile.

mod bodies;
mod framing;
mod heads;
mod slow;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use crate::kit::{Store, World};

/// How long an ordinary request may take beside a hostile one; the machine may be busy.
const ORDINARY_MAX: Duration = Duration::from_secs(3);

/// A hostile request and what may be answered to it.
struct Attack {
    name: &'static str,
    bytes: Vec<u8>,
    allowed: Allowed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    /// 4xx or a closed connection.
    Refusal,
    /// Anything but a 5xx: it is odd, and yet may be served.
    NoFailure,
}

fn refused(name: &'static str, bytes: impl Into<Vec<u8>>) -> Attack {
    Attack { name, bytes: bytes.into(), allowed: Allowed::Refusal }
}

fn harmless(name: &'static str, bytes: impl Into<Vec<u8>>) -> Attack {
    Attack { name, bytes: bytes.into(), allowed: Allowed::NoFailure }
}

/// A request with these header lines, and a body as it is.
fn request(line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
    for header in headers {
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// A server with a few users, which waits a second for a head.
async fn victim() -> World {
    let world = World::start_with(
        Store::Sqlite,
        &[("FEEDME__SERVER__HEADER_TIMEOUT_MS", "1000"), ("FEEDME__LOG__FILTER", "error")],
    );
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    eric.posts("share", "post:1").await.is(201);
    ivan.follows(&eric).await.is(201);
    world
}

/// Carries out attacks, one after the other, while somebody else reads and writes; looks at every answer.
async fn withstands(world: &World, attacks: Vec<Attack>) {
    let host = world.host();
    let attacking = tokio::task::spawn_blocking(move || {
        for attack in &attacks {
            let begun = Instant::now();
            let statuses = statuses_of(&send(&host, &attack.bytes, Duration::from_secs(8)));
            let told = format!("{} was answered {statuses:?} after {:?}", attack.name, begun.elapsed());
            eprintln!("{told}");
            assert!(statuses.iter().all(|status| *status < 500), "{told}");
            if attack.allowed == Allowed::Refusal {
                assert!(statuses.first().is_none_or(|status| 400 <= *status), "{told}");
            }
        }
    });
    others_are_served_until(world, attacking).await;
}

/// Ordinary requests succeed, and soon, as long as `attacking` goes on.
async fn others_are_served_until(world: &World, attacking: tokio::task::JoinHandle<()>) {
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let attacking = async move {
        let done = attacking.await;
        over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    };
    let ordinary = async {
        let mut served = 0;
        while !is_over.load(Ordering::Relaxed) || served == 0 {
            let begun = Instant::now();
            world.get("/v1/feeds/ivan/friends").await.is(200);
            world.put("/v1/users/ivan", json!({ "display_name": served.to_string() })).await.is(200);
            assert!(begun.elapsed() < ORDINARY_MAX, "an ordinary client waited {:?}", begun.elapsed());
            served += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(attacking, ordinary);
    world.get("/readyz").await.is(200);
}

/// Sends all bytes, says that no more will come, and reads to the end.
fn send(host: &str, bytes: &[u8], patience: Duration) -> Vec<u8> {
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_write_timeout(Some(patience)).unwrap();
    // A server that closes early breaks our writing; what it said before can still be read.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    read_until(&mut stream, patience, |_| false).unwrap_or_else(|all| {
        panic!("the server neither answered nor closed; it said {:?}", String::from_utf8_lossy(&all))
    })
}

/// What came before the end, or before it was enough; or else what came in all the time.
fn read_until(
    stream: &mut TcpStream,
    patience: Duration,
    is_enough: impl Fn(&[u8]) -> bool,
) -> Result<Vec<u8>, Vec<u8>> {
    let begun = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let (mut all, mut part) = (Vec::new(), [0; 8192]);
    while begun.elapsed() < patience {
        if is_enough(&all) {
            return Ok(all);
        }
        match stream.read(&mut part) {
            Ok(0) => return Ok(all),
            Ok(read) => all.extend_from_slice(&part[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // Reset: closed without a word.
            Err(_) => return Ok(all),
        }
    }
    Err(all)
}

/// The statuses of all answers in what was read.
fn statuses_of(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    let starts = text.match_indices("HTTP/1.").filter(|(at, _)| {
        *at == 0
            || text[..*at].ends_with('\n')
            || text[..*at].ends_with('}')
            || text[..*at].ends_with("\r\n\r\n")
    });
    starts.filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok()).collect()
}
