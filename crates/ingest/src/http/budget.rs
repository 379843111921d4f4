//! Bytes of all requests at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::DoorCounts;
use super::refusal::Refusal;

/// What one permit stands for: a semaphore counts no further than some billions.
const UNIT: usize = 4 << 10;

#[derive(Clone)]
pub(super) struct Budget {
    room: Arc<Semaphore>,
    counts: Arc<DoorCounts>,
}

/// What one request holds.
pub(super) struct Share {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
    held: usize,
}

impl Budget {
    pub(super) fn new(bytes: usize, counts: Arc<DoorCounts>) -> Self {
        let units = (bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(units)), counts }
    }

    pub(super) fn share(&self) -> Share {
        Share { budget: self.clone(), permit: None, held: 0 }
    }
}

impl Share {
    /// Never waits: those who hold a part and wait for more would wait for each other.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.held += bytes;
        self.budget.counts.bytes_in_flight.fetch_add(bytes as u64, Ordering::Relaxed);
        let wanted = self.held.div_ceil(UNIT);
        let holds = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more @ 1..) = wanted.checked_sub(holds) else { return Ok(()) };
        let more = u32::try_from(more).map_err(|_| Refusal::Busy)?;
        let permit = Arc::clone(&self.budget.room).try_acquire_many_owned(more).map_err(|_| Refusal::Busy)?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.counts.bytes_in_flight.fetch_sub(self.held as u64, Ordering::Relaxed);
    }
}
