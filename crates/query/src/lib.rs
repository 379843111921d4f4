//! The query language and the answers.
//!
//! [`Engine`] opens a store and answers: [`Engine::judge`] (why, trace), [`Engine::lines`], [`Engine::search`],
//! [`Engine::requests`], [`Engine::count`], [`Engine::errors`]; [`NewLines`] and [`NewVerdicts`] follow what a writer
//! commits. Nothing here writes.

mod engine;

mod count;
mod errors;
mod follow;
mod search;

mod evidence;
mod execute;

mod grammar;
mod language;
mod moment;
mod pattern;

pub use count::{Count, CountBy, CountQuestion, Counted};
pub use engine::{Engine, Passage, RequestCursor, RequestFilter, RequestPage};
pub use errors::{ErrorPattern, ErrorQuestion};
pub use evidence::{ParsedEvents, StoreEvidence};
pub use follow::{NewLines, NewVerdicts};
pub use grammar::parse;
pub use language::{Comparison, Expression, Field, Number, QueryError, Text};
pub use moment::moment;
pub use pattern::Pattern;
pub use search::{Found, Question};
