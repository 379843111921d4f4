//! The store: lines, words and ids on disk.
//!
//! Lines are kept as they were written, in compressed *blocks* of consecutive lines of one source. Blocks are gathered
//! in immutable *segments*, each of one UTC day; segments are put together as they get many. Read [`Writer`], then
//! [`Reader`]; this lies on the disk:
//!
//! ```text
//! manifest                  what is committed: segments, sources, checkpoints, summary files; twice
//! lock                      held by the one writer
//! segments/7/blocks         compressed blocks; behind them
//!                             (hash of an id, block), sorted, in pages
//!                             how many events each minute had, by source, level, template, in chunks
//!                             tables: where each block lies, its source, lines, times and levels; twice
//!                             a footer: where all that begins; twice
//! segments/7/words/         tantivy: one document a block
//! summaries/3               key, value, key, value, …
//! ```
//!
//! Invariant: the manifest is the only commit point. It is replaced by renaming; what it does not name does not exist.

mod events;
mod histogram;
mod query;
mod reader;
mod search;
mod view;

mod finishing;
mod fresh;
mod writer;

mod compaction;
mod merge;
mod words_merge;

mod verify;

mod manifest;

mod block;
mod open_segment;
mod segment;
mod segment_writer;

mod counts;
mod directory;
mod footer;
mod ids;
mod table;
mod words;

mod codec;
mod error;

pub use error::{Damage, StoreError};
pub use fresh::Fresh;
pub use histogram::{CountFilter, Dimension, Pattern, Value};
pub use manifest::{Checkpoint, SourceId};
pub use query::{Field, Query};
pub use reader::{Near, Place, Reader, Stats, StoredEvent};
pub use search::{Cursor, Limits, Page};
pub use verify::{Holdings, holdings, verify};
pub use words::stamp_length;
pub use writer::{Dropped, Options, Writer, writer_of};
