//! A bill, and how far it may be off.
//!
//! Promise: wall = idle + marginal, exactly.
//! Deliberately absent: what the idle draw's own drift adds to `marginal` alone (5 to 8 % in the study).

#[cfg(test)]
mod tests;

use super::users::User;
use crate::odometer::{Marks, Stretch, whole};
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

    pub(super) fn new(user: &User, meter: BasisPoints) -> Self {
        let &User { elapsed, unmeasured, unsure, marks, .. } = user;
        let (wall, idle) = (whole(user.idle_nj + user.marginal_nj), whole(user.idle_nj));
        let length = u128::from(elapsed.0.max(1));
        let covered = u128::from(elapsed.minus(unmeasured).0) * 1_000_000 / length;
        let coverage = if elapsed == Micros::ZERO { 1_000_000 } else { u32::try_from(covered).unwrap_or(1_000_000) };
        let unsure = if coverage == 0 { ALL } else { u32::try_from(unsure.div_ceil(length)).unwrap_or(ALL) };
        let meter = if marks.has(Marks::SHUNT_DOUBT) { BasisPoints(ALL) } else { meter };
        let (u_abs, u_rel) = uncertainty(meter, elapsed, BasisPoints(unsure));
        Self {
            wall,
            idle,
            marginal: wall.minus(idle),
            elapsed,
            unmeasured: Micros(unmeasured.0.saturating_add(999)).millis(),
            coverage: PartsPerMillion(coverage),
            marks,
            u_abs,
            u_rel,
        }
    }
}

/// How far the energy of a piece may be off (k = 2) by what befell the sensor, the worst of it:
///
/// * not covered: 55 %, idle (2.9 W) taken for full load (6.45 W) or the other way round;
/// * [`Marks::INFERRED`]: what the model may be off, [`MODELLED`];
/// * [`Marks::CLIPPED`]: 100 %, for the truth is higher, and nothing says by how much.
pub(super) fn unsure(piece: &Stretch) -> BasisPoints {
    let inferred = if piece.marks.has(Marks::INFERRED) { MODELLED } else { BasisPoints::ZERO };
    match (piece.marks.has(Marks::CLIPPED), piece.covered) {
        (true, _) => BasisPoints(ALL),
        (false, false) => INTERPOLATED.max(inferred),
        (false, true) => inferred,
    }
}

/// What sampling 20 times a second adds at 5 s.
const SAMPLING: u64 = 100;
/// How well the same sensor repeats itself: one step of the bus voltage (4 mV in 5 V, 0.08 %) and the drift
/// of a 100 ppm/K shunt over 18 K between two answers (0.18 %).
const REPEATABILITY: u32 = 20;
/// How far an interpolated draw may be off, as a part of the truth: 3.55 W of 6.45 W.
pub(super) const INTERPOLATED: BasisPoints = BasisPoints(5_500);
/// How far a draw may be off that was worked out from the load: the bound of `hob_hal`'s model.
pub const MODELLED: BasisPoints = BasisPoints(1_500);
/// More than everything is not said.
const ALL: u32 = 10_000;

/// Bounds (k = 2) of a bill, absolute and relative, each rounded up and at most 100 %.
///
/// `meter` is the meter's own bound without sampling, and 100 % if its shunt is in doubt. `unsure` is the mean over
/// `elapsed` (D) of what was not properly seen: 55 % while nothing was measured, 15 % while the draw was inferred,
/// 100 % while the sensor was clipped, and 100 % for a bill of which nothing was measured. Such errors are as one,
/// so they add up over time; then, with `u_samp` = 1 % x sqrt(5 s / D):
///
/// * `u_abs`² = `meter`² + `u_samp`² + `unsure`²
/// * `u_rel`² = (0.2 %)² + `u_samp`² + `unsure`²
///
/// A shunt in doubt is not in `u_rel`: it is wrong in every bill of the board alike.
///
/// # Source
///
/// Sampling: the study of sampling (INA219 at 20 Hz, shunt Avg128), p95 of 1.0, 0.5 and 0.25 % at 5, 15
/// and 60 s, and `hob_sim::metering`, which measures it anew. The other constants: judgement, as
/// explained beside them. Independent errors add as squares (JCGM 100:2008, 5.1.2).
///
/// ```
/// use hob_core::{accounts::uncertainty, units::*};
/// let (u_abs, u_rel) = uncertainty(BasisPoints(153), Micros(5_000_000), BasisPoints(0));
/// assert_eq!((u_abs, u_rel), (BasisPoints(183), BasisPoints(102)));
/// ```
#[must_use]
pub fn uncertainty(meter: BasisPoints, elapsed: Micros, unsure: BasisPoints) -> (BasisPoints, BasisPoints) {
    const AT: u64 = 5_000_000;
    let square = |bound: u32| u64::from(bound).pow(2);
    let sampling = (SAMPLING * SAMPLING * AT).div_ceil(elapsed.0.max(1));
    let bound = |fixed: u32| {
        let squares = square(fixed).saturating_add(sampling).saturating_add(square(unsure.0));
        let root = squares.isqrt();
        let up = root + u64::from(root * root < squares);
        BasisPoints(u32::try_from(up).unwrap_or(ALL).min(ALL))
    };
    (bound(meter.0), bound(REPEATABILITY))
}
