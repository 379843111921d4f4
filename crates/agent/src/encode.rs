//! Lines as an OTLP request for logs.

use model::{Line, Source};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::gather::Run;

const SCOPE: &str = "culprit.agent";

/// `observed`: nanoseconds since 1970. Requests may be put one behind the other: that is how this encoding joins lists.
pub(crate) fn encode(runs: Vec<Run>, host: &str, observed: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for run in runs.into_iter().filter(|run| !run.lines.is_empty()) {
        let request = ExportLogsServiceRequest { resource_logs: vec![resource_logs(run, host, observed)] };
        request.encode(&mut out).expect("a vector has room");
    }
    out
}

fn resource_logs(run: Run, host: &str, observed: u64) -> ResourceLogs {
    let (text, mut sequence, cut) = (run.text.0, run.before, run.cut);
    let mut record = |line: Line| {
        let uid = format!("{text:032x}-{sequence:x}");
        sequence += 1;
        let is_cut = cut.binary_search(&line.number).is_ok();
        let number = i64::try_from(line.number).unwrap_or(i64::MAX);
        let mut attributes = vec![
            attribute("log.record.uid", Value::StringValue(uid)),
            attribute("culprit.line.number", Value::IntValue(number)),
        ];
        attributes.extend(is_cut.then(|| attribute("culprit.line.cut", Value::BoolValue(true))));
        let body = String::from_utf8(line.text)
            .map_or_else(|bytes| Value::BytesValue(bytes.into_bytes()), Value::StringValue);
        LogRecord {
            observed_time_unix_nano: observed,
            body: Some(AnyValue { value: Some(body) }),
            attributes,
            ..LogRecord::default()
        }
    };
    let log_records = run.lines.into_iter().map(&mut record).collect();
    let scope = InstrumentationScope {
        name: SCOPE.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() }];
    let resource = Resource { attributes: of_source(run.source, host), ..Resource::default() };
    ResourceLogs { resource: Some(resource), scope_logs, ..ResourceLogs::default() }
}

fn of_source(source: Source, host: &str) -> Vec<KeyValue> {
    let host = source.host.unwrap_or_else(|| host.to_owned());
    let named = [
        ("host.name", Some(host)),
        ("service.namespace", source.service),
        ("service.name", source.daemon),
        ("log.file.path", Some(source.path)),
    ];
    let known = named.into_iter().filter_map(|(key, value)| Some((key, value?)));
    known.map(|(key, value)| attribute(key, Value::StringValue(value))).collect()
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::TextName;

    fn run(text: u128, before: u64, lines: &[&[u8]], cut: &[u64]) -> Run {
        let source = Source { path: "/var/log/nova/nova-compute.log".into(), ..Source::default() };
        let lines = (41..).zip(lines).map(|(number, text)| Line { number, text: text.to_vec() }).collect();
        Run { source, text: TextName(text), before, lines, cut: cut.to_vec() }
    }

    #[test]
    fn lines_become_records() {
        let runs = vec![
            run(
                0xab,
                254,
                &["2026-11-21 03:31:34.568 18277 WARNING nova.network".as_bytes(), b"\xff\xfe"],
                &[42],
            ),
            run(1, 0, &[], &[]),
            run(2, 0, &[b""], &[]),
        ];
        let request = ExportLogsServiceRequest::decode(&encode(runs, "compute-02", 5)[..]).unwrap();
        let texts: Vec<&ResourceLogs> = request.resource_logs.iter().collect();
        assert_eq!(texts.len(), 2, "a text without lines is left out");
        let attributes = |of: &[KeyValue]| -> Vec<(String, Value)> {
            of.iter().map(|one| (one.key.clone(), one.value.clone().unwrap().value.unwrap())).collect()
        };
        let string = |text: &str| Value::StringValue(text.to_owned());
        assert_eq!(
            attributes(&texts[0].resource.as_ref().unwrap().attributes),
            [
                ("host.name".to_owned(), string("compute-02")),
                ("log.file.path".to_owned(), string("/var/log/nova/nova-compute.log")),
            ]
        );
        let records = &texts[0].scope_logs[0].log_records;
        let uid = "000000000000000000000000000000ab-";
        assert_eq!(
            attributes(&records[0].attributes),
            [
                ("log.record.uid".to_owned(), string(&format!("{uid}fe"))),
                ("culprit.line.number".to_owned(), Value::IntValue(41)),
            ]
        );
        assert_eq!(
            attributes(&records[1].attributes),
            [
                ("log.record.uid".to_owned(), string(&format!("{uid}ff"))),
                ("culprit.line.number".to_owned(), Value::IntValue(42)),
                ("culprit.line.cut".to_owned(), Value::BoolValue(true)),
            ]
        );
        assert_eq!(records[1].body.clone().unwrap().value, Some(Value::BytesValue(b"\xff\xfe".to_vec())));
        assert_eq!((records[0].observed_time_unix_nano, records[0].time_unix_nano), (5, 0));
    }
}
