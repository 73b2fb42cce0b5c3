//! How many posts a second are on disk before they are answered, with 32 clients: as the server does it, and with one
//! write a commit.

use super::{Run, told};
use crate::{
    measure::measure,
    results::{Outcome, Scenario},
    script::Mix,
    server::Started,
    subjects::Subjects,
    usage::Watched,
};

/// What both scenarios are called by.
pub(super) const NAME: &str = "durable-posts";
const CLIENTS: u32 = 32;
const ALONE: (&str, &str) = ("FEEDME__DATABASE__COMMIT_GROUP_MAX", "1");
/// Nobody is turned away: with one write a commit, 32 clients are a queue that a server would not let grow.
const PATIENT: (&str, &str) = ("FEEDME__DATABASE__QUEUE_TARGET_MS", "0");

pub(super) async fn scenarios(run: Run<'_>, subjects: &Subjects) -> anyhow::Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for (name, settings) in
        [("durable-posts", &[PATIENT][..]), ("durable-posts-one-a-commit", &[PATIENT, ALONE][..])]
    {
        let outcome = match run.start(settings)? {
            Started::Refused(why) => Ok(Outcome::LeftOut(format!("the server refuses: {why}"))),
            Started::Yes(mut server) => {
                // While the index is filled it takes time from whatever else the server does.
                server.wait_until_ready(run.wish.engine == "index")?;
                let watched = Watched::new(server.pid(), Some(&run.wish.database));
                let material = |connection| subjects.material(&subjects.first, connection);
                let load = run.load(CLIENTS, None, false);
                measure(server.address(), &watched, Mix::POSTS, material, load).await.map(Outcome::Measured)
            }
        };
        scenarios.push(told(name, outcome));
    }
    Ok(scenarios)
}
