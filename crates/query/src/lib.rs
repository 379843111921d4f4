//! The query language and the answers.
//!
//! [`Engine`] opens a store and answers: why, trace, lines, search, requests. Nothing here writes.

mod grammar;
mod language;
mod moment;

pub use grammar::parse;
pub use language::{Comparison, Expression, Field, QueryError};
pub use moment::moment;
