//! The query language and the answers.
//!
//! [`Engine`] opens a store and answers: why, trace, lines, search, requests. Nothing here writes.
