//! What happens, a row each.

use serde::Serialize;

use super::request::RequestRow;
use super::row;
use super::verdict::rfc_3339;
use crate::engine::{Incident, News};
use crate::exit::Failure;
use crate::render::words;

#[derive(Serialize)]
struct RequestNews<'a> {
    event: &'static str,
    #[serde(flatten)]
    request: RequestRow<'a>,
    /// The slug of the incident that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<&'a str>,
}

#[derive(Serialize)]
struct IncidentNews<'a> {
    event: &'static str,
    slug: &'a str,
    host: Option<&'a str>,
    cause: &'a str,
    since: Option<String>,
    until: Option<String>,
    count: u64,
    requests: Vec<String>,
}

pub(crate) fn news(news: &News) -> Result<String, Failure> {
    match news {
        News::Failed(summary, incident) => {
            let incident = incident.as_ref().map(|incident| incident.slug.as_str());
            row(&RequestNews { event: "failed", request: RequestRow::of(summary), incident })
        }
        News::Stuck(summary) => {
            row(&RequestNews { event: "stuck", request: RequestRow::of(summary), incident: None })
        }
        News::Begins(incident) => row(&IncidentNews::of("incident", incident)),
        News::Over(incident) => row(&IncidentNews::of("incident_over", incident)),
    }
}

impl<'a> IncidentNews<'a> {
    fn of(event: &'static str, incident: &'a Incident) -> Self {
        Self {
            event,
            slug: &incident.slug,
            host: incident.host.as_deref(),
            cause: &incident.cause,
            since: rfc_3339(Some(incident.since)),
            until: rfc_3339(Some(incident.until)),
            count: incident.count,
            requests: incident.requests.iter().map(words::request_id).collect(),
        }
    }
}
