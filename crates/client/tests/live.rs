//! How a stream goes on, against a server that breaks it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use feed_me_client::{Change, Client, Error, Position, ProblemKind, Retries};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// What the server answers, connection by connection; it hangs up behind each.
async fn server(answers: Vec<String>) -> (Client, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let last = head.lines().find_map(|line| line.strip_prefix("last-event-id: ")).unwrap_or("none");
            asked.push(last.to_owned());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    let retries = Retries { first_pause: Duration::from_millis(5), ..Retries::default() };
    (Client::builder(&url).retries(retries).build().unwrap(), serving)
}

fn stream_of(position: u64, events: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nfeed-position: {position}\r\nconnection: close\r\n\r\n{events}"
    )
}

fn removed(position: u64) -> String {
    format!(
        "id: {position}\nevent: activity.removed\ndata: {{\"id\":\"00000000-0000-0000-0000-000000000007\"}}\n\n"
    )
}

fn gone() -> String {
    let problem =
        r#"{"type":"/problems/user-not-found","title":"t","status":404,"detail":"there is no such user"}"#;
    let length = problem.len();
    format!(
        "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\n\r\n{problem}"
    )
}

#[tokio::test]
async fn a_stream_goes_on_from_its_last_event_and_an_event_that_was_cut_is_not_told() {
    let cut = removed(6)[..20].to_owned();
    let (client, serving) = server(vec![
        stream_of(3, "retry: 1000\n: connected\n\n"),
        stream_of(3, &format!(": heartbeat\n\n{}{cut}", removed(5))),
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n".to_owned(),
        stream_of(
            5,
            &format!(
                "{}id: 8\nevent: resync\ndata: {{}}\n\nid: 9\nevent: unheard.of\ndata: x\n\n",
                removed(6)
            ),
        ),
        gone(),
    ])
    .await;
    let stream = client.live("ivan").stream();
    let told: Vec<_> = stream.collect().await;
    let positions: Vec<u64> = told.iter().flatten().map(|event| event.position.0).collect();
    assert_eq!(positions, [5, 6, 8]);
    assert_eq!(told[2].as_ref().unwrap().change, Change::Resync);
    assert!(told[3].as_ref().unwrap_err().is(ProblemKind::UserNotFound), "{:?}", told[3]);
    assert_eq!(
        (told.len(), serving.await.unwrap()),
        (4, ["none", "3", "5", "5", "8"].map(String::from).to_vec())
    );
}

#[tokio::test]
async fn a_stream_begins_where_it_is_told_and_gives_up_where_it_is_told() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_owned();
    let (client, serving) = server(vec![busy.clone(), busy.clone(), busy]).await;
    let stream = client.live("ivan").since(Position(4)).patience(2).stream();
    let told: Vec<_> = stream.collect().await;
    assert!(matches!(&told[..], [Err(Error::Problem(problem))] if problem.status == 503), "{told:?}");
    assert_eq!(serving.await.unwrap(), ["4", "4", "4"]);
}

#[tokio::test]
async fn what_cannot_be_read_ends_the_stream() {
    let (client, _) = server(vec![stream_of(1, "id: 2\nevent: activity.added\ndata: {}\n\n")]).await;
    let told: Vec<_> = client.live("ivan").stream().collect().await;
    assert!(matches!(&told[..], [Err(Error::Unreadable(_))]), "{told:?}");
}
