use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use model::Line;
use xxhash_rust::xxh3::xxh3_128;

use crate::decode::{Decoded, decode};
use crate::identity::HEADER;
use crate::text_hash::TextHash;
use crate::{Checkpoint, ReadError, Resume, Settings};

/// One text, read from its first new line to its end.
pub struct Reader<'a> {
    /// As shown to people.
    pub path: String,
    /// When the file was last written: tells the year where lines do not.
    pub modified: Option<SystemTime>,
    pub(crate) origin: String,
    settings: Settings,
    stream: BufReader<Box<dyn Read + 'a>>,
    restart: Restart,
    header: Vec<u8>,
    position: Position,
    /// Comes after the lines that were read before it.
    failure: Option<io::Error>,
}

/// How to read a stream from its beginning once more.
pub(crate) enum Restart {
    Reopen(PathBuf),
    /// A pipe or a member of an archive goes by once: what was read is kept in a temporary file.
    Spool,
}

/// How far the text was read.
#[derive(Clone, Default)]
struct Position {
    offset: u64,
    lines: u64,
    hash: TextHash,
    /// The length of the last line, when its end was not there yet.
    half: u64,
}

/// Some consecutive lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub lines: Vec<Line>,
    /// The numbers of those that were longer than the limit, and were cut.
    pub cut: Vec<u64>,
    /// Bytes of text up to the end of the batch.
    pub offset: u64,
    /// The last line has no line end yet. When the text has grown, that line comes again, whole, under its number.
    pub half: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(path: String, decoded: Decoded<'a>, restart: Restart, settings: Settings) -> Self {
        let mut header = decoded.head;
        header.truncate(HEADER);
        Self {
            path,
            modified: None,
            origin: String::new(),
            settings,
            stream: BufReader::with_capacity(128 << 10, decoded.stream),
            restart,
            header,
            position: Position::default(),
            failure: None,
        }
    }

    /// Skips what is known already. To be called before the first batch. `host` is the one that wrote the text.
    pub fn resume(&mut self, known: &[Checkpoint], host: Option<&str>) -> Result<Resume, ReadError> {
        let mut candidates: Vec<usize> = (0..known.len())
            .filter(|&at| {
                known[at].may_be(&self.path, &self.origin, host) && known[at].begins_like(&self.header)
            })
            .collect();
        candidates.sort_by_key(|&at| known[at].consumed);
        let Some(&longest) = candidates.last() else { return Ok(Resume::New) };

        let mut spool = match self.restart {
            Restart::Spool => Some(tempfile::SpooledTempFile::new(8 << 20)),
            Restart::Reopen(_) => None,
        };
        let mut best = None;
        for &at in &candidates {
            self.advance(known[at].consumed, spool.as_mut())?;
            if self.position.offset == known[at].consumed && self.position.hash.digest() == known[at].hash {
                best = Some(at);
            }
        }
        let ends_here = self.at_end();
        let Some(best) = best else {
            self.rewind(spool)?;
            return Ok(Resume::New);
        };
        let checkpoint = &known[best];
        if ends_here && self.position.offset == checkpoint.consumed {
            self.position.lines = checkpoint.lines;
            self.position.half = checkpoint.half;
            return Ok(Resume::Known { checkpoint: best });
        }
        if best == longest && checkpoint.half == 0 {
            self.position.lines = checkpoint.lines;
        } else {
            self.rewind(spool)?;
            self.advance(checkpoint.consumed - checkpoint.half, None)?;
            self.position.lines = checkpoint.lines - u64::from(checkpoint.half > 0);
        }
        Ok(Resume::GoOn { checkpoint: best, line: self.position.lines + 1 })
    }

    /// The next lines; `None` at the end. Lines before an error come first, the error with the next call.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, ReadError> {
        if let Some(error) = self.failure.take() {
            return Err(self.error(error));
        }
        let mut batch = Batch::default();
        let mut bytes = 0;
        while batch.lines.len() < self.settings.batch_lines && bytes < self.settings.batch_bytes {
            match self.next_line(&mut batch) {
                Ok(0) => break,
                Ok(length) => bytes += length,
                Err(error) if batch.lines.is_empty() => return Err(self.error(error)),
                Err(error) => {
                    self.failure = Some(error);
                    break;
                }
            }
        }
        batch.offset = self.position.offset;
        batch.half = self.position.half > 0;
        Ok((!batch.lines.is_empty()).then_some(batch))
    }

    /// What to remember when everything read so far is stored.
    #[must_use]
    pub fn checkpoint(&self, host: Option<&str>) -> Checkpoint {
        let header_length = self.header.len().min(usize::try_from(self.position.offset).unwrap_or(HEADER));
        let header = self.header.get(..header_length).unwrap_or_default();
        Checkpoint {
            path: self.path.clone(),
            origin: self.origin.clone(),
            host: host.map(str::to_owned),
            header_hash: xxh3_128(header),
            header_length: u16::try_from(header_length).unwrap_or(u16::MAX),
            consumed: self.position.offset,
            lines: self.position.lines,
            half: self.position.half,
            hash: self.position.hash.digest(),
            earlier_hash: self.position.hash.earlier(),
            file: None,
            written: self.modified,
            since: None,
        }
    }

    /// Adds one line to the batch and tells how many bytes it has with its end; 0 at the end of the text. A line that
    /// an error interrupts is added too, as half a line.
    fn next_line(&mut self, batch: &mut Batch) -> io::Result<usize> {
        let mut line = Line { number: self.position.lines + 1, text: Vec::new() };
        let (mut length, mut whole) = (0, false);
        let mut failure = None;
        while !whole {
            let buffer = match self.stream.fill_buf() {
                Ok([]) => break,
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            };
            let end = memchr::memchr(b'\n', buffer);
            whole = end.is_some();
            let piece = buffer.get(..end.map_or(buffer.len(), |end| end + 1)).unwrap_or(buffer);
            // A writer that goes on at its old place in a truncated file leaves a hole before its first line.
            let hole =
                if self.position.lines == 0 && line.text.is_empty() { leading_zeros(piece) } else { 0 };
            let text = piece.get(hole..).unwrap_or_default();
            let room = (self.settings.max_line + 2).saturating_sub(line.text.len());
            line.text.extend_from_slice(text.get(..room).unwrap_or(text));
            self.position.hash.update(piece);
            let taken = piece.len();
            self.stream.consume(taken);
            length += taken;
        }
        self.position.offset += length as u64;
        if length > 0 {
            self.position.lines += 1;
            self.position.half = if whole { 0 } else { length as u64 };
            strip_line_end(&mut line.text);
            if line.text.len() > self.settings.max_line {
                line.text.truncate(self.settings.max_line);
                batch.cut.push(line.number);
            }
            batch.lines.push(line);
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(length),
        }
    }

    /// Reads on to `offset` or to the end, without looking at lines.
    fn advance(
        &mut self,
        offset: u64,
        mut spool: Option<&mut tempfile::SpooledTempFile>,
    ) -> Result<(), ReadError> {
        while self.position.offset < offset {
            let read = match self.stream.fill_buf() {
                Ok([]) => return Ok(()),
                Ok(buffer) => {
                    let wanted = usize::try_from(offset - self.position.offset).unwrap_or(usize::MAX);
                    let piece = buffer.get(..wanted).unwrap_or(buffer);
                    self.position.hash.update(piece);
                    spool.as_mut().map_or(Ok(()), |spool| spool.write_all(piece)).map(|()| piece.len())
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let count = match read {
                Ok(count) => count,
                // Kept for later: what was read up to here may be all that is known of the text.
                Err(error) if self.failure.is_none() => {
                    self.failure = Some(error);
                    return Ok(());
                }
                Err(error) => return Err(self.error(error)),
            };
            self.stream.consume(count);
            self.position.offset += count as u64;
        }
        Ok(())
    }

    fn at_end(&mut self) -> bool {
        if self.failure.is_some() {
            return true;
        }
        match self.stream.fill_buf() {
            Ok(buffer) => buffer.is_empty(),
            Err(error) => {
                self.failure = Some(error);
                true
            }
        }
    }

    fn rewind(&mut self, spool: Option<tempfile::SpooledTempFile>) -> Result<(), ReadError> {
        let stream = match (&self.restart, spool) {
            (Restart::Reopen(path), _) => {
                File::open(path).and_then(|file| decode(Box::new(file))).map(|decoded| decoded.stream)
            }
            (Restart::Spool, Some(mut spool)) => spool.seek(SeekFrom::Start(0)).map(|_| {
                let rest = std::mem::replace(&mut self.stream, BufReader::new(Box::new(io::empty())));
                let failed = Failed(self.failure.take());
                Box::new(spool.chain(failed).chain(rest)) as Box<dyn Read + 'a>
            }),
            (Restart::Spool, None) => Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Read + 'a>),
        };
        match stream {
            Ok(stream) => {
                self.stream = BufReader::with_capacity(128 << 10, stream);
                self.position = Position::default();
                self.failure = None;
                Ok(())
            }
            Err(error) => Err(self.error(error)),
        }
    }

    fn error(&self, source: io::Error) -> ReadError {
        ReadError::read(&self.path, self.position.offset, source)
    }
}

/// Yields the error that a stream met at this place, once.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

pub(crate) fn leading_zeros(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte != 0).unwrap_or(text.len())
}

pub(crate) fn strip_line_end(text: &mut Vec<u8>) {
    if text.last() == Some(&b'\n') {
        text.pop();
        if text.last() == Some(&b'\r') {
            text.pop();
        }
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Reader").field("path", &self.path).field("offset", &self.position.offset).finish()
    }
}
