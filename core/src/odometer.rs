//! Whose joules they were.
//!
//! ```text
//! meter readings ─▶ Odometer (only turns up) ─▶ split among whoever used the board ─▶ bills
//! ```
//!
//! Two promises, each held by a property test:
//! 1. the odometer never turns back, whatever the meter says;
//! 2. shares add up to what was shared, to the microjoule.
//!
//! Deliberately absent: reading the meter (`hal`), waiting for the next beat (`metering`), grams (`ledger`).

use crate::units::{Microjoules, Micros, Milliwatts};

/// Energy that the board has used since the daemon started: integrates readings of power over time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Odometer {
    /// Integrated up to the last reading, in nanojoules (mW x µs), so that rounding does not pile up.
    integrated_nj: u128,
    last: Option<(Micros, Milliwatts)>,
    /// The most that was ever shown.
    shown: Microjoules,
}

impl Odometer {
    /// Takes a reading: the power that was drawn around `at` (a monotonic moment).
    ///
    /// Between two readings the draw is taken to change in a straight line (trapezoid).
    /// A reading that is older than the last one is ignored.
    pub fn read(&mut self, at: Micros, draw: Milliwatts) {
        match self.last {
            Some((then, _)) if at <= then => return,
            Some((then, before)) => {
                let span = u128::from(at.minus(then).0);
                self.integrated_nj += span * (u128::from(before.0) + u128::from(draw.0)) / 2;
            }
            None => {}
        }
        self.last = Some((at, draw));
        self.show(self.integrated_nj);
    }

    /// What it shows at `now`: up to the last reading as integrated, since then at the last draw.
    ///
    /// Never less than it has shown before: when a reading proves that less was used than was
    /// shown, it stands still until the truth has caught up.
    pub fn at(&mut self, now: Micros) -> Microjoules {
        let since = self.last.map_or(0, |(then, draw)| u128::from(now.minus(then).0) * u128::from(draw.0));
        self.show(self.integrated_nj + since)
    }

    /// The last draw, if there was a reading.
    #[must_use]
    pub fn draw(&self) -> Option<Milliwatts> {
        self.last.map(|(_, draw)| draw)
    }

    fn show(&mut self, nanojoules: u128) -> Microjoules {
        let now = Microjoules(u64::try_from(nanojoules / 1_000).unwrap_or(u64::MAX));
        self.shown = self.shown.max(now);
        self.shown
    }
}

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

/// Where the energy of the daemon went; the parts add up to what the odometer turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Books {
    /// Billed to answers.
    pub answers: Microjoules,
    /// Loading and switching models.
    pub overhead: Microjoules,
    /// Everything else: waiting.
    pub idle: Microjoules,
}

impl Books {
    /// The sum of all parts.
    #[must_use]
    pub fn total(&self) -> Microjoules {
        self.answers.plus(self.overhead).plus(self.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_steady_draw_is_power_times_time() {
        let mut odometer = Odometer::default();
        odometer.read(Micros(0), Milliwatts(5_000));
        odometer.read(Micros(30_000_000), Milliwatts(5_000));
        assert_eq!(odometer.at(Micros(30_000_000)), Microjoules(150_000_000));
        assert_eq!(odometer.at(Micros(31_000_000)), Microjoules(155_000_000), "goes on at the last draw");
    }

    #[test]
    fn a_ramp_is_the_area_under_it() {
        let mut odometer = Odometer::default();
        odometer.read(Micros(0), Milliwatts(2_000));
        odometer.read(Micros(1_000_000), Milliwatts(4_000));
        assert_eq!(odometer.at(Micros(1_000_000)), Microjoules(3_000_000));
    }

    #[test]
    fn without_a_reading_it_shows_nothing() {
        assert_eq!(Odometer::default().at(Micros(9_000_000)), Microjoules::ZERO);
    }

    proptest! {
        #[test]
        fn it_never_turns_back(steps in prop::collection::vec((0..200_000_u64, 0..9_000_u32, any::<bool>()), 1..100)) {
            let (mut odometer, mut now, mut before) = (Odometer::default(), 0, Microjoules::ZERO);
            for (step, draw, reading) in steps {
                now += step;
                if reading {
                    odometer.read(Micros(now), Milliwatts(draw));
                }
                let shown = odometer.at(Micros(now));
                prop_assert!(shown >= before);
                before = shown;
            }
        }

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

        /// The whole chain, as the engine and the metering use it: readings at any pace, steps of any length.
        #[test]
        fn bills_and_idle_add_up_to_what_the_odometer_turned(
            steps in prop::collection::vec((1..300_000_u64, 1_000..9_000_u32, prop::collection::vec(0..40_u32, 0..8)), 1..80),
        ) {
            let mut odometer = Odometer::default();
            odometer.read(Micros(0), Milliwatts(3_000));
            let (mut now, mut before, mut books) = (0, Microjoules::ZERO, Books::default());
            for (length, draw, work) in steps {
                now += length;
                odometer.read(Micros(now - length / 3), Milliwatts(draw));
                let shown = odometer.at(Micros(now));
                let spent = shown.minus(before);
                before = shown;
                if work.is_empty() {
                    books.idle = books.idle.plus(spent);
                }
                for part in split(spent, &work) {
                    books.answers = books.answers.plus(part);
                }
            }
            prop_assert_eq!(books.total(), before);
        }
    }
}
