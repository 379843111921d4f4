//! What `culprit up` says as it happens.

use model::Summary;
use pipeline::LiveReport;

use super::style::{COMMAND, CULPRIT, DIM, FAILURE, PLAIN, STRONG};
use super::{Layout, Row, Screen, words};

/// A request that failed: what it was, why it failed, what to type to see more.
pub(crate) fn failed(summary: &Summary, layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    let instance = summary.instance.as_ref().map(|id| format!("of {id}")).unwrap_or_default();
    screen.row(
        Row::new()
            .put(DIM, words::date_and_clock(Some(summary.end)))
            .put(PLAIN, "  ")
            .put(FAILURE, "FAILED")
            .put(STRONG, format!("  {} ", summary.action))
            .put(DIM, instance),
    );
    let slug = summary.slug.as_deref().unwrap_or_default();
    let cause = match &summary.cause {
        Some(cause) => Row::new()
            .put(DIM, "  cause  ")
            .put(STRONG, slug)
            .text(if slug.is_empty() { "" } else { "  " })
            .put(CULPRIT, cause.lines().next().unwrap_or_default()),
        None => Row::new().put(DIM, "  cause  ").text("does not stand in the logs"),
    };
    screen.row(if layout.terminal { cause.cut(layout.width, layout) } else { cause });
    let command = format!("culprit why {}", words::request_id(&summary.request));
    screen.row(Row::new().put(DIM, "  see    ").put(COMMAND, command));
    screen.finish()
}

pub(crate) fn ready(addresses: &[String]) -> String {
    let listening: String = addresses.iter().map(|address| format!("; syslog at {address}")).collect();
    format!("watching{listening}; Ctrl-C ends\n")
}

pub(crate) fn end(report: &LiveReport) -> String {
    format!(
        "stored {}; {}\n",
        words::many(report.lines, "line", "lines"),
        match report.failures {
            0 => "no request failed".to_owned(),
            failures => format!("{} failed", words::many(failures, "request", "requests")),
        }
    )
}
