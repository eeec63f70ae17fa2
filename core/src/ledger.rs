//! What an answer cost the climate: its footprint by the Software Carbon Intensity, with the range that it is within.
//!
//! ```text
//! wall energy x Factor (g/kWh, with its range)  ─▶ operational ─┐
//! Embodied (the box, a share of its life)       ─▶ embodied    ─┴▶ Footprint: total, low, high
//! ```
//!
//! Three promises, each held by a property test:
//! 1. the parts never emit more than the whole, and low <= total <= high;
//! 2. nonsense from the meter is an error and not a small number;
//! 3. what is published has two significant digits, and rounding never changes an order.
//!
//! Deliberately absent: offsets and market contracts, which the specification leaves out; measuring (`accounts`); words.

mod embodied;
mod factor;
mod mix;
mod source;

pub use embodied::{Embodied, Pace, Share};
pub use factor::{BadFactor, COUNTRY_BOUND, Factor, LIVE_BOUND, MOST, WORLD_BOUND};
pub use mix::{Flows, Mix, Site, Stored};
pub use source::{Feed, Kind, Live, Sourced};

use crate::units::{BasisPoints, GramsPerKwh, Micrograms, Microjoules};

#[cfg(test)]
mod tests;

/// More energy than an account can hold: the meter lied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} J is more than any board can have used; the power meter gives nonsense: check its wiring with `hob doctor`", .0.0 / 1_000_000)]
pub struct Overflow(pub Microjoules);

/// Emissions of drawing `energy` from `grid`, in micrograms of CO2-equivalent.
///
/// `energy` is gross: the idle draw of the board while it was answering counts.
/// The result is rounded down; 90 J on a 400 g/kWh grid is 10 mg.
///
/// ```
/// use hob_core::{ledger::emissions, units::*};
/// let spent = Microjoules(90_000_000);
/// assert_eq!(emissions(spent, GramsPerKwh(400)), Ok(Micrograms(10_000)));
/// ```
///
/// # Errors
///
/// [`Overflow`] past about 5 MWh, a century at 5 W: the meter lied.
///
/// # Source
///
/// Operational term `E * I` of the Software Carbon Intensity specification 1.1,
/// ISO/IEC 21031:2024. 1 kWh = 3.6 MJ exactly. The intensity is site
/// configuration, with its own source beside the number.
pub fn emissions(energy: Microjoules, grid: GramsPerKwh) -> Result<Micrograms, Overflow> {
    const UJ_PER_KWH_OVER_UG_PER_G: u64 = 3_600_000; // 3.6e12 / 1e6
    energy.0.checked_mul(u64::from(grid.0)).map(|product| Micrograms(product / UJ_PER_KWH_OVER_UG_PER_G)).ok_or(Overflow(energy))
}

/// What one answer emitted: an estimate, to the microgram; publish it through [`two_digits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footprint {
    /// `operational` and `embodied` together: the `C = E * I + M` of the specification, for the functional unit "answer".
    pub total: Micrograms,
    /// The true total is hardly below this (k = 2).
    pub low: Micrograms,
    /// The true total is hardly above this (k = 2).
    pub high: Micrograms,
    /// Of the electricity: wall energy, idle draw included, times the intensity.
    pub operational: Micrograms,
    /// Of making the box: this answer's share.
    pub embodied: Micrograms,
}

/// The footprint of an answer that drew `energy` (wall, known to within `bound`) of `factor`, and bears `embodied`.
///
/// The three doubts, of the energy, of the intensity and of the box, are independent, so their squares add up:
/// `u² = (op · u_E)² + (op · u_I)² + (M · u_M)²`. Where the intensity's range is lopsided (8 to 83 around 40),
/// so is the result's. Square roots and quotients are rounded down.
///
/// The worked example, 305 J at the wall in 52 s, on the world's average grid, on a box of 20 kg that lasts five years:
///
/// ```
/// use hob_core::{ledger::{Embodied, Factor, Share, footprint, two_digits}, units::*};
///
/// // Operational: 305 J / 3.6 MJ/kWh * 475 g/kWh = 0.040 243 g.
/// let world = Factor::WORLD;                                                      // 475 g/kWh, 190 to 760
/// // Embodied: 20 kg / (5 * 365.25 * 86 400 s) * 52 s = 0.006 591 g.
/// let board = Embodied { share: Share::Runtime, ..Embodied::default() };          // 20 kg, 5 years, within 50 %
/// let embodied = board.charge(Millis(52_000).micros(), 0);
/// let answer = footprint(Microjoules(305_000_000), BasisPoints(140), world, embodied, board.bound)?;
///
/// assert_eq!((answer.operational, answer.embodied), (Micrograms(40_243), Micrograms(6_591)));
/// assert_eq!((answer.total, answer.low, answer.high), (Micrograms(46_834), Micrograms(22_462), Micrograms(71_206)));
/// let published = [answer.total, answer.low, answer.high].map(two_digits);
/// assert_eq!(published, [Micrograms(47_000), Micrograms(22_000), Micrograms(71_000)]); // 0.047 g, 0.022 to 0.071
///
/// // The same box, on which 500 answers a day share each day's 10.95 g: 0.021 902 g each.
/// let alone = Embodied::default().charge(Millis(52_000).micros(), 500);
/// assert_eq!(alone, Micrograms(21_902));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Overflow`] as [`emissions`].
///
/// # Source
///
/// SCI 1.1, ISO/IEC 21031:2024; `E` includes the idle draw. Propagation of independent uncertainties: JCGM 100:2008, 5.1.2.
pub fn footprint(
    energy: Microjoules,
    bound: BasisPoints,
    factor: Factor,
    embodied: Micrograms,
    embodied_bound: BasisPoints,
) -> Result<Footprint, Overflow> {
    let operational = emissions(energy, factor.mean())?;
    let sum = |a: Micrograms, b: u64| a.0.checked_add(b).map(Micrograms).ok_or(Overflow(energy));
    let total = sum(operational, embodied.0)?;
    let half = |of_factor: BasisPoints| {
        let relative = root_of_squares(bound.0.into(), of_factor.0.into());
        root_of_squares(share(operational, relative), share(embodied, embodied_bound.0.into()))
    };
    let low = total.minus(Micrograms(half(factor.below())));
    let high = sum(total, half(factor.above()))?;
    Ok(Footprint { total, low, high, operational, embodied })
}

/// So many basis points of a mass.
fn share(of: Micrograms, basis_points: u64) -> u64 {
    u64::try_from(u128::from(of.0) * u128::from(basis_points) / 10_000).unwrap_or(u64::MAX)
}

/// The square root, rounded down, of two squares' sum; with u64s it overflows nothing but its own last bit.
fn root_of_squares(a: u64, b: u64) -> u64 {
    let square = |side: u64| u128::from(side) * u128::from(side);
    u64::try_from(square(a).saturating_add(square(b)).isqrt()).unwrap_or(u64::MAX)
}

/// Rounded to two significant digits, half up: all that an estimate can say.
///
/// ```
/// use hob_core::{ledger::two_digits, units::Micrograms};
/// let table = [(0, 0), (7, 7), (99, 99), (104, 100), (105, 110), (995, 1_000), (40_243, 40_000), (71_205, 71_000)];
/// for (counted, published) in table {
///     assert_eq!(two_digits(Micrograms(counted)), Micrograms(published));
/// }
/// ```
#[must_use]
pub fn two_digits(mass: Micrograms) -> Micrograms {
    let step = 10_u64.pow(mass.0.checked_ilog10().unwrap_or(0).saturating_sub(1));
    Micrograms(mass.0.saturating_add(step / 2) / step * step)
}
