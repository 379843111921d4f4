//! Requests are judged beside the writing: to look at some hundred of them takes longer than lines may wait.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use correlate::notes;
use correlate::{Baseline, judge_briefly, judge_request};
use index::{Fresh, Reader};
use model::{Id, Outcome, State, Summary};
use parse::Knowledge;
use query::{ParsedEvents, StoreEvidence};

use crate::judge::{Lessons, baseline_note, note};
use crate::watched::{Heard, Watched};

/// At a time: what lines tell meanwhile waits for the next round.
const MOST_JUDGED: usize = 256;

/// How much nicer than the others, see nice(2).
const LATER: i32 = 10;

/// Hears of requests at any time, and has those that are due judged, one round after the other.
pub(crate) struct Judging {
    work: Option<Work>,
    /// Since the last round was begun.
    heard: HashMap<Id, Heard>,
    /// As of the end of the last round.
    watched: HashSet<Id>,
}

enum Work {
    Resting(Box<Judge>),
    Running(JoinHandle<Round>),
}

/// One that has ended.
struct Round {
    judge: Box<Judge>,
    findings: Findings,
    watched: HashSet<Id>,
}

/// What one round found out.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// To be remembered.
    pub(crate) notes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Failures, and requests that are stuck, of which nobody was told.
    pub(crate) told: Vec<Summary>,
}

impl Judging {
    pub(crate) fn new(judge: Judge) -> Self {
        Self {
            watched: judge.watched.all(),
            work: Some(Work::Resting(Box::new(judge))),
            heard: HashMap::new(),
        }
    }

    /// A line tells of a request. Of those that are not watched nothing is kept, unless the line opens them.
    pub(crate) fn hear(&mut self, request: &Id, heard: Heard) {
        if let Some(before) = self.heard.get_mut(request) {
            *before = before.and(heard);
        } else if heard.opening.is_some() || self.watched.contains(request) {
            self.heard.insert(request.clone(), heard);
        }
    }

    /// Requests that were being watched when the last round ended.
    pub(crate) fn watched(&self) -> usize {
        self.watched.len()
    }

    /// Whether the next round can begin, and has something to do.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        let due = |judge: &Judge| judge.watched.is_due(now);
        matches!(&self.work, Some(Work::Resting(judge)) if !self.heard.is_empty() || due(judge))
    }

    /// Begins a round with what is written by now; none is under way.
    pub(crate) fn start(&mut self, fresh: Fresh, now: Duration) {
        self.work = match self.work.take() {
            Some(Work::Resting(mut judge)) => {
                for (request, heard) in self.heard.drain() {
                    if heard.opening.is_some() {
                        self.watched.insert(request.clone());
                    }
                    judge.watched.hear(request, heard);
                }
                Some(Work::Running(std::thread::spawn(move || {
                    // Of this thread alone, on Linux: lines go first. Where that is refused, nobody does.
                    let _refused = rustix::process::nice(LATER);
                    let findings = judge.judge_due(fresh, now);
                    let watched = judge.watched.all();
                    Round { judge, findings, watched }
                })))
            }
            running => running,
        };
    }

    /// What the last round found out, once; nothing while it goes on, unless one waits for it.
    pub(crate) fn outcome(&mut self, wait: bool) -> Findings {
        match self.work.take() {
            Some(Work::Running(thread)) if wait || thread.is_finished() => {
                let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                let Round { judge, findings, watched } = ended;
                self.watched = watched;
                self.work = Some(Work::Resting(judge));
                self.without_reopened(findings)
            }
            other => {
                self.work = other;
                Findings::default()
            }
        }
    }

    /// A line opened it while it was judged: that is remembered, until it is judged again.
    fn without_reopened(&self, mut findings: Findings) -> Findings {
        let opened = self.heard.iter().filter(|(_, heard)| heard.opening.is_some());
        let opened: HashSet<Vec<u8>> = opened.map(|(request, _)| notes::request_key(request)).collect();
        findings.notes.retain(|(key, _)| !opened.contains(key));
        findings
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        if let Some(Work::Running(thread)) = self.work.take() {
            // Who goes wants to know nothing more.
            drop(thread.join());
        }
    }
}

/// Asks the store about requests.
pub(crate) struct Judge {
    knowledge: Knowledge,
    /// Shows what is written as of the last round.
    reader: Arc<Reader>,
    watched: Watched,
    baseline: Baseline,
    lessons: Lessons,
    parsed: ParsedEvents,
}

impl Judge {
    pub(crate) fn new(
        knowledge: Knowledge,
        reader: Arc<Reader>,
        watched: Watched,
        baseline: Baseline,
    ) -> Self {
        let lessons = Lessons::after(&baseline);
        Self { knowledge, reader, watched, baseline, lessons, parsed: ParsedEvents::default() }
    }

    fn judge_due(&mut self, fresh: Fresh, now: Duration) -> Findings {
        let mut findings = Findings::default();
        let due = self.watched.take_due(now, MOST_JUDGED);
        if due.is_empty() {
            return findings;
        }
        self.reader.renew_with(fresh);
        let evidence = StoreEvidence::with(&self.reader, &self.knowledge, std::mem::take(&mut self.parsed));
        let before = self.baseline.requests;
        for request in due {
            let mut case = judge_briefly(&request, &evidence, &self.baseline);
            let advice = self.watched.judged(&request, &case, now);
            let succeeded = case.trace.outcome == Outcome::Succeeded;
            if advice.state == State::Settled && succeeded && self.lessons.next() {
                case = judge_request(&request, &evidence, &self.baseline);
                self.baseline.learn_from(&case.trace);
            }
            let summary = Summary::of(&case.trace, &case.verdict);
            let Some(summary) = summary.map(|summary| Summary { state: advice.state, ..summary }) else {
                continue;
            };
            if advice.remember {
                findings.notes.push(note(&summary));
            }
            if advice.tell {
                findings.told.push(summary);
            }
        }
        self.parsed = evidence.into_parsed();
        if self.baseline.requests != before {
            findings.notes.push(baseline_note(&self.baseline));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use correlate::notes::Opening;
    use model::Timestamp;

    use super::*;

    #[test]
    fn what_opens_a_request_while_it_is_judged_is_not_forgotten() {
        let [opened, watched, stranger] =
            [0, 1, 2].map(|at| Id::parse(&format!("{at}679010f-c12e-4d7d-a1f6-9c887eb0e4f8")).unwrap());
        let opening = Opening::new(Timestamp::MIN, 0);
        let mut judging = Judging { work: None, heard: HashMap::new(), watched: [watched.clone()].into() };
        judging.hear(&opened, Heard::at(Duration::ZERO, Some(opening)));
        for request in [&opened, &watched, &stranger] {
            judging.hear(request, Heard::at(Duration::from_secs(1), None));
        }
        let last = Duration::from_secs(1);
        let expected = [
            (opened.clone(), Heard { opening: Some(opening), first: Duration::ZERO, last }),
            (watched.clone(), Heard::at(last, None)),
        ];
        assert_eq!(judging.heard, expected.into());
        let notes = [&opened, &watched].map(|id| (notes::request_key(id), Vec::new()));
        let kept = judging.without_reopened(Findings { notes: notes.to_vec(), told: Vec::new() });
        assert_eq!(kept.notes, notes[1..]);
    }
}
