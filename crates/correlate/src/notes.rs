//! What is remembered of requests, as bytes for a store that does not look inside: a list needs no second judgement.

use model::{Id, Outcome, Scope, State, Summary, TemplateId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;

/// The key under which the baseline is kept.
pub const BASELINE_KEY: &[u8] = b"baseline";
const REQUEST_KEY: &[u8] = b"request ";

/// The key of what is remembered of a request.
#[must_use]
pub fn request_key(request: &Id) -> Vec<u8> {
    [REQUEST_KEY, request.to_string().as_bytes()].concat()
}

/// A request that is known by its key, and not judged yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opening {
    /// Nanoseconds since 1970.
    opened: i64,
    /// A number for the text that it was opened in: what happens in one cell or on one host is judged together.
    text: u32,
}

impl Opening {
    #[must_use]
    pub const fn new(opened: Timestamp, text: u32) -> Self {
        Self { opened: opened.nanos(), text }
    }

    #[must_use]
    pub const fn opened(&self) -> Timestamp {
        Timestamp::from_nanos(self.opened)
    }

    #[must_use]
    pub const fn text(&self) -> u32 {
        self.text
    }
}

#[must_use]
pub fn opening_to_bytes(opening: &Opening) -> Vec<u8> {
    serde_json::to_vec(opening).expect("numbers are JSON")
}

/// The request under this key, and how it was opened, if it is not judged yet.
#[must_use]
pub fn opening_from_bytes(key: &[u8], bytes: &[u8]) -> Option<(Id, Opening)> {
    let request = Id::parse(std::str::from_utf8(key.strip_prefix(REQUEST_KEY)?).ok()?)?;
    Some((request, serde_json::from_slice(bytes).ok()?))
}

#[derive(Serialize, Deserialize)]
struct StoredSummary {
    request: String,
    action: String,
    instance: Option<String>,
    user: Option<String>,
    project: Option<String>,
    #[serde(with = "StoredOutcome")]
    outcome: Outcome,
    slug: Option<String>,
    cause: Option<String>,
    confidence: f32,
    start: i64,
    end: i64,
    services: u32,
    hosts: u32,
    #[serde(default, with = "StoredScope")]
    scope: Scope,
    #[serde(default)]
    cause_host: Option<String>,
    #[serde(default, with = "StoredState")]
    state: State,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Outcome", rename_all = "snake_case")]
enum StoredOutcome {
    Succeeded,
    Failed,
    Unfinished,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Scope", rename_all = "snake_case")]
enum StoredScope {
    Request,
    Host,
    Cloud,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "State", rename_all = "snake_case")]
enum StoredState {
    Settled,
    Open,
    Stuck,
}

#[derive(Serialize, Deserialize)]
struct StoredBaseline {
    requests: u64,
    seen: Vec<(u64, u64)>,
}

#[must_use]
pub fn summary_to_bytes(summary: &Summary) -> Vec<u8> {
    let stored = StoredSummary {
        request: summary.request.to_string(),
        action: summary.action.clone(),
        instance: summary.instance.as_ref().map(Id::to_string),
        user: summary.user.clone(),
        project: summary.project.clone(),
        outcome: summary.outcome,
        slug: summary.slug.clone(),
        cause: summary.cause.clone(),
        confidence: summary.confidence,
        start: summary.start.nanos(),
        end: summary.end.nanos(),
        services: summary.services,
        hosts: summary.hosts,
        scope: summary.scope,
        cause_host: summary.cause_host.clone(),
        state: summary.state,
    };
    serde_json::to_vec(&stored).expect("strings and numbers are JSON")
}

/// `None` for what is no summary.
#[must_use]
pub fn summary_from_bytes(key: &[u8], bytes: &[u8]) -> Option<Summary> {
    key.strip_prefix(REQUEST_KEY)?;
    let stored: StoredSummary = serde_json::from_slice(bytes).ok()?;
    Some(Summary {
        request: Id::parse(&stored.request)?,
        action: stored.action,
        instance: stored.instance.as_deref().and_then(Id::parse),
        user: stored.user,
        project: stored.project,
        outcome: stored.outcome,
        slug: stored.slug,
        cause: stored.cause,
        confidence: stored.confidence,
        start: Timestamp::from_nanos(stored.start),
        end: Timestamp::from_nanos(stored.end),
        services: stored.services,
        hosts: stored.hosts,
        scope: stored.scope,
        cause_host: stored.cause_host,
        state: stored.state,
    })
}

#[must_use]
pub fn baseline_to_bytes(baseline: &Baseline) -> Vec<u8> {
    let mut seen: Vec<(u64, u64)> =
        baseline.seen.iter().map(|(template, count)| (template.0, *count)).collect();
    seen.sort_unstable();
    serde_json::to_vec(&StoredBaseline { requests: baseline.requests, seen }).expect("numbers are JSON")
}

#[must_use]
pub fn baseline_from_bytes(bytes: &[u8]) -> Option<Baseline> {
    let stored: StoredBaseline = serde_json::from_slice(bytes).ok()?;
    let seen = stored.seen.into_iter().map(|(template, count)| (TemplateId(template), count)).collect();
    Some(Baseline { requests: stored.requests, seen })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_reads_back() {
        let summary = Summary {
            request: Id::parse("0679010f-c12e-4d7d-a1f6-9c887eb0e4f8").expect("an id"),
            action: "boot".into(),
            instance: Id::parse("0773a2bc-2671-4809-81f6-7f3946933055"),
            user: Some("u".into()),
            project: None,
            outcome: Outcome::Failed,
            slug: Some("neutron.ip_exhausted".into()),
            cause: Some("No more IP addresses \"available\"\n".into()),
            confidence: 0.5,
            start: Timestamp::from_nanos(1),
            end: Timestamp::from_nanos(i64::MAX),
            services: 4,
            hosts: 3,
            scope: Scope::Host,
            cause_host: Some("compute-03".into()),
            state: State::Stuck,
        };
        let key = request_key(&summary.request);
        assert_eq!(opening_from_bytes(&key, &summary_to_bytes(&summary)), None);
        assert_eq!(summary_from_bytes(&key, &opening_to_bytes(&Opening::new(summary.start, 7))), None);
        let opening = Some((summary.request.clone(), Opening::new(summary.start, 7)));
        assert_eq!(opening_from_bytes(&key, &opening_to_bytes(&Opening::new(summary.start, 7))), opening);
        assert_eq!(summary_from_bytes(&key, &summary_to_bytes(&summary)), Some(summary));
        assert_eq!(summary_from_bytes(BASELINE_KEY, b"{}"), None);
        let baseline = Baseline { requests: 2, seen: [(TemplateId(u64::MAX), 1), (TemplateId(3), 2)].into() };
        assert_eq!(baseline_from_bytes(&baseline_to_bytes(&baseline)), Some(baseline));
    }
}
