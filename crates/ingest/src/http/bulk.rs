//! Elasticsearch's and OpenSearch's `_bulk`, which Filebeat, Logstash, Fluent Bit, Fluentd and Vector speak: lines of JSON,
//! an action and its document by turns. Each item is answered by itself.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::preflight::PRODUCT;
use super::refusal::Refusal;
use super::{Door, DoorCount, Peer, body};
use crate::shipped::{Body, Record, Sorted};

/// Longer documents are refused: decoded, one can be thirty times as large.
const MOST_DOCUMENT: usize = 1 << 20;

pub(super) async fn all(
    State(door): State<Door>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    answer(&door, peer, None, request).await
}

pub(super) async fn of_index(
    State(door): State<Door>,
    Extension(peer): Extension<Peer>,
    Path(index): Path<String>,
    request: Request,
) -> Response {
    answer(&door, peer, Some(index), request).await
}

async fn answer(door: &Door, peer: Peer, index: Option<String>, request: Request) -> Response {
    let count = &door.counts.bulk;
    DoorCount::note(&count.requests, 1);
    match take(door, peer, index, request).await {
        Ok(items) => {
            let refused = items.iter().filter(|item| item.error.is_some()).count();
            DoorCount::note(&count.records, items.len() - refused);
            DoorCount::note(&count.records_refused, refused);
            answered(StatusCode::OK, &Answer { took: 0, errors: refused > 0, items: Items(&items) })
        }
        Err(refusal) => {
            DoorCount::note(&count.refused, 1);
            refusal.dress(failed(&refusal))
        }
    }
}

async fn take(
    door: &Door,
    peer: Peer,
    index: Option<String>,
    request: Request,
) -> Result<Vec<Item>, Refusal> {
    match body::content_type(request.headers()).as_str() {
        "application/x-ndjson" | "application/json" | "" => {}
        vendor if vendor.starts_with("application/vnd.") && vendor.contains("json") => {}
        other => return Err(Refusal::ContentType(other.to_owned())),
    }
    let encoding = body::encoding(request.headers())?;
    let most = door.settings.max_records;
    let decode = move |text: &[u8], sorted: &mut Sorted<'_>| read(text, index.as_deref(), most, sorted);
    door.take("bulk", peer, (request, encoding), decode).await
}

/// What became of an action.
struct Item {
    action: Action,
    index: String,
    id: String,
    error: Option<ItemError>,
}

struct ItemError {
    status: u16,
    kind: &'static str,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Create,
    Index,
    Update,
    Delete,
}

#[derive(Deserialize)]
struct Target {
    #[serde(rename = "_index")]
    index: Option<String>,
    #[serde(rename = "_id")]
    id: Option<Value>,
}

fn read(
    text: &[u8],
    index: Option<&str>,
    most: usize,
    sorted: &mut Sorted<'_>,
) -> Result<Vec<Item>, Refusal> {
    let malformed = |why: String| Err(Refusal::Malformed(why));
    let Some(text) = text.strip_suffix(b"\n") else {
        return malformed("the bulk request must be terminated by a newline [\\n]".to_owned());
    };
    let mut lines = (1..).zip(text.split(|byte| *byte == b'\n'));
    let mut items = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if items.len() == most {
            return Err(Refusal::TooMany { limit: most });
        }
        let told = match action(line) {
            Ok(told) => told,
            Err(why) => return malformed(format!("malformed action/metadata line [{number}]: {why}")),
        };
        let mut item = Item {
            action: told.0,
            index: told.1.index.or_else(|| index.map(str::to_owned)).unwrap_or_else(|| "logs".to_owned()),
            id: told.1.id.map_or_else(|| items.len().to_string(), shown),
            error: None,
        };
        if item.action != Action::Delete {
            let Some((_, document)) = lines.next() else {
                return malformed(format!("the document of the action in line [{number}] is missing"));
            };
            item.error = document_of(&item, document, sorted)?;
        } else {
            item.error = Some(unsupported());
        }
        items.push(item);
    }
    match items.is_empty() {
        true => malformed("request body is required".to_owned()),
        false => Ok(items),
    }
}

fn action(line: &[u8]) -> Result<(Action, Target), String> {
    let text = str::from_utf8(line).map_err(|error| error.to_string())?;
    let action: std::collections::BTreeMap<Action, &RawValue> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut actions = action.into_iter();
    let (Some((action, target)), None) = (actions.next(), actions.next()) else {
        return Err("one action is expected".to_owned());
    };
    serde_json::from_str(target.get()).map(|target| (action, target)).map_err(|error| error.to_string())
}

fn document_of(item: &Item, document: &[u8], sorted: &mut Sorted<'_>) -> Result<Option<ItemError>, Refusal> {
    if item.action == Action::Update {
        return Ok(Some(unsupported()));
    }
    if document.len() > MOST_DOCUMENT {
        let reason = format!("the document is longer than {MOST_DOCUMENT} bytes");
        return Ok(Some(ItemError { status: 413, kind: "document_too_large_exception", reason }));
    }
    let fields: Map<String, Value> = match serde_json::from_slice(document) {
        Ok(fields) => fields,
        Err(error) => {
            let reason = format!("failed to parse: {error}");
            return Ok(Some(ItemError { status: 400, kind: "document_parsing_exception", reason }));
        }
    };
    sorted.push(Record { body: Body::Fields(fields), ..Record::default() })?;
    Ok(None)
}

fn unsupported() -> ItemError {
    let reason = "logs are only added: use `create` or `index`".to_owned();
    ItemError { status: 400, kind: "illegal_argument_exception", reason }
}

fn shown(id: Value) -> String {
    match id {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    took: u64,
    errors: bool,
    items: Items<'a>,
}

struct Items<'a>(&'a [Item]);

impl Serialize for Items<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Item::answer))
    }
}

impl Item {
    fn answer(&self) -> Value {
        let told = match &self.error {
            None => json!({
                "_index": self.index,
                "_id": self.id,
                "_version": 1,
                "result": "created",
                "_shards": {"total": 1, "successful": 1, "failed": 0},
                "_seq_no": 0,
                "_primary_term": 1,
                "status": 201,
            }),
            Some(ItemError { status, kind, reason }) => json!({
                "_index": self.index,
                "_id": self.id,
                "status": status,
                "error": {"type": kind, "reason": reason},
            }),
        };
        let action = match self.action {
            Action::Create => "create",
            Action::Index => "index",
            Action::Update => "update",
            Action::Delete => "delete",
        };
        json!({ action: told })
    }
}

fn failed(refusal: &Refusal) -> Response {
    let kind = match refusal {
        Refusal::Busy | Refusal::Undelivered => "es_rejected_execution_exception",
        Refusal::TooLong { .. } | Refusal::TooMuch { .. } | Refusal::TooMany { .. } => {
            "content_too_long_exception"
        }
        _ => "illegal_argument_exception",
    };
    let reason = json!({"type": kind, "reason": refusal.to_string()});
    let status = refusal.status();
    let error = json!({"root_cause": [reason], "type": kind, "reason": refusal.to_string()});
    answered(status, &json!({"error": error, "status": status.as_u16()}))
}

/// Official clients speak to no server that does not say what it is.
fn answered(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("texts, numbers and maps of these are JSON");
    (status, [(header::CONTENT_TYPE, "application/json"), PRODUCT], body).into_response()
}
