//! Merges beside the writing: one thread at a time, joined when the writer goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::manifest::{Manifest, SegmentInfo};
use crate::merge::{self, Expected, Failure, Task};

/// More segments than these: the writer waits for a merge, rather than to let them grow without end.
const MAX_WAITING: usize = 128;

/// What the world refused (the disk was full) is tried again after so many commits.
const RETRY_AFTER: u64 = 64;

/// How much nicer than the others, see nice(2).
const LATER: i32 = 10;

#[derive(Default)]
pub(crate) struct Compaction {
    running: Option<Running>,
    /// Segments that could not be put together with others stay as they are until there were so many commits.
    left_alone: BTreeMap<u64, u64>,
    commits: u64,
    /// Why, each reason once.
    pub(crate) troubles: Vec<String>,
}

struct Running {
    cancel: Arc<AtomicBool>,
    thread: JoinHandle<(Task, Result<SegmentInfo, Failure>)>,
}

impl Compaction {
    pub(crate) const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn lags(&self, segments: &[SegmentInfo]) -> bool {
        self.is_running() && segments.len() - self.left_alone.len().min(segments.len()) > MAX_WAITING
    }

    pub(crate) const fn count_commit(&mut self) {
        self.commits += 1;
    }

    /// Begins a merge when one is due and none is under way.
    pub(crate) fn start(&mut self, store: &Path, manifest: &mut Manifest, expected: Expected) {
        if self.running.is_some() {
            return;
        }
        let is_due = |segment: &&SegmentInfo| {
            self.left_alone.get(&segment.number).is_none_or(|until| *until <= self.commits)
        };
        let Some(inputs) = merge::choose(manifest.segments.iter().filter(is_due), expected) else { return };
        let task = Task {
            number: manifest.take_number(),
            dead: manifest.dead.clone(),
            formats: manifest.formats.as_slice().into(),
            inputs,
        };
        let (store, cancel): (PathBuf, _) = (store.to_owned(), Arc::new(AtomicBool::new(false)));
        let cancelled = Arc::clone(&cancel);
        let thread = std::thread::spawn(move || {
            // Of this thread alone, on Linux: whoever writes and commits goes first. Where that is refused, nobody does.
            let _refused = rustix::process::nice(LATER);
            let outcome = merge::run(&store, &task, &cancelled);
            (task, outcome)
        });
        self.running = Some(Running { cancel, thread });
    }

    /// What a merge that has ended made of what. A merge that failed changes nothing. The segment that is damaged is left
    /// alone until the store is opened again; when the world failed, all of them are for a while.
    pub(crate) fn outcome(&mut self, wait: bool) -> Option<(Task, SegmentInfo)> {
        let running = self.running.take_if(|running| wait || running.thread.is_finished())?;
        let (task, outcome) = running.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match outcome {
            Ok(merged) => {
                for input in &task.inputs {
                    self.left_alone.remove(&input.number);
                }
                return Some((task, merged));
            }
            Err(Failure::Cancelled) => {}
            Err(Failure::Damaged(number, damage)) => {
                self.left_alone.insert(number, u64::MAX);
                self.tell(format!("{}: {}", damage.path.display(), damage.what));
            }
            Err(Failure::Store(error)) => {
                let until = self.commits + RETRY_AFTER;
                self.left_alone.extend(task.inputs.iter().map(|input| (input.number, until)));
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                self.tell(format!("{error}: {}", cause.unwrap_or_default()));
            }
        }
        None
    }

    fn tell(&mut self, trouble: String) {
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }
}

impl Drop for Compaction {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.cancel.store(true, Ordering::Relaxed);
            // What it made is not committed.
            drop(running.thread.join());
        }
    }
}
