//! What goes wrong most: the statements that programs printed at a level, counted.

use std::collections::{BTreeSet, HashSet};

use index::{CountFilter, Pattern, Place};
use model::{Event, Severity, TemplateId, TimeRange, Timestamp};

use crate::count::told;
use crate::engine::Engine;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorQuestion {
    pub range: TimeRange,
    /// This one or a higher one.
    pub level: Severity,
    /// The project or the program.
    pub service: Option<String>,
    /// Only what is new.
    pub new: bool,
    pub limit: usize,
}

/// Lines that one statement printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPattern {
    pub template: TemplateId,
    /// With `<num>`, `<uuid>`, … for what varies; none when the lines are gone.
    pub text: Option<String>,
    /// The highest.
    pub severity: Severity,
    pub count: u64,
    /// To the minute.
    pub first: Timestamp,
    pub last: Timestamp,
    pub services: BTreeSet<String>,
    pub hosts: BTreeSet<String>,
    pub example: Option<(String, u64)>,
    /// What the example's traceback ends with, when its text does not say so: others may end otherwise.
    pub exception: Option<String>,
    /// A signature that fits the example.
    pub signature: Option<String>,
    /// Nothing like it stands in the store before [`Engine::new_from`].
    pub new: bool,
}

impl Engine {
    /// The most frequent first, and how many there are without the limit.
    #[must_use]
    pub fn errors(&self, question: &ErrorQuestion) -> (Vec<ErrorPattern>, usize) {
        let Some(filter) = self.filter(question) else { return (Vec::new(), 0) };
        let new_from = self.new_from(question.range);
        let patterns = self.reader.patterns(question.range, &filter);
        let old = self.seen_before(new_from);
        let is_new = |pattern: &Pattern| !old.contains(&pattern.template);
        let wanted: Vec<&Pattern> =
            patterns.iter().filter(|pattern| !question.new || is_new(pattern)).collect();
        let shown = wanted.iter().take(question.limit).map(|pattern| self.shown(pattern, is_new(pattern)));
        (shown.collect(), wanted.len())
    }

    /// From here on a pattern is new: the start of the stretch that is asked for; when the store holds nothing older, the
    /// last tenth of the time that it holds. To the minute, as patterns are counted.
    #[must_use]
    pub fn new_from(&self, asked: TimeRange) -> Timestamp {
        const MINUTE: i64 = 60_000_000_000;
        let Some(held) = self.time() else { return asked.start };
        let end = held.end.min(asked.end);
        let length = end.nanos().saturating_sub(held.start.nanos());
        let tenth = end.nanos().saturating_sub(length / 10);
        let from = if asked.start > held.start { asked.start.nanos() } else { tenth };
        Timestamp::from_nanos(from.div_euclid(MINUTE).saturating_mul(MINUTE))
    }

    fn filter(&self, question: &ErrorQuestion) -> Option<CountFilter> {
        let mut filter = CountFilter { level: Some(question.level), ..CountFilter::default() };
        if let Some(name) = &question.service {
            match told(&self.reader, name) {
                (true, _) => filter.service = Some(name.clone()),
                (false, true) => filter.daemon = Some(name.clone()),
                (false, false) => return None,
            }
        }
        Some(filter)
    }

    /// At any level and by anybody.
    fn seen_before(&self, time: Timestamp) -> HashSet<TemplateId> {
        let end = Timestamp::from_nanos(time.nanos().saturating_sub(1));
        let before = TimeRange { start: Timestamp::MIN, end };
        let patterns = self.reader.patterns(before, &CountFilter::default());
        patterns.into_iter().map(|pattern| pattern.template).collect()
    }

    fn shown(&self, pattern: &Pattern, new: bool) -> ErrorPattern {
        let place = pattern.example.map(|(source, head)| Place { source, head });
        let event = place.and_then(|place| self.reader.event_at(place)).map(|stored| self.event(&stored));
        ErrorPattern {
            template: pattern.template,
            text: event.as_ref().map(|event| parse::template_text(&event.body)),
            severity: pattern.severity,
            count: pattern.count,
            first: pattern.first,
            last: pattern.last,
            services: pattern.services.clone(),
            hosts: pattern.hosts.clone(),
            example: event.as_ref().map(|event| (event.source.path.clone(), event.line)),
            exception: event.as_ref().and_then(exception),
            signature: event.and_then(|event| Some(event.signatures.first()?.signature.slug.clone())),
            new,
        }
    }
}

fn exception(event: &Event) -> Option<String> {
    let last = event.exceptions.last().filter(|last| !event.body.contains(&last.class))?;
    let name = last.class.rsplit('.').next().unwrap_or(&last.class);
    Some(if last.message.is_empty() { name.to_owned() } else { format!("{name}: {}", last.message) })
}
