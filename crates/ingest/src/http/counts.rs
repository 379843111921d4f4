use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::listener::ConnectionCounts;

/// What went by.
#[derive(Debug, Default)]
pub struct DoorCounts {
    pub otlp: DoorCount,
    pub bulk: DoorCount,
    pub loki: DoorCount,
    /// What requests hold at this time.
    pub bytes_in_flight: Arc<AtomicU64>,
    pub connections: ConnectionCounts,
    /// Requests without the token.
    pub strangers: AtomicU64,
}

/// At one door.
#[derive(Debug, Default)]
pub struct DoorCount {
    pub requests: AtomicU64,
    /// Requests that were answered with an error.
    pub refused: AtomicU64,
    /// That are durable.
    pub records: AtomicU64,
    /// In requests that were not refused.
    pub records_refused: AtomicU64,
}

impl DoorCount {
    pub(crate) fn note(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }
}

impl AsRef<ConnectionCounts> for DoorCounts {
    fn as_ref(&self) -> &ConnectionCounts {
        &self.connections
    }
}
