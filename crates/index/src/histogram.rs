//! Counts over time, by any field that is known of every event, from what was counted when lines were written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use model::{Severity, SignatureId, TemplateId, TimeRange, Timestamp};

use crate::SourceId;
use crate::counts::{Key, OTHER, minutes};
use crate::reader::Reader;
use crate::view::View;

/// By what events are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// All together.
    All,
    Level,
    Service,
    Daemon,
    Host,
    Template,
    /// The known cause or symptom that the first line of an event shows.
    Signature,
}

/// What a count is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    All,
    Level(Severity),
    /// None when the source's place does not tell.
    Name(Option<String>),
    Template(TemplateId),
    /// None when it shows none.
    Signature(Option<SignatureId>),
}

/// Which events are counted: those that fit everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountFilter {
    /// This level or a higher one.
    pub level: Option<Severity>,
    pub host: Option<String>,
    pub service: Option<String>,
    pub daemon: Option<String>,
    pub template: Option<TemplateId>,
    pub signature: Option<SignatureId>,
}

/// What one statement of a program printed, all in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub template: TemplateId,
    /// The highest that it was printed at.
    pub severity: Severity,
    pub count: u64,
    /// The minutes of the first and the last event.
    pub first: Timestamp,
    pub last: Timestamp,
    pub services: BTreeSet<String>,
    pub hosts: BTreeSet<String>,
    /// A place where it stands; retention may have dropped it.
    pub example: Option<(SourceId, u64)>,
}

impl Reader {
    /// How many events each step of time had, in order of time. Steps are whole minutes, and begin at whole multiples of
    /// themselves; the range is widened to whole minutes. Steps without events are left out.
    pub fn histogram(
        &self,
        range: TimeRange,
        step_minutes: u32,
        by: Dimension,
        filter: &CountFilter,
    ) -> Vec<(Timestamp, Value, u64)> {
        let view = self.view();
        let fitting: Vec<bool> =
            view.manifest.sources.iter().map(|source| filter.fits_source(source)).collect();
        // By source rather than by name while counting: names are compared once for each at the end.
        let mut sums = Sums::default();
        let step = i64::from(step_minutes.max(1));
        let fine = filter.is_fine() || matches!(by, Dimension::Template | Dimension::Signature);
        self.each_count(&view, range, fine, &mut |key, count| {
            if fitting.get(key.source.0 as usize).copied().unwrap_or_default() && filter.fits(key) {
                let part = match by {
                    Dimension::All => 0,
                    Dimension::Level => key.level.into(),
                    Dimension::Service | Dimension::Daemon | Dimension::Host => key.source.0.into(),
                    Dimension::Template => key.template,
                    Dimension::Signature => key.signature,
                };
                sums.add(key.minute.div_euclid(step) * step, part, count);
            }
        });
        let mut named = BTreeMap::<(Timestamp, Value), u64>::new();
        for ((minute, part), count) in sums.finish() {
            // What is below zero belongs to a day that was dropped.
            if let Some(count) = u64::try_from(count).ok().filter(|count| *count > 0) {
                *named.entry((time_of(minute), value(&view, by, part))).or_default() += count;
            }
        }
        named.into_iter().map(|((time, value), count)| (time, value, count)).collect()
    }

    /// What was printed in this stretch of time, the most frequent first.
    pub fn patterns(&self, range: TimeRange, filter: &CountFilter) -> Vec<Pattern> {
        let view = self.view();
        let fitting: Vec<bool> =
            view.manifest.sources.iter().map(|source| filter.fits_source(source)).collect();
        let mut sources = HashSet::<(u64, SourceId)>::new();
        let mut patterns = HashMap::<u64, Pattern>::new();
        self.each_count(&view, range, true, &mut |key, count| {
            let known = key.template != 0 && key.template != OTHER;
            if !known || !fitting.get(key.source.0 as usize).copied().unwrap_or_default() || !filter.fits(key)
            {
                return;
            }
            let minute = time_of(key.minute);
            let pattern = patterns.entry(key.template).or_insert_with(|| Pattern {
                template: TemplateId(key.template),
                severity: key.severity(),
                count: 0,
                first: minute,
                last: minute,
                services: BTreeSet::new(),
                hosts: BTreeSet::new(),
                example: None,
            });
            pattern.count = pattern.count.saturating_add_signed(count);
            pattern.severity = pattern.severity.max(key.severity());
            pattern.first = pattern.first.min(minute);
            pattern.last = pattern.last.max(minute);
            sources.insert((key.template, key.source));
        });
        for segment in view.segments.iter().rev() {
            for (template, place) in self.noted(segment.examples()) {
                if let Some(pattern) = patterns.get_mut(&template) {
                    pattern.example = Some(place);
                }
            }
        }
        for (template, source) in sources {
            let (Some(source), Some(pattern)) = (view.source(source), patterns.get_mut(&template)) else {
                continue;
            };
            pattern.services.extend(source.service.clone());
            pattern.hosts.extend(source.host.clone());
        }
        let mut patterns: Vec<Pattern> = patterns.into_values().collect();
        patterns.sort_by_key(|pattern| (std::cmp::Reverse(pattern.count), pattern.template));
        patterns
    }

    fn each_count(&self, view: &View, range: TimeRange, fine: bool, visit: &mut dyn FnMut(Key, i64)) {
        for segment in &view.segments {
            let time = segment.time();
            if time.start <= range.end && range.start <= time.end {
                self.noted(segment.each_count(fine, minutes(range), &mut |(key, count)| visit(key, count)));
            }
        }
    }
}

/// Counts by step and part. They come in order of time, and most of them are of few parts: those of a step are gathered
/// before a table is asked for their place.
#[derive(Default)]
struct Sums {
    step: i64,
    few: [i64; Severity::ALL.len()],
    all: HashMap<(i64, u64), i64>,
}

impl Sums {
    fn add(&mut self, step: i64, part: u64, count: i64) {
        if step != self.step {
            self.put_away();
            self.step = step;
        }
        match usize::try_from(part).ok().and_then(|part| self.few.get_mut(part)) {
            Some(sum) => *sum += count,
            None => *self.all.entry((step, part)).or_default() += count,
        }
    }

    fn put_away(&mut self) {
        for (part, sum) in (0..).zip(std::mem::take(&mut self.few)).filter(|(_, sum)| *sum != 0) {
            *self.all.entry((self.step, part)).or_default() += sum;
        }
    }

    fn finish(mut self) -> HashMap<(i64, u64), i64> {
        self.put_away();
        self.all
    }
}

impl CountFilter {
    fn is_fine(&self) -> bool {
        self.template.is_some() || self.signature.is_some()
    }

    fn fits_source(&self, source: &model::Source) -> bool {
        let fits = |wanted: &Option<String>, told: &Option<String>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| told.as_ref().is_some_and(|told| told.eq_ignore_ascii_case(wanted)))
        };
        fits(&self.host, &source.host)
            && fits(&self.service, &source.service)
            && fits(&self.daemon, &source.daemon)
    }

    fn fits(&self, key: Key) -> bool {
        self.level.is_none_or(|level| key.level >= level as u8)
            && self.template.is_none_or(|template| key.template == template.0)
            && self.signature.is_none_or(|signature| key.signature == signature.0)
    }
}

fn value(view: &View, by: Dimension, part: u64) -> Value {
    let source = || u32::try_from(part).ok().and_then(|source| view.source(SourceId(source)));
    match by {
        Dimension::All => Value::All,
        Dimension::Level => {
            let level = usize::try_from(part).ok().and_then(|level| Severity::ALL.get(level));
            Value::Level(level.copied().unwrap_or_default())
        }
        Dimension::Service => Value::Name(source().and_then(|source| source.service.clone())),
        Dimension::Daemon => Value::Name(source().and_then(|source| source.daemon.clone())),
        Dimension::Host => Value::Name(source().and_then(|source| source.host.clone())),
        Dimension::Template => Value::Template(TemplateId(part)),
        Dimension::Signature => Value::Signature((part != 0).then_some(SignatureId(part))),
    }
}

const fn time_of(minute: i64) -> Timestamp {
    Timestamp::from_nanos(minute.saturating_mul(60_000_000_000))
}
