//! Which requests an id stands for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Event, Id, IdKind, Mark, Severity, TimeRange, Timestamp};

use crate::evidence::Evidence;
use crate::gather::is_short_lived;

/// What somebody asked about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Nothing,
    /// An id without identity: a process's own.
    Process,
    Request(Id),
    /// A resource, with the requests that worked on it, oldest first.
    Resource(Vec<Id>),
}

pub(crate) fn resolve(id: &Id, evidence: &impl Evidence) -> Asked {
    let events = evidence.with_id(id, TimeRange::ALL);
    if events.is_empty() {
        return Asked::Nothing;
    }
    let carried = |event: &&Arc<Event>| {
        event.context.request.as_ref() == Some(id) || event.context.global.as_ref() == Some(id)
    };
    if events.iter().filter(carried).any(|event| !event.context.anonymous) {
        return Asked::Request(caller_of(id, &events).unwrap_or_else(|| id.clone()));
    }
    let requests = requests_of(id, evidence);
    if !requests.is_empty() {
        return Asked::Resource(requests);
    }
    if events.iter().any(|event| carried(&event)) {
        return if is_short_lived(&events) { Asked::Request(id.clone()) } else { Asked::Process };
    }
    // A request id that stands only in other lines' text.
    match events
        .iter()
        .flat_map(|event| &event.mentions)
        .any(|mention| mention.kind == IdKind::Request && mention.id == *id)
    {
        true => Asked::Request(id.clone()),
        false => Asked::Resource(Vec::new()),
    }
}

/// The request on whose behalf `id` was a call. neutron names it in the first lines of a call only.
fn caller_of(id: &Id, events: &[Arc<Event>]) -> Option<Id> {
    let own = events.iter().filter(|event| event.context.request.as_ref() == Some(id));
    own.filter_map(|event| event.context.global.clone()).find(|global| global != id)
}

/// The requests that changed a resource, oldest first. Those that only looked at it are left out.
#[must_use]
pub fn requests_of(resource: &Id, evidence: &impl Evidence) -> Vec<Id> {
    const MOST: usize = 24;
    let events = evidence.with_id(resource, TimeRange::ALL);
    let mut callers: HashMap<Id, Option<Id>> = HashMap::new();
    let mut first_seen: BTreeMap<Id, (Option<Timestamp>, bool)> = BTreeMap::new();
    for event in &events {
        let context = &event.context;
        let Some(local) = context.request.as_ref().filter(|_| !context.anonymous) else { continue };
        let root = match &context.global {
            Some(global) => global.clone(),
            None if worked_on(event) => {
                let caller = callers
                    .entry(local.clone())
                    .or_insert_with(|| caller_of(local, &evidence.with_id(local, TimeRange::ALL)));
                caller.clone().unwrap_or_else(|| local.clone())
            }
            None => local.clone(),
        };
        let known = first_seen.entry(root).or_insert((event.timestamp, false));
        known.0 = known.0.min(event.timestamp);
        known.1 |= worked_on(event);
    }
    let mut requests: Vec<(Option<Timestamp>, Id)> =
        first_seen.into_iter().filter(|(_, (_, worked))| *worked).map(|(id, (at, _))| (at, id)).collect();
    requests.sort();
    let surplus = requests.len().saturating_sub(MOST);
    requests.drain(..surplus);
    requests.into_iter().map(|(_, id)| id).collect()
}

fn worked_on(event: &Event) -> bool {
    let list = event.mentions.iter().filter(|mention| mention.kind == IdKind::Instance).count() > 4;
    let changed = event.exchange.as_ref().is_some_and(model::Exchange::changes);
    let told = event.notification.is_some()
        || event
            .signatures
            .iter()
            .any(|found| found.signature.mark.is_some_and(|mark| mark != Mark::Progress));
    !list && (changed || told || (event.severity >= Severity::Warning && event.exchange.is_none()))
}
