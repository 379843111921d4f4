//! What the user was told, how the failure travelled there, and where a cause that was not logged would have stood.

use std::collections::HashSet;
use std::sync::Arc;

use model::{Candidate, Event, Link, LinkKind, Missing, Outcome, Role, Step};

use crate::outcome::Course;

/// The message at the end of the road: the fault of the resource, else the answer at the front door.
pub(crate) fn shown(course: &Course) -> Option<String> {
    if course.outcome != Outcome::Failed {
        return None;
    }
    let last = course.last_word.as_ref()?;
    match &last.exchange {
        Some(exchange) => {
            let status = exchange.status.map_or_else(String::new, |status| format!("HTTP {status}"));
            Some(match &course.door_words {
                Some(words) => format!("{status}: {}", said(words)),
                None => status,
            })
        }
        None => Some(said(last)),
    }
}

/// The outermost exception's message, else the body.
pub(crate) fn said(event: &Event) -> String {
    match event.exceptions.first() {
        Some(exception) if !exception.message.is_empty() => exception.message.clone(),
        _ => event.body.clone(),
    }
}

/// From the cause to the user: the first line of each program that passed the failure on.
pub(crate) fn path(cause: Option<&Candidate>, course: &Course, events: &[(Arc<Event>, Link)]) -> Vec<Step> {
    const LONGEST: usize = 7;
    let Some(cause) = cause else { return Vec::new() };
    let mut steps = vec![step(&cause.event)];
    let mut told: HashSet<(Option<&str>, Option<&str>, String)> = HashSet::new();
    told.insert((cause.event.daemon.as_deref(), cause.event.host.as_deref(), said(&cause.event)));
    for (event, link) in events {
        let passes_on = event
            .signatures
            .iter()
            .find(|found| matches!(found.signature.role, Role::Wrapper | Role::Symptom));
        if passes_on.is_none() || link.kind > LinkKind::Entity {
            continue;
        }
        let later = event.timestamp >= cause.event.timestamp && !Arc::ptr_eq(event, &cause.event);
        let key = (event.daemon.as_deref(), event.host.as_deref(), said(event));
        if later && told.insert(key) {
            steps.push(step(event));
        }
    }
    if let Some(last) =
        course.last_word.as_ref().filter(|last| !steps.iter().any(|step| Arc::ptr_eq(&step.event, last)))
    {
        steps.push(step(last));
    }
    if steps.len() > LONGEST {
        steps.drain(LONGEST - 2..steps.len() - 2);
    }
    steps
}

fn step(event: &Arc<Event>) -> Step {
    Step { event: Arc::clone(event), text: said(event) }
}

/// For a failure without a cause in the logs.
pub(crate) fn missing(course: &Course, events: &[(Arc<Event>, Link)]) -> Option<Missing> {
    if course.outcome != Outcome::Failed {
        return None;
    }
    let mut hints =
        events.iter().flat_map(|(event, _)| event.signatures.iter().map(move |found| (event, found)));
    let hint = hints.rfind(|(_, found)| !found.signature.look_in.is_empty());
    if let Some((event, found)) = hint {
        let because = format!("all that is logged is \"{}\", which names no reason", said(event));
        return Some(Missing { look_in: found.signature.look_in.clone(), because });
    }
    let last = course.last_word.as_ref()?;
    let program = last.daemon.as_deref().unwrap_or("the service");
    let host = last.host.as_deref().map_or_else(String::new, |host| format!(" on {host}"));
    let because = match last.exchange.as_ref().and_then(|exchange| exchange.status) {
        Some(status) => format!("{program} answered {status} and logged only the access line"),
        None => format!("{program} logged that it failed, not why"),
    };
    Some(Missing {
        look_in: format!(
            "the log of {program}{host} at DEBUG (debug = True), and the answer that the caller got"
        ),
        because,
    })
}
