//! `why` is right about clouds, releases and faults that nobody recorded: small logs, each line worded as upstream prints it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use culprit_tests::binary::{checked_binary, project_root};
use culprit_tests::marking::{Answer, Case, RootCause};
use serde::Deserialize;

/// Scenarios that are answered wrong today, each with the reason. One that is answered right must leave the list.
const KNOWN_MISSES: &[(&str, &str)] = &[
    ("ironic-deploy-callback-timeout", "the node of the server does not join ironic's own lines"),
    (
        "unshelve-image-gone",
        "the exception that repeats a logged reason is told instead of the reason's first line",
    ),
];

/// A scenario's `case.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What happened, in a sentence.
    note: String,
    release: String,
    /// Each of these ids must lead to the same answer.
    ask: Vec<String>,
    outcome: Outcome,
    /// Lines that tell the cause, as `path:line` below `logs`; any of them is right. None: no line tells.
    causes: Vec<String>,
    /// Where upstream prints the lines.
    #[serde(rename = "sources")]
    _sources: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Failed,
    Succeeded,
}

#[test]
fn clouds_that_nobody_recorded_are_understood() {
    let binary = checked_binary().unwrap();
    let mut wrong = String::new();
    let mut wrong_names = BTreeSet::new();
    for folder in scenarios() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for miss in misses(&binary, &folder) {
            if !is_known(&name) {
                write!(wrong, "\n{name}: {miss}").unwrap();
            }
            wrong_names.insert(name.clone());
        }
    }
    for (name, reason) in KNOWN_MISSES {
        if !wrong_names.contains(*name) {
            write!(wrong, "\n{name}: right now, though listed ({reason})").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn scenarios() -> Vec<PathBuf> {
    let root = project_root().join("tests/scenarios");
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "no scenario");
    folders
}

fn is_known(name: &str) -> bool {
    KNOWN_MISSES.iter().any(|(known, _)| *known == name)
}

/// What is wrong with the answers, one text per id.
fn misses(binary: &Path, folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("case.toml")).unwrap();
    let scenario: Scenario =
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let store = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let import = Command::new(binary)
        .args(["import", "--quiet", "--store"])
        .arg(store.path())
        .arg(folder.join("logs"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(import.status.success(), "{}: {}", folder.display(), String::from_utf8_lossy(&import.stderr));
    scenario.ask.iter().filter_map(|id| scenario.miss(id, &why(binary, store.path(), id))).collect()
}

fn why(binary: &Path, store: &Path, id: &str) -> Answer {
    let run = Command::new(binary)
        .args(["why", "--json", "--store"])
        .arg(store)
        .arg(id)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    serde_json::from_slice(&run.stdout).unwrap_or_else(|_| Answer {
        outcome: format!("no answer: {}", String::from_utf8_lossy(&run.stderr).trim()),
        ..Answer::default()
    })
}

impl Scenario {
    fn miss(&self, id: &str, answer: &Answer) -> Option<String> {
        let right = self.case(id).mark(answer).right && self.names_one_when_told(answer);
        let place = |candidate: &culprit_tests::marking::Candidate| {
            format!("\n    {}:{} {:?} {}", candidate.file, candidate.line, candidate.slug, candidate.text)
        };
        let candidates: String = answer.candidates.iter().take(3).map(place).collect();
        let Self { note, release, outcome, causes, .. } = self;
        (!right).then(|| {
            format!(
                "{id}: {note} ({release})\n    {outcome:?} by {causes:?}, but {}{candidates}",
                answer.outcome
            )
        })
    }

    /// A failure that some line tells must be told as a failure.
    fn names_one_when_told(&self, answer: &Answer) -> bool {
        self.outcome == Outcome::Succeeded || answer.outcome == "failed"
    }

    fn case(&self, id: &str) -> Case {
        let root_cause = self.causes.split_first().map(|(first, also)| {
            let (file, line) = first.rsplit_once(':').expect("a cause is `path:line`");
            RootCause {
                file: format!("logs/{file}"),
                line: line.parse().expect("a line is a number"),
                also: also.iter().map(|cause| format!("logs/{cause}")).collect(),
            }
        });
        let class = if self.outcome == Outcome::Succeeded { "none" } else { "scenario" };
        Case {
            case: self.note.clone(),
            request_id: id.to_owned(),
            instance_uuid: None,
            root_cause,
            root_cause_class: class.to_owned(),
        }
    }
}
