//! What a meter's readings are multiplied with, found once by comparing with a better meter.
//!
//! Promise: outside 0.5 to 2 there is no gain: a meter so far off is wired or set wrong.
//! Deliberately absent: finding it (`hob power calibrate`).

use hob_core::units::{Milliwatts, PartsPerMillion};

/// A factor from 0.5 to 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gain(PartsPerMillion);

/// No meter is so far off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a gain is 0.5 to 2 (500000 to 2000000 ppm), not {} ppm; a meter that is further off has the wrong shunt set, or is in the wrong line", .0.0)]
pub struct BadGain(pub PartsPerMillion);

impl Gain {
    /// Checks and wraps a factor, in millionths: 1 000 000 changes nothing.
    ///
    /// # Errors
    ///
    /// [`BadGain`] outside 500 000 to 2 000 000.
    pub const fn new(factor: PartsPerMillion) -> Result<Self, BadGain> {
        match factor.0 {
            500_000..=2_000_000 => Ok(Self(factor)),
            _ => Err(BadGain(factor)),
        }
    }

    /// The factor.
    #[must_use]
    pub const fn get(self) -> PartsPerMillion {
        self.0
    }

    /// `read` times the factor, to the nearest milliwatt.
    #[must_use]
    pub fn of(self, read: Milliwatts) -> Milliwatts {
        let product = (u64::from(read.0) * u64::from(self.0.0) + 500_000) / 1_000_000;
        Milliwatts(u32::try_from(product).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_multiplies_to_the_nearest_milliwatt() {
        for (factor, read, corrected) in [(1_000_000, 2_900, 2_900), (1_013_000, 6_375, 6_458), (500_000, 3, 2), (987_654, 0, 0)]
        {
            let gain = Gain::new(PartsPerMillion(factor)).unwrap();
            assert_eq!((gain.of(Milliwatts(read)), gain.get()), (Milliwatts(corrected), PartsPerMillion(factor)));
        }
        assert_eq!(Gain(PartsPerMillion(2_000_000)).of(Milliwatts(u32::MAX)), Milliwatts(u32::MAX), "absurd, not wrapped");
    }

    #[test]
    fn a_meter_that_is_further_off_than_twice_has_no_gain() {
        for absurd in [0, 499_999, 2_000_001, u32::MAX] {
            assert_eq!(Gain::new(PartsPerMillion(absurd)), Err(BadGain(PartsPerMillion(absurd))));
        }
    }
}
