//! A trace as OpenTelemetry names it: first the trace, then its spans, then its entries.

use correlate::Case;
use model::{Entry, Id, Span, Trace, Verdict};
use serde::Serialize;

use super::passage::{LogRecord, nanos};
use super::row;
use super::verdict::{LinkPart, RequestPart};
use crate::exit::Failure;
use crate::render::words;

#[derive(Serialize)]
struct TraceRow<'a> {
    record: &'static str,
    trace_id: String,
    outcome: &'static str,
    request: RequestPart<'a>,
    start_time_unix_nano: Option<String>,
    end_time_unix_nano: Option<String>,
    spans: usize,
    entries: usize,
    cause: Option<CausePlace<'a>>,
}

#[derive(Serialize)]
struct CausePlace<'a> {
    span_id: Option<String>,
    file: &'a str,
    line: u64,
    slug: Option<&'a str>,
}

#[derive(Serialize)]
struct SpanRow<'a> {
    record: &'static str,
    trace_id: String,
    span_id: String,
    parent_span_id: Option<String>,
    name: &'a str,
    #[serde(rename = "service.name")]
    service_name: &'a str,
    #[serde(rename = "host.name")]
    host_name: Option<&'a str>,
    request_id: Option<String>,
    start_time_unix_nano: Option<String>,
    end_time_unix_nano: Option<String>,
    status: &'static str,
}

#[derive(Serialize)]
struct EntryRow<'a> {
    record: &'static str,
    trace_id: String,
    span_id: Option<String>,
    link: LinkPart,
    #[serde(flatten)]
    log: LogRecord<'a>,
}

pub(crate) fn trace(case: &Case) -> Result<String, Failure> {
    let trace = &case.trace;
    let ids = Ids::of(trace);
    let mut text = row(&TraceRow::new(trace, &case.verdict, &ids))?;
    for span in &trace.spans {
        text.push_str(&row(&SpanRow::new(span, trace, &ids))?);
    }
    for entry in &trace.entries {
        text.push_str(&row(&EntryRow::new(entry, trace, &ids))?);
    }
    Ok(text)
}

/// The same trace gets the same ids in every run.
struct Ids {
    trace: u128,
}

impl Ids {
    fn of(trace: &Trace) -> Self {
        let resource = trace.request.resources.first().map(|mention| &mention.id);
        let trace = match trace.request.id.as_ref().or(resource) {
            Some(Id::Uuid(uuid)) => uuid.as_u128(),
            Some(name) => u128::from(name.stable_hash()),
            None => 0,
        };
        Self { trace }
    }

    fn trace(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// A program on a host has one span for a call, so these three name it.
    fn span(&self, span: &Span) -> String {
        let call = span.call.as_ref().map(ToString::to_string).unwrap_or_default();
        let host = span.host.as_deref().unwrap_or_default();
        let name = format!("{:032x}\0{}\0{host}\0{call}", self.trace, span.service);
        format!("{:016x}", Id::Name(name.into()).stable_hash())
    }
}

impl<'a> TraceRow<'a> {
    fn new(trace: &'a Trace, verdict: &'a Verdict, ids: &Ids) -> Self {
        let cause = verdict.cause().map(|cause| {
            let entry = trace.entries.iter().find(|entry| std::sync::Arc::ptr_eq(&entry.event, &cause.event));
            CausePlace {
                span_id: entry.and_then(|entry| trace.spans.get(entry.span)).map(|span| ids.span(span)),
                file: &cause.event.source.path,
                line: cause.event.line,
                slug: cause.signature.as_ref().map(|signature| signature.slug.as_str()),
            }
        });
        Self {
            record: "trace",
            trace_id: ids.trace(),
            outcome: words::outcome(trace.outcome),
            request: RequestPart::new(&trace.request, trace.time),
            start_time_unix_nano: nanos(Some(trace.time.start)),
            end_time_unix_nano: nanos(Some(trace.time.end)),
            spans: trace.spans.len(),
            entries: trace.entries.len(),
            cause,
        }
    }
}

impl<'a> SpanRow<'a> {
    fn new(span: &'a Span, trace: &Trace, ids: &Ids) -> Self {
        Self {
            record: "span",
            trace_id: ids.trace(),
            span_id: ids.span(span),
            parent_span_id: span
                .parent
                .and_then(|parent| trace.spans.get(parent))
                .map(|parent| ids.span(parent)),
            name: &span.name,
            service_name: &span.service,
            host_name: span.host.as_deref(),
            request_id: span.call.as_ref().map(words::request_id),
            start_time_unix_nano: nanos(Some(span.time.start)),
            end_time_unix_nano: nanos(Some(span.time.end)),
            status: if span.failed { "error" } else { "unset" },
        }
    }
}

impl<'a> EntryRow<'a> {
    fn new(entry: &'a Entry, trace: &Trace, ids: &Ids) -> Self {
        Self {
            record: "entry",
            trace_id: ids.trace(),
            span_id: trace.spans.get(entry.span).map(|span| ids.span(span)),
            link: LinkPart::of(entry),
            log: LogRecord::of_event(&entry.event),
        }
    }
}
