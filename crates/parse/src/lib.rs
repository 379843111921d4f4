//! Log formats and knowledge: lines become events.
//!
//! Two looks at a line. The first ([`Annotator`], one per source, keeps state) tells its format, time, severity and
//! which line it continues: enough to store it. The second ([`Knowledge::event`], pure) derives the whole [`model::Event`]
//! from the lines of one event; it runs when a line is read back, so a better grammar improves old logs too.
//!
//! Invariant: parsing is total. Odd input becomes a [`model::Defect`], never an error, and no byte is dropped.

mod annotator;
mod clock;
mod mask;
mod open_heads;

mod event;
mod exception;

mod format;
mod header;
mod template;
mod text;

mod knowledge;

mod derive;

pub use annotator::Annotator;
pub use clock::Zone;
pub use derive::{signature_id, told_failure};
pub use knowledge::{Action, Daemon, FilterError, Finding, Glance, Knowledge, MessageLink, NamedIds};
pub use mask::Masker;
pub use template::{template, template_text};

/// The header parser of oslo.log alone, for the benchmark: whether the line is one of its.
#[doc(hidden)]
#[must_use]
pub fn bench_header(line: &str) -> bool {
    std::hint::black_box(format::oslo::read(line)).is_some()
}
