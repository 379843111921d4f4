use tempfile::TempDir;

use crate::args::{Globals, Import};
use crate::console::Console;
use crate::engine::{self, ImportOptions, ImportReport};
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(import: Import, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let options = ImportOptions {
        paths: import.paths,
        zones: import.zones,
        host: import.host,
        service: import.service,
        daemon: import.daemon,
        commit_bytes: import.commit_bytes,
        segment_bytes: import.segment_bytes,
        ..ImportOptions::new(super::store(globals)?, globals.filters.clone())
    };
    console.watch_for_interrupts();
    let report = read(options, console)?;
    if console.json {
        console.answer(&json::import(&report)?)?;
    } else if !console.quiet {
        console.answer(&render::import::import(&report, console.layout))?;
    }
    Ok(end(&report))
}

/// With a progress bar.
pub(super) fn read(options: ImportOptions, console: &Console) -> Result<ImportReport, Failure> {
    let (_bar, mut advance) = console.progress();
    engine::import(options, &mut advance)
}

pub(super) fn temporary_folder() -> Result<TempDir, Failure> {
    tempfile::Builder::new().prefix("culprit-").tempdir().map_err(|error| {
        let error = anyhow::Error::new(error).context("failed to create a temporary store");
        Failure::new(Exit::CannotCreate, error).advise("set TMPDIR to a folder with room")
    })
}

pub(super) fn end(report: &ImportReport) -> Exit {
    if report.interrupted {
        Exit::Interrupted
    } else if report.skipped.iter().any(|skipped| skipped.failure) {
        Exit::NoInput
    } else {
        Exit::Answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Skipped;

    #[test]
    fn an_import_ends_well_unless_something_wanted_is_missing() {
        let check = |failures: &[bool], interrupted, exit| {
            let skipped = failures.iter().map(|&failure| Skipped { failure, ..Skipped::default() });
            let report = ImportReport { skipped: skipped.collect(), interrupted, ..ImportReport::default() };
            assert_eq!(end(&report), exit);
        };
        check(&[], false, Exit::Answered);
        check(&[false], false, Exit::Answered);
        check(&[false, true], false, Exit::NoInput);
        check(&[true], true, Exit::Interrupted);
    }
}
