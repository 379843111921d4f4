//! Lines as OpenTelemetry log records.

use model::{Event, Id, Severity, Timestamp};
use serde::Serialize;

use super::{row, rows};
use crate::engine::{Found, Passage};
use crate::exit::Failure;

#[derive(Serialize)]
pub(super) struct LogRecord<'a> {
    time_unix_nano: Option<String>,
    severity_number: u8,
    severity_text: &'static str,
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    resource: Resource<'a>,
    attributes: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<bool>,
    /// `--after` goes on behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// The last row when time ran out.
#[derive(Serialize)]
struct PartialRow {
    record: &'static str,
    after: String,
}

#[derive(Serialize)]
pub(super) struct Resource<'a> {
    #[serde(rename = "service.name")]
    service_name: Option<&'a str>,
    #[serde(rename = "service.namespace")]
    service_namespace: Option<&'a str>,
    #[serde(rename = "host.name")]
    host_name: Option<&'a str>,
}

#[derive(Serialize)]
struct Attributes {
    #[serde(rename = "log.file.path")]
    path: String,
    #[serde(rename = "log.file.line")]
    line: u64,
    #[serde(rename = "log.record.original", skip_serializing_if = "Option::is_none")]
    original: Option<String>,
}

pub(crate) fn passages(passages: &[Passage]) -> Result<String, Failure> {
    rows(passages.iter().map(LogRecord::of_passage))
}

/// A page of a search.
pub(crate) fn found(found: &Found) -> Result<String, Failure> {
    let mut text = rows(found.passages.iter().map(|passage| LogRecord {
        cursor: Some(passage.cursor.to_string()),
        ..LogRecord::of_passage(passage)
    }))?;
    if let Some(next) = found.next.filter(|_| found.partial) {
        text.push_str(&row(&PartialRow { record: "partial", after: next.to_string() })?);
    }
    Ok(text)
}

impl<'a> LogRecord<'a> {
    fn of_passage(passage: &'a Passage) -> Self {
        let original: Vec<&str> = passage.lines.iter().map(|(_, line)| line.as_str()).collect();
        Self {
            time_unix_nano: nanos(passage.timestamp),
            severity_number: passage.severity.number(),
            severity_text: severity_text(passage.severity),
            body: &passage.body,
            trace_id: passage.request.as_ref().and_then(hex),
            resource: Resource {
                service_name: passage.daemon.as_deref(),
                service_namespace: passage.service.as_deref(),
                host_name: passage.host.as_deref(),
            },
            attributes: Attributes {
                path: passage.path.clone(),
                line: passage.line,
                original: Some(original.join("\n")),
            },
            matched: Some(passage.matched),
            cursor: None,
        }
    }

    pub(super) fn of_event(event: &'a Event) -> Self {
        Self {
            time_unix_nano: nanos(event.timestamp),
            severity_number: event.severity.number(),
            severity_text: severity_text(event.severity),
            body: &event.body,
            trace_id: None,
            resource: Resource {
                service_name: event.daemon.as_deref(),
                service_namespace: event.service.as_deref(),
                host_name: event.host.as_deref(),
            },
            attributes: Attributes { path: event.source.path.clone(), line: event.line, original: None },
            matched: None,
            cursor: None,
        }
    }
}

/// A request id's UUID is the trace id.
fn hex(id: &Id) -> Option<String> {
    id.uuid().map(|uuid| format!("{:032x}", uuid.as_u128()))
}

/// OpenTelemetry leaves the text empty when the line names no level.
const fn severity_text(severity: Severity) -> &'static str {
    match severity {
        Severity::Unspecified => "",
        severity => severity.name(),
    }
}

pub(super) fn nanos(at: Option<Timestamp>) -> Option<String> {
    at.filter(|at| *at != Timestamp::MIN).map(|at| at.nanos().to_string())
}
