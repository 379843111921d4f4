//! An id goes in, the answer comes out.

use std::sync::Arc;

use model::{
    Candidate, Entry, Event, Id, IdKind, Link, LinkKind, Outcome, Role, Scope, TimeRange, Timestamp, Trace,
    Verdict,
};

use crate::baseline::Baseline;
use crate::evidence::Evidence;
use crate::gather::{self, Gathered};
use crate::outcome::{Course, course};
use crate::resolve::{Asked, requests_of, resolve};
use crate::{decide, spans, story};

/// A trace and what is thought of it.
#[derive(Clone, Debug)]
pub struct Case {
    pub trace: Trace,
    pub verdict: Verdict,
}

#[derive(Clone, Debug)]
pub enum Answer {
    Found(Box<Case>),
    /// No line holds the id.
    NotFound,
    /// The id belongs to a process (all its identity fields are `-`), not to a request.
    ProcessId,
}

/// How far before a request an infrastructure fault may have begun that still explains it.
const TROUBLE_SECONDS_BEFORE: i64 = 180;
const TROUBLE_SECONDS_AFTER: i64 = 5;
/// A candidate below this is shown among the runners-up, but not called the cause.
const NAMED: f32 = 0.3;

/// Why did it fail? `id` is a request, or a resource whose requests are looked through.
pub fn judge(id: &Id, evidence: &impl Evidence, baseline: &Baseline) -> Answer {
    match resolve(id, evidence) {
        Asked::Nothing => Answer::NotFound,
        Asked::Process => Answer::ProcessId,
        Asked::Request(request) => Answer::Found(Box::new(judge_request(&request, evidence, baseline))),
        Asked::Resource(requests) => {
            let cases = requests.iter().map(|request| judge_request(request, evidence, baseline));
            Answer::Found(Box::new(
                most_telling(cases.collect()).unwrap_or_else(|| judge_alone(id, evidence, baseline, false)),
            ))
        }
    }
}

/// The events of the trace that [`judge`] would give, without those that led to it or merely stood near. `baseline` is
/// asked for when several requests worked on a resource, and one of them has to be chosen.
pub fn belonging<'b>(
    id: &Id,
    evidence: &impl Evidence,
    baseline: impl FnOnce() -> &'b Baseline,
) -> Vec<Arc<Event>> {
    let gathered = match resolve(id, evidence) {
        Asked::Nothing | Asked::Process => return Vec::new(),
        Asked::Request(request) => gather::gather(&request, evidence),
        Asked::Resource(requests) => match &requests[..] {
            [] => gather::gather(id, evidence),
            [request] => gather::gather(request, evidence),
            several => {
                let baseline = baseline();
                let cases = several.iter().map(|request| judge_request(request, evidence, baseline));
                let case = most_telling(cases.collect()).expect("several were judged");
                let own = |entry: &Entry| entry.link.kind < LinkKind::Predecessor;
                return case.trace.entries.into_iter().filter(own).map(|entry| entry.event).collect();
            }
        },
    };
    gathered.sorted().into_iter().map(|(event, _)| event).collect()
}

/// Of the requests on one resource: the last that failed on the way rather than at the door, else the last that failed,
/// else the first, which made the resource.
fn most_telling(cases: Vec<Case>) -> Option<Case> {
    let failed = |case: &Case| case.verdict.outcome == Outcome::Failed;
    let at_the_door = |case: &Case| case.trace.request.status.is_some_and(|status| status >= 400);
    let explained = |case: &Case| case.verdict.cause().is_some();
    let rank = |case: &Case| {
        let (failed, asked) = (failed(case), is_asked(case));
        (failed && asked, asked, failed, failed && !at_the_door(case), failed && explained(case))
    };
    let best = cases.iter().map(rank).max()?;
    let any_failed = best.2;
    let mut fitting = cases.into_iter().filter(|case| rank(case) == best);
    if any_failed { fitting.next_back() } else { fitting.next() }
}

/// Somebody asked for it at a front door, rather than services among themselves.
fn is_asked(case: &Case) -> bool {
    case.trace.entries.iter().any(|entry| {
        let at_the_door = entry.event.exchange.as_ref().is_some_and(|exchange| exchange.action.is_some());
        entry.link.kind <= LinkKind::Global && at_the_door
    })
}

/// How did this request go, and why did it fail?
pub fn judge_request(request: &Id, evidence: &impl Evidence, baseline: &Baseline) -> Case {
    judge_alone(request, evidence, baseline, true)
}

/// Like [`judge_request`], but a request whose own lines tell briefly that it went well, or that it looked for something
/// in vain, is not followed any further: for going through many requests.
pub fn judge_briefly(request: &Id, evidence: &impl Evidence, baseline: &Baseline) -> Case {
    let told = gather::told(request, evidence);
    let course = course(request, &told.sorted(), &told.resources);
    if course.outcome == Outcome::Succeeded || course.looked_in_vain {
        return case(request, course, &told, baseline);
    }
    judge_request(request, evidence, baseline)
}

/// `follow` tells whether to look for an earlier request that explains this one.
fn judge_alone(request: &Id, evidence: &impl Evidence, baseline: &Baseline, follow: bool) -> Case {
    let mut gathered = gather::gather(request, evidence);
    let events = gathered.sorted();
    let course = course(request, &events, &gathered.resources);
    if course.outcome == Outcome::Failed && !course.looked_in_vain {
        add_troubles(&mut gathered, evidence);
        if follow {
            add_predecessor(&mut gathered, request, &events, evidence, baseline);
        }
    }
    case(request, course, &gathered, baseline)
}

fn case(request: &Id, course: Course, gathered: &Gathered, baseline: &Baseline) -> Case {
    let events = gathered.sorted();
    let verdict = verdict(&course, &events, baseline);
    let events = without_bystanders(events, &verdict);
    let time = time_of(&events, gathered.window);
    let attempts = spans::attempts(&events, course.outcome);
    let (spans, entries) = spans::spans(request, events);
    Case {
        trace: Trace { request: course.request, outcome: course.outcome, entries, spans, attempts, time },
        verdict,
    }
}

fn verdict(course: &Course, events: &[(Arc<Event>, Link)], baseline: &Baseline) -> Verdict {
    let candidates = match course.outcome {
        Outcome::Failed => decide::candidates(events, course, baseline),
        Outcome::Succeeded | Outcome::Unfinished => Vec::new(),
    };
    let named = candidates.first().is_some_and(is_named);
    let cause = candidates.first().filter(|_| named);
    Verdict {
        outcome: course.outcome,
        named,
        shown: story::shown(course),
        path: story::path(cause, course, events),
        missing: if named { None } else { story::missing(course, events) },
        candidates,
    }
}

/// A guess from what merely stood near has to be a good one: an honest "not logged" is better.
fn is_named(best: &Candidate) -> bool {
    const NEAR: f32 = 0.5;
    best.confidence >= if best.link.kind < LinkKind::Nearby { NAMED } else { NEAR }
}

/// What only stood near belongs to the trace when it may be the cause.
fn without_bystanders(events: Vec<(Arc<Event>, Link)>, verdict: &Verdict) -> Vec<(Arc<Event>, Link)> {
    let suspected =
        |event: &Arc<Event>| verdict.candidates.iter().any(|candidate| Arc::ptr_eq(&candidate.event, event));
    events.into_iter().filter(|(event, link)| link.kind != LinkKind::Nearby || suspected(event)).collect()
}

/// Faults of hosts and of the cloud that stood near, without naming the request.
fn add_troubles(gathered: &mut Gathered, evidence: &impl Evidence) {
    let Some(window) = gathered.window else { return };
    let hosts: Vec<String> = gathered.hosts().into_iter().map(str::to_owned).collect();
    let around = window.widened(TROUBLE_SECONDS_BEFORE, TROUBLE_SECONDS_AFTER);
    for event in evidence.troubles(around, &hosts) {
        let of_another = event.context.request.is_some() && !event.context.anonymous;
        let near_host = event.host.as_ref().is_some_and(|host| hosts.contains(host));
        let reach = event
            .signatures
            .iter()
            .filter(|found| found.signature.role == Role::Cause)
            .map(|found| found.signature.scope);
        let (mut whole_host, mut whole_cloud) = (false, false);
        reach.for_each(|scope| match scope {
            Scope::Cloud => whole_cloud = true,
            Scope::Host => whole_host = true,
            Scope::Request => {}
        });
        if whole_cloud || (!of_another && (near_host || whole_host)) {
            gathered.add(&event, Link { kind: LinkKind::Nearby, confidence: 0.5, via: None });
        }
    }
}

/// A request that was refused because of a resource's state: the request that brought it there is the one to explain.
fn add_predecessor(
    gathered: &mut Gathered,
    request: &Id,
    events: &[(Arc<Event>, Link)],
    evidence: &impl Evidence,
    baseline: &Baseline,
) {
    let has = |role: Role| {
        move |(event, _): &(Arc<Event>, Link)| {
            event.signatures.iter().any(|found| found.signature.role == role)
        }
    };
    let own = || events.iter().filter(|(_, link)| link.kind <= LinkKind::Callee);
    if !own().any(has(Role::Symptom)) || own().any(has(Role::Cause)) {
        return;
    }
    let Some(symptom) = own().find(|entry| has(Role::Symptom)(entry)).map(|(event, _)| event) else { return };
    let resources =
        symptom.mentions.iter().filter(|mention| mention.kind.joins() && mention.kind != IdKind::Device);
    for resource in resources {
        let earlier = requests_of(&resource.id, evidence).into_iter().filter(|earlier| earlier != request);
        let failed = earlier.map(|earlier| judge_alone(&earlier, evidence, baseline, false)).filter(|case| {
            case.verdict.outcome == Outcome::Failed && Some(case.trace.time.start) < symptom.timestamp
        });
        let Some(case) = failed.last() else { continue };
        for entry in case.trace.entries {
            let confidence = entry.link.confidence * 0.9;
            let kind =
                if entry.link.kind == LinkKind::Nearby { LinkKind::Nearby } else { LinkKind::Predecessor };
            gathered.add(&entry.event, Link { kind, confidence, via: Some(resource.id.clone()) });
        }
        return;
    }
}

fn time_of(events: &[(Arc<Event>, Link)], window: Option<TimeRange>) -> TimeRange {
    let own = || {
        events
            .iter()
            .filter(|(_, link)| link.kind < LinkKind::Predecessor)
            .filter_map(|(event, _)| event.timestamp)
    };
    let first = window.map(|window| window.start).or_else(|| own().min()).unwrap_or(Timestamp::MIN);
    let last = window.map(|window| window.end).or_else(|| own().max()).unwrap_or(first);
    TimeRange { start: first, end: last }
}
