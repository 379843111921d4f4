use model::Summary;
use query::RequestCursor;
use serde::Serialize;

use super::verdict::rfc_3339;
use super::{rounded, rows};
use crate::exit::Failure;
use crate::render::words;

#[derive(Serialize)]
pub(super) struct RequestRow<'a> {
    request: String,
    action: &'a str,
    outcome: &'static str,
    instance: Option<String>,
    user: Option<&'a str>,
    project: Option<&'a str>,
    start: Option<String>,
    end: Option<String>,
    seconds: f64,
    services: u32,
    hosts: u32,
    cause: Option<CausePart<'a>>,
    /// `--after` goes on behind it.
    cursor: String,
}

#[derive(Serialize)]
struct CausePart<'a> {
    slug: Option<&'a str>,
    text: &'a str,
    confidence: f64,
    host: Option<&'a str>,
}

pub(crate) fn requests(summaries: &[Summary]) -> Result<String, Failure> {
    rows(summaries.iter().map(RequestRow::of))
}

impl<'a> RequestRow<'a> {
    pub(super) fn of(summary: &'a Summary) -> Self {
        Self {
            request: words::request_id(&summary.request),
            action: &summary.action,
            outcome: words::ending(summary),
            instance: summary.instance.as_ref().map(ToString::to_string),
            user: summary.user.as_deref(),
            project: summary.project.as_deref(),
            start: rfc_3339(Some(summary.start)),
            end: rfc_3339(Some(summary.end)),
            seconds: summary.end.seconds_since(summary.start),
            services: summary.services,
            hosts: summary.hosts,
            cause: summary.cause.as_deref().map(|text| CausePart {
                slug: summary.slug.as_deref(),
                text,
                confidence: rounded(summary.confidence),
                host: summary.cause_host.as_deref(),
            }),
            cursor: RequestCursor::of(summary).to_string(),
        }
    }
}
