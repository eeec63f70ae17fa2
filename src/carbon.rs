//! Which carbon intensity this site counts with.

use hob_core::{
    grid::{self, Intensity},
    units::GramsPerKwh,
};

use crate::settings;

/// An intensity and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Grams per kilowatt-hour.
    pub intensity: GramsPerKwh,
    /// `config`, `country ITA` or `world`.
    pub source: String,
    /// The year it is of, where one is known.
    pub year: Option<u16>,
}

impl Grid {
    /// The site's own figure, else its country's, else the world's.
    #[must_use]
    pub fn of(settings: &settings::Carbon) -> Self {
        let table = |source: String, row: Intensity| Self { intensity: row.intensity, source, year: Some(row.year) };
        match (settings.g_per_kwh, &settings.country) {
            (Some(grams), _) => Self { intensity: GramsPerKwh(grams), source: "config".into(), year: None },
            (None, Some(code)) => {
                let row = grid::country(code).unwrap_or(grid::WORLD);
                table(format!("country {}", code.to_uppercase()), row)
            }
            (None, None) => table("world".into(), grid::WORLD),
        }
    }
}
