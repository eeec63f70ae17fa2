//! Sharing out energy, and where it went.
//!
//! Promise, held by a property test: shares add up to what was shared, to the microjoule.
//! Deliberately absent: who takes part for how long (`accounts`).

use crate::units::Microjoules;

/// Splits `energy` among users by `work` (any unit, the same for all), as exactly as integers can.
///
/// The parts add up to `energy`: what is left over by rounding goes, a microjoule each, to the first
/// users. With no work at all everybody gets the same; with no users there is nothing to split.
///
/// ```
/// use hob_core::{odometer::split, units::Microjoules};
/// assert_eq!(split(Microjoules(10), &[1, 1, 1]), [Microjoules(4), Microjoules(3), Microjoules(3)]);
/// ```
#[must_use]
pub fn split(energy: Microjoules, work: &[u32]) -> Vec<Microjoules> {
    let idle = work.iter().all(|&share| share == 0);
    let weight = |share: u32| if idle { 1 } else { u128::from(share) };
    let whole: u128 = work.iter().map(|&share| weight(share)).sum();
    let mut parts: Vec<u64> = work
        .iter()
        .map(|&share| u64::try_from(u128::from(energy.0) * weight(share) / whole.max(1)).unwrap_or(u64::MAX))
        .collect();
    let mut left = energy.0.saturating_sub(parts.iter().sum());
    for part in &mut parts {
        if left == 0 {
            break;
        }
        *part += 1;
        left -= 1;
    }
    parts.into_iter().map(Microjoules).collect()
}

/// Where the energy went; the parts add up to what the odometer turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Books {
    /// Billed to answers.
    pub answers: Microjoules,
    /// Loading and switching models, and what nobody asked the bill for.
    pub overhead: Microjoules,
    /// Waiting.
    pub idle: Microjoules,
    /// Not booked yet: answers in hand, and the last seconds.
    pub open: Microjoules,
}

impl Books {
    /// The sum of all parts.
    #[must_use]
    pub fn total(&self) -> Microjoules {
        self.answers.plus(self.overhead).plus(self.idle).plus(self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_add_up_to_what_was_shared(energy in 0..u64::MAX, work in prop::collection::vec(any::<u32>(), 1..64)) {
            let parts = split(Microjoules(energy), &work);
            let sum: u128 = parts.iter().map(|part| u128::from(part.0)).sum();
            prop_assert_eq!(sum, u128::from(energy));
        }

        #[test]
        fn who_did_more_never_pays_less(energy in 0..1_000_000_u64, less in 0..500_u32, more in 0..500_u32) {
            let parts = split(Microjoules(energy), &[less + more, less]);
            prop_assert!(parts.first() >= parts.get(1));
        }
    }
}
