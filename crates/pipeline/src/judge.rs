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
    /// Never judged before.
    new: bool,
}

/// Which requests the baseline learns from: the first ones, and then some. To follow every request that went well into
/// all its calls would take most of the time of an import, and teach nothing new.
struct Lessons {
    taken: u64,
}

impl Lessons {
    const FIRST: u64 = 400;
    const ONE_IN: u64 = 64;

    fn next(&mut self) -> bool {
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
    let mut lessons = Lessons { taken: baseline.requests };
    for some in due.chunks(REQUESTS_PER_COMMIT) {
        let mut notes = Vec::new();
        for Due { request, new, .. } in some {
            let learns = *new && lessons.next();
            let judge = if learns { judge_request } else { judge_briefly };
            let case = judge(request, &evidence, &baseline);
            if learns {
                baseline.learn_from(&case.trace);
            }
            notes.extend(note(&case));
        }
        notes.push((notes::BASELINE_KEY.to_vec(), notes::baseline_to_bytes(&baseline)));
        writer.put_summaries(notes);
        writer.commit(Vec::new()).map_err(|source| ImportError::Write { source })?;
    }
    writer.settle().map_err(|source| ImportError::Write { source })
}

/// What was learned so far, and what is to be judged: in order of time, because what succeeds first teaches how to read
/// what fails later.
fn start(notes: &Notes, new_lines: Option<TimeRange>) -> (Baseline, Vec<Due>) {
    let baseline = notes.get(notes::BASELINE_KEY).and_then(|bytes| notes::baseline_from_bytes(bytes));
    let reach = new_lines.map(|lines| lines.widened(REACH_SECONDS, REACH_SECONDS));
    let mut due: Vec<Due> = notes.iter().filter_map(|(key, bytes)| due(key, bytes, reach)).collect();
    due.sort_by(|one, other| (one.opened, &one.request).cmp(&(other.opened, &other.request)));
    (baseline.unwrap_or_default(), due)
}

fn due(key: &[u8], bytes: &[u8], reach: Option<TimeRange>) -> Option<Due> {
    if let Some((request, opened)) = notes::opening_from_bytes(key, bytes) {
        return Some(Due { opened, request, new: true });
    }
    let reach = reach?;
    let known = notes::summary_from_bytes(key, bytes)?;
    let touched = known.start <= reach.end && reach.start <= known.end;
    touched.then_some(Due { opened: known.start, request: known.request, new: false })
}

fn note(case: &Case) -> Option<(Vec<u8>, Vec<u8>)> {
    let summary = Summary::of(&case.trace, &case.verdict)?;
    Some((notes::request_key(&summary.request), notes::summary_to_bytes(&summary)))
}
