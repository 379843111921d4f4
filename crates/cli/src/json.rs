//! Answers for programs. The shapes here are promises: fields are added, never renamed. Names are those of OpenTelemetry
//! where it has one; times are RFC 3339 in UTC, or nanoseconds since 1970 as text (they do not fit a JSON number).

mod config;
mod count;
mod errors;
mod filters;
mod health;
mod import;
mod news;
mod passage;
mod request;
mod trace;
mod verdict;

use serde::Serialize;

pub(crate) use config::config;
pub(crate) use count::counts;
pub(crate) use errors::patterns;
pub(crate) use filters::filters;
pub(crate) use health::{dropped, health};
pub(crate) use import::import;
pub(crate) use news::news;
pub(crate) use passage::{found, passages};
pub(crate) use request::requests;
pub(crate) use trace::trace;
pub(crate) use verdict::{not_found, why};

use crate::exit::Failure;
use crate::render::screen::is_hidden;

/// One object in one row. JSON leaves some characters as they are that a terminal acts on; these are spelled out too.
pub(crate) fn row(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value)?;
    let mut row = String::with_capacity(text.len() + 1);
    for letter in text.chars() {
        if is_hidden(letter) {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                row.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            row.push(letter);
        }
    }
    row.push('\n');
    Ok(row)
}

pub(crate) fn rows<T: Serialize>(values: impl IntoIterator<Item = T>) -> Result<String, Failure> {
    values.into_iter().map(|value| row(&value)).collect()
}

/// Two digits are what is known.
fn rounded(number: f32) -> f64 {
    (f64::from(number) * 1000.0).round() / 1000.0
}

/// `bad_binding` for `BadBinding`.
fn snake_case(camel: &str) -> String {
    let mut name = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
