//! OTLP/HTTP: `POST /v1/logs`, as protobuf and as JSON.
//!
//! Our own agent's records say which line of which text they are ([`agent`]): those are not stored twice. Records of
//! others ([`record`]) go into streams.

mod agent;
mod json;
mod protobuf;
mod record;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::body::{self, Text};
use super::refusal::Refusal;
use super::{Door, DoorCount, Peer};
use crate::Delivery;
use crate::shipped::Sorted;

/// Of a logger's name.
const MOST_SCOPE: usize = 512;

/// What was sent is answered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

pub(super) async fn logs(
    State(door): State<Door>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let form = match body::content_type(request.headers()).as_str() {
        "application/json" => Ok(Form::Json),
        // Who says nothing means what the protocol began with.
        "application/x-protobuf" | "application/protobuf" | "" => Ok(Form::Protobuf),
        other => Err(Refusal::ContentType(other.to_owned())),
    };
    let count = &door.counts.otlp;
    DoorCount::note(&count.requests, 1);
    let (form, taken) = match form {
        Ok(form) => (form, take(&door, peer, form, request).await),
        Err(refusal) => (Form::Protobuf, Err(refusal)),
    };
    match taken {
        Ok(Taken { records, refused }) => {
            DoorCount::note(&count.records, records);
            DoorCount::note(&count.records_refused, refused.records);
            form.success(refused)
        }
        Err(refusal) => {
            DoorCount::note(&count.refused, 1);
            form.failure(&refusal)
        }
    }
}

/// What became of a request.
struct Taken {
    records: usize,
    refused: Refused,
}

/// Records that were not understood.
#[derive(Debug, Default)]
struct Refused {
    records: usize,
    /// The first reason.
    why: String,
}

async fn take(door: &Door, peer: Peer, form: Form, request: Request) -> Result<Taken, Refusal> {
    let encoding = body::encoding(request.headers())?;
    let text = body::text(door, request, encoding).await?;
    let streams = std::sync::Arc::clone(&door.streams);
    let (most_records, most_bytes) = (door.settings.max_records, door.settings.max_text);
    let decoded = door.aside(move || {
        let Text { bytes, mut share } = text;
        share.grow(bytes.len())?;
        let peer = peer.0.to_string();
        let max_line = streams.settings().max_line;
        let mut intake = Intake {
            agent: agent::Lines::new(streams.settings().clone()),
            others: streams.sorted("otlp", &peer, most_bytes),
            resource: record::Sender::default(),
            records: 0,
            most_records,
            refused: Refused::default(),
        };
        match form {
            Form::Protobuf => protobuf::read(&bytes, max_line, &mut intake)?,
            Form::Json => json::read(&bytes, max_line, &mut intake)?,
        }
        Ok((intake.records, intake.refused.records, intake.finish(), share))
    });
    let (records, _, (deliveries, refused), share) = decoded.await?;
    let taken = Taken { records: records - refused.records, refused };
    door.inlet.deliver(deliveries).await?;
    drop(share);
    Ok(taken)
}

/// Takes the records of a request, one after the other: what is decoded of it at a time is small.
struct Intake<'a> {
    agent: agent::Lines,
    others: Sorted<'a>,
    resource: record::Sender,
    records: usize,
    most_records: usize,
    refused: Refused,
}

impl Intake<'_> {
    /// Those who sent the records to come.
    fn resource(&mut self, resource: Resource) {
        self.resource = record::Sender::new(resource);
    }

    /// The logger that they came through.
    fn scope(&mut self, name: &str) {
        self.resource.scope = name.chars().take(MOST_SCOPE).collect();
    }

    fn record(&mut self, record: Result<LogRecord, String>) -> Result<(), Refusal> {
        self.records += 1;
        if self.records > self.most_records {
            return Err(Refusal::TooMany { limit: self.most_records });
        }
        match record {
            Ok(record) => self.take(record),
            Err(why) => {
                if self.refused.records == 0 {
                    self.refused.why = why;
                }
                self.refused.records += 1;
                Ok(())
            }
        }
    }

    fn take(&mut self, record: LogRecord) -> Result<(), Refusal> {
        let Some(record) = self.agent.push(&self.resource, record) else { return Ok(()) };
        Ok(self.others.push(record::from_otlp(record, &self.resource))?)
    }

    fn finish(self) -> (Vec<Delivery>, Refused) {
        let mut deliveries = self.agent.into_deliveries();
        deliveries.extend(self.others.into_deliveries());
        (deliveries, self.refused)
    }
}

impl Form {
    fn success(self, refused: Refused) -> Response {
        let partial_success = (refused.records > 0).then(|| ExportLogsPartialSuccess {
            rejected_log_records: i64::try_from(refused.records).unwrap_or(i64::MAX),
            error_message: refused.why,
        });
        let answer = ExportLogsServiceResponse { partial_success };
        match self {
            Self::Protobuf => self.answer(StatusCode::OK, answer.encode_to_vec()),
            Self::Json => self.answer(StatusCode::OK, json::success(&answer)),
        }
    }

    fn failure(self, refusal: &Refusal) -> Response {
        let status = Status { code: code(refusal), message: refusal.to_string() };
        let body = match self {
            Self::Protobuf => status.encode_to_vec(),
            Self::Json => json::failure(&status),
        };
        refusal.dress(self.answer(refusal.status(), body))
    }

    fn answer(self, status: StatusCode, body: Vec<u8>) -> Response {
        let content_type = match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        };
        (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
    }
}

/// `google.rpc.Status`, without details.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// `google.rpc.Code`.
const fn code(refusal: &Refusal) -> i32 {
    const INVALID_ARGUMENT: i32 = 3;
    const DEADLINE_EXCEEDED: i32 = 4;
    const RESOURCE_EXHAUSTED: i32 = 8;
    const INTERNAL: i32 = 13;
    const UNAVAILABLE: i32 = 14;
    match refusal {
        Refusal::Malformed(_) | Refusal::Ended | Refusal::ContentType(_) | Refusal::Encoding(_) => {
            INVALID_ARGUMENT
        }
        Refusal::TooLong { .. } | Refusal::TooMuch { .. } | Refusal::TooMany { .. } => RESOURCE_EXHAUSTED,
        Refusal::Slow => DEADLINE_EXCEEDED,
        Refusal::Busy | Refusal::Undelivered => UNAVAILABLE,
        Refusal::Defect(_) => INTERNAL,
    }
}
