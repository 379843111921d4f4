//! What comes into a store, as it is committed: nothing is left out, however long the last look was ago.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use correlate::notes;
use index::{Place, SourceId, StoreError, StoredEvent};
use model::{Annotation, Line, Outcome, Source, State, Summary};

use crate::engine::{Engine, Passage, order, passage};
use crate::execute::{Candidate, matches};
use crate::language::Expression;

/// Lines that come into a store from now on.
#[derive(Debug)]
pub struct NewLines<'a> {
    engine: &'a Engine,
    /// How far each source was shown.
    seen: HashMap<SourceId, Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    last: u64,
    /// Of the last line's text: it may have been read half. None when it was not looked at.
    hash: Option<u64>,
}

/// Verdicts that come into a store from now on.
#[derive(Debug)]
pub struct NewVerdicts<'a> {
    engine: &'a Engine,
    files: BTreeSet<u64>,
    /// What was told, by keys. Both are hashes.
    told: HashMap<u64, u64>,
}

/// Lines of one source that are looked at together, and of all sources; what is left comes at the next look.
const MOST_OF_ONE: u64 = 1024;
const MOST: usize = 8192;

impl Engine {
    #[must_use]
    pub fn new_lines(&self) -> NewLines<'_> {
        let seen = |(source, last)| (source, Seen { last, hash: None });
        NewLines { engine: self, seen: self.reader.last_lines().into_iter().map(seen).collect() }
    }

    #[must_use]
    pub fn new_verdicts(&self) -> NewVerdicts<'_> {
        let mut verdicts = NewVerdicts { engine: self, files: BTreeSet::new(), told: HashMap::new() };
        drop(verdicts.read());
        verdicts
    }
}

impl NewLines<'_> {
    /// What was committed since the last look and matches, in order of time. An event that went on shows its new lines,
    /// and all of them when it did not match before. `None` when nothing came at all.
    pub fn look(&mut self, expression: &Expression) -> Result<Option<Vec<Passage>>, StoreError> {
        let reader = &self.engine.reader;
        reader.renew()?;
        let sources: HashMap<SourceId, Arc<Source>> = reader.sources().into_iter().collect();
        let (mut found, mut looked_at) = (Vec::new(), 0);
        for (id, last) in reader.last_lines() {
            let seen = self.seen.entry(id).or_default();
            if last <= seen.last || looked_at >= MOST {
                continue;
            }
            let Some(source) = sources.get(&id) else { continue };
            let mut lines = reader.at(id, seen.last.max(1)..=last.min(seen.last + MOST_OF_ONE));
            let same = |line: &Line| seen.hash.is_none_or(|hash| text_hash(line) == hash);
            if lines.first().is_some_and(|(line, _)| line.number == seen.last && same(line)) {
                lines.remove(0);
            }
            looked_at += lines.len();
            let before = seen.last;
            // What is missing was dropped, or cannot be read.
            seen.last = last.min(seen.last + MOST_OF_ONE);
            seen.hash = lines.last().map(|(line, _)| text_hash(line)).or(seen.hash);
            found.extend(self.engine.grown(id, source, before, lines, expression));
        }
        found.sort_by_key(order);
        let show = |stored: &StoredEvent| passage(&self.engine.event(stored), stored, true);
        Ok((looked_at > 0).then(|| found.iter().map(show).collect()))
    }
}

impl Engine {
    /// The events that lines of one source begin or continue, as far as they match.
    fn grown(
        &self,
        source_id: SourceId,
        source: &Arc<Source>,
        before: u64,
        lines: Vec<(Line, Annotation)>,
        expression: &Expression,
    ) -> Vec<StoredEvent> {
        let mut events: BTreeMap<u64, Vec<(Line, Annotation)>> = BTreeMap::new();
        for (line, annotation) in lines {
            events.entry(annotation.continues.unwrap_or(line.number)).or_default().push((line, annotation));
        }
        let fits = |stored: &StoredEvent| matches(expression, &Candidate::new(stored, &self.knowledge));
        let grown = |(head, lines): (u64, Vec<(Line, Annotation)>)| {
            let annotation = lines.first()?.1.clone();
            let lines: Vec<Line> = lines.into_iter().map(|(line, _)| line).collect();
            let new = StoredEvent { source: Arc::clone(source), source_id, lines, annotation };
            if head > before {
                return fits(&new).then_some(new);
            }
            let whole = self.reader.event_at(Place { source: source_id, head })?;
            let mut old = whole.clone();
            old.lines.retain(|line| line.number <= before);
            match (fits(&whole), fits(&old)) {
                (false, _) => None,
                (true, true) => Some(new),
                (true, false) => Some(whole),
            }
        };
        events.into_iter().filter_map(grown).collect()
    }
}

impl NewVerdicts<'_> {
    /// Requests that failed or are stuck, as far as that was found out since the last look.
    pub fn look(&mut self) -> Result<Vec<Summary>, StoreError> {
        self.engine.reader.renew()?;
        Ok(self.read())
    }

    fn read(&mut self) -> Vec<Summary> {
        let remembered = self.engine.reader.summaries_since(&mut self.files);
        let mut new = Vec::new();
        for (key, bytes) in &remembered {
            let Some(summary) = notes::summary_from_bytes(key, bytes) else { continue };
            let failed = summary.outcome == Outcome::Failed && summary.state == State::Settled;
            if !failed && summary.state != State::Stuck {
                continue;
            }
            // What is read again says the same.
            let told = (summary.state, &summary.cause);
            if self.told.insert(hash_of(key), hash_of(&told)) != Some(hash_of(&told)) {
                new.push(summary);
            }
        }
        new.sort_by(|one, other| (one.end, &one.request).cmp(&(other.end, &other.request)));
        new
    }
}

fn text_hash(line: &Line) -> u64 {
    hash_of(&line.text)
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
