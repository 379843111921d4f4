//! The join: events in order of time, from the store, through the correlator, into what is remembered of requests.

use std::sync::Arc;

use correlate::{Case, Correlator, notes};
use index::{Reader, Writer};
use model::{Event, Summary, TimeRange};
use parse::Knowledge;

use crate::error::ImportError;
use crate::options::Options;
use crate::report::Report;

/// Judges the requests that the new lines belong to. Starts a little earlier, so that what was imported before takes part.
pub(crate) fn judge_new(
    mut writer: Writer,
    options: &Options,
    knowledge: &Knowledge,
    report: &Report,
) -> Result<(), ImportError> {
    let Some(new) = report.time else { return Ok(()) };
    let reader = Reader::open(&options.store).map_err(|source| ImportError::ReadBack { source })?;
    let mut correlator = Correlator::new(options.limits);
    let remembered = reader.summaries();
    if let Some(baseline) =
        remembered.get(notes::BASELINE_KEY).and_then(|bytes| notes::baseline_from_bytes(bytes))
    {
        correlator.learn_from(&baseline);
    }
    let mut found = Vec::new();
    let keep = options.limits.keep_seconds;
    reader.each_in_order(new.widened(keep, keep), |events| {
        let events = events.into_iter().map(|stored| {
            Arc::<Event>::new(knowledge.event(&stored.source, &stored.lines, &stored.annotation))
        });
        remember(&correlator.push(events), new, &mut found);
    });
    remember(&correlator.finish(), new, &mut found);
    found.push((notes::BASELINE_KEY.to_vec(), notes::baseline_to_bytes(correlator.baseline())));
    writer.put_summaries(found);
    writer.commit(Vec::new()).map_err(|source| ImportError::Write { source })
}

/// Requests that ended before the new lines began were judged by an earlier import.
fn remember(cases: &[Case], new: TimeRange, found: &mut Vec<(Vec<u8>, Vec<u8>)>) {
    let touched = cases.iter().filter(|case| case.trace.time.end >= new.start);
    let summaries = touched.filter_map(|case| Summary::of(&case.trace, &case.verdict));
    found.extend(summaries.map(|summary| (notes::summary_key(&summary), notes::summary_to_bytes(&summary))));
}
