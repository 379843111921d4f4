//! The join: each request that new lines opened or may change is judged, by asking the store, and remembered.

use std::collections::BTreeMap;

use correlate::{Baseline, Case, judge_briefly, judge_request, notes};
use index::{Reader, Writer};
use model::{Id, Summary, TimeRange, Timestamp};
use parse::Knowledge;
use query::StoreEvidence;

use crate::error::ImportError;
use crate::options::Options;
use crate::report::Report;

/// Notes are keys and values.
type Notes = BTreeMap<Vec<u8>, Vec<u8>>;

/// Requests whose verdicts are made durable together.
const REQUESTS_PER_COMMIT: usize = 4096;
/// New lines may explain requests that ended this long before or begin this long after them.
const REACH_SECONDS: i64 = 900;

/// A request to judge.
struct Due {
    opened: Timestamp,
    request: Id,
    /// The text that it was opened in; none when it was judged before.
    new: Option<u32>,
}

/// Which requests the baseline learns from: the first ones, and then some. To follow every request that went well into
/// all its calls would take most of the time of an import, and teach nothing new.
#[derive(Debug)]
pub(crate) struct Lessons {
    taken: u64,
}

impl Lessons {
    const FIRST: u64 = 400;
    const ONE_IN: u64 = 64;

    pub(crate) const fn after(baseline: &Baseline) -> Self {
        Self { taken: baseline.requests }
    }

    pub(crate) const fn next(&mut self) -> bool {
        self.taken += 1;
        self.taken <= Self::FIRST || self.taken.is_multiple_of(Self::ONE_IN)
    }
}

pub(crate) fn judge_new(
    mut writer: Writer,
    options: &Options,
    knowledge: &Knowledge,
    report: &Report,
) -> Result<(), ImportError> {
    let reader = Reader::open(&options.store).map_err(|source| ImportError::ReadBack { source })?;
    let evidence = StoreEvidence::new(&reader, knowledge);
    let (mut baseline, due) = start(&reader.summaries(), report.time);
    let mut lessons = Lessons::after(&baseline);
    for some in due.chunks(REQUESTS_PER_COMMIT) {
        let mut notes = Vec::new();
        let (lesson, mut others): (Vec<&Due>, Vec<&Due>) =
            some.iter().partition(|due| due.new.is_some() && lessons.next());
        for Due { request, .. } in lesson {
            let case = judge_request(request, &evidence, &baseline);
            baseline.learn_from(&case.trace);
            notes.extend(note_of(&case));
        }
        // The same blocks are read for what happened in one place.
        others.sort_by_key(|due| due.new);
        notes.extend(
            others.into_iter().filter_map(|due| note_of(&judge_briefly(&due.request, &evidence, &baseline))),
        );
        notes.push(baseline_note(&baseline));
        writer.put_summaries(notes);
        writer.commit(Vec::new()).map_err(|source| ImportError::Write { source })?;
    }
    writer.settle().map_err(|source| ImportError::Write { source })
}

/// What was learned so far, and what is to be judged, in order of time: what succeeds teaches how to read what fails
/// about then or later.
fn start(notes: &Notes, new_lines: Option<TimeRange>) -> (Baseline, Vec<Due>) {
    let reach = new_lines.map(|lines| lines.widened(REACH_SECONDS, REACH_SECONDS));
    let mut due: Vec<Due> = notes.iter().filter_map(|(key, bytes)| due(key, bytes, reach)).collect();
    due.sort_by(|one, other| (one.opened, &one.request).cmp(&(other.opened, &other.request)));
    (learned(notes), due)
}

fn due(key: &[u8], bytes: &[u8], reach: Option<TimeRange>) -> Option<Due> {
    if let Some((request, opening)) = notes::opening_from_bytes(key, bytes) {
        return Some(Due { opened: opening.opened(), request, new: Some(opening.text()) });
    }
    let reach = reach?;
    let known = notes::summary_from_bytes(key, bytes)?;
    let touched = known.start <= reach.end && reach.start <= known.end;
    touched.then_some(Due { opened: known.start, request: known.request, new: None })
}

/// What was learned so far.
pub(crate) fn learned(notes: &Notes) -> Baseline {
    let known = notes.get(notes::BASELINE_KEY).and_then(|bytes| notes::baseline_from_bytes(bytes));
    known.unwrap_or_default()
}

pub(crate) fn baseline_note(baseline: &Baseline) -> (Vec<u8>, Vec<u8>) {
    (notes::BASELINE_KEY.to_vec(), notes::baseline_to_bytes(baseline))
}

/// What is remembered of it.
pub(crate) fn note(summary: &Summary) -> (Vec<u8>, Vec<u8>) {
    (notes::request_key(&summary.request), notes::summary_to_bytes(summary))
}

fn note_of(case: &Case) -> Option<(Vec<u8>, Vec<u8>)> {
    Summary::of(&case.trace, &case.verdict).as_ref().map(note)
}
