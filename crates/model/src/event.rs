use std::sync::Arc;

use crate::{Id, Mention, Severity, Signature, Source, TemplateId, Timestamp};

/// One thing a program said: a head line, and the lines that continue it.
#[derive(Clone, Debug, Default)]
pub struct Event {
    pub source: Arc<Source>,
    /// Of the head line, 1-based.
    pub line: u64,
    /// Of the last line; `line` for most events.
    pub end_line: u64,
    /// The name of the format, as `parse` knows it.
    pub format: &'static str,
    pub timestamp: Option<Timestamp>,
    pub severity: Severity,
    /// `host.name`: what the line says, else what its source says.
    pub host: Option<String>,
    /// `service.namespace`: `nova`.
    pub service: Option<String>,
    /// `service.name`: `nova-compute`.
    pub daemon: Option<String>,
    /// How deep in the call chain the daemon stands: 0 is the user, 100 the hardware. 0 when unknown.
    pub tier: u8,
    pub process: Option<u32>,
    /// `nova.compute.manager`
    pub logger: Option<String>,
    pub context: Context,
    /// Every id in head and body, typed as far as the words around it tell; in order, without repeats.
    pub mentions: Vec<Mention>,
    /// The message of the head line (OpenTelemetry's `Body`).
    pub body: String,
    /// What the body says besides ids, numbers and names, and who says it.
    pub template: TemplateId,
    /// The lines that continue the head, without their repeated prefixes.
    pub detail: Vec<String>,
    /// Outermost first; the last is the innermost exception of the chain.
    pub exceptions: Vec<Exception>,
    pub exchange: Option<Exchange>,
    pub notification: Option<Notification>,
    /// Every signature that fits, causes before wrappers.
    pub signatures: Vec<SignatureMatch>,
    pub defects: Vec<Defect>,
}

/// The bracket of an oslo.log line: for whom the program was working.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Context {
    /// The request id that this service gave the call (or adopted, as glance does).
    pub request: Option<Id>,
    /// The request id that came with the call (`global_request_id`).
    pub global: Option<Id>,
    pub user: Option<String>,
    pub project: Option<String>,
    /// A request id without any identity belongs to a process, not to a request: never join through it.
    pub anonymous: bool,
}

/// One link of an exception chain: `nova.exception.NoMoreFixedIps: No fixed IP addresses available …`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    pub class: String,
    pub message: String,
    /// It only says that something inside failed: a known wrapper.
    pub hollow: bool,
}

/// A request and its answer, from an access line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exchange {
    pub method: String,
    /// With the query string.
    pub target: String,
    pub status: Option<u16>,
    pub seconds: Option<f64>,
    pub client: Option<String>,
    /// What a user asked for with it (`boot`); none for polling and for calls between services.
    pub action: Option<String>,
}

impl Exchange {
    /// Whether it asked for a change.
    #[must_use]
    pub fn changes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    #[must_use]
    pub fn failed(&self) -> bool {
        self.status.is_some_and(|status| status >= 400)
    }
}

/// The envelope of an oslo notification; what it carries is in the event's other fields.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Notification {
    pub message_id: String,
    /// `compute.instance.create.error`, `instance.create.error`
    pub event_type: String,
    /// `compute.host1`, `nova-compute:host1`
    pub publisher: String,
    /// The state that the payload reports: `active`, `error`, ….
    pub state: Option<String>,
}

#[derive(Clone, Debug)]
pub struct SignatureMatch {
    pub signature: Arc<Signature>,
    /// What the placeholders of the pattern held, for the remedy's text.
    pub captures: Vec<(String, String)>,
    /// Where the match begins in `body`; 0 when it matched in the detail lines or an exception.
    pub at: usize,
}

/// What is odd about a line. Odd input is data: the line is kept all the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Defect {
    /// No format fits; kept as a plain line.
    UnknownFormat,
    /// Not UTF-8; shown with replacement characters.
    BadEncoding,
    /// Longer than the limit; the rest was cut off.
    TooLong,
    /// The date is missing or impossible.
    BadTimestamp,
    /// A structured line (JSON, notification) that does not hold what its format promises.
    Malformed,
    /// A line that continues an event whose head was never seen.
    Orphan,
}

impl Defect {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UnknownFormat => "unknown format",
            Self::BadEncoding => "not UTF-8",
            Self::TooLong => "line too long, cut",
            Self::BadTimestamp => "unreadable time",
            Self::Malformed => "malformed",
            Self::Orphan => "continuation without a head",
        }
    }
}
