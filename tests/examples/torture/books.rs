//! What was written, and what a store holds of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use anyhow::{Result, ensure};
use index::{Reader, StoreError, verify};

/// Every line that anybody wrote or published, by its number.
#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<BTreeMap<Key, Written>>);

/// Stands in each line: `~3.000127~`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) writer: u64,
    pub(crate) number: u64,
}

#[derive(Debug)]
struct Written {
    text: Vec<u8>,
    /// Where to.
    place: String,
}

/// Lines that are not as they must be. Empty is what we want.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    /// There, with another text, or written by nobody.
    pub(crate) altered: Vec<String>,
}

impl Books {
    pub(crate) fn enter(&self, key: Key, text: Vec<u8>, place: &str) {
        self.locked().insert(key, Written { text, place: place.to_owned() });
    }

    pub(crate) fn lines(&self) -> u64 {
        self.locked().len() as u64
    }

    /// Whether all that a writer wrote by now is committed.
    pub(crate) fn all_stored(&self, store: &Path, writer: Option<u64>) -> Result<bool> {
        let stored = stored(store)?;
        let is_stored = |key: &Key| stored.get(&Some(*key)).is_some_and(|texts| !texts.is_empty());
        Ok(self.locked().keys().filter(|key| writer.is_none_or(|writer| key.writer == writer)).all(is_stored))
    }

    /// Of the whole store.
    pub(crate) fn account(&self, store: &Path) -> Result<Account> {
        let damage = verify(store, &mut |_| ())?;
        ensure!(damage.is_empty(), "the store is damaged: {damage:?}");
        let mut stored = stored(store)?;
        let mut account = Account::default();
        for (key, Written { text, place }) in &*self.locked() {
            let found = stored.remove(&Some(*key)).unwrap_or_default();
            let called = || format!("line {} of writer {} in {place}", key.number, key.writer);
            let Some((first, source)) = found.first() else {
                account.lost.push(called());
                continue;
            };
            if found.len() > 1 {
                let places: Vec<&String> = found.iter().map(|(_, source)| source).collect();
                account.doubled.push(format!("{}: {places:?}", called()));
            }
            if first != text {
                let (first, text) = (first.escape_ascii(), text.escape_ascii());
                account.altered.push(format!("{}, in {source}: `{first}` instead of `{text}`", called()));
            }
        }
        for (text, source) in stored.into_values().flatten() {
            account.altered.push(format!("nobody wrote `{}`, in {source}", text.escape_ascii()));
        }
        Ok(account)
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Key, Written>> {
        self.0.lock().expect("nobody panics holding it")
    }
}

impl Key {
    pub(crate) fn written(self) -> String {
        format!("~{}.{:06}~", self.writer, self.number)
    }

    fn find(line: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(line);
        text.split('~').skip(1).step_by(2).find_map(|part| {
            let (writer, number) = part.split_once('.')?;
            Some(Self { writer: writer.parse().ok()?, number: number.parse().ok()? })
        })
    }
}

impl Account {
    pub(crate) fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.altered.is_empty()
    }

    /// The first of each kind.
    pub(crate) fn shown(&self) -> String {
        const SHOWN: usize = 8;
        let mut shown = String::new();
        for (what, lines) in [("lost", &self.lost), ("doubled", &self.doubled), ("altered", &self.altered)] {
            for line in lines.iter().take(SHOWN) {
                write!(shown, "\n  {what}: {line}").expect("a string takes all");
            }
            if lines.len() > SHOWN {
                write!(shown, "\n  {what}: {} more", lines.len() - SHOWN).expect("a string takes all");
            }
        }
        shown
    }
}

type Stored = BTreeMap<Option<Key>, Vec<(Vec<u8>, String)>>;

/// The lines of every source, and where they are.
fn stored(store: &Path) -> Result<Stored> {
    let mut stored = Stored::new();
    let reader = match Reader::open(store) {
        Err(StoreError::Missing { .. }) => return Ok(stored),
        reader => reader?,
    };
    for (id, source) in reader.sources() {
        for (line, _) in reader.at(id, 1..=u64::MAX) {
            let place = format!("{id:?} `{}`, line {}", source.path, line.number);
            stored.entry(Key::find(&line.text)).or_default().push((line.text, place));
        }
    }
    ensure!(reader.damage().is_empty(), "a reader met damage: {:?}", reader.damage());
    Ok(stored)
}
