use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use correlate::{Answer, Baseline, notes};
use index::{Cursor, Damage, Reader, SourceId, StoreError, StoredEvent};
use model::{Event, Id, Outcome, Severity, Summary, Timestamp};
use parse::Knowledge;

use crate::evidence::StoreEvidence;

/// A store and what is known, ready to answer.
#[derive(Debug)]
pub struct Engine {
    pub(crate) reader: Reader,
    pub(crate) knowledge: Knowledge,
    /// Read when something is judged for the first time.
    baseline: OnceLock<Baseline>,
}

/// An event with its lines, or (when it did not match) a line of its surroundings.
#[derive(Clone, Debug)]
pub struct Passage {
    pub path: String,
    pub host: Option<String>,
    pub service: Option<String>,
    pub daemon: Option<String>,
    pub timestamp: Option<Timestamp>,
    pub severity: Severity,
    /// Of the first line, 1-based.
    pub line: u64,
    /// The first line without its header.
    pub body: String,
    /// Each with its number; replacement characters where it is not UTF-8.
    pub lines: Vec<(u64, String)>,
    /// Whose request id the line carries.
    pub request: Option<Id>,
    pub matched: bool,
    /// Its place in the order of a search.
    pub cursor: Cursor,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFilter {
    pub failed: bool,
    /// Began at or after.
    pub since: Option<Timestamp>,
    /// Those behind the end of another page.
    pub after: Option<RequestCursor>,
    pub limit: usize,
}

/// A request's place in the list: the newest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestCursor {
    start: Reverse<Timestamp>,
    request: Id,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestPage {
    pub requests: Vec<Summary>,
    /// Where to go on, when there are more.
    pub next: Option<RequestCursor>,
}

impl RequestCursor {
    #[must_use]
    pub fn of(summary: &Summary) -> Self {
        Self { start: Reverse(summary.start), request: summary.request.clone() }
    }

    /// Reads what was handed out.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (start, request) = text.trim().split_once('.')?;
        let start = Timestamp::from_nanos(u64::from_str_radix(start, 16).ok()?.cast_signed());
        Some(Self { start: Reverse(start), request: Id::parse(request)? })
    }
}

/// Text to hand out and to be given back.
impl fmt::Display for RequestCursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:x}.{}", self.start.0.nanos(), self.request)
    }
}

impl Engine {
    pub fn open(store: &Path, knowledge: Knowledge) -> Result<Self, StoreError> {
        Ok(Self::new(Reader::open(store)?, knowledge))
    }

    #[must_use]
    pub const fn new(reader: Reader, knowledge: Knowledge) -> Self {
        Self { reader, knowledge, baseline: OnceLock::new() }
    }

    fn baseline(&self) -> &Baseline {
        self.baseline.get_or_init(|| {
            let known = self.reader.summary(notes::BASELINE_KEY);
            known.and_then(|bytes| notes::baseline_from_bytes(&bytes)).unwrap_or_default()
        })
    }

    /// Why did it fail, and how did it go? For a request, or a resource that requests worked on.
    #[must_use]
    pub fn judge(&self, id: &Id) -> Answer {
        correlate::judge(id, &StoreEvidence::new(&self.reader, &self.knowledge), self.baseline())
    }

    /// Every event that names the id or belongs to its request, in order of time, with `context` lines of the same file
    /// around each.
    #[must_use]
    pub fn lines(&self, id: &Id, context: u64) -> Vec<Passage> {
        let found = self.belonging(id);
        let mut shown: BTreeSet<(SourceId, u64)> = found
            .iter()
            .flat_map(|(stored, _)| stored.lines.iter().map(|line| (stored.source_id, line.number)))
            .collect();
        let mut passages = Vec::new();
        for (stored, event) in &found {
            let first = stored.lines.first().map_or(0, |line| line.number);
            let last = stored.lines.last().map_or(0, |line| line.number);
            if context > 0 {
                let before = first.saturating_sub(context).max(1)..=first.saturating_sub(1);
                passages.extend(self.around(stored, before, &mut shown));
            }
            passages.push(passage(event, stored, true));
            if context > 0 {
                passages.extend(self.around(stored, last + 1..=last + context, &mut shown));
            }
        }
        passages
    }

    fn belonging(&self, id: &Id) -> Vec<(StoredEvent, Arc<Event>)> {
        let evidence = StoreEvidence::new(&self.reader, &self.knowledge);
        let belonging = correlate::belonging(id, &evidence, || self.baseline());
        let mut places = evidence.places_with(id);
        places.extend(evidence.places_of(&belonging));
        let stored = self.reader.events_at(&places).into_iter();
        stored
            .map(|stored| {
                let event = evidence.parsed(&stored);
                (stored, event)
            })
            .collect()
    }

    /// What was found out about requests when they were imported, the newest first.
    #[must_use]
    pub fn requests(&self, filter: &RequestFilter) -> RequestPage {
        let remembered = self.reader.summaries();
        let all = remembered.iter().filter_map(|(key, bytes)| notes::summary_from_bytes(key, bytes));
        let wanted = |summary: &Summary| {
            (!filter.failed || summary.outcome == Outcome::Failed)
                && filter.since.is_none_or(|since| summary.start >= since)
                && filter.after.as_ref().is_none_or(|after| RequestCursor::of(summary) > *after)
        };
        let mut requests: Vec<Summary> = all.filter(wanted).collect();
        requests.sort_by_cached_key(RequestCursor::of);
        let more = requests.len() > filter.limit;
        requests.truncate(filter.limit);
        let next = requests.last().filter(|_| more).map(RequestCursor::of);
        RequestPage { requests, next }
    }

    /// What of the store could not be read so far: answers may lack something.
    #[must_use]
    pub fn damage(&self) -> Vec<Damage> {
        self.reader.damage()
    }

    pub(crate) fn event(&self, stored: &StoredEvent) -> Event {
        self.knowledge.event(&stored.source, &stored.lines, &stored.annotation)
    }

    fn around(
        &self,
        stored: &StoredEvent,
        numbers: std::ops::RangeInclusive<u64>,
        shown: &mut BTreeSet<(SourceId, u64)>,
    ) -> Vec<Passage> {
        if numbers.is_empty() {
            return Vec::new();
        }
        let lines = self.reader.at(stored.source_id, numbers);
        let fresh = lines.into_iter().filter(|(line, _)| shown.insert((stored.source_id, line.number)));
        fresh
            .map(|(line, annotation)| {
                let source = Arc::clone(&stored.source);
                let alone =
                    StoredEvent { source, source_id: stored.source_id, lines: vec![line], annotation };
                passage(&self.event(&alone), &alone, false)
            })
            .collect()
    }
}

pub(crate) fn order(stored: &StoredEvent) -> (Option<Timestamp>, SourceId, u64) {
    (stored.annotation.timestamp, stored.source_id, stored.lines.first().map_or(0, |line| line.number))
}

pub(crate) fn passage(event: &Event, stored: &StoredEvent, matched: bool) -> Passage {
    Passage {
        path: event.source.path.clone(),
        host: event.host.clone(),
        service: event.service.clone(),
        daemon: event.daemon.clone(),
        timestamp: event.timestamp,
        severity: event.severity,
        line: event.line,
        body: event.body.clone(),
        lines: stored
            .lines
            .iter()
            .map(|line| (line.number, String::from_utf8_lossy(&line.text).into_owned()))
            .collect(),
        request: event.context.request.clone(),
        matched,
        cursor: stored.cursor(),
    }
}
