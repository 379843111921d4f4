//! Bytes that peers make us hold, of all of them at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one permit stands for: a semaphore counts no further than some billions.
const UNIT: usize = 4 << 10;

#[derive(Clone, Debug)]
pub(crate) struct Budget {
    room: Arc<Semaphore>,
    in_flight: Arc<AtomicU64>,
}

/// What one peer holds.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
    held: usize,
}

/// Others hold the rest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Budget {
    /// `in_flight` shows what is held.
    pub(crate) fn new(bytes: usize, in_flight: Arc<AtomicU64>) -> Self {
        let units = (bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(units)), in_flight }
    }

    pub(crate) fn share(&self) -> Share {
        Share { budget: self.clone(), permit: None, held: 0 }
    }
}

impl Share {
    /// Never waits: those who hold a part and wait for more would wait for each other.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        self.held += bytes;
        self.budget.in_flight.fetch_add(bytes as u64, Ordering::Relaxed);
        let wanted = self.held.div_ceil(UNIT);
        let holds = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more @ 1..) = wanted.checked_sub(holds) else { return Ok(()) };
        let more = u32::try_from(more).map_err(|_| NoRoom)?;
        let permit = Arc::clone(&self.budget.room).try_acquire_many_owned(more).map_err(|_| NoRoom)?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.in_flight.fetch_sub(self.held as u64, Ordering::Relaxed);
    }
}
