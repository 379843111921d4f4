//! A segment, read: blocks of lines, what is known of them, which of them hold an id or a word.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use model::{Annotation, TimeRange, Timestamp};
use zstd::bulk::Decompressor;

use crate::Damage;
use crate::block::{self, Block};
use crate::counts::{self, CountsAt};
use crate::directory::{ENTRY_BYTES, Entry, Footer, PLACE_BYTES, Piece, Place, Span, checksum};
use crate::footer;
use crate::ids::{Filter, Pages};
use crate::manifest::{SegmentInfo, SourceId};
use crate::open_segment::OpenSegment;
use crate::table::{Table, wrong};
use crate::verify::FileSum;
use crate::words::Words;

pub(crate) fn folder(store: &Path, number: u64) -> PathBuf {
    store.join("segments").join(number.to_string())
}

pub(crate) fn blocks_path(folder: &Path) -> PathBuf {
    folder.join("blocks")
}

pub(crate) fn words_path(folder: &Path) -> PathBuf {
    folder.join("words")
}

const WITHOUT_WORDS: &str = "every block is searched instead, which is slow";

/// What the blocks of a segment are read from.
pub(crate) enum Segment {
    Committed(Box<Stored>),
    /// Not finished: for readers in the writer's process.
    Open(Box<OpenSegment>),
}

/// A finished segment. Its file is open from the start, so that it stays readable when the writer removes it.
pub(crate) struct Stored {
    pub(crate) info: SegmentInfo,
    folder: PathBuf,
    file: Arc<File>,
    formats: Arc<[&'static str]>,
    directory: OnceLock<Result<Directory, Damage>>,
    words: OnceLock<Result<Words, Damage>>,
    /// How often somebody has asked for an id.
    asked: AtomicUsize,
    filter: OnceLock<Option<Filter>>,
}

pub(crate) struct Directory {
    pub(crate) footer: Footer,
    pub(crate) entries: Table<Entry, ENTRY_BYTES>,
    pub(crate) places: Table<Place, PLACE_BYTES>,
    pub(crate) carried: Table<Place, PLACE_BYTES>,
    /// What is known of a page of entries since it was read for the first time.
    zones: Mutex<Vec<Option<Zone>>>,
}

/// What the blocks of a page of entries have in common.
#[derive(Clone, Copy)]
struct Zone {
    time: TimeRange,
    untimed: bool,
    levels: u8,
}

/// Which blocks are asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) range: TimeRange,
    /// Bits of levels, one of which is there.
    pub(crate) levels: u8,
}

impl Wanted {
    pub(crate) const ALL: Self = Self { range: TimeRange::ALL, levels: u8::MAX };

    pub(crate) fn and(self, other: Self) -> Self {
        let start = self.range.start.max(other.range.start);
        let end = self.range.end.min(other.range.end);
        Self { range: TimeRange { start, end }, levels: self.levels & other.levels }
    }

    fn fits(self, entry: &Entry) -> bool {
        entry.levels & self.levels != 0 && entry.may_be_in(self.range)
    }
}

/// What a segment lists by source and line.
#[derive(Clone, Copy, PartialEq)]
enum Listed {
    /// The first line of each block.
    Beginnings,
    /// The heads of events that go on in a later block.
    Carried,
}

impl Segment {
    /// Numbers are never used twice, not even for what is not committed.
    pub(crate) const fn number(&self) -> u64 {
        match self {
            Self::Committed(stored) => stored.info.number,
            Self::Open(open) => open.number,
        }
    }

    pub(crate) fn block_count(&self) -> usize {
        match self {
            Self::Committed(stored) => usize::try_from(stored.info.blocks).unwrap_or(usize::MAX),
            Self::Open(open) => open.entries.len(),
        }
    }

    /// No line bears a time outside of it, save in blocks with lines without a time.
    pub(crate) fn time(&self) -> TimeRange {
        match self {
            Self::Committed(stored) if stored.info.untimed => TimeRange::ALL,
            Self::Committed(stored) => stored.info.time,
            Self::Open(_) => TimeRange::ALL,
        }
    }

    pub(crate) fn entry(&self, block: u32) -> Result<Entry, Damage> {
        match self {
            Self::Committed(stored) => stored.entry(block),
            Self::Open(open) => Ok(open.entries[block as usize]),
        }
    }

    /// Visits the blocks that are wanted; `None` where what is known of them is damaged.
    pub(crate) fn each_entry(
        &self,
        wanted: Wanted,
        visit: &mut dyn FnMut(u32, &Entry),
    ) -> Result<(), Damage> {
        let mut visit = |block: usize, entry: &Entry| {
            if wanted.fits(entry) {
                visit(u32::try_from(block).expect("fewer blocks than 2^32"), entry);
            }
        };
        match self {
            Self::Committed(stored) => {
                let directory = stored.directory()?;
                let mut outcome = Ok(());
                for page in 0..directory.entries.page_count() {
                    if let Err(error) = directory.each_of_page(page, wanted, &mut visit) {
                        outcome = Err(stored.damage(&error));
                    }
                }
                outcome
            }
            Self::Open(open) => {
                open.entries.iter().enumerate().for_each(|(block, entry)| visit(block, entry));
                Ok(())
            }
        }
    }

    /// Which of a source's lines are here.
    pub(crate) fn span(&self, source: SourceId) -> Result<Option<Span>, Damage> {
        Ok(match self {
            Self::Committed(stored) => stored.directory()?.footer.spans.get(&source).copied(),
            Self::Open(open) => open.spans.get(&source).copied(),
        })
    }

    /// The blocks of a source that may hold lines from one number to another.
    pub(crate) fn places(&self, source: SourceId, first: u64, last: u64) -> Result<Vec<u32>, Damage> {
        if self.span(source)?.is_none_or(|span| span.last < first || last < span.first) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        self.each_place(Listed::Beginnings, (source, first), |place| {
            let in_range = place.source == source && place.line <= last;
            if in_range {
                found.push(place.block);
            }
            in_range || (place.source, place.line) <= (source, first)
        })?;
        Ok(found)
    }

    /// Adds the blocks of a source that may hold the lines with these numbers, which come in order: each the last one that
    /// begins at it or before it.
    pub(crate) fn add_blocks_of(
        &self,
        source: SourceId,
        heads: &[u64],
        found: &mut BTreeMap<u32, Vec<u64>>,
    ) -> Result<(), Damage> {
        let (Some(&first), Some(span)) = (heads.first(), self.span(source)?) else { return Ok(()) };
        if heads.last().is_some_and(|last| *last < span.first) || span.last < first {
            return Ok(());
        }
        let (mut block, mut rest) = (None, heads);
        let mut add = |block: Option<u32>, heads: &[u64]| {
            if let Some(block) = block.filter(|_| !heads.is_empty()) {
                found.entry(block).or_default().extend(heads);
            }
        };
        self.each_place(Listed::Beginnings, (source, first), |place| {
            let before = rest.partition_point(|head| (source, *head) < (place.source, place.line));
            add(block, &rest[..before]);
            rest = &rest[before..];
            block = (place.source == source).then_some(place.block);
            !rest.is_empty()
        })?;
        add(block, rest);
        Ok(())
    }

    /// Adds the blocks that go on with events of a source that began in earlier ones.
    pub(crate) fn add_carrying(
        &self,
        source: SourceId,
        heads: &[u64],
        found: &mut BTreeMap<u32, Vec<u64>>,
    ) -> Result<(), Damage> {
        let (Some(&first), Some(&last)) = (heads.first(), heads.last()) else { return Ok(()) };
        if self.span(source)?.is_none_or(|span| span.last <= first) {
            return Ok(());
        }
        self.each_place(Listed::Carried, (source, first), |place| {
            if place.source == source && heads.binary_search(&place.line).is_ok() {
                found.entry(place.block).or_default().push(place.line);
            }
            (place.source, place.line) <= (source, last)
        })
    }

    /// Visits places in order, from the line that is sought, as long as `visit` says so; of the beginnings also the last one
    /// before it.
    fn each_place(
        &self,
        listed: Listed,
        sought: (SourceId, u64),
        mut visit: impl FnMut(&Place) -> bool,
    ) -> Result<(), Damage> {
        let is_passed = |place: &Place| match listed {
            Listed::Beginnings => (place.source, place.line) <= sought,
            Listed::Carried => (place.source, place.line) < sought,
        };
        let start = |passed: usize| passed.saturating_sub(usize::from(listed == Listed::Beginnings));
        match self {
            Self::Committed(stored) => {
                let directory = stored.directory()?;
                let places = match listed {
                    Listed::Beginnings => &directory.places,
                    Listed::Carried => &directory.carried,
                };
                let passed = places.partition_point(is_passed);
                passed
                    .and_then(|passed| places.each_from(start(passed), |_, place| visit(place)))
                    .map_err(|error| stored.damage(&error))
            }
            Self::Open(open) => {
                let places = match listed {
                    Listed::Beginnings => &open.places,
                    Listed::Carried => &open.carried,
                };
                let _all = places.iter().skip(start(places.partition_point(is_passed))).all(visit);
                Ok(())
            }
        }
    }

    /// In order. May name blocks that do not hold the id.
    pub(crate) fn blocks_with_id(&self, hash: u64) -> Result<Vec<u32>, Damage> {
        match self {
            Self::Committed(stored) => {
                let ids = &stored.directory()?.footer.ids;
                if stored.filter(ids).is_some_and(|filter| !filter.may_hold(hash)) {
                    return Ok(Vec::new());
                }
                ids.look_up(&stored.file, hash).map_err(|error| Damage {
                    path: blocks_path(&stored.folder),
                    what: format!("{error}; lines that name an id may be missing from the answers"),
                })
            }
            Self::Open(open) => Ok(open.blocks_with_id(hash)),
        }
    }

    /// Visits how often what happened in a stretch of minutes.
    pub(crate) fn each_count(
        &self,
        fine: bool,
        minutes: (i64, i64),
        visit: &mut dyn FnMut(counts::Row),
    ) -> Result<(), Damage> {
        match self {
            Self::Committed(stored) => {
                let counts = &stored.directory()?.footer.counts;
                let chunks = if fine { &counts.fine } else { &counts.coarse };
                let outcome = CountsAt::each(chunks, &stored.file, minutes, visit);
                outcome.map_err(|error| stored.counts_damage(&error))
            }
            Self::Open(open) => {
                let rows = open.counts.fine().into_iter();
                rows.filter(|(key, _)| (minutes.0..=minutes.1).contains(&key.minute)).for_each(visit);
                Ok(())
            }
        }
    }

    /// Where each template was seen first.
    pub(crate) fn examples(&self) -> Result<BTreeMap<u64, (SourceId, u64)>, Damage> {
        match self {
            Self::Committed(stored) => {
                let counts = &stored.directory()?.footer.counts;
                counts.read_examples(&stored.file).map_err(|error| stored.counts_damage(&error))
            }
            Self::Open(open) => Ok(open.counts.examples().clone()),
        }
    }

    pub(crate) fn block(&self, entry: &Entry, number: u32) -> Result<Block, Damage> {
        match self {
            Self::Committed(stored) => stored.block(entry),
            Self::Open(open) => open.block(entry, number),
        }
    }

    /// The block, if a line of it is at one of these levels and in this stretch of time.
    pub(crate) fn block_with(
        &self,
        entry: &Entry,
        number: u32,
        wanted: Wanted,
    ) -> Result<Option<Block>, Damage> {
        match self {
            Self::Committed(stored) => stored.block_with(entry, wanted),
            Self::Open(open) => open.block(entry, number).map(Some),
        }
    }

    pub(crate) fn text(&self, entry: &Entry) -> Result<Vec<u8>, Damage> {
        match self {
            Self::Committed(stored) => stored.text(entry),
            Self::Open(open) => open.text(entry),
        }
    }

    /// None when there is no such index; an answer about an id opens none.
    pub(crate) fn words(&self) -> Result<Option<&Words>, Damage> {
        match self {
            Self::Committed(stored) => stored.words().map(Some),
            Self::Open(_) => Ok(None),
        }
    }

    pub(crate) fn words_damage(&self, error: &tantivy::TantivyError) -> Damage {
        match self {
            Self::Committed(stored) => stored.words_damage(error),
            Self::Open(open) => open.damage(&wrong(&error.to_string())),
        }
    }
}

impl Stored {
    pub(crate) fn open(
        store: &Path,
        info: &SegmentInfo,
        formats: &Arc<[&'static str]>,
    ) -> Result<Self, Damage> {
        let folder = folder(store, info.number);
        let path = blocks_path(&folder);
        let file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
        Ok(Self {
            info: info.clone(),
            folder,
            file: Arc::new(file),
            formats: Arc::clone(formats),
            directory: OnceLock::new(),
            words: OnceLock::new(),
            asked: AtomicUsize::new(0),
            filter: OnceLock::new(),
        })
    }

    /// For whoever asks for many ids; none while a few are asked for, or when a page is damaged.
    fn filter(&self, ids: &Pages) -> Option<&Filter> {
        // To make a filter costs as much as to look for so many ids.
        const MANY: usize = 1000;
        if self.asked.fetch_add(1, Ordering::Relaxed) < MANY {
            return None;
        }
        self.filter.get_or_init(|| ids.filter(&self.file).ok()).as_ref()
    }

    /// Read when it is needed for the first time.
    pub(crate) fn directory(&self) -> Result<&Directory, Damage> {
        let directory = self.directory.get_or_init(|| {
            Directory::read(&self.file)
                .and_then(|directory| match directory.entries.count == self.info.blocks as usize {
                    true => Ok(directory),
                    false => Err(wrong("another number of blocks than the manifest says")),
                })
                .map_err(|error| unreadable(&blocks_path(&self.folder), &error))
        });
        directory.as_ref().map_err(Clone::clone)
    }

    pub(crate) const fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn entry(&self, block: u32) -> Result<Entry, Damage> {
        let directory = self.directory()?;
        directory.entries.get(block as usize, |entry| *entry).map_err(|error| self.damage(&error))
    }

    pub(crate) fn block(&self, entry: &Entry) -> Result<Block, Damage> {
        read_columns(&self.file, entry, &self.formats).map_err(|error| self.block_damage(&error))
    }

    fn block_with(&self, entry: &Entry, wanted: Wanted) -> Result<Option<Block>, Damage> {
        let columns = unpack_columns(&self.file, entry).map_err(|error| self.block_damage(&error))?;
        // What cannot be read is told when it is read as a whole.
        if block::holds(&columns, entry.count as usize, wanted) == Some(false) {
            return Ok(None);
        }
        read_block(&columns, entry, &self.formats).map(Some).map_err(|error| self.block_damage(&error))
    }

    pub(crate) fn text(&self, entry: &Entry) -> Result<Vec<u8>, Damage> {
        read_text(&self.file, entry).map_err(|error| self.block_damage(&error))
    }

    fn words(&self) -> Result<&Words, Damage> {
        self.words.get_or_init(|| self.open_words()).as_ref().map_err(Clone::clone)
    }

    /// tantivy has checksums of its own, except of the files that say what there is.
    fn open_words(&self) -> Result<Words, Damage> {
        let folder = words_path(&self.folder);
        for sum in &self.directory()?.footer.words {
            let path = folder.join(&sum.name);
            if sum.name.ends_with(".json") && FileSum::of(&path).ok().as_ref() != Some(sum) {
                let what = format!("wrong checksum; {WITHOUT_WORDS}");
                return Err(Damage { path, what });
            }
        }
        Words::open(&folder).map_err(|error| self.words_damage(&error))
    }

    fn words_damage(&self, error: &tantivy::TantivyError) -> Damage {
        let what = format!("{error}; {WITHOUT_WORDS}");
        Damage { path: words_path(&self.folder), what }
    }

    /// The words were not opened, and the writer has put this segment together with others and removed it.
    pub(crate) fn words_gone(&self) -> bool {
        self.words.get().is_none() && !self.folder.exists()
    }

    fn block_damage(&self, error: &io::Error) -> Damage {
        let what = format!("{error}; the lines of this block are missing from the answers");
        Damage { path: blocks_path(&self.folder), what }
    }

    fn counts_damage(&self, error: &io::Error) -> Damage {
        let what = format!("{error}; what was counted is incomplete");
        Damage { path: blocks_path(&self.folder), what }
    }

    fn damage(&self, error: &io::Error) -> Damage {
        let what = format!("{error}; lines may be missing from the answers");
        Damage { path: blocks_path(&self.folder), what }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Damage {
    Damage { path: path.to_owned(), what: format!("{error}; all its lines are missing from the answers") }
}

impl Directory {
    pub(crate) fn read(file: &Arc<File>) -> io::Result<Self> {
        let footer = Footer::decode(&footer::read(file)?).ok_or_else(|| wrong("unreadable footer"))?;
        let (blocks, carried) = (footer.entries, footer.carried);
        let places = footer.tables + Table::<Entry, ENTRY_BYTES>::length(blocks);
        let rest = places + Table::<Place, PLACE_BYTES>::length(blocks);
        let entries = Table::new(Arc::clone(file), footer.tables, blocks);
        Ok(Self {
            zones: Mutex::new(vec![None; entries.page_count()]),
            entries,
            places: Table::new(Arc::clone(file), places, blocks),
            carried: Table::new(Arc::clone(file), rest, carried),
            footer,
        })
    }

    fn each_of_page(
        &self,
        page: usize,
        wanted: Wanted,
        visit: &mut impl FnMut(usize, &Entry),
    ) -> io::Result<()> {
        let known = self.zones.lock().unwrap_or_else(PoisonError::into_inner)[page];
        if known.is_some_and(|zone| !zone.may_fit(wanted)) {
            return Ok(());
        }
        let first = page * crate::table::records_per_page(ENTRY_BYTES);
        let entries = self.entries.page(page)?;
        if known.is_none() {
            self.zones.lock().unwrap_or_else(PoisonError::into_inner)[page] = Some(Zone::of(&entries));
        }
        entries.iter().enumerate().for_each(|(at, entry)| visit(first + at, entry));
        Ok(())
    }
}

impl Zone {
    fn of(entries: &[Entry]) -> Self {
        let start = entries.iter().map(|entry| entry.time.start).min().unwrap_or(Timestamp::MAX);
        let end = entries.iter().map(|entry| entry.time.end).max().unwrap_or(Timestamp::MIN);
        Self {
            time: TimeRange { start, end },
            untimed: entries.iter().any(|entry| entry.untimed),
            levels: entries.iter().fold(0, |levels, entry| levels | entry.levels),
        }
    }

    fn may_fit(self, wanted: Wanted) -> bool {
        let in_range =
            self.untimed || (self.time.start <= wanted.range.end && wanted.range.start <= self.time.end);
        in_range && self.levels & wanted.levels != 0
    }
}

pub(crate) fn read_columns(file: &File, entry: &Entry, formats: &[&'static str]) -> io::Result<Block> {
    read_block(&unpack_columns(file, entry)?, entry, formats)
}

fn unpack_columns(file: &File, entry: &Entry) -> io::Result<Vec<u8>> {
    // Five varints of at most 10 bytes and a flag for each line.
    unpack(file, entry.at, entry.columns, entry.count as usize * 64 + 64)
}

fn read_block(columns: &[u8], entry: &Entry, formats: &[&'static str]) -> io::Result<Block> {
    let rows = block::decode(columns, entry.first, entry.count as usize, formats);
    rows.map(Block::new).ok_or_else(|| wrong(&format!("unreadable columns at byte {}", entry.at)))
}

pub(crate) fn read_text(file: &File, entry: &Entry) -> io::Result<Vec<u8>> {
    unpack(file, entry.at + u64::from(entry.columns.length), entry.text, entry.raw as usize)
}

thread_local! {
    /// To make one costs more than to unpack a block.
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn unpack(file: &File, at: u64, piece: Piece, room: usize) -> io::Result<Vec<u8>> {
    let mut packed = vec![0; piece.length as usize];
    file.read_exact_at(&mut packed, at)?;
    if checksum(&packed) != piece.checksum {
        return Err(wrong(&format!("wrong checksum at byte {at}")));
    }
    UNPACKER.with_borrow_mut(|unpacker| {
        let unpacker = match unpacker {
            Some(unpacker) => unpacker,
            none => none.insert(Decompressor::new()?),
        };
        unpacker.decompress(&packed, room)
    })
}

/// So that a batch of lines can be put into a segment again.
pub(crate) type Row = (model::Line, Annotation);

/// The spans of a committed segment, without opening more of it than needed.
pub(crate) fn read_spans(store: &Path, number: u64) -> Option<BTreeMap<SourceId, Span>> {
    let file = File::open(blocks_path(&folder(store, number))).ok()?;
    Some(Footer::decode(&footer::read(&file).ok()?)?.spans)
}
