//! Which text a file holds: one that is being read, one that was read before, or a new one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use super::find::FileId;
use super::text::{Mark, Text, holds};
use crate::Checkpoint;
use crate::identity::{HEADER, unrotated};

/// Texts that are not being read now. The newest come last.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<Remembered>);

#[derive(Clone, Debug)]
pub(super) struct Remembered {
    /// Its id, when this process has read of it.
    pub(super) text: Option<u64>,
    pub(super) continues: Option<usize>,
    pub(super) checkpoint: Checkpoint,
    pub(super) marks: Vec<Mark>,
}

/// The oldest are forgotten first; reading those once more is all that happens.
const MAX_REMEMBERED: usize = 200_000;

/// A file that nothing is known of yet.
pub(super) struct Stranger<'a> {
    pub(super) file: &'a File,
    pub(super) id: FileId,
    pub(super) length: u64,
    pub(super) head: &'a [u8],
    pub(super) path: &'a str,
    pub(super) origin: &'a str,
    pub(super) host: Option<&'a str>,
    /// It did not change for a while.
    pub(super) settled: bool,
}

/// What it is seen to be.
#[derive(Debug)]
pub(super) enum Identity {
    New,
    /// A text that was read before goes on here.
    Known(Box<Remembered>),
    /// A copy of what is being read elsewhere, or was, with nothing more in it.
    Copy(u64),
    /// The same text as one that is being read from a file that is no more.
    Instead(u64),
    /// The same text as one that was being read from a file that does not hold it any more.
    Copied(u64),
    /// It may become a copy, or grow out of being one.
    Unclear,
}

impl Memory {
    pub(super) fn new(known: Vec<Checkpoint>) -> Self {
        let remember =
            |(at, checkpoint)| Remembered { text: None, continues: Some(at), checkpoint, marks: Vec::new() };
        Self(known.into_iter().enumerate().map(remember).collect())
    }

    pub(super) fn remember(&mut self, text: &Text, host: Option<&str>) {
        let (id, continues, marks) = (text.id, text.continues, text.marks.clone());
        self.keep(Remembered { text: Some(id), continues, checkpoint: text.checkpoint(host), marks });
    }

    pub(super) fn keep(&mut self, remembered: Remembered) {
        if self.0.len() >= MAX_REMEMBERED {
            self.0.drain(..MAX_REMEMBERED / 10);
        }
        self.0.push(remembered);
    }

    pub(super) fn checkpoints(&self) -> impl Iterator<Item = &Checkpoint> {
        self.0.iter().map(|remembered| &remembered.checkpoint)
    }

    pub(super) fn take(&mut self, at: usize) -> Remembered {
        self.0.remove(at)
    }

    pub(super) fn identify(
        &mut self,
        stranger: &Stranger<'_>,
        texts: &BTreeMap<u64, Text>,
    ) -> io::Result<Identity> {
        let mut unclear = false;
        for text in texts.values().filter(|text| stranger.begins_like(text)) {
            match stranger.compare(text)? {
                Identity::New => {}
                Identity::Unclear => unclear = true,
                other => return Ok(other),
            }
        }
        if unclear && !stranger.settled {
            return Ok(Identity::Unclear);
        }
        let mut best: Option<(bool, u64, usize)> = None;
        for (at, known) in self.0.iter().enumerate() {
            let checkpoint = &known.checkpoint;
            if !stranger.is_related(checkpoint) {
                continue;
            }
            if stranger.length < checkpoint.consumed && stranger.is_aside() {
                if let Some(text) = known.text.filter(|_| stranger.holds_any(&known.marks)) {
                    return Ok(Identity::Copy(text));
                }
                let too_short_to_tell = stranger.head.len() < usize::from(checkpoint.header_length);
                unclear |= too_short_to_tell || checkpoint.begins_like(stranger.head);
            } else if stranger.may_go_on(checkpoint)
                && holds(stranger.file, stranger.length, checkpoint.into())?
            {
                best = best.max(Some((checkpoint.file == Some(stranger.id), checkpoint.consumed, at)));
            }
        }
        match best {
            Some((_, _, at)) => Ok(Identity::Known(Box::new(self.take(at)))),
            None if unclear && !stranger.settled => Ok(Identity::Unclear),
            None => Ok(Identity::New),
        }
    }
}

impl Stranger<'_> {
    /// As far as both go.
    fn begins_like(&self, text: &Text) -> bool {
        let common = text.header().len().min(self.head.len());
        common > 0
            && self.head.get(..common) == text.header().get(..common)
            && unrotated(&text.path) == unrotated(self.path)
    }

    /// What this file is to a text that is being read.
    fn compare(&self, text: &Text) -> io::Result<Identity> {
        let same = holds(self.file, self.length, text.mark())?;
        if !self.is_aside() {
            // Less than a header proves nothing: a program that starts anew writes its first lines again.
            let moved = same && text.deleted && !text.has_more() && text.consumed() >= HEADER as u64;
            return Ok(if moved { Identity::Instead(text.id) } else { Identity::New });
        }
        if same {
            return Ok(match text.length_if_still_there(self.file, self.length)? {
                // The original was truncated, and may have been renamed and written to since.
                None => Identity::Copied(text.id),
                // A copy is no longer than what it is a copy of.
                Some(length) if self.length <= length => Identity::Copy(text.id),
                Some(_) => Identity::Unclear,
            });
        }
        if self.length >= text.mark().offset {
            return Ok(Identity::New);
        }
        Ok(if self.holds_any(&text.marks) { Identity::Copy(text.id) } else { Identity::Unclear })
    }

    fn is_related(&self, known: &Checkpoint) -> bool {
        known.file == Some(self.id) || known.may_be(self.path, self.origin, self.host)
    }

    fn may_go_on(&self, known: &Checkpoint) -> bool {
        let same_device = known.file.is_some_and(|(device, _)| device == self.id.0);
        let another_file = same_device && known.file != Some(self.id) && !self.is_aside();
        let began_anew = another_file && known.consumed < HEADER as u64;
        !began_anew && known.begins_like(self.head)
    }

    fn holds_any(&self, marks: &[Mark]) -> bool {
        let held = |mark: &Mark| holds(self.file, self.length, *mark).unwrap_or(false);
        marks.iter().rev().filter(|mark| mark.offset > 0).any(held)
    }

    /// Rotation gave it its name.
    fn is_aside(&self) -> bool {
        unrotated(self.path) != self.path
    }
}
