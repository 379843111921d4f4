//! Why did it fail? The outcome, the cause, how it got to the user, what to do.

use std::collections::BTreeSet;

use anstyle::Style;
use correlate::Case;
use model::{Attempt, Candidate, Event, LinkKind, Missing, Outcome, Reason, Severity, Step};

use super::screen::indented;
use super::style::{COMMAND, CULPRIT, DIM, PLACE, PLAIN, STRONG, of_outcome};
use super::words;
use super::{Layout, Row, Screen};

/// Where the text of a short label begins, and of a long one.
const GUTTER: usize = 8;
const LONG_GUTTER: usize = 23;
const RUNNERS_UP: usize = 3;

pub(crate) fn why(case: &Case, layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    heading(&mut screen, case);
    match (case.verdict.outcome, case.verdict.cause()) {
        (Outcome::Failed, Some(cause)) => found(&mut screen, case, cause),
        (Outcome::Failed, None) => not_logged(&mut screen, case),
        (Outcome::Succeeded, _) => succeeded(&mut screen, case),
        (Outcome::Unfinished, _) => unfinished(&mut screen, case),
    }
    screen.finish()
}

/// `FAILED  boot of 4f3a…, 02:11:09 → 02:11:48, 96 lines, 4 services, 3 hosts`, and the ids in full.
pub(crate) fn heading(screen: &mut Screen, case: &Case) {
    let (trace, layout) = (&case.trace, screen.layout);
    let arrow = layout.sign("→", "->");
    let (start, end) = words::span_of_time(trace.time);
    let took = words::duration(trace.time.end.seconds_since(trace.time.start));
    let reach = reach(case);
    let outcome = words::outcome(trace.outcome).to_uppercase();
    let head = Row::new().put(of_outcome(trace.outcome).bold(), &outcome).pad_to(GUTTER);
    let head = if head.width() > GUTTER { head.text(" ") } else { head };
    let subject = words::subject(&trace.request, layout);
    screen.paragraph(head, STRONG, &format!("{subject}, {start} {arrow} {end} UTC ({took}){reach}"));
    if let Some(id) = &trace.request.id {
        labelled(screen, "request", &words::request_id(id));
    }
    for resource in &trace.request.resources {
        labelled(screen, resource.kind.name(), &resource.id.to_string());
    }
    if let Some(user) = &trace.request.user {
        labelled(screen, "user", user);
    }
    if let Some(project) = &trace.request.project {
        labelled(screen, "project", project);
    }
}

/// How much belongs to it; what is only near in time does not.
fn reach(case: &Case) -> String {
    let own = || case.trace.entries.iter().filter(|entry| entry.link.kind < LinkKind::Nearby);
    let lines = own().map(|entry| entry.event.end_line.saturating_sub(entry.event.line) + 1).sum();
    let services: BTreeSet<_> = own().filter_map(|entry| entry.event.daemon.as_deref()).collect();
    let hosts: BTreeSet<_> = own().filter_map(|entry| entry.event.host.as_deref()).collect();
    format!(
        ", {}, {}, {}",
        words::many(lines, "line", "lines"),
        words::many(services.len() as u64, "service", "services"),
        words::many(hosts.len() as u64, "host", "hosts")
    )
}

fn labelled(screen: &mut Screen, label: &str, value: &str) {
    screen.row(indented(GUTTER).put(DIM, label).pad_to(GUTTER + 10).put(DIM, value));
}

fn found(screen: &mut Screen, case: &Case, cause: &Candidate) {
    screen.blank();
    cause_of(screen, cause);
    screen.blank();
    shown(screen, case);
    path(screen, &case.verdict.path);
    reasons(screen, &cause.reasons);
    remedy(screen, cause);
    attempts(screen, &case.trace.attempts);
    let others = case.verdict.candidates.get(1..).unwrap_or_default();
    runners_up(screen, "also possible", others);
}

fn cause_of(screen: &mut Screen, cause: &Candidate) {
    let signature = cause.signature.as_ref();
    let name = signature.map_or("no known signature", |signature| signature.slug.as_str());
    let name_style = if signature.is_some() { CULPRIT } else { STRONG };
    let weak = if cause.confidence < 0.5 { " (weak)" } else { "" };
    let confidence = format!("confidence {:.2}{weak}", cause.confidence);
    let column = screen.layout.width.saturating_sub(confidence.len());
    let head = Row::new().put(STRONG, "cause").pad_to(GUTTER).put(name_style, name);
    screen.row(head.pad_to(column.min(73)).put(DIM, confidence));
    screen.paragraph(indented(GUTTER), CULPRIT, &cause.text);
    screen.row(origin(&cause.event));
    if let Some(signature) = signature.filter(|signature| !signature.explain.is_empty()) {
        screen.paragraph(indented(GUTTER), PLAIN, &signature.explain);
    }
}

/// `neutron-server@controller  controller/neutron/neutron-server.log:16507  02:11:31.208`
fn origin(event: &Event) -> Row {
    indented(GUTTER)
        .text(words::program_of(event))
        .text("  ")
        .put(PLACE, words::place(event))
        .text("  ")
        .text(words::clock(event.timestamp))
}

fn shown(screen: &mut Screen, case: &Case) {
    if let Some(shown) = &case.verdict.shown {
        let head = Row::new().put(STRONG, "shown to the user as").pad_to(LONG_GUTTER);
        screen.paragraph(head, PLAIN, &format!("\"{}\"", first_line(shown)));
    }
}

/// In one row when it fits, one hop a row otherwise.
fn path(screen: &mut Screen, steps: &[Step]) {
    if steps.len() < 2 {
        return;
    }
    let arrow = screen.layout.sign("→ ", "-> ");
    let head = Row::new().put(STRONG, "how it got there").pad_to(LONG_GUTTER);
    let mut hops: Vec<String> = steps
        .iter()
        .map(|step| format!("{}: {}", words::program_of(&step.event), first_line(&step.text)))
        .collect();
    // The same failure is often printed two or three times.
    hops.dedup();
    let row = hops.join(&format!(" {arrow}"));
    if LONG_GUTTER + row.chars().count() <= screen.layout.width {
        return screen.row(head.text(row));
    }
    let mut head = Some(head);
    for (at, hop) in hops.iter().enumerate() {
        let begin = head.take().unwrap_or_else(|| indented(LONG_GUTTER));
        let begin = if at == 0 { begin } else { begin.put(DIM, arrow) };
        screen.paragraph(begin, PLAIN, hop);
    }
}

fn reasons(screen: &mut Screen, reasons: &[Reason]) {
    let mut head = Some(Row::new().put(STRONG, "why we think so").pad_to(LONG_GUTTER));
    for reason in reasons {
        let sign = if reason.weight < 0.0 { screen.layout.sign("−", "-") } else { "+" };
        let begin = head.take().unwrap_or_else(|| indented(LONG_GUTTER));
        let weight = format!("{sign}{:<5}", format!("{:.0}", reason.weight.abs()));
        screen.paragraph(begin.put(DIM, weight), PLAIN, &reason.text);
    }
}

fn remedy(screen: &mut Screen, cause: &Candidate) {
    let Some(signature) = cause.signature.as_ref().filter(|signature| !signature.remedy.is_empty()) else {
        return;
    };
    screen.blank();
    let mut head = Some(Row::new().put(STRONG, "do").pad_to(GUTTER));
    for step in words::steps(&signature.remedy) {
        let begin = head.take().unwrap_or_else(|| indented(GUTTER));
        // Not wrapped: a command that is broken over two rows cannot be pasted.
        screen.row(begin.put(COMMAND, words::filled(step, &cause.captures)));
    }
}

/// Worth a look only when there were several.
fn attempts(screen: &mut Screen, attempts: &[Attempt]) {
    if attempts.len() < 2 {
        return;
    }
    screen.blank();
    let widest = attempts.iter().map(|attempt| attempt.host.chars().count()).max().unwrap_or(0);
    let mut head = Some(Row::new().put(STRONG, "tries").pad_to(GUTTER));
    for attempt in attempts {
        let begin = head.take().unwrap_or_else(|| indented(GUTTER));
        let row = begin
            .text(&attempt.host)
            .pad_to(GUTTER + widest + 2)
            .put(of_outcome(attempt.outcome), words::outcome(attempt.outcome))
            .pad_to(GUTTER + widest + 14)
            .text(words::clock(Some(attempt.time.start)))
            .text("  ")
            .text(words::duration(attempt.time.end.seconds_since(attempt.time.start)));
        let instance = attempt.instance.as_ref().map(ToString::to_string).unwrap_or_default();
        screen.row(row.text("  ").put(DIM, instance));
    }
}

fn runners_up(screen: &mut Screen, label: &str, candidates: &[Candidate]) {
    if candidates.is_empty() {
        return;
    }
    screen.blank();
    screen.row(Row::new().put(STRONG, label));
    for candidate in candidates.iter().take(RUNNERS_UP) {
        let name = candidate.signature.as_ref().map(|signature| format!("{}: ", signature.slug));
        let place = words::place(&candidate.event);
        let room = screen.layout.width.saturating_sub(place.chars().count() + 2).max(60);
        let row = indented(GUTTER)
            .put(DIM, format!("{:.2}  ", candidate.confidence))
            .text(name.unwrap_or_default())
            .text(first_line(&candidate.text))
            .cut(room, screen.layout);
        screen.row(row.text("  ").put(PLACE, place));
    }
}

fn not_logged(screen: &mut Screen, case: &Case) {
    screen.blank();
    screen.row(Row::new().put(STRONG, "cause").pad_to(GUTTER).put(CULPRIT, "not in the logs"));
    if let Some(Missing { look_in, because }) = &case.verdict.missing {
        screen.paragraph(indented(GUTTER).put(STRONG, "look in  "), PLAIN, look_in);
        screen.paragraph(indented(GUTTER).put(STRONG, "because  "), PLAIN, because);
    }
    screen.blank();
    shown(screen, case);
    attempts(screen, &case.trace.attempts);
    runners_up(screen, "weak hints", &case.verdict.candidates);
}

fn succeeded(screen: &mut Screen, case: &Case) {
    let errors = case
        .trace
        .entries
        .iter()
        .filter(|entry| entry.event.severity >= Severity::Error && entry.link.kind <= LinkKind::Entity);
    let text = match errors.count() as u64 {
        0 => "No cause to name: the request succeeded, and no error was logged on the way.".to_owned(),
        errors => format!(
            "No cause to name: the request succeeded. It recovered from {} on the way.",
            words::many(errors, "error", "errors")
        ),
    };
    screen.blank();
    screen.paragraph(indented(GUTTER), PLAIN, &text);
    attempts(screen, &case.trace.attempts);
}

fn unfinished(screen: &mut Screen, case: &Case) {
    screen.blank();
    screen.paragraph(indented(GUTTER), PLAIN, "No line tells how it ended.");
    let own = case.trace.entries.iter().filter(|entry| entry.link.kind <= LinkKind::Entity);
    if let Some(last) = own.max_by_key(|entry| entry.event.timestamp) {
        screen.paragraph(
            indented(GUTTER).put(STRONG, "last line  "),
            severity_of(&last.event),
            &last.event.body,
        );
        screen.row(origin(&last.event));
    }
    attempts(screen, &case.trace.attempts);
}

fn severity_of(event: &Event) -> Style {
    super::style::of_severity(event.severity)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
