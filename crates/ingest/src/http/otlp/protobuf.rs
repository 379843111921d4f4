//! A request as protobuf. It is walked through and decoded a record at a time: a body of empty records, each two bytes
//! long, would be a hundred times as large when decoded at once.

use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::Intake;
use super::record::MOST_RECORD;
use crate::http::refusal::Refusal;
use crate::http::wire::{part, parts};

/// Numbers of fields.
mod field {
    pub(super) const RESOURCE_LOGS: u64 = 1;
    pub(super) const RESOURCE: u64 = 1;
    pub(super) const SCOPE_LOGS: u64 = 2;
    pub(super) const SCOPE: u64 = 1;
    pub(super) const NAME: u64 = 1;
    pub(super) const LOG_RECORDS: u64 = 2;
    pub(super) const BODY: u64 = 5;
    pub(super) const ATTRIBUTES: u64 = 6;
    pub(super) const STRING_VALUE: u64 = 1;
}

pub(super) fn read(text: &[u8], max_line: usize, intake: &mut Intake<'_>) -> Result<(), Refusal> {
    for resource_logs in parts(text, field::RESOURCE_LOGS) {
        let resource_logs = resource_logs?;
        intake.resource(resource(resource_logs)?);
        for scope_logs in parts(resource_logs, field::SCOPE_LOGS) {
            let scope_logs = scope_logs?;
            let scope = part(scope_logs, field::SCOPE)?.unwrap_or_default();
            let name = part(scope, field::NAME)?.unwrap_or_default();
            intake.scope(&String::from_utf8_lossy(name));
            for record in parts(scope_logs, field::LOG_RECORDS) {
                intake.record(log_record(record?, max_line))?;
            }
        }
    }
    Ok(())
}

fn resource(resource_logs: &[u8]) -> Result<Resource, Refusal> {
    let Some(resource) = parts(resource_logs, field::RESOURCE).next() else {
        return Ok(Resource::default());
    };
    let resource = resource?;
    if resource.len() > MOST_RECORD {
        return Err(Refusal::Malformed(format!("a resource is longer than {MOST_RECORD} bytes")));
    }
    Resource::decode(resource).map_err(|error| Refusal::Malformed(error.to_string()))
}

fn log_record(bytes: &[u8], max_line: usize) -> Result<LogRecord, String> {
    if bytes.len() <= MOST_RECORD {
        return LogRecord::decode(bytes).map_err(|error| error.to_string());
    }
    huge(bytes, max_line).map_err(|refusal| refusal.to_string())
}

/// The beginning of its body, which is cut later, and its small attributes.
fn huge(bytes: &[u8], max_line: usize) -> Result<LogRecord, Refusal> {
    const MOST_ATTRIBUTES: usize = 64 << 10;
    let nothing = || Refusal::Malformed(format!("a record is longer than {MOST_RECORD} bytes, and no text"));
    let body = parts(bytes, field::BODY).next().ok_or_else(nothing)??;
    let text = parts(body, field::STRING_VALUE).next().ok_or_else(nothing)??;
    // One more than fits: so it is seen to be cut.
    let beginning = text.get(..text.len().min(max_line + 1)).unwrap_or(text);
    let body = AnyValue { value: Some(Value::BytesValue(beginning.to_vec())) };
    let mut record = LogRecord { body: Some(body), ..LogRecord::default() };
    let mut room = MOST_ATTRIBUTES;
    for attribute in parts(bytes, field::ATTRIBUTES) {
        let attribute = attribute?;
        let Some(left) = room.checked_sub(attribute.len() + size_of::<AnyValue>()) else { break };
        room = left;
        let attribute = opentelemetry_proto::tonic::common::v1::KeyValue::decode(attribute);
        record.attributes.extend(attribute.ok());
    }
    Ok(record)
}
