//! The logs that are measured with, and what is asked about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use model::{Id, scan_ids};
use serde::Deserialize;

/// Files with their sizes.
pub(crate) struct Corpus {
    pub(crate) folder: PathBuf,
    pub(crate) files: Vec<(PathBuf, u64)>,
}

impl Corpus {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        list(&folder.join("logs"), &mut files)?;
        let notifications = folder.join("notifications.jsonl");
        if let Ok(metadata) = notifications.metadata() {
            files.push((notifications, metadata.len()));
        }
        Ok(Self { folder: folder.to_owned(), files })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, length)| length).sum()
    }

    /// Of each file the beginning, so long that they make about so many bytes together: every kind of line has the share
    /// that it has in the whole.
    pub(crate) fn sample(&self, bytes: u64) -> impl Iterator<Item = (&Path, u64)> {
        let (whole, wanted) = (u128::from(self.bytes()), u128::from(bytes.min(self.bytes())));
        let share = move |length: u64| u128::from(length) * wanted / whole.max(1);
        self.files.iter().map(move |(path, length)| {
            (path.as_path(), u64::try_from(share(*length)).expect("at most the file's length"))
        })
    }

    /// What is given to programs that read the files.
    pub(crate) fn roots(&self) -> [PathBuf; 2] {
        ["logs", "notifications.jsonl"].map(|name| self.folder.join(name))
    }

    /// As many lines as wanted, from evenly distant places.
    pub(crate) fn some_lines(&self, wanted: u64) -> Result<Vec<String>> {
        const WINDOW: usize = 16 << 10;
        let step = (self.bytes() / wanted).max(1);
        let (mut lines, mut before) = (Vec::new(), 0);
        for (path, length) in &self.files {
            let file = File::open(path).with_context(|| format!("failed to open `{}`", path.display()))?;
            let mut at = (step - before % step) % step;
            while at < *length {
                let mut window = vec![0; WINDOW];
                let read = file.read_at(&mut window, at)?;
                window.truncate(read);
                let whole = window.split(|byte| *byte == b'\n').nth(1);
                lines.extend(whole.map(|line| String::from_utf8_lossy(line).into_owned()));
                at += step;
            }
            before += length;
        }
        Ok(lines)
    }
}

fn list(folder: &Path, files: &mut Vec<(PathBuf, u64)>) -> Result<()> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("failed to list `{}`", folder.display()))? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            list(&path, files)?;
        } else {
            let length = path.metadata()?.len();
            files.push((path, length));
        }
    }
    Ok(())
}

/// The request ids of these lines, each once, as they are written.
pub(crate) fn request_ids(lines: &[String]) -> Vec<String> {
    let mut ids = BTreeSet::new();
    for line in lines {
        for (at, _) in line.match_indices("req-") {
            let id = line.get(at..at + 40).filter(|id| Id::parse(id).is_some());
            ids.extend(id.map(str::to_owned));
        }
    }
    ids.into_iter().collect()
}

#[derive(Deserialize)]
struct Case {
    request_id: Option<String>,
    instance_uuid: Option<String>,
}

/// What the truth file says somebody would ask about.
pub(crate) fn asked_ids(folder: &Path) -> Result<Vec<Id>> {
    let text = fs::read_to_string(folder.join("truth.jsonl")).context("the corpus has no truth")?;
    let cases = text.lines().filter_map(|line| serde_json::from_str::<Case>(line).ok());
    let ids = cases.flat_map(|case| [case.request_id, case.instance_uuid]).flatten();
    Ok(ids.filter_map(|id| Id::parse(&id)).collect())
}

/// Words, and phrases of a word and its neighbour (which may be a name or a number, but no id), that stand in one of these
/// lines only. Of the words of a phrase each stands in others too, or is no word that is found by itself.
pub(crate) fn rare_texts(lines: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut words, mut phrases) = (BTreeMap::<&str, usize>::new(), BTreeMap::<[&str; 2], usize>::new());
    for line in lines {
        let all = line.split(|sign: char| !sign.is_ascii_alphanumeric());
        all.filter(|word| is_word(word)).for_each(|word| *words.entry(word).or_default() += 1);
        let parts: Vec<&str> = line.split(' ').collect();
        for pair in parts.array_windows().filter(|pair| is_phrase(pair)) {
            *phrases.entry(*pair).or_default() += 1;
        }
    }
    let once = |word: &&str| words.get(word) == Some(&1);
    let phrases = phrases.iter().filter(|(pair, times)| **times == 1 && !pair.iter().any(once));
    let phrases = phrases.map(|(pair, _)| pair.join(" ")).collect();
    (words.keys().copied().filter(once).map(str::to_owned).collect(), phrases)
}

fn is_phrase(pair: &[&str; 2]) -> bool {
    let is_name = |text: &str| {
        let ends = |sign: Option<u8>| sign.is_some_and(|sign| sign.is_ascii_alphanumeric());
        let inside = |sign: u8| sign.is_ascii_alphanumeric() || matches!(sign, b'.' | b'-' | b'_');
        let mut is_id = false;
        scan_ids(text.as_bytes(), |_| is_id = true);
        !is_id && ends(text.bytes().next()) && ends(text.bytes().last()) && text.bytes().all(inside)
    };
    pair.iter().any(|text| is_word(text)) && pair.iter().all(|text| is_name(text))
}

/// What has letters of hexadecimal numbers only may be a part of an id, and nobody indexes those.
fn is_word(word: &str) -> bool {
    word.len() > 3
        && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && word.bytes().any(|byte| !byte.is_ascii_hexdigit())
}
