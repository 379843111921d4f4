//! Many patterns at once: one pass over a text finds the few that may match it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::pattern::Pattern;

/// Patterns, and an automaton over their literals that is built on first use.
#[derive(Debug, Default)]
pub(crate) struct PatternSet {
    patterns: Vec<Pattern>,
    automaton: OnceLock<Option<Automaton>>,
    /// How many texts were looked at.
    asked: AtomicUsize,
    /// The same as a full table: several times quicker, and too slow to make for a few texts.
    table: OnceLock<Option<AhoCorasick>>,
}

/// As many texts as pay for the table.
const MANY: usize = 10_000;

#[derive(Debug)]
struct Automaton {
    literals: AhoCorasick,
    /// The pattern of each literal.
    patterns: Vec<usize>,
    /// Patterns without a literal are always tried.
    others: Vec<usize>,
}

/// A literal that is found much more often than its pattern costs more than it saves.
pub(super) const SHORTEST_LITERAL: usize = 3;

impl PatternSet {
    pub(crate) fn new(patterns: Vec<Pattern>) -> Self {
        Self { patterns, automaton: OnceLock::new(), asked: AtomicUsize::new(0), table: OnceLock::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter()
    }

    /// Visits the patterns whose literal stands in the text; some of them more than once.
    pub(crate) fn candidates(&self, text: &str, mut visit: impl FnMut(usize, &Pattern)) {
        let Some(automaton) = self.automaton.get_or_init(|| Automaton::new(&self.patterns)) else {
            return self.patterns.iter().enumerate().for_each(|(index, pattern)| visit(index, pattern));
        };
        let mut visit = |index: usize| {
            if let Some(pattern) = self.patterns.get(index) {
                visit(index, pattern);
            }
        };
        automaton.others.iter().for_each(|&index| visit(index));
        let many = self.asked.fetch_add(1, Ordering::Relaxed) > MANY;
        let table =
            many.then(|| self.table.get_or_init(|| automaton.table(&self.patterns)).as_ref()).flatten();
        for hit in table.unwrap_or(&automaton.literals).find_overlapping_iter(text) {
            if let Some(&index) = automaton.patterns.get(hit.pattern().as_usize()) {
                visit(index);
            }
        }
    }
}

impl Automaton {
    fn table(&self, patterns: &[Pattern]) -> Option<AhoCorasick> {
        let literals = literals(patterns).map(|(_, literal)| literal);
        AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(literals).ok()
    }

    /// `None` when the literals are too many for an automaton.
    fn new(patterns: &[Pattern]) -> Option<Self> {
        let automaton = AhoCorasick::new(literals(patterns).map(|(_, literal)| literal)).ok()?;
        let others = (0..patterns.len()).filter(|index| !has_literals(&patterns[*index]));
        Some(Self {
            literals: automaton,
            patterns: literals(patterns).map(|(index, _)| index).collect(),
            others: others.collect(),
        })
    }
}

fn has_literals(pattern: &Pattern) -> bool {
    pattern.selectivity() >= SHORTEST_LITERAL
}

/// The literals of all patterns, each with its pattern.
fn literals(patterns: &[Pattern]) -> impl Iterator<Item = (usize, &String)> {
    let with = patterns.iter().enumerate().filter(|(_, pattern)| has_literals(pattern));
    with.flat_map(|(index, pattern)| pattern.literals.iter().map(move |literal| (index, literal)))
}
