use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use model::Source;

use crate::StoreError;
use crate::codec::{Decoder, Encoder};

/// A source of this store. A file that was rewritten is another source than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub(crate) u32);

/// How far a source was read, in the words of whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub source: SourceId,
    pub state: Vec<u8>,
}

/// What is committed. The only file that is ever replaced.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manifest {
    /// Oldest first.
    pub(crate) segments: Vec<u64>,
    /// A source's id is its place.
    pub(crate) sources: Vec<Source>,
    pub(crate) checkpoints: Vec<Checkpoint>,
    /// Files of summaries, oldest first.
    pub(crate) summaries: Vec<u64>,
    /// The number of the next segment or summary file; numbers are never used twice.
    pub(crate) next: u64,
}

/// The format of the whole store. Raise it with every change that an older reader would misread.
pub(crate) const FORMAT: u32 = 1;
const TITLE: &str = "culprit store ";

impl Manifest {
    pub(crate) fn path(store: &Path) -> PathBuf {
        store.join("manifest")
    }

    pub(crate) fn read(store: &Path) -> Result<Self, StoreError> {
        let path = Self::path(store);
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Missing { path: store.to_owned() },
            _ => StoreError::io("read", &path)(error),
        })?;
        let found = title(&bytes).ok_or_else(|| StoreError::Damaged { path: path.clone() })?;
        if found != FORMAT.to_string() {
            return Err(StoreError::Version { path: store.to_owned(), found, supported: FORMAT });
        }
        Self::decode(&bytes).ok_or(StoreError::Damaged { path })
    }

    /// Makes this manifest the valid one, in one step: whoever looks sees the old one or the new one, also after a
    /// power failure.
    pub(crate) fn publish(&self, store: &Path) -> Result<(), StoreError> {
        let path = Self::path(store);
        let new = store.join("manifest.new");
        write_synced(&new, &self.encode())?;
        fs::rename(&new, &path).map_err(StoreError::io("replace", &path))?;
        sync_folder(store)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Encoder(format!("{TITLE}{FORMAT}\n").into_bytes());
        out.number(self.next);
        out.number(self.segments.len() as u64);
        self.segments.iter().for_each(|segment| out.number(*segment));
        out.number(self.sources.len() as u64);
        for source in &self.sources {
            out.bytes(source.path.as_bytes());
            for field in [&source.host, &source.service, &source.daemon] {
                out.optional(field.as_deref());
            }
        }
        out.number(self.checkpoints.len() as u64);
        for checkpoint in &self.checkpoints {
            out.number(checkpoint.source.0.into());
            out.bytes(&checkpoint.state);
        }
        out.number(self.summaries.len() as u64);
        self.summaries.iter().for_each(|file| out.number(*file));
        out.seal()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Decoder::unseal(bytes)?;
        let body = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .and_then(|end| bytes.get(end + 1..bytes.len() - 8))?;
        let from = &mut Decoder::new(body);
        Some(Self {
            next: from.number()?,
            segments: from.list(Decoder::number)?,
            sources: from.list(|from| {
                Some(Source {
                    path: from.text()?,
                    host: from.optional()?,
                    service: from.optional()?,
                    daemon: from.optional()?,
                })
            })?,
            checkpoints: from.list(|from| {
                Some(Checkpoint { source: SourceId(from.small()?), state: from.bytes()?.to_vec() })
            })?,
            summaries: from.list(Decoder::number)?,
        })
    }
}

fn title(bytes: &[u8]) -> Option<String> {
    let version = bytes.strip_prefix(TITLE.as_bytes())?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8(version.to_vec()).ok()
}

pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(StoreError::io("write", path))
}

pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(StoreError::io("sync", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_back_and_every_wrong_byte_is_noticed() {
        let manifest = Manifest {
            segments: vec![0, 3],
            sources: vec![Source {
                path: "controller/nova/nova-api.log".into(),
                host: Some("controller".into()),
                ..Source::default()
            }],
            checkpoints: vec![Checkpoint { source: SourceId(0), state: vec![1, 2] }],
            summaries: vec![4],
            next: 5,
        };
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes), Some(manifest));
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 4;
            assert_eq!(Manifest::decode(&wrong), None);
        }
    }
}
