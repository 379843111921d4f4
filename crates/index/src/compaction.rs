//! Merges beside the writing: one thread at a time, joined when the writer goes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::manifest::{Manifest, SegmentInfo};
use crate::merge::{self, Failure, Task};

/// More segments than these: the writer waits for a merge, rather than to let them grow without end.
const MAX_WAITING: usize = 128;

#[derive(Default)]
pub(crate) struct Compaction {
    running: Option<Running>,
    /// Segments that could not be put together with others; they stay as they are until the store is opened again.
    left_alone: BTreeSet<u64>,
    /// Why.
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

    /// Begins a merge when one is due and none is under way.
    pub(crate) fn start(&mut self, store: &Path, manifest: &mut Manifest) {
        if self.running.is_some() {
            return;
        }
        let candidates =
            manifest.segments.iter().filter(|segment| !self.left_alone.contains(&segment.number));
        let Some(inputs) = merge::choose(candidates) else { return };
        let task = Task {
            number: manifest.take_number(),
            dead: manifest.dead.clone(),
            formats: manifest.formats.as_slice().into(),
            inputs,
        };
        let (store, cancel): (PathBuf, _) = (store.to_owned(), Arc::new(AtomicBool::new(false)));
        let cancelled = Arc::clone(&cancel);
        let thread = std::thread::spawn(move || {
            let outcome = merge::run(&store, &task, &cancelled);
            (task, outcome)
        });
        self.running = Some(Running { cancel, thread });
    }

    /// What a merge that has ended made of what. A merge that failed changes nothing, and is not tried again: it takes
    /// the segment that is damaged out, or (the disk is full) all of them.
    pub(crate) fn outcome(&mut self, wait: bool) -> Option<(Task, SegmentInfo)> {
        let running = self.running.take_if(|running| wait || running.thread.is_finished())?;
        let (task, outcome) = running.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match outcome {
            Ok(merged) => return Some((task, merged)),
            Err(Failure::Cancelled) => {}
            Err(Failure::Damaged(number, damage)) => {
                self.left_alone.insert(number);
                self.troubles.push(format!("{}: {}", damage.path.display(), damage.what));
            }
            Err(Failure::Store(error)) => {
                self.left_alone.extend(task.inputs.iter().map(|input| input.number));
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                self.troubles.push(format!("{error}: {}", cause.unwrap_or_default()));
            }
        }
        None
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
