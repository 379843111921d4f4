//! A request as JSON, decoded a record at a time as well.

use std::borrow::Cow;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::record::MOST_RECORD;
use super::{Intake, Status};
use crate::http::refusal::Refusal;

#[derive(Deserialize)]
struct Logs<'a> {
    #[serde(borrow, default, rename = "resourceLogs")]
    resource_logs: Option<Vec<ResourceLogs<'a>>>,
}

#[derive(Deserialize)]
struct ResourceLogs<'a> {
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "scopeLogs")]
    scope_logs: Option<Vec<ScopeLogs<'a>>>,
}

#[derive(Deserialize)]
struct ScopeLogs<'a> {
    #[serde(borrow, default)]
    scope: Option<Scope<'a>>,
    #[serde(borrow, default, rename = "logRecords")]
    log_records: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Scope<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
}

pub(super) fn read(text: &[u8], max_line: usize, intake: &mut Intake<'_>) -> Result<(), Refusal> {
    let malformed = |error: serde_json::Error| Refusal::Malformed(error.to_string());
    let logs: Logs<'_> = serde_json::from_slice(text).map_err(malformed)?;
    for resource_logs in logs.resource_logs.into_iter().flatten() {
        let resource = resource_logs.resource.map_or("{}", RawValue::get);
        if resource.len() > MOST_RECORD {
            return Err(Refusal::Malformed(format!("a resource is longer than {MOST_RECORD} bytes")));
        }
        let resource: Option<Resource> = serde_json::from_str(resource).map_err(malformed)?;
        intake.resource(resource.unwrap_or_default());
        for scope_logs in resource_logs.scope_logs.into_iter().flatten() {
            let name = scope_logs.scope.and_then(|scope| scope.name).unwrap_or_default();
            intake.scope(&name);
            for record in scope_logs.log_records.into_iter().flatten() {
                intake.record(log_record(record.get(), max_line).map_err(|error| error.to_string()))?;
            }
        }
    }
    Ok(())
}

fn log_record(json: &str, max_line: usize) -> Result<LogRecord, serde_json::Error> {
    if json.len() <= MOST_RECORD {
        return serde_json::from_str(json);
    }
    #[derive(Deserialize)]
    struct Huge {
        body: Text,
    }
    #[derive(Deserialize)]
    struct Text {
        #[serde(rename = "stringValue")]
        string_value: String,
    }
    let Huge { body: Text { string_value } } = serde_json::from_str(json)?;
    let mut bytes = string_value.into_bytes();
    // One more than fits: so it is seen to be cut.
    bytes.truncate(max_line + 1);
    let body = AnyValue { value: Some(Value::BytesValue(bytes)) };
    Ok(LogRecord { body: Some(body), ..LogRecord::default() })
}

pub(super) fn success(answer: &ExportLogsServiceResponse) -> Vec<u8> {
    let partial = answer.partial_success.as_ref().map(|partial| {
        json!({"partialSuccess": {
            "rejectedLogRecords": partial.rejected_log_records.to_string(),
            "errorMessage": partial.error_message,
        }})
    });
    partial.unwrap_or_else(|| json!({})).to_string().into_bytes()
}

pub(super) fn failure(status: &Status) -> Vec<u8> {
    json!({"code": status.code, "message": status.message}).to_string().into_bytes()
}
