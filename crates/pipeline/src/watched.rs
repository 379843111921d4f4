//! Which requests are judged when, as their lines come in.
//!
//! A request is looked at when it has fallen silent, or has not for a while. What it looks like then is how it ended, or it
//! has not ended: then it is looked at ever more seldom as long as it stays silent, because others may speak of it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::time::Duration;

use correlate::Case;
use correlate::notes::Opening;
use lru::LruCache;
use model::{Id, Outcome, State, Summary};

/// Whoever says nothing for so long is silent: lines of the same second come from several files, and after a failure the
/// next attempt begins.
const SILENT: Duration = Duration::from_millis(2000);
/// So long after a line nobody looked at the request at the latest, however much it has to say.
const LATEST: Duration = Duration::from_secs(5);
/// A request that is silent waits for something: it is looked at again when nothing was heard of it for twice as long,
/// within these bounds.
const EVERY: Duration = Duration::from_millis(2500);
const SELDOM: Duration = Duration::from_secs(300);
/// After so long late lines of others may tell more of a failure.
const AMENDED: Duration = Duration::from_secs(20);

/// When there are more, those go first that are to be looked at last.
const MOST_WATCHED: usize = 100_000;
const MOST_TOLD: NonZeroUsize = NonZeroUsize::new(20_000).expect("not zero");

/// Times are since the program began.
#[derive(Debug)]
pub(crate) struct Watched {
    stuck: StuckRule,
    requests: HashMap<Id, Watch>,
    due: BTreeSet<(Duration, Id)>,
    /// The causes of failures that somebody was told of.
    told: LruCache<Id, (State, Option<String>)>,
}

#[derive(Debug)]
struct Watch {
    opening: Opening,
    /// The last line of it.
    heard: Duration,
    /// The first line that nobody looked at.
    unseen: Option<Duration>,
    due: Duration,
    /// How it looked the last time, and since when it looks so.
    seen: Option<(Look, Duration)>,
    /// The state that is remembered with what was seen; none since a line opened it again.
    noted: Option<State>,
}

/// What lines told of a request, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// They show that it is worth judging.
    pub(crate) opening: Option<Opening>,
    pub(crate) first: Duration,
    pub(crate) last: Duration,
}

/// When a request that does not end is stuck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckRule {
    /// Those whose end is always logged: `boot`.
    pub actions: Vec<String>,
    /// Longer than the time-outs for networks and volumes, times the attempts.
    pub after: Duration,
}

impl Default for StuckRule {
    fn default() -> Self {
        Self { actions: vec!["boot".to_owned()], after: Duration::from_secs(1800) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    outcome: Outcome,
    entries: usize,
    cause: Option<String>,
}

/// What to do with a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) state: State,
    /// It is not what was remembered.
    pub(crate) remember: bool,
    /// A failure that nobody was told of, or of which another cause was told; or it is stuck.
    pub(crate) tell: bool,
}

impl Heard {
    pub(crate) const fn at(now: Duration, opening: Option<Opening>) -> Self {
        Self { opening, first: now, last: now }
    }

    /// Both, the other one being later.
    pub(crate) fn and(self, later: Self) -> Self {
        let opening = self.opening.into_iter().chain(later.opening).min();
        Self { opening, first: self.first, last: later.last }
    }
}

impl Watched {
    pub(crate) fn new(stuck: StuckRule) -> Self {
        Self { stuck, requests: HashMap::new(), due: BTreeSet::new(), told: LruCache::new(MOST_TOLD) }
    }

    /// Lines tell of a request. It is watched if one of them shows that it is worth judging, or if it was already.
    pub(crate) fn hear(&mut self, request: Id, heard: Heard) {
        let Heard { opening, first, last } = heard;
        if let Some(watch) = self.requests.get_mut(&request) {
            self.due.remove(&(watch.due, request.clone()));
            if let Some(opening) = opening {
                watch.opening = opening.min(watch.opening);
                watch.noted = None;
            }
            watch.heard = last;
            let unseen = *watch.unseen.get_or_insert(first);
            watch.due = due(unseen, last);
            self.due.insert((watch.due, request));
        } else if let Some(opening) = opening {
            let due = due(first, last);
            let watch = Watch { opening, heard: last, unseen: Some(first), due, seen: None, noted: None };
            self.requests.insert(request.clone(), watch);
            self.due.insert((due, request));
            while self.requests.len() > MOST_WATCHED
                && let Some((_, idle)) = self.due.pop_last()
            {
                self.requests.remove(&idle);
            }
        }
    }

    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.due.first().is_some_and(|(due, _)| *due <= now)
    }

    /// At most `most` requests that are to be judged now: what happened in one place together.
    pub(crate) fn take_due(&mut self, now: Duration, most: usize) -> Vec<Id> {
        let due = self.due.iter().take_while(|(due, _)| *due <= now).take(most);
        let mut due: Vec<(u32, Id)> = due
            .filter_map(|(_, request)| Some((self.requests.get(request)?.opening.text(), request.clone())))
            .collect();
        due.sort();
        due.into_iter().map(|(_, request)| request).collect()
    }

    /// A request was judged.
    pub(crate) fn judged(&mut self, request: &Id, case: &Case, now: Duration) -> Advice {
        let Some(watch) = self.requests.get_mut(request) else {
            return Advice { state: State::Settled, remember: true, tell: false };
        };
        let summary = Summary::of(&case.trace, &case.verdict);
        let cause = summary.as_ref().and_then(|summary| summary.cause.clone());
        let look = Look { outcome: case.trace.outcome, entries: case.trace.entries.len(), cause };
        let same = watch.seen.as_ref().filter(|(seen, _)| *seen == look).map(|(_, since)| *since);
        let looks_so = same.unwrap_or(now);
        let silent = now.saturating_sub(watch.heard);
        let unchanged = now.saturating_sub(looks_so.max(watch.heard));
        let outcome = look.outcome;
        let state = match outcome {
            _ if silent < SILENT => State::Open,
            Outcome::Succeeded | Outcome::Failed => State::Settled,
            Outcome::Unfinished if unchanged <= self.stuck.after => State::Open,
            Outcome::Unfinished if self.stuck.actions.contains(&case.trace.request.action) => State::Stuck,
            Outcome::Unfinished => State::Settled,
        };
        let worth_telling = state == State::Stuck || state == State::Settled && outcome == Outcome::Failed;
        let told = (state, look.cause.clone());
        let tell = worth_telling && self.told.get(request) != Some(&told);
        if tell {
            self.told.put(request.clone(), told);
        }
        let remember = same.is_none() || watch.noted != Some(state);
        watch.noted = Some(state);
        watch.seen = Some((look, looks_so));
        self.due.remove(&(watch.due, request.clone()));
        watch.unseen = None;
        if state != State::Open && (outcome != Outcome::Failed || silent >= AMENDED) {
            self.requests.remove(request);
        } else {
            let pause = match state {
                State::Settled => AMENDED.saturating_sub(silent),
                _ if silent < SILENT => SILENT.saturating_sub(silent),
                _ => silent.clamp(EVERY, SELDOM).min((self.stuck.after + SILENT).saturating_sub(unchanged)),
            };
            watch.due = now + pause;
            self.due.insert((watch.due, request.clone()));
        }
        Advice { state, remember, tell }
    }

    pub(crate) fn all(&self) -> HashSet<Id> {
        self.requests.keys().cloned().collect()
    }
}

/// When to look, after the first line that nobody looked at and the last one.
fn due(unseen: Duration, last: Duration) -> Duration {
    (last + SILENT).min(unseen + LATEST)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Entry, Event, Link, LinkKind, Request, TimeRange, Timestamp, Trace, Verdict};

    use super::*;

    fn request() -> Id {
        Id::parse("0679010f-c12e-4d7d-a1f6-9c887eb0e4f8").unwrap()
    }

    fn case(outcome: Outcome, entries: usize) -> Case {
        let link = Link { kind: LinkKind::Request, confidence: 1.0, via: None };
        let entry = Entry { event: Arc::new(Event::default()), link, span: 0 };
        let request = Request { id: Some(request()), action: "boot".to_owned(), ..Request::default() };
        Case {
            trace: Trace {
                request,
                outcome,
                entries: vec![entry; entries],
                spans: Vec::new(),
                attempts: Vec::new(),
                time: TimeRange::ALL,
            },
            verdict: Verdict {
                outcome,
                candidates: Vec::new(),
                named: false,
                shown: None,
                path: Vec::new(),
                missing: None,
            },
        }
    }

    fn opened(now: Duration) -> Heard {
        Heard::at(now, Some(Opening::new(Timestamp::MIN, 0)))
    }

    /// Looks at a request whenever it is due: `looks` say what is seen, one after the other. When a failure was told, in
    /// milliseconds, and whether the request is still watched in the end.
    fn told(looks: &[(Outcome, usize)]) -> (Vec<u128>, bool) {
        let mut watched = Watched::new(StuckRule::default());
        watched.hear(request(), opened(Duration::ZERO));
        let (mut told, mut looks, mut now) = (Vec::new(), looks.iter(), Duration::ZERO);
        while !watched.requests.is_empty() {
            now += Duration::from_millis(500);
            for due in watched.take_due(now, 10) {
                let Some((outcome, entries)) = looks.next() else { return (told, true) };
                if watched.judged(&due, &case(*outcome, *entries), now).tell {
                    told.push(now.as_millis());
                }
            }
        }
        (told, false)
    }

    #[test]
    fn a_failure_is_told_once_when_the_request_is_silent() {
        use Outcome::{Failed, Succeeded, Unfinished};
        let check = |looks: &[(Outcome, usize)], times: &[u128], watched| {
            assert_eq!(told(looks), (times.to_vec(), watched), "{looks:?}");
        };
        check(&[(Failed, 3)], &[2000], true);
        check(&[(Failed, 3), (Failed, 4)], &[2000], false);
        check(&[(Succeeded, 9)], &[], false);
        check(&[(Unfinished, 1), (Unfinished, 1), (Failed, 2)], &[9000], true);
        // One that does not end is told when it is stuck, and cost few looks.
        check(&[(Unfinished, 2); 14], &[1_804_000], false);
    }

    #[test]
    fn while_a_request_speaks_it_is_looked_at_and_nothing_is_told() {
        let mut watched = Watched::new(StuckRule::default());
        let mut told = Vec::new();
        for second in 0..20 {
            let now = Duration::from_secs(second);
            if second < 8 {
                watched.hear(request(), opened(now));
            }
            for due in watched.take_due(now, 10) {
                let advice = watched.judged(&due, &case(Outcome::Failed, 1), now);
                told.push((second, advice.state, advice.tell));
            }
        }
        assert_eq!(told, [(5, State::Open, false), (9, State::Settled, true)]);
    }

    #[test]
    fn trouble_in_a_silent_request_is_looked_at_soon() {
        let mut watched = Watched::new(StuckRule::default());
        watched.hear(request(), opened(Duration::ZERO));
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(600) {
            now += Duration::from_secs(1);
            for due in watched.take_due(now, 10) {
                watched.judged(&due, &case(Outcome::Unfinished, 1), now);
            }
        }
        watched.hear(request(), Heard::at(now, None));
        assert_eq!(watched.take_due(now, 10), []);
        assert_eq!(watched.take_due(now + SILENT, 10), [request()]);
    }
}
