//! Many patterns at once: one pass over a text finds the few that may match it.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

use super::pattern::Pattern;

/// Patterns, and an automaton over their literals that is built on first use.
#[derive(Debug, Default)]
pub(crate) struct PatternSet {
    patterns: Vec<Pattern>,
    automaton: OnceLock<Option<Automaton>>,
}

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
        Self { patterns, automaton: OnceLock::new() }
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
        for hit in automaton.literals.find_overlapping_iter(text) {
            if let Some(&index) = automaton.patterns.get(hit.pattern().as_usize()) {
                visit(index);
            }
        }
    }
}

impl Automaton {
    /// `None` when the literals are too many for an automaton.
    fn new(patterns: &[Pattern]) -> Option<Self> {
        let (with, without): (Vec<_>, Vec<_>) =
            patterns.iter().enumerate().partition(|(_, pattern)| pattern.selectivity() >= SHORTEST_LITERAL);
        let owned = || {
            with.iter().flat_map(|(index, pattern)| pattern.literals.iter().map(|literal| (*index, literal)))
        };
        let literals = AhoCorasick::new(owned().map(|(_, literal)| literal)).ok()?;
        let patterns = owned().map(|(index, _)| index).collect();
        Some(Self { literals, patterns, others: without.into_iter().map(|(index, _)| index).collect() })
    }
}
