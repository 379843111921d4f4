//! Many patterns at once: one pass over a text finds the few that may match it.

use std::sync::OnceLock;

use super::literals::{Literals, SHORTEST};
use super::pattern::Pattern;

/// Patterns, and what finds their literals: made ready on first use, because not every command looks at events.
#[derive(Debug, Default)]
pub(crate) struct PatternSet {
    patterns: Vec<Pattern>,
    ready: OnceLock<Ready>,
}

#[derive(Debug)]
struct Ready {
    literals: Literals,
    /// The pattern of each literal.
    owners: Vec<usize>,
    /// Patterns without a literal are always tried.
    others: Vec<usize>,
}

impl PatternSet {
    pub(crate) const fn new(patterns: Vec<Pattern>) -> Self {
        Self { patterns, ready: OnceLock::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter()
    }

    /// Visits the patterns whose literal stands in the text, the first to stand there first; some of them more than once.
    pub(crate) fn candidates(&self, text: &str, mut visit: impl FnMut(usize, &Pattern)) {
        let mut hits = Vec::new();
        let ready = self.ready.get_or_init(|| Ready::new(&self.patterns));
        ready.literals.find(text.as_bytes(), |hit| hits.push((hit.start, hit.literal)));
        hits.sort_unstable();
        let found = hits.into_iter().filter_map(|(_, literal)| ready.owners.get(literal));
        for index in ready.others.iter().chain(found) {
            if let Some(pattern) = self.patterns.get(*index) {
                visit(*index, pattern);
            }
        }
    }
}

impl Ready {
    fn new(patterns: &[Pattern]) -> Self {
        let (with, others): (Vec<usize>, Vec<usize>) =
            (0..patterns.len()).partition(|index| patterns[*index].selectivity() >= SHORTEST);
        let owned = || {
            with.iter()
                .flat_map(|index| patterns[*index].literals.iter().map(move |literal| (*index, literal)))
        };
        let literals = Literals::new(owned().map(|(_, literal)| literal.as_str()));
        let owners = owned().map(|(index, _)| index).collect();
        Self { literals, owners, others }
    }
}
