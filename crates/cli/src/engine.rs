//! The engine as the commands see it. Everything that `query`, `pipeline` and `parse` offer comes in through here, and
//! their errors leave with an exit code and an advice.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use correlate::Answer;
use index::{Reader, StoreError, Writer};
use model::{Id, Summary, TimeRange, Timestamp};
use parse::{FilterError, Finding};
use pipeline::{AgentSettings, AgentStatus, ImportError, LiveError, Settings, ShipError, Sizes, Zones};
use query::QueryError;

use crate::args::Zone;
use crate::exit::{Exit, Failure};

pub(crate) use correlate::{Incident, Incidents, News};
pub(crate) use index::{Damage, Dropped, Holdings};
pub(crate) use parse::Knowledge;
pub(crate) use pipeline::{
    Control, DefectCount, FileReport, Happening, LiveOptions, LiveReport, Progress, Sources, Status,
    Unread as Skipped,
};
pub(crate) use query::{
    Count, CountBy, CountQuestion, Counted, ErrorPattern, ErrorQuestion, Expression, Found, NewLines,
    NewVerdicts, Passage, Question, RequestFilter, RequestPage,
};

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
    pub(crate) commit_bytes: Option<usize>,
    pub(crate) segment_bytes: Option<usize>,
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
pub(crate) struct FilterReport {
    pub(crate) signatures: usize,
    pub(crate) findings: Vec<Finding>,
}

impl ImportOptions {
    pub(crate) fn new(store: PathBuf, filters: Option<PathBuf>) -> Self {
        Self {
            store,
            filters,
            paths: Vec::new(),
            zones: Vec::new(),
            host: None,
            service: None,
            daemon: None,
            commit_bytes: None,
            segment_bytes: None,
        }
    }
}

/// Opens stores and answers.
#[derive(Debug)]
pub(crate) struct Engine {
    store: PathBuf,
    inner: query::Engine,
}

impl Engine {
    /// `about` is the id that will be asked for.
    pub(crate) fn open(
        store: &Path,
        filters: Option<&Path>,
        left_out: &[String],
        about: Option<&Id>,
    ) -> Result<Self, Failure> {
        if !store.exists() {
            return Err(no_store(store));
        }
        // The filters are read while the blocks are looked up that will be needed: each takes half of the time that a
        // short command has.
        let (knowledge, reader) = thread::scope(|scope| {
            let knowledge = scope.spawn(|| knowledge(filters));
            let reader = Reader::open(store);
            if let (Ok(reader), Some(id)) = (&reader, about) {
                drop(reader.places_with(id, TimeRange::ALL, |_| true));
            }
            (knowledge.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), reader)
        });
        let knowledge = match left_out {
            [] => knowledge?,
            left_out => knowledge?.without(|signature| left_out.contains(&signature.slug)),
        };
        let reader = reader.map_err(|error| store_failure(store, error))?;
        Ok(Self { store: store.to_owned(), inner: query::Engine::new(reader, knowledge) })
    }

    pub(crate) fn judge(&self, id: &Id) -> Answer {
        self.inner.judge(id)
    }

    pub(crate) fn lines(&self, id: &Id, context: usize) -> Vec<Passage> {
        self.inner.lines(id, context as u64)
    }

    /// What a query asks for.
    pub(crate) fn expression(&self, query: &str, now: Timestamp) -> Result<Expression, Failure> {
        query::parse(query, now).map_err(|error| bad_query(query, &error))
    }

    pub(crate) fn search(&self, question: Question<'_>) -> Found {
        self.inner.search(question)
    }

    pub(crate) fn count(&self, question: &CountQuestion<'_>) -> Counted {
        self.inner.count(question)
    }

    pub(crate) fn errors(&self, question: &ErrorQuestion) -> (Vec<ErrorPattern>, usize) {
        self.inner.errors(question)
    }

    pub(crate) fn requests(&self, filter: &RequestFilter) -> RequestPage {
        self.inner.requests(filter)
    }

    /// For what is committed from now on.
    pub(crate) fn new_lines(&self) -> NewLines<'_> {
        self.inner.new_lines()
    }

    /// See [`NewLines::look`].
    pub(crate) fn lines_since(
        &self,
        seen: &mut NewLines<'_>,
        expression: &Expression,
    ) -> Result<Option<Vec<Passage>>, Failure> {
        seen.look(expression).map_err(|error| store_failure(&self.store, error))
    }

    /// For verdicts from now on.
    pub(crate) fn new_verdicts(&self) -> NewVerdicts<'_> {
        self.inner.new_verdicts()
    }

    pub(crate) fn verdicts_since(&self, seen: &mut NewVerdicts<'_>) -> Result<Vec<Summary>, Failure> {
        seen.look().map_err(|error| store_failure(&self.store, error))
    }

    /// The stretch of time that the store holds.
    pub(crate) fn time(&self) -> Option<TimeRange> {
        self.inner.time()
    }

    /// What of the store could not be read, for a warning after the answer.
    pub(crate) fn damage(&self) -> Vec<String> {
        self.inner
            .damage()
            .iter()
            .map(|damage| format!("`{}`: {}", damage.path.display(), damage.what))
            .collect()
    }
}

/// `progress` tells whether to go on.
pub(crate) fn import(
    options: ImportOptions,
    progress: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<ImportReport, Failure> {
    let knowledge = knowledge(options.filters.as_deref())?;
    let began = Instant::now();
    let store = options.store.clone();
    let mut sizes = Sizes::default();
    let mut settings = Settings::default();
    if let Some(bytes) = options.commit_bytes {
        sizes.commit_bytes = bytes;
        settings.batch_bytes = settings.batch_bytes.min(bytes);
    }
    sizes.store.segment_bytes = options.segment_bytes.unwrap_or(sizes.store.segment_bytes);
    let options = pipeline::Options {
        zones: zones(&options.zones)?,
        store: options.store,
        paths: options.paths,
        place: pipeline::Place { host: options.host, service: options.service, daemon: options.daemon },
        settings,
        sizes,
    };
    let report = pipeline::import(&options, &knowledge, progress).map_err(|error| match error {
        ImportError::Open { source } => store_failure(&store, source),
        ImportError::Write { .. } | ImportError::ReadBack { .. } => Failure::new(Exit::Io, error)
            .advise("see whether the disk is full or read-only, then import again"),
    })?;
    Ok(ImportReport {
        files: report.files,
        skipped: report.unread,
        bytes: report.bytes,
        seconds: began.elapsed().as_secs_f64(),
        interrupted: report.interrupted,
    })
}

/// `tell` hears what happens until it is stopped.
pub(crate) fn up(
    options: &LiveOptions,
    sources: Sources,
    knowledge: &Knowledge,
    control: &Control,
    tell: &mut dyn FnMut(Happening<'_>),
) -> Result<LiveReport, Failure> {
    pipeline::up(options, sources, knowledge, control, tell).map_err(|error| match error {
        LiveError::Open { source } => store_failure(&options.store, source),
        LiveError::Source { .. } => {
            Failure::new(Exit::NoInput, error).advise("change the pattern or the address that it names")
        }
        LiveError::Write { .. } | LiveError::Start { .. } => Failure::new(Exit::Io, error)
            .advise("see whether the disk is full or read-only, then start it again"),
    })
}

/// Sends what is heard to another machine, until it is stopped.
pub(crate) fn ship(
    settings: AgentSettings,
    sources: Sources,
    control: &Control,
    tell: &mut dyn FnMut(Happening<'_>),
) -> Result<AgentStatus, Failure> {
    pipeline::ship(settings, sources, control, tell).map_err(|error| match error {
        ShipError::Source { .. } => {
            Failure::new(Exit::NoInput, error).advise("change the pattern or the address that it names")
        }
        ShipError::Agent { .. } | ShipError::Start { .. } => Failure::new(Exit::Io, error).advise(
            "see who uses the buffer, and whether its disk is full or read-only, then start it again",
        ),
    })
}

/// What a store holds, and what of it is damaged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    pub(crate) holdings: Holdings,
    pub(crate) damage: Vec<Damage>,
}

/// `progress` is told how many files there are, which of them comes next, and its path.
pub(crate) fn examine(store: &Path, progress: &mut dyn FnMut(u64, u64, &Path)) -> Result<Health, Failure> {
    if !store.exists() {
        return Err(no_store(store));
    }
    let failed = |error| store_failure(store, error);
    loop {
        let holdings = index::holdings(store).map_err(failed)?;
        let mut seen = 0;
        let files = 1 + 2 * holdings.segments;
        let damage = index::verify(store, &mut |path| {
            progress(files, seen, path);
            seen += 1;
        })
        .map_err(failed)?;
        // A writer may have put segments together meanwhile and removed what was to be looked at.
        if damage.is_empty() || index::holdings(store).map_err(failed)? == holdings {
            return Ok(Health { holdings, damage });
        }
    }
}

pub(crate) fn retain(
    store: &Path,
    oldest: Option<Timestamp>,
    most_bytes: Option<u64>,
    dry_run: bool,
) -> Result<Dropped, Failure> {
    // Opened to be written, a store that is not there would be made.
    index::holdings(store).map_err(|error| store_failure(store, error))?;
    let writer = Writer::open(store, index::Options::default());
    let mut writer = writer.map_err(|error| store_failure(store, error))?;
    if dry_run {
        return Ok(writer.would_drop(oldest, most_bytes));
    }
    writer.retain(oldest, most_bytes).map_err(|error| {
        Failure::new(Exit::Io, error).advise("see whether the disk is full or read-only, then try again")
    })
}

pub(crate) fn zones<'a>(wanted: impl IntoIterator<Item = &'a Zone>) -> Result<Zones, Failure> {
    let mut zones = Zones::default();
    for Zone { host, zone } in wanted {
        let read = parse::Zone::parse(zone).ok_or_else(|| {
            let message = format!("`{zone}` is no time zone");
            Failure::because(Exit::Usage, message)
                .advise("name one like Europe/Berlin or UTC, or full hours from UTC, like +02:00")
        })?;
        match host {
            Some(host) => _ = zones.of_host.insert(host.clone(), read),
            None => zones.usual = read,
        }
    }
    Ok(zones)
}

pub(crate) fn check_filters(overlay: Option<&Path>) -> Result<FilterReport, Failure> {
    let knowledge = Knowledge::load_whole(overlay).map_err(filter_failure)?;
    Ok(FilterReport { signatures: knowledge.signatures().count(), findings: knowledge.check() })
}

pub(crate) fn knowledge(overlay: Option<&Path>) -> Result<Knowledge, Failure> {
    Knowledge::load(overlay).map_err(filter_failure)
}

fn filter_failure(error: FilterError) -> Failure {
    match &error {
        FilterError::Read { .. } => Failure::new(Exit::NoInput, error)
            .advise("name a readable folder with --filters or CULPRIT_FILTERS"),
        FilterError::Broken { file, line, what } => {
            let advice = format!("change line {line} of `{file}`, then run `culprit filters check`");
            let cause = anyhow::anyhow!("{file}:{line}: {what}");
            Failure::new(Exit::Data, cause.context("failed to read the filters")).advise(advice)
        }
    }
}

/// The store's own messages say what to do.
fn store_failure(store: &Path, error: StoreError) -> Failure {
    let exit = match &error {
        StoreError::Missing { .. } => return no_store(store),
        StoreError::Version { .. } | StoreError::Damaged { .. } => Exit::Data,
        StoreError::NotAStore { .. } | StoreError::Io { doing: "create", .. } => Exit::CannotCreate,
        _ => Exit::Io,
    };
    Failure::new(
        exit,
        anyhow::Error::new(error).context(format!("failed to open the store `{}`", store.display())),
    )
}

fn no_store(store: &Path) -> Failure {
    let message = format!("failed to open the store `{}`: there is none yet", store.display());
    Failure::because(Exit::NoInput, message)
        .advise("`culprit import /var/log` makes one; `culprit why --logs PATH ID` needs none")
}

/// With the query, and a mark below the place where it stops making sense.
fn bad_query(query: &str, error: &QueryError) -> Failure {
    let (shown, before) = around(query, error.column.saturating_sub(1));
    let mark = " ".repeat(before);
    let cause = anyhow::anyhow!("{}\n{shown}\n{mark}^", error.problem);
    let failure = Failure::new(Exit::Data, cause.context("failed to read the query"));
    failure.advise(error.hint.as_deref().unwrap_or("`culprit search --help` has examples"))
}

/// What of a long query stands around a place, in one row, and how much of it stands before the place.
fn around(query: &str, at: usize) -> (String, usize) {
    const BEFORE: usize = 40;
    const MOST: usize = 70;
    let start = if query.chars().count() <= MOST { 0 } else { at.saturating_sub(BEFORE) };
    let shown: String = query.chars().skip(start).take(MOST).collect();
    let dots = if start > 0 { "…" } else { "" };
    (format!("{dots}{}", shown.replace(char::is_whitespace, " ")), at - start + dots.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_queries_are_shown_around_the_mistake() {
        let check = |query: &str, at, expected: (&str, usize)| {
            assert_eq!(around(query, at), (expected.0.to_owned(), expected.1), "{query}");
        };
        check("a serivce:nova", 2, ("a serivce:nova", 2));
        check("a\nb(", 3, ("a b(", 3));
        check("", 0, ("", 0));
        let long = "(".repeat(10_000);
        check(&long, 10, (&"(".repeat(70), 10));
        check(&long, 9_999, (&format!("…{}", "(".repeat(41)), 41));
    }
}
