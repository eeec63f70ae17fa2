//! What an answer cost the climate.
//!
//! Deliberately absent: embodied emissions, live intensity and battery mixes, which have their room here
//! but come with the full accounts; where the intensity comes from (`grid`, settings).

use crate::units::{GramsPerKwh, Micrograms, Microjoules};

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
/// Operational term `E * I` of the Software Carbon Intensity specification,
/// ISO/IEC 21031:2024. 1 kWh = 3.6 MJ exactly. The intensity is site
/// configuration, with its own source beside the number.
pub fn emissions(energy: Microjoules, grid: GramsPerKwh) -> Result<Micrograms, Overflow> {
    const UJ_PER_KWH_OVER_UG_PER_G: u64 = 3_600_000; // 3.6e12 / 1e6
    energy.0.checked_mul(u64::from(grid.0)).map(|product| Micrograms(product / UJ_PER_KWH_OVER_UG_PER_G)).ok_or(Overflow(energy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_kilowatt_hour_emits_the_intensity() {
        let kwh = Microjoules(3_600_000_000_000);
        assert_eq!(emissions(kwh, GramsPerKwh(475)), Ok(Micrograms(475_000_000)));
    }

    #[test]
    fn nonsense_is_an_error_and_not_a_small_number() {
        assert_eq!(emissions(Microjoules(u64::MAX), GramsPerKwh(475)), Err(Overflow(Microjoules(u64::MAX))));
    }

    proptest! {
        #[test]
        fn parts_never_emit_more_than_the_whole(a in 0..u64::MAX / 4_000, b in 0..u64::MAX / 4_000, g in 1..2_000_u32) {
            let whole = emissions(Microjoules(a + b), GramsPerKwh(g)).unwrap();
            let parts = emissions(Microjoules(a), GramsPerKwh(g)).unwrap().plus(emissions(Microjoules(b), GramsPerKwh(g)).unwrap());
            prop_assert!(parts <= whole && whole.minus(parts) <= Micrograms(1));
        }
    }
}
