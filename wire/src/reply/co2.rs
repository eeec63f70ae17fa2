//! What an answer emitted, and how well that is known.
//!
//! Promises: two significant digits, with the range that the truth is within; always called an estimate.
//! Deliberately absent: counting (`hob_core::ledger`).

use hob_core::ledger::{Footprint, Sourced, two_digits};
use hob_core::units::Micrograms;
use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;

/// What an answer emitted: an estimate by the Software Carbon Intensity 1.1, in two significant digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Co2 {
    /// Grams of CO2-equivalent: of the electricity and of making the box. Rounded by itself, so it may differ from the
    /// sum of the rounded parts.
    pub g: Decimal<6>,
    /// The true figure is hardly below this (k = 2).
    pub lo_g: Decimal<6>,
    /// The true figure is hardly above this (k = 2).
    pub hi_g: Decimal<6>,
    /// Of the electricity: wall energy times the intensity.
    pub operational_g: Decimal<6>,
    /// Of making the box: this answer's share.
    pub embodied_g: Decimal<6>,
    /// The intensity that was used, in grams per kilowatt-hour.
    pub g_per_kwh: Decimal<0>,
    /// Where the intensity comes from: `config`, `country ITA`, `world`, a feed's name, `solar`, `battery`, or several
    /// with their shares.
    pub source: String,
    /// The year that the intensity is of, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<u16>,
    /// What a live feed counted: `average` or `marginal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `sci-1.1`.
    pub method: String,
    /// Always true: this is an estimate.
    pub estimate: bool,
}

impl Co2 {
    /// A footprint as it is published.
    #[must_use]
    pub fn of(footprint: &Footprint, intensity: &Sourced) -> Self {
        let grams = |mass: Micrograms| two_digits(mass).into();
        Self {
            g: grams(footprint.total),
            lo_g: grams(footprint.low),
            hi_g: grams(footprint.high),
            operational_g: grams(footprint.operational),
            embodied_g: grams(footprint.embodied),
            g_per_kwh: intensity.factor.mean().into(),
            source: intensity.source.clone(),
            year: intensity.year,
            kind: intensity.kind.map(|kind| kind.as_str().to_owned()),
            method: "sci-1.1".to_owned(),
            estimate: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footprint_is_published_in_two_digits() {
        let footprint = Footprint {
            total: Micrograms(46_834),
            low: Micrograms(22_462),
            high: Micrograms(71_206),
            operational: Micrograms(40_243),
            embodied: Micrograms(6_591),
        };
        let told = serde_json::to_value(Co2::of(&footprint, &Sourced::world())).unwrap();
        let published = serde_json::json!({
            "g": 0.047, "lo_g": 0.022, "hi_g": 0.071, "operational_g": 0.04, "embodied_g": 0.0066,
            "g_per_kwh": 475, "source": "world", "year": 2019, "method": "sci-1.1", "estimate": true,
        });
        assert_eq!(told, published);
    }
}
