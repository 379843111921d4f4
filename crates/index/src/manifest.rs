use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use model::{Source, TimeRange, Timestamp};

use crate::StoreError;
use crate::block::intern;
use crate::codec::{Decoder, Encoder};
use crate::counts::Key;

/// A source of this store. A file that was rewritten is another source than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub(crate) u32);

impl SourceId {
    /// Of what belongs to none any more.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// For whoever wants to bring sources into some order.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// How far a source was read, in the words of whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub source: SourceId,
    pub state: Vec<u8>,
}

/// What is committed. The only file that is ever replaced.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manifest {
    /// In order of their numbers.
    pub(crate) segments: Vec<SegmentInfo>,
    /// The names of formats; blocks refer to them by place.
    pub(crate) formats: Vec<&'static str>,
    pub(crate) sources: Sources,
    /// Of each source.
    pub(crate) ends: Vec<End>,
    /// Lines that were read again since their segment was written.
    pub(crate) dead: Vec<Dead>,
    pub(crate) checkpoints: Checkpoints,
    /// Files of summaries, oldest first.
    pub(crate) summaries: Vec<u64>,
    /// The number of the next segment or summary file; numbers are never used twice.
    pub(crate) next: u64,
}

/// Sources by their ids. Those that were read back are decoded when somebody asks for them: a cloud has thousands, and an
/// answer speaks of ten.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    /// Holds those that were read back.
    bytes: Arc<Vec<u8>>,
    /// Where each begins there.
    known: Vec<(usize, OnceLock<Arc<Source>>)>,
}

impl Sources {
    pub(crate) const fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn get(&self, id: SourceId) -> Option<&Arc<Source>> {
        let (at, source) = self.known.get(id.0 as usize)?;
        let read = || decode_source(&mut Decoder::new(self.bytes.get(*at..)?));
        Some(source.get_or_init(|| Arc::new(read().expect(SEALED))))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Source>> {
        (0..).map(SourceId).map_while(|id| self.get(id))
    }

    pub(crate) fn push(&mut self, source: Source) {
        self.known.push((0, OnceLock::from(Arc::new(source))));
    }
}

impl PartialEq for Sources {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// Read back when a writer asks for them; readers have no use for them.
#[derive(Clone, Default)]
pub(crate) struct Checkpoints {
    bytes: Arc<Vec<u8>>,
    /// Where they begin there.
    at: usize,
    known: OnceLock<Vec<Checkpoint>>,
}

impl Checkpoints {
    pub(crate) fn of(checkpoints: Vec<Checkpoint>) -> Self {
        Self { known: OnceLock::from(checkpoints), ..Self::default() }
    }

    pub(crate) fn into_vec(mut self) -> Vec<Checkpoint> {
        self.get();
        self.known.take().unwrap_or_default()
    }

    pub(crate) fn get(&self) -> &[Checkpoint] {
        self.known.get_or_init(|| {
            let from = &mut Decoder::new(self.bytes.get(self.at..).unwrap_or_default());
            let checkpoint = |from: &mut Decoder<'_>| {
                Some(Checkpoint { source: SourceId(from.small()?), state: from.bytes()?.to_vec() })
            };
            if self.bytes.is_empty() { Vec::new() } else { from.list(checkpoint).expect(SEALED) }
        })
    }
}

impl PartialEq for Checkpoints {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for Checkpoints {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(out)
    }
}

const SEALED: &str = "what was sealed reads back";

fn encode_source(source: &Source, out: &mut Encoder) {
    out.bytes(source.path.as_bytes());
    for field in [&source.host, &source.service, &source.daemon] {
        out.optional(field.as_deref());
    }
}

fn decode_source(from: &mut Decoder<'_>) -> Option<Source> {
    Some(Source {
        path: from.text()?,
        host: from.optional()?,
        service: from.optional()?,
        daemon: from.optional()?,
    })
}

/// A source's last line, which may come again: it may have been read half.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct End {
    /// 0 before the first line.
    pub(crate) number: u64,
    /// As what it was counted.
    pub(crate) counted: Option<Key>,
}

/// What is known of a segment without opening it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SegmentInfo {
    pub(crate) number: u64,
    /// The UTC day whose lines it holds, counted from 1970-01-01.
    pub(crate) day: i64,
    pub(crate) blocks: u64,
    pub(crate) lines: u64,
    /// Bytes of text.
    pub(crate) raw: u64,
    /// Bytes of all its files.
    pub(crate) disk: u64,
    /// The other way round when no line has a time.
    pub(crate) time: TimeRange,
    /// Some line has no time.
    pub(crate) untimed: bool,
}

/// In this segment, lines of the source from this number on are there again, newer, in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dead {
    pub(crate) segment: u64,
    pub(crate) source: SourceId,
    pub(crate) from: u64,
}

/// The format of the whole store. Raise it with every change that an older reader would misread.
pub(crate) const FORMAT: u32 = 4;
const TITLE: &str = "culprit store ";

impl Manifest {
    pub(crate) fn path(store: &Path) -> PathBuf {
        store.join("manifest")
    }

    pub(crate) fn read(store: &Path) -> Result<Self, StoreError> {
        let path = Self::path(store);
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Missing { path: store.to_owned() },
            _ => StoreError::io("read", &path)(error),
        };
        // The second copy is read when the first is damaged.
        let mut file = File::open(&path).map_err(failed)?;
        let half = file.metadata().map_err(failed)?.len() / 2;
        let mut bytes = Vec::with_capacity(usize::try_from(half).unwrap_or(0));
        (&mut file).take(half).read_to_end(&mut bytes).map_err(failed)?;
        let first = Arc::new(bytes);
        if let Some(manifest) = Self::decode_copy(&first) {
            return Ok(manifest);
        }
        let mut second = Vec::new();
        file.read_to_end(&mut second).map_err(failed)?;
        let whole = [first.as_slice(), &second].concat();
        if let Some(manifest) = Self::decode_copy(&Arc::new(second)) {
            return Ok(manifest);
        }
        let damaged = || StoreError::Damaged { path: path.clone() };
        // A byte of the title may be the one that is wrong: what reads back as a manifest is one.
        let found = title(&whole).ok_or_else(damaged)?;
        if found == FORMAT.to_string() {
            return Err(damaged());
        }
        Err(StoreError::Version { path: store.to_owned(), found, supported: FORMAT })
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

    /// Twice: a wrong byte in one copy costs nothing.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.encode_copy();
        bytes.extend_from_within(..);
        bytes
    }

    fn encode_copy(&self) -> Vec<u8> {
        let mut out = Encoder(format!("{TITLE}{FORMAT}\n").into_bytes());
        out.number(self.next);
        out.number(self.segments.len() as u64);
        self.segments.iter().for_each(|segment| segment.encode(&mut out));
        out.number(self.formats.len() as u64);
        self.formats.iter().for_each(|format| out.bytes(format.as_bytes()));
        out.number(self.sources.len() as u64);
        for (source, end) in self.sources.iter().zip(&self.ends) {
            encode_source(source, &mut out);
            end.encode(&mut out);
        }
        out.number(self.dead.len() as u64);
        for dead in &self.dead {
            out.number(dead.segment);
            out.number(dead.source.0.into());
            out.number(dead.from);
        }
        out.number(self.checkpoints.get().len() as u64);
        for checkpoint in self.checkpoints.get() {
            out.number(checkpoint.source.0.into());
            out.bytes(&checkpoint.state);
        }
        out.number(self.summaries.len() as u64);
        self.summaries.iter().for_each(|file| out.number(*file));
        out.seal()
    }

    /// How many of the two copies are good.
    pub(crate) fn good_copies(bytes: &[u8]) -> usize {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let copies = [first, second].into_iter();
        copies.filter(|copy| Self::decode_copy(&Arc::new(copy.to_vec())).is_some()).count()
    }

    fn decode_copy(bytes: &Arc<Vec<u8>>) -> Option<Self> {
        Decoder::unseal(bytes)?;
        let title = format!("{TITLE}{FORMAT}\n");
        let body = bytes.strip_prefix(title.as_bytes())?;
        let body = body.get(..body.len().checked_sub(8)?)?;
        let from = &mut Decoder::new(body);
        let place_of = |from: &Decoder<'_>| title.len() + body.len() - from.rest();
        let next = from.number()?;
        let segments = from.list(SegmentInfo::decode)?;
        let formats = from.list(Decoder::text)?.iter().map(|name| intern(name)).collect();
        let (mut known, mut ends) = (Vec::new(), Vec::new());
        for place in 0..from.small()? {
            known.push((place_of(from), OnceLock::new()));
            from.bytes()?;
            for _ in 0..3 {
                from.skip_optional()?;
            }
            ends.push(End::decode(from, SourceId(place))?);
        }
        Some(Self {
            next,
            segments,
            formats,
            sources: Sources { bytes: Arc::clone(bytes), known },
            ends,
            dead: from.list(|from| {
                Some(Dead { segment: from.number()?, source: SourceId(from.small()?), from: from.number()? })
            })?,
            checkpoints: {
                let at = place_of(from);
                from.list(|from| from.small().and(from.bytes()).map(drop))?;
                Checkpoints { bytes: Arc::clone(bytes), at, known: OnceLock::new() }
            },
            summaries: from.list(Decoder::number)?,
        })
    }
}

impl End {
    fn encode(&self, out: &mut Encoder) {
        out.number(self.number);
        out.0.push(u8::from(self.counted.is_some()));
        if let Some(Key { minute, source: _, level, template, signature }) = self.counted {
            out.signed(minute);
            out.0.push(level);
            out.word(template);
            out.number(signature);
        }
    }

    fn decode(from: &mut Decoder<'_>, source: SourceId) -> Option<Self> {
        let number = from.number()?;
        let counted = match from.byte()? {
            0 => None,
            _ => Some(Key {
                source,
                minute: from.signed()?,
                level: from.byte()?,
                template: from.word()?,
                signature: from.number()?,
            }),
        };
        Some(Self { number, counted })
    }
}

impl SegmentInfo {
    fn encode(&self, out: &mut Encoder) {
        out.number(self.number);
        out.signed(self.day);
        for number in [self.blocks, self.lines, self.raw, self.disk] {
            out.number(number);
        }
        out.signed(self.time.start.nanos());
        out.signed(self.time.end.nanos());
        out.0.push(u8::from(self.untimed));
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self {
            number: from.number()?,
            day: from.signed()?,
            blocks: from.number()?,
            lines: from.number()?,
            raw: from.number()?,
            disk: from.number()?,
            time: TimeRange {
                start: Timestamp::from_nanos(from.signed()?),
                end: Timestamp::from_nanos(from.signed()?),
            },
            untimed: from.byte()? == 1,
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
    fn a_manifest_reads_back_from_either_copy_and_every_wrong_byte_is_noticed() {
        let mut sources = Sources::default();
        sources.push(Source {
            path: "controller/nova/nova-api.log".into(),
            host: Some("controller".into()),
            ..Source::default()
        });
        let manifest = Manifest {
            segments: vec![SegmentInfo {
                number: 3,
                day: -1,
                blocks: 2,
                lines: 4,
                raw: 5,
                disk: 6,
                time: TimeRange::ALL,
                untimed: true,
            }],
            formats: vec!["oslo"],
            sources,
            ends: vec![End {
                number: 7,
                counted: Some(Key {
                    minute: -1,
                    source: SourceId(0),
                    level: 3,
                    template: u64::MAX,
                    signature: 0,
                }),
            }],
            dead: vec![Dead { segment: 3, source: SourceId(0), from: 8 }],
            checkpoints: Checkpoints::of(vec![Checkpoint { source: SourceId(0), state: vec![1, 2] }]),
            summaries: vec![4],
            next: 5,
        };
        let bytes = manifest.encode();
        let store = tempfile::tempdir().unwrap();
        let read = |bytes: &[u8]| {
            fs::write(Manifest::path(store.path()), bytes).unwrap();
            Manifest::read(store.path())
        };
        assert_eq!(Manifest::good_copies(&bytes), 2);
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 4;
            assert_eq!(Manifest::good_copies(&wrong), 1);
            assert_eq!(read(&wrong).ok().as_ref(), Some(&manifest));
            let other = (at + bytes.len() / 2) % bytes.len();
            wrong[other] ^= 8;
            assert!(read(&wrong).is_err());
        }
    }
}
