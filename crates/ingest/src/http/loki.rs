//! Loki's push: `POST /loki/api/v1/push`, as Promtail, Alloy and the Docker driver send it (protobuf, packed with
//! snappy), and as everybody else does (JSON).

mod json;
mod labels;
mod protobuf;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::{Door, DoorCount, Peer, body};
use crate::shipped::{Body, Record, Sorted, Time};
use crate::unpack::Encoding;

/// Longer entries are refused, but for their lines.
const MOST_LABELS: usize = 64 << 10;

pub(super) async fn push(
    State(door): State<Door>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let count = &door.counts.loki;
    DoorCount::note(&count.requests, 1);
    match take(&door, peer, request).await {
        Ok(records) => {
            DoorCount::note(&count.records, records);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refusal) => {
            DoorCount::note(&count.refused, 1);
            refusal.dress((refusal.status(), format!("{refusal}\n")).into_response())
        }
    }
}

async fn take(door: &Door, peer: Peer, request: Request) -> Result<usize, Refusal> {
    let most = door.settings.max_records;
    let is_json = match body::content_type(request.headers()).as_str() {
        "application/json" => true,
        "application/x-protobuf" | "" => false,
        other => return Err(Refusal::ContentType(other.to_owned())),
    };
    let encoding = match body::encoding(request.headers())? {
        // Never unpacked, and never said to be packed.
        Encoding::Plain if !is_json => Encoding::Snappy,
        told => told,
    };
    let decode = move |text: &[u8], sorted: &mut Sorted<'_>| {
        let mut entries = Entries { sorted, taken: 0, most };
        if is_json { json::read(text, &mut entries) } else { protobuf::read(text, &mut entries) }?;
        Ok(entries.taken)
    };
    door.take("loki", peer, (request, encoding), decode).await
}

/// Takes the entries of a request.
struct Entries<'a, 'b> {
    sorted: &'a mut Sorted<'b>,
    taken: usize,
    most: usize,
}

struct Entry<'a> {
    /// Nanoseconds since 1970.
    time: u64,
    line: &'a [u8],
    metadata: Map<String, Value>,
}

impl Entries<'_, '_> {
    fn take(&mut self, labels: &Arc<Map<String, Value>>, entry: Entry<'_>) -> Result<(), Refusal> {
        if self.taken == self.most {
            return Err(Refusal::TooMany { limit: self.most });
        }
        self.taken += 1;
        Ok(self.sorted.push(Record {
            time: Time::Stamped(entry.time),
            body: Body::Text(entry.line.to_vec()),
            attributes: entry.metadata,
            resource: Arc::clone(labels),
            ..Record::default()
        })?)
    }
}

fn too_long(what: &str) -> Refusal {
    Refusal::Malformed(format!("{what} are longer than {MOST_LABELS} bytes"))
}
