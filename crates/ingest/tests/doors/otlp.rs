use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use ingest::SentPlace;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use crate::client::{Answer, post};
use crate::site::{Disk, Site};

const PROTOBUF: &str = "Content-Type: application/x-protobuf";
const JSON: &str = "Content-Type: application/json";

pub(crate) fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(crate) fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

pub(crate) fn record(body: Value) -> LogRecord {
    LogRecord { body: Some(AnyValue { value: Some(body) }), ..LogRecord::default() }
}

pub(crate) fn request(resource: &[(&str, &str)], records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let attributes = resource.iter().map(|(key, value)| pair(key, text(value))).collect();
    let scope = InstrumentationScope { name: "any".to_owned(), ..InstrumentationScope::default() };
    let scope_logs = ScopeLogs { scope: Some(scope), log_records: records, ..ScopeLogs::default() };
    let logs = ResourceLogs {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_logs: vec![scope_logs],
        ..ResourceLogs::default()
    };
    ExportLogsServiceRequest { resource_logs: vec![logs] }
}

/// As our agent sends a line.
fn agents(uid: &str, number: i64, line: Value, cut: bool) -> LogRecord {
    let mut record = record(line);
    record.attributes =
        vec![pair("log.record.uid", text(uid)), pair("culprit.line.number", Value::IntValue(number))];
    record.attributes.extend(cut.then(|| pair("culprit.line.cut", Value::BoolValue(true))));
    record.observed_time_unix_nano = 1_795_231_696_763_000_000;
    record
}

const AGENT: [(&str, &str); 4] = [
    ("host.name", "compute-02"),
    ("service.namespace", "nova"),
    ("service.name", "nova-compute"),
    ("log.file.path", "/var/log/nova/nova-compute.log"),
];

#[tokio::test]
async fn lines_of_an_agent_keep_their_places() {
    let site = Site::open().await;
    let uid = |text: u128, sequence: u64| format!("{text:032x}-{sequence:x}");
    let records = vec![
        agents(&uid(7, 9), 11, text("ten"), false),
        agents(&uid(7, 10), 12, Value::BytesValue(b"caf\xe9".to_vec()), true),
        agents(&uid(7, 10), 12, text("again"), false),
        agents(&uid(8, 0), 1, text("another"), false),
        agents("01HZX4F0G3K6V9Q2W8N5T7R1YB", 1, text("a uid of somebody else"), false),
    ];
    let body = request(&AGENT, records).encode_to_vec();
    let answer = post(site.address, "/v1/logs", &[PROTOBUF], &body).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{answer:?}");
    let store = site.close().await;
    let places: Vec<_> = store
        .sent
        .iter()
        .map(|(place, delivery)| {
            let lines = delivery.batch.lines.iter();
            let lines: Vec<_> = lines.map(|line| (line.number, line.text.as_slice())).collect();
            (*place, lines, delivery.batch.cut.clone())
        })
        .collect();
    let at = |text, before| SentPlace { text, before };
    assert_eq!(
        places,
        [
            (at(7, 9), vec![(11, b"ten".as_slice()), (12, b"caf\xe9")], vec![12]),
            (at(7, 10), vec![(12, b"again")], vec![]),
            (at(8, 0), vec![(1, b"another")], vec![]),
        ]
    );
    let source = &store.sent[0].1.source;
    assert_eq!(source.path, "/var/log/nova/nova-compute.log");
    let told = [&source.host, &source.service, &source.daemon].map(|told| told.as_deref().unwrap());
    assert_eq!(told, ["compute-02", "nova", "nova-compute"]);
    assert_eq!(store.only("otlp/compute-02/var/log/nova/nova-compute.log").len(), 1);
}

#[tokio::test]
async fn a_long_run_of_an_agent_comes_in_bounded_batches() {
    let site = Site::open().await;
    let records = (0..5000).map(|n| agents(&format!("{:032x}-{n:x}", 3), n + 1, text("x"), false)).collect();
    let body = request(&AGENT, records).encode_to_vec();
    assert_eq!(post(site.address, "/v1/logs", &[PROTOBUF], &body).await.status, 200);
    let mut next = 0;
    for (place, delivery) in site.close().await.sent {
        assert_eq!(place, SentPlace { text: 3, before: next });
        assert!(delivery.batch.lines.len() <= 1024);
        next += delivery.batch.lines.len() as u64;
    }
    assert_eq!(next, 5000);
}

#[tokio::test]
async fn the_answer_waits_for_the_commit() {
    let body = request(&[], vec![record(text("x"))]).encode_to_vec();
    let check = async |disk: Disk, room: u64, status: u16| {
        let site = Site::with(disk, |settings| {
            settings.handling.room = std::time::Duration::from_millis(room);
            settings.handling.receipt = std::time::Duration::from_millis(room);
        });
        let site = site.await;
        let mut answers = Vec::new();
        for _ in 0..if disk == Disk::Full { 9 } else { 1 } {
            answers.push(post(site.address, "/v1/logs", &[PROTOBUF], &body).await);
        }
        let answer = answers.pop().unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(answer.head.contains("retry-after: 2"), status == 503, "{}", answer.head);
        site.close().await;
    };
    check(Disk::Works, 60_000, 200).await;
    check(Disk::Fails, 60_000, 503).await;
    check(Disk::Full, 10, 503).await;
}

#[tokio::test]
async fn every_packing_and_both_forms_are_understood() {
    let logs =
        request(&[("host.name", "ctl1"), ("log.file.path", "/var/log/x.log")], vec![record(text("hi"))]);
    let (protobuf, json) = (logs.encode_to_vec(), serde_json::to_vec(&logs).unwrap());
    let gzip = |bytes: &[u8]| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let zlib = |bytes: &[u8]| {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let deflate = |bytes: &[u8]| {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let members = [gzip(&protobuf[..10]), gzip(&protobuf[10..])].concat();
    let site = Site::open().await;
    for (form, encoding, body) in [
        (PROTOBUF, "identity", protobuf.clone()),
        (JSON, "", json.clone()),
        ("Content-Type: application/json; charset=utf-8", "gzip", gzip(&json)),
        (PROTOBUF, "gzip", gzip(&protobuf)),
        (PROTOBUF, "gzip", members),
        (PROTOBUF, "zstd", zstd::encode_all(&*protobuf, 3).unwrap()),
        (PROTOBUF, "deflate", zlib(&protobuf)),
        (PROTOBUF, "deflate", deflate(&protobuf)),
        (PROTOBUF, "snappy", snap::raw::Encoder::new().compress_vec(&protobuf).unwrap()),
    ] {
        let encoding = format!("Content-Encoding: {encoding}");
        let answer = post(site.address, "/v1/logs", &[form, &encoding], &body).await;
        let empty = if form == PROTOBUF { "" } else { "{}" };
        assert_eq!((answer.status, answer.text().as_str()), (200, empty), "{encoding}");
        assert!(answer.head.contains(&form.split(';').next().unwrap().to_lowercase()), "{}", answer.head);
    }
    assert_eq!(site.close().await.only("otlp/ctl1/var/log/x.log"), ["hi"; 9]);
}

/// What is stored for one record of a host `h`.
async fn stored(resource: &[(&str, &str)], record: LogRecord, stream: &str, expected: &[&str]) {
    let site = Site::open().await;
    let resource = [&[("host.name", "h")], resource].concat();
    let body = request(&resource, vec![record]).encode_to_vec();
    assert_eq!(post(site.address, "/v1/logs", &[PROTOBUF], &body).await.status, 200);
    assert_eq!(site.close().await.only(stream), expected);
}

#[tokio::test]
async fn a_carried_line_is_stored_as_it_is_and_a_record_as_json() {
    let file = [("log.file.path", "/var/log/a.log")];
    let named = "otlp/h/var/log/a.log";
    let mut carried = record(text("2026-11-21 01:02:03 one\n  two\r\n\nthree"));
    carried.observed_time_unix_nano = 5;
    stored(&file, carried, named, &["2026-11-21 01:02:03 one", "  two", "", "three"]).await;
    let mut own = record(text("one\ntwo"));
    own.attributes =
        vec![pair("log.file.path", text("/var/log/b.log")), pair("log.file.name", text("b.log"))];
    stored(&[("service.name", "x")], own.clone(), "otlp/h/var/log/b.log", &["one", "two"]).await;
    // Its time was told apart.
    own.time_unix_nano = 1_795_231_696_763_000_000;
    let json = r#"{"timestamp":"2026-11-21T03:28:16.763Z","body":"one\ntwo","scope":"any","attributes":{"log.file.name":"b.log","log.file.path":"/var/log/b.log"},"resource":{"host.name":"h","service.name":"x"}}"#;
    stored(&[("service.name", "x")], own, "otlp/h/var/log/b.log", &[json]).await;
    let list = vec![pair("n", Value::IntValue(7)), pair("ok", Value::BoolValue(true))];
    let mut sdk =
        record(Value::KvlistValue(opentelemetry_proto::tonic::common::v1::KeyValueList { values: list }));
    sdk.severity_text = "ERROR".to_owned();
    sdk.severity_number = 17;
    sdk.trace_id = vec![0xab; 16];
    sdk.observed_time_unix_nano = 1_795_231_696_763_000_000;
    let json = r#"{"observed_timestamp":"2026-11-21T03:28:16.763Z","severity_text":"ERROR","severity_number":17,"body":{"n":7,"ok":true},"scope":"any","trace_id":"abababababababababababababababab","resource":{"host.name":"h","service.name":"nova-api"}}"#;
    stored(&[("service.name", "nova-api")], sdk, "otlp/h/nova-api", &[json]).await;
    let mut lying = record(text("x"));
    lying.time_unix_nano = u64::MAX;
    let json =
        r#"{"timestamp":"18446744073709551615","body":"x","scope":"any","resource":{"host.name":"h"}}"#;
    stored(&[], lying, "otlp/h/others", &[json]).await;
}

#[tokio::test]
async fn a_record_that_is_not_understood_is_refused_alone() {
    let site = Site::open().await;
    let file = [("host.name", "h"), ("log.file.path", "/a")];
    let logs = request(&file, vec![record(text("bad!")), record(text("good"))]);
    let mut body = logs.encode_to_vec();
    let bad = body.windows(4).position(|window| window == b"bad!").unwrap();
    body[bad + 3] = 0xff;
    let answer = post(site.address, "/v1/logs", &[PROTOBUF], &body).await;
    let told = ExportLogsServiceResponse::decode(&*answer.body).unwrap().partial_success.unwrap();
    assert_eq!((answer.status, told.rejected_log_records), (200, 1));
    assert!(told.error_message.contains("UTF-8"), "{told:?}");
    let json = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"h"}},{"key":"log.file.path","value":{"stringValue":"/a"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"soon"},{"body":{"stringValue":"better"},"unknown":{}}]}]}]}"#;
    let answer = post(site.address, "/v1/logs", &[JSON], json.as_bytes()).await;
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &told["partialSuccess"]["rejectedLogRecords"]), (200, &"1".into()), "{told}");
    assert_eq!(site.counts.otlp.records_refused.load(std::sync::atomic::Ordering::Relaxed), 2);
    assert_eq!(site.close().await.only("otlp/h/a"), ["good", "better"]);
}

/// The code and the message of a `google.rpc.Status`.
fn status(answer: &Answer) -> (i32, String) {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
    }
    if answer.head.contains("application/json") {
        let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        return (told["code"].as_i64().unwrap() as i32, told["message"].as_str().unwrap().to_owned());
    }
    let Status { code, message } = Status::decode(&*answer.body).unwrap();
    (code, message)
}

#[tokio::test]
async fn bad_requests_get_a_status_and_the_next_is_served() {
    let site = Site::with(Disk::Works, |settings| {
        settings.max_body = 256 << 10;
        settings.max_text = 1 << 20;
        settings.max_records = 1000;
    });
    let site = site.await;
    let good =
        request(&[("host.name", "h"), ("log.file.path", "/a")], vec![record(text("good"))]).encode_to_vec();
    let gzip = |bytes: &[u8]| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let records = |count: usize| request(&[], vec![LogRecord::default(); count]).encode_to_vec();
    let deep = "{\"resourceLogs\":".repeat(100_000);
    let packed = "Content-Encoding: gzip";
    let bomb = gzip(&vec![0; 64 << 20]);
    let (cut, long, many) = (&gzip(&good)[..20], vec![b'x'; 300 << 10], records(1001));
    let mut count = 0;
    let mut check = async |headers: &[&str], body: &[u8], expected: (u16, i32, &str)| {
        let answer = post(site.address, "/v1/logs", headers, body).await;
        let (code, message) = status(&answer);
        assert_eq!((answer.status, code), (expected.0, expected.1), "{message}");
        assert!(message.contains(expected.2), "{message}");
        let answer = post(site.address, "/v1/logs", &[PROTOBUF], &good).await;
        assert_eq!(answer.status, 200);
        count += 1;
    };
    check(&["Content-Type: text/plain"], &good, (415, 3, "text/plain")).await;
    check(&[PROTOBUF, "Content-Encoding: br"], &good, (415, 3, "`br`")).await;
    check(&[PROTOBUF], b"\xff\xff\xff", (400, 3, "no protobuf")).await;
    check(&[PROTOBUF], &good[..good.len() - 3], (400, 3, "no protobuf")).await;
    check(&[PROTOBUF, packed], cut, (400, 3, "cannot be unpacked")).await;
    check(&[PROTOBUF, packed], b"no gzip", (400, 3, "cannot be unpacked")).await;
    check(&[PROTOBUF, packed], &bomb, (413, 8, "more than 1048576 bytes")).await;
    check(&[PROTOBUF], &long, (413, 8, "longer than 262144 bytes")).await;
    check(&[PROTOBUF], &many, (413, 8, "more than 1000 records")).await;
    check(&[JSON], b"{\"resourceLogs\":[", (400, 3, "EOF")).await;
    check(&[JSON], b"\"\xff\"", (400, 3, "")).await;
    check(&[JSON], &deep.as_bytes()[..200_000], (400, 3, "")).await;
    assert_eq!(site.counts.otlp.refused.load(std::sync::atomic::Ordering::Relaxed), count);
    assert_eq!(site.close().await.only("otlp/h/a").len() as u64, count);
}

#[tokio::test]
async fn a_huge_line_is_cut_and_no_record_swells() {
    let site = Site::open().await;
    let file = [("host.name", "h"), ("log.file.path", "/a")];
    for body in [1 << 17, 5 << 20] {
        let logs = request(&file, vec![record(Value::StringValue("x".repeat(body)))]);
        assert_eq!(post(site.address, "/v1/logs", &[PROTOBUF], &logs.encode_to_vec()).await.status, 200);
        let json = serde_json::to_vec(&logs).unwrap();
        assert_eq!(post(site.address, "/v1/logs", &[JSON], &json).await.status, 200);
    }
    let store = site.close().await;
    assert_eq!(store.cut, 4);
    assert!(store.streams.values().flatten().all(|line| line.len() == 64 << 10));
}
