//! A record of OTLP as one of [`crate::shipped`].

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Source;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::{Map, Value};

use crate::shipped::{Body, Record, Severity, Time};

/// Longer ones are not decoded as a whole: what is decoded can be thirty times as large.
pub(super) const MOST_RECORD: usize = 256 << 10;

/// A resource, as our agent's lines and as others' records need it.
#[derive(Default)]
pub(super) struct Sender {
    pub(super) source: Source,
    /// The logger of the records to come.
    pub(super) scope: String,
    attributes: Arc<Map<String, Value>>,
}

impl Sender {
    pub(super) fn new(resource: Resource) -> Self {
        let attributes = map(resource.attributes);
        let text = |name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);
        let source = Source {
            path: text("log.file.path").unwrap_or_default(),
            host: text("host.name"),
            service: text("service.namespace"),
            daemon: text("service.name"),
        };
        Self { source, scope: String::new(), attributes: Arc::new(attributes) }
    }
}

pub(super) fn from_otlp(record: LogRecord, sender: &Sender) -> Record {
    let body = match record.body.and_then(|body| body.value) {
        Some(Any::StringValue(text)) => Body::Text(text.into_bytes()),
        Some(Any::BytesValue(text)) => Body::Text(text),
        Some(Any::KvlistValue(list)) => Body::Fields(map(list.values)),
        Some(other) => Body::Other(json(Some(other))),
        None => Body::default(),
    };
    Record {
        time: if record.time_unix_nano == 0 { Time::Unknown } else { Time::Event(record.time_unix_nano) },
        observed: match record.observed_time_unix_nano {
            0 => Time::Unknown,
            nanos => Time::Stamped(nanos),
        },
        severity: Severity { number: record.severity_number, text: record.severity_text },
        body,
        scope: sender.scope.clone(),
        attributes: map(record.attributes),
        resource: Arc::clone(&sender.attributes),
        trace_id: hex(&record.trace_id),
        span_id: hex(&record.span_id),
    }
}

fn map(list: Vec<KeyValue>) -> Map<String, Value> {
    list.into_iter().map(|pair| (pair.key, json(pair.value.and_then(|value| value.value)))).collect()
}

fn json(value: Option<Any>) -> Value {
    match value {
        Some(Any::StringValue(text)) => Value::String(text),
        Some(Any::BoolValue(value)) => Value::Bool(value),
        Some(Any::IntValue(value)) => Value::from(value),
        Some(Any::DoubleValue(value)) => Value::from(value),
        Some(Any::BytesValue(bytes)) => Value::String(STANDARD.encode(bytes)),
        Some(Any::ArrayValue(list)) => {
            list.values.into_iter().map(|AnyValue { value }| json(value)).collect()
        }
        Some(Any::KvlistValue(list)) => Value::Object(map(list.values)),
        // Of a dictionary that only profiles have.
        Some(Any::StringValueStrindex(_)) | None => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    match bytes.iter().any(|byte| *byte != 0) {
        true => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        false => String::new(),
    }
}
