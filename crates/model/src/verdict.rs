use std::sync::Arc;

use crate::{Event, Link, Outcome, Signature};

/// The answer to "why did it fail?".
#[derive(Clone, Debug)]
pub struct Verdict {
    pub outcome: Outcome,
    /// Best first. The first is the cause, when its confidence is high enough to be named.
    pub candidates: Vec<Candidate>,
    /// Whether the first candidate is good enough to be called the cause.
    pub named: bool,
    /// What the user was told.
    pub shown: Option<String>,
    /// How the failure travelled, from the cause to the user.
    pub path: Vec<Step>,
    /// When no cause is named: where it would have stood.
    pub missing: Option<Missing>,
}

impl Verdict {
    #[must_use]
    pub fn cause(&self) -> Option<&Candidate> {
        self.candidates.first().filter(|_| self.named)
    }
}

/// A line that may explain the failure.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub event: Arc<Event>,
    pub link: Link,
    /// The signature that fits; none when structure alone speaks for the line.
    pub signature: Option<Arc<Signature>>,
    /// What the signature's placeholders held.
    pub captures: Vec<(String, String)>,
    /// The telling text: the innermost exception, else the message.
    pub text: String,
    pub score: f32,
    /// 0 to 1.
    pub confidence: f32,
    pub reasons: Vec<Reason>,
}

/// One consideration for or against a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    pub text: String,
    pub weight: f32,
}

/// One hop of the failure.
#[derive(Clone, Debug)]
pub struct Step {
    pub event: Arc<Event>,
    /// `neutron-server@controller: Failed to bind port …`
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which log at which level.
    pub look_in: String,
    /// Why we think so.
    pub because: String,
}
