//! Compressed files: what rotation made of a text. They do not grow, and are read once, to their end.

use std::fs::File;
use std::time::SystemTime;

use super::find::{FileId, Found, stamp};
use super::memory::Remembered;
use super::{Ignored, Tail, delivery};
use crate::decode::{Decoded, Kind, decode};
use crate::identity::unrotated;
use crate::reader::Restart;
use crate::{Checkpoint, Delivery, Place, ReadError, Reader, Resume};

#[derive(Debug)]
pub(super) struct Packed {
    pub(super) id: u64,
    pub(super) file_id: FileId,
    continues: Option<usize>,
    since: Option<SystemTime>,
    reader: Reader<'static>,
}

/// So many are open at a time; others wait.
const MAX_PACKED: usize = 4;

impl Tail {
    pub(super) fn meet_packed(&mut self, found: &Found, file: File) -> Result<(), ReadError> {
        if self.packed.len() >= MAX_PACKED {
            return Ok(());
        }
        let path = found.path.to_string_lossy().into_owned();
        let failed = |error| ReadError::read(&path, 0, error);
        let metadata = file.metadata().map_err(failed)?;
        let decoded = decode(Box::new(file)).map_err(failed)?;
        match decoded.kind {
            Kind::Text => {}
            Kind::Tar => {
                self.skip(&found.path, found.id, stamp(&metadata), "an archive; import it");
                return Ok(());
            }
            Kind::Binary(reason) => {
                self.skip(&found.path, found.id, stamp(&metadata), reason);
                return Ok(());
            }
        }
        if self.may_be_half_read(&decoded, &path) {
            return Ok(()); // What is open is read to its end first; then this is a copy of it.
        }
        let mut reader =
            Reader::new(path, decoded, Restart::Reopen(found.path.clone()), self.settings.lines.clone());
        reader.origin =
            found.path.canonicalize().unwrap_or_else(|_| found.path.clone()).to_string_lossy().into_owned();
        reader.modified = metadata.modified().ok();
        self.begin_packed(found, reader)
    }

    pub(super) fn read_packed(&mut self) -> Option<Delivery> {
        loop {
            let packed = self.packed.front_mut()?;
            match packed.reader.next_batch() {
                Ok(Some(batch)) => {
                    let checkpoint = packed.checkpoint(self.settings.host.as_deref());
                    let place = Place::File { text: packed.id, continues: packed.continues, checkpoint };
                    return Some(delivery(&packed.reader.path, self.settings.host.clone(), batch, place));
                }
                Ok(None) => self.finish_packed(),
                Err(error) => {
                    self.finish_packed();
                    self.trouble(error);
                }
            }
        }
    }

    /// Whether it may hold what is being read elsewhere: what begins like it, or what it was made of before anything
    /// of that was read.
    fn may_be_half_read(&self, decoded: &Decoded<'_>, path: &str) -> bool {
        self.texts.values().any(|text| {
            let common = text.header().len().min(decoded.head.len());
            let begins_like = common > 0 && text.header().get(..common) == decoded.head.get(..common);
            text.has_more()
                && (begins_like || text.deleted || text.aside)
                && unrotated(&text.path) == unrotated(path)
        })
    }

    fn begin_packed(&mut self, found: &Found, mut reader: Reader<'static>) -> Result<(), ReadError> {
        let host = self.settings.host.clone();
        let remembered = self.memory.checkpoints().count();
        let (live, checkpoints): (Vec<u64>, Vec<Checkpoint>) =
            self.texts.iter().map(|(id, text)| (*id, text.checkpoint(host.as_deref()))).unzip();
        let all: Vec<Checkpoint> = self.memory.checkpoints().cloned().chain(checkpoints).collect();
        self.unclear.remove(&found.id);
        let known = match reader.resume(&all, host.as_deref())? {
            Resume::Known { checkpoint } | Resume::GoOn { checkpoint, .. } if checkpoint >= remembered => {
                let text = live.get(checkpoint - remembered).copied().unwrap_or_default();
                self.ignored.insert(found.id, Ignored::CopyOf(text, found.stamp));
                return Ok(());
            }
            Resume::Known { .. } => {
                self.ignored.insert(found.id, Ignored::AsIs(found.stamp));
                return Ok(());
            }
            Resume::New if !(found.asked || self.is_wanted(found)) => {
                self.ignored.insert(found.id, Ignored::Old);
                return Ok(());
            }
            Resume::New => None,
            Resume::GoOn { checkpoint, .. } => Some(self.memory.take(checkpoint)),
        };
        let id = known.as_ref().and_then(|known| known.text).unwrap_or_else(|| self.take_id());
        let continues = known.and_then(|known| known.continues);
        let since = self.since(&reader.origin);
        self.packed.push_back(Packed { id, file_id: found.id, continues, since, reader });
        Ok(())
    }

    fn finish_packed(&mut self) {
        let Some(packed) = self.packed.pop_front() else { return };
        let checkpoint = packed.checkpoint(self.settings.host.as_deref());
        let (text, continues) = (Some(packed.id), packed.continues);
        self.memory.keep(Remembered { text, continues, checkpoint, marks: Vec::new() });
        if let Some(stamp) = std::fs::metadata(&packed.reader.path).ok().as_ref().map(stamp) {
            self.ignored.insert(packed.file_id, Ignored::AsIs(stamp));
        }
    }
}

impl Packed {
    fn checkpoint(&self, host: Option<&str>) -> Checkpoint {
        Checkpoint { since: self.since, ..self.reader.checkpoint(host) }
    }
}
