//! The same judgement, fed as events happen. Bounded: events are forgotten after a while or when there are too many.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::{Event, Id, Timestamp};

use crate::baseline::Baseline;
use crate::judge::{Case, judge_request};
use crate::memory::Memory;
use crate::opening::opens;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A request is judged when nothing was heard of it for so long.
    pub idle_seconds: i64,
    /// Events are kept for so long: a fault may have begun before the request.
    pub keep_seconds: i64,
    /// Never more events than this; the oldest go first.
    pub most_events: usize,
    pub most_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { idle_seconds: 60, keep_seconds: 900, most_events: 150_000, most_requests: 20_000 }
    }
}

/// Takes events in any order within `idle_seconds`, gives a case for each request that changed something or failed.
#[derive(Debug)]
pub struct Correlator {
    limits: Limits,
    memory: Memory,
    /// By arrival.
    kept: VecDeque<Arc<Event>>,
    open: HashMap<Id, Timestamp>,
    baseline: Baseline,
    latest: Timestamp,
}

impl Correlator {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            memory: Memory::default(),
            kept: VecDeque::new(),
            open: HashMap::new(),
            baseline: Baseline::default(),
            latest: Timestamp::MIN,
        }
    }

    /// Takes events in; returns the cases of requests that have gone quiet.
    pub fn push(&mut self, events: impl IntoIterator<Item = Arc<Event>>) -> Vec<Case> {
        for event in events {
            self.take(event);
        }
        let quiet_before = self.latest.plus_seconds(-self.limits.idle_seconds);
        let cases = self.close(|last_heard| last_heard < quiet_before);
        self.forget();
        cases
    }

    /// The end of the stream: every open request is judged.
    pub fn finish(&mut self) -> Vec<Case> {
        self.close(|_| true)
    }

    /// What requests that succeeded print.
    #[must_use]
    pub const fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// Starts from what was learned before.
    pub fn learn_from(&mut self, baseline: &Baseline) {
        self.baseline.merge(baseline);
    }

    /// How many events are held.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    fn take(&mut self, event: Arc<Event>) {
        let at = event.timestamp.unwrap_or(self.latest);
        self.latest = self.latest.max(at);
        for id in [&event.context.global, &event.context.request].into_iter().flatten() {
            if let Some(last_heard) = self.open.get_mut(id) {
                *last_heard = (*last_heard).max(at);
            }
        }
        if let Some(id) = opens(&event) {
            let last_heard = self.open.entry(id).or_insert(at);
            *last_heard = (*last_heard).max(at);
        }
        if worth_keeping(&event) {
            self.memory.insert(&event);
            self.kept.push_back(event);
        }
    }

    fn close(&mut self, quiet: impl Fn(Timestamp) -> bool) -> Vec<Case> {
        let too_many = self.open.len().saturating_sub(self.limits.most_requests);
        let mut closing: Vec<(Timestamp, Id)> =
            self.open.iter().map(|(id, last_heard)| (*last_heard, id.clone())).collect();
        closing.sort();
        let quiet_ones = closing.partition_point(|(last_heard, _)| quiet(*last_heard));
        closing.truncate(quiet_ones.max(too_many));
        closing.into_iter().map(|(_, id)| self.judge(&id)).collect()
    }

    fn judge(&mut self, id: &Id) -> Case {
        self.open.remove(id);
        let case = judge_request(id, &self.memory, &self.baseline);
        self.baseline.learn_from(&case.trace);
        case
    }

    fn forget(&mut self) {
        let horizon = self.latest.plus_seconds(-self.limits.keep_seconds);
        while let Some(oldest) = self.kept.front() {
            let old = oldest.timestamp.is_none_or(|at| at < horizon);
            if !old && self.kept.len() <= self.limits.most_events {
                break;
            }
            if let Some(oldest) = self.kept.pop_front() {
                self.memory.remove(&oldest);
            }
        }
    }
}

/// Most lines explain nothing: reads that were answered well are dropped at once.
fn worth_keeping(event: &Event) -> bool {
    let read = event.exchange.as_ref().is_some_and(|exchange| !exchange.changes() && !exchange.failed());
    !read || event.context.global.is_some()
}
