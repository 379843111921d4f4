//! The store: lines, words and ids on disk.
//!
//! Lines are kept as they were written, in compressed *blocks* of up to 256 consecutive lines of one source. Blocks
//! are gathered in immutable *segments*; each has an inverted index of the words of its blocks (tantivy) and a sorted
//! table of the ids in them. Read [`Writer`], then [`Reader`]; `segment` shows what lies on the disk:
//!
//! ```text
//! manifest                  what is committed: segments, sources, checkpoints, summary files
//! lock                      held by the one writer
//! segments/7/lines          blocks, compressed
//! segments/7/directory      where each block lies, its source, times and levels; checksums
//! segments/7/ids            (hash of an id, block), sorted
//! segments/7/words/         tantivy: one document a block
//! summaries/3               key, value, key, value, …
//! ```
//!
//! Invariant: the manifest is the only commit point. It is replaced by renaming; what it does not name does not exist.

mod query;
mod reader;
mod writer;

mod manifest;

mod block;
mod segment;

mod ids;
mod words;

mod codec;
mod error;

pub use error::{Damage, StoreError};
pub use manifest::{Checkpoint, SourceId};
pub use query::{Field, Query};
pub use reader::{Reader, Stats, StoredEvent};
pub use words::stamp_length;
pub use writer::{Options, Writer};
