//! One text in a file that grows.
//!
//! Its place is always the beginning of a line: a line whose end is not there yet is read again from its beginning
//! when it has grown, so that nothing of it has to be kept.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use model::Line;
use xxhash_rust::xxh3::xxh3_128;

use super::find::{FileId, Stamp, stamp};
use crate::identity::HEADER;
use crate::reader::{leading_zeros, strip_line_end};
use crate::text_hash::{BLOCK, TextHash};
use crate::{Batch, Checkpoint, Settings};

/// So many of the last bytes read are compared before what follows them is taken.
const TAIL: usize = 256;

#[derive(Debug)]
pub(super) struct Text {
    pub(super) id: u64,
    pub(super) continues: Option<usize>,
    /// Of the text: it stays when rotation renames the file.
    pub(super) path: String,
    pub(super) origin: String,
    /// See [`Checkpoint::since`].
    pub(super) since: Option<SystemTime>,
    pub(super) file_id: FileId,
    /// `None` while too many others are open.
    pub(super) file: Option<File>,
    /// Where the file lies now.
    pub(super) lies_at: PathBuf,
    /// The text that has to be read before this one: it came first under the same name.
    pub(super) after: Option<u64>,
    place: Position,
    header: Vec<u8>,
    tail: Vec<u8>,
    pub(super) stamp: Stamp,
    /// When the file was last seen to have changed.
    pub(super) changed: Instant,
    pub(super) deleted: bool,
    /// No pattern means this file, or not any more.
    pub(super) aside: bool,
    /// Up to here, lines are counted and not handed over.
    pub(super) skip_to: u64,
    /// It was written to since it was read: even when it is not longer, it may hold something else.
    touched: bool,
    /// It could not be read. It is tried again after the next look at it.
    pub(super) failed: bool,
    /// What was read of it at the newest looks.
    pub(super) marks: Vec<Mark>,
}

/// How far the text was read, up to the end of a line.
#[derive(Clone, Default)]
struct Position {
    offset: u64,
    lines: u64,
    hash: TextHash,
    /// Bytes of a line that was too long, was handed over and has not ended yet.
    long: u64,
    /// Bytes behind `offset` that were seen to hold no line end.
    unended: u64,
    /// How the line behind `offset` was handed over before its end was there.
    half: Option<Half>,
}

#[derive(Clone)]
struct Half {
    length: u64,
    /// Of everything up to its end.
    mark: Mark,
    header: Vec<u8>,
}

/// What a text held up to some place, for it to be known again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) offset: u64,
    hash: u128,
    earlier_hash: u128,
}

/// A text has been seen to hold at most so many things at different times.
const MAX_MARKS: usize = 8;

#[derive(Debug)]
pub(super) enum Progress {
    Lines(Batch),
    /// Something was read that makes no line.
    NoLines,
    /// The file does not hold any more what was read of it.
    Rewritten,
}

impl Text {
    pub(super) fn new(id: u64, path: &str, file: File, metadata: &Metadata, now: Instant) -> Self {
        let lies_at = PathBuf::from(path);
        let origin = lies_at.canonicalize().unwrap_or_else(|_| lies_at.clone());
        Self {
            id,
            continues: None,
            path: path.to_owned(),
            origin: origin.to_string_lossy().into_owned(),
            since: None,
            file_id: (metadata.dev(), metadata.ino()),
            file: Some(file),
            lies_at,
            after: None,
            place: Position::default(),
            header: Vec::new(),
            tail: Vec::new(),
            stamp: stamp(metadata),
            changed: now,
            deleted: metadata.nlink() == 0,
            aside: false,
            skip_to: 0,
            touched: true,
            failed: false,
            marks: Vec::new(),
        }
    }

    /// Goes on where an earlier reading of this text ended; its file was seen to hold what was read then.
    pub(super) fn go_on(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.path.clone_from(&checkpoint.path);
        self.origin.clone_from(&checkpoint.origin);
        let Some(file) = &self.file else { return Ok(()) };
        let offset = checkpoint.consumed - checkpoint.half;
        let header = read_range(file, 0, checkpoint.consumed.min(HEADER as u64))?;
        self.header = header.get(..usize::try_from(offset).unwrap_or(HEADER)).unwrap_or(&header).to_vec();
        self.tail = read_range(file, offset.saturating_sub(TAIL as u64), offset)?;
        let half =
            (checkpoint.half > 0).then(|| Half { length: checkpoint.half, mark: checkpoint.into(), header });
        self.place = Position {
            offset,
            lines: checkpoint.lines - u64::from(half.is_some()),
            hash: hash_of_lines(file, checkpoint)?,
            long: 0,
            unended: checkpoint.half,
            half,
        };
        Ok(())
    }

    pub(super) const fn consumed(&self) -> u64 {
        self.place.offset
    }

    /// Whether there may be more than was handed over or seen to be a part of a line only.
    pub(super) const fn has_more(&self) -> bool {
        self.touched || self.stamp.0 > self.place.offset + self.place.unended
    }

    /// Whether a last line without its end waits.
    pub(super) fn has_half(&self) -> bool {
        self.place.unended > self.place.half.as_ref().map_or(0, |half| half.length)
    }

    /// Takes note of what the file is like now. `false` when it is shorter than what was read of it.
    pub(super) fn look(&mut self, metadata: &Metadata, now: Instant) -> bool {
        let now_stamp = stamp(metadata);
        if now_stamp != self.stamp {
            self.changed = now;
            self.touched = true;
        }
        self.stamp = now_stamp;
        self.deleted = metadata.nlink() == 0;
        if self.stamp.0 < self.place.offset + self.place.unended {
            // Part of the last line may have been taken back; it is looked at again.
            self.place.unended = 0;
        }
        self.failed = false;
        self.stamp.0 >= self.place.offset + self.place.half.as_ref().map_or(0, |half| half.length)
    }

    /// The next lines. `buffer` is there to be used again.
    pub(super) fn read(&mut self, settings: &Settings, buffer: &mut Vec<u8>) -> io::Result<Progress> {
        self.touched = false;
        let mut wanted = settings.batch_bytes.max(1);
        loop {
            let at_end = self.fill(buffer, wanted)?;
            let Some(text) = buffer.strip_prefix(self.tail.as_slice()) else {
                return Ok(Progress::Rewritten);
            };
            if !self.place.goes_on_with_half(text) {
                return Ok(Progress::Rewritten);
            }
            if at_end {
                // It may have shrunk since it was looked at; the next look will see what that means.
                self.stamp.0 = self.place.offset + text.len() as u64;
            }
            let mut batch = Batch::default();
            let taken = self.place.take(text, settings, self.skip_to, &mut batch);
            if taken == 0 && !at_end && wanted < settings.max_line + 2 {
                wanted = settings.max_line + 2;
                continue;
            }
            if taken == 0 && text.len() >= settings.max_line + 2 {
                self.place.cut(text, settings, &mut batch);
                self.remember(buffer, buffer.len() - self.tail.len());
            } else {
                // Without room for more lines, what is left may hold some.
                let is_rest = at_end && batch.lines.len() < settings.batch_lines;
                self.place.unended = if is_rest { (text.len() - taken) as u64 } else { 0 };
                self.remember(buffer, taken);
            }
            batch.offset = self.place.offset;
            batch.half = self.place.long > 0;
            // Where skipping ended is worth remembering, even without a line.
            let skipped = self.skip_to > 0 && (at_end || self.place.offset >= self.skip_to);
            if skipped {
                self.skip_to = 0;
            }
            return Ok(if batch.lines.is_empty() && !skipped {
                Progress::NoLines
            } else {
                Progress::Lines(batch)
            });
        }
    }

    /// The last line, although its end is not there.
    pub(super) fn read_half(&mut self, buffer: &mut Vec<u8>) -> io::Result<Progress> {
        // Since it was seen, the text may have gone on in a copy, where nothing was read yet.
        if !self.has_half() {
            return Ok(Progress::NoLines);
        }
        let length = usize::try_from(self.place.unended).unwrap_or(usize::MAX);
        self.fill(buffer, length)?;
        let Some(text) = buffer.strip_prefix(self.tail.as_slice()) else { return Ok(Progress::Rewritten) };
        if text.len() < length {
            self.stamp.0 = self.place.offset + text.len() as u64;
        }
        if text.len() < length || memchr::memchr(b'\n', text).is_some() {
            self.place.unended = 0;
            return Ok(Progress::NoLines);
        }
        let mut hash = self.place.hash.clone();
        hash.update(text);
        let mut header = self.header.clone();
        header.extend_from_slice(text.get(..HEADER - header.len()).unwrap_or(text));
        let offset = self.place.offset + text.len() as u64;
        let mark = Mark { offset, hash: hash.digest(), earlier_hash: hash.earlier() };
        self.place.half = Some(Half { length: text.len() as u64, mark, header });
        let line = Line { number: self.place.lines + 1, text: text.to_vec() };
        Ok(Progress::Lines(Batch { lines: vec![line], cut: Vec::new(), offset, half: true }))
    }

    /// What to remember when everything that was handed over is stored.
    pub(super) fn checkpoint(&self, host: Option<&str>) -> Checkpoint {
        let place = &self.place;
        let half = place.half.as_ref().map_or(0, |half| half.length);
        let (mark, header) = (self.mark(), self.header());
        Checkpoint {
            path: self.path.clone(),
            origin: self.origin.clone(),
            host: host.map(str::to_owned),
            header_hash: xxh3_128(header),
            header_length: u16::try_from(header.len()).unwrap_or(u16::MAX),
            consumed: mark.offset,
            lines: place.lines + u64::from(half > 0),
            half: half + place.long,
            hash: mark.hash,
            earlier_hash: mark.earlier_hash,
            file: Some(self.file_id),
            written: self.stamp.1,
            since: self.since,
        }
    }

    /// How far lines were handed over, be the last one half.
    pub(super) fn mark(&self) -> Mark {
        let Position { offset, hash, half, .. } = &self.place;
        let whole = || Mark { offset: *offset, hash: hash.digest(), earlier_hash: hash.earlier() };
        half.as_ref().map_or_else(whole, |half| half.mark)
    }

    /// How long the file is right now, which may have been copied and truncated since the last look; `None` when it
    /// does not hold any more what was handed over of it, or goes on otherwise than its copy.
    pub(super) fn length_if_still_there(&self, copy: &File, copied: u64) -> io::Result<Option<u64>> {
        let opened;
        let file = match &self.file {
            Some(file) => file,
            None => match File::open(&self.lies_at) {
                Ok(file) => {
                    opened = file;
                    &opened
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        let metadata = file.metadata()?;
        let (is_it, length) = ((metadata.dev(), metadata.ino()) == self.file_id, metadata.len());
        let still =
            is_it && holds(file, length, self.mark())? && (length < copied || end_alike(file, copy, copied)?);
        Ok(still.then_some(length))
    }

    /// The beginning of what was handed over.
    pub(super) fn header(&self) -> &[u8] {
        self.place.half.as_ref().map_or(&self.header, |half| &half.header)
    }

    /// Keeps what was read by now: a copy that is made of the file from now on holds at least that.
    pub(super) fn keep_mark(&mut self) {
        let mark = self.mark();
        if self.marks.last().is_some_and(|last| last.offset == mark.offset) {
            return;
        }
        if self.marks.len() == MAX_MARKS {
            self.marks.remove(0);
        }
        self.marks.push(mark);
    }

    /// The last bytes that were read, and what follows them. Tells whether that is all there is.
    fn fill(&self, buffer: &mut Vec<u8>, wanted: usize) -> io::Result<bool> {
        let Some(file) = &self.file else { return Err(io::ErrorKind::NotFound.into()) };
        let length = self.tail.len() + wanted;
        let from = self.place.offset - self.tail.len() as u64;
        read_at_most(file, from, length, buffer)?;
        Ok(buffer.len() < length)
    }

    fn remember(&mut self, buffer: &[u8], taken: usize) {
        let end = self.tail.len() + taken;
        let missing = HEADER - self.header.len();
        let new = buffer.get(self.tail.len()..end).unwrap_or_default();
        self.header.extend_from_slice(new.get(..missing).unwrap_or(new));
        self.tail = buffer.get(end.saturating_sub(TAIL)..end).unwrap_or_default().to_vec();
    }
}

impl Position {
    /// Takes the whole lines at the beginning of `text`, and tells how many bytes they are.
    fn take(&mut self, text: &[u8], settings: &Settings, skip_to: u64, batch: &mut Batch) -> usize {
        let mut rest = text;
        if self.lines == 0 && self.long == 0 {
            // A writer that goes on at its old place in a truncated file leaves a hole before its first line.
            self.advance(&mut rest, leading_zeros(text));
        }
        if self.long > 0 {
            let end = memchr::memchr(b'\n', rest);
            let length = end.map_or(rest.len(), |end| end + 1);
            self.advance(&mut rest, length);
            self.long = if end.is_some() { 0 } else { self.long + length as u64 };
        }
        while batch.lines.len() < settings.batch_lines {
            let Some(end) = memchr::memchr(b'\n', rest) else { break };
            let mut line = rest.get(..=end).unwrap_or(rest).to_vec();
            self.advance(&mut rest, end + 1);
            self.lines += 1;
            self.half = None;
            if self.offset <= skip_to {
                continue;
            }
            strip_line_end(&mut line);
            if line.len() > settings.max_line {
                line.truncate(settings.max_line);
                batch.cut.push(self.lines);
            }
            batch.lines.push(Line { number: self.lines, text: line });
        }
        text.len() - rest.len()
    }

    /// Whether the last line that was handed over without its end is still there.
    fn goes_on_with_half(&self, text: &[u8]) -> bool {
        let Some(half) = &self.half else { return true };
        let mut hash = self.hash.clone();
        let length = usize::try_from(half.length).unwrap_or(usize::MAX);
        // What is longer than a batch is looked at up to where it was read.
        let Some(text) = text.get(..length) else { return true };
        hash.update(text);
        hash.digest() == half.mark.hash
    }

    /// Takes all of `text`, the beginning of a line that is too long.
    fn cut(&mut self, text: &[u8], settings: &Settings, batch: &mut Batch) {
        let mut rest = text;
        self.advance(&mut rest, text.len());
        self.long = text.len() as u64;
        self.lines += 1;
        self.half = None;
        batch.cut.push(self.lines);
        let kept = text.get(..settings.max_line).unwrap_or(text).to_vec();
        batch.lines.push(Line { number: self.lines, text: kept });
    }

    fn advance(&mut self, text: &mut &[u8], length: usize) {
        let (taken, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
        self.hash.update(taken);
        self.offset += taken.len() as u64;
        self.unended = 0;
        *text = rest;
    }
}

impl From<&Checkpoint> for Mark {
    fn from(checkpoint: &Checkpoint) -> Self {
        let Checkpoint { consumed, hash, earlier_hash, .. } = checkpoint;
        Self { offset: *consumed, hash: *hash, earlier_hash: *earlier_hash }
    }
}

/// Whether the file begins with what was read up to the mark, as far as its last blocks tell.
pub(super) fn holds(file: &File, length: u64, mark: Mark) -> io::Result<bool> {
    if length < mark.offset {
        return Ok(false);
    }
    let mut hash = TextHash::restarted(mark.earlier_hash);
    hash.update(&read_range(file, TextHash::restart(mark.offset), mark.offset)?);
    Ok(hash.digest() == mark.hash)
}

/// Whether both hold the same before that place, as far as their last bytes tell.
fn end_alike(file: &File, copy: &File, end: u64) -> io::Result<bool> {
    let from = end.saturating_sub(TAIL as u64);
    let (text, mut copied) = (read_range(file, from, end)?, read_range(copy, from, end)?);
    // While a copy is being made, there may be room for what is yet to come.
    let written = copied.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    copied.truncate(written);
    Ok(text.starts_with(&copied))
}

/// The hash of what comes before the last, half line.
fn hash_of_lines(file: &File, checkpoint: &Checkpoint) -> io::Result<TextHash> {
    let from = TextHash::restart(checkpoint.consumed);
    let end = checkpoint.consumed - checkpoint.half;
    // The half line may be longer than what the known hash leaves out.
    if from > 0 && end < from + BLOCK {
        return hash_of(file, end);
    }
    let mut hash = TextHash::restarted(checkpoint.earlier_hash);
    hash.update(&read_range(file, from, end)?);
    Ok(hash)
}

fn hash_of(file: &File, length: u64) -> io::Result<TextHash> {
    let mut hash = TextHash::default();
    let mut piece = Vec::new();
    let mut offset = 0;
    while offset < length {
        let wanted = usize::try_from((length - offset).min(16 * BLOCK)).unwrap_or(usize::MAX);
        read_at_most(file, offset, wanted, &mut piece)?;
        if piece.is_empty() {
            break;
        }
        hash.update(&piece);
        offset += piece.len() as u64;
    }
    Ok(hash)
}

fn read_range(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    read_at_most(file, from, usize::try_from(to - from).unwrap_or(usize::MAX), &mut text)?;
    Ok(text)
}

/// Less than `length` bytes only at the end of the file.
pub(super) fn read_at_most(file: &File, from: u64, length: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.resize(length, 0);
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read_at(room, from + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(())
}

impl std::fmt::Debug for Position {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Position")
            .field("offset", &self.offset)
            .field("lines", &self.lines)
            .field("unended", &self.unended)
            .finish_non_exhaustive()
    }
}
