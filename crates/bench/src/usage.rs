//! What processes take: CPU time and memory, from `/proc`.

use std::{fs, time::Instant};

use crate::{database::Database, psql::ask};

/// The processes that are watched.
#[derive(Clone, Debug)]
pub struct Watched {
    server: u32,
    /// PostgreSQL's first process, whose children serve the connections; where it runs here.
    postmaster: Option<u32>,
}

/// CPU time up to now, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// When that was.
    pub at: Instant,
    /// The server's.
    pub server_us: u64,
    /// That of all of PostgreSQL's processes.
    pub postgres_us: Option<u64>,
    /// The driver's.
    pub driver_us: u64,
    /// That of everything on the machine.
    pub machine_us: u64,
}

impl Watched {
    /// Watches a server and what answers its database. PostgreSQL is found by a process of its own that always runs.
    pub fn new(server: u32, database: Option<&Database>) -> Self {
        const CHECKPOINTER: &str = "select pid from pg_stat_activity where backend_type = 'checkpointer'";
        let pid = database.and_then(Database::postgres_url).and_then(|url| ask(url, CHECKPOINTER).ok());
        let pid = pid.and_then(|pid| pid.parse().ok()).and_then(Stat::of).filter(|stat| stat.is_postgres);
        Self { server, postmaster: pid.map(|stat| stat.parent) }
    }

    /// What they have taken so far.
    pub fn usage(&self) -> Usage {
        Usage {
            at: Instant::now(),
            server_us: Stat::of(self.server).map_or(0, |stat| stat.own_us),
            postgres_us: self.postmaster.map(postgres_us),
            driver_us: Stat::of(std::process::id()).map_or(0, |stat| stat.own_us),
            machine_us: machine_us(),
        }
    }

    /// The server's memory (RSS) in bytes.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) * 1024
    }
}

/// What `/proc/PID/stat` says.
struct Stat {
    parent: u32,
    is_postgres: bool,
    own_us: u64,
    /// That of children which have ended.
    ended_us: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name stands in brackets and may hold anything, so what follows is counted from the last bracket.
    fn parse(text: &str) -> Option<Self> {
        let (name, fields) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok());
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            is_postgres: name.ends_with("(postgres"),
            own_us: us(ticks(11)? + ticks(12)?),
            ended_us: us(ticks(13)? + ticks(14)?),
        })
    }
}

fn us(ticks: u64) -> u64 {
    ticks * 1_000_000 / rustix::param::clock_ticks_per_second()
}

/// The time of all processes of one PostgreSQL, those that have ended too.
fn postgres_us(postmaster: u32) -> u64 {
    let first = Stat::of(postmaster).map_or(0, |stat| stat.own_us + stat.ended_us);
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children = pids.filter_map(Stat::of).filter(|stat| stat.parent == postmaster);
    first + children.map(|stat| stat.own_us).sum::<u64>()
}

/// The time that all cores were not idle; waiting for a disk and time taken by the host count as idle.
fn machine_us() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_ascii_whitespace().skip(1);
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq …
    us(ticks.iter().take(3).chain(ticks.iter().skip(5).take(2)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_is_read_whatever_the_name_of_the_process() {
        let text = "7 (a) b (postgres) S 3 7 7 0 -1 4 1 0 0 0 5 6 7 8 20 0 1 0";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.parent, stat.is_postgres), (3, true));
        assert_eq!((stat.own_us, stat.ended_us), (us(11), us(15)));
    }

    #[test]
    fn we_take_time_ourselves() {
        let watched = Watched::new(std::process::id(), None);
        let before = watched.usage();
        let mut after = before;
        // Time is told in hundredths of a second, and a busy machine may give us little of it.
        let has_grown =
            |after: &Usage| before.driver_us < after.driver_us && before.machine_us < after.machine_us;
        while !has_grown(&after) && after.at.duration_since(before.at).as_secs() < 20 {
            after = watched.usage();
        }
        assert!(has_grown(&after));
        assert!(watched.memory() > 1 << 20);
    }
}
