//! What is typical of a kind of battery: its voltage at rest by charge, its losses, where it is full.
//!
//! Promises: the curves rise with charge, so that they can be read both ways. Deliberately absent: the cell that is
//! truly there; no curve here was fitted to what the estimator is judged with (`hob-sim`, `cell`).

use crate::units::PartsPerMillion;
use std::str::FromStr;

/// What a cell is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chemistry {
    /// Lithium nickel manganese cobalt oxide (and NCA): most 18650 and 21700 cells.
    Nmc,
    /// Lithium cobalt oxide: most flat lithium polymer cells.
    Lco,
    /// Lithium iron phosphate.
    Lfp,
    /// Lead and acid, sealed (AGM or gel).
    Lead,
}

/// There is no battery of that kind here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no kind of battery known here; use nmc (most round cells), lco (most flat ones), lfp or lead")]
pub struct UnknownChemistry(pub String);

impl FromStr for Chemistry {
    type Err = UnknownChemistry;

    fn from_str(name: &str) -> Result<Self, UnknownChemistry> {
        Self::ALL.into_iter().find(|known| known.as_str() == name).ok_or_else(|| UnknownChemistry(name.to_owned()))
    }
}

/// Steps of a curve: one for every 5 %.
const STEPS: usize = 20;

/// The width of a step.
const STEP: i64 = 50_000;

/// Voltage of one cell at rest in millivolts, at 0, 5, .. 100 %.
type Curve = [u16; STEPS + 1];

/// Mean of the curves measured at C/20 to C/32 on a Molicel P42A, a Samsung 40T (both Sunil, Pattipati and Balasingam,
/// IEEE Trans. Instrum. Meas. 2025) and another Samsung INR21700 (a solar car team's table), with 0 % at 3.0 V.
#[rustfmt::skip]
const NMC: Curve = [
    3_000, 3_292, 3_393, 3_456, 3_508, 3_557, 3_597, 3_632, 3_668, 3_705, 3_752,
    3_799, 3_846, 3_894, 3_941, 3_987, 4_030, 4_066, 4_089, 4_113, 4_188,
];

/// The chart of resting voltages that is passed around for lithium polymer packs of models; from memory, its author is
/// not known.
#[rustfmt::skip]
const LCO: Curve = [
    3_270, 3_610, 3_690, 3_710, 3_730, 3_750, 3_770, 3_790, 3_800, 3_820, 3_840,
    3_850, 3_870, 3_910, 3_950, 3_980, 4_020, 4_080, 4_110, 4_150, 4_200,
];

/// Measured at C/32 on a Lithium Werks APR18650M1B (Sunil and others, as above), with 0 % at 2.5 V.
#[rustfmt::skip]
const LFP: Curve = [
    2_500, 3_093, 3_201, 3_220, 3_240, 3_260, 3_278, 3_283, 3_289, 3_294, 3_299,
    3_305, 3_310, 3_315, 3_321, 3_326, 3_331, 3_337, 3_342, 3_348, 3_598,
];

/// A chart as it is usual for AGM batteries, 12.85, 12.60, 12.35, 12.10 and 11.80 V at full, three quarters, half, one
/// quarter and empty, with straight lines between. From memory; charts in print differ from it by 0.1 V.
#[rustfmt::skip]
const LEAD: Curve = [
    1_967, 1_977, 1_987, 1_997, 2_007, 2_017, 2_025, 2_033, 2_042, 2_050, 2_058,
    2_066, 2_075, 2_083, 2_092, 2_100, 2_108, 2_117, 2_125, 2_134, 2_142,
];

/// What is typical; voltages and resistances are of one cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    /// Millivolts from which on, with little current, it is full.
    pub(crate) full: i64,
    /// Millivolts (k=1) by which cells of one kind differ from the curve, hysteresis included.
    pub(crate) doubt: i64,
    /// Millivolts between which the curve says nothing but "neither full nor empty".
    pub(crate) plateau: (i64, i64),
    /// Millivolts that it sags under a small board.
    pub(crate) sag: i64,
    /// Milliohms at first.
    pub(crate) resistance: i64,
    /// Resistance that shows only after minutes, in percent of the one that shows at once.
    pub(crate) lag: i64,
    /// What of the charge that is put in can be taken out again, in thousandths.
    pub(crate) efficiency: i64,
}

impl Chemistry {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nmc, Self::Lco, Self::Lfp, Self::Lead];

    /// Its name in settings and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nmc => "nmc",
            Self::Lco => "lco",
            Self::Lfp => "lfp",
            Self::Lead => "lead",
        }
    }

    const fn curve(self) -> &'static Curve {
        match self {
            Self::Nmc => &NMC,
            Self::Lco => &LCO,
            Self::Lfp => &LFP,
            Self::Lead => &LEAD,
        }
    }

    /// Orders of magnitude from data sheets of cells of some ampere-hours. LFP is doubted most: its two branches
    /// (charged to, discharged to) lie 20 to 40 mV apart, which is half of what it rises between 10 and 98 %.
    pub(crate) const fn traits(self) -> Traits {
        const NONE: (i64, i64) = (i64::MAX / 1_000, 0); // no voltage lies above this and below that
        match self {
            Self::Nmc => Traits { full: 4_160, doubt: 15, plateau: NONE, sag: 40, resistance: 40, lag: 60, efficiency: 998 },
            Self::Lco => Traits { full: 4_160, doubt: 15, plateau: NONE, sag: 40, resistance: 50, lag: 60, efficiency: 998 },
            Self::Lfp => {
                Traits { full: 3_480, doubt: 30, plateau: (3_200, 3_370), sag: 30, resistance: 20, lag: 60, efficiency: 998 }
            }
            Self::Lead => Traits { full: 2_280, doubt: 15, plateau: NONE, sag: 40, resistance: 8, lag: 100, efficiency: 880 },
        }
    }

    /// Voltage of one cell at rest, averaged over all of its charge, in millivolts.
    pub(crate) fn mean_millivolts(self) -> i64 {
        let curve = self.curve();
        curve.windows(2).map(|ends| ends.iter().map(|&end| i64::from(end)).sum::<i64>()).sum::<i64>() / 40
    }

    /// Voltage of one cell at rest.
    #[must_use]
    pub fn rest_microvolts(self, level: PartsPerMillion) -> i64 {
        let level = i64::from(level.0.min(1_000_000));
        let place = usize::try_from(level / STEP).unwrap_or(STEPS).min(STEPS - 1);
        let (low, high) = self.step(place);
        let beyond = level - STEP * i64::try_from(place).unwrap_or(0);
        low * 1_000 + (high - low) * 1_000 * beyond / STEP
    }

    /// The charge at which one cell has this voltage at rest; outside of the curve empty or full.
    #[must_use]
    pub fn level_at(self, microvolts: i64) -> PartsPerMillion {
        let above = self.curve().iter().take_while(|&&point| i64::from(point) * 1_000 <= microvolts).count();
        let level = match above {
            0 => 0,
            more if more > STEPS => 1_000_000,
            more => {
                let place = more - 1;
                let (low, high) = self.step(place);
                STEP * i64::try_from(place).unwrap_or(0) + (microvolts - low * 1_000) * STEP / ((high - low) * 1_000).max(1)
            }
        };
        PartsPerMillion(u32::try_from(level).unwrap_or(0).min(1_000_000))
    }

    fn step(self, place: usize) -> (i64, i64) {
        let at = |place: usize| self.curve().get(place).map_or(0, |&point| i64::from(point));
        (at(place), at(place + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_as_they_are_written_and_others_are_refused_with_a_remedy() {
        for known in Chemistry::ALL {
            assert_eq!(known.as_str().parse(), Ok(known));
        }
        let refused = "NiMH".parse::<Chemistry>().unwrap_err().to_string();
        assert!(refused.contains("\"NiMH\"") && refused.contains("nmc"), "{refused}");
    }

    #[test]
    fn every_curve_rises_and_its_mean_lies_between_its_ends() {
        for kind in Chemistry::ALL {
            assert!(kind.curve().is_sorted_by(|low, high| low < high), "{}", kind.as_str());
            let mean = PartsPerMillion(kind.level_at(kind.mean_millivolts() * 1_000).0);
            assert!((200_000..800_000).contains(&mean.0), "{} {mean:?}", kind.as_str());
        }
        assert_eq!(Chemistry::Nmc.mean_millivolts(), 3_745);
    }

    proptest! {
        #[test]
        fn a_curve_reads_the_same_both_ways(level in 0..=1_000_000_u32, kind in 0..4_usize) {
            let kind = Chemistry::ALL[kind];
            let back = kind.level_at(kind.rest_microvolts(PartsPerMillion(level))).0;
            prop_assert!(back.abs_diff(level) <= 20, "{level} came back as {back}");
        }

        #[test]
        fn any_voltage_has_a_level(microvolts in any::<i32>()) {
            prop_assert!(Chemistry::Lead.level_at(i64::from(microvolts)).0 <= 1_000_000);
        }
    }
}
