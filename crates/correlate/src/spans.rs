//! A trace's shape: who worked for the request, on which host, called by whom, and for how long.

use std::collections::HashMap;
use std::sync::Arc;

use model::{
    Attempt, Entry, Event, Id, IdKind, Link, LinkKind, Mark, Outcome, Severity, Span, TimeRange, Timestamp,
};

/// One program on one host, doing one call.
type Work = (String, Option<String>, Option<Id>);

/// Sorts events into spans, parents before children; every event gets the index of its span.
pub(crate) fn spans(request: &Id, events: Vec<(Arc<Event>, Link)>) -> (Vec<Span>, Vec<Entry>) {
    let mut order: Vec<Work> = Vec::new();
    let mut found: HashMap<Work, Span> = HashMap::new();
    for (event, _) in &events {
        let work = work_of(event, request);
        let span = found.entry(work.clone()).or_insert_with(|| {
            order.push(work.clone());
            new_span(event, &work)
        });
        stretch(span, event);
    }
    order.sort_by_key(|work| (depth(work, request), found[work].time.start, work.clone()));
    let index: HashMap<&Work, usize> = order.iter().enumerate().map(|(at, work)| (work, at)).collect();
    let entries = events
        .iter()
        .map(|(event, link)| Entry {
            event: Arc::clone(event),
            link: link.clone(),
            span: index[&work_of(event, request)],
        })
        .collect();
    let mut spans: Vec<Span> = order.iter().map(|work| found[work].clone()).collect();
    for at in 1..spans.len() {
        spans[at].parent = Some(parent_of(at, &spans, request));
    }
    (spans, entries)
}

fn work_of(event: &Event, request: &Id) -> Work {
    let service = event.daemon.clone().or_else(|| event.service.clone()).unwrap_or_else(|| "unknown".into());
    let context = &event.context;
    let call = match &context.request {
        Some(id) if !context.anonymous => Some(id.clone()),
        _ if event.notification.is_some() => Some(request.clone()),
        _ => None,
    };
    (service, event.host.clone(), call)
}

/// The request's own work first, then the calls it made, then what merely happened to its resources.
fn depth((_, _, call): &Work, request: &Id) -> u8 {
    match call {
        Some(call) if call == request => 0,
        Some(_) => 1,
        None => 2,
    }
}

fn new_span(event: &Event, (service, host, call): &Work) -> Span {
    let at = event.timestamp.unwrap_or(Timestamp::MIN);
    Span {
        parent: None,
        service: service.clone(),
        host: host.clone(),
        call: call.clone(),
        name: service.clone(),
        time: TimeRange { start: at, end: at },
        failed: false,
    }
}

fn stretch(span: &mut Span, event: &Event) {
    if let Some(exchange) = &event.exchange
        && (span.name == span.service || exchange.changes())
    {
        span.name = format!("{} {}", exchange.method, exchange.target.split('?').next().unwrap_or_default());
    }
    span.failed |=
        event.severity >= Severity::Error || event.exchange.as_ref().is_some_and(model::Exchange::failed);
    let Some(at) = event.timestamp else { return };
    // An access line is written when the call ends; its duration tells when it began.
    let seconds =
        event.exchange.as_ref().and_then(|exchange| exchange.seconds).unwrap_or(0.0).clamp(0.0, 86_400.0);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a day")]
    let began = Timestamp::from_nanos(at.nanos().saturating_sub((seconds * 1e9) as i64));
    span.time.start = if span.time.start == Timestamp::MIN { began } else { span.time.start.min(began) };
    span.time.end = span.time.end.max(at);
}

/// The latest begun span of the request itself that was at work when this one began; the first one otherwise.
fn parent_of(at: usize, spans: &[Span], request: &Id) -> usize {
    let span = &spans[at];
    if span.call.as_ref() == Some(request) {
        return 0;
    }
    let at_work = |parent: &&(usize, &Span)| {
        parent.1.time.start <= span.time.start && span.time.start <= parent.1.time.end
    };
    let own =
        spans.iter().enumerate().filter(|(other, own)| *other < at && own.call.as_ref() == Some(request));
    own.filter(|parent| at_work(&parent)).max_by_key(|(_, own)| own.time.start).map_or(0, |(other, _)| other)
}

/// Which hosts were tried for which instance, and how each try ended.
pub(crate) fn attempts(events: &[(Arc<Event>, Link)], outcome: Outcome) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for (event, link) in events {
        let mark = event.signatures.iter().find_map(|found| found.signature.mark);
        let (Some(mark), Some(host), Some(at), true) =
            (mark, &event.host, event.timestamp, link.kind <= LinkKind::Entity)
        else {
            continue;
        };
        let instance = event
            .mentions
            .iter()
            .find(|mention| mention.kind == IdKind::Instance)
            .map(|mention| mention.id.clone());
        let known = attempts.iter().rposition(|attempt| {
            attempt.host == *host && (instance.is_none() || attempt.instance == instance)
        });
        match (mark, known) {
            (Mark::Attempted, _) => attempts.push(Attempt {
                instance,
                host: host.clone(),
                time: TimeRange { start: at, end: at },
                outcome: Outcome::Unfinished,
            }),
            (_, Some(known)) => {
                let attempt = &mut attempts[known];
                attempt.time.end = attempt.time.end.max(at);
                match mark {
                    Mark::AttemptFailed | Mark::Failed => attempt.outcome = Outcome::Failed,
                    Mark::Succeeded if outcome == Outcome::Succeeded => attempt.outcome = Outcome::Succeeded,
                    _ => {}
                }
            }
            (_, None) => {}
        }
    }
    attempts
}
