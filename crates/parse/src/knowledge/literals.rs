//! Which of thousands of literal texts stand in a text. An automaton looks at each byte, and its table is too large for
//! the processor's nearest caches; here a few bytes at every fourth place are looked up, as in the algorithm of Wu and
//! Manber (1994), and only what is then likely is compared.

use std::collections::HashMap;

/// Literals, ready to be looked for.
#[derive(Debug, Default)]
pub(super) struct Literals {
    literals: Vec<Box<[u8]>>,
    windows: [Windows; SHAPES.len()],
}

/// Of literals at least so long: which windows of them are known, and at which places of a text one is looked up.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    window: usize,
    stride: usize,
}

/// A literal takes the first shape that it is long enough for.
const SHAPES: [Shape; 3] =
    [Shape { window: 8, stride: 4 }, Shape { window: 4, stride: 2 }, Shape { window: 3, stride: 1 }];

/// Shorter ones are found in every other text.
pub(super) const SHORTEST: usize = 3;

impl Shape {
    /// Wherever a literal of this length stands, one of its windows stands at a place that is looked at.
    const fn shortest(self) -> usize {
        self.window + self.stride - 1
    }
}

#[derive(Debug, Default)]
struct Windows {
    shape: Shape,
    /// One bit for each value of a hash: whether some window has it.
    known: Vec<u64>,
    /// Sorted.
    entries: Vec<Window>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Window {
    bytes: u64,
    literal: usize,
    /// Where in the literal it stands.
    at: usize,
}

/// A literal that stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Its place in the list of literals.
    pub(super) literal: usize,
    pub(super) start: usize,
}

/// 32 KiB of bits: few of the windows of other words fall together with a known one.
const HASH_BITS: u32 = 18;

impl Literals {
    /// What is shorter than [`SHORTEST`] is never found.
    pub(super) fn new<'a>(literals: impl Iterator<Item = &'a str>) -> Self {
        let literals: Vec<Box<[u8]>> = literals.map(|literal| literal.as_bytes().into()).collect();
        let shape_of = |literal: &[u8]| SHAPES.iter().position(|shape| literal.len() >= shape.shortest());
        let windows = std::array::from_fn(|shape| {
            let of_shape = (0..).zip(&literals).filter(|(_, literal)| shape_of(literal) == Some(shape));
            Windows::new(
                SHAPES[shape],
                &of_shape.map(|(index, literal)| (index, &**literal)).collect::<Vec<_>>(),
            )
        });
        Self { literals, windows }
    }

    /// Every place where a literal stands, each once.
    pub(super) fn find(&self, text: &[u8], mut visit: impl FnMut(Hit)) {
        for windows in self.windows.iter().filter(|windows| !windows.entries.is_empty()) {
            windows.find(text, |window, at| {
                let Some(literal) = self.literals.get(window.literal) else { return };
                let Some(start) = at.checked_sub(window.at) else { return };
                if text.get(start..).is_some_and(|rest| rest.starts_with(literal)) {
                    visit(Hit { literal: window.literal, start });
                }
            });
        }
    }
}

impl Windows {
    fn new(shape: Shape, literals: &[(usize, &[u8])]) -> Self {
        let mut windows = Self { shape, known: vec![0; 1 << (HASH_BITS - 6)], entries: Vec::new() };
        let common = windows.common(literals);
        for &(literal, text) in literals {
            let start = windows.rarest(text, &common);
            for at in start..start + shape.stride {
                windows.entries.push(Window { bytes: bytes_at(text, at, shape.window), literal, at });
            }
        }
        windows.entries.sort_unstable();
        for entry in 0..windows.entries.len() {
            let (place, bit) = slot(windows.entries[entry].bytes);
            windows.known[place] |= bit;
        }
        windows
    }

    /// How many literals have each window: what many say stands in many other texts too.
    fn common(&self, literals: &[(usize, &[u8])]) -> HashMap<u64, usize> {
        let mut common = HashMap::new();
        for (_, text) in literals {
            for at in 0..=text.len() - self.shape.window {
                *common.entry(bytes_at(text, at, self.shape.window)).or_default() += 1;
            }
        }
        common
    }

    /// Where in a literal the windows begin that say most.
    fn rarest(&self, text: &[u8], common: &HashMap<u64, usize>) -> usize {
        let Shape { window, stride } = self.shape;
        let shared = |start: &usize| -> usize {
            let places = *start..start + stride;
            places.filter_map(|at| common.get(&bytes_at(text, at, window))).sum()
        };
        (0..=text.len() - self.shape.shortest()).min_by_key(shared).unwrap_or(0)
    }

    fn find(&self, text: &[u8], mut visit: impl FnMut(&Window, usize)) {
        let Shape { window, stride } = self.shape;
        let Some(last) = text.len().checked_sub(window) else { return };
        for at in (0..=last).step_by(stride) {
            let bytes = bytes_at(text, at, window);
            let (place, bit) = slot(bytes);
            if self.known.get(place).is_some_and(|known| known & bit != 0) {
                let first = self.entries.partition_point(|entry| entry.bytes < bytes);
                let fits = self.entries.iter().skip(first).take_while(|entry| entry.bytes == bytes);
                fits.for_each(|entry| visit(entry, at));
            }
        }
    }
}

fn bytes_at(text: &[u8], at: usize, length: usize) -> u64 {
    let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) else {
        let rest = text.get(at..at + length).unwrap_or_default();
        return rest.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte));
    };
    u64::from_le_bytes(*bytes) & u64::MAX >> (64 - 8 * length)
}

/// The word and the bit for a window.
fn slot(bytes: u64) -> (usize, u64) {
    let hash = bytes.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HASH_BITS);
    (usize::try_from(hash >> 6).unwrap_or(0), 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hits(literals: &[String], text: &str) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let literals = Literals::new(literals.iter().map(String::as_str));
        literals.find(text.as_bytes(), |hit| found.push((hit.literal, hit.start)));
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn every_literal_is_found_wherever_it_stands(
            literals in prop::collection::vec("[ab ]{3,16}", 1..8),
            pieces in prop::collection::vec((0..8_usize, "[ab é]{0,9}"), 0..6),
        ) {
            let text: String = pieces
                .iter()
                .flat_map(|(at, between)| [between.as_str(), literals.get(*at).map_or("", String::as_str)])
                .collect();
            let mut expected = Vec::new();
            for (index, literal) in literals.iter().enumerate() {
                let places = (0..text.len()).filter(|at| text.as_bytes()[*at..].starts_with(literal.as_bytes()));
                expected.extend(places.map(|at| (index, at)));
            }
            prop_assert_eq!(hits(&literals, &text), expected);
        }
    }
}
