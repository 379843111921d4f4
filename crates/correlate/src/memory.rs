use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use dashmap::DashMap;
use model::{Event, Id, IdKind, Severity, TimeRange, Timestamp};

use crate::evidence::Evidence;

/// Events held in memory, findable by id and by time. dashmap lets many threads ask while one adds; no reference into it
/// leaves this file.
#[derive(Debug, Default)]
pub struct Memory {
    by_id: DashMap<Id, Vec<Arc<Event>>>,
    troubles: RwLock<BTreeMap<Timestamp, Vec<Arc<Event>>>>,
}

impl Memory {
    /// Takes an event in under every id that it names.
    pub fn insert(&self, event: &Arc<Event>) {
        for id in ids_of(event) {
            self.by_id.entry(id.clone()).or_default().push(Arc::clone(event));
        }
        if let Some(at) = event.timestamp.filter(|_| is_trouble(event)) {
            let mut troubles = self.troubles.write().unwrap_or_else(PoisonError::into_inner);
            troubles.entry(at).or_default().push(Arc::clone(event));
        }
    }

    /// Forgets an event that was taken in.
    pub fn remove(&self, event: &Arc<Event>) {
        for id in ids_of(event) {
            self.by_id.remove_if_mut(id, |_, events| {
                events.retain(|known| !Arc::ptr_eq(known, event));
                events.is_empty()
            });
        }
        if let Some(at) = event.timestamp.filter(|_| is_trouble(event)) {
            let mut troubles = self.troubles.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(events) = troubles.get_mut(&at) {
                events.retain(|known| !Arc::ptr_eq(known, event));
            }
        }
    }
}

impl Evidence for Memory {
    fn with_id(&self, id: &Id, range: TimeRange) -> Vec<Arc<Event>> {
        let within = |event: &&Arc<Event>| event.timestamp.is_none_or(|at| range.contains(at));
        self.by_id.get(id).map(|events| events.iter().filter(within).cloned().collect()).unwrap_or_default()
    }

    fn told(&self, id: &Id) -> Vec<Arc<Event>> {
        let mut events = self.with_id(id, TimeRange::ALL);
        events.retain(|event| event.severity != Severity::Debug && event.notification.is_none());
        events
    }

    /// All of them: they are parsed already.
    fn troubles(&self, range: TimeRange, _: &[String]) -> Vec<Arc<Event>> {
        let troubles = self.troubles.read().unwrap_or_else(PoisonError::into_inner);
        troubles.range(range.start..=range.end).flat_map(|(_, events)| events.iter().cloned()).collect()
    }
}

/// Every id through which events may be joined, once. Users, projects and networks stand on thousands of events and tie
/// nothing together.
fn ids_of(event: &Event) -> HashSet<&Id> {
    let context = [event.context.request.as_ref(), event.context.global.as_ref()].into_iter().flatten();
    let joining =
        event.mentions.iter().filter(|mention| mention.kind.joins() || mention.kind == IdKind::Request);
    joining.map(|mention| &mention.id).chain(context).collect()
}

fn is_trouble(event: &Event) -> bool {
    event.severity >= Severity::Error
        || event.signatures.iter().any(|found| {
            found.signature.role == model::Role::Cause && found.signature.scope != model::Scope::Request
        })
}
