//! What `culprit up` and `culprit watch` say as it happens.

use model::Summary;

use super::style::{CAUTION, COMMAND, CULPRIT, DIM, FAILURE, PLAIN, STRONG};
use super::{Layout, Row, Screen, words};
use crate::engine::{Incident, News};

pub(crate) fn news(news: &News, layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    match news {
        News::Failed(summary, None) => failed(&mut screen, summary, layout),
        News::Failed(summary, Some(incident)) => screen.row(one_more(summary, incident)),
        News::Stuck(summary) => stuck(&mut screen, summary),
        News::Begins(incident) => begins(&mut screen, incident, layout),
        News::Over(incident) => over(&mut screen, incident, layout),
    }
    screen.finish()
}

/// What it was, why it failed, what to type to see more.
fn failed(screen: &mut Screen, summary: &Summary, layout: Layout) {
    screen.row(
        title(summary)
            .put(FAILURE, "FAILED")
            .put(STRONG, format!("  {} ", summary.action))
            .put(DIM, of_instance(summary)),
    );
    let slug = summary.slug.as_deref().unwrap_or_default();
    let cause = match &summary.cause {
        Some(cause) => Row::new()
            .put(DIM, "  cause  ")
            .put(STRONG, slug)
            .text(if slug.is_empty() { "" } else { "  " })
            .put(CULPRIT, first_line(cause)),
        None => Row::new().put(DIM, "  cause  ").text("does not stand in the logs"),
    };
    screen.row(fitting(cause, layout));
    screen.row(see("culprit why", &words::request_id(&summary.request)));
}

/// Of an incident that was told: no more than that it is one.
fn one_more(summary: &Summary, incident: &Incident) -> Row {
    title(summary)
        .put(DIM, "failed")
        .put(PLAIN, format!("  {} ", summary.action))
        .put(DIM, format!("{}  of {} too, {} by now", of_instance(summary), place(incident), incident.count))
}

fn stuck(screen: &mut Screen, summary: &Summary) {
    screen.row(
        title(summary)
            .put(CAUTION, "STUCK")
            .put(STRONG, format!("  {} ", summary.action))
            .put(DIM, of_instance(summary)),
    );
    screen.row(Row::new().put(DIM, "  since  ").text("this is its last line, and it did not end"));
    screen.row(see("culprit trace", &words::request_id(&summary.request)));
}

fn begins(screen: &mut Screen, incident: &Incident, layout: Layout) {
    screen.row(
        incident_row(incident)
            .put(STRONG, format!("  fails {}", words::many(incident.count, "request", "requests"))),
    );
    screen.row(fitting(Row::new().put(DIM, "  cause  ").put(CULPRIT, first_line(&incident.cause)), layout));
    screen.row(Row::new().put(DIM, "  since  ").text(words::date_and_clock(Some(incident.since))));
}

fn over(screen: &mut Screen, incident: &Incident, layout: Layout) {
    screen.row(
        incident_row(incident)
            .put(STRONG, format!("  over; it failed {}", words::many(incident.count, "request", "requests"))),
    );
    let ids: Vec<String> = incident.requests.iter().map(words::request_id).collect();
    screen.row(fitting(Row::new().put(DIM, "  broke  ").text(ids.join(" ")), layout));
}

fn incident_row(incident: &Incident) -> Row {
    Row::new()
        .put(DIM, words::date_and_clock(Some(incident.until)))
        .put(PLAIN, "  ")
        .put(FAILURE, "INCIDENT")
        .put(PLAIN, "  ")
        .put(STRONG, place(incident))
}

/// `libvirt.connection_failed at compute-03`
fn place(incident: &Incident) -> String {
    match &incident.host {
        Some(host) => format!("{} at {host}", incident.slug),
        None => incident.slug.clone(),
    }
}

fn title(summary: &Summary) -> Row {
    Row::new().put(DIM, words::date_and_clock(Some(summary.end))).put(PLAIN, "  ")
}

fn of_instance(summary: &Summary) -> String {
    summary.instance.as_ref().map(|id| format!("of {id}")).unwrap_or_default()
}

fn see(command: &str, id: &str) -> Row {
    Row::new().put(DIM, "  see    ").put(COMMAND, format!("{command} {id}"))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn fitting(row: Row, layout: Layout) -> Row {
    if layout.terminal { row.cut(layout.width, layout) } else { row }
}
