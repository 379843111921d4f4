//! Lines of one machine, kept until a central Culprit (or any OTLP/HTTP collector) has stored them.
//!
//! [`Agent`] takes what live sources hand over. Lines are numbered (`numbering`), gathered for a moment (`gather`), masked
//! ([`Mask`]), encoded and compressed once (`encode`), and written to a bounded buffer on disk (`spool`); from there they are sent,
//! one request after the other (`send`).
//!
//! Invariant: what was taken is on the disk, together with what its source needs to go on after it, before anybody is
//! told so or anything of it is sent. A line is sent again and again under the same number until it is acknowledged.

mod settings;

mod agent;

mod numbering;
mod states;

mod encode;
mod gather;
mod gzip;
mod mask;

mod spool;

mod connection;
mod pauses;
mod send;
mod tls;

mod error;
mod status;

pub use agent::Agent;
pub use error::{AgentError, Answer, SendError, SpoolError};
pub use mask::Mask;
pub use settings::{AgentSettings, Central, CentralUrl, Cut, Retry, SpoolSettings, Token};
pub use spool::Holder;
pub use status::{AgentStatus, Report};
