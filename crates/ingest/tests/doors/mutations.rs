//! Good requests with some bytes changed: each gets an answer of its protocol, and nothing breaks.

use std::sync::atomic::Ordering;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use prost::Message as _;

use crate::client::post;
use crate::otlp::{pair, record, request, text};
use crate::site::{Disk, Site};

/// Bytes that are replaced, and where the body ends.
type Changes = (Vec<(prop::sample::Index, u8)>, prop::sample::Index, bool);

fn changed(body: &[u8], (replaced, end, cut): &Changes) -> Vec<u8> {
    let mut body = body.to_vec();
    for (at, byte) in replaced {
        let at = at.index(body.len());
        body[at] = *byte;
    }
    if *cut {
        body.truncate(end.index(body.len()));
    }
    body
}

#[test]
fn changed_requests_are_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let site = runtime.block_on(Site::with(Disk::Works, |settings| settings.max_text = 1 << 20));
    let mut sdk = record(text("boom\nsecond"));
    sdk.attributes = vec![pair("request_id", text("req-1"))];
    let otlp = request(&[("host.name", "h")], vec![sdk.clone(), sdk]);
    let bulk = b"{\"index\":{}}\n{\"host\":{\"name\":\"h\"},\"message\":\"x\"}\n".to_vec();
    let loki = br#"{"streams":[{"stream":{"host":"h"},"values":[["1795231696763000000","x",{"a":"b"}]]}]}"#;
    // One stream with a label and an entry, packed as it is sent.
    let push = b"\x0a\x1a\x0a\x0a{host=\"h\"}\x12\x0c\x0a\x04\x08\x01\x10\x02\x12\x04line";
    let push = snap::raw::Encoder::new().compress_vec(push).unwrap();
    let seeds = [
        ("/v1/logs", "application/x-protobuf", otlp.encode_to_vec()),
        ("/v1/logs", "application/json", serde_json::to_vec(&otlp).unwrap()),
        ("/_bulk", "application/json", bulk),
        ("/loki/api/v1/push", "application/json", loki.to_vec()),
        ("/loki/api/v1/push", "application/x-protobuf", push),
    ];
    for (path, content_type, seed) in seeds {
        let ask = |body: &[u8]| {
            let content_type = format!("Content-Type: {content_type}");
            runtime.block_on(post(site.address, path, &[&content_type], body)).status
        };
        assert!([200, 204].contains(&ask(&seed)), "{path} {content_type}");
        let changes = (
            prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..5),
            any::<prop::sample::Index>(),
            any::<bool>(),
        );
        let run = TestRunner::default().run(&changes, |changes| {
            let status = ask(&changed(&seed, &changes));
            prop_assert!([200, 204, 400, 413].contains(&status), "{}", status);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{path} {content_type}: {error}"));
        assert!([200, 204].contains(&ask(&seed)), "{path} {content_type}");
    }
    assert_eq!(site.counts.bytes_in_flight.load(Ordering::Relaxed), 0);
    runtime.block_on(site.close());
}
