//! Counts over time, one a row.

use serde::Serialize;

use super::verdict::rfc_3339;
use super::{row, rows};
use crate::engine::Counted;
use crate::exit::Failure;

#[derive(Serialize)]
struct CountRow<'a> {
    time: Option<String>,
    key: Option<&'a str>,
    count: u64,
}

/// What is older was not counted.
#[derive(Serialize)]
struct PartialRow {
    record: &'static str,
    counted_from: Option<String>,
}

pub(crate) fn counts(counted: &Counted) -> Result<String, Failure> {
    let mut text = rows(counted.counts.iter().map(|count| CountRow {
        time: rfc_3339(Some(count.time)),
        key: count.key.as_deref(),
        count: count.count,
    }))?;
    if let Some(from) = counted.from {
        text.push_str(&row(&PartialRow { record: "partial", counted_from: rfc_3339(Some(from)) })?);
    }
    Ok(text)
}
