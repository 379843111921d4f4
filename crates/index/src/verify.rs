//! Looks at every byte of a store: `culprit doctor`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::TimeRange;
use xxhash_rust::xxh3::xxh3_64;

use crate::block::Block;
use crate::directory::{Entry, Footer};
use crate::footer;
use crate::manifest::{FORMAT, Manifest, SegmentInfo};
use crate::segment::{Directory, blocks_path, folder, read_columns, read_text, words_path};
use crate::table::{Record, Table, wrong};
use crate::writer::{read_summaries, summary_path};
use crate::{Damage, StoreError};

/// Everything that is damaged, also what is stored twice and therefore costs nothing yet. `progress` is told of each
/// file before it is looked at. An error means that there is nothing to verify.
pub fn verify(store: &Path, progress: &mut dyn FnMut(&Path)) -> Result<Vec<Damage>, StoreError> {
    let mut found = Findings::default();
    let path = Manifest::path(store);
    progress(&path);
    let manifest = Manifest::read(store)?;
    let bytes = fs::read(&path).map_err(StoreError::io("read", &path))?;
    if Manifest::good_copies(&bytes) < 2 {
        found.note(&path, "one of its two copies is damaged; the next commit writes both anew");
    }
    let formats: Arc<[&'static str]> = manifest.formats.as_slice().into();
    for info in &manifest.segments {
        let folder = folder(store, info.number);
        let path = blocks_path(&folder);
        progress(&path);
        match File::open(&path) {
            Ok(file) => found.in_segment(&path, &Arc::new(file), info, &formats),
            Err(error) => found.note(&path, &format!("{error}; all its lines are missing")),
        }
        let words = words_path(&folder);
        progress(&words);
        found.in_words(&words, &path);
    }
    for number in &manifest.summaries {
        let path = summary_path(store, *number);
        progress(&path);
        if let Err(error) = read_summaries(&path) {
            found.note(&path, &format!("{error}; what was remembered of requests is missing"));
        }
    }
    Ok(found.0)
}

/// What a store holds, and how much room that takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// The version of the layout.
    pub format: u32,
    pub sources: u64,
    pub segments: u64,
    /// Each is dropped as a whole.
    pub days: u64,
    pub blocks: u64,
    pub lines: u64,
    /// Of text.
    pub raw: u64,
    /// Of all files.
    pub disk: u64,
    /// Pairs of an id and a block that names it, as far as the segments can be read.
    pub ids: u64,
    pub time: Option<TimeRange>,
}

/// Counts what a store holds, without looking at it.
pub fn holdings(store: &Path) -> Result<Holdings, StoreError> {
    let manifest = Manifest::read(store)?;
    let mut found =
        Holdings { format: FORMAT, sources: manifest.sources.len() as u64, ..Holdings::default() };
    let mut days = BTreeSet::new();
    for info in &manifest.segments {
        found.segments += 1;
        days.insert(info.day);
        found.blocks += info.blocks;
        found.lines += info.lines;
        found.raw += info.raw;
        found.disk += info.disk;
        if info.time.start <= info.time.end {
            let time = found.time.get_or_insert(info.time);
            time.start = time.start.min(info.time.start);
            time.end = time.end.max(info.time.end);
        }
        let file = File::open(blocks_path(&folder(store, info.number)));
        let directory = file.and_then(|file| Ok((Directory::read(&Arc::new(file.try_clone()?))?, file)));
        let Ok((directory, file)) = directory else { continue };
        let ids = &directory.footer.ids;
        let pages = (0..ids.fences.len()).filter_map(|page| ids.pairs(&file, page).ok());
        found.ids += pages.map(|pairs| pairs.len() as u64).sum::<u64>();
    }
    let others =
        manifest.summaries.iter().map(|number| summary_path(store, *number)).chain([Manifest::path(store)]);
    found.disk += others.filter_map(|path| Some(fs::metadata(path).ok()?.len())).sum::<u64>();
    found.days = days.len() as u64;
    Ok(found)
}

#[derive(Default)]
struct Findings(Vec<Damage>);

impl Findings {
    fn note(&mut self, path: &Path, what: &str) {
        self.0.push(Damage { path: path.to_owned(), what: what.to_owned() });
    }

    fn noted<T>(&mut self, path: &Path, cost: &str, result: io::Result<T>) -> Option<T> {
        result.map_err(|error| self.note(path, &format!("{error}; {cost}"))).ok()
    }

    fn in_segment(&mut self, path: &Path, file: &Arc<File>, info: &SegmentInfo, formats: &[&'static str]) {
        match footer::check(file) {
            Ok((_, troubles)) => {
                for trouble in troubles {
                    self.note(path, &format!("{trouble}; the other copy is good"));
                }
            }
            Err(error) => return self.note(path, &format!("{error}; all its lines are missing")),
        }
        let read = Directory::read(file);
        let Some(directory) = self.noted(path, "all its lines are missing", read) else { return };
        self.in_table(path, &directory.entries);
        self.in_table(path, &directory.places);
        self.in_table(path, &directory.carried);
        let Footer { ids, counts, .. } = &directory.footer;
        for page in 0..ids.fences.len() {
            self.noted(path, "lines that name an id may be missing", ids.pairs(file, page));
        }
        for chunk in counts.coarse.iter().chain(&counts.fine) {
            self.noted(path, "counts are incomplete", chunk.read(file));
        }
        self.noted(path, "examples of patterns are missing", counts.read_examples(file));
        let (mut blocks, mut lines, mut raw) = (0, 0, 0);
        for page in 0..directory.entries.page_count() {
            // Damage was told of above.
            let Ok(entries) = directory.entries.page(page) else { continue };
            for entry in entries.iter() {
                blocks += 1;
                lines += u64::from(entry.count);
                raw += u64::from(entry.raw);
                let cost = "the lines of this block are missing";
                self.noted(path, cost, check_block(file, entry, formats));
            }
        }
        if (blocks, lines, raw) != (info.blocks, info.lines, info.raw) {
            self.note(path, "it holds other blocks than the manifest says");
        }
    }

    /// Both copies of each page.
    fn in_table<R: Record<N>, const N: usize>(&mut self, path: &Path, table: &Table<R, N>) {
        for page in 0..table.page_count() {
            let copies = [table.read_page(page, 0), table.read_page(page, 1)];
            let both = copies.iter().all(Result::is_err);
            let cost = if both { "lines are missing" } else { "the other copy is good" };
            for copy in copies {
                self.noted(path, cost, copy);
            }
        }
    }

    fn in_words(&mut self, folder: &Path, blocks: &Path) {
        const COST: &str = "searches have to look into every block, which is slow";
        let expected = File::open(blocks).and_then(|file| footer::read(&file));
        let Some(footer) = expected.ok().and_then(|content| Footer::decode(&content)) else { return };
        for sum in &footer.words {
            let path = folder.join(&sum.name);
            let checked = FileSum::of(&path).and_then(|found| match found == *sum {
                true => Ok(()),
                false => Err(wrong("wrong checksum")),
            });
            self.noted(&path, COST, checked);
        }
    }
}

fn check_block(file: &File, entry: &Entry, formats: &[&'static str]) -> io::Result<()> {
    let Block { rows, .. } = read_columns(file, entry, formats)?;
    let text = read_text(file, entry)?;
    let numbers = (rows.numbers.first().copied(), rows.numbers.last().copied());
    let whole = rows.len().checked_sub(1).is_some_and(|last| rows.range(last).end == text.len());
    if whole && numbers == (Some(entry.first), Some(entry.last)) {
        Ok(())
    } else {
        Err(wrong(&format!("columns and text do not agree at byte {}", entry.at)))
    }
}

/// A file as it was when its segment was finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileSum {
    pub(crate) name: String,
    pub(crate) length: u64,
    pub(crate) checksum: u64,
}

impl FileSum {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let bytes = fs::read(path)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { name, length: bytes.len() as u64, checksum: xxh3_64(&bytes) })
    }

    /// Of all files of a folder.
    pub(crate) fn of_folder(folder: &Path) -> io::Result<Vec<Self>> {
        let mut paths = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<PathBuf>>>()?;
        paths.sort();
        paths
            .iter()
            .filter(|path| path.extension().is_none_or(|ending| ending != "lock"))
            .map(|path| Self::of(path))
            .collect()
    }
}
