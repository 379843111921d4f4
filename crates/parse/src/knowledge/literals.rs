//! Which of thousands of literal texts stand in a text. An automaton looks at each byte, and its table is too large for
//! the processor's nearest caches; here a few bytes at every fourth place are looked up, as in the algorithm of Wu and
//! Manber (1994), and only what is then likely is compared.

use std::iter::successors;

/// Literals, ready to be looked for.
#[derive(Debug, Default)]
pub(super) struct Literals {
    literals: Vec<Box<[u8]>>,
    windows: Vec<Windows>,
}

/// So many bytes of a literal are known, and so far apart are the places of a text where they are looked up.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    window: usize,
    stride: usize,
}

/// A literal takes the first shape that it is long enough for.
const SHAPES: [Shape; 3] = [
    Shape { window: LONG, stride: 4 },
    Shape { window: SHORT, stride: 3 },
    Shape { window: SHORT, stride: 1 },
];
const LONG: usize = 8;
const SHORT: usize = 3;

/// Shorter ones are found in every other text.
pub(super) const SHORTEST: usize = SHORT;

impl Shape {
    /// Wherever a literal of this length stands, one of its windows stands at a place that is looked at.
    const fn shortest(self) -> usize {
        self.window + self.stride - 1
    }

    /// How often the windows of each slot stand in literals: what many say stands in many other texts too.
    fn common(self, literals: &[(usize, &[u8])]) -> Vec<u8> {
        let mut common = vec![0_u8; SLOTS];
        for (_, text) in literals {
            self.slots(text).for_each(|slot| common[slot] = common[slot].saturating_add(1));
        }
        common
    }

    /// Where in a literal the windows begin that say most.
    fn rarest(self, text: &[u8], common: &[u8]) -> usize {
        let times: Vec<u32> = self.slots(text).map(|slot| common[slot].into()).collect();
        let shared = times.windows(self.stride).map(|together| together.iter().sum::<u32>());
        shared.enumerate().min_by_key(|(_, shared)| *shared).map_or(0, |(start, _)| start)
    }

    fn slots<'a>(self, text: &'a [u8]) -> impl Iterator<Item = usize> + use<'a> {
        text.windows(self.window).map(|window| slot(value(window)))
    }
}

#[derive(Debug)]
struct Windows {
    shape: Shape,
    /// One bit for each slot: whether some window has it.
    known: Box<[u64; SLOTS / 64]>,
    entries: Vec<Window>,
    /// The last entry of each shelf.
    shelves: Box<[Option<usize>]>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    bytes: u64,
    literal: usize,
    /// Where in the literal it stands.
    at: usize,
    /// The entry before it on its shelf.
    before: Option<usize>,
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
const SLOTS: usize = 1 << HASH_BITS;
/// The lowest bits of a slot choose one.
const SHELVES: usize = 1 << 12;

impl Literals {
    /// What is shorter than [`SHORTEST`] is never found.
    pub(super) fn new<'a>(literals: impl Iterator<Item = &'a str>) -> Self {
        let literals: Vec<Box<[u8]>> = literals.map(|literal| literal.as_bytes().into()).collect();
        let shape_of = |literal: &[u8]| SHAPES.iter().position(|shape| literal.len() >= shape.shortest());
        let windows = (0..SHAPES.len()).filter_map(|shape| {
            let of_shape = (0..).zip(&literals).filter(|(_, literal)| shape_of(literal) == Some(shape));
            let of_shape: Vec<(usize, &[u8])> =
                of_shape.map(|(index, literal)| (index, &**literal)).collect();
            (!of_shape.is_empty()).then(|| Windows::new(SHAPES[shape], &of_shape))
        });
        Self { windows: windows.collect(), literals }
    }

    /// Every place where a literal stands, each once.
    pub(super) fn find(&self, text: &[u8], mut visit: impl FnMut(Hit)) {
        for windows in &self.windows {
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
        let mut windows = Self {
            shape,
            known: Box::new([0; SLOTS / 64]),
            entries: Vec::with_capacity(literals.len() * shape.stride),
            shelves: vec![None; SHELVES].into(),
        };
        let common = shape.common(literals);
        for &(literal, text) in literals {
            let start = shape.rarest(text, &common);
            for at in start..start + shape.stride {
                windows.add(value(&text[at..at + shape.window]), literal, at);
            }
        }
        windows
    }

    fn add(&mut self, bytes: u64, literal: usize, at: usize) {
        let slot = slot(bytes);
        self.known[slot / 64] |= 1 << (slot % 64);
        let before = self.shelves[slot % SHELVES].replace(self.entries.len());
        self.entries.push(Window { bytes, literal, at, before });
    }

    fn find(&self, text: &[u8], visit: impl FnMut(&Window, usize)) {
        match self.shape.window {
            LONG => self.look_up::<LONG>(text, visit),
            _ => self.look_up::<SHORT>(text, visit),
        }
    }

    fn look_up<const WINDOW: usize>(&self, text: &[u8], mut visit: impl FnMut(&Window, usize)) {
        let stride = self.shape.stride;
        for (step, window) in text.array_windows::<WINDOW>().step_by(stride).enumerate() {
            let bytes = value(window);
            let slot = slot(bytes);
            if self.known[slot / 64] & (1 << (slot % 64)) != 0 {
                let entry = |at: Option<usize>| self.entries.get(at?);
                let shelf = successors(entry(self.shelves[slot % SHELVES]), |last| entry(last.before));
                shelf.filter(|entry| entry.bytes == bytes).for_each(|entry| visit(entry, step * stride));
            }
        }
    }
}

fn value(window: &[u8]) -> u64 {
    match window.first_chunk::<LONG>() {
        Some(long) => u64::from_le_bytes(*long),
        None => window.iter().rfold(0, |value, byte| value << 8 | u64::from(*byte)),
    }
}

/// Its hash.
const fn slot(bytes: u64) -> usize {
    (bytes.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HASH_BITS)) as usize % SLOTS
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
