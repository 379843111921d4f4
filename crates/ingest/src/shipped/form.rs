//! Which line is stored for a record.
//!
//! The program's own line, when a shipper only carried it from its file. The record itself, when it is one that programs
//! write as JSON. Otherwise one line of JSON with the parts of the OpenTelemetry log data model, which `parse` reads.

use model::{FieldNames, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use super::fields::{field, find};
use super::{Body, Record, Time};
use crate::line_splitter::{LineSplitter, Piece};

/// The record as a line.
#[derive(Serialize)]
struct LogRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_timestamp: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    severity_text: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    severity_number: i32,
    body: Value,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    span_id: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    attributes: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    resource: &'a Map<String, Value>,
}

/// None is empty: a record always comes to one line at least.
pub(super) fn lines(record: Record, has_path: bool, names: &FieldNames, max_line: usize) -> Vec<Piece> {
    if has_path && let Some(own) = own_lines(&record, names) {
        return split(own, max_line);
    }
    let whole = match &record.body {
        Body::Fields(fields) => whole(fields, &record, names),
        _ => None,
    };
    let json = whole.unwrap_or_else(|| log_record(record, names, max_line));
    split(json.as_bytes(), max_line)
}

/// What the program wrote, when that is all there is to know.
fn own_lines<'a>(record: &'a Record, names: &FieldNames) -> Option<&'a [u8]> {
    let told_apart = matches!(record.time, Time::Event(_))
        || record.severity.number != 0
        || !record.severity.text.is_empty()
        || !record.trace_id.is_empty();
    if told_apart {
        return None;
    }
    match &record.body {
        Body::Text(text) => Some(text),
        Body::Fields(fields) => {
            let taken_apart = fields.keys().any(|field| !names.is_carrier(field))
                || names.levels.iter().any(|level| field(fields, level).is_some());
            find(fields, &names.lines).filter(|_| !taken_apart).map(str::as_bytes)
        }
        Body::Other(_) => None,
    }
}

/// The record as it is, with the time that its shipper took out of it.
fn whole(fields: &Map<String, Value>, record: &Record, names: &FieldNames) -> Option<String> {
    let is_whole = names.whole.iter().any(|known| known.iter().all(|field| fields.contains_key(field)));
    if !is_whole {
        return None;
    }
    let has_time = names.times.iter().any(|time| fields.contains_key(time));
    match (has_time, written(&record.time), names.times.first()) {
        (false, Some(time), Some(name)) => {
            let mut fields = fields.clone();
            fields.insert(name.clone(), Value::String(time));
            serde_json::to_string(&fields).ok()
        }
        _ => serde_json::to_string(fields).ok(),
    }
}

fn log_record(mut record: Record, names: &FieldNames, max_line: usize) -> String {
    // Half of it, so that escapes and the rest find room.
    let most_body = max_line / 2;
    let body = match std::mem::take(&mut record.body) {
        Body::Text(text) => Value::String(shortened(String::from_utf8_lossy(&text).into_owned(), most_body)),
        Body::Fields(fields) => taken_apart(fields, &mut record, names),
        Body::Other(value) => value,
    };
    let body = match body {
        Value::String(text) => Value::String(shortened(text, most_body)),
        other => other,
    };
    let none = Map::new();
    let mut line = LogRecord {
        timestamp: written(&record.time),
        observed_timestamp: written(&record.observed),
        severity_text: &record.severity.text,
        severity_number: record.severity.number,
        body,
        scope: &record.scope,
        trace_id: &record.trace_id,
        span_id: &record.span_id,
        attributes: &record.attributes,
        resource: &record.resource,
    };
    let json = to_json(&line);
    if json.len() <= max_line {
        return json;
    }
    // Nobody could read half of it.
    line.resource = &none;
    let json = to_json(&line);
    if json.len() <= max_line {
        return json;
    }
    line.attributes = &none;
    to_json(&line)
}

/// The fields under the names of the data model: what is left of them are attributes.
fn taken_apart(mut fields: Map<String, Value>, record: &mut Record, names: &FieldNames) -> Value {
    take_time(&mut fields, record, names);
    let line = names.lines.iter().find(|name| fields.get(*name).is_some_and(Value::is_string));
    let Some(line) = line else { return Value::Object(fields) };
    let body = fields.remove(line).unwrap_or_default();
    if record.severity.text.is_empty()
        && let Some(level) = find(&fields, &names.levels)
    {
        record.severity.text = level.to_owned();
    }
    for (name, value) in fields {
        record.attributes.entry(name).or_insert(value);
    }
    body
}

/// The time that the program wrote is better than the one at which its line was read.
fn take_time(fields: &mut Map<String, Value>, record: &mut Record, names: &FieldNames) {
    let is_date = |text: &str| text.len() >= 10 && text.starts_with(|c: char| c.is_ascii_digit());
    let is_time = |name: &&String| find(fields, std::slice::from_ref(*name)).is_some_and(is_date);
    let Some(name) = names.times.iter().find(is_time) else { return };
    if let Some(Value::String(time)) = fields.remove(name) {
        let stamped = std::mem::replace(&mut record.time, Time::Written(time));
        if record.observed == Time::Unknown {
            record.observed = stamped;
        }
    }
}

fn to_json(line: &LogRecord<'_>) -> String {
    serde_json::to_string(line).expect("texts, numbers and maps of these are JSON")
}

/// RFC 3339. Times that nobody has are kept as they were told.
fn written(time: &Time) -> Option<String> {
    let nanos = match time {
        Time::Unknown => return None,
        Time::Written(text) => return Some(text.clone()),
        Time::Event(nanos) | Time::Stamped(nanos) => nanos,
    };
    Some(match i64::try_from(*nanos) {
        Ok(nanos) => Timestamp::from_nanos(nanos).to_string(),
        Err(_) => nanos.to_string(),
    })
}

fn shortened(mut text: String, most: usize) -> String {
    const MARK: &str = " [cut]";
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str(MARK);
    }
    text
}

/// Lines, with what their text goes on in.
pub(super) fn split(text: &[u8], max_line: usize) -> Vec<Piece> {
    let mut splitter = LineSplitter::new(max_line);
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (taken, piece) = splitter.push(rest);
        pieces.extend(piece);
        rest = rest.get(taken..).unwrap_or_default();
    }
    pieces.extend(splitter.finish());
    if pieces.is_empty() {
        pieces.push(Piece { text: Vec::new(), cut: false, begins: true });
    }
    pieces
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_zero(number: &i32) -> bool {
    *number == 0
}
