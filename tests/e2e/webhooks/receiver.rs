//! A receiver of webhooks: an HTTP server that does what a test says.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{PATIENCE, until};

/// What arrived.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) line: String,
    headers: BTreeMap<String, String>,
    pub(super) body: String,
    pub(super) at: Instant,
}

impl Arrived {
    #[track_caller]
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name}: {self:?}"))
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What is answered, and after how long.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    head: String,
    body: Vec<u8>,
    after: Duration,
}

impl Reply {
    pub(super) fn status(status: u16) -> Self {
        Self { head: format!("HTTP/1.1 {status} Because\r\n"), body: Vec::new(), after: Duration::ZERO }
    }

    pub(super) fn header(self, name: &str, value: &str) -> Self {
        Self { head: format!("{}{name}: {value}\r\n", self.head), ..self }
    }

    pub(super) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(super) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

#[derive(Default)]
struct State {
    arrived: Vec<Arrived>,
    script: VecDeque<Reply>,
    otherwise: Option<Reply>,
}

/// Listens as long as the test runs. It answers 204 where nothing else is said.
#[derive(Clone)]
pub(super) struct Receiver {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || while answer(&mut stream, &state).is_some() {});
            }
        });
        Self { port, state }
    }

    /// One that speaks TLS as `localhost`, by a certificate that signs itself; and that certificate, as PEM.
    pub(super) fn start_with_tls() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, config) = (shared.clone(), config.clone());
                std::thread::spawn(move || {
                    let connection = rustls::ServerConnection::new(config).unwrap();
                    let mut stream = rustls::StreamOwned::new(connection, stream);
                    while answer(&mut stream, &state).is_some() {}
                });
            }
        });
        (Self { port, state }, made.cert.pem())
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Answers so to the next requests, one after the other.
    pub(super) fn answers(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().unwrap().script.extend(replies);
    }

    /// Answers so to every request for which nothing else is said.
    pub(super) fn always(&self, reply: Reply) {
        self.state.lock().unwrap().otherwise = Some(reply);
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().unwrap().arrived.clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.arrived().iter().map(Arrived::line).collect()
    }

    /// Waits until so many requests have arrived.
    pub(super) async fn has(&self, count: usize) -> Vec<Arrived> {
        until(&format!("{count} deliveries, {:?} so far", self.lines()), async || {
            count <= self.arrived().len()
        })
        .await;
        self.arrived()
    }

    /// Waits until what has arrived, each message once, is this; in the end only this and in this order.
    pub(super) async fn has_lines(&self, lines: &[&str]) {
        let begun = Instant::now();
        while self.lines().len() < lines.len() && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.lines(), lines);
    }
}

/// Reads a request and answers it; none at the end of the connection.
fn answer(stream: &mut (impl Read + Write), state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(&mut *stream);
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? != 0).then_some(())?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        (reader.read_line(&mut header).ok()? != 0).then_some(())?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    let arrived = Arrived { line: line.trim_end().to_owned(), headers, body, at: Instant::now() };
    let reply = {
        let mut state = state.lock().unwrap();
        state.arrived.push(arrived);
        let otherwise = state.otherwise.clone();
        state.script.pop_front().or(otherwise).unwrap_or_else(|| Reply::status(204))
    };
    std::thread::sleep(reply.after);
    let length = if reply.head.contains(" 204 ") {
        String::new()
    } else {
        format!("content-length: {}\r\n", reply.body.len())
    };
    stream.write_all(format!("{}{length}\r\n", reply.head).as_bytes()).ok()?;
    stream.write_all(&reply.body).ok()?;
    stream.flush().ok()
}
