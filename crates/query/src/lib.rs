//! The query language and the answers.
//!
//! [`Engine`] opens a store and answers: [`Engine::judge`] (why, trace), [`Engine::lines`], [`Engine::search`],
//! [`Engine::requests`]. Nothing here writes.

mod engine;

mod evidence;
mod execute;

mod grammar;
mod language;
mod moment;

pub use engine::{Engine, Passage, RequestFilter};
pub use evidence::StoreEvidence;
pub use grammar::parse;
pub use language::{Comparison, Expression, Field, QueryError};
pub use moment::moment;
