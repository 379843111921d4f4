//! The words every stage speaks. No I/O, no serialisation, no dependencies.
//!
//! A [`Line`] is read from a [`Source`]; one or more lines become an [`Event`]; events that belong to one request
//! become a [`Trace`]; a trace is judged and becomes a [`Verdict`]. Read [`Event`] first.
//!
//! Invariant: nothing here knows where bytes come from or where answers go; every id is a value that two stages can
//! compare without asking a third.

mod field_names;
mod id;
mod line;
mod severity;
mod source;
mod template;
mod time;

mod event;
mod signature;

mod summary;
mod trace;
mod verdict;

pub use event::{Context, Defect, Event, Exception, Exchange, Notification, SignatureMatch};
pub use field_names::FieldNames;
pub use id::{Id, IdKind, Mention, ScannedId, Uuid, id_at, scan_ids};
pub use line::{Annotation, Line};
pub use severity::Severity;
pub use signature::{Mark, Role, Scope, Signature};
pub use source::Source;
pub use summary::{State, Summary};
pub use template::{SignatureId, TemplateId};
pub use time::{TimeRange, Timestamp};
pub use trace::{Attempt, Entry, Link, LinkKind, Outcome, Request, Span, Trace};
pub use verdict::{Candidate, Missing, Reason, Step, Verdict};
