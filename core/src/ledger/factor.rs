//! How much CO2 a kilowatt-hour carries, and how far off that may be.
//!
//! Promises: a mean from 1 to 1500 g/kWh, within its own range; zero, which hides missing data, is refused.
//! Deliberately absent: where the figure comes from (`mix`, `grid`).

use crate::units::{BasisPoints, GramsPerKwh};

/// The largest intensity that is believed: a kilowatt-hour from the worst coal is about 1300 g.
pub const MOST: GramsPerKwh = GramsPerKwh(1_500);
/// A country's yearly average stands for this hour: ±30 % (the daily swing of European grids).
pub const COUNTRY_BOUND: BasisPoints = BasisPoints(3_000);
/// The world's average stands for some grid that nobody named: ±60 %.
pub const WORLD_BOUND: BasisPoints = BasisPoints(6_000);
/// A feed that says what the grid carries now: ±10 %.
pub const LIVE_BOUND: BasisPoints = BasisPoints(1_000);

/// An emission factor of electricity with the range that it is within (k = 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    mean: GramsPerKwh,
    low: GramsPerKwh,
    high: GramsPerKwh,
}

/// Why a number is no emission factor. Whoever wrote it is at fault: it does not mend itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFactor {
    /// Nothing, which is what missing data looks like, or more than any power station emits.
    #[error("{0} g/kWh is no carbon intensity: give 1 to {most} (hydro is about 26, the world's average 475, coal 995)", most = MOST.0)]
    Mean(u32),
    /// A range that the mean is not in.
    #[error("{mean} g/kWh is not between {low} and {high}: give the range from low to high around it")]
    Range {
        /// The lower end.
        low: u32,
        /// The mean.
        mean: u32,
        /// The upper end.
        high: u32,
    },
}

impl Factor {
    /// The world's average, for some grid that nobody named: [`crate::grid::WORLD`], within [`WORLD_BOUND`].
    pub const WORLD: Self = Self { mean: crate::grid::WORLD.intensity, low: GramsPerKwh(190), high: GramsPerKwh(760) };
    /// Electricity of one's own photovoltaic panels: 40 g/kWh over their life, 8 to 83 by site and making.
    ///
    /// # Source
    ///
    /// UNECE 2021, Life Cycle Assessment of Electricity Generation Options: 8 to 83 g/kWh for photovoltaics.
    pub const SOLAR: Self = Self { mean: GramsPerKwh(40), low: GramsPerKwh(8), high: GramsPerKwh(83) };
    /// What a cycle of a small lithium battery adds for its wear, 30 to 60 g/kWh; a rough figure of the power study.
    pub const WEAR: Self = Self { mean: GramsPerKwh(45), low: GramsPerKwh(30), high: GramsPerKwh(60) };

    /// So many grams per kilowatt-hour, give or take `bound`.
    ///
    /// # Errors
    ///
    /// [`BadFactor::Mean`] for 0 or more than 1500.
    pub fn around(grams: u32, bound: BasisPoints) -> Result<Self, BadFactor> {
        let off = u64::from(grams) * u64::from(bound.0) / 10_000;
        let off = u32::try_from(off).unwrap_or(u32::MAX);
        Self::between(grams.saturating_sub(off), grams, grams.saturating_add(off))
    }

    /// So many grams per kilowatt-hour, from `low` to `high`.
    ///
    /// # Errors
    ///
    /// [`BadFactor`] if the mean is 0 or more than 1500, or not within the range.
    pub fn between(low: u32, mean: u32, high: u32) -> Result<Self, BadFactor> {
        if !(1..=MOST.0).contains(&mean) {
            return Err(BadFactor::Mean(mean));
        }
        if !(low..=high).contains(&mean) {
            return Err(BadFactor::Range { low, mean, high });
        }
        Ok(Self::clamped(mean, low, high))
    }

    /// For sums and means of factors, which are factors too, or a little more than the most.
    pub(super) fn clamped(mean: u32, low: u32, high: u32) -> Self {
        let mean = mean.clamp(1, MOST.0);
        Self { mean: GramsPerKwh(mean), low: GramsPerKwh(low.min(mean)), high: GramsPerKwh(high.max(mean)) }
    }

    /// The mean.
    #[must_use]
    pub const fn mean(self) -> GramsPerKwh {
        self.mean
    }

    /// The lower end of the range.
    #[must_use]
    pub const fn low(self) -> GramsPerKwh {
        self.low
    }

    /// The upper end of the range.
    #[must_use]
    pub const fn high(self) -> GramsPerKwh {
        self.high
    }

    /// How far below the mean the truth may be, as a share of it.
    #[must_use]
    pub fn below(self) -> BasisPoints {
        self.share(self.mean.minus(self.low))
    }

    /// How far above the mean the truth may be, as a share of it.
    #[must_use]
    pub fn above(self) -> BasisPoints {
        self.share(self.high.minus(self.mean))
    }

    fn share(self, off: GramsPerKwh) -> BasisPoints {
        let share = u64::from(off.0) * 10_000 / u64::from(self.mean.0.max(1));
        BasisPoints(u32::try_from(share).unwrap_or(u32::MAX))
    }
}
