use std::time::SystemTime;

use crate::{SendError, SpoolError};

/// How an agent is doing, for people and for metrics. Counts begin with the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentStatus {
    /// Taken from sources, and in the spool.
    pub lines: u64,
    /// Of text.
    pub bytes: u64,
    /// Lines that are acknowledged, also those of an earlier process.
    pub sent: u64,
    /// Requests that were acknowledged.
    pub requests: u64,
    /// Attempts that failed.
    pub retries: u64,
    /// Lines that the receiver rejected although it took the request.
    pub rejected: u64,
    /// On the disk.
    pub spool_bytes: u64,
    /// When the oldest line was taken that is not acknowledged.
    pub oldest_unsent: Option<SystemTime>,
    /// Sources wait: the spool is full, or cannot be written.
    pub waiting: bool,
    /// The trouble that there is now.
    pub trouble: Option<String>,
    /// Of any trouble since the start.
    pub last_error: Option<String>,
}

/// What an agent tells. Nobody has to listen.
#[derive(Debug)]
pub enum Report {
    /// The buffer on the disk.
    Spool(SpoolError),
    /// Told once as long as it stays the same.
    Send(SendError),
    /// After trouble, lines are acknowledged again.
    Sending,
}
