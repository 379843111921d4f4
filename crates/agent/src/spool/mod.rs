//! The buffer on the disk, between what was taken and what was acknowledged.
//!
//! ```text
//! lock                     of the process that has it
//! acknowledged             the number of the last frame that need not be sent any more
//! 0000000000000001.frames  segments, named by their first frame
//! 000000000000002a.frames
//! ```
//!
//! A segment begins with the states of all texts, then frames follow, each with some lines and the states of their texts
//! after them. A frame is on the disk, whole, before [`Spool::push`] returns. Segments are only appended to, by the
//! process that began them, and deleted when all in them is acknowledged; the newest and one before it stay, so that a
//! head that cannot be read is made good by the segment before.
//!
//! Invariant: the states are those after the last whole frame. So a kill at any moment loses a frame and what it
//! changes, or neither.
//!
//! Where a frame is damaged, nobody knows how many lines of a text were sent: to go on counting could give two lines the
//! same number, and the second would be dropped. Then all texts go on under new names (`States::rename`), and at most the
//! lines of that frame are lost, or come twice.

mod acknowledged;
mod frame;
mod lock;
mod segment;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(crate) use self::frame::NewFrame;
pub use self::lock::Holder;

use self::acknowledged::Acknowledged;
use self::frame::{Head, Header, Kind};
use self::lock::Lock;
use self::segment::{Look, Told};
use crate::gzip::Part;
use crate::states::States;
use crate::{SpoolError, SpoolSettings};

#[derive(Debug)]
pub(crate) struct Spool {
    settings: SpoolSettings,
    host: String,
    _lock: Lock,
    acknowledged: Acknowledged,
    /// The oldest first.
    segments: VecDeque<Segment>,
    /// The newest one, once this process has begun it.
    writing: Option<Writing>,
    reading: Reading,
    states: States,
    /// The newest segment whose head can be read, and the one before: that one stays too.
    good_heads: (u64, u64),
    /// The number of the next frame …
    next: u64,
    /// … and of the last one that is there.
    last: u64,
    troubles: Vec<SpoolError>,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    first: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Writing {
    path: PathBuf,
    file: File,
    end: u64,
    full_at: u64,
    /// Something may stand behind the end that was not written as a whole.
    unclean: bool,
}

/// The place of the next frame to be sent.
#[derive(Debug, Default)]
struct Reading {
    segment: u64,
    at: u64,
    file: Option<File>,
}

/// Consecutive frames, to be sent as one.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) parts: Vec<Part>,
    pub(crate) lines: u64,
    /// Milliseconds since 1970, when the first of them was taken.
    pub(crate) taken_at: u64,
    /// The number of the last of them.
    pub(crate) last: u64,
}

/// A segment is many times as long as what stands at its head.
const HEADS: u64 = 4;
/// More are of no use to anybody.
const MOST_TROUBLES: usize = 100;

impl Spool {
    /// Takes what an earlier process left. `host` is this machine: on another one, texts go on under new names.
    pub(crate) fn open(settings: SpoolSettings, host: &str) -> Result<Self, SpoolError> {
        let folder = settings.folder.clone();
        let failed = |source| SpoolError::Open { path: folder.clone(), source };
        // Log lines are for those who may read the logs.
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let lock = Lock::take(&folder)?;
        let acknowledged = Acknowledged::open(&folder)?;
        let segments = list(&folder).map_err(failed)?;
        let mut spool = Self {
            settings,
            host: host.to_owned(),
            _lock: lock,
            acknowledged,
            segments,
            writing: None,
            reading: Reading::default(),
            states: States::default(),
            good_heads: (0, 0),
            next: 1,
            last: 0,
            troubles: Vec::new(),
        };
        spool.recall()?;
        Ok(spool)
    }

    pub(crate) const fn states(&self) -> &States {
        &self.states
    }

    /// On the disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Whether `bytes` more may be pushed. When all is acknowledged, no more room will ever be made.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.bytes() + bytes <= self.settings.max_bytes || self.acknowledged.number >= self.last
    }

    /// What went wrong without anybody having asked for it.
    pub(crate) fn take_troubles(&mut self) -> Vec<SpoolError> {
        std::mem::take(&mut self.troubles)
    }

    /// Makes a frame durable. When that failed, nothing of it is there, and it can be tried again.
    pub(crate) fn push(&mut self, frame: &NewFrame) -> Result<(), SpoolError> {
        if self.writing.as_ref().is_none_or(|writing| writing.end >= writing.full_at) {
            self.begin_segment()?;
        }
        let Some(writing) = &mut self.writing else { return Ok(()) };
        let too_long = || SpoolError::TooLong { lines: frame.lines };
        let bytes = frame::lines_to_bytes(frame, self.next).ok_or_else(too_long)?;
        writing.append(&bytes)?;
        if let Some(segment) = self.segments.back_mut() {
            segment.bytes = writing.end;
        }
        self.states.apply(frame.changes.clone(), self.next);
        self.last = self.next;
        self.next += 1;
        Ok(())
    }

    /// The next frames to be sent, about `bytes` of them as they are before compression; none when all were given. To be
    /// called when what it gave before is acknowledged.
    pub(crate) fn next_unsent(&mut self, bytes: u64) -> Result<Option<Unsent>, SpoolError> {
        let mut unsent: Option<Unsent> = None;
        let mut plain = 0;
        while let Some((header, segment, at)) = self.next_header()? {
            plain += header.plain_length;
            if unsent.is_some() && plain > bytes {
                break;
            }
            let file = self.reading.file.as_ref();
            let read = file.map(|file| segment::payload(file, &header, at)).transpose();
            let read = read.map_err(|source| self.read_error(segment, source))?.flatten();
            self.reading.at = segment::after(&header, at);
            let Some((_, deflated)) = read else {
                self.damaged(segment, at);
                continue;
            };
            let none = Unsent { parts: Vec::new(), lines: 0, taken_at: header.taken_at, last: header.number };
            let unsent = unsent.get_or_insert(none);
            unsent.parts.push(Part { deflated, crc: header.crc, plain_length: header.plain_length });
            unsent.lines += u64::from(header.lines);
            unsent.last = header.number;
        }
        if unsent.is_none() && self.acknowledged.number < self.last {
            // The rest is damaged.
            self.acknowledge(self.last)?;
        }
        Ok(unsent)
    }

    /// Nothing up to this frame has to be sent again.
    pub(crate) fn acknowledge(&mut self, last: u64) -> Result<(), SpoolError> {
        let noted = self.acknowledged.set(last);
        let removed = self.remove_acknowledged();
        noted.and(removed)
    }

    fn recall(&mut self) -> Result<(), SpoolError> {
        let mut base = None;
        let mut told: Vec<Told> = Vec::new();
        for segment in self.segments.iter().rev() {
            let path = self.path(segment.first);
            let read = segment::read_states(&path).map_err(|source| SpoolError::Read { path, source })?;
            let head = read.head.clone();
            told.push(read);
            if let Some(head) = head {
                base = Some((segment.first, head));
                break;
            }
        }
        let is_new = self.segments.is_empty();
        let mut lost = !is_new && base.is_none();
        if lost {
            self.trouble(SpoolError::StatesLost { folder: self.settings.folder.clone() });
        }
        let (first, Head { host, states }) = base.unwrap_or_default();
        // Another machine goes on with a copy of the folder: the two would give the same names to different lines.
        lost |= !is_new && host != self.host;
        let before = self.segments.iter().rev().find(|segment| segment.first < first);
        self.good_heads = (first, before.map_or(first, |segment| segment.first));
        self.states = states;
        for told in told.into_iter().rev() {
            lost |= told.damages.iter().any(|damage| !damage.head);
            told.damages.into_iter().for_each(|damage| {
                self.trouble(SpoolError::Damaged { path: damage.path, offset: damage.at });
            });
            lost |= told.changes.iter().any(|changes| self.states.apply_bytes(changes).is_none());
            self.next = self.next.max(told.next);
        }
        self.last = self.next - 1;
        if self.acknowledged.number >= self.next {
            lost = true;
            self.trouble(SpoolError::FramesLost { folder: self.settings.folder.clone() });
        }
        // A segment whose name is taken has no whole frame.
        let newest = self.segments.back().map_or(0, |segment| segment.first);
        self.next = self.next.max(self.acknowledged.number + 1).max(newest + 1);
        if lost {
            self.states.rename();
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<(), SpoolError> {
        self.states.forget_oldest();
        let path = self.path(self.next);
        let failed = |source| SpoolError::Write { path: path.clone(), source };
        let too_long = || SpoolError::TooLong { lines: 0 };
        let head = frame::head_to_bytes(&self.host, &self.states, self.next).ok_or_else(too_long)?;
        let mut options = File::options();
        let opened = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = opened.map_err(failed)?;
        let full_at = self.settings.segment_bytes().max(HEADS * head.len() as u64);
        let mut writing = Writing { path: path.clone(), file, end: 0, full_at, unclean: false };
        let begun = writing.append(&head).and_then(|()| sync_folder(&self.settings.folder).map_err(failed));
        if let Err(error) = begun {
            // It is made anew when it is tried again; what is left of it holds no frame.
            fs::remove_file(&path).ok();
            return Err(error);
        }
        self.segments.push_back(Segment { first: self.next, bytes: writing.end });
        self.good_heads = (self.next, self.good_heads.0);
        self.writing = Some(writing);
        Ok(())
    }

    /// The next frame of lines that is not acknowledged, its segment and its place there.
    fn next_header(&mut self) -> Result<Option<(Header, u64, u64)>, SpoolError> {
        loop {
            let Some(segment) = self.segment_to_read()? else { return Ok(None) };
            let Some(file) = &self.reading.file else { return Ok(None) };
            let at = self.reading.at;
            match segment::look(file, at, segment.bytes) {
                Err(source) => return Err(self.read_error(segment.first, source)),
                Ok(Look::Frame(header)) => {
                    if header.kind == Kind::Lines && header.number > self.acknowledged.number {
                        return Ok(Some((header, segment.first, at)));
                    }
                    self.reading.at = segment::after(&header, at);
                }
                Ok(Look::Damaged(until)) => {
                    self.damaged(segment.first, at);
                    self.reading.at = until;
                }
                Ok(Look::End) => {
                    let newer = self.segments.iter().find(|newer| newer.first > segment.first);
                    let Some(newer) = newer else { return Ok(None) };
                    self.reading = Reading { segment: newer.first, at: 0, file: None };
                }
            }
        }
    }

    /// The segment where reading goes on, open.
    fn segment_to_read(&mut self) -> Result<Option<Segment>, SpoolError> {
        // The one that was read last may have been removed.
        let found = self.segments.iter().find(|segment| segment.first >= self.reading.segment);
        let Some(segment) = found.copied() else { return Ok(None) };
        if segment.first != self.reading.segment {
            self.reading = Reading { segment: segment.first, at: 0, file: None };
        }
        if self.reading.file.is_none() {
            match File::open(self.path(segment.first)) {
                Ok(file) => self.reading.file = Some(file),
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => {
                    self.trouble(SpoolError::FramesLost { folder: self.settings.folder.clone() });
                    self.segments.retain(|other| other.first != segment.first);
                    return self.segment_to_read();
                }
                Err(source) => return Err(self.read_error(segment.first, source)),
            }
        }
        Ok(Some(segment))
    }

    fn remove_acknowledged(&mut self) -> Result<(), SpoolError> {
        while let (Some(oldest), Some(newer)) = (self.segments.front(), self.segments.get(1)) {
            if newer.first > self.acknowledged.number + 1 || oldest.first >= self.good_heads.1 {
                break;
            }
            let path = self.path(oldest.first);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(SpoolError::Remove { path, source });
                }
                _ => self.segments.pop_front(),
            };
        }
        Ok(())
    }

    fn damaged(&mut self, segment: u64, offset: u64) {
        let path = self.path(segment);
        self.trouble(SpoolError::Damaged { path, offset });
    }

    fn trouble(&mut self, trouble: SpoolError) {
        // What is found damaged at the start is found again when it is read to be sent.
        let is_known = self.troubles.iter().any(|known| known.to_string() == trouble.to_string());
        if !is_known && self.troubles.len() < MOST_TROUBLES {
            self.troubles.push(trouble);
        }
    }

    fn read_error(&self, segment: u64, source: io::Error) -> SpoolError {
        SpoolError::Read { path: self.path(segment), source }
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.settings.folder.join(segment::name(segment))
    }
}

impl Writing {
    fn append(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let written = self.try_append(bytes);
        if written.is_err() {
            self.unclean = true;
            // Gives back what a full disk had room for; if not now, then before the next attempt.
            self.file.set_len(self.end).ok();
        }
        written.map_err(|source| SpoolError::Write { path: self.path.clone(), source })
    }

    fn try_append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.unclean {
            self.file.set_len(self.end)?;
            self.unclean = false;
        }
        self.file.write_all_at(bytes, self.end)?;
        self.file.sync_data()?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

fn list(folder: &Path) -> io::Result<VecDeque<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(first) = segment::number(&entry.path()) {
            segments.push(Segment { first, bytes: entry.metadata()?.len() });
        }
    }
    segments.sort_unstable_by_key(|segment| segment.first);
    Ok(segments.into())
}

/// A new name is durable when its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
