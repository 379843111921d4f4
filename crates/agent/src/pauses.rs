//! How long to wait before the next attempt.

use std::time::Duration;

use crate::Retry;

#[derive(Debug)]
pub(crate) struct Pauses {
    retry: Retry,
    next: Duration,
}

/// What is known of when it may go better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hope {
    Soon,
    /// The server said so.
    After(Duration),
    /// Not before somebody has changed something.
    Later,
}

impl Pauses {
    pub(crate) fn new(retry: &Retry) -> Self {
        Self { next: retry.first, retry: retry.clone() }
    }

    /// After a success.
    pub(crate) fn reset(&mut self) {
        self.next = self.retry.first;
    }

    pub(crate) fn next(&mut self, hope: Hope) -> Duration {
        let chance = chance();
        match hope {
            Hope::Soon => shortened(self.double(), chance),
            Hope::Later => shortened(self.retry.refused, chance),
            // Not earlier than told, and not all agents at the same moment.
            Hope::After(told) => {
                let spread = self.retry.first;
                told.min(self.retry.most_told) + (spread - shortened(spread, chance))
            }
        }
    }

    fn double(&mut self) -> Duration {
        let pause = self.next.min(self.retry.longest);
        self.next = pause.saturating_mul(2);
        pause
    }
}

/// Hosts that lost the same server at the same moment do not come back at the same moment.
fn shortened(pause: Duration, chance: u16) -> Duration {
    pause - pause.mul_f64(f64::from(chance) / f64::from(u16::MAX) / 4.0)
}

fn chance() -> u16 {
    let mut bytes = [0; 2];
    // Without chance it is not worse than without pauses of different length.
    getrandom::fill(&mut bytes).ok();
    u16::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_what_is_told_holds() {
        let seconds = Duration::from_secs;
        let retry = Retry {
            first: seconds(1),
            longest: seconds(8),
            refused: seconds(60),
            most_told: seconds(100),
            ..Retry::default()
        };
        let mut pauses = Pauses::new(&retry);
        let mut check = |hope, shortest: f64, longest: f64| {
            let pause = pauses.next(hope).as_secs_f64();
            assert!(pause >= shortest && pause <= longest, "{hope:?}: {pause}");
        };
        for longest in [1.0, 2.0, 4.0, 8.0, 8.0] {
            check(Hope::Soon, longest * 0.75, longest);
        }
        check(Hope::Later, 45.0, 60.0);
        check(Hope::After(seconds(3)), 3.0, 3.25);
        check(Hope::After(seconds(1000)), 100.0, 100.25);
        pauses.reset();
        assert!(pauses.next(Hope::Soon) <= seconds(1));
    }
}
