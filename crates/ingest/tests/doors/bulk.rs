use crate::client::{ask, get, post};
use crate::site::{Disk, Site};

const NDJSON: &str = "Content-Type: application/x-ndjson";

async fn errors(site: &Site, path: &str, body: &str) -> (u16, Vec<(String, u64)>) {
    let answer = post(site.address, path, &[NDJSON], body.as_bytes()).await;
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let items = told["items"].as_array().unwrap_or_else(|| panic!("{told}"));
    let items: Vec<_> = items
        .iter()
        .flat_map(|item| item.as_object().unwrap())
        .map(|(action, item)| (action.clone(), item["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(told["errors"], items.iter().any(|(_, status)| *status >= 300));
    assert!(answer.head.contains("x-elastic-product: elasticsearch"));
    (answer.status, items)
}

#[tokio::test]
async fn each_item_is_answered_by_itself() {
    let site = Site::open().await;
    let body = r#"{"create":{"_index":"logs","_id":"7"}}
{"host":{"name":"ctl1"},"log":{"file":{"path":"/var/log/x.log"},"offset":7},"message":"one","@timestamp":"2026-11-21T03:28:16.763Z","agent":{"type":"filebeat"}}
{"index":{}}
{"host":"h2",
{"delete":{"_id":1}}
{"update":{"_id":"2"}}
{"doc":{}}

{"index":{"_id":"3"}}
[1]
{"index":{}}
{"host.name":"ctl1","log.file.path":"/var/log/x.log","message":"two\nthree"}
"#;
    let items =
        [("create", 201), ("index", 400), ("delete", 400), ("update", 400), ("index", 400), ("index", 201)];
    let items = items.map(|(action, status)| (action.to_owned(), status)).to_vec();
    assert_eq!(errors(&site, "/filebeat-8/_bulk", body).await, (200, items));
    assert_eq!(site.close().await.only("bulk/ctl1/var/log/x.log"), ["one", "two", "three"]);
}

#[tokio::test]
async fn what_a_shipper_took_apart_is_kept_whole() {
    let check = async |document: &str, stream: &str, expected: &str| {
        let site = Site::open().await;
        let body = format!("{{\"index\":{{}}}}\n{document}\n");
        assert_eq!(errors(&site, "/_bulk", &body).await.1, [("index".to_owned(), 201)]);
        assert_eq!(site.close().await.only(stream), [expected]);
    };
    // oslo.log's own JSON, and what Fluentd leaves of it: it is a line already.
    let oslo = r#"{"asctime":"2026-11-21 03:28:16","hostname":"ctl1","levelname":"INFO","message":"hi","name":"nova"}"#;
    check(oslo, "bulk/ctl1/others", oslo).await;
    // Its level stands apart: so does its text.
    check(
        r#"{"@timestamp":"2026-11-21T03:28:16.763Z","host":"ctl1","log.file.path":"/var/log/x.log","level":"ERROR","message":"boom","request_id":"req-1"}"#,
        "bulk/ctl1/var/log/x.log",
        r#"{"timestamp":"2026-11-21T03:28:16.763Z","severity_text":"ERROR","body":"boom","attributes":{"host":"ctl1","level":"ERROR","log.file.path":"/var/log/x.log","request_id":"req-1"}}"#,
    )
    .await;
    check(r#"{"host":"h","number":7}"#, "bulk/h/others", r#"{"body":{"host":"h","number":7}}"#).await;
    check(r#"{"number":7}"#, "bulk/127.0.0.1/others", r#"{"body":{"number":7}}"#).await;
}

#[tokio::test]
async fn bad_requests_get_an_error_and_the_next_is_served() {
    let site = Site::with(Disk::Works, |settings| settings.max_records = 2).await;
    let good = "{\"index\":{}}\n{\"host\":\"h\",\"path\":\"/a\",\"message\":\"good\"}\n";
    let mut count = 0;
    let mut check = async |headers: &[&str], body: &str, expected: (u16, &str)| {
        let answer = post(site.address, "/_bulk", headers, body.as_bytes()).await;
        let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, &told["status"]), (expected.0, &expected.0.into()));
        assert!(told["error"]["reason"].as_str().unwrap().contains(expected.1), "{told}");
        assert_eq!(post(site.address, "/_bulk", &[NDJSON], good.as_bytes()).await.status, 200);
        count += 1;
    };
    check(&["Content-Type: text/plain"], good, (415, "text/plain")).await;
    check(&[NDJSON, "Content-Encoding: gzip"], good, (400, "cannot be unpacked")).await;
    check(&[NDJSON], "", (400, "newline")).await;
    check(&[NDJSON], "\n", (400, "required")).await;
    check(&[NDJSON], good.trim_end(), (400, "newline")).await;
    check(&[NDJSON], "{\"index\":{}}\n", (400, "line [1] is missing")).await;
    check(&[NDJSON], "{}\n{}\n", (400, "one action is expected")).await;
    check(&[NDJSON], "{\"drop\":{}}\n{}\n", (400, "unknown variant `drop`")).await;
    check(&[NDJSON], &format!("{good}{{\"index\":7}}\n{{}}\n"), (400, "line [3]")).await;
    check(&[NDJSON], &good.repeat(3), (413, "more than 2 records")).await;
    let deep = "{\"a\":".repeat(100_000);
    let body = format!("{{\"index\":{{}}}}\n{deep}\n");
    assert_eq!(errors(&site, "/_bulk", &body).await.1, [("index".to_owned(), 400)]);
    let body = format!("{{\"index\":{{}}}}\n{{\"message\":\"{}\"}}\n", "x".repeat(2 << 20));
    assert_eq!(errors(&site, "/_bulk", &body).await.1, [("index".to_owned(), 413)]);
    assert_eq!(site.close().await.only("bulk/h/a").len(), count);
}

#[tokio::test]
async fn what_is_not_durable_is_to_come_again() {
    let site = Site::with(Disk::Fails, |_| {}).await;
    let answer = post(site.address, "/_bulk", &[NDJSON], b"{\"index\":{}}\n{}\n").await;
    assert_eq!((answer.status, answer.head.contains("retry-after")), (503, true));
    site.close().await;
}

#[tokio::test]
async fn clients_are_told_what_they_ask_first() {
    let site = Site::open().await;
    for (method, path, status, words) in [
        ("GET", "/", 200, "You Know, for Search"),
        ("HEAD", "/", 200, ""),
        ("GET", "/_license", 200, "active"),
        ("GET", "/_xpack", 200, "active"),
        ("PUT", "/_index_template/filebeat", 200, "acknowledged"),
        ("GET", "/_ilm/policy/filebeat", 200, "acknowledged"),
        ("POST", "/", 404, "nothing is served here"),
        ("GET", "/ready", 200, "ready"),
        ("GET", "/_search", 404, ""),
    ] {
        let answer = ask(site.address, method, path, &[], b"").await;
        assert!(answer.status == status && answer.text().contains(words), "{method} {path}: {answer:?}");
    }
    assert!(get(site.address, "/", &[]).await.head.contains("x-elastic-product: elasticsearch"));
    site.close().await;
}
