//! What clients of Elasticsearch and Loki ask before they send anything: who we are, and whether things are there that
//! they would set up otherwise.
//!
//! These are a fallback: whoever serves pages at the same address may have `/` for itself.

use axum::extract::Request;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// Official clients speak to no server that does not say so.
pub(super) const PRODUCT: (HeaderName, &str) =
    (HeaderName::from_static("x-elastic-product"), "Elasticsearch");

/// Whose `_bulk` is spoken. Clients refuse servers that are much older than they are.
const SPOKEN: &str = "8.17.0";

pub(super) async fn answer(request: Request) -> Response {
    let asked = request.uri().path().trim_end_matches('/');
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match asked.split('/').nth(1).unwrap_or_default() {
        "" if reads => told(StatusCode::OK, &version()),
        "ready" if reads => "ready\n".into_response(),
        "_license" | "_xpack" if reads => told(StatusCode::OK, &license()),
        "_cluster" if reads => told(StatusCode::OK, &json!({"cluster_name": "culprit", "status": "green"})),
        "_nodes" if reads => told(StatusCode::OK, &json!({"cluster_name": "culprit", "nodes": {}})),
        // Templates, life cycles and pipelines: nothing here needs them, and clients set up what they do not find.
        "_index_template"
        | "_template"
        | "_component_template"
        | "_ilm"
        | "_ingest"
        | "_data_stream"
        | "_plugins" => told(StatusCode::OK, &json!({"acknowledged": true})),
        _ => told(StatusCode::NOT_FOUND, &json!({"error": "nothing is served here", "status": 404})),
    }
}

fn version() -> Value {
    json!({
        "name": "culprit",
        "cluster_name": "culprit",
        "cluster_uuid": "culprit",
        "version": {
            "number": SPOKEN,
            "build_flavor": "default",
            "build_type": "deb",
            "build_hash": "0",
            "build_date": "2024-12-11T00:00:00Z",
            "build_snapshot": false,
            "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    })
}

fn license() -> Value {
    json!({"license": {"status": "active", "type": "basic", "mode": "basic", "uid": "culprit"}})
}

fn told(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json"), PRODUCT], body.to_string()).into_response()
}
