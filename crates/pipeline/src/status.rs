//! How it goes, for whoever watches over the program itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agent::AgentStatus;
use ingest::forward::ForwardCounts;
use ingest::http::DoorCounts;
use model::Timestamp;

use crate::live::LiveReport;

/// A snapshot of a running [`crate::up`].
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Lines are taken.
    pub ready: bool,
    /// It is being stopped: what came is made durable.
    pub stopping: bool,
    /// How long it has been running, when this was written.
    pub at: Duration,
    pub report: LiveReport,
    pub origins: BTreeMap<Origin, OriginCount>,
    /// Failures by the slug of their cause; those without one are `unknown`.
    pub causes: BTreeMap<String, u64>,
    pub stuck: u64,
    pub incidents: u64,
    pub commits: Durations,
    /// Deliveries that wait to be stored, and how many may.
    pub queue: (usize, usize),
    pub files: Option<FilesStatus>,
    /// Of brokers, by stream.
    pub brokers: BTreeMap<String, BrokerStatus>,
    pub doors: Option<Arc<DoorCounts>>,
    pub forward: Option<Arc<ForwardCounts>>,
    /// Of an agent.
    pub agent: Option<AgentStatus>,
    /// What goes wrong now, in words.
    pub troubles: Vec<String>,
}

/// Who writes lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub host: Option<String>,
    pub service: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OriginCount {
    pub lines: u64,
    /// Of text.
    pub bytes: u64,
    /// Lines that fit no format.
    pub unparsed: u64,
    /// The newest time that a line bears.
    pub newest: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilesStatus {
    pub followed: usize,
    /// Bytes that are there and were not read yet.
    pub behind: u64,
    /// Files that cannot be read.
    pub problems: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerStatus {
    /// Messages in the queue.
    pub waiting: u32,
    /// Messages that had come before and were dropped.
    pub repeated: u64,
}

/// How long something took, each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    pub count: u64,
    pub sum: Duration,
    pub last: Duration,
    pub longest: Duration,
}

impl Durations {
    pub(crate) fn add(&mut self, duration: Duration) {
        self.count += 1;
        self.sum += duration;
        self.last = duration;
        self.longest = self.longest.max(duration);
    }
}

/// Names that strangers make up shall not fill the memory: what comes from more is counted together.
const MOST_ORIGINS: usize = 4096;
const MOST_CAUSES: usize = 1024;

/// Counts what is stored.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) origins: BTreeMap<Origin, OriginCount>,
    pub(crate) causes: BTreeMap<String, u64>,
    pub(crate) stuck: u64,
    pub(crate) incidents: u64,
    pub(crate) commits: Durations,
}

impl Counts {
    pub(crate) fn add_lines(&mut self, origin: Origin, count: OriginCount) {
        let known = self.origins.contains_key(&origin) || self.origins.len() < MOST_ORIGINS;
        let all = self.origins.entry(if known { origin } else { Origin::default() }).or_default();
        all.lines += count.lines;
        all.bytes += count.bytes;
        all.unparsed += count.unparsed;
        all.newest = all.newest.max(count.newest);
    }

    pub(crate) fn add_failure(&mut self, cause: Option<&str>) {
        let cause = cause.filter(|cause| self.causes.contains_key(*cause) || self.causes.len() < MOST_CAUSES);
        *self.causes.entry(cause.unwrap_or("unknown").to_owned()).or_default() += 1;
    }
}
