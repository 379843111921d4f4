//! The engine as the commands see it. Everything that `query`, `pipeline` and `parse` offer comes in through here, and
//! their errors leave with an exit code and an advice.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use correlate::Answer;
use model::{Defect, Id, Severity, Summary, Timestamp};
use parse::{FilterError, Finding, Knowledge};
use query::QueryError;

use crate::args::{AskedId, Zone};
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
#[expect(dead_code, reason = "read by the import, which `pipeline` does not offer yet")]
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

impl ImportOptions {
    pub(crate) fn new(store: PathBuf, filters: Option<PathBuf>) -> Self {
        Self { store, filters, paths: Vec::new(), zones: Vec::new(), host: None, service: None, daemon: None }
    }
}

/// Opens stores and answers.
#[derive(Debug)]
pub(crate) struct Engine {}

impl Engine {
    pub(crate) fn open(store: &Path, filters: Option<&Path>) -> Result<Self, Failure> {
        if !store.exists() {
            return Err(no_store(store));
        }
        let _knowledge = knowledge(filters)?;
        Err(not_wired("open the store"))
    }

    pub(crate) fn judge(&self, _id: &Id) -> Result<Answer, Failure> {
        Err(not_wired("judge"))
    }

    pub(crate) fn lines(&self, _id: &Id, _context: usize) -> Result<Vec<Passage>, Failure> {
        Err(not_wired("lines"))
    }

    pub(crate) fn search(&self, query: &str, now: Timestamp, _limit: usize) -> Result<Vec<Passage>, Failure> {
        let _expression = query::parse(query, now).map_err(|error| bad_query(query, &error))?;
        Err(not_wired("search"))
    }

    pub(crate) fn requests(&self, _filter: RequestFilter) -> Result<Vec<Summary>, Failure> {
        Err(not_wired("requests"))
    }
}

/// `progress` tells whether to go on.
pub(crate) fn import(
    options: ImportOptions,
    _progress: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<ImportReport, Failure> {
    let _knowledge = knowledge(options.filters.as_deref())?;
    Err(not_wired("import"))
}

pub(crate) fn check_filters(overlay: Option<&Path>) -> Result<FilterReport, Failure> {
    let knowledge = knowledge(overlay)?;
    Ok(FilterReport { signatures: knowledge.signatures().count(), findings: knowledge.check() })
}

/// Unpacks the built-in logs and tells the request to ask about.
pub(crate) fn demo_logs(_into: &Path) -> Result<AskedId, Failure> {
    Err(not_wired("demo"))
}

fn not_wired(what: &str) -> Failure {
    Failure::because(Exit::Internal, format!("failed to {what}: the engine is not wired"))
}

fn knowledge(overlay: Option<&Path>) -> Result<Knowledge, Failure> {
    Knowledge::load(overlay).map_err(|error| match &error {
        FilterError::Read { .. } => Failure::new(Exit::NoInput, error)
            .advise("name a readable folder with --filters or CULPRIT_FILTERS"),
        FilterError::Broken { file, line, what } => {
            let advice = format!("change line {line} of `{file}`, then run `culprit filters check`");
            let cause = anyhow::anyhow!("{file}:{line}: {what}");
            Failure::new(Exit::Data, cause.context("failed to read the filters")).advise(advice)
        }
    })
}

fn no_store(store: &Path) -> Failure {
    let message = format!("failed to open the store `{}`: there is none yet", store.display());
    Failure::because(Exit::NoInput, message)
        .advise("`culprit import /var/log` makes one; `culprit why --logs PATH ID` needs none")
}

/// With the query, and a mark below the place where it stops making sense.
fn bad_query(query: &str, error: &QueryError) -> Failure {
    let mark = " ".repeat(error.column.saturating_sub(1));
    let cause = anyhow::anyhow!("{}\n{query}\n{mark}^", error.problem);
    let failure = Failure::new(Exit::Data, cause.context("failed to read the query"));
    failure.advise(error.hint.as_deref().unwrap_or("`culprit search --help` has examples"))
}
