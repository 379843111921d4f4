//! Which line is the cause. Every line of the trace that may explain the failure is weighed; the reasons are kept so that
//! the answer can show them.
//!
//! A known signature counts by its depth; a line that no signature knows counts by structure: an exception, its level, how
//! deep its program stands in the call chain. What wraps, follows, or also stands in healthy requests loses.

use std::collections::HashMap;
use std::sync::Arc;

use model::{
    Candidate, Event, Link, LinkKind, Reason, Role, Scope, Severity, Signature, SignatureMatch, TemplateId,
    Timestamp,
};

use crate::baseline::Baseline;
use crate::gather::order;
use crate::outcome::Course;

/// Points, where a signature of depth 0 has `KNOWN` and one of depth 100 has `KNOWN + DEEPEST`.
const KNOWN: f32 = 40.0;
const DEEPEST: f32 = 50.0;
/// An ERROR that nobody knows.
const UNKNOWN_ERROR: f32 = 38.0;
const UNKNOWN_WARNING: f32 = 24.0;
const DOOR_WORDS: f32 = 38.0;
const UNUSUAL_INFO: f32 = 36.0;
/// The first error of a request is rather the cause than what follows it.
const FIRST: f32 = 4.0;
/// Merely near, although the request itself said something telling.
const BESIDE: f32 = -25.0;
/// It names an exception.
const EXCEPTION: f32 = 8.0;
/// Of a program at tier 100.
const DEEPEST_TIER: f32 = 14.0;
/// A wrapper that quotes the cause, when nothing nearer to the root is left.
const QUOTED: f32 = -7.0;
const AFTER_THE_END: f32 = -14.0;
const EARLIER_ATTEMPT: f32 = -5.0;
const HEALTHY_TOO: f32 = -34.0;
const EXPLAINS: f32 = 6.0;
const NOTIFICATION: f32 = -26.0;
const REPEATED: f32 = -12.0;
/// The score at which a line is as likely the cause as not.
const EVEN: f32 = 42.0;
const SPREAD: f32 = 11.0;
const EXPLANATION: &str = "it explains what the request was told";
const MOST_CANDIDATES: usize = 8;

pub(crate) fn candidates(
    events: &[(Arc<Event>, Link)],
    course: &Course,
    baseline: &Baseline,
) -> Vec<Candidate> {
    let mut weighed: Vec<Candidate> =
        events.iter().filter_map(|(event, link)| weigh(event, link, course, baseline)).collect();
    weighed.retain(|candidate| candidate.score > 0.0);
    favour_the_first(&mut weighed);
    promote_explanations(&mut weighed, events, course);
    drop_echoes(&mut weighed);
    put_aside_what_is_only_near(&mut weighed);
    weighed.retain(|candidate| candidate.score > 0.0);
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
        None => scale.structure(event, link, course, baseline, is(Role::Wrapper))?,
    }
    if is(Role::Wrapper) && known.is_some() {
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

/// A plain statement of the request itself, before it failed, of a kind that requests which succeed never make.
fn is_unusual(event: &Event, link: &Link, course: &Course, baseline: &Baseline) -> bool {
    let own = link.kind <= LinkKind::Callee && event.exchange.is_none() && event.notification.is_none();
    let in_time = course.failed_at.is_some_and(|end| event.timestamp.is_some_and(|at| at <= end));
    own && in_time && baseline.is_telling() && baseline.commonness(event) == 0.0
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
        self.add(worth(&found.signature), format!("known cause: {}", found.signature.title));
    }

    /// `None` when the line says nothing that could explain a failure.
    fn structure(
        &mut self,
        event: &Event,
        link: &Link,
        course: &Course,
        baseline: &Baseline,
        wraps: bool,
    ) -> Option<()> {
        let innermost = event.exceptions.iter().rev().find(|exception| !exception.hollow);
        if wraps && innermost.is_none() {
            return None;
        }
        let at_the_door = course.door_words.as_ref().is_some_and(|words| std::ptr::eq(&**words, event));
        match event.severity {
            Severity::Critical | Severity::Error => self.add(UNKNOWN_ERROR, "an error of the request"),
            _ if at_the_door => self.add(DOOR_WORDS, "said right before the request was refused"),
            Severity::Warning => self.add(UNKNOWN_WARNING, "a warning of the request"),
            Severity::Info if is_unusual(event, link, course, baseline) => {
                self.add(UNUSUAL_INFO, "requests that succeed do not print it");
            }
            _ => return None,
        }
        if let Some(innermost) = innermost {
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
            LinkKind::Bridge => (-4.0, "tied by an event between services"),
            LinkKind::Entity => (-6.0, "tied by a resource of the request"),
            LinkKind::Notification => (NOTIFICATION, "a notification repeats what a log says first"),
            LinkKind::Predecessor => (-4.0, "an earlier request left the resource in this state"),
            LinkKind::Nearby => (-42.0, "only near in time"),
        };
        self.add(weight, text);
    }

    fn circumstances(&mut self, event: &Event, course: &Course, baseline: &Baseline) {
        const GRACE_SECONDS: f64 = 0.5;
        let late = |end: Timestamp| event.timestamp.is_some_and(|at| at.seconds_since(end) > GRACE_SECONDS);
        if course.failed_at.is_some_and(late) {
            self.add(AFTER_THE_END, "said after the request had failed");
        }
        if event.notification.is_some() && self.reasons.iter().all(|reason| reason.weight != NOTIFICATION) {
            self.add(NOTIFICATION, "a notification repeats what a log says first");
        }
        if course.was_left(event) {
            self.add(EARLIER_ATTEMPT, "another host was tried after this one");
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

/// Errors of the request that nobody knows: the first of them leads.
fn favour_the_first(candidates: &mut [Candidate]) {
    let unknown_error = |candidate: &&mut Candidate| {
        candidate.signature.is_none()
            && candidate.event.severity >= Severity::Error
            && candidate.link.kind <= LinkKind::Entity
            && candidate.event.notification.is_none()
    };
    let first = candidates
        .iter_mut()
        .filter(unknown_error)
        .min_by(|one, other| order(&one.event).cmp(&order(&other.event)));
    if let Some(first) = first {
        first.score += FIRST;
        first.reasons.push(Reason { text: "the first error of the request".into(), weight: FIRST });
    }
}

/// What is only near counts for little when the request's own lines tell something.
fn put_aside_what_is_only_near(candidates: &mut [Candidate]) {
    let own = candidates
        .iter()
        .any(|candidate| candidate.link.kind < LinkKind::Nearby && candidate.event.notification.is_none());
    let explains = |candidate: &Candidate| candidate.reasons.iter().any(|reason| reason.text == EXPLANATION);
    for candidate in candidates
        .iter_mut()
        .filter(|candidate| own && candidate.link.kind >= LinkKind::Nearby && !explains(candidate))
    {
        candidate.score += BESIDE;
        candidate
            .reasons
            .push(Reason { text: "lines of the request itself tell more".into(), weight: BESIDE });
    }
}

/// A line near by that only says what a line of the request says itself adds nothing.
fn drop_echoes(candidates: &mut Vec<Candidate>) {
    const SHORTEST: usize = 24;
    let own: Vec<String> = candidates
        .iter()
        .filter(|candidate| candidate.link.kind < LinkKind::Nearby)
        .map(|candidate| format!("{} {}", candidate.event.body, candidate.text))
        .collect();
    candidates.retain(|candidate| {
        let text = candidate.text.as_str();
        let echoes = text.len() >= SHORTEST && own.iter().any(|said| said.contains(text));
        candidate.link.kind < LinkKind::Nearby || !echoes
    });
}

/// A message that is known to hide deeper causes gives way to one of them that stands near.
fn promote_explanations(candidates: &mut [Candidate], events: &[(Arc<Event>, Link)], course: &Course) {
    let hiding: Vec<(&Event, &Signature)> = events
        .iter()
        .filter(|(_, link)| link.kind < LinkKind::Nearby)
        .flat_map(|(event, _)| event.signatures.iter().map(move |found| (&**event, &*found.signature)))
        .filter(|(_, signature)| !signature.explained_by.is_empty())
        .collect();
    let own_words: Vec<bool> =
        hiding.iter().map(|told| candidates.iter().any(|own| answers_itself(own, told, course))).collect();
    for candidate in candidates {
        let near = candidate.link.kind >= LinkKind::Nearby;
        let open = hiding.iter().zip(&own_words).filter(|(_, explained)| !(near && **explained));
        let explained = open.map(|(told, _)| told).filter(|told| explains(candidate, told, course));
        let best = explained.map(|(_, signature)| worth(signature) + EXPLAINS).max_by(f32::total_cmp);
        if let Some(score) = best.filter(|score| *score > candidate.score) {
            let weight = score - candidate.score;
            candidate.score = score;
            candidate.reasons.push(Reason { text: EXPLANATION.into(), weight });
        }
    }
}

/// Whether a line of the request itself says what the misleading message hides: then nothing near by has to.
fn answers_itself(own: &Candidate, told: &(&Event, &Signature), course: &Course) -> bool {
    let same_line = std::ptr::eq(&*own.event, told.0);
    let deeper = own.signature.as_ref().is_some_and(|signature| signature.depth > told.1.depth);
    own.link.kind < LinkKind::Nearby && ((same_line && deeper) || explains(own, told, course))
}

/// What is only near in time has to be on the same host, unless it is named outright or reaches the whole cloud.
fn explains(candidate: &Candidate, (told, hiding): &(&Event, &Signature), course: &Course) -> bool {
    const CLOCK_SECONDS: i64 = 1;
    let slug = candidate.signature.as_ref().map(|signature| signature.slug.as_str());
    let same_line = std::ptr::eq(&*candidate.event, *told);
    let later = candidate.event.timestamp > told.timestamp.map(|at| at.plus_seconds(CLOCK_SECONDS));
    let elsewhere = candidate.event.host != told.host && course.was_left(&candidate.event);
    if same_line || later || elsewhere || slug == Some(hiding.slug.as_str()) {
        return false;
    }
    let everywhere = candidate.signature.as_ref().is_some_and(|signature| signature.scope == Scope::Cloud);
    let here = candidate.link.kind < LinkKind::Nearby || everywhere || candidate.event.host == told.host;
    hiding.explained_by.iter().any(|what| match (what.strip_prefix('@'), what.strip_suffix('*')) {
        (Some(daemon), _) => {
            here && candidate.event.daemon.as_deref() == Some(daemon)
                && candidate.event.severity >= Severity::Error
        }
        (None, Some(family)) => here && slug.is_some_and(|slug| slug.starts_with(family)),
        (None, None) => slug == Some(what),
    })
}

fn worth(signature: &Signature) -> f32 {
    KNOWN + DEEPEST * f32::from(signature.depth) / 100.0
}

/// One failure is printed many times. The line that tells it best stands for all, with the points of the best of them;
/// the others follow as what they are: repeats.
fn without_repeats(ranked: Vec<Candidate>) -> Vec<Candidate> {
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    let mut group_of: HashMap<Failure, usize> = HashMap::new();
    for candidate in ranked {
        let group = *group_of.entry(failure_of(&candidate)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(candidate);
    }
    let mut kept: Vec<Candidate> = Vec::new();
    for mut group in groups {
        let best_score = group.iter().map(|candidate| candidate.score).fold(0.0, f32::max);
        group.sort_by(|one, other| {
            telling(other).cmp(&telling(one)).then_with(|| order(&one.event).cmp(&order(&other.event)))
        });
        group.dedup_by_key(|candidate| candidate.event.template);
        for (at, mut candidate) in group.into_iter().enumerate() {
            candidate.score = if at == 0 { best_score } else { candidate.score.min(best_score) + REPEATED };
            kept.push(candidate);
        }
    }
    kept.sort_by(|one, other| {
        let by_score = other.score.total_cmp(&one.score);
        by_score
            .then(one.link.kind.cmp(&other.link.kind))
            .then_with(|| order(&one.event).cmp(&order(&other.event)))
    });
    kept
}

/// What the line says happened: its signature, else its innermost exception, else its message.
fn failure_of(candidate: &Candidate) -> Failure {
    match (&candidate.signature, candidate.event.exceptions.last()) {
        // An outage of the broker or the database shows itself in many words.
        (Some(signature), _) if signature.scope == Scope::Cloud => {
            Failure::Known(family(&signature.slug).to_owned())
        }
        (Some(signature), _) => Failure::Known(signature.slug.clone()),
        (None, Some(innermost)) => Failure::Exception(innermost.message.clone()),
        (None, None) => Failure::Message(candidate.event.template),
    }
}

#[derive(PartialEq, Eq, Hash)]
enum Failure {
    Known(String),
    Exception(String),
    Message(TemplateId),
}

fn family(slug: &str) -> &str {
    slug.split('.').next().unwrap_or(slug)
}

/// The best witness: a line of the request itself, not a notification, said in time, by the deepest program; one that
/// carries the exception before one that leads to it.
fn telling(candidate: &Candidate) -> (bool, bool, bool, u8, bool) {
    let late = candidate.reasons.iter().any(|reason| reason.weight == AFTER_THE_END);
    (
        candidate.link.kind < LinkKind::Nearby,
        candidate.link.kind != LinkKind::Notification && candidate.event.notification.is_none(),
        !late,
        candidate.event.tier,
        !candidate.event.exceptions.is_empty(),
    )
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
