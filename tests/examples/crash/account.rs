//! Exact accounting: what a store holds against what it must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use index::{Limits, Query, Reader, SourceId, StoreError, StoredEvent, verify};
use model::TimeRange;

use crate::truth::{LinePlace, Truth};
use crate::writer::Progress;
use culprit_tests::random::Random;

/// Lines that are not as they must be. All zero is what we want.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) lost: BTreeSet<LinePlace>,
    pub(crate) duplicated: u64,
    /// There, with another text.
    pub(crate) wrong: u64,
}

impl Account {
    pub(crate) fn of(reader: &Reader, truth: &Truth) -> Result<Self> {
        let sources = sources(reader)?;
        let mut account = Self::default();
        for (path, lines) in &truth.files {
            let stored = sources.get(path).map(|source| reader.at(*source, 1..=u64::MAX)).unwrap_or_default();
            let mut missing: BTreeSet<u64> = (1..=lines.len() as u64).collect();
            for (line, _) in stored {
                if !missing.remove(&line.number) {
                    account.duplicated += 1;
                } else if line.text != lines[row(line.number)] {
                    account.wrong += 1;
                }
            }
            account.lost.extend(missing.into_iter().map(|number| (path.clone(), number)));
        }
        Ok(account)
    }

    pub(crate) fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// Of a line in its file.
pub(crate) fn row(number: u64) -> usize {
    usize::try_from(number).expect("files are small") - 1
}

/// By path. No path may have two sources.
fn sources(reader: &Reader) -> Result<BTreeMap<String, SourceId>> {
    let mut sources = BTreeMap::new();
    for (id, source) in reader.sources() {
        ensure!(sources.insert(source.path.clone(), id).is_none(), "`{}` has two sources", source.path);
    }
    Ok(sources)
}

/// The whole store, once everything was imported.
pub(crate) fn settle_accounts(store: &Path, truth: &Truth, random: &mut Random) -> Result<Account> {
    let damage = verify(store, &mut |_| ())?;
    ensure!(damage.is_empty(), "the store is damaged: {damage:?}");
    let reader = Reader::open(store)?;
    ensure!(
        sources(&reader)?.keys().eq(truth.files.keys()),
        "other sources than files: {:?}",
        reader.sources()
    );
    let account = Account::of(&reader, truth)?;
    if account.is_clean() {
        for (id, places) in truth.some_ids(random, 20) {
            ids_are_found(&reader, &id, &places)?;
        }
        for _ in 0..5 {
            a_word_is_found(&reader, truth, random)?;
        }
    }
    ensure!(reader.damage().is_empty(), "damage was met: {:?}", reader.damage());
    Ok(account)
}

fn ids_are_found(reader: &Reader, id: &model::Id, places: &BTreeSet<LinePlace>) -> Result<()> {
    let found = lines_of(&reader.lines_with(id, TimeRange::ALL))?;
    let missing: Vec<_> = places.difference(&found).collect();
    ensure!(missing.is_empty(), "{id:?} does not find {missing:?}");
    Ok(())
}

/// The lines of events, of which none may stand in two.
pub(crate) fn lines_of(events: &[StoredEvent]) -> Result<BTreeSet<LinePlace>> {
    let mut lines = BTreeSet::new();
    for event in events {
        for line in &event.lines {
            let place = (event.source.path.clone(), line.number);
            ensure!(lines.insert(place.clone()), "{place:?} was found twice");
        }
    }
    Ok(lines)
}

fn a_word_is_found(reader: &Reader, truth: &Truth, random: &mut Random) -> Result<()> {
    let paths: Vec<&String> = truth.files.keys().collect();
    let path = *random.pick(&paths);
    let number = 1 + random.below(truth.files[path].len() as u64);
    let line = String::from_utf8_lossy(&truth.files[path][row(number)]).into_owned();
    // What looks like an id is sought as one, and short words are everywhere.
    let is_word = |word: &&str| word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let Some(word) = line.split(|sign: char| !sign.is_alphanumeric() && sign != '_').find(is_word) else {
        return Ok(());
    };
    let page = reader.search(&Query::Word(word.to_owned()), &Limits::NONE, &mut |event| {
        event.source.path == *path && event.lines.iter().any(|line| line.number == number)
    });
    ensure!(page.events.len() == 1, "`{word}` finds line {number} of `{path}` {} times", page.events.len());
    Ok(())
}

/// A reader beside a writer that is killed and started again: every commit that it sees is whole, and none is undone.
/// How often it looked.
pub(crate) fn watch(store: &Path, truth: &Truth, seed: u64, stop: &AtomicBool) -> Result<u64> {
    let mut random = Random::new(seed);
    let mut looks = 0;
    let mut before = BTreeMap::<String, Progress>::new();
    let mut reader: Option<Reader> = None;
    while !stop.load(Ordering::Relaxed) {
        match &reader {
            Some(reader) if !random.one_in(8) => reader.renew()?,
            _ => match Reader::open(store) {
                Ok(opened) => reader = Some(opened),
                Err(StoreError::Missing { .. }) => {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                Err(error) => return Err(error.into()),
            },
        }
        let Some(reader) = &reader else { continue };
        let paths = sources(reader)?;
        for (path, source) in &paths {
            if paths.len() > 2 && random.one_in(2) {
                continue;
            }
            let progress = progress(reader, *source)?;
            let earlier = before.insert(path.clone(), progress).unwrap_or_default();
            ensure!(earlier.lines <= progress.lines, "`{path}` had {earlier:?}, then {progress:?}");
            is_whole(reader, *source, progress, &truth.files[path])?;
        }
        ensure!(reader.damage().is_empty(), "a reader met damage: {:?}", reader.damage());
        looks += 1;
        // Two cores are there for the writers.
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(looks)
}

fn progress(reader: &Reader, source: SourceId) -> Result<Progress> {
    let checkpoints = reader.checkpoints();
    let state = checkpoints.iter().find(|checkpoint| checkpoint.source == source);
    let Some(progress) = state.and_then(|state| Progress::from_bytes(&state.state)) else {
        bail!("a source was committed without its checkpoint");
    };
    Ok(progress)
}

/// As many lines as the checkpoint of the same commit says, no more and no less.
fn is_whole(reader: &Reader, source: SourceId, progress: Progress, lines: &[Vec<u8>]) -> Result<()> {
    let stored = reader.at(source, 1..=u64::MAX);
    let expected = progress.lines + u64::from(progress.half);
    let numbers = stored.iter().map(|(line, _)| line.number);
    ensure!(numbers.eq(1..=expected), "a commit of {progress:?} shows {} lines", stored.len());
    for (line, _) in stored {
        let text = &lines[row(line.number)];
        let same =
            if line.number > progress.lines { text.starts_with(&line.text) } else { *text == line.text };
        ensure!(same, "line {} is another one", line.number);
    }
    Ok(())
}
