//! From the voltage over a shunt to the power behind it: Ohm's law in integers.
//!
//! ```text
//! supply ──▶ VIN+ ─[ shunt ]─ VIN- ──▶ board       draw = drop / shunt x bus
//!                └─ drop (µV) ─┘└─ bus (mV) to ground
//! ```
//!
//! Promises: products are rounded to the nearest unit and are signed until the last step.
//! Deliberately absent: how the two voltages are read (`ina219`, `hwmon`), what they mean where the
//! sensor sits (`line`).

use crate::meter::MeterError;
use hob_core::units::{BasisPoints, Milliamps, Milliwatts};

pub use hob_core::units::Millivolts;

/// Resistance of a shunt, in millionths of an ohm; 100 µΩ to 1 Ω.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MicroOhms(u32);

/// The shunt cannot have this resistance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a shunt has 100 to 1000000 micro-ohms, not {0}; it is printed on it: R100 is 100000, R010 is 10000")]
pub struct BadShunt(pub u32);

impl MicroOhms {
    /// 0.1 Ω, which most INA219 breakout boards carry.
    pub const COMMON: Self = Self(100_000);

    /// Checks and wraps a number of micro-ohms.
    ///
    /// # Errors
    ///
    /// [`BadShunt`] outside 100 to 1 000 000.
    pub const fn new(micro_ohms: u32) -> Result<Self, BadShunt> {
        match micro_ohms {
            100..=1_000_000 => Ok(Self(micro_ohms)),
            _ => Err(BadShunt(micro_ohms)),
        }
    }

    /// The number of micro-ohms.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Voltage over the shunt, in millionths of a volt; above zero when current flows towards the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Microvolts(pub i32);

/// The largest offset of an INA219 (grade A, PGA /8): less than this below zero is no current.
const OFFSET: Microvolts = Microvolts(200);

/// Current through the shunt, to the nearest milliampere.
pub(crate) fn current(drop: Microvolts, shunt: MicroOhms) -> Milliamps {
    let micro_ohms = i64::from(shunt.0);
    let nearest = (i64::from(drop.0) * 1_000 + micro_ohms / 2).div_euclid(micro_ohms);
    Milliamps(i32::try_from(nearest).unwrap_or(if nearest < 0 { i32::MIN } else { i32::MAX }))
}

/// Power that flows through the shunt to the board.
///
/// # Errors
///
/// [`MeterError::Backwards`] when current flows the other way by more than the sensor's offset.
pub(crate) fn draw(drop: Microvolts, bus: Millivolts, shunt: MicroOhms) -> Result<Milliwatts, MeterError> {
    // µV / µΩ = A, and A x mV = mW.
    let micro_ohms = i64::from(shunt.0);
    let nearest = (i64::from(drop.0) * i64::from(bus.0) + micro_ohms / 2).div_euclid(micro_ohms);
    let size = Milliwatts(u32::try_from(nearest.unsigned_abs()).unwrap_or(u32::MAX));
    match nearest {
        0.. => Ok(size),
        _ if drop.0 >= -OFFSET.0 => Ok(Milliwatts::ZERO),
        _ => Err(MeterError::Backwards(size)),
    }
}

/// Bound (k = 2) on the energy read over this shunt, before what sampling adds; `calibrated` once
/// against another meter.
///
/// # Source
///
/// Root of the sum of squares of: tolerance of the shunt 1 %; gain 1 % (INA219 grade A over
/// temperature) and bus voltage 0.5 %, both TI SBOS448G; the largest offset, 200 µV, against the drop at a
/// Pi's idle 2.9 W and 5 V, which is 0.3 % at 0.1 Ω and 3.4 % at 0.01 Ω. A calibration leaves of the first
/// three 0.5 % of the other meter and 0.5 % of drift, together 0.7 % (judgement of the power study).
pub(crate) const fn bound(shunt: MicroOhms, calibrated: bool) -> BasisPoints {
    const OFFSET_AT_ONE_MICRO_OHM: u32 = 3_448_276; // 200 µV / 0.58 A, x 10^4
    let offset = OFFSET_AT_ONE_MICRO_OHM / shunt.0;
    let gain = if calibrated { 50 * 50 + 50 * 50 } else { 100 * 100 + 100 * 100 + 50 * 50 };
    BasisPoints((gain + offset * offset).isqrt())
}

/// What a bare Pi 4 or 400 draws, from idle to all four cores busy, with some room.
const BELIEVABLE: std::ops::RangeInclusive<u64> = 1_500..=8_000;

/// Shunts found on INA219 boards and hats.
const USUAL: [u32; 4] = [100_000, 50_000, 20_000, 10_000];

/// What is odd about a first reading; nothing when a Pi may well draw so much.
pub(crate) fn doubt(draw: Milliwatts, shunt: MicroOhms) -> Option<String> {
    let milliwatts = u64::from(draw.0);
    if BELIEVABLE.contains(&milliwatts) {
        return None;
    }
    let others: Vec<String> = USUAL
        .iter()
        .map(|usual| (usual, milliwatts * u64::from(shunt.0) / u64::from(*usual)))
        .filter(|(_, would_be)| BELIEVABLE.contains(would_be))
        .map(|(usual, would_be)| format!("{usual} would make it {would_be} mW"))
        .collect();
    let remedy = if others.is_empty() {
        "check that the sensor sits in the board's supply line and what else hangs on it".to_owned()
    } else {
        format!("{}; it is printed on the resistor: R100 is 100000, R010 is 10000", others.join(", "))
    };
    Some(format!(
        "the first reading is {milliwatts} mW, but a bare Pi 400 draws 1500 to 8000 mW: a shunt of {} micro-ohms looks wrong; {remedy}",
        shunt.0
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn the_draw_is_drop_over_shunt_times_bus() {
        let table = [
            // drop µV  bus mV   shunt µΩ   mW             what the row is for
            ( 125_000,  5_100,   100_000,  Some(6_375),    "a Pi at work"),
            (  16_000,  3_900,    10_000,  Some(6_240),    "a hat with 0.01 ohm"),
            (      10,  5_000,   100_000,  Some(1),        "0.5 mW rounds up"),
            (       0,  5_000,   100_000,  Some(0),        "nothing"),
            (    -200,  5_000,   100_000,  Some(0),        "offset"),
            (    -210,  5_000,   100_000,  None,           "backwards"),
            ( 320_000, 26_000,       100,  Some(83_200_000), "the most there can be"),
        ];
        for (drop, bus, shunt, expected, why) in table {
            let found = draw(Microvolts(drop), Millivolts(bus), MicroOhms::new(shunt).unwrap()).ok();
            assert_eq!(found, expected.map(Milliwatts), "{why}");
        }
    }

    #[test]
    fn a_smaller_shunt_has_a_wider_bound_and_a_calibrated_one_a_narrower() {
        let bounds = |calibrated| [100_000, 50_000, 10_000].map(|ohms| bound(MicroOhms::new(ohms).unwrap(), calibrated));
        assert_eq!(bounds(false), [153, 164, 375].map(BasisPoints));
        assert_eq!(bounds(true), [78, 98, 351].map(BasisPoints));
        assert!(bound(MicroOhms(100), false) > BasisPoints(10_000), "an absurd shunt has an absurd bound, not an overflow");
    }

    #[test]
    fn the_current_is_drop_over_shunt_with_its_sign() {
        let table =
            [(125_000, 100_000, 1_250), (-16_000, 10_000, -1_600), (10, 100_000, 0), (50, 100_000, 1), (-51, 100_000, -1)];
        for (drop, shunt, milliamps) in table {
            assert_eq!(current(Microvolts(drop), MicroOhms(shunt)), Milliamps(milliamps), "{drop} µV over {shunt} µΩ");
        }
        assert_eq!(current(Microvolts(i32::MIN), MicroOhms(100)), Milliamps(i32::MIN), "absurd, not wrapped");
    }

    #[test]
    fn a_shunt_ten_times_off_is_doubted_and_the_right_one_named() {
        let small = MicroOhms::new(10_000).unwrap();
        assert!(doubt(Milliwatts(624), MicroOhms::COMMON).unwrap().contains("10000 would make it 6240 mW"));
        assert!(doubt(Milliwatts(29_000), small).unwrap().contains("100000 would make it 2900 mW"));
        assert!(doubt(Milliwatts(3), small).unwrap().contains("supply line"));
        assert_eq!(doubt(Milliwatts(2_900), MicroOhms::COMMON), None);
    }

    #[test]
    fn only_a_resistance_that_a_shunt_can_have_is_taken() {
        assert_eq!([MicroOhms::new(0), MicroOhms::new(2_000_000)], [Err(BadShunt(0)), Err(BadShunt(2_000_000))]);
        assert_eq!(MicroOhms::new(100_000), Ok(MicroOhms::COMMON));
    }
}
