//! What open streams cost: one author with thousands of followers who all listen.
//!
//! Every step is told to each stream, and the step is over when the last one has read the last byte of it. Latencies begin
//! at the stamp of the activity, which the server takes right before the commit, so they hold the commit as well;
//! what has no stamp begins with its request.

mod listeners;
mod report;

use std::{
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use clap::Args;
use feed_me_client::{Activity, ActivityPatch, Client, NewActivity};
use futures_util::{StreamExt, TryStreamExt, stream};

use self::{
    listeners::Listeners,
    report::{Line, Report},
};
use crate::{
    database::Database,
    server::{Server, Started, Wanted},
    usage::Watched,
};

/// How many requests are under way while users are made and while everybody follows.
const CONCURRENCY: usize = 64;
/// Between two posts, so that the next one does not begin in the wake of the last.
const PAUSE: Duration = Duration::from_millis(50);
/// How many activities the second author has, and so how many each follow of the burst brings.
const BROUGHT: usize = 3;

/// `feed-me-bench fan-out`
#[derive(Args, Clone, Debug)]
pub struct FanOutArgs {
    /// The binary
    #[arg(long, value_name = "FILE", default_value = "target/release/feed-me")]
    pub feed_me: PathBuf,
    /// The database, which has to be empty; a temporary file of SQLite where none is given
    #[arg(long, value_name = "URL")]
    pub database: Option<Database>,
    /// How many follow the author, each with one stream
    #[arg(long, default_value_t = 5_000)]
    pub viewers: usize,
    /// How many posts are measured; of edits and deletions a fifth of it
    #[arg(long, default_value_t = 50)]
    pub posts: usize,
}

/// Measures, and prints a table in Markdown.
pub async fn run(args: &FanOutArgs) -> anyhow::Result<()> {
    let open_max = listeners::raise_limit();
    ensure!(
        args.viewers as u64 + 200 < open_max,
        "{} streams do not fit into a limit of {open_max} open files; raise it by ulimit -n",
        args.viewers
    );
    let folder = tempfile::tempdir()?;
    let database = match &args.database {
        Some(database) => database.clone(),
        None => Database::Sqlite(folder.path().join("fan-out.db")),
    };
    let wanted = Wanted {
        feed_me: &args.feed_me,
        database: &database,
        engine: "index",
        settings: &[("FEEDME__DEV_ENDPOINTS", "false")],
        logs_requests: false,
    };
    let mut server = match Server::start(&wanted)? {
        Started::Yes(server) => server,
        Started::Refused(why) => anyhow::bail!("the server did not start: {why}"),
    };
    server.wait_until_ready(true)?;
    let client = Client::new(&format!("http://{}", server.address()))?;
    eprintln!("making {} users who follow one", args.viewers);
    populate(&client, args.viewers).await?;
    let measured = Measured { server: &server, client, viewers: args.viewers };
    let report = measured.all(args.posts).await?;
    writeln!(std::io::stdout(), "{}", report.markdown(&database, args.viewers))?;
    Ok(())
}

fn viewer(number: usize) -> String {
    format!("viewer-{number}")
}

async fn populate(client: &Client, viewers: usize) -> anyhow::Result<()> {
    for author in ["author", "other"] {
        client.create_user(author).await?;
    }
    for number in 0..BROUGHT {
        client.post(&NewActivity::new("other", "share").object(format!("brought-{number}"))).await?;
    }
    let making = (0..viewers).map(|number| async move {
        client.create_user(&viewer(number)).await?;
        client.follow(&viewer(number), "author").await
    });
    stream::iter(making).buffer_unordered(CONCURRENCY).try_for_each(|_| async { Ok(()) }).await?;
    Ok(())
}

struct Measured<'a> {
    server: &'a Server,
    client: Client,
    viewers: usize,
}

impl Measured<'_> {
    async fn all(&self, posts: usize) -> anyhow::Result<Report> {
        let watched = Watched::new(self.server.pid(), None);
        let before = watched.memory();
        let begun = Instant::now();
        eprintln!("opening {} streams", self.viewers);
        let paths = (0..self.viewers).map(|number| format!("/v1/feeds/{}/friends/live", viewer(number)));
        let listeners = Listeners::open(self.server.address(), paths).await?;
        let mut report = Report { connected: begun.elapsed(), ..Report::default() };
        // All of them are told of the first one: from then on they are live.
        let first = self.post("warm-up").await?;
        listeners.wait_for("warm-up", self.viewers).await?;
        report.stream_bytes = watched.memory().saturating_sub(before) / self.viewers.max(1) as u64;
        let cpu = watched.usage().server_us;

        eprintln!("posting {posts} times");
        let mut lasting = vec![first];
        let mut line = Line::new("a post, from its stamp to the last byte of each stream");
        for number in 0..posts {
            let label = format!("post-{number}");
            let activity = self.post(&label).await?;
            let heard = listeners.wait_for(&label, self.viewers).await?;
            line.add(since_stamp(&listeners, activity.published)?, &heard);
            lasting.push(activity);
            tokio::time::sleep(PAUSE).await;
        }
        report.cpu_per_post = Duration::from_micros((watched.usage().server_us - cpu) / posts.max(1) as u64);
        report.lines.push(line);

        let mut line = Line::new("an edit, the same");
        for (number, activity) in lasting.iter().take(posts.div_ceil(5)).enumerate() {
            let label = format!("edit-{number}");
            let patch = ActivityPatch::new().object(Some(&label));
            let edited = self.client.edit_activity(activity.id, &patch, None).await?;
            let heard = listeners.wait_for(&label, self.viewers).await?;
            let stamp = edited.edited_at.context("an edit without a time")?;
            line.add(since_stamp(&listeners, stamp)?, &heard);
        }
        report.lines.push(line);

        let mut line = Line::new("a deletion, from its request");
        for activity in lasting.drain(..posts.div_ceil(5).min(lasting.len())) {
            let begun = Instant::now();
            listeners.forget(listeners::REMOVED);
            self.client.delete_activity(activity.id, None).await?;
            let heard = listeners.wait_for(listeners::REMOVED, self.viewers).await?;
            line.add(begun, &heard);
        }
        report.lines.push(line);
        self.burst(&listeners, &mut report).await?;
        self.erase(&listeners, &mut report).await?;
        report.memory = watched.memory();
        Ok(report)
    }

    async fn post(&self, label: &str) -> anyhow::Result<Activity> {
        Ok(self.client.post(&NewActivity::new("author", "share").object(label)).await?.into_inner())
    }

    /// Every viewer follows a second author at once, while the first one goes on posting.
    async fn burst(&self, listeners: &Listeners, report: &mut Report) -> anyhow::Result<()> {
        eprintln!("everybody follows another one");
        let begun = Instant::now();
        let client = &self.client;
        let follows =
            (0..self.viewers).map(|number| async move { client.follow(&viewer(number), "other").await });
        let following = async {
            stream::iter(follows).buffer_unordered(CONCURRENCY).try_for_each(|_| async { Ok(()) }).await?;
            anyhow::Ok(begun.elapsed())
        };
        let posting = async {
            let mut line = Line::new("a post meanwhile, from its stamp");
            for number in 0..10 {
                tokio::time::sleep(PAUSE).await;
                let label = format!("meanwhile-{number}");
                let activity = self.post(&label).await?;
                let heard = listeners.wait_for(&label, self.viewers).await?;
                line.add(since_stamp(listeners, activity.published)?, &heard);
            }
            anyhow::Ok(line)
        };
        let (followed, meanwhile) = tokio::try_join!(following, posting)?;
        report.burst = followed;
        let mut line = Line::new("all follow another author at once, from the first request");
        for number in 0..BROUGHT {
            let label = format!("brought-{number}");
            line.add(begun, &listeners.wait_for(&label, self.viewers).await?);
        }
        report.lines.extend([line, meanwhile]);
        Ok(())
    }

    /// The author goes, and everything by them.
    async fn erase(&self, listeners: &Listeners, report: &mut Report) -> anyhow::Result<()> {
        eprintln!("the author is erased");
        let left = usize::try_from(self.client.user("author").await?.activities)?;
        listeners.forget(listeners::REMOVED);
        let begun = Instant::now();
        self.client.erase_user("author").await?;
        let heard = listeners.wait_for(listeners::REMOVED, self.viewers * left).await?;
        let mut line = Line::new("the author is erased, from the request to each activity's removal");
        line.add(begun, &heard);
        report.lines.push(line);
        Ok(())
    }
}

/// When a stamp of the server, on the same machine, was taken.
fn since_stamp(listeners: &Listeners, stamp: DateTime<Utc>) -> anyhow::Result<Instant> {
    let (wall, at) = listeners.clock();
    let ahead = (stamp - wall).to_std();
    ahead.map(|ahead| at + ahead).context("the clock of the machine was set back")
}
