use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use model::{TimeRange, Timestamp};
use xxhash_rust::xxh3::xxh3_64;
use zstd::bulk::{Compressor, decompress};

use crate::block::{self, Block, Draft, Rows, level_bit};
use crate::codec::{Decoder, Encoder};
use crate::ids::{self, Fence};
use crate::manifest::{SourceId, sync_folder, write_synced};
use crate::words::{Words, WordsWriter};
use crate::{Damage, StoreError};

/// What is known of a block without reading it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) source: SourceId,
    /// The number of the first line.
    pub(crate) first: u64,
    count: usize,
    at: u64,
    columns: Piece,
    text: Piece,
    pub(crate) raw: usize,
    pub(crate) time: TimeRange,
    /// Some line has no time.
    untimed: bool,
    /// One bit for each level.
    pub(crate) levels: u8,
    /// Heads of events that began in an earlier block and go on in this one.
    pub(crate) carried: Vec<u64>,
}

/// Compressed bytes and their checksum.
#[derive(Clone, Copy, Debug)]
struct Piece {
    length: usize,
    checksum: u64,
}

impl Entry {
    pub(crate) fn may_be_in(&self, range: TimeRange) -> bool {
        self.untimed || (self.time.start <= range.end && range.start <= self.time.end)
    }

    pub(crate) const fn lines(&self) -> u64 {
        self.count as u64
    }
}

pub(crate) fn folder(store: &Path, number: u64) -> PathBuf {
    store.join("segments").join(number.to_string())
}

/// A segment that is being written. Nobody reads it before a manifest names it.
pub(crate) struct SegmentWriter {
    folder: PathBuf,
    lines: BufWriter<File>,
    written: u64,
    entries: Vec<Entry>,
    ids: Vec<(u64, u32)>,
    words: WordsWriter,
    formats: Vec<&'static str>,
    compressor: Compressor<'static>,
    /// Bytes of text so far.
    pub(crate) raw: usize,
}

impl SegmentWriter {
    pub(crate) fn create(store: &Path, number: u64) -> Result<Self, StoreError> {
        let folder = folder(store, number);
        let words = folder.join("words");
        fs::create_dir_all(&words).map_err(StoreError::io("create", &words))?;
        let path = folder.join("lines");
        let lines = File::create(&path).map_err(StoreError::io("create", &path))?;
        let compressor = Compressor::new(1).map_err(StoreError::io("compress", &path))?;
        Ok(Self {
            lines: BufWriter::with_capacity(1 << 20, lines),
            written: 0,
            entries: Vec::new(),
            ids: Vec::new(),
            words: WordsWriter::create(&words).map_err(words_error(&words))?,
            formats: Vec::new(),
            compressor,
            raw: 0,
            folder,
        })
    }

    pub(crate) fn add(&mut self, source: SourceId, draft: &Draft) -> Result<(), StoreError> {
        let ids = self.words.add(&draft.text).map_err(words_error(self.words.path()))?;
        let number =
            u32::try_from(self.entries.len()).expect("a segment holds 64 MiB: far fewer blocks than that");
        self.ids.extend(ids.into_iter().map(|hash| (hash, number)));

        let columns = block::encode(&draft.rows, &mut self.formats);
        let at = self.written;
        let path = self.folder.join("lines");
        let columns = self.write(&columns).map_err(StoreError::io("write", &path))?;
        let text = self.write(&draft.text).map_err(StoreError::io("write", &path))?;
        self.raw += draft.text.len();
        self.entries.push(entry(source, draft, at, columns, text));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<Piece> {
        let packed = self.compressor.compress(bytes)?;
        self.lines.write_all(&packed)?;
        self.written += packed.len() as u64;
        Ok(Piece { length: packed.len(), checksum: xxh3_64(&packed) })
    }

    /// Makes everything durable.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        let Self { folder, lines, entries, ids, words, formats, .. } = self;
        let path = folder.join("lines");
        let lines = lines.into_inner().map_err(|error| StoreError::io("write", &path)(error.into_error()))?;
        lines.sync_all().map_err(StoreError::io("sync", &path))?;
        let (pairs, fences) = ids::encode(ids);
        write_synced(&folder.join("ids"), &pairs)?;
        let words_path = words.path().to_owned();
        words.finish().map_err(words_error(&words_path))?;
        write_synced(&folder.join("directory"), &encode_directory(&entries, &fences, &formats))?;
        sync_folder(&folder)?;
        folder.parent().map_or(Ok(()), sync_folder)
    }
}

fn words_error(path: &Path) -> impl FnOnce(tantivy::TantivyError) -> StoreError {
    move |source| StoreError::Words { path: path.to_owned(), source: Box::new(source) }
}

fn entry(source: SourceId, draft: &Draft, at: u64, columns: Piece, text: Piece) -> Entry {
    let rows = &draft.rows;
    let times = || rows.annotations.iter().filter_map(|annotation| annotation.timestamp);
    let first = rows.numbers.first().copied().unwrap_or(0);
    let mut carried: Vec<u64> = rows
        .annotations
        .iter()
        .filter_map(|annotation| annotation.continues)
        .filter(|head| *head < first)
        .collect();
    carried.sort_unstable();
    carried.dedup();
    Entry {
        source,
        first,
        count: rows.len(),
        at,
        columns,
        text,
        raw: draft.text.len(),
        time: TimeRange {
            start: times().min().unwrap_or(Timestamp::MAX),
            end: times().max().unwrap_or(Timestamp::MIN),
        },
        untimed: times().count() < rows.len(),
        levels: rows.annotations.iter().fold(0, |levels, annotation| levels | level_bit(annotation.severity)),
        carried,
    }
}

fn encode_directory(entries: &[Entry], fences: &[Fence], formats: &[&'static str]) -> Vec<u8> {
    let mut out = Encoder::default();
    out.number(formats.len() as u64);
    formats.iter().for_each(|format| out.bytes(format.as_bytes()));
    out.number(fences.len() as u64);
    for fence in fences {
        out.word(fence.first);
        out.word(fence.checksum);
    }
    out.number(entries.len() as u64);
    for entry in entries {
        out.number(entry.source.0.into());
        out.number(entry.first);
        for length in [entry.count, entry.columns.length, entry.text.length, entry.raw] {
            out.number(length as u64);
        }
        out.word(entry.columns.checksum);
        out.word(entry.text.checksum);
        out.signed(entry.time.start.nanos());
        out.signed(entry.time.end.nanos());
        out.0.push(u8::from(entry.untimed));
        out.0.push(entry.levels);
        out.number(entry.carried.len() as u64);
        entry.carried.iter().for_each(|head| out.number(*head));
    }
    out.seal()
}

/// A committed segment.
pub(crate) struct Segment {
    folder: PathBuf,
    pub(crate) entries: Vec<Entry>,
    formats: Vec<&'static str>,
    fences: Vec<Fence>,
    lines: File,
    ids: File,
    words: OnceLock<Result<Words, Damage>>,
}

impl Segment {
    pub(crate) fn open(store: &Path, number: u64) -> Result<Self, Damage> {
        let folder = folder(store, number);
        let path = folder.join("directory");
        let unreadable = |path: &Path, error: io::Error| Damage {
            path: path.to_owned(),
            what: format!("{error}; all its lines are missing from the answers"),
        };
        let bytes = fs::read(&path).map_err(|error| unreadable(&path, error))?;
        let open = |name| {
            let path = folder.join(name);
            File::open(&path).map_err(|error| unreadable(&path, error))
        };
        let (lines, ids) = (open("lines")?, open("ids")?);
        let (entries, fences, formats) = decode_directory(&bytes)
            .ok_or_else(|| unreadable(&path, io::Error::new(io::ErrorKind::InvalidData, "wrong checksum")))?;
        Ok(Self { folder, entries, formats, fences, lines, ids, words: OnceLock::new() })
    }

    pub(crate) fn block(&self, number: u32) -> Result<Block, Damage> {
        let entry = &self.entries[number as usize];
        // Five varints of at most 10 bytes and a flag for each line.
        let columns = self.unpack(entry.at, entry.columns, entry.count * 64 + 64)?;
        let rows =
            self.rows(entry, &columns).ok_or_else(|| self.lines_damage("unreadable columns", entry))?;
        Ok(Block::new(rows))
    }

    fn rows(&self, entry: &Entry, columns: &[u8]) -> Option<Rows> {
        block::decode(columns, entry.first, entry.count, &self.formats)
    }

    pub(crate) fn text(&self, number: u32) -> Result<Vec<u8>, Damage> {
        let entry = &self.entries[number as usize];
        self.unpack(entry.at + entry.columns.length as u64, entry.text, entry.raw)
    }

    fn unpack(&self, at: u64, piece: Piece, room: usize) -> Result<Vec<u8>, Damage> {
        let mut packed = vec![0; piece.length];
        let unpacked = self.lines.read_exact_at(&mut packed, at).and_then(|()| {
            if xxh3_64(&packed) != piece.checksum {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "wrong checksum"));
            }
            decompress(&packed, room)
        });
        unpacked.map_err(|error| Damage {
            path: self.folder.join("lines"),
            what: format!("{error} at byte {at}; the lines of this block are missing from the answers"),
        })
    }

    fn lines_damage(&self, what: &str, entry: &Entry) -> Damage {
        let what =
            format!("{what} at byte {}; the lines of this block are missing from the answers", entry.at);
        Damage { path: self.folder.join("lines"), what }
    }

    pub(crate) fn blocks_with_id(&self, hash: u64) -> Result<Vec<u32>, Damage> {
        ids::look_up(&self.ids, &self.fences, hash).map_err(|error| Damage {
            path: self.folder.join("ids"),
            what: format!("{error}; lines that name an id may be missing from the answers"),
        })
    }

    /// Opened by the first search: an answer about an id needs no words.
    pub(crate) fn words(&self) -> Result<&Words, Damage> {
        self.words
            .get_or_init(|| {
                Words::open(&self.folder.join("words")).map_err(|error| self.words_damage(&error))
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    pub(crate) fn words_damage(&self, error: &tantivy::TantivyError) -> Damage {
        Damage {
            path: self.folder.join("words"),
            what: format!("{error}; every block is searched instead, which is slow"),
        }
    }
}

fn decode_directory(bytes: &[u8]) -> Option<(Vec<Entry>, Vec<Fence>, Vec<&'static str>)> {
    let from = &mut Decoder::unseal(bytes)?;
    let formats = from.list(Decoder::text)?.iter().map(|name| block::intern(name)).collect();
    let fences = from.list(|from| Some(Fence { first: from.word()?, checksum: from.word()? }))?;
    let mut at = 0;
    let entries = from.list(|from| {
        let entry = decode_entry(from, at)?;
        at += (entry.columns.length + entry.text.length) as u64;
        Some(entry)
    })?;
    Some((entries, fences, formats))
}

fn decode_entry(from: &mut Decoder<'_>, at: u64) -> Option<Entry> {
    let source = SourceId(from.small()?);
    let first = from.number()?;
    let mut length = || from.small().map(|length| length as usize);
    let (count, columns, text, raw) = (length()?, length()?, length()?, length()?);
    Some(Entry {
        source,
        first,
        count,
        at,
        columns: Piece { length: columns, checksum: from.word()? },
        text: Piece { length: text, checksum: from.word()? },
        raw,
        time: TimeRange {
            start: Timestamp::from_nanos(from.signed()?),
            end: Timestamp::from_nanos(from.signed()?),
        },
        untimed: from.byte()? == 1,
        levels: from.byte()?,
        carried: from.list(Decoder::number)?,
    })
}
