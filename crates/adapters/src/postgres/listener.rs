//! The session that listens: commits of other processes are heard of as they happen.
//!
//! `LISTEN` belongs to a session, so it has one to itself, which must lead to the database and not to a pooler in
//! transaction mode. diesel takes what has arrived without waiting, so the thread looks every few milliseconds; that is a
//! question to the kernel and none to the database, and gathers what many commits have told into one waking. Whoever is
//! woken reads the log; so what is missed here costs a delay, never an event. The same session tells that the database is
//! [served].

use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use diesel::pg::PgConnection;
use feed_me_domain::StoreError;

use super::{
    PgStore,
    errors::Outcome,
    known::{CHANNEL, Known, last_position},
    pool::open_session,
    served,
    url::with_defaults,
};

/// Between two looks for what has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How often the session is asked something, so that one that leads nowhere any more is noticed.
const ASK_EVERY: Duration = Duration::from_secs(3);
/// Before another session is opened.
const PAUSE: Duration = Duration::from_millis(200);

/// A thread that listens until this goes.
pub struct Listener {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PgStore {
    /// Listens from now on to what other processes commit, on a session of its own at `url`, again and again where that
    /// is lost.
    pub fn listen(&self, url: &str) -> Result<Listener, StoreError> {
        let url = with_defaults(url)?;
        let known = self.shared.known.clone();
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("postgres-listener".to_owned())
            .spawn(move || keep_listening(&known, &url, &stopped))
            .map_err(|error| StoreError::Failed(format!("no thread to listen: {error}")))?;
        Ok(Listener { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was logged where it happened.
            let _ = thread.join();
        }
    }
}

/// Whether the end of the listener was waited for in vain.
fn goes_on(stopped: &mpsc::Receiver<()>, pause: Duration) -> bool {
    stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout)
}

fn keep_listening(known: &Arc<Known>, url: &str, stopped: &mpsc::Receiver<()>) {
    let mut is_trouble_told = false;
    loop {
        let trouble = match open(known, url) {
            Ok(mut conn) => {
                is_trouble_told = false;
                let Err(trouble) = listen(known, &mut conn, stopped) else { return };
                trouble
            }
            Err(trouble) => trouble,
        };
        known.is_deaf();
        if !is_trouble_told {
            tracing::warn!(
                error = trouble,
                "other instances are not heard; the log is looked at from time to time"
            );
        }
        is_trouble_told = true;
        if !goes_on(stopped, PAUSE) {
            return;
        }
    }
}

fn open(known: &Arc<Known>, url: &str) -> Result<PgConnection, String> {
    let settings =
        format!("set client_min_messages = 'error'; set statement_timeout = '10s'; listen {CHANNEL}");
    let mut conn = open_session(url, &settings)?;
    if !served::tell(&mut conn).map_err(|error| told(&error))? {
        return Err("the database is being restored".to_owned());
    }
    known.meet(&mut conn);
    // After the first word is listened to: nothing falls between the two.
    let position = last_position(&mut conn).map_err(|error| told(&error))?;
    known.begins_to_listen(position);
    Ok(conn)
}

/// Listens until it is stopped, or the session is lost.
fn listen(known: &Known, conn: &mut PgConnection, stopped: &mpsc::Receiver<()>) -> Result<(), String> {
    let mut asked = Instant::now();
    while goes_on(stopped, LOOK_EVERY) {
        take(known, conn).map_err(|error| told(&error))?;
        if ASK_EVERY <= asked.elapsed() {
            asked = Instant::now();
            last_position(conn).map_err(|error| told(&error))?;
        }
    }
    Ok(())
}

fn take(known: &Known, conn: &mut PgConnection) -> Outcome<()> {
    for notification in conn.notifications_iter() {
        known.hear(&notification?.payload);
    }
    Ok(())
}

fn told(error: &super::errors::PgError) -> String {
    format!("{error:?}")
}
