use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use lru::LruCache;
use model::{Annotation, Id, Line, Severity, Source, TimeRange, Timestamp};

use crate::block::{Block, level_bit};
use crate::directory::Entry;
use crate::events::AT_ONCE;
use crate::manifest::Manifest;
use crate::segment::{Segment, Wanted};
use crate::view::View;
use crate::writer::{find_summary, read_summaries, summary_path};
use crate::{Checkpoint, Damage, Fresh, SourceId, StoreError};

/// The store as it was when it was opened, or renewed. Needs no lock; a writer does not disturb it.
pub struct Reader {
    store: PathBuf,
    view: RwLock<Arc<View>>,
    cache: Mutex<Cache>,
    damage: Mutex<Vec<Damage>>,
}

/// Where an event stands: the source, and the number of its head line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub source: SourceId,
    pub head: u64,
}

/// An event that stands near in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    pub place: Place,
    pub source: Arc<Source>,
    /// A line of it is.
    pub notable: bool,
    /// Of its last line that stands there.
    pub time: Timestamp,
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
        let (view, damage) = View::open(store, None)?;
        Ok(Self::with(store, view, damage))
    }

    /// Reads what the writer has, committed or not.
    #[must_use]
    pub fn of(store: &Path, fresh: Fresh) -> Self {
        let (view, damage) = View::of_fresh(store, fresh, None);
        Self::with(store, view, damage)
    }

    fn with(store: &Path, view: View, damage: Vec<Damage>) -> Self {
        Self {
            store: store.to_owned(),
            view: RwLock::new(Arc::new(view)),
            cache: Mutex::new(Cache::default()),
            damage: Mutex::new(damage),
        }
    }

    /// Goes on with what is committed by now.
    pub fn renew(&self) -> Result<(), StoreError> {
        let (view, damage) = View::open(&self.store, Some(&self.view()))?;
        self.replace(view, damage);
        Ok(())
    }

    /// Goes on with what the writer has by now.
    pub fn renew_with(&self, fresh: Fresh) {
        let (view, damage) = View::of_fresh(&self.store, fresh, Some(&self.view()));
        self.replace(view, damage);
    }

    fn replace(&self, view: View, damage: Vec<Damage>) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        damage.into_iter().for_each(|damage| self.note(damage));
    }

    /// Every event of which a line names the id, in order of time. A head's time decides whether it is in the range;
    /// what has no time is.
    pub fn lines_with(&self, id: &Id, range: TimeRange) -> Vec<StoredEvent> {
        let view = self.view();
        let (mut seen, mut events) = (BTreeSet::new(), Vec::new());
        for blocks in self.naming(&view, id, range).chunks(AT_ONCE) {
            // Their lines are taken while their blocks are at hand.
            let places = self.places_in(blocks, id, range, &|_| true);
            let new = places.into_iter().filter(|place| seen.insert(*place)).collect();
            events.append(&mut self.events_of(&view, new));
        }
        in_range(events, range)
    }

    /// Where the events stand that [`Self::lines_with`] gives, as far as the lines that name the id are `wanted`; some may
    /// turn out to lie outside of the range.
    pub fn places_with(
        &self,
        id: &Id,
        range: TimeRange,
        wanted: impl Fn(&Annotation) -> bool + Sync,
    ) -> BTreeSet<Place> {
        let view = self.view();
        let blocks = self.naming(&view, id, range);
        blocks.chunks(AT_ONCE).flat_map(|blocks| self.places_in(blocks, id, range, &wanted)).collect()
    }

    /// The blocks that may name the id in this stretch of time.
    fn naming<'a>(&self, view: &'a View, id: &Id, range: TimeRange) -> Vec<Found<'a>> {
        let hash = id.stable_hash();
        let mut blocks = Vec::new();
        for segment in overlapping(view, range) {
            let numbers = self.noted(segment.blocks_with_id(hash)).into_iter();
            let found = numbers.filter_map(|number| self.found(view, segment, number));
            blocks.extend(found.filter(|found| found.entry.may_be_in(range)));
        }
        blocks
    }

    fn places_in(
        &self,
        blocks: &[Found<'_>],
        id: &Id,
        range: TimeRange,
        wanted: &(impl Fn(&Annotation) -> bool + Sync),
    ) -> BTreeSet<Place> {
        let is_wanted = |block: &Block| block.rows.annotations.iter().any(wanted);
        self.fetch(blocks.iter(), is_wanted);
        let mut places = BTreeSet::new();
        for found in blocks {
            let Some(block) = self.block(found) else { continue };
            if !is_wanted(&block) || !self.fetch_text(found, &block) {
                continue;
            }
            let rows = block.rows_with(id, range).into_iter();
            let alive = rows.filter(|row| block.rows.numbers[*row] < found.dead_from);
            let told = alive.filter(|row| wanted(&block.rows.annotations[*row]));
            places.extend(told.map(|row| Place { source: found.entry.source, head: block.rows.head(row) }));
        }
        places
    }

    /// The events in this stretch of time that are notable, or at this level or a higher one: of one host, with those of sources whose
    /// host is not known, or of all.
    pub fn events_near(
        &self,
        host: Option<&str>,
        range: TimeRange,
        min_severity: Severity,
    ) -> Vec<StoredEvent> {
        let elsewhere = |source: &Source| {
            let told = source.host.as_ref();
            host.is_some_and(|host| told.is_some_and(|other| !other.eq_ignore_ascii_case(host)))
        };
        let places = self.places_near(range, min_severity).into_iter();
        let near = places.filter(|near| !elsewhere(&near.source));
        in_range(self.events_of(&self.view(), near.map(|near| near.place).collect()), range)
    }

    /// Where events stand in this stretch of time that are notable, or at this level or a higher one, in order; some may
    /// turn out to lie outside of the range.
    pub fn places_near(&self, range: TimeRange, min_severity: Severity) -> Vec<Near> {
        let view = self.view();
        let levels = !(level_bit(min_severity) - 1);
        let mut places: BTreeMap<Place, (bool, Timestamp)> = BTreeMap::new();
        for segment in overlapping(&view, range) {
            let wanted = Wanted { range, levels };
            for (number, entry) in self.entries(segment, wanted) {
                let found = Found { segment, number, entry, dead_from: view.dead_from(segment, &entry) };
                let Some(block) = self.block_with_some(&found, wanted) else { continue };
                for (row, annotation) in block.rows.annotations.iter().enumerate() {
                    let Some(time) = annotation.timestamp.filter(|time| range.contains(*time)) else {
                        continue;
                    };
                    if (annotation.severity >= min_severity || annotation.notable)
                        && block.rows.numbers[row] < found.dead_from
                    {
                        let place = Place { source: entry.source, head: block.rows.head(row) };
                        let (notable, last) = places.entry(place).or_insert((false, time));
                        *notable |= annotation.notable;
                        *last = time.max(*last);
                    }
                }
            }
        }
        let near = |(place, (notable, time)): (Place, (bool, Timestamp))| {
            Some(Near { place, notable, time, source: Arc::clone(view.source(place.source)?) })
        };
        places.into_iter().filter_map(near).collect()
    }

    /// The event at a place, with all its lines.
    pub fn event_at(&self, place: Place) -> Option<StoredEvent> {
        self.event(&self.view(), place.source, place.head)
    }

    /// Every event in this stretch of time, in order of time, a step at a time: to look at everything once more without
    /// holding it all.
    pub fn each_in_order(&self, range: TimeRange, mut visit: impl FnMut(Vec<StoredEvent>)) {
        const STEP_SECONDS: i64 = 20;
        let view = self.view();
        let entries = view.segments.iter().flat_map(|segment| self.entries(segment, Wanted::ALL));
        let mut blocks: Vec<TimeRange> =
            entries.map(|(_, entry)| entry.time).filter(|time| time.start <= time.end).collect();
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

    /// The lines of a source from one number to another, to show what stands around a line.
    pub fn at(&self, source: SourceId, lines: RangeInclusive<u64>) -> Vec<(Line, Annotation)> {
        let view = self.view();
        let mut rows = Vec::new();
        for segment in &view.segments {
            for number in self.noted(segment.places(source, *lines.start(), *lines.end())) {
                let Some(found) = self.found(&view, segment, number) else { continue };
                if found.entry.last < *lines.start() {
                    continue;
                }
                let Some(block) = self.block_with_text(&found) else { continue };
                let wanted = |number: &u64| lines.contains(number) && *number < found.dead_from;
                let numbers = block.rows.numbers.iter().enumerate().filter(|(_, number)| wanted(number));
                rows.extend(numbers.map(|(row, _)| (line(&block, row), block.rows.annotations[row].clone())));
            }
        }
        rows.sort_by_key(|(line, _)| line.number);
        rows
    }

    #[must_use]
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        self.view().manifest.checkpoints.get().to_vec()
    }

    pub fn sources(&self) -> Vec<(SourceId, Arc<Source>)> {
        (0..).map(SourceId).zip(self.view().manifest.sources.iter().cloned()).collect()
    }

    /// The newest source of this path.
    #[must_use]
    pub fn find_source(&self, path: &str) -> Option<SourceId> {
        let view = self.view();
        let ids = (0..).map(SourceId).zip(view.manifest.sources.iter());
        ids.filter(|(_, source)| source.path == path).last().map(|(id, _)| id)
    }

    /// What the writer was told of requests: the newest value of each key.
    pub fn summaries(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.remembered(|manifest| self.read_summaries(manifest))
    }

    /// The newest value of one key.
    pub fn summary(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.remembered(|manifest| {
            for &number in manifest.summaries.iter().rev() {
                let found = find_summary(&summary_path(&self.store, number), key)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        })
    }

    /// What the writer was told since `seen`, which is brought up to date; some of it may have been told before.
    pub fn summaries_since(&self, seen: &mut BTreeSet<u64>) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let files = &self.view().manifest.summaries;
        let mut new = BTreeMap::new();
        for &file in files.iter().filter(|file| !seen.contains(file)) {
            match read_summaries(&summary_path(&self.store, file)) {
                Ok(told) => new.extend(told),
                // A writer may have put the files together since this reader was renewed: the next one is read instead.
                Err(_) => continue,
            }
        }
        *seen = files.iter().copied().collect();
        new
    }

    /// The number of the last line of each source.
    #[must_use]
    pub fn last_lines(&self) -> Vec<(SourceId, u64)> {
        (0..).map(SourceId).zip(self.view().manifest.ends.iter().map(|end| end.number)).collect()
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        let view = self.view();
        let mut stats =
            Stats { sources: view.manifest.sources.len(), segments: view.segments.len(), ..Stats::default() };
        for info in &view.manifest.segments {
            stats.add(info.blocks, info.lines, info.raw, info.time);
        }
        for segment in &view.segments {
            if let Segment::Open(open) = &**segment {
                let add = |entry: &Entry| stats.add(1, entry.count.into(), entry.raw.into(), entry.time);
                open.entries.iter().for_each(add);
            }
        }
        stats
    }

    /// What could not be read so far: the answers may lack something. Each part is listed once.
    #[must_use]
    pub fn damage(&self) -> Vec<Damage> {
        locked(&self.damage).clone()
    }

    fn remembered<T: Default>(&self, read: impl Fn(&Manifest) -> Result<T, StoreError>) -> T {
        // A writer may have put the files together since this reader was opened.
        let again = || Manifest::read(&self.store).and_then(|now| read(&now));
        read(&self.view().manifest).or_else(|error| again().map_err(|_| error)).unwrap_or_else(|error| {
            let what = format!("{error}; the list of requests is missing");
            self.note(Damage { path: self.store.join("summaries"), what });
            T::default()
        })
    }

    fn read_summaries(&self, manifest: &Manifest) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        let mut all = BTreeMap::new();
        for &number in &manifest.summaries {
            all.extend(read_summaries(&summary_path(&self.store, number))?);
        }
        Ok(all)
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn entries(&self, segment: &Segment, wanted: Wanted) -> Vec<(u32, Entry)> {
        let mut entries = Vec::new();
        let outcome = segment.each_entry(wanted, &mut |number, entry| entries.push((number, *entry)));
        self.noted(outcome);
        entries
    }

    pub(crate) fn found<'a>(&self, view: &View, segment: &'a Segment, number: u32) -> Option<Found<'a>> {
        let entry = self.noted(segment.entry(number).map(Some))?;
        Some(Found { segment, number, entry, dead_from: view.dead_from(segment, &entry) })
    }

    pub(crate) fn event(&self, view: &View, source: SourceId, head: u64) -> Option<StoredEvent> {
        self.events_of(view, vec![Place { source, head }]).pop()
    }

    /// Those of which the text is not there to be looked at.
    pub(crate) fn absent<'a, 'b: 'a>(
        &self,
        blocks: impl Iterator<Item = &'a Found<'b>>,
    ) -> Vec<&'a Found<'b>> {
        let cache = locked(&self.cache);
        blocks.filter(|found| !cache.has_text(found.place())).collect()
    }

    pub(crate) fn block(&self, found: &Found<'_>) -> Option<Arc<Block>> {
        self.cached(found, || found.segment.block(&found.entry, found.number).map(Some))
    }

    /// The block, unless none of its lines is wanted; when that costs nothing, also then.
    fn block_with_some(&self, found: &Found<'_>, wanted: Wanted) -> Option<Arc<Block>> {
        self.cached(found, || found.segment.block_with(&found.entry, found.number, wanted))
    }

    fn cached(
        &self,
        found: &Found<'_>,
        read: impl FnOnce() -> Result<Option<Block>, Damage>,
    ) -> Option<Arc<Block>> {
        let place = found.place();
        if let Some(block) = locked(&self.cache).get(place) {
            return Some(block);
        }
        let block = self.noted(read())?;
        Some(locked(&self.cache).insert(place, block, &found.entry))
    }

    pub(crate) fn block_with_text(&self, found: &Found<'_>) -> Option<Arc<Block>> {
        let block = self.block(found)?;
        self.fetch_text(found, &block).then_some(block)
    }

    /// Whether it is there.
    pub(crate) fn fetch_text(&self, found: &Found<'_>, block: &Block) -> bool {
        if block.text.get().is_none() {
            match found.segment.text(&found.entry) {
                Ok(text) => drop(block.text.set(text)),
                Err(damage) => self.note(damage),
            }
        }
        block.text.get().is_some()
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

/// A block, and what is known of it.
pub(crate) struct Found<'a> {
    pub(crate) segment: &'a Segment,
    pub(crate) number: u32,
    pub(crate) entry: Entry,
    pub(crate) dead_from: u64,
}

impl Found<'_> {
    const fn place(&self) -> (u64, u32) {
        (self.segment.number(), self.number)
    }
}

/// The segments that may hold something of this stretch of time.
fn overlapping(view: &View, range: TimeRange) -> impl Iterator<Item = &Arc<Segment>> {
    view.segments.iter().filter(move |segment| {
        let time = segment.time();
        time.start <= range.end && range.start <= time.end
    })
}

impl Stats {
    fn add(&mut self, blocks: u64, lines: u64, raw: u64, time: TimeRange) {
        self.blocks += usize::try_from(blocks).unwrap_or(usize::MAX);
        self.lines += lines;
        self.bytes += raw;
        if time.start <= time.end {
            let all = self.time.get_or_insert(time);
            all.start = all.start.min(time.start);
            all.end = all.end.max(time.end);
        }
    }
}

/// In order of time; a head's time decides.
fn in_range(mut events: Vec<StoredEvent>, range: TimeRange) -> Vec<StoredEvent> {
    events.retain(|event| event.annotation.timestamp.is_none_or(|time| range.contains(time)));
    events.sort_by_key(StoredEvent::order);
    events
}

impl StoredEvent {
    #[must_use]
    pub fn place(&self) -> Place {
        let first = self.lines.first().map_or(0, |line| line.number);
        Place { source: self.source_id, head: self.annotation.continues.unwrap_or(first) }
    }

    pub(crate) fn order(&self) -> (Option<Timestamp>, SourceId, u64) {
        (self.annotation.timestamp, self.source_id, self.lines.first().map_or(0, |line| line.number))
    }
}

fn line(block: &Block, row: usize) -> Line {
    Line { number: block.rows.numbers[row], text: block.line(row).to_vec() }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The blocks that were used last: answers come back to the same ones again and again.
struct Cache {
    blocks: LruCache<(u64, u32), (Arc<Block>, usize)>,
    bytes: usize,
}

/// Of text, unpacked, and what is known of its lines.
const CACHE_BYTES: usize = 48 << 20;
const ROW_BYTES: usize = size_of::<Annotation>() + 2 * size_of::<u64>();

impl Default for Cache {
    fn default() -> Self {
        Self { blocks: LruCache::unbounded(), bytes: 0 }
    }
}

impl Cache {
    fn get(&mut self, place: (u64, u32)) -> Option<Arc<Block>> {
        self.blocks.get(&place).map(|(block, _)| Arc::clone(block))
    }

    fn has_text(&self, place: (u64, u32)) -> bool {
        self.blocks.peek(&place).is_some_and(|(block, _)| block.text.get().is_some())
    }

    fn insert(&mut self, place: (u64, u32), block: Block, entry: &Entry) -> Arc<Block> {
        let bytes = entry.raw as usize + entry.count as usize * ROW_BYTES;
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
