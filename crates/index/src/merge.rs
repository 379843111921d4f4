//! Puts segments of one day together, so that their number stays small whatever was stored.
//!
//! Large segments are joined byte for byte: their blocks are copied, their tables put one behind the other, their ids
//! merged as a stream, their words by tantivy. Many small commits leave blocks of a few lines, which compress badly:
//! such segments are small, and are written anew. Memory holds what is known of the blocks, never the blocks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::Line;

use crate::block::{Block, Draft, MAX_BYTES};
use crate::counts::{self, CountsAt, MergedRows};
use crate::directory::{Entry, Place};
use crate::ids::Pair;
use crate::manifest::{Dead, SegmentInfo};
use crate::segment::{Row, Stored, blocks_path, folder, words_path};
use crate::segment_writer::{BlocksFile, SegmentWriter, words_error};
use crate::table::wrong;
use crate::{Damage, StoreError, words_merge};

/// So many segments of like size make one. A larger number means fewer copies and more segments to ask.
const FAN_IN: usize = 8;
/// Nothing larger is made than this many bytes of text …
const MAX_RAW: u64 = 4 << 30;
/// … and nothing larger is written anew.
const MAX_REWRITTEN: u64 = 128 << 20;
/// Segments of up to 64 MiB of text: a year of days must not need a thousand open files.
const SMALL_TIER: u32 = 3;

/// What is to be put together.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) inputs: Vec<SegmentInfo>,
    /// Of the new segment.
    pub(crate) number: u64,
    pub(crate) dead: Vec<Dead>,
    pub(crate) formats: Arc<[&'static str]>,
}

/// Why a merge came to nothing. The segments stay as they are.
#[derive(Debug)]
pub(crate) enum Failure {
    Cancelled,
    Damaged(u64, Damage),
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// More segments of any day.
    More,
    /// None of a past day: its small ones need not wait until they are many.
    NoneOfThePast,
}

/// Segments of one day and of like size, once there are enough of them; the small ones first.
pub(crate) fn choose<'a>(
    segments: impl Iterator<Item = &'a SegmentInfo>,
    expected: Expected,
) -> Option<Vec<SegmentInfo>> {
    let mut tiers = BTreeMap::<(u32, i64), Vec<&SegmentInfo>>::new();
    for segment in segments.filter(|segment| segment.raw < MAX_RAW / 2) {
        tiers.entry((tier(segment.raw), segment.day)).or_default().push(segment);
    }
    let today = tiers.keys().map(|(_, day)| *day).max()?;
    let is_due = |((tier, day), segments): &(_, Vec<_>)| {
        let past = expected == Expected::NoneOfThePast && *day < today && *tier <= SMALL_TIER;
        segments.len() >= if past { 2 } else { FAN_IN }
    };
    let (_, chosen) = tiers.into_iter().find(is_due)?;
    let mut raw = 0;
    let fitting = chosen.into_iter().take(FAN_IN).take_while(|segment| {
        raw += segment.raw;
        raw <= MAX_RAW
    });
    Some(fitting.cloned().collect())
}

/// Each tier is eight times the one before; the highest one begins at half a gibibyte.
fn tier(raw: u64) -> u32 {
    const LOWEST: u64 = 128 << 10;
    (raw / LOWEST).checked_ilog2().map_or(0, |doublings| doublings / 3 + 1)
}

/// Makes the new segment durable; nothing names it yet.
pub(crate) fn run(store: &Path, task: &Task, cancel: &AtomicBool) -> Result<SegmentInfo, Failure> {
    let outcome = Merge::open(store, task, cancel).and_then(|merge| merge.run());
    if outcome.is_err() {
        // Whatever is left of it: the next writer removes what no manifest names.
        drop(fs::remove_dir_all(folder(store, task.number)));
    }
    outcome
}

struct Merge<'a> {
    store: &'a Path,
    task: &'a Task,
    cancel: &'a AtomicBool,
    inputs: Vec<Stored>,
}

impl<'a> Merge<'a> {
    fn open(store: &'a Path, task: &'a Task, cancel: &'a AtomicBool) -> Result<Self, Failure> {
        let open = |info: &SegmentInfo| {
            Stored::open(store, info, &task.formats).map_err(|damage| Failure::Damaged(info.number, damage))
        };
        let inputs = task.inputs.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { store, task, cancel, inputs })
    }

    fn run(self) -> Result<SegmentInfo, Failure> {
        let sum = |of: fn(&SegmentInfo) -> u64| self.task.inputs.iter().map(of).sum::<u64>();
        let (raw, blocks) = (sum(|input| input.raw), sum(|input| input.blocks));
        let sparse = raw / blocks.max(1) < MAX_BYTES as u64 / 16;
        if sparse && raw <= MAX_REWRITTEN { self.rewrite() } else { self.join() }
    }

    fn go_on(&self) -> Result<(), Failure> {
        if self.cancel.load(Ordering::Relaxed) { Err(Failure::Cancelled) } else { Ok(()) }
    }

    fn day(&self) -> i64 {
        self.task.inputs.first().map_or(0, |input| input.day)
    }

    /// From which line on a block's lines are not to be seen.
    fn dead_from(&self, segment: u64, entry: &Entry) -> u64 {
        let dead =
            self.task.dead.iter().filter(|dead| dead.segment == segment && dead.source == entry.source);
        dead.map(|dead| dead.from).chain([entry.dead_from]).min().unwrap_or(u64::MAX)
    }

    fn join(self) -> Result<SegmentInfo, Failure> {
        let folder = folder(self.store, self.task.number);
        fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        let mut file = BlocksFile::create(&folder)?;
        let mut offsets = Vec::new();
        for input in &self.inputs {
            self.go_on()?;
            offsets.push(u32::try_from(file.entries.len()).expect("a segment is bounded"));
            self.copy(input, &mut file)?;
        }
        let mut damaged = None;
        let ids = file.write_ids(MergedIds::new(&self.inputs, &offsets).map(|pair| {
            pair.map_err(|(segment, error)| {
                damaged = Some((segment, error.to_string()));
                error
            })
        }));
        if let Some((segment, what)) = damaged {
            let path = blocks_path(&self::folder(self.store, segment));
            return Err(Failure::Damaged(segment, Damage { path, what }));
        }
        let ids = ids?;
        let counts = self.counts(&mut file)?;
        self.go_on()?;
        let words: Vec<PathBuf> = self.inputs.iter().map(|input| words_path(input.folder())).collect();
        let merged = words_path(&folder);
        words_merge::merge(&words, &merged).map_err(words_error(&merged))?;
        Ok(file.finish(ids, counts, self.task.number, self.day(), &folder)?)
    }

    /// Added up.
    fn counts(&self, file: &mut BlocksFile) -> Result<CountsAt, Failure> {
        let mut inputs = Vec::new();
        let mut examples = BTreeMap::new();
        for input in &self.inputs {
            let number = input.info.number;
            let damaged = |damage| Failure::Damaged(number, damage);
            let counts = &input.directory().map_err(damaged)?.footer.counts;
            let known = counts.read_examples(input.file()).map_err(|error| {
                let (path, what) = (blocks_path(input.folder()), error.to_string());
                damaged(Damage { path, what })
            })?;
            for (template, place) in known {
                examples.entry(template).or_insert(place);
            }
            inputs.push((&**input.file(), counts));
        }
        let coarse = MergedRows::new(inputs.iter().map(|(file, counts)| (*file, &*counts.coarse)));
        let coarse = counts::write(file, coarse)?;
        let fine = MergedRows::new(inputs.iter().map(|(file, counts)| (*file, &*counts.fine)));
        let fine = counts::write(file, fine)?;
        Ok(CountsAt { coarse, fine, examples: counts::write_examples(file, &examples)? })
    }

    fn copy(&self, input: &Stored, file: &mut BlocksFile) -> Result<(), Failure> {
        let number = input.info.number;
        let damaged = |damage| Failure::Damaged(number, damage);
        let directory = input.directory().map_err(damaged)?;
        let unreadable = |error: io::Error| {
            let path = blocks_path(input.folder());
            Failure::Damaged(number, Damage { path, what: error.to_string() })
        };
        let mut entries = Vec::new();
        let each = |_, entry: &Entry| {
            entries.push(Entry { dead_from: self.dead_from(number, entry), ..*entry });
            true
        };
        directory.entries.each_from(0, each).map_err(unreadable)?;
        let mut carried: Vec<Place> = Vec::new();
        let each = |_, place: &Place| {
            carried.push(*place);
            true
        };
        directory.carried.each_from(0, each).map_err(unreadable)?;
        let length = directory.footer.ids.at;
        let path = blocks_path(input.folder());
        let whole = File::open(&path).map_err(StoreError::io("open", &path))?;
        Ok(file.copy(&mut whole.take(length), length, entries, carried)?)
    }

    fn rewrite(self) -> Result<SegmentInfo, Failure> {
        let mut writer = SegmentWriter::create(self.store, self.task.number, self.day())?;
        let mut formats = self.task.formats.to_vec();
        let mut draft = Draft::default();
        let mut current = None;
        for (place, input) in self.places()? {
            self.go_on()?;
            let block = self.read(&self.inputs[input], place.block)?;
            let Some((first, _)) = block.first() else { continue };
            // What lies between may be in a segment of another size. No block goes over it, or else that one's blocks
            // would lie in the middle of it when they are put together.
            let goes_on = current == Some(place.source)
                && draft.rows.numbers.last().is_none_or(|last| last + 1 == first.number);
            if let (false, Some(source)) = (goes_on || draft.is_empty(), current) {
                writer.add(source, &std::mem::take(&mut draft), &mut formats)?;
            }
            current = Some(place.source);
            for (line, annotation) in &block {
                draft.push(line, annotation);
                if draft.is_full() {
                    writer.add(place.source, &std::mem::take(&mut draft), &mut formats)?;
                }
            }
        }
        if let Some(source) = current.filter(|_| !draft.is_empty()) {
            writer.add(source, &draft, &mut formats)?;
        }
        writer.finish_with(|file| self.counts(file))
    }

    /// All blocks by source and line, each with its place among the inputs.
    fn places(&self) -> Result<Vec<(Place, usize)>, Failure> {
        let mut places = Vec::new();
        for (at, input) in self.inputs.iter().enumerate() {
            let number = input.info.number;
            let directory = input.directory().map_err(|damage| Failure::Damaged(number, damage))?;
            let each = |_, place: &Place| {
                places.push((*place, at));
                true
            };
            directory.places.each_from(0, each).map_err(|error| {
                let what = error.to_string();
                Failure::Damaged(number, Damage { path: input.folder().to_owned(), what })
            })?;
        }
        places.sort_unstable_by_key(|(place, at)| (place.source, place.line, *at));
        Ok(places)
    }

    /// The lines of a block that are to be seen.
    fn read(&self, input: &Stored, block: u32) -> Result<Vec<Row>, Failure> {
        let number = input.info.number;
        let read = || -> Result<(Entry, Block), Damage> {
            let entry = input.entry(block)?;
            let columns = input.block(&entry)?;
            let text = input.text(&entry)?;
            columns.text.get_or_init(|| text);
            Ok((entry, columns))
        };
        let (entry, block) = read().map_err(|damage| Failure::Damaged(number, damage))?;
        let dead_from = self.dead_from(number, &entry);
        let rows = (0..block.rows.len()).filter(|row| block.rows.numbers[*row] < dead_from);
        Ok(rows
            .map(|row| {
                let line = Line { number: block.rows.numbers[row], text: block.line(row).to_vec() };
                (line, block.rows.annotations[row].clone())
            })
            .collect())
    }
}

/// The ids of all inputs in order, a page of each in memory.
struct MergedIds<'a> {
    inputs: Vec<IdStream<'a>>,
    heads: BinaryHeap<Reverse<(Pair, usize)>>,
    failed: Option<(u64, io::Error)>,
}

struct IdStream<'a> {
    segment: &'a Stored,
    offset: u32,
    next_page: usize,
    page: std::vec::IntoIter<Pair>,
}

impl<'a> MergedIds<'a> {
    fn new(segments: &'a [Stored], offsets: &[u32]) -> Self {
        let inputs = segments.iter().zip(offsets).map(|(segment, offset)| IdStream {
            segment,
            offset: *offset,
            next_page: 0,
            page: Vec::new().into_iter(),
        });
        let mut merged = Self { inputs: inputs.collect(), heads: BinaryHeap::new(), failed: None };
        (0..merged.inputs.len()).for_each(|input| merged.advance(input));
        merged
    }

    fn advance(&mut self, input: usize) {
        match self.inputs[input].next() {
            Ok(Some(pair)) => self.heads.push(Reverse((pair, input))),
            Ok(None) => {}
            Err(error) => self.failed = Some((self.inputs[input].segment.info.number, error)),
        }
    }
}

impl Iterator for MergedIds<'_> {
    type Item = Result<Pair, (u64, io::Error)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(failed) = self.failed.take() {
            self.heads.clear();
            return Some(Err(failed));
        }
        let Reverse((pair, input)) = self.heads.pop()?;
        self.advance(input);
        Some(Ok(pair))
    }
}

impl IdStream<'_> {
    fn next(&mut self) -> io::Result<Option<Pair>> {
        loop {
            if let Some(pair) = self.page.next() {
                return Ok(Some(Pair { block: pair.block + self.offset, ..pair }));
            }
            let directory = self.segment.directory().map_err(|damage| wrong(&damage.what))?;
            let ids = &directory.footer.ids;
            if self.next_page >= ids.fences.len() {
                return Ok(None);
            }
            self.page = ids.pairs(self.segment.file(), self.next_page)?.into_iter();
            self.next_page += 1;
        }
    }
}

/// What is known of dead lines after the merge: what the new segment was written with is done, what came since is about
/// lines that are in it now.
pub(crate) fn retarget(dead: &mut Vec<Dead>, task: &Task, merged: u64) {
    let is_input = |dead: &Dead| task.inputs.iter().any(|input| input.number == dead.segment);
    dead.retain(|dead| !is_input(dead) || !task.dead.contains(dead));
    dead.iter_mut().filter(|dead| is_input(dead)).for_each(|dead| dead.segment = merged);
}
