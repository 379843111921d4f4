//! Whether an answer of `culprit why --json` is the right one. Pure: cases and answers in, marks out.

use std::collections::BTreeSet;

use serde::Deserialize;

/// An event of several lines counts for every line in it, up to this many.
const LONGEST_EVENT: u64 = 200;

/// Below this confidence a cause is a guess that is labelled as one.
const NAMED: f64 = 0.5;

/// One request whose truth is known: a line of `cases.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    pub case: String,
    pub request_id: String,
    pub instance_uuid: Option<String>,
    pub root_cause: Option<RootCause>,
    /// `none` when the request did not fail.
    pub root_cause_class: String,
}

/// The line that explains the failure.
#[derive(Clone, Debug, Deserialize)]
pub struct RootCause {
    pub file: String,
    pub line: u64,
    /// Lines that are as good: `path:line`.
    #[serde(default)]
    pub also: Vec<String>,
}

/// What `culprit why --json` printed.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Answer {
    pub outcome: String,
    pub cause: Option<Candidate>,
    /// Best first; the first is the cause, when there is one.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Candidate {
    /// The path below the imported folder.
    pub file: String,
    /// Of the event's head, 1-based.
    pub line: u64,
    pub end_line: Option<u64>,
    pub confidence: Option<f64>,
    /// The slug of the signature that fits the line.
    pub slug: Option<String>,
    pub role: Option<String>,
    pub text: String,
}

/// What a case asks of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The cause stands in the logs: it must be named.
    Explained,
    /// It failed and no line tells why: nothing may be named.
    Unexplained,
    /// It did not fail.
    Control,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub kind: Kind,
    /// The right answer: the cause first, an honest shrug, or a success.
    pub right: bool,
    /// The cause is one of the first three candidates.
    pub among_three: bool,
}

impl Case {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.root_cause {
            _ if self.root_cause_class == "none" => Kind::Control,
            Some(_) => Kind::Explained,
            None => Kind::Unexplained,
        }
    }

    #[must_use]
    pub fn mark(&self, answer: &Answer) -> Mark {
        let cause = answer.cause.as_ref();
        let right = match self.kind() {
            Kind::Control => answer.outcome == "succeeded" && cause.is_none(),
            Kind::Explained => cause.is_some_and(|cause| self.accepts(cause)),
            Kind::Unexplained => {
                let named = cause.is_some_and(|cause| cause.confidence.unwrap_or(1.0) >= NAMED);
                answer.outcome == "failed" && !named
            }
        };
        let among_three = right || answer.candidates.iter().take(3).any(|candidate| self.accepts(candidate));
        Mark { kind: self.kind(), right, among_three }
    }

    /// The signatures of role cause that lead to the true line: without them only structure is left.
    #[must_use]
    pub fn own_signatures(&self, answer: &Answer) -> BTreeSet<String> {
        (answer.cause.iter().chain(&answer.candidates))
            .filter(|candidate| self.accepts(candidate))
            .filter(|candidate| candidate.role.as_deref().is_none_or(|role| role == "cause"))
            .filter_map(|candidate| candidate.slug.clone())
            .collect()
    }

    fn accepts(&self, candidate: &Candidate) -> bool {
        let last = candidate.end_line.unwrap_or(candidate.line).min(candidate.line + LONGEST_EVENT);
        self.accepted_lines()
            .any(|(file, line)| (candidate.line..=last).contains(&line) && same_file(&candidate.file, file))
    }

    fn accepted_lines(&self) -> impl Iterator<Item = (&str, u64)> {
        self.root_cause.iter().flat_map(|cause| {
            let also = cause.also.iter().filter_map(|place| {
                let (file, line) = place.rsplit_once(':')?;
                Some((file, line.parse().ok()?))
            });
            std::iter::once((cause.file.as_str(), cause.line)).chain(also)
        })
    }
}

/// Whether two paths name one file, seen from different folders.
fn same_file(named: &str, accepted: &str) -> bool {
    let accepted = accepted.strip_prefix("logs/").unwrap_or(accepted);
    let ends_with = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
    };
    ends_with(named, accepted) || ends_with(accepted, named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPLAINED: &str = r#"{"case": "c1", "request_id": "req-1", "instance_uuid": null, "root_cause_class": "quota",
        "root_cause": {"file": "logs/controller/nova/nova-api.log", "line": 10, "also": ["logs/network-01/l3.log:7"]}}"#;
    const UNEXPLAINED: &str =
        r#"{"case": "c2", "request_id": "req-2", "root_cause_class": "policy", "root_cause": null}"#;
    const CONTROL: &str =
        r#"{"case": "c3", "request_id": "req-3", "root_cause_class": "none", "root_cause": null}"#;

    fn check(case: &str, answer: &str, right: bool, among_three: bool) {
        let case: Case = serde_json::from_str(case).unwrap();
        let mark = case.mark(&serde_json::from_str(answer).unwrap());
        assert_eq!((mark.right, mark.among_three), (right, among_three), "{answer}");
    }

    /// A failure with these candidates, the first of which is the cause.
    fn failed(candidates: &[&str]) -> String {
        let first = candidates.first().copied().unwrap_or("null");
        format!(r#"{{"outcome": "failed", "cause": {first}, "candidates": [{}]}}"#, candidates.join(","))
    }

    #[test]
    fn the_accepted_line_is_right_from_any_folder_and_inside_an_event() {
        for place in [
            r#"{"file": "logs/controller/nova/nova-api.log", "line": 10, "confidence": 0.9}"#,
            r#"{"file": "/srv/x/controller/nova/nova-api.log", "line": 10}"#,
            r#"{"file": "nova-api.log", "line": 10}"#,
            r#"{"file": "controller/nova/nova-api.log", "line": 4, "end_line": 12}"#,
            r#"{"file": "network-01/l3.log", "line": 7}"#,
        ] {
            check(EXPLAINED, &failed(&[place]), true, true);
        }
    }

    #[test]
    fn another_line_or_file_is_wrong() {
        for place in [
            r#"{"file": "controller/nova/nova-api.log", "line": 11}"#,
            r#"{"file": "controller/nova/nova-api.log", "line": 4, "end_line": 9}"#,
            r#"{"file": "controller/nova/other-nova-api.log", "line": 10}"#,
            r#"{"file": "xnova-api.log", "line": 10}"#,
            r#"{"file": "network-01/l3.log", "line": 10}"#,
        ] {
            check(EXPLAINED, &failed(&[place]), false, false);
        }
        check(EXPLAINED, &failed(&[]), false, false);
        check(EXPLAINED, r#"{"outcome": "not_found", "cause": null}"#, false, false);
    }

    #[test]
    fn the_first_three_candidates_count_and_no_more() {
        let (hit, miss) =
            (r#"{"file": "nova-api.log", "line": 10}"#, r#"{"file": "nova-api.log", "line": 1}"#);
        check(EXPLAINED, &failed(&[miss, miss, hit]), false, true);
        check(EXPLAINED, &failed(&[miss, miss, miss, hit]), false, false);
    }

    #[test]
    fn what_no_line_explains_may_only_be_guessed() {
        let guess = |confidence| format!(r#"{{"file": "a.log", "line": 1, "confidence": {confidence}}}"#);
        check(UNEXPLAINED, &failed(&[]), true, true);
        check(UNEXPLAINED, &failed(&[&guess(0.4)]), true, true);
        check(UNEXPLAINED, &failed(&[&guess(0.5)]), false, false);
        check(UNEXPLAINED, &failed(&[r#"{"file": "a.log", "line": 1}"#]), false, false);
        check(UNEXPLAINED, r#"{"outcome": "succeeded", "cause": null}"#, false, false);
    }

    #[test]
    fn a_success_has_no_cause() {
        check(CONTROL, r#"{"outcome": "succeeded", "cause": null}"#, true, true);
        check(CONTROL, r#"{"outcome": "succeeded", "cause": {"file": "a.log", "line": 1}}"#, false, false);
        check(CONTROL, &failed(&[]), false, false);
        check(CONTROL, r#"{"outcome": "unfinished", "cause": null}"#, false, false);
    }

    #[test]
    fn own_signatures_are_those_of_accepted_lines() {
        let case: Case = serde_json::from_str(EXPLAINED).unwrap();
        let own = case.own_signatures(
            &serde_json::from_str(&failed(&[
                r#"{"file": "nova-api.log", "line": 1, "slug": "other.cause"}"#,
                r#"{"file": "nova-api.log", "line": 10, "slug": "nova.quota", "role": "cause"}"#,
                r#"{"file": "l3.log", "line": 7, "slug": "some.wrapper", "role": "wrapper"}"#,
                r#"{"file": "l3.log", "line": 7}"#,
            ]))
            .unwrap(),
        );
        assert_eq!(own, BTreeSet::from(["nova.quota".to_owned()]));
    }
}
