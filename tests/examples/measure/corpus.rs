//! The logs that are measured with, and what is asked about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use model::Id;
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

    /// Files of every kind that make about so many bytes together.
    pub(crate) fn sample(&self, bytes: u64) -> Vec<&(PathBuf, u64)> {
        let (mut seen, mut taken) = (0, 0);
        let mut files = Vec::new();
        for file in &self.files {
            seen += file.1;
            // Its share of what was seen so far is its share of everything.
            if u128::from(taken) * u128::from(self.bytes()) <= u128::from(seen) * u128::from(bytes) {
                taken += file.1;
                files.push(file);
            }
        }
        files
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

/// Words, and phrases of two words around a number, that stand in one of these lines only.
pub(crate) fn rare_texts(lines: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut words, mut phrases) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    for line in lines {
        for word in line.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| is_word(word)) {
            *words.entry(word).or_default() += 1;
        }
        for phrase in line.split(['[', ']', ':', '"', ',', '(', ')', '\'']).map(str::trim) {
            let parts: Vec<&str> = phrase.split(' ').collect();
            if let [before, number, after] = parts[..]
                && is_word(before)
                && is_number(number)
                && is_word(after)
            {
                *phrases.entry(phrase).or_default() += 1;
            }
        }
    }
    let once = |texts: BTreeMap<&str, usize>| {
        let rare = texts.into_iter().filter(|(_, times)| *times == 1).map(|(text, _)| text.to_owned());
        rare.collect::<Vec<_>>()
    };
    (once(words), once(phrases))
}

fn is_number(text: &str) -> bool {
    text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// What has letters of hexadecimal numbers only may be a part of an id, and nobody indexes those.
fn is_word(word: &str) -> bool {
    word.len() > 3
        && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && word.bytes().any(|byte| !byte.is_ascii_hexdigit())
}
