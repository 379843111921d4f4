use std::collections::HashMap;
use std::sync::Arc;

use model::{Event, LinkKind, Outcome, Severity, TemplateId, Trace};

/// How often each message stood in requests that succeeded: a line that healthy requests also print is no cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// How many requests were looked at.
    pub requests: u64,
    /// Template → in how many of them it stood.
    pub seen: HashMap<TemplateId, u64>,
}

impl Baseline {
    /// Learns what a request printed, if it succeeded.
    pub fn learn_from(&mut self, trace: &Trace) {
        if trace.outcome == Outcome::Succeeded {
            let own = trace.entries.iter().filter(|entry| entry.link.kind < LinkKind::Notification);
            self.learn(own.map(|entry| &entry.event));
        }
    }

    /// Learns from the events of a request that succeeded.
    pub fn learn<'a>(&mut self, events: impl Iterator<Item = &'a Arc<Event>>) {
        self.requests += 1;
        let mut templates: Vec<TemplateId> =
            events.filter(|event| event.severity >= Severity::Info).map(|event| event.template).collect();
        templates.sort_unstable();
        templates.dedup();
        for template in templates {
            *self.seen.entry(template).or_default() += 1;
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        for (template, count) in &other.seen {
            *self.seen.entry(*template).or_default() += count;
        }
    }

    /// Whether enough was seen that a message nobody knows may be called unusual.
    #[must_use]
    pub const fn is_telling(&self) -> bool {
        self.requests >= 5
    }

    /// The share of succeeded requests that printed such a line, 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share of requests")]
    pub fn commonness(&self, event: &Event) -> f32 {
        let seen = self.seen.get(&event.template).copied().unwrap_or(0);
        seen as f32 / self.requests.max(1) as f32
    }
}
