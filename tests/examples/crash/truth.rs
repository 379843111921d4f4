//! What a store must hold in the end: some files of real lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use index::Reader;
use model::{Id, scan_ids};

use culprit_tests::random::Random;

/// Every line, by the path that a source has, in order of their numbers, which begin with 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) files: BTreeMap<String, Vec<Vec<u8>>>,
}

/// A line of a file: path and number.
pub(crate) type LinePlace = (String, u64);

impl Truth {
    /// Slices of files of the recorded cloud, as the seed wants it.
    pub(crate) fn choose(cloud: &Path, seed: u64) -> Result<Self> {
        let mut random = Random::new(seed);
        let mut paths = Vec::new();
        list(&cloud.join("logs"), &mut paths)?;
        // Most files are small ones of libvirt.
        let long: Vec<PathBuf> = paths.iter().filter(|path| is_long(path)).cloned().collect();
        let mut truth = Self::default();
        for _ in 0..random.size(2, 7) {
            let path = if random.one_in(4) { random.pick(&paths) } else { random.pick(&long) };
            let content = fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
            let lines: Vec<&[u8]> =
                content.strip_suffix(b"\n").unwrap_or(&content).split(|byte| *byte == b'\n').collect();
            let first = random.size(0, lines.len());
            let wanted = random.size(1, 5000);
            let name = path.strip_prefix(cloud).unwrap_or(path).display().to_string();
            let slice = lines.iter().skip(first).take(wanted).map(|line| line.to_vec());
            truth.files.insert(name, slice.collect());
        }
        Ok(truth)
    }

    /// What a store holds.
    pub(crate) fn stored(store: &Path) -> Result<Self> {
        let reader = Reader::open(store)?;
        let mut truth = Self::default();
        for (id, source) in reader.sources() {
            let lines = reader.at(id, 1..=u64::MAX).into_iter().map(|(line, _)| line.text);
            truth.files.insert(source.path.clone(), lines.collect());
        }
        Ok(truth)
    }

    pub(crate) fn line_count(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.files.values().flatten().map(|line| line.len() + 1).sum()
    }

    /// Writes the files, every third one compressed.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        for (at, (path, lines)) in self.files.iter().enumerate() {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            let text: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
            if at % 3 == 2 {
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                packed.write_all(&text)?;
                fs::write(path.with_added_extension("gz"), packed.finish()?)?;
            } else {
                fs::write(path, text)?;
            }
        }
        Ok(())
    }

    /// Some of the ids that lines name, and where they stand.
    pub(crate) fn some_ids(&self, random: &mut Random, wanted: usize) -> BTreeMap<Id, BTreeSet<LinePlace>> {
        let mut all = BTreeMap::<Id, BTreeSet<LinePlace>>::new();
        for (path, lines) in &self.files {
            for (number, line) in (1..).zip(lines) {
                scan_ids(line, |found| {
                    all.entry(found.id).or_default().insert((path.clone(), number));
                });
            }
        }
        let every = (all.len() / wanted).max(1);
        let first = random.size(0, every);
        all.into_iter().skip(first).step_by(every).collect()
    }
}

fn is_long(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() > 100_000)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("failed to list `{}`", folder.display()))? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
