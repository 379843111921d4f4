//! A segment, written: blocks as they come; then, behind them, what makes them findable.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{TimeRange, Timestamp};
use zstd::bulk::Compressor;

use crate::StoreError;
use crate::block::{self, Draft};
use crate::counts::{self, Counts, CountsAt, Key};
use crate::directory::{ENTRY_BYTES, Entry, Footer, PLACE_BYTES, Piece, Place, carried, spans};
use crate::footer;
use crate::ids::{IdsWriter, Pages, Pair, short};
use crate::manifest::{SegmentInfo, SourceId, sync_folder};
use crate::open_segment::Snapshot;
use crate::segment::{blocks_path, folder, words_path};
use crate::table;
use crate::verify::FileSum;
use crate::words::WordsWriter;

/// Level 1: higher ones cost a fifth more time for a hundredth of the size.
const COMPRESSION: i32 = 1;

/// A segment that is being written. Nobody reads it before a manifest names it.
pub(crate) struct SegmentWriter {
    pub(crate) number: u64,
    day: i64,
    folder: PathBuf,
    file: BlocksFile,
    ids: Vec<Pair>,
    words: WordsWriter,
    compressor: Compressor<'static>,
    /// Shared with the snapshots that were taken.
    counts: Arc<Counts>,
    /// Bytes of text so far.
    pub(crate) raw: usize,
}

impl SegmentWriter {
    pub(crate) fn create(store: &Path, number: u64, day: i64) -> Result<Self, StoreError> {
        let folder = folder(store, number);
        let words = words_path(&folder);
        fs::create_dir_all(&words).map_err(StoreError::io("create", &words))?;
        let file = BlocksFile::create(&folder)?;
        let compressor = Compressor::new(COMPRESSION).map_err(StoreError::io("compress", &file.path))?;
        Ok(Self {
            number,
            day,
            file,
            ids: Vec::new(),
            words: WordsWriter::create(&words).map_err(words_error(&words))?,
            compressor,
            counts: Arc::default(),
            raw: 0,
            folder,
        })
    }

    pub(crate) fn add(
        &mut self,
        source: SourceId,
        draft: &Draft,
        formats: &mut Vec<&'static str>,
    ) -> Result<(), StoreError> {
        let ids = self.words.add(&draft.text).map_err(words_error(self.words.path()))?;
        let number = u32::try_from(self.file.entries.len()).expect("a segment ends long before that");
        self.ids.extend(ids.into_iter().map(|hash| Pair { hash: short(hash), block: number }));

        Arc::make_mut(&mut self.counts).add(source, draft);
        let columns = block::encode(&draft.rows, formats);
        let at = self.file.written;
        let (columns, text) = (self.pack(&columns)?, self.pack(&draft.text)?);
        self.raw += draft.text.len();
        self.file.entries.push(Entry::of(source, draft, at, columns, text));
        let carried = carried(draft).into_iter();
        self.file.carried.extend(carried.map(|line| Place { source, line, block: number }));
        Ok(())
    }

    fn pack(&mut self, bytes: &[u8]) -> Result<Piece, StoreError> {
        let Self { file, compressor, .. } = self;
        let packed = compressor.compress(bytes).map_err(StoreError::io("compress", &file.path))?;
        file.write(&packed)?;
        Ok(Piece::of(&packed))
    }

    /// Lines of a source from this number on come again.
    pub(crate) fn supersede(&mut self, source: SourceId, from: u64) {
        for entry in &mut self.file.entries {
            if entry.source == source && entry.last >= from {
                entry.dead_from = entry.dead_from.min(from);
            }
        }
    }

    /// What was counted of half a line.
    pub(crate) fn take_back(&mut self, half: Key) {
        Arc::make_mut(&mut self.counts).take_back(half);
    }

    /// What there is so far.
    pub(crate) fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        let path = self.file.path.clone();
        self.file.out.flush().map_err(StoreError::io("write", &path))?;
        let file = File::open(&path).map_err(StoreError::io("open", &path))?;
        Ok(Snapshot {
            path,
            file: Arc::new(file),
            entries: self.file.entries.clone(),
            carried: self.file.carried.clone(),
            ids: self.ids.clone(),
            counts: Arc::clone(&self.counts),
        })
    }

    /// Makes everything durable.
    pub(crate) fn finish(self) -> Result<SegmentInfo, StoreError> {
        let counts = Arc::clone(&self.counts);
        self.finish_with(|file| {
            Ok(CountsAt {
                coarse: counts::write(file, counts.coarse().into_iter().map(Ok))?,
                fine: counts::write(file, counts.fine().into_iter().map(Ok))?,
                examples: counts::write_examples(file, counts.examples())?,
            })
        })
    }

    /// The same, with counts that were made before: lines that are read back do not tell their templates.
    pub(crate) fn finish_with<E: From<StoreError>>(
        self,
        write_counts: impl FnOnce(&mut BlocksFile) -> Result<CountsAt, E>,
    ) -> Result<SegmentInfo, E> {
        let Self { number, day, folder, mut file, mut ids, words, .. } = self;
        ids.sort_unstable();
        let ids = file.write_ids(ids.into_iter().map(Ok))?;
        let counts = write_counts(&mut file)?;
        let words_path = words.path().to_owned();
        words.finish().map_err(words_error(&words_path))?;
        Ok(file.finish(ids, counts, number, day, &folder)?)
    }
}

pub(crate) fn words_error(path: &Path) -> impl FnOnce(tantivy::TantivyError) -> StoreError {
    move |source| StoreError::Words { path: path.to_owned(), source: Box::new(source) }
}

/// Blocks; then ids, tables and a footer.
pub(crate) struct BlocksFile {
    path: PathBuf,
    out: BufWriter<File>,
    written: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) carried: Vec<Place>,
}

impl BlocksFile {
    pub(crate) fn create(folder: &Path) -> Result<Self, StoreError> {
        let path = blocks_path(folder);
        let out = File::create(&path).map_err(StoreError::io("create", &path))?;
        let out = BufWriter::with_capacity(256 << 10, out);
        Ok(Self { path, out, written: 0, entries: Vec::new(), carried: Vec::new() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes).map_err(StoreError::io("write", &self.path))
    }

    /// Where they lie.
    pub(crate) fn write_packed(&mut self, bytes: &[u8]) -> Result<(u64, Piece), StoreError> {
        let packed = zstd::bulk::compress(bytes, COMPRESSION).map_err(|error| self.error(error))?;
        let at = self.written;
        self.write(&packed)?;
        Ok((at, Piece::of(&packed)))
    }

    pub(crate) fn error(&self, error: io::Error) -> StoreError {
        StoreError::io("write", &self.path)(error)
    }

    /// Takes over blocks that lie in a row at the beginning of another file, with what is known of them.
    pub(crate) fn copy(
        &mut self,
        from: &mut impl io::Read,
        length: u64,
        entries: impl IntoIterator<Item = Entry>,
        carried: impl IntoIterator<Item = Place>,
    ) -> Result<(), StoreError> {
        let (at, block) = (self.written, u32::try_from(self.entries.len()).expect("a segment is bounded"));
        let copied = io::copy(from, &mut self.out).map_err(StoreError::io("write", &self.path))?;
        if copied != length {
            let error = table::wrong("the file that is copied is too short");
            return Err(StoreError::io("write", &self.path)(error));
        }
        self.written += copied;
        self.entries.extend(entries.into_iter().map(|entry| Entry { at: entry.at + at, ..entry }));
        self.carried.extend(carried.into_iter().map(|place| Place { block: place.block + block, ..place }));
        Ok(())
    }

    pub(crate) fn write_ids(
        &mut self,
        pairs: impl Iterator<Item = io::Result<Pair>>,
    ) -> Result<Pages, StoreError> {
        let path = self.path.clone();
        let write = || {
            let mut ids = IdsWriter::new();
            for pair in pairs {
                ids.push(pair?, &mut self.out)?;
            }
            let (fences, length) = ids.finish(&mut self.out)?;
            let at = self.written;
            self.written += length;
            Ok(Pages { at, length, fences })
        };
        write().map_err(StoreError::io("write", &path))
    }

    /// Makes everything durable.
    pub(crate) fn finish(
        mut self,
        ids: Pages,
        counts: CountsAt,
        number: u64,
        day: i64,
        folder: &Path,
    ) -> Result<SegmentInfo, StoreError> {
        let tables = self.written;
        let words = words_path(folder);
        let place = |(block, entry): (u32, &Entry)| match entry.dead_from > entry.first {
            true => Place { source: entry.source, line: entry.first, block },
            // Whoever looks for a line takes the last block that begins before it: this one must not stand in the way.
            false => Place { source: SourceId::NONE, line: entry.first, block },
        };
        let mut places: Vec<Place> = (0..).zip(&self.entries).map(place).collect();
        places.sort_unstable();
        self.carried.sort_unstable();
        self.write(&table::encode::<Entry, ENTRY_BYTES>(&self.entries))?;
        self.write(&table::encode::<Place, PLACE_BYTES>(&places))?;
        self.write(&table::encode::<Place, PLACE_BYTES>(&self.carried))?;
        let footer = Footer {
            spans: spans(&self.entries),
            tables,
            entries: self.entries.len(),
            carried: self.carried.len(),
            ids,
            counts,
            words: FileSum::of_folder(&words).map_err(StoreError::io("read", &words))?,
        };
        self.write(&footer::encode(footer.encode()))?;
        let Self { path, out, entries, .. } = self;
        let file = out.into_inner().map_err(|error| StoreError::io("write", &path)(error.into_error()))?;
        file.sync_all().map_err(StoreError::io("sync", &path))?;
        // tantivy syncs its files, and renames the last one afterwards.
        sync_folder(&words)?;
        sync_folder(folder)?;
        folder.parent().map_or(Ok(()), sync_folder)?;
        Ok(SegmentInfo { disk: size_of(folder), ..info(number, day, &entries) })
    }
}

fn info(number: u64, day: i64, entries: &[Entry]) -> SegmentInfo {
    let start = entries.iter().map(|entry| entry.time.start).min().unwrap_or(Timestamp::MAX);
    let end = entries.iter().map(|entry| entry.time.end).max().unwrap_or(Timestamp::MIN);
    SegmentInfo {
        number,
        day,
        blocks: entries.len() as u64,
        lines: entries.iter().map(|entry| u64::from(entry.count)).sum(),
        raw: entries.iter().map(|entry| u64::from(entry.raw)).sum(),
        disk: 0,
        time: TimeRange { start, end },
        untimed: entries.iter().any(|entry| entry.untimed),
    }
}

/// Of all files of a segment.
fn size_of(folder: &Path) -> u64 {
    [folder.to_owned(), words_path(folder)]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|entries| entries.filter_map(Result::ok))
        .filter_map(|entry| entry.metadata().ok().filter(fs::Metadata::is_file))
        .map(|file| file.len())
        .sum()
}
