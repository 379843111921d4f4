//! Answers for people: one file an answer. Values in, text out; what it is printed on is a [`Layout`].

pub(crate) mod screen;
pub(crate) mod style;
pub(crate) mod words;

pub(crate) mod config;
pub(crate) mod count;
pub(crate) mod doctor;
pub(crate) mod errors;
pub(crate) mod filters;
pub(crate) mod import;
pub(crate) mod lines;
pub(crate) mod news;
pub(crate) mod requests;
pub(crate) mod trace;
pub(crate) mod up;
pub(crate) mod why;

pub(crate) use screen::{Layout, Row, Screen};
