//! Pages as they are read when nobody asked for them before: on a server that keeps none.

use super::{
    Run,
    plan::{self, Named},
    told,
};
use crate::{
    results::{Outcome, Scenario},
    server::Started,
    subjects::Subjects,
};

const KEEPS_NONE: (&str, &str) = ("FEEDME__FEED__PAGE_MEMORY", "0");

/// The scenarios that are wished for, one after the other on one server.
pub(super) async fn scenarios(run: Run<'_>, subjects: &Subjects) -> anyhow::Result<Vec<Scenario>> {
    let wished: Vec<Named> =
        plan::anew(subjects).into_iter().filter(|scenario| run.is_wished(scenario.name)).collect();
    if wished.is_empty() {
        return Ok(Vec::new());
    }
    let mut server = match run.start(&[KEEPS_NONE])? {
        Started::Yes(server) => server,
        Started::Refused(why) => {
            let left_out = |scenario: &Named| {
                told(scenario.name, Ok(Outcome::LeftOut(format!("the server refuses: {why}"))))
            };
            return Ok(wished.iter().map(left_out).collect());
        }
    };
    server.wait_until_ready(true)?;
    let mut scenarios = Vec::new();
    for scenario in wished {
        let outcome = run.scenario(&server, subjects, &scenario, None).await;
        scenarios.push(told(scenario.name, outcome));
    }
    Ok(scenarios)
}
