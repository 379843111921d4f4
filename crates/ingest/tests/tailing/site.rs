//! A folder of logs, a tail, and a store that keeps what a real one would.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ingest::{Checkpoint, Delivery, Place, Tail, TailSettings};

pub(crate) struct Site {
    root: tempfile::TempDir,
    pub(crate) settings: TailSettings,
    pub(crate) tail: Tail,
    pub(crate) now: Instant,
    store: Store,
    committed: Store,
    /// Which source of the store a text of this process belongs to.
    sources: HashMap<u64, usize>,
    /// The checkpoints that this process was told of, as places in the store.
    told: Vec<usize>,
    pub(crate) largest_batch: usize,
    pub(crate) cut: Vec<u64>,
}

#[derive(Clone, Default)]
struct Store {
    sources: Vec<Stored>,
}

#[derive(Clone)]
struct Stored {
    path: String,
    lines: Vec<String>,
    half: bool,
    checkpoint: Checkpoint,
}

impl Site {
    /// Follows `*.log`, as any test may change by `settings`.
    pub(crate) fn new() -> Self {
        Self::with(&["*.log"], |_| {})
    }

    pub(crate) fn with(patterns: &[&str], change: impl FnOnce(&mut TailSettings)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let full = |pattern: &&str| format!("{}/{pattern}", root.path().display());
        let mut settings =
            TailSettings { patterns: patterns.iter().map(full).collect(), ..TailSettings::default() };
        change(&mut settings);
        let tail = Tail::new(settings.clone(), Vec::new()).unwrap();
        Self {
            root,
            settings,
            tail,
            now: Instant::now(),
            store: Store::default(),
            committed: Store::default(),
            sources: HashMap::new(),
            told: Vec::new(),
            largest_batch: 0,
            cut: Vec::new(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        self.open(name).write_all(text.as_ref()).unwrap();
    }

    /// As a program holds its log open.
    pub(crate) fn open(&self, name: &str) -> File {
        OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap()
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn copy_truncate(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
        self.truncate(from, 0);
    }

    pub(crate) fn truncate(&self, name: &str, length: u64) {
        OpenOptions::new().write(true).open(self.path(name)).unwrap().set_len(length).unwrap();
    }

    pub(crate) fn compress(&self, from: &str, to: &str) {
        let text = fs::read(self.path(from)).unwrap();
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(&text).unwrap();
        fs::write(self.path(to), out.finish().unwrap()).unwrap();
    }

    /// A second later: looks, and reads everything that is new.
    pub(crate) fn step(&mut self) {
        self.look();
        while self.read_batch() {}
    }

    pub(crate) fn wait(&mut self, seconds: usize) {
        (0..seconds).for_each(|_| self.step());
    }

    pub(crate) fn look(&mut self) {
        self.now += Duration::from_secs(1);
        self.tail.scan(self.now);
    }

    pub(crate) fn read_batch(&mut self) -> bool {
        let Some(delivery) = self.tail.read() else { return false };
        self.largest_batch = self.largest_batch.max(delivery.batch.lines.len());
        self.cut.extend(&delivery.batch.cut);
        self.keep(delivery);
        true
    }

    pub(crate) fn commit(&mut self) {
        self.committed = self.store.clone();
    }

    /// Starts anew from what was committed.
    pub(crate) fn crash(&mut self) {
        self.store = self.committed.clone();
        self.sources.clear();
        self.told = (0..self.store.sources.len()).collect();
        let known = self.checkpoints();
        self.tail = Tail::new(self.settings.clone(), known).unwrap();
    }

    pub(crate) fn checkpoints(&self) -> Vec<Checkpoint> {
        let bytes = self.store.sources.iter().map(|stored| stored.checkpoint.to_bytes());
        bytes.map(|bytes| Checkpoint::from_bytes(&bytes).unwrap()).collect()
    }

    /// The lines of all sources, in the order in which they were begun.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.store.sources.iter().flat_map(|stored| stored.lines.clone()).collect()
    }

    pub(crate) fn lines_of_texts(&self) -> Vec<Vec<String>> {
        self.store.sources.iter().map(|stored| stored.lines.clone()).collect()
    }

    /// How many texts those are.
    pub(crate) fn texts(&self) -> usize {
        self.store.sources.len()
    }

    pub(crate) fn expect(&self, lines: &str) {
        let seen: Vec<String> = self.lines();
        assert_eq!(seen, lines.split_whitespace().collect::<Vec<_>>());
    }

    fn keep(&mut self, delivery: Delivery) {
        let Place::File { text, continues, checkpoint } = delivery.place else {
            panic!("a file is expected")
        };
        let told = &self.told;
        let sources = &mut self.store.sources;
        let at = *self.sources.entry(text).or_insert_with(|| match continues {
            Some(known) => told[known],
            None => {
                sources.push(Stored {
                    path: delivery.source.path.clone(),
                    lines: Vec::new(),
                    half: false,
                    checkpoint: checkpoint.clone(),
                });
                sources.len() - 1
            }
        });
        let stored = &mut sources[at];
        assert!(!stored.path.is_empty());
        for line in delivery.batch.lines {
            let next = stored.lines.len() as u64 + 1;
            if line.number + 1 == next && stored.half {
                stored.lines.pop();
            } else {
                let text = String::from_utf8_lossy(&line.text);
                assert_eq!(line.number, next, "of {} with {text}", stored.path);
            }
            stored.half = false;
            stored.lines.push(String::from_utf8_lossy(&line.text).into_owned());
        }
        assert!(checkpoint.lines >= stored.lines.len() as u64, "{checkpoint:?}");
        stored.half = checkpoint.half > 0;
        stored.checkpoint = checkpoint;
    }
}

/// `number(3..6)` is lines that say 3, 4 and 5.
pub(crate) fn numbers(range: std::ops::Range<usize>) -> String {
    range.map(|number| format!("{number}\n")).collect()
}
