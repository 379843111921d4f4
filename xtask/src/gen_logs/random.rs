//! Numbers that look random and are the same for the same seed (SplitMix64).

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone, Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        scramble(self.state)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        chance(self.next(), probability)
    }
}

/// A number that depends on both.
pub(super) fn mix(one: u64, other: u64) -> u64 {
    scramble(scramble(one.wrapping_add(STEP)) ^ other.wrapping_mul(STEP))
}

/// Whether a random number falls into this share of all numbers.
#[expect(clippy::cast_precision_loss, reason = "a probability")]
pub(super) fn chance(number: u64, probability: f64) -> bool {
    ((number >> 11) as f64) < probability * (1_u64 << 53) as f64
}

fn scramble(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}
