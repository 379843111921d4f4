use model::{Severity, Timestamp};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::format::Format;
use crate::header::Header;

/// Workers that write to one file at the same moment: a service runs a few dozen at most.
const MAX_OPEN: usize = 64;
/// A traceback follows its head at once; only other workers' lines come between.
const MAX_LINES_AGO: u64 = 4_096;

/// The head of an event that later lines may continue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) line: u64,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) severity: Severity,
    pub(crate) format: Format,
    /// It names its logger, as a program's own format does; a carrier's prefix alone does not.
    pub(crate) named: bool,
}

/// The last heads, by process and logger: tracebacks of several workers interleave in one file. Bounded in number
/// and age.
#[derive(Debug, Default)]
pub(crate) struct OpenHeads {
    /// The most recently used last.
    heads: Vec<(Key, Head)>,
}

/// A hash of process and logger: kept per line, so a string would cost an allocation a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// `None` when the line names no logger: no traceback can be told to be its.
    pub(crate) fn of(header: &Header<'_>) -> Option<Self> {
        let logger = header.logger.as_deref()?;
        let process = header.process.map_or(u64::MAX, u64::from);
        Some(Self(xxh3_64_with_seed(logger.as_bytes(), process)))
    }
}

impl OpenHeads {
    pub(crate) fn open(&mut self, key: Key, head: Head) {
        match self.heads.iter().rposition(|(open, _)| *open == key) {
            Some(at) => drop(self.heads.remove(at)),
            None if self.heads.len() == MAX_OPEN => drop(self.heads.remove(0)),
            None => {}
        }
        self.heads.push((key, head));
    }

    /// The head that a line with this prefix continues. The prefix of a traceback is rendered from the record of its
    /// head, so both show the same time, unless a collector has put its own in place of it.
    pub(crate) fn find(&self, key: Key, line: u64, timestamp: Option<Timestamp>) -> Option<Head> {
        let head = self.heads.iter().rev().find(|(open, _)| *open == key)?.1;
        let recent = line.saturating_sub(head.line) <= MAX_LINES_AGO;
        let same_time = match (head.timestamp, timestamp) {
            (Some(head_time), Some(time)) => {
                let slack = if head.format == Format::Oslo { 0 } else { COLLECTOR_SLACK };
                head_time.nanos().abs_diff(time.nanos()) <= slack
            }
            _ => true,
        };
        (recent && same_time).then_some(head)
    }
}

/// Nanoseconds between two lines of one write, as a collector stamps them.
const COLLECTOR_SLACK: u64 = 2_000_000_000;
