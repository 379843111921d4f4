use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::decode::{Decoded, Kind, decode};
use crate::reader::Restart;
use crate::{ReadError, Reader};

/// One file (or the standard input), as [`discover`](crate::discover) found it.
#[derive(Clone, Debug)]
pub struct Input {
    /// Below the named folder; the file's name when it was named itself.
    pub path: String,
    /// Bytes on disk, for a progress bar.
    pub size: u64,
    pub modified: Option<SystemTime>,
    pub(crate) origin: Origin,
}

#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Stdin,
    File(PathBuf),
}

#[derive(Clone, Debug)]
pub struct Settings {
    /// Longer lines are cut here; the rest of such a line is skipped.
    pub max_line: usize,
    /// A batch ends at this many lines …
    pub batch_lines: usize,
    /// … or about this many bytes.
    pub batch_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_line: 1 << 20, batch_lines: 512, batch_bytes: 128 << 10 }
    }
}

/// What an input turns out to hold.
#[derive(Debug)]
pub enum Content<'a> {
    Lines(Box<Reader<'a>>),
    Skipped(Skipped),
    Failed(ReadError),
}

/// Something that holds no lines, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub path: String,
    pub reason: &'static str,
}

/// Archives inside archives: a sosreport holds compressed logs, a case holds sosreports.
const MAX_DEPTH: usize = 4;

impl Input {
    pub(crate) fn stdin() -> Self {
        Self { path: "stdin".to_owned(), size: 0, modified: None, origin: Origin::Stdin }
    }

    pub(crate) fn file(path: &Path, shown: &str, metadata: &Metadata) -> Self {
        Self {
            path: shown.to_owned(),
            size: metadata.len(),
            modified: metadata.modified().ok(),
            origin: Origin::File(path.to_owned()),
        }
    }

    /// Visits every text in this input in order: one for a file, one a member for an archive. `progress` counts the
    /// bytes read from disk. An error is a visit too, and does not keep the rest from being visited.
    pub fn read(&self, settings: &Settings, progress: &AtomicU64, visit: &mut dyn FnMut(Content<'_>)) {
        let (stream, restart): (Box<dyn Read + '_>, _) = match &self.origin {
            Origin::Stdin => (Box::new(io::stdin()), Restart::Spool),
            Origin::File(path) => match File::open(path) {
                Ok(file) => {
                    let again = file.metadata().is_ok_and(|metadata| metadata.is_file());
                    let restart = if again { Restart::Reopen(path.clone()) } else { Restart::Spool };
                    (Box::new(file), restart)
                }
                Err(error) => return visit(Content::Failed(ReadError::open(path, error))),
            },
        };
        let counted = Box::new(Counted { stream, progress });
        let place =
            Place { path: self.path.clone(), origin: self.origin(), modified: self.modified, depth: 0 };
        place.read(counted, restart, settings, visit);
    }

    /// Where the file lies on this machine, the same whatever folder was named; empty for a pipe.
    fn origin(&self) -> String {
        match &self.origin {
            Origin::File(path) if path.is_file() => {
                path.canonicalize().unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned()
            }
            Origin::Stdin | Origin::File(_) => String::new(),
        }
    }
}

/// Where a stream comes from.
struct Place {
    path: String,
    origin: String,
    modified: Option<SystemTime>,
    depth: usize,
}

impl Place {
    fn read(
        self,
        stream: Box<dyn Read + '_>,
        restart: Restart,
        settings: &Settings,
        visit: &mut dyn FnMut(Content<'_>),
    ) {
        let decoded = match decode(stream) {
            Ok(decoded) => decoded,
            Err(error) => return visit(Content::Failed(ReadError::read(&self.path, 0, error))),
        };
        match decoded.kind {
            Kind::Binary(reason) => visit(Content::Skipped(Skipped { path: self.path, reason })),
            Kind::Tar if self.depth == MAX_DEPTH => {
                visit(Content::Failed(ReadError::TooDeep { path: self.path, limit: MAX_DEPTH }));
            }
            Kind::Tar => {
                if let Err(source) = self.members(decoded, settings, visit) {
                    visit(Content::Failed(ReadError::Archive { path: self.path, source }));
                }
            }
            Kind::Text => {
                let mut reader = Reader::new(self.path, decoded, restart, settings.clone());
                reader.origin = self.origin;
                reader.modified = self.modified;
                visit(Content::Lines(Box::new(reader)));
            }
        }
    }

    fn members(
        &self,
        archive: Decoded<'_>,
        settings: &Settings,
        visit: &mut dyn FnMut(Content<'_>),
    ) -> io::Result<()> {
        for member in tar::Archive::new(archive.stream).entries()? {
            let member = member?;
            if !member.header().entry_type().is_file() {
                continue;
            }
            let inner = inner_path(&member.path()?);
            let place = Self {
                path: format!("{}/{inner}", self.path),
                origin: format!("{}/{inner}", self.origin),
                modified: member.header().mtime().ok().and_then(since_epoch),
                depth: self.depth + 1,
            };
            place.read(Box::new(member), Restart::Spool, settings, visit);
        }
        Ok(())
    }
}

/// Some archives name their members from the root or from the current folder; that is of no interest.
fn inner_path(path: &Path) -> String {
    let path = path.to_string_lossy();
    path.trim_start_matches("./").trim_start_matches('/').to_owned()
}

fn since_epoch(seconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

struct Counted<'a> {
    stream: Box<dyn Read + 'a>,
    progress: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.progress.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
