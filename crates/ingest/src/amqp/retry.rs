//! How long to wait before the next attempt.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::Retry;

#[derive(Debug)]
pub(super) struct Pauses {
    retry: Retry,
    next: Duration,
}

impl Pauses {
    pub(super) fn new(retry: &Retry) -> Self {
        Self { next: retry.first, retry: retry.clone() }
    }

    /// After a success.
    pub(super) fn reset(&mut self) {
        self.next = self.retry.first;
    }

    pub(super) fn next(&mut self) -> Duration {
        let pause = self.next.min(self.retry.longest);
        self.next = pause.saturating_mul(2);
        shortened(pause, chance())
    }
}

/// Hosts that lost the same broker at the same moment do not come back at the same moment.
fn shortened(pause: Duration, chance: u16) -> Duration {
    pause - pause.mul_f64(f64::from(chance) / f64::from(u16::MAX) / 4.0)
}

/// Every hasher is seeded anew.
fn chance() -> u16 {
    u16::try_from(RandomState::new().hash_one(()) >> 48).expect("16 bits are left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let seconds = Duration::from_secs;
        let mut pauses = Pauses::new(&Retry { first: seconds(1), longest: seconds(8), patience: seconds(1) });
        let mut check = |longest: u64| {
            let pause = pauses.next();
            assert!(pause <= seconds(longest) && pause >= seconds(longest).mul_f64(0.75), "{pause:?}");
        };
        [1, 2, 4, 8, 8, 8].into_iter().for_each(&mut check);
        pauses.reset();
        assert!(pauses.next() <= seconds(1));
        assert_eq!(shortened(seconds(8), 0), seconds(8));
        assert_eq!(shortened(seconds(8), u16::MAX), seconds(6));
    }
}
