//! Which events belong to a request, and why. Strongest link first; every event keeps the strongest link that holds.
//!
//! Two traps that real clouds set: an id without identity belongs to a process and stands on 100,000 lines, so nothing is
//! joined through it; and a line under our request id may speak of other people's instances (a resource tracker asks for the
//! allocations of everything on its host), so a resource is ours only where the line shows that it is.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use model::{
    Event, Id, IdKind, Link, LinkKind, Mark, Mention, Severity, SignatureMatch, TimeRange, Timestamp, Uuid,
};

use crate::evidence::Evidence;

/// Calls, resources and rounds beyond these are not followed: a bulk operation must not make an answer slow.
const MAX_CALLS: usize = 400;
const MAX_RESOURCES: usize = 48;
const MAX_EVENTS: usize = 20_000;
/// A line that names more instances than this is a list, not a statement about one of them.
const MAX_INSTANCES_PER_LINE: usize = 4;
/// Agents and late callbacks still speak of a resource after the request's own last line, and clocks differ.
const SECONDS_BEFORE: i64 = 5;
const SECONDS_AFTER: i64 = 30;

/// The events of one request.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    found: HashMap<Place, (Arc<Event>, Link)>,
    /// Ids of the calls that this request made to other services.
    calls: BTreeSet<Id>,
    /// In order of discovery.
    pub(crate) resources: Vec<Mention>,
    /// Of the request's own lines.
    pub(crate) window: Option<TimeRange>,
    user: Option<String>,
}

/// Where an event stands: the same event is found through many ids.
type Place = (usize, u64);

fn place(event: &Arc<Event>) -> Place {
    (Arc::as_ptr(&event.source) as usize, event.line)
}

impl Gathered {
    /// Sorted by time, then file, then line: the same whatever order the evidence came in.
    pub(crate) fn sorted(&self) -> Vec<(Arc<Event>, Link)> {
        let mut events: Vec<_> = self.found.values().cloned().collect();
        events.sort_by(|(one, _), (other, _)| order(one).cmp(&order(other)));
        events
    }

    /// Keeps the stronger of two links.
    pub(crate) fn add(&mut self, event: &Arc<Event>, link: Link) {
        if self.found.len() >= MAX_EVENTS {
            return;
        }
        let known = self.found.entry(place(event)).or_insert_with(|| (Arc::clone(event), link.clone()));
        if link.kind < known.1.kind {
            known.1 = link;
        }
    }

    fn contains(&self, event: &Arc<Event>) -> bool {
        self.found.contains_key(&place(event))
    }

    fn add_resource(&mut self, mention: Mention) {
        if self.resources.len() < MAX_RESOURCES && !self.resources.contains(&mention) {
            self.resources.push(mention);
        }
    }

    pub(crate) fn hosts(&self) -> HashSet<&str> {
        self.found.values().filter_map(|(event, _)| event.host.as_deref()).collect()
    }
}

pub(crate) fn order(event: &Event) -> (Option<Timestamp>, &str, u64) {
    (event.timestamp, event.source.path.as_str(), event.line)
}

pub(crate) fn gather(request: &Id, evidence: &impl Evidence) -> Gathered {
    let mut gathered = Gathered::default();
    add_own(&mut gathered, request, &evidence.with_id(request, TimeRange::ALL));
    add_calls(&mut gathered, evidence);
    add_named_calls(&mut gathered, request, evidence);
    add_resources(&mut gathered, request, evidence);
    gathered
}

/// The request's own lines alone, as far as they tell how it went.
pub(crate) fn told(request: &Id, evidence: &impl Evidence) -> Gathered {
    let mut gathered = Gathered::default();
    add_own(&mut gathered, request, &evidence.told(request));
    gathered
}

/// The lines that carry the request id themselves.
fn add_own(gathered: &mut Gathered, request: &Id, events: &[Arc<Event>]) {
    let owner = owner_of(events, request);
    let unauthenticated = is_short_lived(events);
    let via = || Some(request.clone());
    for event in events {
        let context = &event.context;
        let (kind, confidence) = if context.anonymous && !unauthenticated {
            continue;
        } else if event.notification.is_some() {
            (LinkKind::Notification, 0.95)
        } else if context.request.as_ref() == Some(request) {
            if owner.as_deref().is_none_or(|owner| event.service.as_deref() == Some(owner)) {
                (LinkKind::Request, 1.0)
            } else {
                (LinkKind::Adopted, 0.98)
            }
        } else if context.global.as_ref() == Some(request) {
            gathered.calls.extend(context.request.clone());
            (LinkKind::Global, 1.0)
        } else {
            (LinkKind::Named, 0.7)
        };
        if kind != LinkKind::Named {
            gathered.user =
                gathered.user.take().or_else(|| context.user.clone().filter(|_| kind == LinkKind::Request));
            extend(&mut gathered.window, event);
            note_resources(gathered, event, kind);
        }
        gathered.add(event, Link { kind, confidence, via: via() });
    }
}

/// A call without identity (a log-in, a call with a bad token) is over at once; a process keeps its id for days.
pub(crate) fn is_short_lived(events: &[Arc<Event>]) -> bool {
    const MOST_LINES: usize = 40;
    const LONGEST_SECONDS: f64 = 20.0;
    let times = || events.iter().filter_map(|event| event.timestamp);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return false };
    let mut processes = events.iter().filter_map(|event| event.process);
    let worker = processes.next();
    events.len() <= MOST_LINES
        && last.seconds_since(first) <= LONGEST_SECONDS
        && worker.is_some()
        && processes.all(|process| Some(process) == worker)
}

/// The service that gave the request its id: the one whose front door answered, else the one closest to the user.
fn owner_of(events: &[Arc<Event>], request: &Id) -> Option<String> {
    let own = || {
        events
            .iter()
            .filter(|event| event.context.request.as_ref() == Some(request) && event.notification.is_none())
    };
    let door = own().find(|event| event.exchange.as_ref().is_some_and(|exchange| exchange.action.is_some()));
    let nearest = || own().filter(|event| event.tier > 0).min_by_key(|event| (event.tier, event.timestamp));
    door.or_else(nearest).and_then(|event| event.service.clone())
}

/// Lines that carry the callee's own id only: neutron drops the global id half-way through a call.
fn add_calls(gathered: &mut Gathered, evidence: &impl Evidence) {
    let Some(window) = gathered.window.map(|window| window.widened(SECONDS_BEFORE, SECONDS_AFTER)) else {
        return;
    };
    let calls: Vec<Id> = gathered.calls.iter().take(MAX_CALLS).cloned().collect();
    for call in calls {
        for event in evidence.with_id(&call, window) {
            if event.context.request.as_ref() != Some(&call)
                || event.context.anonymous
                || gathered.contains(&event)
            {
                continue;
            }
            note_resources(gathered, &event, LinkKind::Callee);
            gathered.add(&event, Link { kind: LinkKind::Callee, confidence: 0.95, via: Some(call.clone()) });
        }
    }
}

/// Calls that a line of ours names: `(Request-ID: req-…)`, `Neutron server returns request_ids: ['req-…']`.
fn add_named_calls(gathered: &mut Gathered, request: &Id, evidence: &impl Evidence) {
    let Some(window) = gathered.window.map(|window| window.widened(SECONDS_BEFORE, SECONDS_AFTER)) else {
        return;
    };
    let mut named = BTreeSet::new();
    for (event, link) in gathered.found.values() {
        if matches!(link.kind, LinkKind::Request | LinkKind::Global | LinkKind::Adopted | LinkKind::Callee) {
            named.extend(
                named_calls(event).filter(|id| *id != request && !gathered.calls.contains(*id)).cloned(),
            );
        }
    }
    for call in named.into_iter().take(MAX_CALLS) {
        add_child(gathered, &call, window, evidence);
    }
}

/// The lines of another request that this one caused.
fn add_child(gathered: &mut Gathered, call: &Id, window: TimeRange, evidence: &impl Evidence) {
    for event in evidence.with_id(call, window) {
        let theirs =
            event.context.request.as_ref() == Some(call) || event.context.global.as_ref() == Some(call);
        if theirs && !event.context.anonymous && !gathered.contains(&event) {
            note_resources(gathered, &event, LinkKind::Named);
            gathered.add(&event, Link { kind: LinkKind::Named, confidence: 0.85, via: Some(call.clone()) });
        }
    }
}

fn named_calls(event: &Event) -> impl Iterator<Item = &Id> {
    let ours = [event.context.request.as_ref(), event.context.global.as_ref()];
    event
        .mentions
        .iter()
        .filter(move |mention| mention.kind == IdKind::Request && !ours.contains(&Some(&mention.id)))
        .map(|mention| &mention.id)
}

/// Lines that name a resource of ours while we worked on it. Two rounds: an instance leads to its ports, a port to its device.
fn add_resources(gathered: &mut Gathered, request: &Id, evidence: &impl Evidence) {
    let Some(window) = gathered.window.map(|window| window.widened(SECONDS_BEFORE, SECONDS_AFTER)) else {
        return;
    };
    let owner = owner_of_lines(gathered);
    let mut done = HashSet::new();
    let mut children = BTreeSet::new();
    for _round in 0..3 {
        let fresh: Vec<Mention> =
            gathered.resources.iter().filter(|mention| done.insert((*mention).clone())).cloned().collect();
        for resource in fresh {
            for event in evidence.with_id(&resource.id, window) {
                if gathered.contains(&event) {
                    continue;
                }
                match stranger(&event, gathered, request, owner.as_ref()) {
                    Stranger::Nobody => add_by_resource(gathered, &event, &resource.id, 0.85),
                    Stranger::Service => add_by_resource(gathered, &event, &resource.id, 0.65),
                    Stranger::Other(id) if is_deeper_call(&event, owner.as_ref()) => {
                        children.insert(id);
                    }
                    Stranger::Other(_) => {}
                }
            }
        }
    }
    // An orchestrator hands no id on: what it did stands under requests of their own.
    for child in children.into_iter().take(MAX_CALLS) {
        add_child(gathered, &child, window, evidence);
    }
}

/// Work on our resource that a deeper service was asked for, without any word of who asked.
fn is_deeper_call(event: &Event, owner: Option<&Owner>) -> bool {
    let asked =
        event.exchange.as_ref().is_some_and(|exchange| exchange.changes() && exchange.action.is_some());
    let attempts =
        |found: &SignatureMatch| matches!(found.signature.mark, Some(Mark::Attempted | Mark::AttemptFailed));
    is_deeper(event, owner)
        && event.context.global.is_none()
        && (asked || event.signatures.iter().any(attempts))
}

fn add_by_resource(gathered: &mut Gathered, event: &Arc<Event>, resource: &Id, confidence: f32) {
    let kind = match event.notification {
        Some(_) => LinkKind::Notification,
        None if named_calls(event).next().is_some() => LinkKind::Bridge,
        None => LinkKind::Entity,
    };
    note_resources(gathered, event, kind);
    gathered.add(event, Link { kind, confidence, via: Some(resource.clone()) });
}

/// Of another service, further from the user than everything that the owner did itself.
fn is_deeper(event: &Event, owner: Option<&Owner>) -> bool {
    owner.is_some_and(|owner| owner.tier < event.tier && owner.service != event.service)
}

/// Who gave the request its id.
struct Owner {
    service: Option<String>,
    /// Of its deepest program.
    tier: u8,
}

fn owner_of_lines(gathered: &Gathered) -> Option<Owner> {
    let own =
        gathered.found.values().filter(|(event, link)| link.kind == LinkKind::Request && event.tier > 0);
    let deepest = own.map(|(event, _)| event).max_by_key(|event| (event.tier, &event.service))?;
    Some(Owner { service: deepest.service.clone(), tier: deepest.tier })
}

/// On whose behalf a line that names our resource was written.
enum Stranger {
    /// Nobody's: agents, libvirt, periodic tasks.
    Nobody,
    /// A service's own call, whose tie to us was lost on the way, and it has something to complain about.
    Service,
    /// Somebody else's request.
    Other(Id),
}

fn stranger(event: &Event, gathered: &Gathered, request: &Id, owner: Option<&Owner>) -> Stranger {
    let context = &event.context;
    let instances = event.mentions.iter().filter(|mention| mention.kind == IdKind::Instance).count();
    let is_list = instances > MAX_INSTANCES_PER_LINE;
    let root = context.global.as_ref().or(context.request.as_ref()).filter(|_| !context.anonymous);
    match root {
        Some(root) if root == request => Stranger::Service,
        None if is_list => Stranger::Other(request.clone()),
        None => Stranger::Nobody,
        Some(root) => {
            let complains = event.severity >= Severity::Warning || event.signatures.iter().any(is_cause);
            let by_service =
                context.user.is_some() && context.user != gathered.user && is_deeper(event, owner);
            if context.global.is_none() && complains && by_service && !is_list && event.notification.is_none()
            {
                Stranger::Service
            } else {
                Stranger::Other(root.clone())
            }
        }
    }
}

fn is_cause(found: &SignatureMatch) -> bool {
    found.signature.role == model::Role::Cause
}

/// Takes over the resources that a line shows to be ours.
fn note_resources(gathered: &mut Gathered, event: &Event, link: LinkKind) {
    if event.exchange.as_ref().is_some_and(|exchange| !exchange.changes()) {
        return;
    }
    let joining = || event.mentions.iter().filter(|mention| mention.kind.joins());
    if joining().filter(|mention| mention.kind == IdKind::Instance).count() > MAX_INSTANCES_PER_LINE {
        return;
    }
    for mention in joining() {
        let mut of_kind = joining().filter(|other| other.kind == mention.kind);
        // In our own lines the first of a kind is what the line is about; what others say of several is a list.
        let is_about_it = match link {
            LinkKind::Request | LinkKind::Adopted => of_kind.next() == Some(mention),
            _ => of_kind.all(|other| other == mention),
        };
        if !(is_about_it || event.notification.is_some()) || !may_own(mention.kind, link) {
            continue;
        }
        gathered.add_resource(mention.clone());
        if let (IdKind::Port, Id::Uuid(port)) = (mention.kind, &mention.id) {
            gathered.add_resource(device_of(*port));
        }
    }
}

/// Only the service that we asked itself says which instance we asked for: under our id a compute host also puts the
/// books of all its instances in order.
fn may_own(kind: IdKind, link: LinkKind) -> bool {
    match kind {
        IdKind::Instance | IdKind::Migration => {
            matches!(link, LinkKind::Request | LinkKind::Named | LinkKind::Notification)
        }
        _ => true,
    }
}

fn device_of(port: Uuid) -> Mention {
    Mention { kind: IdKind::Device, id: Id::device_of_port(port) }
}

fn extend(window: &mut Option<TimeRange>, event: &Event) {
    let Some(at) = event.timestamp else { return };
    let known = window.get_or_insert(TimeRange { start: at, end: at });
    known.start = known.start.min(at);
    known.end = known.end.max(at);
}
