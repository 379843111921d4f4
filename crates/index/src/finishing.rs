//! Segments that are finished beside the writing: to sort their ids, to write their words and to see it all on the disk
//! takes a second, and new lines do not wait for that.

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::StoreError;
use crate::manifest::{Manifest, SegmentInfo, SourceId};
use crate::open_segment::OpenSegment;
use crate::segment::Segment;
use crate::segment_writer::SegmentWriter;

/// So many are finished at a time; the writer waits rather than to begin another. Each has its words in memory.
pub(crate) const MAX_FINISHING: usize = 2;

/// A segment that takes no more lines. Joined when it is dropped: nobody else may write to the store before.
pub(crate) struct Finishing {
    /// Its blocks, for readers in this process.
    pub(crate) blocks: Arc<Segment>,
    work: Work,
}

enum Work {
    Running(JoinHandle<Result<SegmentInfo, StoreError>>),
    Done(SegmentInfo),
    /// Its error was told.
    Failed,
}

impl Finishing {
    pub(crate) fn start(
        mut segment: SegmentWriter,
        formats: &Arc<[&'static str]>,
    ) -> Result<Self, StoreError> {
        let blocks = OpenSegment::of_blocks(segment.number, segment.snapshot()?, formats);
        Ok(Self {
            blocks: Arc::new(Segment::Open(Box::new(blocks))),
            work: Work::Running(std::thread::spawn(move || segment.finish())),
        })
    }

    pub(crate) fn number(&self) -> u64 {
        self.blocks.number()
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(&self.work, Work::Running(thread) if !thread.is_finished())
    }

    /// Whether it has a line of this source from this number on.
    pub(crate) fn holds(&self, source: SourceId, from: u64) -> bool {
        // Trouble with what is in memory is none.
        self.blocks.span(source).is_ok_and(|span| span.is_some_and(|span| span.last >= from))
    }

    /// Waits until it is finished; tells what the manifest says of it.
    pub(crate) fn wait(&mut self) -> Result<SegmentInfo, StoreError> {
        let info = match std::mem::replace(&mut self.work, Work::Failed) {
            Work::Running(thread) => {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?
            }
            Work::Done(info) => info,
            Work::Failed => return Err(StoreError::Failed),
        };
        self.work = Work::Done(info.clone());
        Ok(info)
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        if let Work::Running(thread) = std::mem::replace(&mut self.work, Work::Failed) {
            // It is not committed.
            drop(thread.join());
        }
    }
}

/// A commit that waits until the segments are finished that the writer had when it was started.
pub(crate) struct Pending {
    /// As it was then; the segments are still missing.
    pub(crate) manifest: Manifest,
    /// How many these are, the first of those that are being finished.
    pub(crate) segments: usize,
    /// Files of summaries that it no longer names.
    pub(crate) replaced: Vec<u64>,
}
