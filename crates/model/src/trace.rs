use std::sync::Arc;

use crate::{Event, Id, Mention, TimeRange};

/// All that is known of one request: what was said, by whom, and why we believe that it belongs here.
#[derive(Clone, Debug)]
pub struct Trace {
    pub request: Request,
    pub outcome: Outcome,
    /// Sorted by time, then file, then line.
    pub entries: Vec<Entry>,
    /// Parents before children.
    pub spans: Vec<Span>,
    pub attempts: Vec<Attempt>,
    pub time: TimeRange,
}

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Its UUID is the trace id.
    pub id: Option<Id>,
    /// `boot`, `resize`, `attach volume`, …; `POST /v2.1/…` when no name is known.
    pub action: String,
    pub user: Option<String>,
    pub project: Option<String>,
    /// The resources it is about: instances first.
    pub resources: Vec<Mention>,
    /// HTTP status of the answer that the caller got.
    pub status: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Succeeded,
    Failed,
    /// No line tells how it ended.
    Unfinished,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub event: Arc<Event>,
    pub link: Link,
    /// Index into the trace's spans.
    pub span: usize,
}

/// Why an event is in a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub kind: LinkKind,
    /// 0 to 1.
    pub confidence: f32,
    /// The id that both have in common; none for nearness in time.
    pub via: Option<Id>,
}

/// From the strongest to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// It carries the request id itself.
    Request,
    /// It carries the request id as its global request id.
    Global,
    /// Another service adopted the request id as its own (glance).
    Adopted,
    /// Its request id is the local id of a call that this request made.
    Callee,
    /// A line of the caller names its request id.
    Named,
    /// A bridge: an event that one service sent another names both.
    Bridge,
    /// It names an instance, port, volume, … of this request while the request ran.
    Entity,
    /// A notification whose context or payload names the request or its resource.
    Notification,
    /// Another request on the same resource, which this one depends on.
    Predecessor,
    /// Near in time on a host that the request touched: inferred.
    Nearby,
}

/// A stretch of work by one program on one host for one call.
#[derive(Clone, Debug)]
pub struct Span {
    pub parent: Option<usize>,
    pub service: String,
    pub host: Option<String>,
    /// The local request id of the call.
    pub call: Option<Id>,
    /// `POST /v2.0/ports`, `boot on compute-03`; the daemon's name when nothing better is known.
    pub name: String,
    pub time: TimeRange,
    pub failed: bool,
}

/// One try of one instance on one host.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub instance: Option<Id>,
    pub host: String,
    pub time: TimeRange,
    pub outcome: Outcome,
}
