//! What other people's shippers send, whatever their protocol: records become lines of streams.
//!
//! A [`Record`] has its parts under the names of the OpenTelemetry log data model. [`Sorted`] decides which line is
//! stored ([`form`]) and in which stream it goes on ([`streams`]). What the fields of records mean stands in
//! [`FieldNames`]: that is knowledge, and comes from outside.
//!
//! Invariant: the time that the sender told is in the line, unless the line is a program's own.

mod fields;
mod form;
mod streams;

use std::sync::Arc;

use model::FieldNames;
use serde_json::{Map, Value};

pub(crate) use streams::{NoMoreLines, Sorted, Streams};

/// How much a shipper may send, and what its words mean.
#[derive(Clone, Debug)]
pub struct ShippedSettings {
    pub names: Arc<FieldNames>,
    /// Longer lines are cut here.
    pub max_line: usize,
    pub batch_lines: usize,
    pub batch_bytes: usize,
    /// Hosts and files with a stream of their own. Others share one, so that nobody can make up names without end.
    pub max_streams: usize,
}

impl ShippedSettings {
    #[must_use]
    pub fn new(names: FieldNames) -> Self {
        Self {
            names: Arc::new(names),
            max_line: 64 << 10,
            batch_lines: 1024,
            batch_bytes: 256 << 10,
            max_streams: 10_000,
        }
    }
}

/// One record, as it was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    pub(crate) time: Time,
    pub(crate) observed: Time,
    pub(crate) severity: Severity,
    pub(crate) body: Body,
    /// The logger.
    pub(crate) scope: String,
    pub(crate) attributes: Map<String, Value>,
    /// What all records of their sender have in common.
    pub(crate) resource: Arc<Map<String, Value>>,
    /// In hex.
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// Several lines, perhaps.
    Text(Vec<u8>),
    Fields(Map<String, Value>),
    Other(Value),
}

impl Default for Body {
    fn default() -> Self {
        Self::Other(Value::Null)
    }
}

/// When it happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Time {
    #[default]
    Unknown,
    /// Nanoseconds since 1970 of the event.
    Event(u64),
    /// The same, of the event or of when its line was read.
    Stamped(u64),
    /// As the program wrote it.
    Written(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Severity {
    pub(crate) number: i32,
    pub(crate) text: String,
}
