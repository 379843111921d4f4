use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use model::{Annotation, Line, Source};

use crate::block::Draft;
use crate::codec::{Decoder, Encoder};
use crate::manifest::{Manifest, sync_folder, write_synced};
use crate::segment::{self, SegmentWriter};
use crate::{Checkpoint, SourceId, StoreError};

#[derive(Clone, Debug)]
pub struct Options {
    /// A segment ends at this many bytes of text.
    pub segment_bytes: usize,
    /// So many bytes of text may wait until they fill a block, over all sources.
    pub draft_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, draft_bytes: 32 << 20 }
    }
}

/// The one that writes to a store. Nothing that it was given exists before [`Writer::commit`].
pub struct Writer {
    store: PathBuf,
    options: Options,
    manifest: Manifest,
    drafts: BTreeMap<SourceId, Draft>,
    draft_bytes: usize,
    segment: Option<(u64, SegmentWriter)>,
    summaries: BTreeMap<Vec<u8>, Vec<u8>>,
    changed: bool,
    /// Unlocks when it is dropped, and when the process dies.
    _lock: File,
}

/// So many files of summaries are put together into one.
const MAX_SUMMARY_FILES: usize = 8;

impl Writer {
    /// Opens the store, or makes one in a folder that is empty or does not exist. Removes what a writer that died
    /// left uncommitted.
    pub fn open(store: &Path, options: Options) -> Result<Self, StoreError> {
        fs::create_dir_all(store).map_err(StoreError::io("create", store))?;
        refuse_other_folders(store)?;
        let lock = lock(store)?;
        let manifest = match Manifest::read(store) {
            Err(StoreError::Missing { .. }) => Manifest::default(),
            other => other?,
        };
        for folder in ["segments", "summaries"] {
            let path = store.join(folder);
            fs::create_dir_all(&path).map_err(StoreError::io("create", &path))?;
        }
        remove_uncommitted(store, &manifest)?;
        Ok(Self {
            store: store.to_owned(),
            options,
            manifest,
            drafts: BTreeMap::new(),
            draft_bytes: 0,
            segment: None,
            summaries: BTreeMap::new(),
            changed: false,
            _lock: lock,
        })
    }

    /// How far each source was read, as of the last commit.
    #[must_use]
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.manifest.checkpoints
    }

    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.manifest.sources.get(id.0 as usize)
    }

    /// A new source, also when one of the same path exists: that one's file was rewritten.
    pub fn add_source(&mut self, source: &Source) -> SourceId {
        let id = u32::try_from(self.manifest.sources.len()).expect("fewer than four thousand million files");
        self.manifest.sources.push(source.clone());
        self.changed = true;
        SourceId(id)
    }

    /// Takes the next lines of a source, in order. The last line of a source may come again, under its number, when
    /// it had been read half: it replaces the half.
    pub fn append(&mut self, source: SourceId, lines: &[(Line, Annotation)]) -> Result<(), StoreError> {
        for (line, annotation) in lines {
            let draft = self.drafts.entry(source).or_default();
            self.draft_bytes -= draft.text.len();
            draft.push(line, annotation);
            self.draft_bytes += draft.text.len();
            if draft.is_full() {
                self.write_draft(source)?;
            }
        }
        self.changed |= !lines.is_empty();
        if self.draft_bytes > self.options.draft_bytes {
            self.write_drafts()?;
        }
        Ok(())
    }

    /// Remembers what was found out about requests, for lists. The newest value of a key counts.
    pub fn put_summaries(&mut self, summaries: Vec<(Vec<u8>, Vec<u8>)>) {
        self.changed |= !summaries.is_empty();
        self.summaries.extend(summaries);
    }

    /// Makes everything so far durable, and the checkpoints with it, in one step. A checkpoint replaces the one of
    /// the same source. After an error the writer is of no use any more: what it wrote since the last commit is lost.
    pub fn commit(&mut self, checkpoints: Vec<Checkpoint>) -> Result<(), StoreError> {
        if !self.changed && checkpoints.is_empty() {
            return Ok(());
        }
        let replaced = self.prepare(checkpoints)?;
        self.manifest.publish(&self.store)?;
        self.changed = false;
        for number in replaced {
            let path = summary_path(&self.store, number);
            fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Writes everything but the manifest; gives the summary files that the new manifest no longer names.
    fn prepare(&mut self, checkpoints: Vec<Checkpoint>) -> Result<Vec<u64>, StoreError> {
        self.write_drafts()?;
        self.finish_segment()?;
        let replaced = self.write_summaries()?;
        let mut all: BTreeMap<SourceId, Checkpoint> =
            self.manifest.checkpoints.drain(..).map(|checkpoint| (checkpoint.source, checkpoint)).collect();
        all.extend(checkpoints.into_iter().map(|checkpoint| (checkpoint.source, checkpoint)));
        self.manifest.checkpoints = all.into_values().collect();
        Ok(replaced)
    }

    fn write_drafts(&mut self) -> Result<(), StoreError> {
        let sources: Vec<SourceId> = self.drafts.keys().copied().collect();
        sources.into_iter().try_for_each(|source| self.write_draft(source))
    }

    fn write_draft(&mut self, source: SourceId) -> Result<(), StoreError> {
        let Some(draft) = self.drafts.remove(&source) else { return Ok(()) };
        self.draft_bytes -= draft.text.len();
        let (_, segment) = match &mut self.segment {
            Some(segment) => segment,
            none => {
                let number = self.manifest.take_number();
                none.insert((number, SegmentWriter::create(&self.store, number)?))
            }
        };
        segment.add(source, &draft)?;
        if segment.raw >= self.options.segment_bytes {
            self.finish_segment()?;
        }
        Ok(())
    }

    fn finish_segment(&mut self) -> Result<(), StoreError> {
        if let Some((number, segment)) = self.segment.take() {
            segment.finish()?;
            self.manifest.segments.push(number);
        }
        Ok(())
    }

    fn write_summaries(&mut self) -> Result<Vec<u64>, StoreError> {
        let mut summaries = std::mem::take(&mut self.summaries);
        if summaries.is_empty() {
            return Ok(Vec::new());
        }
        let mut replaced = Vec::new();
        if self.manifest.summaries.len() >= MAX_SUMMARY_FILES {
            replaced = std::mem::take(&mut self.manifest.summaries);
            let mut all = BTreeMap::new();
            for &number in &replaced {
                all.extend(read_summaries(&summary_path(&self.store, number))?);
            }
            all.extend(summaries);
            summaries = all;
        }
        let number = self.manifest.take_number();
        write_synced(&summary_path(&self.store, number), &encode_summaries(&summaries))?;
        sync_folder(&self.store.join("summaries"))?;
        self.manifest.summaries.push(number);
        Ok(replaced)
    }
}

impl Manifest {
    const fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

/// Never fill a folder with a store that was meant for something else.
fn refuse_other_folders(store: &Path) -> Result<(), StoreError> {
    const OURS: [&str; 5] = ["manifest", "manifest.new", "lock", "segments", "summaries"];
    for entry in fs::read_dir(store).map_err(StoreError::io("list", store))? {
        let name = entry.map_err(StoreError::io("list", store))?.file_name();
        if !OURS.iter().any(|ours| name == *ours) {
            return Err(StoreError::NotAStore { path: store.to_owned() });
        }
    }
    Ok(())
}

fn lock(store: &Path) -> Result<File, StoreError> {
    let path = store.join("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(StoreError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {
            let sign = |file: &mut File| {
                file.set_len(0).and_then(|()| write!(file, "process {}", std::process::id()))
            };
            sign(&mut file).map_err(StoreError::io("write", &path))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let known = file.read_to_string(&mut holder).is_ok() && !holder.is_empty();
            let holder = if known { holder } else { "another process".to_owned() };
            Err(StoreError::Locked { path: store.to_owned(), holder })
        }
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path)(error)),
    }
}

/// What no manifest names was never committed, or was replaced.
fn remove_uncommitted(store: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    let mut keep: Vec<PathBuf> =
        manifest.segments.iter().map(|number| segment::folder(store, *number)).collect();
    keep.extend(manifest.summaries.iter().map(|number| summary_path(store, *number)));
    for folder in ["segments", "summaries"] {
        let folder = store.join(folder);
        for entry in fs::read_dir(&folder).map_err(StoreError::io("list", &folder))? {
            let path = entry.map_err(StoreError::io("list", &folder))?.path();
            if !keep.contains(&path) {
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed.map_err(StoreError::io("remove", &path))?;
            }
        }
    }
    let new = store.join("manifest.new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", &new)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn summary_path(store: &Path, number: u64) -> PathBuf {
    store.join("summaries").join(number.to_string())
}

fn encode_summaries(summaries: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
    let mut out = Encoder::default();
    out.number(summaries.len() as u64);
    for (key, value) in summaries {
        out.bytes(key);
        out.bytes(value);
    }
    out.seal()
}

/// Keys and values.
type Summaries = Vec<(Vec<u8>, Vec<u8>)>;

pub(crate) fn read_summaries(path: &Path) -> Result<Summaries, StoreError> {
    let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
    decode_summaries(&bytes).ok_or_else(|| StoreError::Damaged { path: path.to_owned() })
}

fn decode_summaries(bytes: &[u8]) -> Option<Summaries> {
    Decoder::unseal(bytes)?.list(|from| Some((from.bytes()?.to_vec(), from.bytes()?.to_vec())))
}

impl fmt::Debug for Writer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Writer").field("store", &self.store).finish_non_exhaustive()
    }
}
