use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use model::{Annotation, Id, Line, Severity, Source, TimeRange, Timestamp};

use crate::block::{Block, level_bit};
use crate::manifest::Manifest;
use crate::query::{Query, candidates};
use crate::segment::{Entry, Segment};
use crate::writer::{read_summaries, summary_path};
use crate::{Checkpoint, Damage, SourceId, StoreError};

/// The store as it was when it was opened. Needs no lock; a writer does not disturb it.
pub struct Reader {
    store: PathBuf,
    manifest: Manifest,
    sources: Vec<Arc<Source>>,
    segments: Vec<Segment>,
    /// The blocks of each source by their first line; of equal ones the newest is last.
    by_source: Vec<Vec<BlockRef>>,
    /// In which later blocks an event goes on, by its head.
    carried: HashMap<(SourceId, u64), Vec<BlockRef>>,
    cache: Mutex<Cache>,
    damage: Mutex<Vec<Damage>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct BlockRef {
    segment: u32,
    block: u32,
}

/// A head line and the lines that continue it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    pub source: Arc<Source>,
    pub source_id: SourceId,
    /// Never empty. The first is the head, unless the head is not stored.
    pub lines: Vec<Line>,
    /// Of the first line.
    pub annotation: Annotation,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub sources: usize,
    pub segments: usize,
    pub blocks: usize,
    /// Half lines that were read again later count twice.
    pub lines: u64,
    /// Of text, without line ends at the end of blocks.
    pub bytes: u64,
    /// The first and the last time that a line bears.
    pub time: Option<TimeRange>,
}

impl Reader {
    pub fn open(store: &Path) -> Result<Self, StoreError> {
        let manifest = Manifest::read(store)?;
        let mut reader = Self {
            store: store.to_owned(),
            sources: manifest.sources.iter().cloned().map(Arc::new).collect(),
            segments: Vec::new(),
            by_source: vec![Vec::new(); manifest.sources.len()],
            carried: HashMap::new(),
            cache: Mutex::new(Cache::default()),
            damage: Mutex::default(),
            manifest,
        };
        for &number in &reader.manifest.segments {
            match Segment::open(store, number) {
                Ok(segment) => reader.segments.push(segment),
                Err(damage) => reader.note(damage),
            }
        }
        reader.list_blocks();
        Ok(reader)
    }

    /// Every event of which a line names the id, in order of time. A head's time decides whether it is in the range;
    /// what has no time is.
    pub fn lines_with(&self, id: &Id, range: TimeRange) -> Vec<StoredEvent> {
        let hash = id.stable_hash();
        let mut heads = BTreeSet::new();
        for (segment, opened) in self.numbered_segments() {
            for block in self.noted(opened.blocks_with_id(hash)) {
                let place = BlockRef { segment, block };
                if !self.entry(place).may_be_in(range) {
                    continue;
                }
                let Some(block) = self.block_with_text(place) else { continue };
                let visible = self.visible(place);
                let rows = block.rows_with(hash).filter(|row| block.rows.numbers[*row] < visible);
                heads.extend(rows.map(|row| (self.entry(place).source, block.rows.head(row))));
            }
        }
        self.events(heads, range)
    }

    /// The events in this stretch of time that are notable, or at this level or a higher one: of one host, with those of sources whose
    /// host is not known, or of all.
    pub fn events_near(
        &self,
        host: Option<&str>,
        range: TimeRange,
        min_severity: Severity,
    ) -> Vec<StoredEvent> {
        let below = level_bit(min_severity) - 1;
        let mut heads = BTreeSet::new();
        for (place, entry) in self.entries() {
            let elsewhere = host.is_some_and(|host| {
                self.source(entry.source).host.as_ref().is_some_and(|other| !other.eq_ignore_ascii_case(host))
            });
            if elsewhere || entry.levels & !below == 0 || !entry.may_be_in(range) {
                continue;
            }
            let Some(block) = self.block(place) else { continue };
            let visible = self.visible(place);
            for (row, annotation) in block.rows.annotations.iter().enumerate() {
                let in_range = annotation.timestamp.is_some_and(|time| range.contains(time));
                if (annotation.severity >= min_severity || annotation.notable)
                    && in_range
                    && block.rows.numbers[row] < visible
                {
                    heads.insert((entry.source, block.rows.head(row)));
                }
            }
        }
        self.events(heads, range)
    }

    /// Every event in this stretch of time, in order of time, a step at a time: to look at everything once more without
    /// holding it all.
    pub fn each_in_order(&self, range: TimeRange, mut visit: impl FnMut(Vec<StoredEvent>)) {
        const STEP_SECONDS: i64 = 20;
        let mut blocks: Vec<TimeRange> =
            self.entries().map(|(_, entry)| entry.time).filter(|time| time.start <= time.end).collect();
        blocks.sort_by_key(|time| time.start);
        let Some(last) = blocks.iter().map(|time| time.end).max() else { return };
        let mut start = range.start.max(blocks[0].start);
        while start <= range.end.min(last) {
            let end = Timestamp::from_nanos(start.plus_seconds(STEP_SECONDS).nanos().saturating_sub(1));
            let step = TimeRange { start, end: end.min(range.end) };
            let events = self.events_near(None, step, Severity::Unspecified);
            if events.is_empty() {
                // Nothing for hours, perhaps: go on where something begins or still goes on.
                let next = blocks
                    .iter()
                    .filter(|time| time.end > step.end)
                    .map(|time| time.start.max(step.end))
                    .min();
                start = next.unwrap_or(Timestamp::MAX).max(step.end);
            } else {
                visit(events);
                start = step.end;
            }
            start = Timestamp::from_nanos(start.nanos().saturating_add(1));
            if start == Timestamp::MAX {
                return;
            }
        }
    }

    /// Up to `limit` events that match, the newest first. The query chooses the blocks, `matches` has the last word.
    pub fn search(
        &self,
        query: &Query,
        limit: usize,
        matches: &mut dyn FnMut(&StoredEvent) -> bool,
    ) -> Vec<StoredEvent> {
        let mut places = self.places(query);
        places.sort_by_key(|place| std::cmp::Reverse(self.entry(*place).time.end));
        // Of the events that lie in more than one block.
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for place in places {
            if found.len() >= limit {
                newest_first(&mut found, limit);
                let oldest = found.last().and_then(|event: &StoredEvent| event.annotation.timestamp);
                if oldest.is_some_and(|oldest| self.entry(place).time.end < oldest) {
                    break;
                }
            }
            for head in self.heads(place) {
                let source = self.entry(place).source;
                let spans = head < self.entry(place).first || self.carried.contains_key(&(source, head));
                if !spans || seen.insert((source, head)) {
                    found.extend(self.event(source, head).filter(|event| matches(event)));
                }
            }
        }
        newest_first(&mut found, limit);
        found
    }

    /// The lines of a source from one number to another, to show what stands around a line.
    pub fn at(&self, source: SourceId, lines: RangeInclusive<u64>) -> Vec<(Line, Annotation)> {
        let mut found = Vec::new();
        for &place in self.blocks_from(source, *lines.start()) {
            if self.entry(place).first > *lines.end() {
                break;
            }
            let Some(block) = self.block_with_text(place) else { continue };
            let visible = self.visible(place);
            for (row, &number) in block.rows.numbers.iter().enumerate() {
                if lines.contains(&number) && number < visible {
                    found.push((line(&block, row), block.rows.annotations[row].clone()));
                }
            }
        }
        found
    }

    pub fn sources(&self) -> impl Iterator<Item = (SourceId, &Arc<Source>)> {
        (0..).map(SourceId).zip(&self.sources)
    }

    /// The newest source of this path.
    #[must_use]
    pub fn find_source(&self, path: &str) -> Option<SourceId> {
        self.sources().filter(|(_, source)| source.path == path).map(|(id, _)| id).last()
    }

    #[must_use]
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.manifest.checkpoints
    }

    /// What the writer was told of requests: the newest value of each key.
    pub fn summaries(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        match self.read_summaries(&self.manifest) {
            Ok(summaries) => summaries,
            // A writer may have put the files together since this reader was opened.
            Err(error) => {
                Manifest::read(&self.store).and_then(|now| self.read_summaries(&now)).unwrap_or_else(|_| {
                    let what = format!("{error}; the list of requests is missing");
                    self.note(Damage { path: self.store.join("summaries"), what });
                    BTreeMap::new()
                })
            }
        }
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats =
            Stats { sources: self.sources.len(), segments: self.segments.len(), ..Stats::default() };
        for (_, entry) in self.entries() {
            stats.blocks += 1;
            stats.lines += entry.lines();
            stats.bytes += entry.raw as u64;
            if entry.time.start <= entry.time.end {
                let time = stats.time.get_or_insert(entry.time);
                time.start = time.start.min(entry.time.start);
                time.end = time.end.max(entry.time.end);
            }
        }
        stats
    }

    /// What could not be read so far: the answers may lack something. Each part is listed once.
    #[must_use]
    pub fn damage(&self) -> Vec<Damage> {
        locked(&self.damage).clone()
    }

    fn read_summaries(&self, manifest: &Manifest) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        let mut all = BTreeMap::new();
        for &number in &manifest.summaries {
            all.extend(read_summaries(&summary_path(&self.store, number))?);
        }
        Ok(all)
    }

    fn list_blocks(&mut self) {
        let places: Vec<BlockRef> = self.entries().map(|(place, _)| place).collect();
        for place in places {
            let entry = self.entry(place);
            let (source, carried) = (entry.source, entry.carried.clone());
            for head in carried {
                self.carried.entry((source, head)).or_default().push(place);
            }
            if let Some(blocks) = self.by_source.get_mut(source.0 as usize) {
                blocks.push(place);
            }
        }
        let segments = &self.segments;
        for blocks in &mut self.by_source {
            blocks.sort_by_key(|place| {
                (segments[place.segment as usize].entries[place.block as usize].first, *place)
            });
        }
    }

    fn numbered_segments(&self) -> impl Iterator<Item = (u32, &Segment)> {
        (0..).zip(&self.segments)
    }

    fn entries(&self) -> impl Iterator<Item = (BlockRef, &Entry)> {
        self.numbered_segments().flat_map(|(segment, opened)| {
            (0..).zip(&opened.entries).map(move |(block, entry)| (BlockRef { segment, block }, entry))
        })
    }

    fn places(&self, query: &Query) -> Vec<BlockRef> {
        let mut places = Vec::new();
        for (segment, opened) in self.numbered_segments() {
            let marks = candidates(self, opened, query);
            let hits = (0..).zip(marks).filter(|(_, mark)| *mark);
            places.extend(hits.map(|(block, _)| BlockRef { segment, block }));
        }
        places
    }

    fn entry(&self, place: BlockRef) -> &Entry {
        &self.segments[place.segment as usize].entries[place.block as usize]
    }

    pub(crate) fn source(&self, id: SourceId) -> &Arc<Source> {
        &self.sources[id.0 as usize]
    }

    /// The blocks of a source from the one that may hold this line on.
    fn blocks_from(&self, source: SourceId, number: u64) -> &[BlockRef] {
        let blocks = self.by_source.get(source.0 as usize).map(Vec::as_slice).unwrap_or_default();
        let after = blocks.partition_point(|place| self.entry(*place).first <= number);
        blocks.get(after.saturating_sub(1)..).unwrap_or_default()
    }

    /// Lines of a block from this number on are there again, newer, in the next one.
    fn visible(&self, place: BlockRef) -> u64 {
        let entry = self.entry(place);
        let blocks = &self.by_source[entry.source.0 as usize];
        let at = blocks.partition_point(|other| (self.entry(*other).first, *other) <= (entry.first, place));
        blocks.get(at).map_or(u64::MAX, |next| self.entry(*next).first)
    }

    /// The heads of the events that a block has lines of.
    fn heads(&self, place: BlockRef) -> BTreeSet<u64> {
        let Some(block) = self.block(place) else { return BTreeSet::new() };
        let visible = self.visible(place);
        let rows = 0..block.rows.numbers.partition_point(|number| *number < visible);
        rows.map(|row| block.rows.head(row)).collect()
    }

    fn events(&self, heads: BTreeSet<(SourceId, u64)>, range: TimeRange) -> Vec<StoredEvent> {
        let mut events: Vec<StoredEvent> = heads
            .into_iter()
            .filter_map(|(source, head)| self.event(source, head))
            .filter(|event| event.annotation.timestamp.is_none_or(|time| range.contains(time)))
            .collect();
        events.sort_by_key(StoredEvent::order);
        events
    }

    fn event(&self, source: SourceId, head: u64) -> Option<StoredEvent> {
        let first = self.blocks_from(source, head).first().copied();
        let later = self.carried.get(&(source, head)).map(Vec::as_slice).unwrap_or_default();
        let mut found: BTreeMap<u64, (Line, Annotation)> = BTreeMap::new();
        for place in first.into_iter().chain(later.iter().copied()) {
            let Some(block) = self.block_with_text(place) else { continue };
            let visible = self.visible(place);
            let start = block.rows.row_of(head).unwrap_or(0);
            for row in (start..block.rows.len()).filter(|row| block.rows.head(*row) == head) {
                if block.rows.numbers[row] < visible {
                    found.insert(
                        block.rows.numbers[row],
                        (line(&block, row), block.rows.annotations[row].clone()),
                    );
                }
            }
        }
        let annotation = found.first_key_value()?.1.1.clone();
        let lines = found.into_values().map(|(line, _)| line).collect();
        Some(StoredEvent { source: Arc::clone(self.source(source)), source_id: source, lines, annotation })
    }

    fn block(&self, place: BlockRef) -> Option<Arc<Block>> {
        if let Some(block) = locked(&self.cache).get(place) {
            return Some(block);
        }
        let segment = &self.segments[place.segment as usize];
        match segment.block(place.block) {
            Ok(block) => {
                Some(locked(&self.cache).insert(place, block, segment.entries[place.block as usize].raw))
            }
            Err(damage) => {
                self.note(damage);
                None
            }
        }
    }

    fn block_with_text(&self, place: BlockRef) -> Option<Arc<Block>> {
        let block = self.block(place)?;
        if block.text.get().is_none() {
            match self.segments[place.segment as usize].text(place.block) {
                Ok(text) => drop(block.text.set(text)),
                Err(damage) => {
                    self.note(damage);
                    return None;
                }
            }
        }
        Some(block)
    }

    pub(crate) fn noted<T: Default>(&self, result: Result<T, Damage>) -> T {
        result.unwrap_or_else(|damage| {
            self.note(damage);
            T::default()
        })
    }

    pub(crate) fn note(&self, damage: Damage) {
        let mut known = locked(&self.damage);
        if !known.contains(&damage) {
            known.push(damage);
        }
    }
}

impl StoredEvent {
    fn order(&self) -> (Option<Timestamp>, SourceId, u64) {
        (self.annotation.timestamp, self.source_id, self.lines.first().map_or(0, |line| line.number))
    }
}

fn newest_first(events: &mut Vec<StoredEvent>, limit: usize) {
    events.sort_by_key(|event| std::cmp::Reverse(event.order()));
    events.truncate(limit);
}

fn line(block: &Block, row: usize) -> Line {
    Line { number: block.rows.numbers[row], text: block.line(row).to_vec() }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The blocks that were used last: answers come back to the same ones again and again.
struct Cache {
    blocks: LruCache<BlockRef, (Arc<Block>, usize)>,
    bytes: usize,
}

/// Of text, unpacked.
const CACHE_BYTES: usize = 96 << 20;

impl Default for Cache {
    fn default() -> Self {
        Self { blocks: LruCache::unbounded(), bytes: 0 }
    }
}

impl Cache {
    fn get(&mut self, place: BlockRef) -> Option<Arc<Block>> {
        self.blocks.get(&place).map(|(block, _)| Arc::clone(block))
    }

    fn insert(&mut self, place: BlockRef, block: Block, bytes: usize) -> Arc<Block> {
        let block = Arc::new(block);
        if let Some((_, old)) = self.blocks.put(place, (Arc::clone(&block), bytes)) {
            self.bytes -= old;
        }
        self.bytes += bytes;
        while self.bytes > CACHE_BYTES && self.blocks.len() > 1 {
            let (_, (_, old)) = self.blocks.pop_lru().expect("more than one is left");
            self.bytes -= old;
        }
        block
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Reader")
            .field("store", &self.store)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
