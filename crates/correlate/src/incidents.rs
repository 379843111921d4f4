//! One fault of the infrastructure fails many requests: it is told once, with the requests that it broke.

use std::collections::HashMap;
use std::time::Duration;

use model::{Id, Scope, State, Summary, Timestamp};

/// Failures of one cause that reaches farther than a request: a broker, a database, libvirt of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Of the cause.
    pub slug: String,
    /// Where it broke, when it is a cause of one host.
    pub host: Option<String>,
    /// The line that told it first.
    pub cause: String,
    /// When the first of the requests began, and the last one ended.
    pub since: Timestamp,
    pub until: Timestamp,
    /// The first ones that it broke, in the order in which that was found out.
    pub requests: Vec<Id>,
    /// How many it broke.
    pub count: u64,
}

/// What somebody who watches wants to know.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// With the incident that it is part of, when that was told before.
    Failed(Summary, Option<Incident>),
    /// A request did not end in any time in which it should have.
    Stuck(Summary),
    /// The failures of one cause have become an incident.
    Begins(Incident),
    Over(Incident),
}

/// How many failures of one cause in what time are an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncidentRule {
    pub failures: u64,
    /// So long after the last failure it is over.
    pub quiet: Duration,
}

impl Default for IncidentRule {
    fn default() -> Self {
        Self { failures: 3, quiet: Duration::from_secs(300) }
    }
}

/// The incidents that go on. Times are since the program began.
#[derive(Debug, Default)]
pub struct Incidents {
    rule: IncidentRule,
    open: HashMap<(String, Option<String>), Open>,
}

#[derive(Debug)]
struct Open {
    incident: Incident,
    last: Duration,
}

/// More are counted only.
const MOST_NAMED: usize = 1000;
/// More causes at a time are told one failure at a time.
const MOST_OPEN: usize = 1000;

impl Incidents {
    #[must_use]
    pub fn new(rule: IncidentRule) -> Self {
        Self { rule, open: HashMap::new() }
    }

    /// A request failed or is stuck: what is to be told of it.
    pub fn hear(&mut self, failed: Summary, now: Duration) -> Vec<News> {
        if failed.state == State::Stuck {
            return vec![News::Stuck(failed)];
        }
        let (incident, begins) = self.count(&failed, now);
        match incident {
            Some(incident) if begins => vec![News::Failed(failed, None), News::Begins(incident)],
            incident => vec![News::Failed(failed, incident)],
        }
    }

    /// The incident that it is part of, and whether it is one from now on.
    fn count(&mut self, failed: &Summary, now: Duration) -> (Option<Incident>, bool) {
        let Some(key) = cause_of(failed) else { return (None, false) };
        if !self.open.contains_key(&key) && self.open.len() >= MOST_OPEN {
            return (None, false);
        }
        let open = self.open.entry(key).or_insert_with_key(|key| Open::new(key, failed));
        open.last = now;
        let incident = &mut open.incident;
        let before = incident.count;
        // One that is there already was amended.
        if !incident.requests.contains(&failed.request) {
            incident.count += 1;
            incident.since = incident.since.min(failed.start);
            incident.until = incident.until.max(failed.end);
            if incident.requests.len() < MOST_NAMED {
                incident.requests.push(failed.request.clone());
            }
        }
        let is_one = incident.count >= self.rule.failures;
        (is_one.then(|| incident.clone()), before < self.rule.failures && is_one)
    }

    /// The incidents that are over now.
    pub fn take_over(&mut self, now: Duration) -> Vec<Incident> {
        let Self { rule, open } = self;
        let quiet = open.extract_if(|_, open| now.saturating_sub(open.last) > rule.quiet);
        let mut over: Vec<Incident> =
            quiet.map(|(_, open)| open.incident).filter(|incident| incident.count >= rule.failures).collect();
        over.sort_by(|one, other| (one.since, &one.slug).cmp(&(other.since, &other.slug)));
        over
    }
}

impl Open {
    fn new((slug, host): &(String, Option<String>), failed: &Summary) -> Self {
        let incident = Incident {
            slug: slug.clone(),
            host: host.clone(),
            cause: failed.cause.clone().unwrap_or_default(),
            since: failed.start,
            until: failed.end,
            requests: Vec::new(),
            count: 0,
        };
        Self { incident, last: Duration::ZERO }
    }
}

/// The cause that reaches farther than its request, and its host if it reaches no farther than that.
fn cause_of(failed: &Summary) -> Option<(String, Option<String>)> {
    let host = match failed.scope {
        Scope::Request => return None,
        Scope::Host => failed.cause_host.clone(),
        Scope::Cloud => None,
    };
    Some((failed.slug.clone()?, host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Outcome;

    fn failed(number: u8, scope: Scope, host: &str) -> Summary {
        Summary {
            request: Id::parse(&format!("0679010f-c12e-4d7d-a1f6-0000000000{number:02}")).unwrap(),
            action: "boot".into(),
            instance: None,
            user: None,
            project: None,
            outcome: Outcome::Failed,
            slug: Some("libvirt.connection_failed".into()),
            cause: Some("Cannot recv data".into()),
            confidence: 0.9,
            scope,
            cause_host: Some(host.into()),
            start: Timestamp::from_nanos(i64::from(number)),
            end: Timestamp::from_nanos(i64::from(number) + 10),
            services: 1,
            hosts: 1,
            state: State::Settled,
        }
    }

    /// What is told of each failure: its number, the host of its cause, the second.
    fn told(scope: Scope, failures: &[(u8, &str, u64)]) -> Vec<String> {
        let mut incidents = Incidents::new(IncidentRule::default());
        let mut told = Vec::new();
        for (number, host, second) in failures {
            let now = Duration::from_secs(*second);
            let name = |incident: Incident| {
                let host = incident.host.unwrap_or_else(|| "all".to_owned());
                format!("{} at {host}, {}-{}", incident.count, incident.since.nanos(), incident.until.nanos())
            };
            told.extend(incidents.take_over(now).into_iter().map(|over| format!("over: {}", name(over))));
            told.extend(incidents.hear(failed(*number, scope, host), now).into_iter().map(
                |news| match news {
                    News::Failed(_, None) => "alone".to_owned(),
                    News::Failed(_, Some(incident)) => format!("of: {}", name(incident)),
                    News::Begins(incident) => format!("begins: {}", name(incident)),
                    News::Stuck(_) | News::Over(_) => "?".to_owned(),
                },
            ));
        }
        told
    }

    #[test]
    fn failures_of_one_fault_are_told_once() {
        let check = |scope, failures: &[(u8, &str, u64)], expected: &[&str]| {
            assert_eq!(told(scope, failures), expected, "{failures:?}");
        };
        let four = [(1, "a", 0), (2, "a", 100), (3, "a", 200), (4, "a", 300)];
        check(Scope::Host, &four, &["alone", "alone", "alone", "begins: 3 at a, 1-13", "of: 4 at a, 1-14"]);
        check(Scope::Request, &four, &["alone"; 4]);
        let hosts = [(1, "a", 0), (2, "b", 1), (3, "c", 2)];
        check(Scope::Host, &hosts, &["alone"; 3]);
        check(Scope::Cloud, &hosts, &["alone", "alone", "alone", "begins: 3 at all, 1-13"]);
        let amended = [(1, "a", 0), (1, "a", 1), (2, "a", 2), (3, "a", 3), (3, "a", 4)];
        let told = ["alone", "alone", "alone", "alone", "begins: 3 at a, 1-13", "of: 3 at a, 1-13"];
        check(Scope::Host, &amended, &told);
        let pause = [(1, "a", 0), (2, "a", 1), (3, "a", 2), (4, "a", 303)];
        check(
            Scope::Host,
            &pause,
            &["alone", "alone", "alone", "begins: 3 at a, 1-13", "over: 3 at a, 1-13", "alone"],
        );
        check(Scope::Host, &[(1, "a", 0), (2, "a", 301), (3, "a", 602)], &["alone"; 3]);
    }
}
