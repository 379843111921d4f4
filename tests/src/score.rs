//! How often `culprit why` is right about a cloud whose true causes are known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::marking::{Answer, Candidate, Case, Kind, Mark};

/// What a release must reach; see [`Bar`].
pub const BARS: &str = "top1=92,top3=97,honest=90,controls=100,instance_top1=88";

/// What structure alone must reach.
pub const LEAVE_ONE_OUT_BAR: &str = "leave_one_out=60";

/// A cloud's cases, and a store into which its logs were imported.
#[derive(Debug)]
pub struct Examination<'a> {
    binary: &'a Path,
    store: &'a Path,
    cases: Vec<Case>,
}

#[derive(Debug, Default)]
pub struct Score {
    /// `top1`, `top3`, `honest`, `controls`; the same by instance, and `leave_one_out`.
    pub shares: BTreeMap<String, Share>,
    /// Of every `why` as a whole process, sorted.
    pub seconds: Vec<f64>,
    /// One text per case that was answered wrong.
    pub misses: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub right: usize,
    pub all: usize,
}

/// By which id a case is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Request,
    Instance,
}

impl<'a> Examination<'a> {
    /// Imports the logs and notifications of `cloud` into `store`, never its `cases.jsonl`, which holds the answers.
    pub fn prepare(binary: &'a Path, cloud: &Path, store: &'a Path) -> Result<Self> {
        import_cloud(binary, cloud, store)?;
        Self::over(binary, cloud, store)
    }

    /// The same over a store that holds the cloud already. A generated cloud has its answers in `truth.jsonl`.
    pub fn over(binary: &'a Path, cloud: &Path, store: &'a Path) -> Result<Self> {
        let generated = cloud.join("truth.jsonl");
        let path = if generated.exists() { generated } else { cloud.join("cases.jsonl") };
        Ok(Self { binary, store, cases: read_cases(&path)? })
    }

    /// Asks for every case by its request id, then by its instance.
    pub fn mark(&self) -> Result<Score> {
        let mut score = Score::default();
        for by in [By::Request, By::Instance] {
            for case in &self.cases {
                let Some(id) = by.id(case) else { continue };
                let began = Instant::now();
                let answer = self.why(id, &BTreeSet::new())?;
                score.seconds.push(began.elapsed().as_secs_f64());
                let mark = case.mark(&answer);
                score.count(by, mark);
                if !mark.right {
                    score.misses.push(describe_miss(case, id, &answer));
                }
            }
        }
        score.seconds.sort_by(f64::total_cmp);
        Ok(score)
    }

    /// How often structure alone finds a cause: the share of cases that are still right when no signature knows the
    /// true lines of any case of their class.
    pub fn leave_one_class_out(&self) -> Result<Share> {
        let mut classes: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
        for case in self.cases.iter().filter(|case| case.kind() == Kind::Explained) {
            classes.entry(&case.root_cause_class).or_default().push(case);
        }
        let mut share = Share::default();
        for cases in classes.values() {
            let right = self.right_without_own_signatures(cases)?;
            share.right += right;
            share.all += cases.len();
        }
        Ok(share)
    }

    /// A line may fit several signatures and only one is shown: each round takes away those that came forward.
    fn right_without_own_signatures(&self, class: &[&Case]) -> Result<usize> {
        let mut disabled = BTreeSet::new();
        loop {
            let known = disabled.len();
            let mut right = 0;
            for case in class {
                let answer = self.why(&case.request_id, &disabled)?;
                right += usize::from(case.mark(&answer).right);
                disabled.extend(case.own_signatures(&answer));
            }
            if disabled.len() == known {
                return Ok(right);
            }
        }
    }

    /// An answer that is no answer gets an outcome that says so: it is wrong, and the others are still asked for.
    fn why(&self, id: &str, disabled_signatures: &BTreeSet<String>) -> Result<Answer> {
        let run = Command::new(self.binary)
            .args(["why", "--json", "--store"])
            .arg(self.store)
            .args(disabled_signatures.iter().flat_map(|slug| ["--disable-signature", slug]))
            .arg(id)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("failed to start `{}`", self.binary.display()))?;
        Ok(serde_json::from_slice(&run.stdout).unwrap_or_else(|error| {
            let stderr = String::from_utf8_lossy(&run.stderr);
            let outcome = format!("unreadable ({error}), {}: {}", run.status, stderr.trim());
            Answer { outcome, ..Answer::default() }
        }))
    }
}

/// Imports the logs and notifications of `cloud`, never its answers.
pub fn import_cloud(binary: &Path, cloud: &Path, store: &Path) -> Result<()> {
    let import = Command::new(binary)
        .args(["import", "--store"])
        .arg(store)
        .arg(cloud.join("logs"))
        .args(Some(cloud.join("notifications.jsonl")).filter(|path| path.exists()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("failed to start `{}`", binary.display()))?;
    ensure!(import.success(), "failed to import `{}`: {import}", cloud.display());
    Ok(())
}

pub fn read_cases(path: &Path) -> Result<Vec<Case>> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    text.lines()
        .map(|line| {
            serde_json::from_str(line).with_context(|| format!("`{}` holds `{line}`", path.display()))
        })
        .collect()
}

fn describe_miss(case: &Case, id: &str, answer: &Answer) -> String {
    let place = |candidate: &Candidate| format!("{}:{} {}", candidate.file, candidate.line, candidate.text);
    let named = answer.cause.as_ref().map_or_else(|| "nothing".to_owned(), place);
    let truth =
        case.root_cause.as_ref().map_or_else(String::new, |cause| format!("{}:{}", cause.file, cause.line));
    let (case, class) = (&case.case, &case.root_cause_class);
    format!("{case} {class} {id}\n    outcome {}, named {named}\n    truth {truth}", answer.outcome)
}

impl By {
    fn id(self, case: &Case) -> Option<&str> {
        match self {
            Self::Request => Some(&case.request_id),
            Self::Instance => case.instance_uuid.as_deref(),
        }
    }

    fn figure(self, name: &str) -> String {
        match self {
            Self::Request => name.to_owned(),
            Self::Instance => format!("instance_{name}"),
        }
    }
}

impl Score {
    fn count(&mut self, by: By, mark: Mark) {
        let mut add = |name, right| self.shares.entry(by.figure(name)).or_default().add(right);
        match mark.kind {
            Kind::Control => add("controls", mark.right),
            Kind::Unexplained => add("honest", mark.right),
            Kind::Explained => {
                add("top1", mark.right);
                add("top3", mark.among_three);
            }
        }
    }

    /// The value that `portion` of all calls stayed below; 0 when none was made.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a few hundred calls"
    )]
    pub fn percentile(&self, portion: f64) -> f64 {
        let rank = (self.seconds.len() as f64 * portion).ceil() as usize;
        self.seconds.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// What falls short of the bars, one sentence each.
    #[must_use]
    pub fn shortfalls(&self, bars: &[Bar]) -> Vec<String> {
        bars.iter().filter_map(|bar| self.shortfall(bar)).collect()
    }

    fn shortfall(&self, bar: &Bar) -> Option<String> {
        let Bar { figure, value } = bar;
        if figure == "p95" {
            let seconds = self.percentile(0.95);
            return (seconds > *value).then(|| format!("p95 is {seconds:.3} s, more than {value} s"));
        }
        match self.shares.get(figure) {
            None => Some(format!("{figure} was not measured")),
            Some(share) if share.percent() < *value => {
                Some(format!("{figure} is {share}, less than {value} %"))
            }
            Some(_) => None,
        }
    }
}

/// One figure a line.
impl fmt::Display for Score {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (figure, share) in &self.shares {
            writeln!(out, "{figure:<20}{share}")?;
        }
        let (median, p95, calls) = (self.percentile(0.5), self.percentile(0.95), self.seconds.len());
        write!(out, "{:<20}median {median:.3}, p95 {p95:.3}, {calls} calls", "seconds")
    }
}

impl Share {
    fn add(&mut self, right: bool) {
        self.right += usize::from(right);
        self.all += 1;
    }

    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a few hundred cases")]
    pub fn percent(self) -> f64 {
        if self.all == 0 { 0.0 } else { 100.0 * self.right as f64 / self.all as f64 }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {} = {:.1} %", self.right, self.all, self.percent())
    }
}

/// The least share in percent that a figure must have; for `p95`, the most seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub figure: String,
    pub value: f64,
}

impl Bar {
    /// Reads `top1=92,p95=0.2`.
    pub fn parse_list(text: &str) -> Result<Vec<Self>> {
        text.split(',').map(Self::parse).collect()
    }

    fn parse(text: &str) -> Result<Self> {
        match text.split_once('=').map(|(figure, value)| (figure.trim(), value.trim().parse())) {
            Some((figure, Ok(value))) => Ok(Self { figure: figure.to_owned(), value }),
            _ => bail!("a bar looks like `top1=92`, not like `{text}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score() -> Score {
        let mut score =
            Score { seconds: (1..=20).map(|call| f64::from(call) / 100.0).collect(), ..Score::default() };
        let explained = |right, among_three| Mark { kind: Kind::Explained, right, among_three };
        score.count(By::Request, explained(true, true));
        score.count(By::Request, explained(false, true));
        score.count(By::Instance, explained(false, false));
        score.count(By::Request, Mark { kind: Kind::Control, right: true, among_three: true });
        score
    }

    #[test]
    fn bars_hold_or_say_what_is_short() {
        let check = |bars: &str, expected: &[&str]| {
            assert_eq!(score().shortfalls(&Bar::parse_list(bars).unwrap()), expected, "{bars}");
        };
        check("top1=50,top3=100,controls=100,p95=0.19", &[]);
        check("top1=50.1", &["top1 is 1 of 2 = 50.0 %, less than 50.1 %"]);
        check("instance_top1=1", &["instance_top1 is 0 of 1 = 0.0 %, less than 1 %"]);
        check("p95=0.18", &["p95 is 0.190 s, more than 0.18 s"]);
        check("honest=90", &["honest was not measured"]);
    }

    #[test]
    fn the_project_s_own_bars_can_be_read() {
        assert!(Bar::parse_list(&format!("{BARS},{LEAVE_ONE_OUT_BAR}")).is_ok());
        for odd in ["", "top1", "top1=", "top1=many", "top1=92,"] {
            assert!(Bar::parse_list(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_score_prints_one_figure_a_line() {
        let printed = score().to_string();
        assert!(printed.contains("top1                1 of 2 = 50.0 %\n"), "{printed}");
        assert!(printed.ends_with("seconds             median 0.100, p95 0.190, 20 calls"), "{printed}");
    }

    /// Stands in for the program: knows one line by two signatures, and another only by one of them.
    const STUB: &str = r#"#!/bin/sh
case "$*" in
  import*) exit 0 ;;
  *one.signature*other.signature*req-structure) line=10 slug=null ;;
  *one.signature*other.signature*) line=1 slug=null ;;
  *one.signature*) line=10 slug='"other.signature"' ;;
  *) line=10 slug='"one.signature"' ;;
esac
candidate="{\"file\": \"host/a.log\", \"line\": $line, \"slug\": $slug}"
echo "{\"outcome\": \"failed\", \"cause\": $candidate, \"candidates\": [$candidate]}"
"#;

    fn case(id: &str) -> String {
        format!(
            r#"{{"case": "{id}", "request_id": "req-{id}", "instance_uuid": null, "root_cause_class": "quota",
                "root_cause": {{"file": "logs/host/a.log", "line": 10}}}}"#
        )
        .replace('\n', " ")
    }

    #[test]
    #[cfg(unix)]
    fn a_class_is_left_with_structure_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let cloud = tempfile::tempdir().unwrap();
        let binary = cloud.path().join("culprit");
        fs::write(&binary, STUB).unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(cloud.path().join("cases.jsonl"), [case("structure"), case("other")].join("\n")).unwrap();

        let examination = Examination::prepare(&binary, cloud.path(), Path::new("store")).unwrap();
        let score = examination.mark().unwrap();
        assert_eq!((score.shares["top1"], score.seconds.len()), (Share { right: 2, all: 2 }, 2));
        assert_eq!(examination.leave_one_class_out().unwrap(), Share { right: 1, all: 2 });
    }
}
