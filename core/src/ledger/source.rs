//! An emission factor and who says so.
//!
//! Promises: a table's figure names its year, a feed's its kind. Deliberately absent: which of them holds now (`mix`).

use crate::grid;
use crate::units::{Millis, UnixSeconds};

use super::factor::{BadFactor, COUNTRY_BOUND, Factor};

/// What a live feed counts. Accounts of what was used take the average; a decision about using more, the marginal one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// All power stations that run now, by what they give.
    #[default]
    Average,
    /// Those that would give the next kilowatt-hour.
    Marginal,
}

impl Kind {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Average => "average",
            Self::Marginal => "marginal",
        }
    }
}

/// A factor and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced {
    /// The factor.
    pub factor: Factor,
    /// `config`, `country ITA`, `world`, a feed's own name, `solar`, `battery`, or several with their shares.
    pub source: String,
    /// The year that the grid's figure is of, where one is known.
    pub year: Option<u16>,
    /// What a live feed counted.
    pub kind: Option<Kind>,
}

impl Sourced {
    /// A country's yearly average, by its ISO 3166-1 alpha-3 code, ±30 %.
    #[must_use]
    pub fn country(code: &str) -> Option<Self> {
        let row = grid::country(code)?;
        let factor = Factor::around(row.intensity.0, COUNTRY_BOUND).ok()?;
        Some(Self { factor, source: format!("country {}", code.to_ascii_uppercase()), year: Some(row.year), kind: None })
    }

    /// The world's average, ±60 %.
    #[must_use]
    pub fn world() -> Self {
        Self { factor: Factor::WORLD, source: "world".to_owned(), year: Some(grid::WORLD.year), kind: None }
    }

    /// The site's own figure, taken for a yearly average: ±30 %.
    ///
    /// # Errors
    ///
    /// [`BadFactor`] for 0 or more than 1500 g/kWh.
    pub fn configured(grams: u32) -> Result<Self, BadFactor> {
        Ok(Self { factor: Factor::around(grams, COUNTRY_BOUND)?, source: "config".to_owned(), year: None, kind: None })
    }

    pub(super) fn own(source: &str, factor: Factor) -> Self {
        Self { factor, source: source.to_owned(), year: None, kind: None }
    }
}

/// What a live feed said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The grid's factor now.
    pub factor: Factor,
    /// Who says so.
    pub source: String,
    /// What it counts.
    pub kind: Kind,
    /// When it was so.
    pub taken: UnixSeconds,
    /// For how long from then on.
    pub valid: Millis,
}

/// Whom a feed is for. The device's own goes before the site's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Every device below the prefix.
    Site,
    /// This device.
    Own,
}
