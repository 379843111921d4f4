//! Which line is the cause. Every line of the trace that may explain the failure is weighed; the reasons are kept so that
//! the answer can show them.
//!
//! A known signature counts by its depth; a line that no signature knows counts by structure: an exception, its level, how
//! deep its program stands in the call chain. What wraps, follows, or also stands in healthy requests loses.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Candidate, Event, Link, LinkKind, Reason, Role, Scope, Severity, SignatureMatch, Timestamp};

use crate::baseline::{Baseline, template};
use crate::outcome::Course;

/// Points, where a signature of depth 0 has `KNOWN` and one of depth 100 has `KNOWN + DEEPEST`.
const KNOWN: f32 = 40.0;
const DEEPEST: f32 = 50.0;
/// An ERROR that nobody knows.
const UNKNOWN_ERROR: f32 = 38.0;
const UNKNOWN_WARNING: f32 = 24.0;
/// It names an exception.
const EXCEPTION: f32 = 8.0;
/// Of a program at tier 100.
const DEEPEST_TIER: f32 = 14.0;
/// A wrapper that quotes the cause, when nothing nearer to the root is left.
const QUOTED: f32 = -7.0;
const AFTER_THE_END: f32 = -14.0;
const HEALTHY_TOO: f32 = -34.0;
const EXPLAINS: f32 = 6.0;
/// The score at which a line is as likely the cause as not.
const EVEN: f32 = 42.0;
const SPREAD: f32 = 11.0;
const MOST_CANDIDATES: usize = 8;

pub(crate) fn candidates(
    events: &[(Arc<Event>, Link)],
    course: &Course,
    baseline: &Baseline,
) -> Vec<Candidate> {
    let mut weighed: Vec<Candidate> =
        events.iter().filter_map(|(event, link)| weigh(event, link, course, baseline)).collect();
    weighed.retain(|candidate| candidate.score > 0.0);
    promote_explanations(&mut weighed, events);
    weighed.sort_by(|one, other| {
        other
            .score
            .total_cmp(&one.score)
            .then_with(|| crate::gather::order(&one.event).cmp(&crate::gather::order(&other.event)))
    });
    let mut ranked = without_repeats(weighed);
    ranked.truncate(MOST_CANDIDATES);
    grade(&mut ranked);
    ranked
}

fn weigh(event: &Arc<Event>, link: &Link, course: &Course, baseline: &Baseline) -> Option<Candidate> {
    let known = event.signatures.iter().filter(|found| found.signature.role == Role::Cause);
    let known = known
        .max_by(|one, other| one.signature.depth.cmp(&other.signature.depth).then(other.at.cmp(&one.at)));
    let is = |role| event.signatures.iter().any(|found| found.signature.role == role);
    if known.is_none() && (is(Role::Noise) || is(Role::Stage) || is(Role::Symptom)) {
        return None;
    }
    if link.kind == LinkKind::Nearby
        && known.is_none_or(|found| found.signature.scope == Scope::Request)
        && !deep_stranger(event)
    {
        return None;
    }
    let mut scale = Scale::default();
    match known {
        Some(found) => scale.known(found),
        None => scale.structure(event, is(Role::Wrapper))?,
    }
    if is(Role::Wrapper) {
        scale.add(QUOTED, "it only quotes what something deeper said");
    }
    scale.link(link);
    scale.circumstances(event, course, baseline);
    let captures = known.map(|found| found.captures.clone()).unwrap_or_default();
    Some(Candidate {
        event: Arc::clone(event),
        link: link.clone(),
        signature: known.map(|found| Arc::clone(&found.signature)),
        captures,
        text: telling_text(event),
        score: scale.score,
        confidence: 0.0,
        reasons: scale.reasons,
    })
}

/// An error of infrastructure that belongs to no request.
fn deep_stranger(event: &Event) -> bool {
    event.severity >= Severity::Error && (event.context.request.is_none() || event.context.anonymous)
}

#[derive(Default)]
struct Scale {
    score: f32,
    reasons: Vec<Reason>,
}

impl Scale {
    fn add(&mut self, weight: f32, text: impl Into<String>) {
        if weight != 0.0 {
            self.score += weight;
            self.reasons.push(Reason { text: text.into(), weight });
        }
    }

    fn known(&mut self, found: &SignatureMatch) {
        let depth = f32::from(found.signature.depth) / 100.0;
        self.add(KNOWN + DEEPEST * depth, format!("known cause: {}", found.signature.title));
    }

    /// `None` when the line says nothing that could explain a failure.
    fn structure(&mut self, event: &Event, wraps: bool) -> Option<()> {
        let quotes = !event.exceptions.is_empty();
        if wraps && !quotes {
            return None;
        }
        match event.severity {
            Severity::Critical | Severity::Error => self.add(UNKNOWN_ERROR, "an error of the request"),
            Severity::Warning => self.add(UNKNOWN_WARNING, "a warning of the request"),
            _ => return None,
        }
        if let Some(innermost) = event.exceptions.last() {
            self.add(EXCEPTION, format!("names an exception: {}", innermost.class));
        }
        self.add(
            DEEPEST_TIER * f32::from(event.tier) / 100.0,
            "how deep its program stands in the call chain",
        );
        Some(())
    }

    fn link(&mut self, link: &Link) {
        let (weight, text) = match link.kind {
            LinkKind::Request | LinkKind::Global | LinkKind::Adopted | LinkKind::Callee => (0.0, ""),
            LinkKind::Named => (-1.0, "its request id is named by a line of the request"),
            LinkKind::Bridge => (-2.0, "tied by an event between services"),
            LinkKind::Entity => (-3.0, "tied by a resource of the request"),
            LinkKind::Notification => (-26.0, "a notification repeats what a log says first"),
            LinkKind::Predecessor => (-4.0, "an earlier request left the resource in this state"),
            LinkKind::Nearby => (-28.0, "only near in time"),
        };
        self.add(weight, text);
    }

    fn circumstances(&mut self, event: &Event, course: &Course, baseline: &Baseline) {
        const GRACE_SECONDS: f64 = 0.5;
        let late = |end: Timestamp| event.timestamp.is_some_and(|at| at.seconds_since(end) > GRACE_SECONDS);
        if course.failed_at.is_some_and(late) {
            self.add(AFTER_THE_END, "said after the request had failed");
        }
        let common = baseline.commonness(event);
        if common > 0.02 {
            self.add(HEALTHY_TOO * common.sqrt().min(1.0), "healthy requests print it too");
        }
    }
}

/// The innermost exception when the line carries one, else the message.
fn telling_text(event: &Event) -> String {
    match event.exceptions.last() {
        Some(exception) if !exception.message.is_empty() => {
            format!("{}: {}", exception.class, exception.message)
        }
        _ => event.body.clone(),
    }
}

/// A message that is known to hide deeper causes gives way to one of them that stands near.
fn promote_explanations(candidates: &mut [Candidate], events: &[(Arc<Event>, Link)]) {
    let hiding: Vec<(&str, f32, Option<&str>)> = events
        .iter()
        .flat_map(|(event, link)| event.signatures.iter().map(move |found| (event, link, found)))
        .filter(|(_, link, _)| link.kind < LinkKind::Nearby)
        .flat_map(|(event, _, found)| {
            let score = score_of(candidates, event);
            found.signature.explained_by.iter().map(move |slug| (slug.as_str(), score, event.host.as_deref()))
        })
        .collect();
    let mut raised: Vec<(usize, f32)> = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let explained =
            hiding.iter().filter(|(slug, ..)| explains(candidate, slug)).map(|(_, score, _)| *score);
        if let Some(best) = explained.max_by(f32::total_cmp)
            && best + EXPLAINS > candidate.score
        {
            raised.push((at, best + EXPLAINS));
        }
    }
    for (at, score) in raised {
        let weight = score - candidates[at].score;
        candidates[at].score = score;
        candidates[at].reasons.push(Reason { text: "it explains what the request was told".into(), weight });
    }
}

fn score_of(candidates: &[Candidate], event: &Arc<Event>) -> f32 {
    candidates
        .iter()
        .find(|candidate| Arc::ptr_eq(&candidate.event, event))
        .map_or(KNOWN, |candidate| candidate.score)
}

/// `compute.libvirt_down`, `database.*`, `@neutron-linuxbridge-agent`
fn explains(candidate: &Candidate, what: &str) -> bool {
    if let Some(daemon) = what.strip_prefix('@') {
        return candidate.event.daemon.as_deref() == Some(daemon)
            && candidate.event.severity >= Severity::Error;
    }
    let Some(signature) = &candidate.signature else { return false };
    match what.strip_suffix('*') {
        Some(family) => signature.slug.starts_with(family),
        None => signature.slug == what,
    }
}

/// One failure is printed many times; the earliest of the best stands for all.
fn without_repeats(ranked: Vec<Candidate>) -> Vec<Candidate> {
    let mut first: HashMap<(String, u64), usize> = HashMap::new();
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in ranked {
        let key = match &candidate.signature {
            Some(signature) => (signature.slug.clone(), 0),
            None => (
                candidate.event.exceptions.last().map_or_else(String::new, |last| last.message.clone()),
                template_key(&candidate),
            ),
        };
        if first.contains_key(&key) {
            continue;
        }
        first.insert(key, kept.len());
        kept.push(candidate);
    }
    kept
}

fn template_key(candidate: &Candidate) -> u64 {
    if candidate.event.exceptions.is_empty() { template(&candidate.event) } else { 0 }
}

/// From points to probability: how good the line is by itself, and how far it stands before the next one.
fn grade(ranked: &mut [Candidate]) {
    let logistic = |points: f32| 1.0 / (1.0 + (-points / SPREAD).exp());
    let scores: Vec<f32> = ranked.iter().map(|candidate| candidate.score).collect();
    for (at, candidate) in ranked.iter_mut().enumerate() {
        let rival = scores
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, score)| *score)
            .fold(0.0, f32::max);
        let alone = logistic(candidate.score - EVEN);
        let ahead = logistic(candidate.score - rival + SPREAD);
        candidate.confidence =
            (alone * (0.55 + 0.45 * ahead) * (0.6 + 0.4 * candidate.link.confidence)).clamp(0.01, 0.99);
    }
}
