//! What every line is asked before it is stored, in one pass over its bytes.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

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

/// An automaton over all literals that tell something; built on first use.
#[derive(Debug, Default)]
pub(super) struct Glances {
    automaton: OnceLock<Option<Automaton>>,
}

#[derive(Debug)]
struct Automaton {
    literals: AhoCorasick,
    /// What each literal tells.
    glances: Vec<Glance>,
}

impl Glances {
    pub(super) fn at<'a>(&self, line: &[u8], literals: impl FnOnce() -> Vec<(&'a str, Glance)>) -> Glance {
        let Some(automaton) = self.automaton.get_or_init(|| Automaton::new(&literals())) else {
            return Glance { notable: true, known: true, opens: true };
        };
        let mut seen = Glance::default();
        for hit in automaton.literals.find_overlapping_iter(line) {
            let glance = automaton.glances.get(hit.pattern().as_usize()).copied().unwrap_or_default();
            seen.notable |= glance.notable;
            seen.known |= glance.known;
            seen.opens |= glance.opens;
            if seen.notable && seen.known && seen.opens {
                break;
            }
        }
        seen
    }
}

impl Automaton {
    /// A full table, because every byte of every line goes through it. `None` when the literals are too many for one.
    fn new(literals: &[(&str, Glance)]) -> Option<Self> {
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals.iter().map(|(literal, _)| literal))
            .ok()?;
        Some(Self { literals: automaton, glances: literals.iter().map(|(_, glance)| *glance).collect() })
    }
}
