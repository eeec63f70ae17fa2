//! A bill, and how far it may be off.
//!
//! Promise: wall = idle + marginal, exactly.
//! Deliberately absent: what the idle draw's own drift adds to `marginal` alone (5 to 8 % in the study).

use crate::odometer::Marks;
use crate::units::{BasisPoints, Microjoules, Micros, Millis, PartsPerMillion};

/// What an answer cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// All that the board drew for it.
    pub wall: Microjoules,
    /// What the board would have drawn anyway, its part of it.
    pub idle: Microjoules,
    /// What it came to on top.
    pub marginal: Microjoules,
    /// How long the engine worked for it.
    pub elapsed: Micros,
    /// How long of this nothing was measured; the draw was interpolated.
    pub unmeasured: Millis,
    /// The measured share of the time it took.
    pub coverage: PartsPerMillion,
    /// What befell the sensor meanwhile.
    pub marks: Marks,
    /// `wall` against what a perfect wall meter would say: bound of a 95 % interval (k = 2).
    pub u_abs: BasisPoints,
    /// `wall` against another bill of the same board: the same, without what is constant for a board.
    pub u_rel: BasisPoints,
}

impl Bill {
    /// A bill that never came, which is a bug: nothing is known, and it says so.
    #[must_use]
    pub const fn unmeasured() -> Self {
        let (none, all) = (Microjoules::ZERO, BasisPoints(10_000));
        Self {
            wall: none,
            idle: none,
            marginal: none,
            elapsed: Micros::ZERO,
            unmeasured: Millis::ZERO,
            coverage: PartsPerMillion::ZERO,
            marks: Marks::GAP,
            u_abs: all,
            u_rel: all,
        }
    }

    pub(super) fn new(
        wall: Microjoules,
        idle: Microjoules,
        elapsed: Micros,
        unmeasured: Micros,
        marks: Marks,
        meter: BasisPoints,
    ) -> Self {
        let measured = u128::from(elapsed.minus(unmeasured).0) * 1_000_000;
        let share = measured.checked_div(u128::from(elapsed.0)).unwrap_or(1_000_000);
        let coverage = PartsPerMillion(u32::try_from(share).unwrap_or(1_000_000));
        let (u_abs, u_rel) = uncertainty(meter, elapsed, coverage);
        let unmeasured = Micros(unmeasured.0.saturating_add(999)).millis();
        Self { wall, idle, marginal: wall.minus(idle), elapsed, unmeasured, coverage, marks, u_abs, u_rel }
    }
}

/// What sampling 20 times a second adds at 5 s.
const SAMPLING: u64 = 100;
/// How well the same sensor repeats itself: one step of the bus voltage (4 mV in 5 V, 0.08 %) and the drift
/// of a 100 ppm/K shunt over 18 K between two answers (0.18 %).
const REPEATABILITY: u64 = 20;
/// How far an interpolated draw may be off: idle (2.9 W) taken for full load (6.45 W).
const INTERPOLATED: u64 = 5_500;
/// More than everything is not said.
const ALL: u64 = 10_000;

/// Bounds (k = 2) of a bill, absolute and relative, each rounded up and at most 100 %.
///
/// `meter` is the meter's own bound without sampling. With D = `elapsed` and c = `coverage`:
///
/// * `u_samp` = 1 % x sqrt(5 s / D), `u_gap` = 55 % x (1 - c)
/// * `u_abs`² = `meter`² + `u_samp`² + `u_gap`²
/// * `u_rel`² = (0.2 %)² + `u_samp`² + `u_gap`²
///
/// and 100 % where nothing at all was measured.
///
/// # Source
///
/// Sampling: the study of sampling (INA219 at 20 Hz, shunt Avg128), p95 of 1.0, 0.5 and 0.25 % at 5, 15
/// and 60 s, and `hob_sim::metering`, which measures it anew. The other two constants: judgement, as
/// explained beside them. Independent errors add as squares (JCGM 100:2008, 5.1.2).
///
/// ```
/// use hob_core::{accounts::uncertainty, units::*};
/// let (u_abs, u_rel) = uncertainty(BasisPoints(153), Micros(5_000_000), PartsPerMillion(1_000_000));
/// assert_eq!((u_abs, u_rel), (BasisPoints(183), BasisPoints(102)));
/// ```
#[must_use]
pub fn uncertainty(meter: BasisPoints, elapsed: Micros, coverage: PartsPerMillion) -> (BasisPoints, BasisPoints) {
    const AT: u64 = 5_000_000;
    let sampling = (SAMPLING * SAMPLING * AT).div_ceil(elapsed.0.max(1));
    let gap = (INTERPOLATED * u64::from(PartsPerMillion(1_000_000).minus(coverage).0)).div_ceil(1_000_000);
    let nothing = coverage == PartsPerMillion::ZERO;
    let bound = |fixed: u64| {
        let squares = fixed.saturating_mul(fixed).saturating_add(sampling).saturating_add(gap * gap);
        let root = squares.isqrt();
        let up = root + u64::from(root * root < squares);
        BasisPoints(u32::try_from(if nothing { ALL } else { up.min(ALL) }).unwrap_or(u32::MAX))
    };
    (bound(u64::from(meter.0)), bound(REPEATABILITY))
}

#[test]
fn bounds_shrink_with_time_and_grow_with_what_was_not_measured() {
    let table = [
        // meter  s  covered ‰   u_abs u_rel
        (153, 5, 1_000, 183, 102),
        (153, 15, 1_000, 164, 62),
        (153, 60, 1_000, 156, 36),
        (153, 15, 900, 574, 554),
        (153, 15, 1, 5_498, 5_496),
        (153, 15, 0, 10_000, 10_000),
        (153, 0, 1_000, 10_000, 10_000),
    ];
    for (meter, seconds, covered, u_abs, u_rel) in table {
        let bounds = uncertainty(BasisPoints(meter), Micros(seconds * 1_000_000), PartsPerMillion(covered * 1_000));
        assert_eq!(bounds, (BasisPoints(u_abs), BasisPoints(u_rel)), "{seconds} s, {covered} ‰");
    }
}
