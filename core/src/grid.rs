//! How much CO2 a kilowatt-hour carries, country by country.
//!
//! # Source
//!
//! `grid.csv` (ISO 3166-1 alpha-3, grams of CO2-equivalent per kWh, year) is compacted from
//! `global_energy_mix.json` of codecarbon 3.3.2 (MIT), whose values come from Ember and the Energy
//! Institute by way of Our World in Data (CC BY 4.0). Values of zero, which would hide missing data,
//! were left out, and none is read. They are yearly averages: expect ±30 %.
//!
//! Deliberately absent: live feeds, batteries and the owner's own solar panels (`ledger`).

use crate::ledger::MOST;
use crate::units::GramsPerKwh;

/// Carbon intensity of one country's grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    /// Yearly average.
    pub intensity: GramsPerKwh,
    /// The year that it is of.
    pub year: u16,
}

/// The world's average, for who names no country: International Energy Agency, 2019.
pub const WORLD: Intensity = Intensity { intensity: GramsPerKwh(475), year: 2019 };

const TABLE: &str = include_str!("grid.csv");

/// Looks a country up by its ISO 3166-1 alpha-3 code (`ITA`), in any case.
#[must_use]
pub fn country(code: &str) -> Option<Intensity> {
    rows().find(|(name, _)| name.eq_ignore_ascii_case(code)).map(|(_, intensity)| intensity)
}

/// All countries, by code.
pub fn rows() -> impl Iterator<Item = (&'static str, Intensity)> {
    TABLE.lines().filter_map(|line| {
        let mut fields = line.split(',');
        let (code, grams, year) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (1..=MOST.0).contains(&grams).then_some((code, Intensity { intensity: GramsPerKwh(grams), year }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_sane() {
        assert_eq!(rows().count(), TABLE.lines().count());
        for (code, row) in rows() {
            assert!(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()), "{code}");
            assert!((1..=1_500).contains(&row.intensity.0) && (2009..=2025).contains(&row.year), "{code} {row:?}");
        }
    }

    #[test]
    fn countries_are_found_in_any_case_and_others_are_not() {
        assert_eq!(country("ita"), Some(Intensity { intensity: GramsPerKwh(331), year: 2023 }));
        assert_eq!(country("FRA").map(|row| row.intensity), Some(GramsPerKwh(56)));
        assert_eq!(country("XXX"), None);
    }
}
