use std::sync::atomic::{AtomicU64, Ordering};

/// What went by.
#[derive(Debug, Default)]
pub struct DoorCounts {
    pub otlp: DoorCount,
    pub bulk: DoorCount,
    pub loki: DoorCount,
    /// What requests hold at this time.
    pub bytes_in_flight: AtomicU64,
    /// Connections that were closed because there were too many.
    pub connections_refused: AtomicU64,
    /// Connections that came to no TLS.
    pub handshakes_failed: AtomicU64,
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
