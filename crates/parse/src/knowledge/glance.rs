//! What every line is asked before it is stored, in one pass over its bytes.

use std::sync::OnceLock;

use super::literals::Literals;

/// What a line may be. A glance may say yes too often, and almost never no too often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// A cause that reaches beyond the request that logged it: worth a look whenever something near fails.
    pub notable: bool,
    /// It may show a known cause or symptom.
    pub known: bool,
    /// It may show a request to be worth judging: it asks for a change, or tells how a try went.
    pub opens: bool,
}

/// All literals that tell something; made ready on first use.
#[derive(Debug, Default)]
pub(super) struct Glances {
    ready: OnceLock<Ready>,
}

#[derive(Debug)]
struct Ready {
    literals: Literals,
    /// What each literal tells.
    glances: Vec<Glance>,
}

impl Glances {
    pub(super) fn at<'a>(&self, line: &[u8], literals: impl FnOnce() -> Vec<(&'a str, Glance)>) -> Glance {
        let ready = self.ready.get_or_init(|| Ready::new(&literals()));
        let mut seen = Glance::default();
        ready.literals.find(line, |hit| {
            let glance = ready.glances.get(hit.literal).copied().unwrap_or_default();
            seen.notable |= glance.notable;
            seen.known |= glance.known;
            seen.opens |= glance.opens;
        });
        seen
    }
}

impl Ready {
    fn new(literals: &[(&str, Glance)]) -> Self {
        Self {
            literals: Literals::new(literals.iter().map(|(literal, _)| *literal)),
            glances: literals.iter().map(|(_, glance)| *glance).collect(),
        }
    }
}
