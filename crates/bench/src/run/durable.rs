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

pub(super) async fn scenarios(run: Run<'_>, subjects: &Subjects) -> anyhow::Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for (name, settings) in [("durable-posts", &[][..]), ("durable-posts-one-a-commit", &[ALONE][..])] {
        let outcome = match run.start(settings)? {
            Started::Refused(why) => Ok(Outcome::LeftOut(format!("the server refuses: {why}"))),
            Started::Yes(mut server) => {
                // Posts do not wait for the index to be whole.
                server.wait_until_ready(false)?;
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
