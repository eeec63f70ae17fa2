//! How long to wait before the next attempt: doubling, with jitter, from 0.2 s up to a ceiling.
//!
//! Promise: every wait lies within [`FIRST`] and the ceiling, and half of it at least is grown, so that a
//! broker that comes back is not met by all its clients at once.
//! Deliberately absent: sleeping, and the clock (`run`).

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// The shortest wait.
pub(crate) const FIRST: Duration = Duration::from_millis(200);

/// Waits, one after the other.
#[derive(Debug)]
pub(crate) struct BackOff {
    ceiling: Duration,
    failures: u32,
    dice: u64,
}

impl BackOff {
    /// `ceiling` is raised to [`FIRST`] if it is shorter. The same seed gives the same waits.
    pub(crate) fn new(ceiling: Duration, seed: Option<u64>) -> Self {
        let seed = seed.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
        Self { ceiling: ceiling.max(FIRST), failures: 0, dice: seed }
    }

    /// The link was up for good: the next failure is a first one.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next wait. `hopeless` is for failures that a person has to mend: always near the ceiling.
    pub(crate) fn next(&mut self, hopeless: bool) -> Duration {
        let grown = FIRST.saturating_mul(2).saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1).min(16);
        let top = if hopeless { self.ceiling } else { grown.min(self.ceiling) };
        let low = (top / 2).max(FIRST);
        let span = u64::try_from(top.saturating_sub(low).as_millis()).unwrap_or(u64::MAX);
        low + Duration::from_millis(self.roll() % span.saturating_add(1))
    }

    /// One step of splitmix64 (Steele, Lea, Flood 2014): enough to spread clients, unfit for secrets.
    const fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOST: Duration = Duration::from_secs(30);

    proptest! {
        #[test]
        fn every_wait_lies_between_a_fifth_of_a_second_and_the_ceiling(
            seed: u64, ceiling_ms in 0_u64..120_000, hopeless in prop::collection::vec(any::<bool>(), 1..60),
        ) {
            let ceiling = Duration::from_millis(ceiling_ms);
            let mut waits = BackOff::new(ceiling, Some(seed));
            for hopeless in hopeless {
                let wait = waits.next(hopeless);
                prop_assert!(wait >= FIRST && wait <= ceiling.max(FIRST), "{wait:?}");
                prop_assert!(!hopeless || wait >= ceiling / 2, "a hopeless one waits long, not {wait:?}");
            }
        }

        #[test]
        fn waits_grow_and_start_over_after_a_good_connection(seed: u64) {
            let mut waits = BackOff::new(MOST, Some(seed));
            let first = waits.next(false);
            let later = (0..8).map(|_| waits.next(false)).last().unwrap();
            prop_assert!(first <= FIRST * 2 && later >= MOST / 2, "{first:?} .. {later:?}");
            waits.reset();
            prop_assert!(waits.next(false) <= FIRST * 2);
        }
    }

    #[test]
    fn clients_with_other_seeds_do_not_come_back_together() {
        let waits: std::collections::HashSet<_> = (0..100).map(|seed| BackOff::new(MOST, Some(seed)).next(true)).collect();
        assert!(waits.len() > 90, "{} different waits of 100", waits.len());
    }
}
