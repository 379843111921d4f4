use crate::{Id, IdKind, Outcome, Scope, Timestamp, Trace, Verdict};

/// One line about a request: what a list of requests shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub request: Id,
    pub action: String,
    pub instance: Option<Id>,
    pub user: Option<String>,
    pub project: Option<String>,
    pub outcome: Outcome,
    /// Slug of the cause, when a signature knows it.
    pub slug: Option<String>,
    /// The telling line of the cause.
    pub cause: Option<String>,
    pub confidence: f32,
    /// How far the cause reaches.
    pub scope: Scope,
    /// Where its line was written.
    pub cause_host: Option<String>,
    pub start: Timestamp,
    pub end: Timestamp,
    pub services: u32,
    pub hosts: u32,
    pub state: State,
}

/// Whether more is to be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// It was judged when it was over, for all one knows.
    #[default]
    Settled,
    /// It is still being watched: the next line may change everything.
    Open,
    /// It did not end in any time in which it should have.
    Stuck,
}

impl Summary {
    /// `None` for a trace that stands for no request.
    #[must_use]
    pub fn of(trace: &Trace, verdict: &Verdict) -> Option<Self> {
        let count = |names: Vec<&str>| {
            let mut names = names;
            names.sort_unstable();
            names.dedup();
            u32::try_from(names.len()).unwrap_or(u32::MAX)
        };
        let cause = verdict.cause();
        let instance = trace.request.resources.iter().find(|mention| mention.kind == IdKind::Instance);
        Some(Self {
            request: trace.request.id.clone()?,
            action: trace.request.action.clone(),
            instance: instance.map(|mention| mention.id.clone()),
            user: trace.request.user.clone(),
            project: trace.request.project.clone(),
            outcome: trace.outcome,
            slug: cause.and_then(|cause| cause.signature.as_ref()).map(|signature| signature.slug.clone()),
            cause: cause.map(|cause| cause.text.clone()),
            confidence: cause.map_or(0.0, |cause| cause.confidence),
            scope: cause
                .and_then(|cause| cause.signature.as_ref())
                .map(|signature| signature.scope)
                .unwrap_or_default(),
            cause_host: cause.and_then(|cause| cause.event.host.clone()),
            start: trace.time.start,
            end: trace.time.end,
            services: count(trace.spans.iter().map(|span| span.service.as_str()).collect()),
            hosts: count(trace.spans.iter().filter_map(|span| span.host.as_deref()).collect()),
            state: State::Settled,
        })
    }
}
