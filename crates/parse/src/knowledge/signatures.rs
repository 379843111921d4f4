//! Signatures: messages that somebody knows, and what they mean.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use model::{Event, Mark, Role, Scope, Severity, Signature, SignatureMatch};
use serde::Deserialize;

use super::files::{Entered, FilterError, Keyed, Place};
use super::glance::Glance;
use super::literals::SHORTEST;
use super::matcher::PatternSet;
use super::pattern::{Found, Pattern};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entry {
    slug: String,
    disabled: bool,
    role: RoleName,
    scope: ScopeName,
    depth: Option<u8>,
    title: String,
    patterns: Vec<String>,
    regex: Vec<String>,
    unless: Vec<String>,
    service: Vec<String>,
    logger: Vec<String>,
    level: Option<String>,
    explain: String,
    remedy: String,
    look_in: String,
    explained_by: Vec<String>,
    mark: Option<MarkName>,
    action: Option<String>,
    samples: Vec<String>,
    counter_samples: Vec<String>,
    /// For readers of the file: where the message comes from.
    #[serde(rename = "logged_by")]
    _logged_by: serde::de::IgnoredAny,
    #[serde(rename = "source")]
    _source: serde::de::IgnoredAny,
    #[serde(rename = "releases")]
    _releases: serde::de::IgnoredAny,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleName {
    #[default]
    Cause,
    Wrapper,
    Symptom,
    Stage,
    Noise,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScopeName {
    #[default]
    Request,
    Host,
    Cloud,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MarkName {
    Started,
    Progress,
    Attempted,
    Succeeded,
    Failed,
    AttemptFailed,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Cause => Self::Cause,
            RoleName::Wrapper => Self::Wrapper,
            RoleName::Symptom => Self::Symptom,
            RoleName::Stage => Self::Stage,
            RoleName::Noise => Self::Noise,
        }
    }
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Request => Self::Request,
            ScopeName::Host => Self::Host,
            ScopeName::Cloud => Self::Cloud,
        }
    }
}

impl From<MarkName> for Mark {
    fn from(name: MarkName) -> Self {
        match name {
            MarkName::Started => Self::Started,
            MarkName::Progress => Self::Progress,
            MarkName::Attempted => Self::Attempted,
            MarkName::Succeeded => Self::Succeeded,
            MarkName::Failed => Self::Failed,
            MarkName::AttemptFailed => Self::AttemptFailed,
        }
    }
}

impl Keyed for Entry {
    const SORT: &'static str = "signature";

    fn key(&self) -> String {
        self.slug.clone()
    }

    fn disabled(&self) -> bool {
        self.disabled
    }
}

/// All signatures. A copy shares everything but which of them are switched on.
#[derive(Clone, Debug)]
pub(super) struct Signatures {
    rules: Arc<Vec<Rule>>,
    patterns: Arc<PatternSet>,
    /// The rule of each pattern.
    owners: Arc<Vec<usize>>,
    enabled: Vec<bool>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) signature: Arc<Signature>,
    pub(super) place: Place,
    pub(super) samples: Vec<String>,
    pub(super) counter_samples: Vec<String>,
    unless: Vec<Pattern>,
    services: Vec<String>,
    loggers: Vec<String>,
    level: Severity,
}

impl Signatures {
    /// `tier` tells how deep in the call chain a service stands.
    pub(super) fn new(
        entries: Entered<Entry>,
        tier: impl Fn(&str) -> Option<u8>,
    ) -> Result<Self, FilterError> {
        let (mut rules, mut patterns, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        for (place, entry) in entries {
            if entry.slug.is_empty() {
                return Err(place.broken("the signature has no slug"));
            }
            if entry.patterns.is_empty() && entry.regex.is_empty() {
                return Err(
                    place.broken(format!("signature `{}` has neither patterns nor regex", entry.slug))
                );
            }
            let broken = |what: String| place.broken(format!("signature `{}`: {what}", entry.slug));
            let templates = entry.patterns.iter().map(|text| Pattern::template(text));
            for pattern in templates.chain(entry.regex.iter().map(|text| Pattern::regex(text))) {
                patterns.push(pattern.map_err(broken)?);
                owners.push(rules.len());
            }
            rules.push(Rule::new(place, entry, &tier)?);
        }
        let enabled = vec![true; rules.len()];
        let patterns = Arc::new(PatternSet::new(patterns));
        Ok(Self { rules: Arc::new(rules), patterns, owners: Arc::new(owners), enabled })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Signature>> {
        self.enabled_rules().map(|rule| &rule.signature)
    }

    pub(super) fn without(&self, left_out: impl Fn(&Signature) -> bool) -> Self {
        let still = self.rules.iter().zip(&self.enabled);
        let enabled = still.map(|(rule, enabled)| *enabled && !left_out(&rule.signature)).collect();
        Self { enabled, ..self.clone() }
    }

    /// The literals by which a glance at a line tells what is worth a look. A pattern without a usable literal is left
    /// out: a glance at every line cannot try it.
    pub(super) fn telling_literals(&self) -> impl Iterator<Item = (&str, Glance)> {
        let patterns = self.patterns().flat_map(|(rule, pattern)| {
            let glance = rule.glance();
            pattern.literals.iter().map(move |literal| (literal.as_str(), glance))
        });
        patterns.filter(|(literal, glance)| literal.len() >= SHORTEST && *glance != Glance::default())
    }

    /// Causes first, then the deepest, then the earliest in the event.
    pub(super) fn find(&self, event: &Event) -> Vec<SignatureMatch> {
        let mut hits: Vec<Hit> = Vec::new();
        for (order, text) in texts(event).enumerate() {
            self.patterns.candidates(&text, |index, pattern| {
                let Some(rule) = self.owners.get(index).copied().filter(|rule| self.admits(*rule, event))
                else {
                    return;
                };
                let known = hits.iter().any(|hit| hit.rule == rule);
                if let Some(found) = if known { None } else { pattern.find(&text) } {
                    hits.push(Hit { rule, order, found });
                }
            });
        }
        let mut hits: Vec<_> = hits
            .into_iter()
            .filter_map(|hit| Some((self.rules.get(hit.rule)?, hit)))
            .filter(|(rule, _)| !rule.vetoed(event))
            .collect();
        hits.sort_by_key(|(rule, hit)| {
            (rule.signature.role, Reverse(rule.signature.depth), hit.order, hit.found.at)
        });
        hits.into_iter().map(|(rule, hit)| rule.matched(hit)).collect()
    }

    /// Whether a text says no more than that something inside failed.
    pub(super) fn is_hollow(&self, text: &str, event: &Event) -> bool {
        let (mut wraps, mut explains) = (false, false);
        self.patterns.candidates(text, |index, pattern| {
            let Some(rule) = self.owners.get(index).copied().filter(|rule| self.admits(*rule, event)) else {
                return;
            };
            let role = self.rules.get(rule).map(|rule| rule.signature.role);
            if matches!(role, Some(Role::Wrapper | Role::Cause)) && pattern.find(text).is_some() {
                wraps |= role == Some(Role::Wrapper);
                explains |= role == Some(Role::Cause);
            }
        });
        wraps && !explains
    }

    fn admits(&self, rule: usize, event: &Event) -> bool {
        self.enabled.get(rule) == Some(&true) && self.rules.get(rule).is_some_and(|rule| rule.admits(event))
    }

    pub(super) fn enabled_rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().zip(&self.enabled).filter(|(_, enabled)| **enabled).map(|(rule, _)| rule)
    }

    /// Patterns with the rule that they belong to.
    pub(super) fn patterns(&self) -> impl Iterator<Item = (&Rule, &Pattern)> {
        let owned = self.patterns.iter().zip(self.owners.iter());
        owned.filter_map(|(pattern, owner)| Some((self.rules.get(*owner)?, pattern)))
    }
}

struct Hit {
    rule: usize,
    /// Of the text within the event; the body is 0.
    order: usize,
    found: Found,
}

impl Rule {
    fn new(place: Place, entry: Entry, tier: impl Fn(&str) -> Option<u8>) -> Result<Self, FilterError> {
        let broken = |what: String| place.broken(format!("signature `{}`: {what}", entry.slug));
        let unless = entry
            .unless
            .iter()
            .map(|text| Pattern::template(text))
            .collect::<Result<_, _>>()
            .map_err(broken)?;
        let level = match &entry.level {
            Some(word) => Severity::parse(word).ok_or_else(|| broken(format!("`{word}` is no level")))?,
            None => Severity::Unspecified,
        };
        if entry.depth.is_some_and(|depth| depth > 100) {
            return Err(broken("a depth is a number from 0 to 100".to_owned()));
        }
        let services = entry.service.iter().map(String::as_str).chain(entry.slug.split('.').next());
        let role = Role::from(entry.role);
        let depth = entry.depth.unwrap_or_else(|| usual_depth(role, services.filter_map(tier).max()));
        let signature = Signature {
            slug: entry.slug,
            role,
            scope: entry.scope.into(),
            depth,
            title: entry.title,
            explain: entry.explain,
            remedy: entry.remedy,
            look_in: entry.look_in,
            explained_by: entry.explained_by,
            mark: entry.mark.map(Mark::from),
            action: entry.action,
        };
        Ok(Self {
            signature: Arc::new(signature),
            place,
            samples: entry.samples,
            counter_samples: entry.counter_samples,
            unless,
            services: entry.service,
            loggers: entry.logger,
            level,
        })
    }

    /// What an event does not say speaks against nothing, except for its logger: lines of other programs have none.
    fn admits(&self, event: &Event) -> bool {
        let loud_enough = event.severity == Severity::Unspecified || event.severity >= self.level;
        let of_service = |service: &String| self.services.is_empty() || self.services.contains(service);
        let of_logger = |logger: &str| self.loggers.iter().any(|prefix| within(logger, prefix));
        loud_enough
            && event.service.as_ref().is_none_or(of_service)
            && (self.loggers.is_empty() || event.logger.as_deref().is_some_and(of_logger))
    }

    /// A logger that the rule listens to.
    pub(super) fn any_logger(&self) -> Option<String> {
        self.loggers.first().cloned()
    }

    fn glance(&self) -> Glance {
        let signature = &self.signature;
        Glance {
            notable: signature.role == Role::Cause && signature.scope != Scope::Request,
            known: signature.tells_failure(),
            opens: signature.mark.is_some_and(Mark::opens),
        }
    }

    fn vetoed(&self, event: &Event) -> bool {
        self.unless.iter().any(|pattern| texts(event).any(|text| pattern.is_match(&text)))
    }

    fn matched(&self, hit: Hit) -> SignatureMatch {
        SignatureMatch {
            signature: Arc::clone(&self.signature),
            captures: hit.found.captures,
            at: if hit.order == 0 { hit.found.at } else { 0 },
        }
    }
}

/// What breaks deep in the call chain is usually the cause of what breaks above.
const fn usual_depth(role: Role, tier: Option<u8>) -> u8 {
    match (role, tier) {
        (Role::Cause, Some(tier)) => tier,
        (Role::Cause, None) => 60,
        (Role::Symptom, _) => 30,
        (Role::Wrapper, _) => 10,
        (Role::Stage | Role::Noise, _) => 0,
    }
}

/// Whether a dotted name is a prefix or stands below it.
fn within(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || prefix.ends_with('.'))
}

/// What is looked at: enough of an event to know it, however long it is.
const BODY_LIMIT: usize = 64 << 10;
const DETAIL_LIMIT: usize = 4 << 10;
const DETAIL_LINES: usize = 200;

/// The body, the exceptions, and the first and last detail lines.
fn texts(event: &Event) -> impl Iterator<Item = Cow<'_, str>> {
    let exceptions =
        event.exceptions.iter().map(|exception| format!("{}: {}", exception.class, exception.message));
    let last = event.detail.len().saturating_sub(DETAIL_LINES).max(DETAIL_LINES);
    let details = event.detail.iter().take(DETAIL_LINES).chain(event.detail.iter().skip(last));
    std::iter::once(Cow::Borrowed(cut(&event.body, BODY_LIMIT)))
        .chain(exceptions.map(|text| Cow::Owned(cut(&text, DETAIL_LIMIT).to_owned())))
        .chain(details.map(|line| Cow::Borrowed(cut(line, DETAIL_LIMIT))))
}

fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use model::Exception;

    use super::super::Knowledge;
    use super::*;

    const FILTERS: &str = r#"
        [[service]]
        name = "neutron"
        tier = 60
        [[signature]]
        slug = "neutron.ip_exhausted"
        patterns = ["No more IP addresses available on network {network:network}."]
        [[signature]]
        slug = "nova.no_valid_host"
        role = "wrapper"
        patterns = ["No valid host was found."]
        [[signature]]
        slug = "deep"
        depth = 90
        patterns = ["disk {path:path} is full"]
        unless = ["will retry"]
        [[signature]]
        slug = "filter"
        role = "symptom"
        patterns = ["Filter {filter} returned 0 hosts"]
        logger = ["nova.filters"]
        level = "INFO"
        service = ["nova"]
        [[signature]]
        slug = "stack"
        depth = 20
        regex = ['Went to status (?P<state>[A-Z]+)']
    "#;

    #[track_caller]
    fn check(event: &Event, expected: &[&str]) {
        let found = Knowledge::of_text(FILTERS).unwrap().signatures_of(event);
        let slugs: Vec<_> = found.iter().map(|found| found.signature.slug.as_str()).collect();
        assert_eq!(slugs, expected, "{event:?}");
    }

    fn event(body: &str) -> Event {
        Event { body: body.to_owned(), ..Event::default() }
    }

    #[test]
    fn causes_come_first_then_the_deepest() {
        check(
            &event("No valid host was found. Went to status ERROR: disk /var is full"),
            &["deep", "stack", "nova.no_valid_host"],
        );
        check(&event("nothing of interest"), &[]);
        check(&event(""), &[]);
    }

    #[test]
    fn exceptions_and_details_are_read_too() {
        let message =
            "No more IP addresses available on network 9d1e4f1e-3f63-4a6f-9df5-0f6b5b3c7a10.".to_owned();
        let exceptions = vec![Exception {
            class: "neutron_lib.exceptions.IpAddressGenerationFailure".to_owned(),
            message,
            hollow: false,
        }];
        check(
            &Event { exceptions, ..event("No valid host was found.") },
            &["neutron.ip_exhausted", "nova.no_valid_host"],
        );
        let detail =
            (0..1000).map(|line| format!("line {line}")).chain(["disk /var is full".to_owned()]).collect();
        check(&Event { detail, ..event("it broke") }, &["deep"]);
        let long = format!("{}disk /var is full", "é".repeat(DETAIL_LIMIT));
        check(&Event { detail: vec![long], ..event("it broke") }, &[]);
    }

    #[test]
    fn restrictions_and_vetoes_hold() {
        check(&event("disk /var is full, will retry"), &[]);
        check(&Event { detail: vec!["will retry".to_owned()], ..event("disk /var is full") }, &[]);
        let line = |logger: Option<&str>, severity, service: Option<&str>| Event {
            logger: logger.map(str::to_owned),
            service: service.map(str::to_owned),
            severity,
            ..event("Filter ComputeFilter returned 0 hosts")
        };
        check(&line(Some("nova.filters"), Severity::Info, Some("nova")), &["filter"]);
        check(&line(Some("nova.filters"), Severity::Unspecified, None), &["filter"]);
        check(&line(Some("nova.filters.deeper"), Severity::Error, Some("nova")), &["filter"]);
        check(&line(Some("nova.filters_of_others"), Severity::Info, Some("nova")), &[]);
        check(&line(None, Severity::Info, Some("nova")), &[]);
        check(&line(Some("nova.filters"), Severity::Debug, Some("nova")), &[]);
        check(&line(Some("nova.filters"), Severity::Info, Some("cinder")), &[]);
    }

    #[test]
    fn a_match_tells_its_place_and_captures() {
        let knowledge = Knowledge::of_text(FILTERS).unwrap();
        let found = knowledge.signatures_of(&event("Oh: disk /var/lib/nova is full"));
        let first = found.first().unwrap();
        assert_eq!(
            (first.at, first.captures.as_slice()),
            (4, &[("path".to_owned(), "/var/lib/nova".to_owned())][..])
        );
    }

    #[test]
    fn depth_comes_from_the_tier_of_the_service() {
        let knowledge = Knowledge::of_text(FILTERS).unwrap();
        let depths: Vec<_> = knowledge.signatures().map(|signature| signature.depth).collect();
        assert_eq!(depths, [60, 10, 90, 30, 20]);
    }

    #[test]
    fn left_out_signatures_are_unknown_to_the_copy_only() {
        let knowledge = Knowledge::of_text(FILTERS).unwrap();
        let without = knowledge.without(|signature| signature.slug == "deep");
        let full = event("disk /var is full");
        assert_eq!(without.signatures_of(&full).len(), 0);
        assert_eq!(knowledge.signatures_of(&full).len(), 1);
        assert_eq!(without.signatures().count() + 1, knowledge.signatures().count());
    }
}
