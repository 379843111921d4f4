use correlate::Case;
use model::{Attempt, Candidate, Entry, Link, Mention, Request, Role, Step, TimeRange, Timestamp};
use serde::Serialize;

use super::{rounded, row};
use crate::exit::Failure;
use crate::render::words;

#[derive(Serialize)]
struct WhyRow<'a> {
    outcome: &'static str,
    /// As it was asked for.
    id: &'a str,
    request: Option<RequestPart<'a>>,
    cause: Option<CausePart<'a>>,
    candidates: Vec<CausePart<'a>>,
    shown: Option<&'a str>,
    path: Vec<StepPart<'a>>,
    attempts: Vec<AttemptPart<'a>>,
    missing: Option<MissingPart<'a>>,
    spans: usize,
    entries: usize,
}

#[derive(Serialize)]
pub(super) struct RequestPart<'a> {
    id: Option<String>,
    action: &'a str,
    user: Option<&'a str>,
    project: Option<&'a str>,
    status: Option<u16>,
    resources: Vec<ResourcePart>,
    start: Option<String>,
    end: Option<String>,
    seconds: f64,
}

#[derive(Serialize)]
struct ResourcePart {
    kind: &'static str,
    id: String,
}

#[derive(Serialize)]
struct CausePart<'a> {
    file: &'a str,
    line: u64,
    end_line: u64,
    text: &'a str,
    service: Option<&'a str>,
    host: Option<&'a str>,
    timestamp: Option<String>,
    severity: &'static str,
    slug: Option<&'a str>,
    role: Option<&'static str>,
    title: Option<&'a str>,
    confidence: f64,
    link: LinkPart,
    reasons: Vec<ReasonPart<'a>>,
    explanation: Option<&'a str>,
    remedy: Option<String>,
}

#[derive(Serialize)]
pub(super) struct LinkPart {
    kind: String,
    confidence: f64,
    via: Option<String>,
}

#[derive(Serialize)]
struct ReasonPart<'a> {
    text: &'a str,
    weight: f64,
}

#[derive(Serialize)]
struct StepPart<'a> {
    service: Option<&'a str>,
    host: Option<&'a str>,
    file: &'a str,
    line: u64,
    timestamp: Option<String>,
    text: &'a str,
}

#[derive(Serialize)]
struct AttemptPart<'a> {
    instance: Option<String>,
    host: &'a str,
    outcome: &'static str,
    start: Option<String>,
    end: Option<String>,
}

#[derive(Serialize)]
struct MissingPart<'a> {
    look_in: &'a str,
    because: &'a str,
}

pub(crate) fn why(id: &str, case: &Case) -> Result<String, Failure> {
    let (trace, verdict) = (&case.trace, &case.verdict);
    row(&WhyRow {
        outcome: words::outcome(verdict.outcome),
        id,
        request: Some(RequestPart::new(&trace.request, trace.time)),
        cause: verdict.cause().map(CausePart::new),
        candidates: verdict.candidates.iter().map(CausePart::new).collect(),
        shown: verdict.shown.as_deref(),
        path: verdict.path.iter().map(StepPart::new).collect(),
        attempts: trace.attempts.iter().map(AttemptPart::new).collect(),
        missing: verdict
            .missing
            .as_ref()
            .map(|missing| MissingPart { look_in: &missing.look_in, because: &missing.because }),
        spans: trace.spans.len(),
        entries: trace.entries.len(),
    })
}

/// The same shape with nothing in it, so that a reader needs no second one.
pub(crate) fn not_found(id: &str) -> Result<String, Failure> {
    row(&WhyRow {
        outcome: "not_found",
        id,
        request: None,
        cause: None,
        candidates: Vec::new(),
        shown: None,
        path: Vec::new(),
        attempts: Vec::new(),
        missing: None,
        spans: 0,
        entries: 0,
    })
}

impl<'a> RequestPart<'a> {
    pub(super) fn new(request: &'a Request, time: TimeRange) -> Self {
        Self {
            id: request.id.as_ref().map(words::request_id),
            action: &request.action,
            user: request.user.as_deref(),
            project: request.project.as_deref(),
            status: request.status,
            resources: request.resources.iter().map(ResourcePart::new).collect(),
            start: rfc_3339(Some(time.start)),
            end: rfc_3339(Some(time.end)),
            seconds: time.end.seconds_since(time.start),
        }
    }
}

impl ResourcePart {
    fn new(mention: &Mention) -> Self {
        Self { kind: mention.kind.name(), id: mention.id.to_string() }
    }
}

impl<'a> CausePart<'a> {
    fn new(candidate: &'a Candidate) -> Self {
        let event = &*candidate.event;
        let signature = candidate.signature.as_deref();
        let said =
            |text: fn(&model::Signature) -> &String| signature.map(text).filter(|text| !text.is_empty());
        Self {
            file: &event.source.path,
            line: event.line,
            end_line: event.end_line,
            text: &candidate.text,
            service: event.daemon.as_deref().or(event.service.as_deref()),
            host: event.host.as_deref(),
            timestamp: rfc_3339(event.timestamp),
            severity: event.severity.name(),
            slug: said(|signature| &signature.slug).map(String::as_str),
            role: candidate.signature.as_ref().map(|signature| role(signature.role)),
            title: said(|signature| &signature.title).map(String::as_str),
            confidence: rounded(candidate.confidence),
            link: LinkPart::new(&candidate.link),
            reasons: candidate
                .reasons
                .iter()
                .map(|reason| ReasonPart { text: &reason.text, weight: rounded(reason.weight) })
                .collect(),
            explanation: said(|signature| &signature.explain).map(String::as_str),
            remedy: said(|signature| &signature.remedy).map(|text| words::filled(text, &candidate.captures)),
        }
    }
}

impl LinkPart {
    pub(super) fn new(link: &Link) -> Self {
        Self {
            kind: super::snake_case(&format!("{:?}", link.kind)),
            confidence: rounded(link.confidence),
            via: link.via.as_ref().map(ToString::to_string),
        }
    }

    pub(super) fn of(entry: &Entry) -> Self {
        Self::new(&entry.link)
    }
}

impl<'a> StepPart<'a> {
    fn new(step: &'a Step) -> Self {
        let event = &*step.event;
        Self {
            service: event.daemon.as_deref().or(event.service.as_deref()),
            host: event.host.as_deref(),
            file: &event.source.path,
            line: event.line,
            timestamp: rfc_3339(event.timestamp),
            text: &step.text,
        }
    }
}

impl<'a> AttemptPart<'a> {
    fn new(attempt: &'a Attempt) -> Self {
        Self {
            instance: attempt.instance.as_ref().map(ToString::to_string),
            host: &attempt.host,
            outcome: words::outcome(attempt.outcome),
            start: rfc_3339(Some(attempt.time.start)),
            end: rfc_3339(Some(attempt.time.end)),
        }
    }
}

/// `MIN` stands for a time that no line tells.
pub(super) fn rfc_3339(at: Option<Timestamp>) -> Option<String> {
    at.filter(|at| *at != Timestamp::MIN).map(|at| at.to_string())
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Cause => "cause",
        Role::Wrapper => "wrapper",
        Role::Symptom => "symptom",
        Role::Stage => "stage",
        Role::Noise => "noise",
    }
}
