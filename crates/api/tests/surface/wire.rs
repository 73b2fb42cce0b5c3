//! What only a real connection shows.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use feed_me_api::{
    app::{Line, Queue, Queues},
    server::{self, Listeners},
    shared::Shared,
};

use crate::kit::{services, settings};

/// A server on a port of its own, for as long as the story lasts.
async fn serving() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (told, ready) = tokio::sync::oneshot::channel();
    actix_web::rt::spawn(async move {
        let ready = |address| told.send(address).unwrap();
        let listeners = Listeners { main: listener, metrics: None, certificate: None };
        server::serve(services(), &settings(), listeners, ready).await
    });
    ready.await.unwrap()
}

/// Sends bytes and reads until the server closes or falls silent.
async fn exchange(address: SocketAddr, sent: Vec<u8>) -> String {
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(&sent);
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            answer.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
    .unwrap()
}

#[actix_web::test]
async fn a_head_has_the_headers_of_its_get_and_no_body() {
    let address = serving().await;
    let ask = |method: &str| {
        format!("{method} /v1/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").into_bytes()
    };
    let (get, head) = (exchange(address, ask("GET")).await, exchange(address, ask("HEAD")).await);
    let (get_head, body) = get.split_once("\r\n\r\n").unwrap();
    let (head_head, nothing) = head.split_once("\r\n\r\n").unwrap();
    let line = |head: &str, name: &str| {
        head.lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name} in {head}"))
            .to_owned()
    };
    assert_eq!(nothing, "");
    assert_eq!(line(head_head, "content-length"), format!("content-length: {}", body.len()));
    assert_eq!(line(head_head, "etag"), line(get_head, "etag"));
}

#[actix_web::test]
async fn a_body_that_is_too_large_is_answered_declared_or_chunked() {
    let address = serving().await;
    let long = "x".repeat(3 * 1024 * 1024);
    let head = "POST /v1/activities HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let declared = format!("{head}content-length: {}\r\n\r\n{long}", long.len());
    assert!(exchange(address, declared.into_bytes()).await.starts_with("HTTP/1.1 413"));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    assert!(exchange(address, chunked.into_bytes()).await.starts_with("HTTP/1.1 413"));
}

#[actix_web::test]
async fn a_client_that_never_ends_its_headers_is_cut_off() {
    let address = serving().await;
    let started = Instant::now();
    let answer = exchange(address, b"GET /livez HTTP/1.1\r\nhost: x\r\n".to_vec()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[actix_web::test]
async fn bytes_that_are_no_http_are_answered_or_cut_and_others_are_served() {
    let address = serving().await;
    for sent in [
        b"nonsense\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"POST /activity HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n".to_vec(),
        b"POST /activity HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        b"POST /activity HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n".to_vec(),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "a".repeat(70_000)).into_bytes(),
        format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(300_000)).into_bytes(),
        b"GET /feed/\xFF HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
    ] {
        let shown = String::from_utf8_lossy(&sent[..sent.len().min(60)]).into_owned();
        let answer = exchange(address, sent).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{shown}: {answer}");
    }
    let alive =
        exchange(address, b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec()).await;
    assert!(alive.starts_with("HTTP/1.1 200"), "{alive}");
}

#[actix_web::test]
async fn a_server_that_stopped_lets_go_of_its_store() {
    let (read, write) = (Queue::new(Line::Read, 1, 1), Queue::new(Line::Write, 1, 1));
    let mut services = services();
    services.queues = Some(Queues::of(|line| if line == Line::Read { &read } else { &write }));
    let feeds = std::sync::Arc::downgrade(&services.feeds);
    let shared = Shared::new(services, &settings(), "127.0.0.1:5000".parse().unwrap()).unwrap();
    assert!(feeds.upgrade().is_some());
    drop(shared);
    assert!(feeds.upgrade().is_none());
}
