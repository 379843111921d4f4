//! What ties events together, and which of them is the cause.
//!
//! [`judge`] is the whole of it: an id and an [`Evidence`] go in, a [`Case`] comes out. It resolves the id to a request,
//! gathers the request's events (`gather`), tells how the request ended (`outcome`), orders them into spans and attempts
//! (`spans`) and weighs every line as a cause (`decide`). A query over the store and the live [`Correlator`] run this very code;
//! they differ in the evidence they bring.
//!
//! Invariant: no clock, no disk, no async, and the order in which events arrived changes nothing.

mod evidence;
mod memory;

mod gather;
mod outcome;
mod resolve;
mod spans;

mod baseline;
mod decide;
mod story;

mod judge;

mod incidents;
mod opening;
mod stream;

pub mod notes;

#[cfg(test)]
mod tests;

pub use baseline::Baseline;
pub use evidence::Evidence;
pub use incidents::{Incident, IncidentRule, Incidents, News};
pub use judge::{Answer, Case, belonging, judge, judge_briefly, judge_request};
pub use memory::Memory;
pub use opening::opens;
pub use resolve::requests_of;
pub use stream::{Correlator, Limits};
