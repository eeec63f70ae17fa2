//! The share of making the box that an answer bears: the `M` of the Software Carbon Intensity.
//!
//! Promises: by run-time, answers never bear more than the time they took; by day, a day's answers at the expected pace
//! bear that day's share of the box; no answer ever bears more than the whole box.
//! Deliberately absent: what a box emits in the making: there is no official figure for a Pi 400, so it is a setting.

use std::num::NonZeroU32;

use crate::units::{BasisPoints, Micrograms, Micros};

/// A year of 365.25 days, in microseconds.
const YEAR_US: u128 = 31_557_600 * 1_000_000;
/// A day, in microseconds.
const DAY_US: u64 = 86_400 * 1_000_000;

/// How the box is shared among its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Share {
    /// The box is there for Hob alone: all of its life is borne by the answers, so each bears its part of a day.
    #[default]
    Dedicated,
    /// The box does other things, too: an answer bears the time that it took.
    Runtime,
}

/// What making the box emitted, and how that is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embodied {
    /// Total embodied emissions (TE) of board, supply, card, battery and case.
    pub total: Micrograms,
    /// Expected life (EL), in years of 365.25 days.
    pub years: NonZeroU32,
    /// The true total is within so much of it (k = 2).
    pub bound: BasisPoints,
    /// How it is shared.
    pub share: Share,
}

impl Default for Embodied {
    /// 20 kg, 10 to 30 being what is said of boards of this size, over five years, on a box for Hob alone: 0.456 g an hour.
    fn default() -> Self {
        let years = NonZeroU32::MIN.saturating_add(4);
        Self { total: Micrograms(20_000_000_000), years, bound: BasisPoints(5_000), share: Share::Dedicated }
    }
}

impl Embodied {
    /// What an answer bears that `took` so long, on a day with `per_day` answers; rounded down.
    ///
    /// `TE · TiR / EL`, the whole of the resources being reserved (`RR / ToR = 1`). Run-time is `took`; on a dedicated box
    /// it is the day divided by its answers, of which there is at least this one.
    #[must_use]
    pub fn charge(&self, took: Micros, per_day: u32) -> Micrograms {
        let (time, among) = match self.share {
            Share::Runtime => (took.0, 1),
            Share::Dedicated => (DAY_US, per_day.max(1)),
        };
        let life = YEAR_US * u128::from(self.years.get()) * u128::from(among);
        let charge = u128::from(self.total.0) * u128::from(time) / life;
        Micrograms(u64::try_from(charge).unwrap_or(u64::MAX)).min(self.total)
    }
}

/// How many answers a day has: an exponentially weighted mean over days, the last one weighing a quarter.
///
/// A day is 24 hours of running since the pace was made. A day that is busier than the mean counts as it is as soon as it
/// is busier, so that its answers do not bear more than the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    began: Micros,
    today: u32,
    /// In thousandths of an answer.
    mean: u64,
}

impl Pace {
    /// Begins at `now` with what is expected, or what [`Self::per_day`] said before a restart.
    #[must_use]
    pub fn new(now: Micros, expected: u32) -> Self {
        Self { began: now, today: 0, mean: u64::from(expected) * 1_000 }
    }

    /// Counts an answer at `now`, and says how many a day has.
    pub fn answered(&mut self, now: Micros) -> u32 {
        // After 64 days without an answer there is nothing left of the mean.
        let days = now.minus(self.began).0 / DAY_US;
        for _ in 0..days.min(64) {
            self.mean = self.mean * 3 / 4 + u64::from(self.today) * 250;
            self.today = 0;
        }
        self.began = self.began.plus(Micros(days * DAY_US));
        self.today = self.today.saturating_add(1);
        self.per_day()
    }

    /// How many answers a day has, at least one.
    #[must_use]
    pub fn per_day(&self) -> u32 {
        u32::try_from((self.mean + 500) / 1_000).unwrap_or(u32::MAX).max(self.today).max(1)
    }
}
