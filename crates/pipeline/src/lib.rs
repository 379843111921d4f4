//! The program on one page.
//!
//! [`import`] reads files into a store and judges the requests in them. The stages in data order:
//! `ingest` → `parse` → `index`, then, from the store in order of time, `parse` → `correlate` → what is remembered.
//!
//! Invariant: lines and the positions they came from are committed together; a second import of the same files adds nothing.

mod options;
mod report;

mod first_look;
mod judge;
mod judging;
mod live;
mod masks;
mod read;
mod ship;
mod sources;
mod status;
mod up;
mod watched;

mod error;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use ingest::Content;
use parse::Knowledge;

pub use agent::{AgentError, AgentSettings, AgentStatus, CentralUrl, SpoolError, Token};
pub use correlate::IncidentRule;
pub use error::{ImportError, LiveError, ShipError};
pub use ingest::amqp::{Bounds, BrokerUrl, Cluster, Take};
pub use ingest::forward::{ForwardCounts, ForwardSettings};
pub use ingest::http::{DoorCount, DoorCounts, DoorSettings, TlsSettings};
pub use ingest::{
    ClientTls, JournalSettings, Settings, ShippedSettings, Start, SyslogSettings, TailSettings,
};
pub use live::{Live, LiveReport};
pub use options::{Keep, LiveOptions, Options, Place, Sizes, Zones};
pub use report::{DefectCount, FileReport, Progress, Report, Unread};
pub use ship::ship;
pub use sources::{Http, Sources};
pub use status::{BrokerStatus, Durations, FilesStatus, Origin, OriginCount, Status};
pub use up::{Control, Happening, up};
pub use watched::StuckRule;

use read::Import;

/// Reads everything that `options` names into the store. `progress` is told of every batch and says whether to go on;
/// what was read until then is kept.
pub fn import(
    options: &Options,
    knowledge: &Knowledge,
    progress: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Report, ImportError> {
    let found = ingest::discover(&options.paths);
    let bytes_total = found.inputs.iter().map(|input| input.size).sum();
    let bytes_read = AtomicU64::new(0);
    let mut import = Import::begin(options, knowledge)?;
    import.note_unread(found.skipped, &found.problems);
    for input in &found.inputs {
        let mut failure = None;
        input.read(&options.settings, &bytes_read, &mut |content| {
            if failure.is_some() || import.report.interrupted {
                return;
            }
            let mut advance = |path: &str| {
                progress(&Progress { path, bytes: bytes_read.load(Ordering::Relaxed), bytes_total })
            };
            let outcome = match content {
                Content::Lines(reader) => import.read(*reader, &mut advance),
                Content::Skipped(skipped) => {
                    import.note_unread(vec![skipped], &[]);
                    Ok(())
                }
                Content::Failed(error) => {
                    import.note_unread(Vec::new(), &[error]);
                    Ok(())
                }
            };
            failure = outcome.err();
        });
        if let Some(error) = failure {
            return Err(error);
        }
        if import.report.interrupted {
            break;
        }
    }
    let (report, writer) = import.finish()?;
    judge::judge_new(writer, options, knowledge, &report)?;
    Ok(report)
}
