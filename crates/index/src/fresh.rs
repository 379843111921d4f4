//! What readers in the writer's process see before it is committed, and how long replaced folders stay for them.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use crate::manifest::Manifest;
use crate::segment::Segment;

/// Everything that was appended up to a moment. Cheap to take and to keep; [`crate::Reader::of`] reads it.
pub struct Fresh {
    pub(crate) manifest: Manifest,
    /// Not committed.
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) pin: Pin,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Fresh").finish_non_exhaustive()
    }
}

/// As long as somebody holds it, no folder is removed that was there when it was given.
pub(crate) type Pin = Arc<()>;

/// Folders that no manifest names any more, or soon none will.
#[derive(Default)]
pub(crate) struct Garbage {
    /// To be removed after the next commit.
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) pin: Pin,
    waiting: VecDeque<(Weak<()>, Vec<PathBuf>)>,
    /// To remove files may take a disk seconds: nobody waits for it.
    removing: Option<JoinHandle<()>>,
}

impl Garbage {
    /// After a commit: removes what no reader of this process can ask for. Readers of other processes hold the files
    /// open, or look into the new manifest.
    pub(crate) fn collect(&mut self) {
        if !self.folders.is_empty() {
            let pin = std::mem::take(&mut self.pin);
            self.waiting.push_back((Arc::downgrade(&pin), std::mem::take(&mut self.folders)));
        }
        if self.removing.as_ref().is_some_and(|removing| !removing.is_finished()) {
            return;
        }
        let mut unused = Vec::new();
        while let Some((_, folders)) = self.waiting.pop_front_if(|(pin, _)| pin.strong_count() == 0) {
            unused.extend(folders);
        }
        if !unused.is_empty() {
            // What cannot be removed now, the next writer removes.
            let remove = move || unused.iter().for_each(|folder| drop(fs::remove_dir_all(folder)));
            self.removing = Some(std::thread::spawn(remove));
        }
    }

    /// Waits for what is being removed.
    pub(crate) fn wait(&mut self) {
        drop(self.removing.take().map(JoinHandle::join));
    }
}

/// Nobody else may write to the store before.
impl Drop for Garbage {
    fn drop(&mut self) {
        self.wait();
    }
}

/// For the drafts of a snapshot: no segment has this number, nor has another snapshot.
pub(crate) fn snapshot_number() -> u64 {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    u64::MAX - TAKEN.fetch_add(1, Ordering::Relaxed)
}
