//! The engine as the commands see it. Everything that `query`, `pipeline` and `parse` offer comes in through here, and
//! their errors leave with an exit code and an advice.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use correlate::Answer;
use model::{Defect, Id, Severity, Summary, Timestamp};

use crate::args::Zone;
use crate::exit::{Exit, Failure};

/// An event with its lines, or (when it did not match) a line of its surroundings.
#[derive(Clone, Debug)]
pub(crate) struct Passage {
    pub(crate) path: String,
    pub(crate) host: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) daemon: Option<String>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) severity: Severity,
    /// Of the first line, 1-based.
    pub(crate) line: u64,
    /// The first line without its header.
    pub(crate) body: String,
    /// Each with its number; replacement characters where it is not UTF-8.
    pub(crate) lines: Vec<(u64, String)>,
    /// Whose request id the line carries.
    pub(crate) request: Option<Id>,
    pub(crate) matched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestFilter {
    pub(crate) failed: bool,
    /// Began at or after.
    pub(crate) since: Option<Timestamp>,
    pub(crate) limit: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct ImportOptions {
    pub(crate) store: PathBuf,
    pub(crate) filters: Option<PathBuf>,
    /// `-` is standard input.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) zones: Vec<Zone>,
    pub(crate) host: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) daemon: Option<String>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress<'a> {
    pub(crate) path: &'a str,
    pub(crate) bytes: u64,
    pub(crate) bytes_total: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ImportReport {
    pub(crate) files: Vec<FileReport>,
    pub(crate) skipped: Vec<Skipped>,
    /// Read, decompressed.
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    /// Somebody pressed Ctrl-C; what was read is committed.
    pub(crate) interrupted: bool,
}

impl ImportReport {
    pub(crate) fn lines(&self) -> u64 {
        self.files.iter().map(|file| file.lines).sum()
    }

    pub(crate) fn new_lines(&self) -> u64 {
        self.files.iter().map(|file| file.new_lines).sum()
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FileReport {
    /// As in `Source`.
    pub(crate) path: String,
    /// Nothing came since the last import.
    pub(crate) unchanged: bool,
    pub(crate) lines: u64,
    pub(crate) new_lines: u64,
    /// Lines of each format; `plain` are the unknown ones.
    pub(crate) formats: Vec<(&'static str, u64)>,
    pub(crate) defects: Vec<DefectCount>,
}

#[derive(Clone, Debug)]
pub(crate) struct DefectCount {
    pub(crate) defect: Defect,
    pub(crate) count: u64,
    /// The first one.
    pub(crate) line: u64,
    pub(crate) text: String,
}

/// Something that was not imported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skipped {
    pub(crate) path: String,
    pub(crate) reason: String,
    /// What to do about it; may be empty.
    pub(crate) advice: String,
    /// Somebody wanted it: missing, unreadable, cut off; not a picture among the logs.
    pub(crate) failure: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FilterReport {
    pub(crate) signatures: usize,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}
