//! How many events there were over time.

use std::collections::BTreeMap;

use index::{CountFilter, Dimension, Limits, Reader, Value};
use model::{Severity, TemplateId, TimeRange, Timestamp};
use parse::{Knowledge, signature_id};

use crate::engine::Engine;
use crate::execute::{Candidate, matches, plan};
use crate::language::{Comparison, Expression, Field, Text};

/// More counts than these go under [`OTHER`], so that an answer has a bound.
const MOST_COUNTS: usize = 200_000;
const OTHER: &str = "other";

/// By what events are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountBy {
    /// All together.
    Nothing,
    Level,
    Service,
    Daemon,
    Host,
    Signature,
    Template,
}

#[derive(Clone, Copy)]
pub struct CountQuestion<'a> {
    /// None counts everything.
    pub expression: Option<&'a Expression>,
    pub by: CountBy,
    pub step_minutes: u32,
    /// As for a search.
    pub keep_going: &'a dyn Fn() -> bool,
}

/// The events of a step of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub time: Timestamp,
    /// None where the lines do not tell.
    pub key: Option<String>,
    /// When it was counted by level.
    pub severity: Option<Severity>,
    pub count: u64,
}

/// In order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub counts: Vec<Count>,
    /// Time ran out: what is older was not counted.
    pub from: Option<Timestamp>,
}

impl Engine {
    /// Events without a time are not counted. What the roll-ups know is not searched: then the first and the last minute
    /// count as a whole, and services and hosts are those that the places of files tell.
    #[must_use]
    pub fn count(&self, question: &CountQuestion<'_>) -> Counted {
        let known = Known::of(question.expression, &self.reader);
        match known {
            Some(known) => known.count(self, question.step_minutes, dimension(question.by)),
            None => self.count_by_searching(question),
        }
    }

    /// The stretch of time that the store holds.
    #[must_use]
    pub fn time(&self) -> Option<TimeRange> {
        self.reader.stats().time
    }

    fn count_by_searching(&self, question: &CountQuestion<'_>) -> Counted {
        let all = Expression::All(Vec::new());
        let expression = question.expression.unwrap_or(&all);
        let step = i64::from(question.step_minutes.max(1)) * 60_000_000_000;
        let mut counts = BTreeMap::<(Timestamp, Severity, Option<String>), u64>::new();
        // One event is asked for and none is kept, so everything is looked at.
        let limits = Limits { after: None, events: 1, keep_going: question.keep_going };
        let page = self.reader.search(&plan(expression, &self.knowledge), &limits, &mut |stored| {
            let candidate = Candidate::new(stored, &self.knowledge);
            if let Some(at) = stored.annotation.timestamp
                && matches(expression, &candidate)
            {
                let time = Timestamp::from_nanos(at.nanos().div_euclid(step).saturating_mul(step));
                let (severity, mut key) = key(question.by, &candidate);
                if counts.len() >= MOST_COUNTS && !counts.contains_key(&(time, severity, key.clone())) {
                    key = Some(OTHER.to_owned());
                }
                *counts.entry((time, severity, key)).or_default() += 1;
            }
            false
        });
        let of_level = question.by == CountBy::Level;
        let counts = counts.into_iter().map(|((time, severity, key), count)| Count {
            time,
            key,
            severity: of_level.then_some(severity),
            count,
        });
        let from = page.next.map(|next| next.time.unwrap_or(Timestamp::MIN));
        Counted { counts: counts.collect(), from }
    }
}

fn key(by: CountBy, candidate: &Candidate<'_>) -> (Severity, Option<String>) {
    let event = || candidate.event();
    let name = match by {
        CountBy::Nothing => None,
        CountBy::Level => {
            let severity = candidate.severity();
            return (severity, Some(severity.name().to_owned()));
        }
        CountBy::Service => event().service.clone(),
        CountBy::Daemon => event().daemon.clone(),
        CountBy::Host => event().host.clone(),
        CountBy::Signature => candidate.told_failure(),
        CountBy::Template => Some(event().template.to_string()),
    };
    (Severity::Unspecified, name)
}

const fn dimension(by: CountBy) -> Dimension {
    match by {
        CountBy::Nothing => Dimension::All,
        CountBy::Level => Dimension::Level,
        CountBy::Service => Dimension::Service,
        CountBy::Daemon => Dimension::Daemon,
        CountBy::Host => Dimension::Host,
        CountBy::Template => Dimension::Template,
        CountBy::Signature => Dimension::Signature,
    }
}

/// A query that the roll-ups can answer.
struct Known {
    range: TimeRange,
    filter: CountFilter,
    /// Levels from this one on do not count.
    below: Option<Severity>,
}

impl Known {
    fn of(expression: Option<&Expression>, reader: &Reader) -> Option<Self> {
        let mut known = Self { range: TimeRange::ALL, filter: CountFilter::default(), below: None };
        if let Some(expression) = expression {
            known.narrow(expression, reader)?;
        }
        Some(known)
    }

    fn narrow(&mut self, expression: &Expression, reader: &Reader) -> Option<()> {
        match expression {
            Expression::All(parts) => parts.iter().try_for_each(|part| self.narrow(part, reader)),
            Expression::Since(start) => {
                self.range.start = self.range.start.max(*start);
                Some(())
            }
            Expression::Until(end) => {
                self.range.end = self.range.end.min(*end);
                Some(())
            }
            Expression::Level { comparison, severity } => self.narrow_levels(*comparison, *severity),
            Expression::Field { field, value: Text { text, prefix: false } } => match field {
                Field::Host => set(&mut self.filter.host, text),
                Field::Service => {
                    let (service, daemon) = told(reader, text);
                    match (service, daemon) {
                        (true, false) => set(&mut self.filter.service, text),
                        (false, true) => set(&mut self.filter.daemon, text),
                        _ => None,
                    }
                }
                Field::Template => {
                    let template = u64::from_str_radix(text, 16).ok().map(TemplateId)?;
                    self.filter.template.replace(template).is_none().then_some(())
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn narrow_levels(&mut self, comparison: Comparison, severity: Severity) -> Option<()> {
        let above = Severity::ALL.into_iter().find(|other| *other > severity);
        let (from, below) = match comparison {
            Comparison::AtLeast => (Some(severity), None),
            Comparison::Above => (Some(above?), None),
            Comparison::Equal => (Some(severity), above),
            Comparison::AtMost => (None, above),
            Comparison::Below => (None, Some(severity)),
        };
        // A line that names no level is neither below nor above one.
        let from = from.unwrap_or(Severity::Trace).max(Severity::Trace);
        self.filter.level = self.filter.level.max(Some(from));
        self.below = [self.below, below].into_iter().flatten().min();
        Some(())
    }

    fn count(&self, engine: &Engine, step: u32, by: Dimension) -> Counted {
        let reader = &engine.reader;
        if self.range.start > self.range.end {
            return Counted::default();
        }
        let mut counts: BTreeMap<(Timestamp, Value), u64> = reader
            .histogram(self.range, step, by, &self.filter)
            .into_iter()
            .map(|(time, value, count)| ((time, value), count))
            .collect();
        if let Some(below) = self.below {
            let level = self.filter.level.max(Some(below));
            let above = CountFilter { level, ..self.filter.clone() };
            for (time, value, count) in reader.histogram(self.range, step, by, &above) {
                if let Some(found) = counts.get_mut(&(time, value)) {
                    *found = found.saturating_sub(count);
                }
            }
        }
        let counted = counts.into_iter().filter(|(_, count)| *count > 0).map(|((time, value), count)| {
            let severity = match value {
                Value::Level(severity) => Some(severity),
                _ => None,
            };
            Count { time, key: name(value, &engine.knowledge), severity, count }
        });
        let mut counts: Vec<Count> = counted.collect();
        counts.sort_by(|one, other| {
            (one.time, one.severity, &one.key).cmp(&(other.time, other.severity, &other.key))
        });
        Counted { counts, from: None }
    }
}

fn set(place: &mut Option<String>, text: &str) -> Option<()> {
    place.replace(text.to_owned()).is_none().then_some(())
}

/// Whether a source's place tells this service, and this daemon.
pub(crate) fn told(reader: &Reader, name: &str) -> (bool, bool) {
    let is = |told: &Option<String>| told.as_ref().is_some_and(|told| told.eq_ignore_ascii_case(name));
    let sources = reader.sources();
    let any =
        |part: fn(&model::Source) -> &Option<String>| sources.iter().any(|(_, source)| is(part(source)));
    (any(|source| &source.service), any(|source| &source.daemon))
}

fn name(value: Value, knowledge: &Knowledge) -> Option<String> {
    match value {
        Value::All => None,
        Value::Level(severity) => Some(severity.name().to_owned()),
        Value::Name(name) => name,
        Value::Template(TemplateId(0)) => None,
        Value::Template(TemplateId(u64::MAX)) => Some(OTHER.to_owned()),
        Value::Template(template) => Some(template.to_string()),
        Value::Signature(None) => None,
        Value::Signature(Some(id)) => {
            let slug =
                knowledge.signatures().map(|signature| &signature.slug).find(|slug| signature_id(slug) == id);
            Some(slug.map_or_else(|| format!("{:016x}", id.0), String::clone))
        }
    }
}

impl std::fmt::Debug for CountQuestion<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("CountQuestion")
            .field("expression", &self.expression)
            .field("by", &self.by)
            .finish_non_exhaustive()
    }
}
