//! How long it takes until a line is found that was handed to the writer, while it writes as fast as it can.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use index::{Checkpoint, Options, Reader, SourceId, Writer};
use model::{Annotation, Id, Line, Severity, TimeRange, scan_ids};
use parse::{Annotator, Knowledge, Zone};

use crate::corpus::Corpus;

/// So much is written.
const BYTES: u64 = 300 << 20;
const BATCH_LINES: usize = 4096;
const COMMIT_BYTES: usize = 64 << 20;
/// A program that follows logs lets its readers see what is new this often.
const EVERY: Duration = Duration::from_millis(100);

pub(crate) struct Freshness {
    /// Of each batch, from handing it in until its last line is found by an id. Sorted.
    pub(crate) times: Vec<Duration>,
    pub(crate) bytes: usize,
    pub(crate) wall: Duration,
}

/// The last line of a batch that names an id.
struct Sought {
    since: Instant,
    id: Id,
    source: SourceId,
    line: u64,
}

struct Ingest<'a> {
    store: &'a Path,
    writer: Writer,
    reader: Option<Reader>,
    sought: VecDeque<Sought>,
    looked: Instant,
    uncommitted: usize,
    outcome: Freshness,
}

pub(crate) fn measure(corpus: &Corpus, knowledge: &Knowledge, store: &Path) -> Result<Freshness> {
    let mut ingest = Ingest {
        store,
        writer: Writer::open(store, Options::default())?,
        reader: None,
        sought: VecDeque::new(),
        looked: Instant::now(),
        uncommitted: 0,
        outcome: Freshness { times: Vec::new(), bytes: 0, wall: Duration::ZERO },
    };
    let began = Instant::now();
    for (path, length) in corpus.sample(BYTES) {
        let name = path.strip_prefix(&corpus.folder).unwrap_or(path).display().to_string();
        let mut source = knowledge.locate(&name);
        source.path = name;
        let source = ingest.writer.add_source(&source);
        ingest.file(source, File::open(path)?.take(length))?;
    }
    ingest.look()?;
    ingest.outcome.wall = began.elapsed();
    ingest.outcome.times.sort();
    Ok(ingest.outcome)
}

impl Ingest<'_> {
    fn file(&mut self, source: SourceId, text: impl Read) -> Result<()> {
        let mut annotator = Annotator::new(Zone::UTC);
        let mut batch = Vec::new();
        for (number, text) in (1..).zip(BufReader::new(text).split(b'\n')) {
            let mut line = Line { number, text: text? };
            self.outcome.bytes += line.text.len() + 1;
            self.uncommitted += line.text.len() + 1;
            let annotation = annotator.annotate(&mut line);
            batch.push((line, annotation));
            if batch.len() == BATCH_LINES {
                self.hand_in(source, &std::mem::take(&mut batch))?;
            }
        }
        self.hand_in(source, &batch)
    }

    fn hand_in(&mut self, source: SourceId, batch: &[(Line, Annotation)]) -> Result<()> {
        let since = Instant::now();
        let last = batch.iter().rev().find_map(|(line, annotation)| {
            let mut id = None;
            // What nobody would look for: ids of processes stand on every line of some files, those of users and projects,
            // which come last, on most.
            let named = annotation.severity > Severity::Debug;
            scan_ids(&line.text, |found| {
                id.get_or_insert(found.id);
            });
            id.filter(|_| named).map(|id| Sought { since, id, source, line: line.number })
        });
        self.writer.append(source, batch)?;
        self.sought.extend(last);
        if self.uncommitted > COMMIT_BYTES {
            self.uncommitted = 0;
            self.writer.start_commit(Vec::<Checkpoint>::new())?;
        }
        if self.looked.elapsed() > EVERY { self.look() } else { Ok(()) }
    }

    fn look(&mut self) -> Result<()> {
        let fresh = self.writer.fresh()?;
        let reader = match self.reader.take() {
            Some(reader) => {
                reader.renew_with(fresh);
                reader
            }
            None => Reader::of(self.store, fresh),
        };
        // What is not there yet is looked for again.
        for sought in std::mem::take(&mut self.sought) {
            let (rows, named) = (reader.at(sought.source, sought.line..=sought.line), &sought.id);
            let places = if rows.is_empty() {
                Default::default()
            } else {
                reader.places_with(named, TimeRange::ALL, |_| true)
            };
            let head = rows.first().map(|(line, annotation)| annotation.continues.unwrap_or(line.number));
            if places.iter().any(|place| place.source == sought.source && Some(place.head) == head) {
                self.outcome.times.push(sought.since.elapsed());
            } else {
                self.sought.push_back(sought);
            }
        }
        self.reader = Some(reader);
        self.looked = Instant::now();
        Ok(())
    }
}
