//! The export: everything as it was at one instant.

use std::{
    io,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use feed_me_domain::{services::TransferService, transfer::Record};

use super::{
    output::{Destination, Output},
    progress::Progress,
    view::line_of,
};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Users.
    pub users: u64,
    /// Activities.
    pub activities: u64,
    /// Follows, and histories kept of former ones.
    pub follows: u64,
    /// Blocks.
    pub blocks: u64,
    /// Mutes.
    pub mutes: u64,
    /// How long it took.
    pub took: Duration,
}

impl std::fmt::Display for Exported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { users, activities, follows, blocks, mutes, took } = self;
        write!(
            f,
            "exported {users} users, {activities} activities, {follows} follows, {blocks} blocks and {mutes} mutes in {:.1} s",
            took.as_secs_f64()
        )
    }
}

/// Why an export failed. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum ExportFailure {
    /// It cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    /// The store could not.
    #[error(transparent)]
    Store(#[from] feed_me_domain::Error),
}

/// Exports everything.
pub async fn export(
    transfer: &TransferService,
    destination: &Destination,
    gzip: bool,
) -> Result<Exported, ExportFailure> {
    let writing = Writing {
        output: Some(Output::open(destination, gzip)?),
        progress: Progress::of_lines(),
        exported: Exported::default(),
        failure: None,
    };
    let writing = Arc::new(Mutex::new(Some(writing)));
    let shared = writing.clone();
    transfer
        .export(Box::new(move |record| {
            let mut writing = shared.lock().unwrap_or_else(PoisonError::into_inner);
            writing.as_mut().map_or(ControlFlow::Break(()), |writing| writing.take(&record))
        }))
        .await?;
    let writing = writing.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(writing) = writing else { return Err(io::Error::other("the export was lost").into()) };
    writing.finish()
}

struct Writing {
    output: Option<Output>,
    progress: Progress,
    exported: Exported,
    failure: Option<io::Error>,
}

/// Lines between two looks at the bar.
const LINES_A_STEP: u64 = 4096;

impl Writing {
    fn take(&mut self, record: &Record) -> ControlFlow<()> {
        let Some(output) = &mut self.output else { return ControlFlow::Break(()) };
        let written = line_of(record).map_err(io::Error::from).and_then(|line| output.write(record, &line));
        if let Err(error) = written {
            self.failure = Some(error);
            return ControlFlow::Break(());
        }
        let count = match record {
            Record::User(_) => &mut self.exported.users,
            Record::Activity(_) => &mut self.exported.activities,
            Record::Follow(_) => &mut self.exported.follows,
            Record::Block(_) => &mut self.exported.blocks,
            Record::Mute(_) => &mut self.exported.mutes,
        };
        *count += 1;
        if *count % LINES_A_STEP == 0 {
            self.progress.advance(usize::try_from(LINES_A_STEP).unwrap_or(0));
        }
        ControlFlow::Continue(())
    }

    fn finish(self) -> Result<Exported, ExportFailure> {
        if let Some(failure) = self.failure {
            return Err(failure.into());
        }
        if let Some(output) = self.output {
            output.finish()?;
        }
        Ok(Exported { took: self.progress.finish(), ..self.exported })
    }
}
