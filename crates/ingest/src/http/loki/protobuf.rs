use std::sync::Arc;

use serde_json::{Map, Value};

use super::labels::labels;
use super::{Entries, Entry, MOST_LABELS, too_long};
use crate::http::refusal::Refusal;
use crate::http::wire::{number, part, parts};

/// Numbers of fields.
mod field {
    pub(super) const STREAMS: u64 = 1;
    pub(super) const LABELS: u64 = 1;
    pub(super) const ENTRIES: u64 = 2;
    pub(super) const TIMESTAMP: u64 = 1;
    pub(super) const SECONDS: u64 = 1;
    pub(super) const NANOS: u64 = 2;
    pub(super) const LINE: u64 = 2;
    pub(super) const METADATA: u64 = 3;
    pub(super) const NAME: u64 = 1;
    pub(super) const VALUE: u64 = 2;
}

pub(super) fn read(text: &[u8], entries: &mut Entries<'_, '_>) -> Result<(), Refusal> {
    for stream in parts(text, field::STREAMS) {
        let stream = stream?;
        let written = part(stream, field::LABELS)?.unwrap_or_default();
        if written.len() > MOST_LABELS {
            return Err(too_long("labels"));
        }
        let written = String::from_utf8_lossy(written);
        let labels =
            labels(&written).ok_or_else(|| Refusal::Malformed(format!("{written:?} are no labels")))?;
        let labels = Arc::new(labels);
        for entry in parts(stream, field::ENTRIES) {
            let entry = entry?;
            let metadata = metadata(entry)?;
            let line = part(entry, field::LINE)?.unwrap_or_default();
            entries.take(&labels, Entry { time: time(entry)?, line, metadata })?;
        }
    }
    Ok(())
}

/// Seconds before 1970 are huge, and so is what comes of them.
fn time(entry: &[u8]) -> Result<u64, Refusal> {
    let timestamp = part(entry, field::TIMESTAMP)?.unwrap_or_default();
    let seconds = number(timestamp, field::SECONDS)?;
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(number(timestamp, field::NANOS)?))
}

fn metadata(entry: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let mut metadata = Map::new();
    let mut length = 0;
    for pair in parts(entry, field::METADATA) {
        let pair = pair?;
        length += pair.len() + size_of::<Value>();
        if length > MOST_LABELS {
            return Err(too_long("structured metadata"));
        }
        let text = |number| {
            let text = part(pair, number)?.unwrap_or_default();
            Ok::<_, Refusal>(String::from_utf8_lossy(text).into_owned())
        };
        metadata.insert(text(field::NAME)?, Value::String(text(field::VALUE)?));
    }
    Ok(metadata)
}
