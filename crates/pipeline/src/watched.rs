//! Which requests are judged when, as their lines come in.
//!
//! A request is looked at soon after a line showed it to be worth judging, and again while it goes on. It failed when two
//! looks one after the other find the same failure and nothing new: until then the next attempt may still succeed.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::time::Duration;

use correlate::Case;
use correlate::notes::Opening;
use lru::LruCache;
use model::{Id, Outcome, State, Summary};

/// Lines of the same second come from several files.
const SETTLE: Duration = Duration::from_millis(1000);
/// A request that was heard of lately may end at any time, one that is silent waits for something: it is looked at again
/// after half of the time for which nothing was heard of it, within these bounds. Errors are heard of.
const EVERY: Duration = Duration::from_millis(2500);
const SELDOM: Duration = Duration::from_secs(60);
/// Late lines may tell more of a failure: for so long, and looked for so often.
const AMENDED: Duration = Duration::from_secs(20);
const AMENDED_EVERY: Duration = Duration::from_secs(10);

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
    heard: Duration,
    due: Duration,
    /// How it looked the last time, and since when it looks so.
    seen: Option<(Look, Duration)>,
    /// The state that is remembered with what was seen; none since a line opened it again.
    noted: Option<State>,
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

impl Watched {
    pub(crate) fn new(stuck: StuckRule) -> Self {
        Self { stuck, requests: HashMap::new(), due: BTreeSet::new(), told: LruCache::new(MOST_TOLD) }
    }

    /// A line shows the request to be worth judging.
    pub(crate) fn hear(&mut self, request: Id, opening: Opening, now: Duration) {
        let mut due = now + SETTLE;
        match self.requests.get_mut(&request) {
            Some(watch) => {
                watch.opening = opening.min(watch.opening);
                watch.heard = now;
                watch.noted = None;
                self.due.remove(&(watch.due, request.clone()));
                // Whoever never falls silent is looked at all the same.
                due = due.min(watch.due);
                watch.due = due;
            }
            None => {
                let watch = Watch { opening, heard: now, due, seen: None, noted: None };
                self.requests.insert(request.clone(), watch);
            }
        }
        self.due.insert((due, request));
        while self.requests.len() > MOST_WATCHED
            && let Some((_, idle)) = self.due.pop_last()
        {
            self.requests.remove(&idle);
        }
    }

    /// A line tells of trouble in a request that may be watched.
    pub(crate) fn hear_again(&mut self, request: &Id, now: Duration) {
        let Some(watch) = self.requests.get_mut(request) else { return };
        self.due.remove(&(watch.due, request.clone()));
        watch.heard = now;
        watch.due = watch.due.min(now + SETTLE);
        self.due.insert((watch.due, request.clone()));
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
        let unchanged = now.saturating_sub(looks_so.max(watch.heard));
        let outcome = look.outcome;
        let state = match outcome {
            _ if same.is_none() => State::Open,
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
        let over = state != State::Open && (outcome != Outcome::Failed || unchanged >= AMENDED);
        if over {
            self.requests.remove(request);
        } else {
            let pause = match state {
                _ if same.is_none() => SETTLE,
                State::Settled => AMENDED_EVERY,
                _ => (now.saturating_sub(watch.heard) / 2).clamp(EVERY, SELDOM),
            };
            watch.due = now + pause;
            self.due.insert((watch.due, request.clone()));
        }
        Advice { state, remember, tell }
    }

    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }
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

    /// Looks at a request whenever it is due: `looks` say what is seen, one after the other. When a failure was told, in
    /// milliseconds, and whether the request is still watched in the end.
    fn told(looks: &[(Outcome, usize)]) -> (Vec<u128>, bool) {
        let mut watched = Watched::new(StuckRule::default());
        watched.hear(request(), Opening::new(Timestamp::MIN, 0), Duration::ZERO);
        let (mut told, mut looks, mut now) = (Vec::new(), looks.iter(), Duration::ZERO);
        while watched.len() > 0 {
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
    fn a_failure_is_told_once_and_when_nothing_is_added_any_more() {
        use Outcome::{Failed, Succeeded, Unfinished};
        let check = |looks: &[(Outcome, usize)], times: &[u128], watched| {
            assert_eq!(told(looks), (times.to_vec(), watched), "{looks:?}");
        };
        check(&[(Failed, 3), (Failed, 3)], &[2000], true);
        check(&[(Failed, 3), (Failed, 4), (Failed, 4), (Failed, 4)], &[3000], true);
        check(&[(Failed, 3), (Succeeded, 9), (Succeeded, 9)], &[], false);
        check(&[(Unfinished, 1), (Unfinished, 1), (Failed, 2), (Failed, 2)], &[5500], true);
        // One that does not end is told when it is stuck.
        check(&[(Unfinished, 2); 160], &[1_801_500], false);
        // Late lines may tell more for twenty seconds.
        check(&[(Failed, 3); 10], &[2000], false);
    }

    #[test]
    fn whoever_never_falls_silent_is_looked_at_all_the_same() {
        let mut watched = Watched::new(StuckRule::default());
        for second in 0..10 {
            watched.hear(request(), Opening::new(Timestamp::MIN, 0), Duration::from_secs(second));
        }
        assert_eq!(watched.take_due(Duration::from_secs(2), 10), [request()]);
    }

    #[test]
    fn trouble_in_a_silent_request_is_looked_at_soon() {
        let mut watched = Watched::new(StuckRule::default());
        watched.hear(request(), Opening::new(Timestamp::MIN, 0), Duration::ZERO);
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(600) {
            now += Duration::from_secs(1);
            for due in watched.take_due(now, 10) {
                watched.judged(&due, &case(Outcome::Unfinished, 1), now);
            }
        }
        watched.hear_again(&request(), now);
        assert_eq!(watched.take_due(now, 10), []);
        assert_eq!(watched.take_due(now + SETTLE, 10), [request()]);
    }
}
