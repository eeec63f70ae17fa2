//! Chance from a seed: the same seed gives the same throws on every machine.
//!
//! ```text
//! seed, stream ─▶ SplitMix64 ─▶ uniform ─▶ normal, exponential, log-normal
//! ```
//!
//! Promises: reproducible, and streams of one seed do not depend on each other, so that more prompts do
//! not change the weather. Deliberately absent: cryptographic quality.
//!
//! # Source
//!
//! `SplitMix64`: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
//! The normal throws are Box and Muller's (1958).

use crate::number::ratio;

/// A stream of throws.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The stream with this name (any number) of this seed.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Self(seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        dice.throw(); // mixes seed and stream
        Self(dice.throw())
    }

    /// Any number.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but without, 1.
    pub fn uniform(&mut self) -> f64 {
        ratio(self.throw() >> 11, 1 << 53)
    }

    /// Around 0 with a standard deviation of 1.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A span until the next chance event, where the mean span is 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }

    /// A factor around 1 (its mean) whose logarithm has this standard deviation.
    pub fn factor(&mut self, deviation: f64) -> f64 {
        (deviation * self.normal() - deviation * deviation / 2.0).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of many throws.
    fn moments(throw: impl FnMut() -> f64) -> (f64, f64) {
        let all: Vec<f64> = std::iter::repeat_with(throw).take(100_000).collect();
        let mean = all.iter().sum::<f64>() / 1e5;
        (mean, all.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / 1e5)
    }

    #[test]
    fn the_throws_have_the_moments_of_their_names() {
        let mut dice = Dice::new(1, 1);
        let table = [
            ("uniform", moments(|| dice.uniform()), (0.5, 1.0 / 12.0)),
            ("normal", moments(|| dice.normal()), (0.0, 1.0)),
            ("exponential", moments(|| dice.exponential()), (1.0, 1.0)),
            ("factor", moments(|| dice.factor(0.3)), (1.0, 0.094)),
        ];
        for (name, (mean, variance), (wanted_mean, wanted_variance)) in table {
            assert!((mean - wanted_mean).abs() < 0.02 && (variance - wanted_variance).abs() < 0.03, "{name}: {mean} {variance}");
        }
    }

    #[test]
    fn streams_repeat_themselves_and_not_each_other() {
        let throws = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            [dice.throw(), dice.throw(), dice.throw()]
        };
        assert_eq!(throws(5, 1), throws(5, 1));
        assert_ne!(throws(5, 1), throws(5, 2));
        assert_ne!(throws(5, 1), throws(6, 1));
    }
}
