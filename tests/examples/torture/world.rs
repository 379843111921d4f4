//! What all who take part in a run share.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::books::Books;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) books: Books,
    pub(crate) store: PathBuf,
    began: Instant,
    /// Something went wrong: nothing more is of use.
    over: AtomicBool,
    /// What happened when, for whoever looks into the folder of a failed run.
    events: Mutex<File>,
    counts: Mutex<Counts>,
}

/// How often each thing happened.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// What a writer waits for longer than this, it does without.
const PATIENCE: Duration = Duration::from_secs(6);
const LOOK_EVERY: Duration = Duration::from_millis(150);

impl World {
    pub(crate) fn new(folder: &Path, store: &Path) -> Result<Self> {
        Ok(Self {
            books: Books::default(),
            store: store.to_owned(),
            began: Instant::now(),
            over: AtomicBool::new(false),
            events: Mutex::new(File::create(folder.join("events"))?),
            counts: Mutex::default(),
        })
    }

    pub(crate) fn note(&self, what: impl Display) {
        let mut events = self.events.lock().expect("nobody panics holding it");
        // It only helps to understand a failure.
        writeln!(events, "{:8.3} {what}", self.began.elapsed().as_secs_f64()).ok();
    }

    pub(crate) fn count(&self, what: &'static str) {
        *self.counts.lock().expect("nobody panics holding it").entry(what).or_default() += 1;
    }

    pub(crate) fn counted(&self, what: &'static str) -> bool {
        self.counts.lock().expect("nobody panics holding it").contains_key(what)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.lock().expect("nobody panics holding it").clone()
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn go_on(&self) -> Result<()> {
        if self.over.load(Ordering::Relaxed) { bail!("the run is over") } else { Ok(()) }
    }

    /// Waits until all that was written by now is stored; not for ever.
    pub(crate) fn comes_to_be_stored(&self, writer: u64) -> Result<bool> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            self.go_on()?;
            if self.books.all_stored(&self.store, Some(writer))? {
                return Ok(true);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(false)
    }
}
