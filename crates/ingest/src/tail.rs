//! Files that grow.
//!
//! [`Tail`] is the core: it is told when to look ([`Tail::scan`]) and gives what is new ([`Tail::read`]); it sleeps
//! nowhere and has no clock. [`LiveTail`] drives it. A text ([`text`]) stays the same through rotation; what is known
//! of texts that are not being read is in [`memory`], which tells for a file that nobody knows which text it holds.
//!
//! Invariant: whoever goes on from the checkpoints of what was stored gets every whole line once. A last line without
//! its end is handed over only when it has been left so for a while, or when its file goes: the store replaces it when it
//! comes again, whole. At a stop it is not handed over: the file still has it at the next start.

mod settings;

mod find;
mod memory;
mod packed;
mod text;

mod live;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use model::Source;

pub use live::LiveTail;
pub use settings::{Start, TailSettings};

use self::find::{FileId, Found, Listing, Patterns, Stamp, stamp};
use self::memory::{Identity, Memory, Remembered, Stranger};
use self::packed::Packed;
use self::text::{Progress, Text, read_at_most};
use crate::decode::{Kind, LOOK, is_compressed, kind};
use crate::identity::unrotated;
use crate::{Batch, Checkpoint, Delivery, Place, ReadError, Receipt, Skipped};

/// Reads files that grow, when told to.
#[derive(Debug)]
pub struct Tail {
    settings: TailSettings,
    patterns: Patterns,
    memory: Memory,
    texts: BTreeMap<u64, Text>,
    by_file: HashMap<FileId, u64>,
    /// The newest text of each name, whatever rotation appended to it.
    newest: HashMap<String, u64>,
    /// Compressed files that are being read.
    packed: VecDeque<Packed>,
    /// Last lines without an end that are to be handed over.
    halves: VecDeque<u64>,
    /// What is not read as long as it stays as it is.
    ignored: HashMap<FileId, Ignored>,
    /// What is looked at again when it has settled, and since when it is as it is.
    unclear: HashMap<FileId, (Stamp, Instant)>,
    /// Since when all is wanted that was written to a log of each name: what rotation put aside since is new, although
    /// nobody asks for it by its own name.
    wanted_since: HashMap<String, SystemTime>,
    /// The same for names that were not met yet; `None` before the very first look.
    watched_since: Option<SystemTime>,
    scanned_before: bool,
    /// The text that was read last: the next one's turn is then.
    turn: u64,
    next_id: u64,
    buffer: Vec<u8>,
    problems: BTreeMap<PathBuf, ReadError>,
    skipped: BTreeMap<PathBuf, &'static str>,
    folders: Vec<PathBuf>,
    wants_scan: bool,
}

#[derive(Debug)]
enum Ignored {
    /// Until it changes.
    AsIs(Stamp),
    /// Until it changes or this text is not read any more.
    CopyOf(u64, Stamp),
    /// It was put aside before the first look, and nobody asked for it.
    Old,
}

/// What a tail does, for people and for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailStatus {
    pub files: usize,
    pub open: usize,
    /// Bytes that are there and were not handed over yet.
    pub behind: u64,
    /// What could not be read, in words.
    pub problems: Vec<String>,
    /// What holds no lines.
    pub skipped: Vec<Skipped>,
}

/// More are of no use to anybody.
const MAX_PROBLEMS: usize = 1000;

impl Tail {
    /// `known` is what was stored of earlier readings, by whomever.
    pub fn new(settings: TailSettings, known: Vec<Checkpoint>) -> Result<Self, ReadError> {
        Ok(Self {
            patterns: Patterns::new(&settings.patterns)?,
            settings,
            texts: BTreeMap::new(),
            by_file: HashMap::new(),
            newest: HashMap::new(),
            packed: VecDeque::new(),
            halves: VecDeque::new(),
            ignored: HashMap::new(),
            unclear: HashMap::new(),
            wanted_since: wanted_since(&known),
            watched_since: known.iter().filter_map(|checkpoint| checkpoint.since).max(),
            memory: Memory::new(known),
            scanned_before: false,
            turn: 0,
            next_id: 0,
            buffer: Vec::new(),
            problems: BTreeMap::new(),
            skipped: BTreeMap::new(),
            folders: Vec::new(),
            wants_scan: false,
        })
    }

    /// Looks which files there are and what became of those that are known.
    pub fn scan(&mut self, now: Instant) {
        self.wants_scan = false;
        self.problems.clear();
        let listing = self.patterns.list();
        // What is written from now on is newer than all that was there at the very first look.
        let newest = || listing.files.iter().filter_map(|found| found.stamp.1).max();
        let later = || newest().unwrap_or(SystemTime::UNIX_EPOCH) + Duration::from_nanos(1);
        self.watched_since.get_or_insert_with(later);
        self.look(now);
        self.settle_places(&listing, now);
        self.texts.values_mut().for_each(Text::keep_mark);
        listing.files.iter().for_each(|found| self.meet_unknown(found, now));
        self.forget_absent(&listing);
        self.close_some();
        listing.problems.into_iter().for_each(|error| self.trouble(error));
        self.folders = listing.folders;
        self.scanned_before = true;
    }

    /// Looks only at the files that are known: how far they have grown.
    pub fn look(&mut self, now: Instant) {
        let mut shrunk = Vec::new();
        for (id, text) in &mut self.texts {
            let metadata = match &text.file {
                Some(file) => file.metadata(),
                None => fs::metadata(&text.lies_at),
            };
            let there = metadata.ok().filter(|there| (there.dev(), there.ino()) == text.file_id);
            let was_deleted = text.deleted;
            match there {
                Some(metadata) if text.look(&metadata, now) => {}
                Some(_) => shrunk.push(*id),
                None => text.deleted = true,
            }
            if text.deleted && !was_deleted {
                text.changed = now;
            }
        }
        shrunk.into_iter().for_each(|id| self.begin_anew(id, now));
        self.release(now);
    }

    /// The next lines of the file whose turn it is; `None` when nothing is new.
    pub fn read(&mut self) -> Option<Delivery> {
        loop {
            if let Some(delivery) = self.read_packed() {
                return Some(delivery);
            }
            let (id, half) = match self.halves.pop_front() {
                Some(id) => (id, true),
                None => (self.next_turn()?, false),
            };
            if let Some(delivery) = self.read_text(id, half) {
                return Some(delivery);
            }
        }
    }

    /// Whether a file turned out to hold something else than before: a look at all of them may find its old content.
    #[must_use]
    pub const fn wants_scan(&self) -> bool {
        self.wants_scan
    }

    #[must_use]
    pub fn status(&self) -> TailStatus {
        let unread = |text: &Text| text.stamp.0.saturating_sub(text.consumed());
        let skipped =
            |(path, reason): (&PathBuf, &&'static str)| Skipped { path: path.display().to_string(), reason };
        TailStatus {
            files: self.texts.len() + self.packed.len(),
            open: self.texts.values().filter(|text| text.file.is_some()).count(),
            behind: self.texts.values().map(unread).sum(),
            problems: self.problems.values().map(ToString::to_string).collect(),
            skipped: self.skipped.iter().map(skipped).collect(),
        }
    }

    /// Where new files may appear.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    pub(crate) const fn settings(&self) -> &TailSettings {
        &self.settings
    }

    /// Tells the texts where their files lie now.
    fn settle_places(&mut self, listing: &Listing, now: Instant) {
        let places: HashMap<FileId, &Found> = listing.files.iter().map(|found| (found.id, found)).collect();
        for text in self.texts.values_mut() {
            let found = places.get(&text.file_id);
            let aside = found.is_none_or(|found| !found.asked);
            if aside && !text.aside {
                text.changed = now;
            }
            text.aside = aside;
            if let Some(found) = found {
                text.lies_at.clone_from(&found.path);
            }
        }
    }

    fn is_known(&self, found: &Found) -> bool {
        let read = self.by_file.contains_key(&found.id)
            || self.packed.iter().any(|packed| packed.file_id == found.id);
        read || match self.ignored.get(&found.id) {
            None => false,
            Some(Ignored::Old) => true,
            Some(Ignored::AsIs(stamp)) => *stamp == found.stamp,
            Some(Ignored::CopyOf(text, stamp)) => *stamp == found.stamp && self.texts.contains_key(text),
        }
    }

    fn meet_unknown(&mut self, found: &Found, now: Instant) {
        if !self.is_known(found)
            && let Err(error) = self.meet(found, now)
        {
            self.trouble(error);
        }
    }

    /// Finds out what a file holds that nothing is known of.
    fn meet(&mut self, found: &Found, now: Instant) -> Result<(), ReadError> {
        let failed = |error| ReadError::open(&found.path, error);
        let file = File::open(&found.path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let id = (metadata.dev(), metadata.ino());
        if id != found.id {
            return Ok(()); // It has just been replaced; the next look will see it.
        }
        let shown = found.path.to_string_lossy().into_owned();
        let head = head(&file).map_err(|error| ReadError::read(&shown, 0, error))?;
        if head.is_empty() {
            return Ok(()); // What will be in it is not known yet: lines, a copy of lines, an archive.
        }
        self.ignored.remove(&id);
        self.skipped.remove(&found.path);
        if self.texts.len() + self.packed.len() >= self.settings.max_files {
            return Err(ReadError::TooMany { path: found.path.clone(), limit: self.settings.max_files });
        }
        let (metadata_stamp, settled) = (stamp(&metadata), self.is_settled(id, stamp(&metadata), now));
        if is_compressed(&head) {
            return if settled { self.meet_packed(found, file) } else { Ok(()) };
        }
        if let Some(reason) = no_lines(&file, &head).map_err(failed)? {
            self.skip(&found.path, id, metadata_stamp, reason);
            return Ok(());
        }
        let origin = found.path.canonicalize().unwrap_or_else(|_| found.path.clone());
        let stranger = Stranger {
            file: &file,
            id,
            length: metadata.len(),
            head: &head,
            path: &shown,
            origin: &origin.to_string_lossy(),
            host: self.settings.host.as_deref(),
            settled,
        };
        let identity = self
            .memory
            .identify(&stranger, &self.texts)
            .map_err(|error| ReadError::read(&shown, 0, error))?;
        if !matches!(identity, Identity::Unclear) {
            self.unclear.remove(&id);
        }
        match identity {
            Identity::Unclear => {}
            Identity::Copy(text) => {
                self.ignored.insert(id, Ignored::CopyOf(text, metadata_stamp));
            }
            Identity::New if !(found.asked || self.scanned_before || self.is_wanted(found)) => {
                self.ignored.insert(id, Ignored::Old);
            }
            Identity::New => {
                let mut text = Text::new(self.take_id(), &shown, file, &metadata, now);
                if self.settings.start == Start::End && !self.scanned_before {
                    text.skip_to = metadata.len();
                }
                self.follow(text, found);
            }
            Identity::Known(known) => {
                let text = Text::new(0, &shown, file, &metadata, now);
                self.go_on(text, *known, found).map_err(|error| ReadError::read(&shown, 0, error))?;
            }
            Identity::Instead(text) => {
                self.let_go(text);
                // It is remembered now, and will be found.
                self.wants_scan = true;
            }
            Identity::Copied(text) => self.begin_anew(text, now),
        }
        Ok(())
    }

    /// Since when a file is as it is now is kept for as long as that matters.
    fn is_settled(&mut self, id: FileId, stamp: Stamp, now: Instant) -> bool {
        let (before, since) = self.unclear.entry(id).or_insert((stamp, now));
        if *before != stamp {
            (*before, *since) = (stamp, now);
        }
        now.saturating_duration_since(*since) >= self.settings.settle
    }

    /// Whether the file was written since logs of its name are wanted, so that it is new although it was put aside.
    fn is_wanted(&self, found: &Found) -> bool {
        let origin = found.path.canonicalize().unwrap_or_else(|_| found.path.clone());
        self.since(&origin.to_string_lossy()).is_some_and(|since| found.stamp.1 >= Some(since))
    }

    fn since(&self, origin: &str) -> Option<SystemTime> {
        self.wanted_since.get(unrotated(origin)).copied().or(self.watched_since)
    }

    fn go_on(&mut self, mut text: Text, known: Remembered, found: &Found) -> io::Result<()> {
        text.id = known.text.unwrap_or_else(|| self.take_id());
        text.continues = known.continues;
        if let Err(error) = text.go_on(&known.checkpoint) {
            self.memory.keep(known);
            return Err(error);
        }
        self.follow(text, found);
        Ok(())
    }

    fn follow(&mut self, mut text: Text, found: &Found) {
        text.aside = !found.asked;
        text.since = self.since(&text.origin);
        if let Some(since) = text.since {
            self.wanted_since.entry(unrotated(&text.origin).to_owned()).or_insert(since);
        }
        let name = unrotated(&found.path.to_string_lossy()).to_owned();
        let newest = self.newest.entry(name).or_insert(text.id);
        // What goes on elsewhere may be older than what is in its place by now.
        text.after = (*newest < text.id).then_some(*newest);
        *newest = text.id.max(*newest);
        self.unclear.remove(&text.file_id);
        self.by_file.insert(text.file_id, text.id);
        self.texts.insert(text.id, text);
    }

    /// The file was truncated, or written anew: what was read of it is remembered, in case it was copied before, and
    /// what is in it now is another text.
    fn begin_anew(&mut self, id: u64, now: Instant) {
        let Some(mut old) = self.texts.remove(&id) else { return };
        self.memory.remember(&old, self.settings.host.as_deref());
        self.by_file.remove(&old.file_id);
        self.wants_scan = true;
        let Some(file) = old.file.take() else { return };
        let Ok(metadata) = file.metadata() else { return };
        let path = if old.deleted { old.path.clone() } else { old.lies_at.to_string_lossy().into_owned() };
        let mut new = Text::new(self.take_id(), &path, file, &metadata, now);
        (new.after, new.aside, new.since) = (Some(id), old.aside, old.since);
        self.newest.insert(unrotated(&path).to_owned(), new.id);
        self.by_file.insert(new.file_id, new.id);
        self.texts.insert(new.id, new);
    }

    /// Hands over what was left half, and lets go of what nobody writes to any more.
    fn release(&mut self, now: Instant) {
        let settings = &self.settings;
        let mut gone = Vec::new();
        for text in self.texts.values().filter(|text| !text.has_more()) {
            let quiet = now.saturating_duration_since(text.changed);
            let deleted = text.deleted && quiet >= settings.release_deleted;
            let aside = text.aside && quiet >= settings.release_aside;
            if text.has_half() {
                if (deleted || aside || quiet >= settings.half_after) && !self.halves.contains(&text.id) {
                    self.halves.push_back(text.id);
                }
            } else if deleted || aside {
                gone.push(text.id);
            }
        }
        gone.into_iter().for_each(|id| self.let_go(id));
    }

    fn let_go(&mut self, id: u64) {
        let Some(text) = self.texts.remove(&id) else { return };
        self.by_file.remove(&text.file_id);
        self.memory.remember(&text, self.settings.host.as_deref());
        if !text.deleted {
            self.ignored.insert(text.file_id, Ignored::AsIs(text.stamp));
        }
    }

    /// A number that the system gave to a file that is no more may come again with another one.
    fn forget_absent(&mut self, listing: &Listing) {
        let there: std::collections::HashSet<FileId> = listing.files.iter().map(|found| found.id).collect();
        let paths: std::collections::HashSet<&Path> =
            listing.files.iter().map(|found| found.path.as_path()).collect();
        self.ignored.retain(|id, _| there.contains(id));
        self.unclear.retain(|id, _| there.contains(id));
        self.skipped.retain(|path, _| paths.contains(path.as_path()));
        let texts = &self.texts;
        self.newest.retain(|_, id| texts.contains_key(id));
    }

    /// Keeps the number of open files in bounds: those that were not written to for longest can be opened again.
    fn close_some(&mut self) {
        let open = self.texts.values().filter(|text| text.file.is_some()).count();
        let Some(excess) = open.checked_sub(self.settings.max_open).filter(|excess| *excess > 0) else {
            return;
        };
        let can_close =
            |text: &&mut Text| text.file.is_some() && !text.has_more() && !text.deleted && !text.aside;
        let mut idle: Vec<&mut Text> = self.texts.values_mut().filter(can_close).collect();
        idle.sort_by_key(|text| text.changed);
        for text in idle.into_iter().take(excess) {
            text.file = None;
        }
    }

    /// One text after the other, and none before those that came before it under the same name.
    fn next_turn(&mut self) -> Option<u64> {
        let is_unread = |id: &u64| {
            self.texts.get(id).is_some_and(|text| text.has_more() && !text.failed)
                || self.packed.iter().any(|packed| packed.id == *id)
        };
        let is_next = |id: &u64| {
            is_unread(id)
                && self.texts.get(id).is_some_and(|text| !text.after.as_ref().is_some_and(is_unread))
        };
        let later = self.texts.range(self.turn + 1..).map(|(id, _)| *id);
        let found = later.chain(self.texts.keys().copied()).find(is_next)?;
        self.turn = found;
        Some(found)
    }

    fn read_text(&mut self, id: u64, half: bool) -> Option<Delivery> {
        let text = self.texts.get_mut(&id)?;
        let outcome = open_again(text).and_then(|()| {
            if text.consumed() == 0 && text.file.as_ref().map(holds_no_lines).transpose()? == Some(true) {
                return Ok(None);
            }
            let lines = &self.settings.lines;
            let read =
                if half { text.read_half(&mut self.buffer) } else { text.read(lines, &mut self.buffer) };
            read.map(Some)
        });
        match outcome {
            Ok(Some(Progress::Lines(batch))) => {
                let checkpoint = text.checkpoint(self.settings.host.as_deref());
                let place = Place::File { text: id, continues: text.continues, checkpoint };
                Some(delivery(&text.path, self.settings.host.clone(), batch, place))
            }
            Ok(Some(Progress::NoLines)) => None,
            Ok(Some(Progress::Rewritten)) => {
                let seen = text.changed;
                self.begin_anew(id, seen);
                None
            }
            Ok(None) => {
                // It was empty or truncated, and what came is something else than lines.
                self.by_file.remove(&text.file_id);
                self.texts.remove(&id);
                self.wants_scan = true;
                None
            }
            Err(error) => {
                text.failed = true;
                let error = ReadError::read(&text.path, text.consumed(), error);
                self.trouble(error);
                None
            }
        }
    }

    fn skip(&mut self, path: &Path, id: FileId, stamp: Stamp, reason: &'static str) {
        self.ignored.insert(id, Ignored::AsIs(stamp));
        self.unclear.remove(&id);
        self.skipped.insert(path.to_owned(), reason);
    }

    fn trouble(&mut self, error: ReadError) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.insert(PathBuf::from(error.path()), error);
        }
    }

    const fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

fn wanted_since(known: &[Checkpoint]) -> HashMap<String, SystemTime> {
    let mut wanted = HashMap::new();
    for checkpoint in known {
        let Some(since) = checkpoint.since else { continue };
        let first = wanted.entry(unrotated(&checkpoint.origin).to_owned()).or_insert(since);
        *first = since.min(*first);
    }
    // Of what was only imported, all that is newer.
    let mut imported = HashMap::new();
    for checkpoint in known {
        let name = unrotated(&checkpoint.origin);
        if let Some(written) = checkpoint.written.filter(|_| !wanted.contains_key(name)) {
            let newest = imported.entry(name.to_owned()).or_insert(written);
            *newest = written.max(*newest);
        }
    }
    wanted.extend(imported);
    wanted
}

fn delivery(path: &str, host: Option<String>, batch: Batch, place: Place) -> Delivery {
    let source = Source { path: path.to_owned(), host, ..Source::default() };
    Delivery { source, batch, place, receipt: Receipt::unwanted() }
}

/// A file that was closed for others to be open. When another one lies there by now, its bytes will tell.
fn open_again(text: &mut Text) -> io::Result<()> {
    if text.file.is_none() {
        text.file = Some(File::open(&text.lies_at)?);
    }
    Ok(())
}

fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    read_at_most(file, 0, LOOK, &mut head)?;
    Ok(head)
}

fn holds_no_lines(file: &File) -> io::Result<bool> {
    let head = head(file)?;
    Ok(is_compressed(&head) || no_lines(file, &head)?.is_some())
}

/// Why a file holds no lines. A hole at its beginning tells nothing; what is behind it does.
fn no_lines(file: &File, head: &[u8]) -> io::Result<Option<&'static str>> {
    let is_hole = head.len() == LOOK && head.iter().all(|byte| *byte == 0);
    let mut behind = Vec::new();
    if is_hole && let Ok(data) = rustix::fs::seek(file, rustix::fs::SeekFrom::Data(0)) {
        read_at_most(file, data, LOOK, &mut behind)?;
    }
    let head = if behind.iter().any(|byte| *byte != 0) { &behind } else { head };
    Ok(match kind(head) {
        Kind::Text => None,
        Kind::Tar => Some("an archive; import it"),
        Kind::Binary(reason) => Some(reason),
    })
}
