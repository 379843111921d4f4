use prost::Message as _;

use crate::client::post;
use crate::site::{Disk, Site};

const JSON: &str = "Content-Type: application/json";
const PROTOBUF: &str = "Content-Type: application/x-protobuf";
const PUSH: &str = "/loki/api/v1/push";

#[derive(Clone, PartialEq, prost::Message)]
struct Push {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Stream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Entry>,
    #[prost(uint64, tag = "3")]
    hash: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Entry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(string, tag = "2")]
    line: String,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Pair>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Pair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

fn promtail(labels: &str, lines: &[&str]) -> Vec<u8> {
    let timestamp = Some(Timestamp { seconds: 1_795_231_696, nanos: 763_000_000 });
    let pair = Pair { name: "pod".to_owned(), value: "nova-1".to_owned() };
    let entry = |line: &&str| Entry {
        timestamp: timestamp.clone(),
        line: (*line).to_owned(),
        metadata: vec![pair.clone()],
    };
    let entries = lines.iter().map(entry).collect();
    let push = Push { streams: vec![Stream { labels: labels.to_owned(), entries, hash: 7 }] };
    snap::raw::Encoder::new().compress_vec(&push.encode_to_vec()).unwrap()
}

#[tokio::test]
async fn both_forms_are_understood() {
    let site = Site::open().await;
    let body = promtail(r#"{filename="/var/log/x.log", host="ctl1", job="nova"}"#, &["one", "two\nthree"]);
    for headers in [&[PROTOBUF][..], &[PROTOBUF, "Content-Encoding: snappy"], &[]] {
        let answer = post(site.address, PUSH, headers, &body).await;
        assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    }
    let json = r#"{"streams":[{"stream":{"filename":"/var/log/x.log","host":"ctl1"},"values":[["1795231696763000000","four"],["1795231696763000001","\"5\"",{"pod":"x"}]]}]}"#;
    assert_eq!(post(site.address, PUSH, &[JSON], json.as_bytes()).await.status, 204);
    let store = site.close().await;
    let lines = ["one", "two", "three"].repeat(3);
    assert_eq!(store.only("loki/ctl1/var/log/x.log"), [lines, vec!["four", "\"5\""]].concat());
}

#[tokio::test]
async fn a_line_of_no_file_keeps_its_time() {
    let site = Site::open().await;
    let body = promtail(r#"{service_name="nova-api", level="error"}"#, &["one\ntwo"]);
    assert_eq!(post(site.address, PUSH, &[], &body).await.status, 204);
    let line = r#"{"timestamp":"2026-11-21T03:28:16.763Z","body":"one\ntwo","attributes":{"pod":"nova-1"},"resource":{"level":"error","service_name":"nova-api"}}"#;
    assert_eq!(site.close().await.only("loki/127.0.0.1/nova-api"), [line]);
}

#[tokio::test]
async fn bad_requests_get_a_text_and_the_next_is_served() {
    let site = Site::with(Disk::Works, |settings| {
        settings.max_records = 2;
        settings.max_text = 1 << 20;
    });
    let site = site.await;
    let good = promtail(r#"{filename="/a",host="h"}"#, &["good"]);
    let mut count = 0;
    let mut check = async |headers: &[&str], body: &[u8], expected: (u16, &str)| {
        let answer = post(site.address, PUSH, headers, body).await;
        assert_eq!(answer.status, expected.0, "{}", answer.text());
        assert!(answer.text().contains(expected.1), "{}", answer.text());
        assert_eq!(post(site.address, PUSH, &[PROTOBUF], &good).await.status, 204);
        count += 1;
    };
    let json = |values: &str| format!(r#"{{"streams":[{{"stream":{{}},"values":[{values}]}}]}}"#);
    let packed = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    check(&["Content-Type: text/csv"], &good, (415, "text/csv")).await;
    check(&[PROTOBUF], &good[..20], (400, "cannot be unpacked")).await;
    check(&[PROTOBUF], &[0xff, 0xff, 0xff, 0xff, 0x0f, 0], (413, "more than 1048576 bytes")).await;
    check(&[PROTOBUF], &packed(&vec![0; 2 << 20]), (413, "more than 1048576 bytes")).await;
    check(&[PROTOBUF], &packed(b"\x0a\xff"), (400, "no protobuf")).await;
    check(&[PROTOBUF], &promtail("host=\"h\"", &["x"]), (400, "are no labels")).await;
    check(&[PROTOBUF], &promtail("{}", &["x"; 3]), (413, "more than 2 records")).await;
    check(&[JSON], b"{", (400, "EOF")).await;
    check(&[JSON], b"{\"streams\":[{\"stream\":{},\"values\":[[\"1\",\"\xff\"]]}]}", (400, "")).await;
    check(&[JSON], json("[\"1\"]").as_bytes(), (400, "no list of a time and a line")).await;
    check(&[JSON], json("[\"soon\",\"x\"]").as_bytes(), (400, "nanoseconds")).await;
    check(&[JSON], json("[1,\"x\"]").as_bytes(), (400, "expected a string")).await;
    check(&[JSON], "[".repeat(100_000).as_bytes(), (400, "")).await;
    assert_eq!(site.close().await.only("loki/h/a").len(), count);
}
