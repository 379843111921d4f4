use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Annotation, Line, Source, Timestamp};

use crate::block::Draft;
use crate::codec::{Decoder, Encoder};
use crate::compaction::Compaction;
use crate::counts::Key;
use crate::finishing::{Finishing, MAX_FINISHING, Pending};
use crate::fresh::{Fresh, Garbage, snapshot_number};
use crate::manifest::{Checkpoints, Dead, End, Manifest, sync_folder, write_synced};
use crate::merge::{self, Expected};
use crate::open_segment::OpenSegment;
use crate::segment::{self, Segment};
use crate::segment_writer::SegmentWriter;
use crate::{Checkpoint, SourceId, StoreError};

#[derive(Clone, Debug)]
pub struct Options {
    /// A segment ends at this many bytes of text.
    pub segment_bytes: usize,
    /// So many bytes of text may wait until they fill a block, over all sources.
    pub draft_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, draft_bytes: 32 << 20 }
    }
}

/// The one that writes to a store. Nothing that it was given exists before [`Writer::commit`], save for readers in this
/// process that ask for what is [`Writer::fresh`].
pub struct Writer {
    store: PathBuf,
    options: Options,
    /// As the next commit will publish it.
    manifest: Manifest,
    drafts: BTreeMap<SourceId, DayDraft>,
    draft_bytes: usize,
    /// Drafts that were written: to fill their memory again is cheaper than to ask for new.
    spare: Vec<Draft>,
    /// By day.
    open: BTreeMap<i64, SegmentWriter>,
    /// Of the last block of each source.
    days: BTreeMap<SourceId, i64>,
    summaries: BTreeMap<Vec<u8>, Vec<u8>>,
    changed: bool,
    /// In no manifest yet, oldest first.
    finishing: Vec<Finishing>,
    /// Waits for all segments that were being finished when it was started.
    pending: Option<Pending>,
    compaction: Compaction,
    garbage: Garbage,
    /// Unlocks when it is dropped, and when the process dies.
    _lock: File,
}

/// Lines of one source and one day that wait until they fill a block.
struct DayDraft {
    /// None as long as no line has a time.
    day: Option<i64>,
    draft: Arc<Draft>,
}

/// So many files of summaries are put together into one.
const MAX_SUMMARY_FILES: usize = 8;

/// Of drafts that wait to be filled again: a few megabytes.
const MAX_SPARE: usize = 4;

/// So many days are written at a time, and so many bytes of text wait in their segments. Files are imported one after
/// the other, and each may tell of many days.
const MAX_OPEN_DAYS: usize = 32;
const MAX_OPEN_BYTES: usize = 128 << 20;

/// A clock that lies makes no more days than these; what belongs to another day goes to the nearest.
const MAX_DAYS: usize = 1000;

impl Writer {
    /// Opens the store, or makes one in a folder that is empty or does not exist. Removes what a writer that died
    /// left uncommitted.
    pub fn open(store: &Path, options: Options) -> Result<Self, StoreError> {
        fs::create_dir_all(store).map_err(StoreError::io("create", store))?;
        refuse_other_folders(store)?;
        let lock = lock(store)?;
        let known = match Manifest::read(store) {
            Err(StoreError::Missing { .. }) => None,
            other => Some(other?),
        };
        for folder in ["segments", "summaries"] {
            let path = store.join(folder);
            fs::create_dir_all(&path).map_err(StoreError::io("create", &path))?;
        }
        if known.is_none() {
            // Or else a power failure could take the whole store, commits and all.
            sync_folder(store)?;
            sync_folder(&store.join(".."))?;
        }
        // A store without a line is one too: its first commit says so.
        let changed = known.is_none();
        let manifest = known.unwrap_or_default();
        remove_uncommitted(store, &manifest)?;
        Ok(Self {
            store: store.to_owned(),
            options,
            manifest,
            drafts: BTreeMap::new(),
            draft_bytes: 0,
            spare: Vec::new(),
            open: BTreeMap::new(),
            days: BTreeMap::new(),
            summaries: BTreeMap::new(),
            changed,
            finishing: Vec::new(),
            pending: None,
            compaction: Compaction::default(),
            garbage: Garbage::default(),
            _lock: lock,
        })
    }

    /// How far each source was read, as of the last commit.
    #[must_use]
    pub fn checkpoints(&self) -> &[Checkpoint] {
        self.manifest.checkpoints.get()
    }

    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.manifest.sources.get(id).map(Arc::as_ref)
    }

    /// The number of the last line of a source; 0 when it has none.
    #[must_use]
    pub fn last_line(&self, id: SourceId) -> u64 {
        let written = self.manifest.ends.get(id.0 as usize).map_or(0, |end| end.number);
        let draft = self.drafts.get(&id).and_then(|draft| draft.draft.rows.numbers.last().copied());
        draft.unwrap_or(written).max(written)
    }

    /// A new source, also when one of the same path exists: that one's file was rewritten.
    pub fn add_source(&mut self, source: &Source) -> SourceId {
        let id = u32::try_from(self.manifest.sources.len()).expect("fewer than four thousand million files");
        self.manifest.sources.push(source.clone());
        self.manifest.ends.push(End::default());
        self.changed = true;
        SourceId(id)
    }

    /// Takes the next lines of a source, in order. The last line of a source may come again, under its number, when
    /// it had been read half: it replaces the half.
    pub fn append(&mut self, source: SourceId, lines: &[(Line, Annotation)]) -> Result<(), StoreError> {
        self.go_on()?;
        for (line, annotation) in lines {
            let day = annotation.timestamp.map(day_of);
            // Clocks do not go backwards: a line of an earlier day belongs to its neighbours.
            if self.drafts.get(&source).is_some_and(|draft| draft.day.is_some() && draft.day < day) {
                self.write_draft(source)?;
            }
            let DayDraft { day: known, draft } = self.drafts.entry(source).or_insert_with(|| DayDraft {
                day: None,
                draft: Arc::new(self.spare.pop().unwrap_or_default()),
            });
            *known = known.or(day);
            let draft = Arc::make_mut(draft);
            self.draft_bytes -= draft.text.len();
            draft.push(line, annotation);
            self.draft_bytes += draft.text.len();
            if draft.is_full() {
                self.write_draft(source)?;
            }
        }
        self.changed |= !lines.is_empty();
        if self.draft_bytes > self.options.draft_bytes {
            self.write_drafts()?;
        }
        Ok(())
    }

    /// Remembers what was found out about requests, for lists. The newest value of a key counts.
    pub fn put_summaries(&mut self, summaries: Vec<(Vec<u8>, Vec<u8>)>) {
        self.changed |= !summaries.is_empty();
        self.summaries.extend(summaries);
    }

    /// Makes everything so far durable, and the checkpoints with it, in one step. A checkpoint replaces the one of
    /// the same source. After an error the writer is of no use any more: what it wrote since the last commit is lost.
    pub fn commit(&mut self, checkpoints: Vec<Checkpoint>) -> Result<(), StoreError> {
        self.start_commit(checkpoints)?;
        self.end_commit()
    }

    /// Begins to make everything so far durable; what is appended from now on belongs to the next commit. The commit
    /// goes on beside the writing and ends with a later call of the writer: see [`Self::is_committing`].
    pub fn start_commit(&mut self, checkpoints: Vec<Checkpoint>) -> Result<(), StoreError> {
        self.end_commit()?;
        self.take_merged(self.compaction.lags(&self.manifest.segments));
        if !self.changed && checkpoints.is_empty() {
            return Ok(());
        }
        let replaced = self.prepare(checkpoints)?;
        self.pending =
            Some(Pending { manifest: self.manifest.clone(), segments: self.finishing.len(), replaced });
        self.changed = false;
        Ok(())
    }

    /// Whether a commit that was started is not durable yet.
    pub fn is_committing(&mut self) -> Result<bool, StoreError> {
        self.go_on()?;
        Ok(self.pending.is_some())
    }

    /// Commits, and puts segments together until there is nothing left to put together. Otherwise that happens beside
    /// the writing.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        self.commit(Vec::new())?;
        loop {
            self.start_merge(Expected::NoneOfThePast);
            if !self.compaction.is_running() {
                return self.commit(Vec::new());
            }
            self.take_merged(true);
            self.commit(Vec::new())?;
        }
    }

    /// Drops whole segments, the oldest days first: those whose lines are all older than `oldest`, then more, until the
    /// segments take no more than `most_bytes` on the disk; the newest day stays. Lines without a time are as old as
    /// their neighbours. Commits.
    pub fn retain(
        &mut self,
        oldest: Option<Timestamp>,
        most_bytes: Option<u64>,
    ) -> Result<Dropped, StoreError> {
        self.commit(Vec::new())?;
        self.take_merged(true);
        let report = self.would_drop(oldest, most_bytes);
        let first_kept = self.first_day_kept(oldest.map(day_of), most_bytes.unwrap_or(u64::MAX));
        let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut self.manifest.segments)
            .into_iter()
            .partition(|segment| segment.day >= first_kept);
        self.manifest.segments = kept;
        for segment in &dropped {
            self.manifest.dead.retain(|dead| dead.segment != segment.number);
            self.garbage.folders.push(segment::folder(&self.store, segment.number));
        }
        self.changed |= !dropped.is_empty();
        self.garbage.wait();
        self.commit(Vec::new())?;
        // Whoever asked for room has it now.
        self.garbage.wait();
        Ok(report)
    }

    /// What [`Self::retain`] would drop of what is committed.
    #[must_use]
    pub fn would_drop(&self, oldest: Option<Timestamp>, most_bytes: Option<u64>) -> Dropped {
        let first_kept = self.first_day_kept(oldest.map(day_of), most_bytes.unwrap_or(u64::MAX));
        let old = self.manifest.segments.iter().filter(|segment| segment.day < first_kept);
        let mut report = Dropped::default();
        let mut days = BTreeSet::new();
        for segment in old {
            days.insert(segment.day);
            report.segments += 1;
            report.lines += segment.lines;
            report.bytes += segment.disk;
        }
        report.days = days.len();
        report
    }

    /// What was appended so far, committed or not: for readers in this process.
    pub fn fresh(&mut self) -> Result<Fresh, StoreError> {
        let formats: Arc<[&'static str]> = self.manifest.formats.as_slice().into();
        let mut open = Vec::new();
        for segment in self.open.values_mut() {
            open.push(OpenSegment::of_blocks(segment.number, segment.snapshot()?, &formats));
        }
        let drafts = self.drafts.iter().filter(|(_, draft)| !draft.draft.is_empty());
        let drafts: Vec<(SourceId, Arc<Draft>)> =
            drafts.map(|(source, draft)| (*source, Arc::clone(&draft.draft))).collect();
        let mut manifest = self.manifest.clone();
        if !drafts.is_empty() {
            // Half lines whose whole is in a draft.
            let mut halves = Vec::new();
            for (source, draft) in &drafts {
                let first = draft.rows.numbers.first().copied().unwrap_or(u64::MAX);
                let end = self.manifest.ends[source.0 as usize];
                if end.number >= first {
                    open.iter_mut().for_each(|segment| segment.supersede(*source, first));
                    manifest.dead.extend(self.dead_lines(*source, first));
                    halves.extend(end.counted);
                }
            }
            open.push(OpenSegment::of_drafts(snapshot_number(), &drafts, &halves));
        }
        let finishing = self.finishing.iter().map(|segment| Arc::clone(&segment.blocks));
        let open = open.into_iter().map(|segment| Arc::new(Segment::Open(Box::new(segment))));
        let pin = Arc::clone(&self.garbage.pin);
        Ok(Fresh { manifest, segments: finishing.chain(open).collect(), pin })
    }

    /// Why segments could not be put together so far. They answer all the same.
    #[must_use]
    pub fn troubles(&self) -> &[String] {
        &self.compaction.troubles
    }

    /// Writes everything but the manifest, or has it written; gives the summary files that the new manifest no longer
    /// names.
    fn prepare(&mut self, checkpoints: Vec<Checkpoint>) -> Result<Vec<u64>, StoreError> {
        self.write_drafts()?;
        while let Some(day) = self.open.keys().next().copied() {
            self.finish_segment(day)?;
        }
        let replaced = self.write_summaries()?;
        let known = std::mem::take(&mut self.manifest.checkpoints);
        let mut all: BTreeMap<SourceId, Checkpoint> =
            known.into_vec().into_iter().map(|checkpoint| (checkpoint.source, checkpoint)).collect();
        all.extend(checkpoints.into_iter().map(|checkpoint| (checkpoint.source, checkpoint)));
        self.manifest.checkpoints = Checkpoints::of(all.into_values().collect());
        Ok(replaced)
    }

    /// Ends a commit that was started, if that takes no waiting.
    fn go_on(&mut self) -> Result<(), StoreError> {
        let Some(pending) = &self.pending else { return Ok(()) };
        let waits = self.finishing.iter().take(pending.segments).any(Finishing::is_running);
        if waits { Ok(()) } else { self.end_commit() }
    }

    fn end_commit(&mut self) -> Result<(), StoreError> {
        let Some(Pending { mut manifest, segments, replaced }) = self.pending.take() else { return Ok(()) };
        let mut finished = Vec::new();
        for mut segment in self.finishing.drain(..segments) {
            finished.push(segment.wait()?);
        }
        for manifest in [&mut manifest, &mut self.manifest] {
            manifest.segments.extend(finished.iter().cloned());
            manifest.segments.sort_by_key(|segment| segment.number);
        }
        manifest.publish(&self.store)?;
        self.compaction.count_commit();
        self.garbage.collect();
        for number in replaced {
            let path = summary_path(&self.store, number);
            fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        }
        self.start_merge(Expected::More);
        Ok(())
    }

    fn write_drafts(&mut self) -> Result<(), StoreError> {
        let sources: Vec<SourceId> = self.drafts.keys().copied().collect();
        sources.into_iter().try_for_each(|source| self.write_draft(source))
    }

    fn write_draft(&mut self, source: SourceId) -> Result<(), StoreError> {
        let Some(DayDraft { day, draft }) = self.drafts.remove(&source) else { return Ok(()) };
        self.draft_bytes -= draft.text.len();
        let (Some(first), Some(last)) = (draft.rows.numbers.first(), draft.rows.numbers.last()) else {
            return Ok(());
        };
        let counted = draft.rows.annotations.last().and_then(|annotation| Key::of(source, annotation));
        let end = End { number: *last, counted };
        let before = std::mem::replace(&mut self.manifest.ends[source.0 as usize], end);
        let comes_again = before.number >= *first;
        if comes_again {
            self.supersede(source, *first);
        }
        let day = self.partition(source, day);
        self.days.insert(source, day);
        if !self.open.contains_key(&day) {
            self.make_room()?;
            let number = self.manifest.take_number();
            self.open.insert(day, SegmentWriter::create(&self.store, number, day)?);
        }
        let segment = self.open.get_mut(&day).expect("it was inserted");
        segment.add(source, &draft, &mut self.manifest.formats)?;
        if let Some(half) = before.counted.filter(|_| comes_again) {
            segment.take_back(half);
        }
        if self.spare.len() < MAX_SPARE
            && let Ok(draft) = Arc::try_unwrap(draft)
        {
            self.spare.push(draft.emptied());
        }
        if segment.raw >= self.options.segment_bytes {
            self.finish_segment(day)?;
        }
        Ok(())
    }

    /// The day whose segment takes a draft.
    fn partition(&self, source: SourceId, day: Option<i64>) -> i64 {
        let newest = || self.open.keys().next_back().copied();
        let wanted = day.or_else(|| self.days.get(&source).copied()).or_else(newest).unwrap_or(0);
        if self.open.contains_key(&wanted) {
            return wanted;
        }
        let mut known: BTreeSet<i64> = self.manifest.segments.iter().map(|segment| segment.day).collect();
        known.extend(self.open.keys());
        if known.contains(&wanted) || known.len() < MAX_DAYS {
            return wanted;
        }
        known.into_iter().min_by_key(|day| day.abs_diff(wanted)).unwrap_or(wanted)
    }

    /// Finishes the largest open segment when too much is open.
    fn make_room(&mut self) -> Result<(), StoreError> {
        let raw: usize = self.open.values().map(|segment| segment.raw).sum();
        if self.open.len() < MAX_OPEN_DAYS && raw < MAX_OPEN_BYTES {
            return Ok(());
        }
        let largest = self.open.iter().max_by_key(|(_, segment)| segment.raw).map(|(day, _)| *day);
        largest.map_or(Ok(()), |day| self.finish_segment(day))
    }

    /// Lines of a source from this number on come again.
    fn supersede(&mut self, source: SourceId, from: u64) {
        self.open.values_mut().for_each(|segment| segment.supersede(source, from));
        let dead = self.dead_lines(source, from);
        self.manifest.dead.extend(dead);
    }

    fn dead_lines(&self, source: SourceId, from: u64) -> Vec<Dead> {
        let segments = self.manifest.segments.iter().map(|segment| segment.number);
        let holding = segments.filter(|number| {
            let spans = segment::read_spans(&self.store, *number);
            spans.is_none_or(|spans| spans.get(&source).is_some_and(|span| span.last >= from))
        });
        let finishing = self.finishing.iter().filter(|segment| segment.holds(source, from));
        let holding = holding.chain(finishing.map(Finishing::number));
        holding.map(|segment| Dead { segment, source, from }).collect()
    }

    fn finish_segment(&mut self, day: i64) -> Result<(), StoreError> {
        let Some(segment) = self.open.remove(&day) else { return Ok(()) };
        if self.finishing.iter().filter(|segment| segment.is_running()).count() >= MAX_FINISHING
            && let Some(oldest) = self.finishing.iter_mut().find(|segment| segment.is_running())
        {
            oldest.wait()?;
        }
        let formats: Arc<[&'static str]> = self.manifest.formats.as_slice().into();
        self.finishing.push(Finishing::start(segment, &formats)?);
        Ok(())
    }

    fn start_merge(&mut self, expected: Expected) {
        let Self { store, manifest, compaction, .. } = self;
        compaction.start(store, manifest, expected);
    }

    /// Puts the outcome of a merge into the next manifest.
    fn take_merged(&mut self, wait: bool) {
        let Some((task, merged)) = self.compaction.outcome(wait) else { return };
        for input in &task.inputs {
            self.manifest.segments.retain(|segment| segment.number != input.number);
            self.garbage.folders.push(segment::folder(&self.store, input.number));
        }
        merge::retarget(&mut self.manifest.dead, &task, merged.number);
        self.manifest.segments.push(merged);
        self.manifest.segments.sort_by_key(|segment| segment.number);
        self.changed = true;
    }

    fn first_day_kept(&self, oldest: Option<i64>, most_bytes: u64) -> i64 {
        let mut days = BTreeMap::<i64, u64>::new();
        for segment in &self.manifest.segments {
            *days.entry(segment.day).or_default() += segment.disk;
        }
        let Some(newest) = days.keys().next_back().copied() else { return i64::MIN };
        let mut bytes = 0;
        let fitting = days.iter().rev().take_while(|(_, disk)| {
            bytes += *disk;
            bytes <= most_bytes
        });
        let by_size = fitting.map(|(day, _)| *day).last().unwrap_or(newest);
        by_size.max(oldest.unwrap_or(i64::MIN)).min(newest)
    }

    fn write_summaries(&mut self) -> Result<Vec<u64>, StoreError> {
        let mut summaries = std::mem::take(&mut self.summaries);
        if summaries.is_empty() {
            return Ok(Vec::new());
        }
        let mut replaced = Vec::new();
        if self.manifest.summaries.len() >= MAX_SUMMARY_FILES {
            replaced = std::mem::take(&mut self.manifest.summaries);
            let mut all = BTreeMap::new();
            for &number in &replaced {
                all.extend(read_summaries(&summary_path(&self.store, number))?);
            }
            all.extend(summaries);
            summaries = all;
        }
        let number = self.manifest.take_number();
        write_synced(&summary_path(&self.store, number), &encode_summaries(&summaries))?;
        sync_folder(&self.store.join("summaries"))?;
        self.manifest.summaries.push(number);
        Ok(replaced)
    }
}

/// What [`Writer::retain`] dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub days: usize,
    pub segments: usize,
    pub lines: u64,
    /// On the disk.
    pub bytes: u64,
}

fn day_of(time: Timestamp) -> i64 {
    const DAY: i64 = 86_400 * 1_000_000_000;
    time.nanos().div_euclid(DAY)
}

impl Manifest {
    pub(crate) const fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

/// Never fill a folder with a store that was meant for something else.
fn refuse_other_folders(store: &Path) -> Result<(), StoreError> {
    const OURS: [&str; 5] = ["manifest", "manifest.new", "lock", "segments", "summaries"];
    for entry in fs::read_dir(store).map_err(StoreError::io("list", store))? {
        let name = entry.map_err(StoreError::io("list", store))?.file_name();
        if !OURS.iter().any(|ours| name == *ours) {
            return Err(StoreError::NotAStore { path: store.to_owned() });
        }
    }
    Ok(())
}

fn lock(store: &Path) -> Result<File, StoreError> {
    let path = store.join("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(StoreError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {
            let sign = |file: &mut File| {
                file.set_len(0).and_then(|()| write!(file, "process {}", std::process::id()))
            };
            sign(&mut file).map_err(StoreError::io("write", &path))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::Locked { path: store.to_owned(), holder: holder(&mut file) })
        }
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path)(error)),
    }
}

/// Who writes into a store now: `process 4711`. None when nobody does, or nothing tells.
#[must_use]
pub fn writer_of(store: &Path) -> Option<String> {
    let mut file = File::open(store.join("lock")).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        _ => None,
    }
}

fn holder(lock: &mut File) -> String {
    let mut holder = String::new();
    let known = lock.read_to_string(&mut holder).is_ok() && !holder.is_empty();
    if known { holder } else { "another process".to_owned() }
}

/// What no manifest names was never committed, or was replaced.
fn remove_uncommitted(store: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    let mut keep: Vec<PathBuf> =
        manifest.segments.iter().map(|segment| segment::folder(store, segment.number)).collect();
    keep.extend(manifest.summaries.iter().map(|number| summary_path(store, *number)));
    for folder in ["segments", "summaries"] {
        let folder = store.join(folder);
        for entry in fs::read_dir(&folder).map_err(StoreError::io("list", &folder))? {
            let path = entry.map_err(StoreError::io("list", &folder))?.path();
            if !keep.contains(&path) {
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed.map_err(StoreError::io("remove", &path))?;
            }
        }
    }
    let new = store.join("manifest.new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", &new)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn summary_path(store: &Path, number: u64) -> PathBuf {
    store.join("summaries").join(number.to_string())
}

fn encode_summaries(summaries: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
    let mut out = Encoder::default();
    out.number(summaries.len() as u64);
    for (key, value) in summaries {
        out.bytes(key);
        out.bytes(value);
    }
    out.seal()
}

/// Keys and values.
type Summaries = Vec<(Vec<u8>, Vec<u8>)>;

pub(crate) fn read_summaries(path: &Path) -> Result<Summaries, StoreError> {
    let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
    decode_summaries(&bytes).ok_or_else(|| StoreError::Damaged { path: path.to_owned() })
}

/// The value of one key, without a copy of all the others.
pub(crate) fn find_summary(path: &Path, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let damaged = || StoreError::Damaged { path: path.to_owned() };
    let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
    let mut from = Decoder::unseal(&bytes).ok_or_else(damaged)?;
    for _ in 0..from.number().ok_or_else(damaged)? {
        let (known, value) = (from.bytes().ok_or_else(damaged)?, from.bytes().ok_or_else(damaged)?);
        if known == key {
            return Ok(Some(value.to_vec()));
        }
    }
    Ok(None)
}

fn decode_summaries(bytes: &[u8]) -> Option<Summaries> {
    Decoder::unseal(bytes)?.list(|from| Some((from.bytes()?.to_vec(), from.bytes()?.to_vec())))
}

impl fmt::Debug for Writer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Writer").field("store", &self.store).finish_non_exhaustive()
    }
}
