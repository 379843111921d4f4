//! How a request ended. The last word counts: an attempt that failed is no failure when the next one succeeded.

use std::sync::Arc;

use model::{
    Event, Exchange, IdKind, Link, LinkKind, Mark, Mention, Outcome, Request, Role, Severity, Timestamp,
};

/// The facts from which the outcome follows; `decide` and `story` use them too.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) request: Request,
    pub(crate) outcome: Outcome,
    /// The first sign of the final failure: what comes later is clean-up.
    pub(crate) failed_at: Option<Timestamp>,
    /// Where the user was told.
    pub(crate) last_word: Option<Arc<Event>>,
    /// What the front door said just before it refused.
    pub(crate) door_words: Option<Arc<Event>>,
    /// Something was looked for that does not exist: clients do so all the time, to find things by their names.
    pub(crate) looked_in_vain: bool,
    /// Hosts that were tried, in this order.
    tried: Vec<String>,
}

impl Course {
    /// Whether the event is of a host that was tried and given up for another.
    pub(crate) fn was_left(&self, event: &Event) -> bool {
        let (Some(host), Some((last, earlier))) = (&event.host, self.tried.split_last()) else {
            return false;
        };
        host != last && earlier.contains(host)
    }
}

pub(crate) fn course(id: &model::Id, events: &[(Arc<Event>, Link)], resources: &[Mention]) -> Course {
    let request = request(id, events, resources);
    let succeeded =
        marks(events, Mark::Succeeded).filter(|(_, action)| fits(action.as_deref(), &request.action)).last();
    let failures: Vec<_> = marks(events, Mark::Failed).map(|(event, _)| event).collect();
    let refused = refusal(id, events);
    let door_words = refused.as_ref().and_then(|door| words_before(door, events));
    let last_success = succeeded.as_ref().and_then(|(event, _)| event.timestamp);
    let final_failures = || {
        let after = move |event: &&Arc<Event>| {
            last_success.is_none_or(|good| event.timestamp.is_some_and(|at| at > good))
        };
        failures.iter().filter(after)
    };
    let (outcome, last_word) = if let Some(refused) = refused {
        (Outcome::Failed, Some(refused))
    } else if let Some(last) = final_failures().next_back() {
        (Outcome::Failed, Some(Arc::clone(last)))
    } else if succeeded.is_some() {
        (Outcome::Succeeded, None)
    } else {
        (unmarked(id, events, &request), None)
    };
    let failed_at = match outcome {
        Outcome::Failed => final_failures().next().or(last_word.as_ref()).and_then(|event| event.timestamp),
        Outcome::Succeeded | Outcome::Unfinished => None,
    };
    let looked_in_vain = answered_door(id, events)
        .is_some_and(|(_, exchange)| !exchange.changes() && exchange.status == Some(404));
    let tried = marks(events, Mark::Attempted).filter_map(|(event, _)| event.host.clone()).collect();
    Course { request, outcome, failed_at, last_word, door_words, looked_in_vain, tried }
}

fn request(id: &model::Id, events: &[(Arc<Event>, Link)], resources: &[Mention]) -> Request {
    let door = front_door(id, events);
    let own = || events.iter().filter(|(_, link)| link.kind <= LinkKind::Adopted).map(|(event, _)| event);
    let started = || {
        events
            .iter()
            .flat_map(|(event, _)| &event.signatures)
            .find(|found| found.signature.mark == Some(Mark::Started))
    };
    let asked = door.and_then(|(_, exchange)| exchange.action.clone());
    let action = asked
        .clone()
        .filter(|action| !is_vague(action))
        .or_else(|| started().and_then(|found| found.signature.action.clone()))
        .or_else(|| marked_action(events))
        .or(asked)
        .or_else(|| own().find_map(|event| event.exchange.as_ref()?.action.clone()))
        .or_else(|| door.map(|(_, exchange)| format!("{} {}", exchange.method, path_of(&exchange.target))));
    let first = |pick: fn(&Event) -> Option<String>| own().find_map(|event| pick(event));
    let mut resources = resources.to_vec();
    resources.retain(|mention| !matches!(mention.kind, IdKind::Device | IdKind::MacAddress));
    resources.sort_by_key(|mention| mention.kind != IdKind::Instance);
    Request {
        id: Some(id.clone()),
        action: action.unwrap_or_default(),
        user: first(|event| event.context.user.clone()),
        project: first(|event| event.context.project.clone()),
        resources,
        status: answered_door(id, events).and_then(|(_, exchange)| exchange.status),
    }
}

/// `server action`: which one stands in the request's body, which nobody logs.
fn is_vague(action: &str) -> bool {
    action.ends_with(" action")
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// The action that most stages speak of, when no access line names one.
fn marked_action(events: &[(Arc<Event>, Link)]) -> Option<String> {
    let marked = |(event, _): &(Arc<Event>, Link)| {
        event
            .signatures
            .iter()
            .find(|found| found.signature.mark.is_some())
            .and_then(|found| found.signature.action.clone())
    };
    events.iter().find_map(marked)
}

/// The access line of the call that the user made: the request id is its own, and it asks for a change or was refused.
fn front_door<'a>(
    id: &model::Id,
    events: &'a [(Arc<Event>, Link)],
) -> Option<(&'a Arc<Event>, &'a Exchange)> {
    let own = || {
        events
            .iter()
            .filter(|(event, _)| event.context.request.as_ref() == Some(id))
            .filter_map(|(event, link)| Some((event, event.exchange.as_ref()?, link.kind)))
    };
    let asked = |exchange: &Exchange, kind: LinkKind| kind == LinkKind::Request && exchange.action.is_some();
    let answered = own().find(|(_, exchange, kind)| asked(exchange, *kind) && exchange.status.is_some());
    let named = || own().find(|(_, exchange, kind)| asked(exchange, *kind));
    let changing = || own().find(|(_, exchange, kind)| exchange.changes() && *kind == LinkKind::Request);
    let any = || own().find(|(_, _, kind)| *kind == LinkKind::Request);
    // A client that chose the request id itself: its id is everybody's global id.
    let global = || {
        let theirs = events.iter().filter(|(event, _)| event.context.global.as_ref() == Some(id));
        theirs
            .filter_map(|(event, _)| Some((event, event.exchange.as_ref()?, LinkKind::Global)))
            .find(|found| found.1.action.is_some())
    };
    answered
        .or_else(named)
        .or_else(changing)
        .or_else(any)
        .or_else(global)
        .map(|(event, exchange, _)| (event, exchange))
}

fn refusal(id: &model::Id, events: &[(Arc<Event>, Link)]) -> Option<Arc<Event>> {
    let (event, exchange) = answered_door(id, events)?;
    exchange.failed().then(|| Arc::clone(event))
}

/// The front door's line that tells the answer. cinder says the call in one line and the answer in another.
fn answered_door<'a>(
    id: &model::Id,
    events: &'a [(Arc<Event>, Link)],
) -> Option<(&'a Arc<Event>, &'a Exchange)> {
    let door = front_door(id, events)?;
    let same_call = |(event, exchange): &(&Arc<Event>, &Exchange)| {
        event.context.request.as_ref() == Some(id)
            && exchange.status.is_some()
            && exchange.target == door.1.target
    };
    let all = || events.iter().filter_map(|(event, _)| Some((event, event.exchange.as_ref()?)));
    let answer = || all().find(same_call);
    Some(if door.1.status.is_some() { door } else { answer().unwrap_or(door) })
}

/// The last line of the same worker for the same request, when it stands close before the access line.
fn words_before(door: &Event, events: &[(Arc<Event>, Link)]) -> Option<Arc<Event>> {
    const LONGEST_SECONDS: f64 = 2.0;
    let own = events.iter().filter(|(_, link)| link.kind == LinkKind::Request).map(|(event, _)| event);
    let before = own.filter(|event| {
        event.process == door.process
            && event.daemon == door.daemon
            && event.exchange.is_none()
            && event.notification.is_none()
            && event.severity > Severity::Debug
            && (event.timestamp, event.line) <= (door.timestamp, door.line)
    });
    let says_something = |event: &&Arc<Event>| {
        !event.signatures.iter().any(|found| matches!(found.signature.role, Role::Noise | Role::Stage))
    };
    let last = before.filter(says_something).max_by_key(|event| (event.timestamp, event.line))?;
    let close = door.timestamp?.seconds_since(last.timestamp?) <= LONGEST_SECONDS;
    close.then(|| Arc::clone(last))
}

/// Marks of the request's own course, in order of time.
fn marks(events: &[(Arc<Event>, Link)], mark: Mark) -> impl Iterator<Item = (Arc<Event>, Option<String>)> {
    events.iter().filter(|(_, link)| link.kind < LinkKind::Predecessor).filter_map(move |(event, _)| {
        let found = event.signatures.iter().find(|found| found.signature.mark == Some(mark))?;
        Some((Arc::clone(event), found.signature.action.clone()))
    })
}

/// "Took 0.05 seconds to destroy the instance" is no success of a boot.
fn fits(mark: Option<&str>, action: &str) -> bool {
    mark.is_none_or(|mark| action.is_empty() || is_vague(action) || mark == action)
}

/// No line marks the end: go by the answer at the front door, and by errors after it.
fn unmarked(id: &model::Id, events: &[(Arc<Event>, Link)], request: &Request) -> Outcome {
    let asked = front_door(id, events).is_some();
    let complains = |(event, link): &&(Arc<Event>, Link)| {
        let harmless =
            event.signatures.iter().any(|found| matches!(found.signature.role, Role::Noise | Role::Stage));
        let names_cause = event.signatures.iter().any(|found| found.signature.role == Role::Cause);
        let loud = event.severity >= Severity::Error
            || (names_cause && event.severity >= Severity::Warning && event.context.anonymous);
        // What is said of a resource speaks of the request only when somebody asked for something.
        let reach = if asked { LinkKind::Entity } else { LinkKind::Callee };
        link.kind <= reach && loud && (names_cause || !harmless)
    };
    let accepted_only = matches!(request.status, None | Some(202));
    match events.iter().any(|entry| complains(&entry)) {
        true if accepted_only => Outcome::Failed,
        _ if front_door(id, events).is_some() && !accepted_only => Outcome::Succeeded,
        _ => Outcome::Unfinished,
    }
}
