//! Filters tested against their own samples.

use std::fmt;

use model::Event;

use super::Knowledge;
use super::files::Place;
use super::pattern::Pattern;
use super::signatures::Rule;

/// What is wrong with an entry of a filter file, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub file: String,
    /// Of the entry, 1-based.
    pub line: usize,
    pub what: String,
}

impl Finding {
    pub(super) fn new(place: &Place, what: String) -> Self {
        Self { file: place.file().to_owned(), line: place.line(), what }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.what)
    }
}

impl Knowledge {
    /// Runs every sample, and looks for entries that cannot do what they are for.
    #[must_use]
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = self.repeated.to_vec();
        for (rule, pattern) in self.signatures.patterns() {
            let slug = &rule.signature.slug;
            let found = defects(pattern)
                .into_iter()
                .map(|what| Finding::new(&rule.place, format!("signature `{slug}`: {what}")));
            findings.extend(found);
        }
        for rule in self.signatures.enabled_rules() {
            findings.extend(self.check_samples(rule));
        }
        for (pattern, (place, samples)) in self.ids.messages() {
            findings.extend(defects(pattern).into_iter().map(|what| Finding::new(place, what)));
            let silent =
                samples.iter().filter(|sample| pattern.find(sample).is_none_or(|found| found.ids.is_empty()));
            let text = &pattern.text;
            findings.extend(
                silent.map(|sample| {
                    Finding::new(place, format!("`{text}` finds no id in the sample `{sample}`"))
                }),
            );
        }
        findings
    }

    fn check_samples(&self, rule: &Rule) -> Vec<Finding> {
        let slug = &rule.signature.slug;
        let own = self.without(|signature| signature.slug != *slug);
        let matches = |sample: &String| {
            events_of(sample, rule).iter().any(|event| !own.signatures_of(event).is_empty())
        };
        let missed = rule.samples.iter().filter(|sample| !matches(sample));
        let missed = missed.map(|sample| format!("signature `{slug}` does not match its sample `{sample}`"));
        let caught = rule.counter_samples.iter().filter(|sample| matches(sample));
        let caught = caught.map(|sample| format!("signature `{slug}` matches its counter sample `{sample}`"));
        let unexplained = rule.signature.title.is_empty().then(|| format!("signature `{slug}` has no title"));
        let untested = rule
            .samples
            .is_empty()
            .then(|| format!("signature `{slug}` has no sample: add a line that it must match"));
        missed
            .chain(caught)
            .chain(unexplained)
            .chain(untested)
            .map(|what| Finding::new(&rule.place, what))
            .collect()
    }
}

fn defects(pattern: &Pattern) -> Vec<String> {
    let text = &pattern.text;
    let never = pattern.defect().map(|why| format!("`{text}` never matches: {why}"));
    let slow = (pattern.selectivity() < 4)
        .then(|| format!("`{text}` is tried on every line: put at least 4 letters of literal text into it"));
    never.into_iter().chain(slow).collect()
}

/// A sample is a body, or a whole log line whose body begins behind one of its brackets; more lines are its detail.
fn events_of(sample: &str, rule: &Rule) -> Vec<Event> {
    let mut lines = sample.lines();
    let head = lines.next().unwrap_or_default();
    let detail: Vec<String> = lines.map(str::to_owned).collect();
    let behind_brackets = head.match_indices("] ").filter_map(|(at, bracket)| head.get(at + bracket.len()..));
    let bodies = std::iter::once(head).chain(behind_brackets);
    bodies
        .map(|body| Event {
            body: body.to_owned(),
            detail: detail.clone(),
            logger: rule.any_logger(),
            ..Event::default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_name_samples_that_fail() {
        let check = |entry: &str, expected: &str| {
            let text = format!("\n[[signature]]\nslug = 'a'\ntitle = 'A'\n{entry}");
            let findings: Vec<_> =
                Knowledge::of_text(&text).unwrap().check().iter().map(ToString::to_string).collect();
            assert_eq!(findings.join("\n"), expected);
        };
        check("patterns = ['it broke']\nsamples = ['2026-11-21 1 ERROR a [-] it broke']", "");
        check("patterns = ['^it broke']\nsamples = ['2026-11-21 1 ERROR a [-] it broke']", "");
        check(
            "patterns = ['it broke']\nsamples = ['it works']",
            "text:2: signature `a` does not match its sample `it works`",
        );
        check("patterns = ['it broke']\nsamples = [\"Traceback:\\n  it broke\"]", "");
        check(
            "patterns = ['it broke']\nsamples = ['it broke']\ncounter_samples = ['so it broke']",
            "text:2: signature `a` matches its counter sample `so it broke`",
        );
        check(
            "patterns = ['it broke']",
            "text:2: signature `a` has no sample: add a line that it must match",
        );
        check("patterns = ['{a} is b']\nsamples = ['a is b']", "");
        check(
            "patterns = ['{a} b']\nsamples = ['a b']",
            "text:2: signature `a`: `{a} b` is tried on every line: put at least 4 letters of literal text into it",
        );
        check(
            "regex = ['[^x]{3}[^y]{9000}abcd']\nsamples = []",
            "text:2: signature `a`: `[^x]{3}[^y]{9000}abcd` never matches: Compiled regex exceeds size limit of 1048576 bytes.\ntext:2: signature `a` has no sample: add a line that it must match",
        );
        check(
            "patterns = ['it broke']\nsamples = ['it broke']\n[[signature]]\nslug = 'a'\ntitle = 'A'\npatterns = ['it broke']\nsamples = ['it broke']",
            "text:7: signature `a` stands here twice",
        );
    }

    #[test]
    fn the_embedded_filters_have_no_findings() {
        let findings = Knowledge::load_whole(None).unwrap().check();
        let report: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(report.is_empty(), "{}", report.join("\n"));
    }
}
