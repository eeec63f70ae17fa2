//! What a simulated site is like: a TOML file, checked.
//!
//! ```text
//! shipped (A to E, school, winter, grid) or a file ─▶ parse ─▶ Scenario, or an error with file, key and remedy
//! ```
//!
//! Promises: an unknown or impossible key is refused by name; every key but the required ones has a default.
//! The comments in `scenarios/B.toml` say the same for who writes his own.
//! Deliberately absent: chance (`world`), what Hob does about it (`hob_core`).

use serde::Deserialize;

mod check;
mod defaults;

pub use check::BadScenario;

/// A site, its board and its askers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Short name, for tables and file names.
    pub name: String,
    /// One sentence for people.
    #[serde(default)]
    pub about: String,
    /// Off-grid: what stores energy. With it comes `sun`.
    pub battery: Option<Battery>,
    /// Off-grid: what brings energy.
    pub sun: Option<Sun>,
    /// Mains power, instead of `battery` and `sun`.
    pub grid: Option<Grid>,
    /// Who asks.
    pub prompts: Prompts,
    /// The computer.
    #[serde(default)]
    pub board: Board,
    /// The levels to choose from, poorest first.
    #[serde(default = "defaults::ladder")]
    pub level: Vec<Rung>,
}

/// What stores energy.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Battery {
    /// What it gives from full to empty, in watt-hours, before the converter. Required; 1 to 100 000.
    pub capacity_wh: f64,
    /// Share of the battery's energy that the converter passes on to the board, 0.3 to 1. 0.9: a good buck converter.
    #[serde(default = "defaults::converter")]
    pub converter: f64,
    /// Charge at the start, share of full, 0 to 1.
    #[serde(default = "defaults::start")]
    pub start: f64,
    /// Charge at which the supply cuts the board off (a brown-out), share of full.
    #[serde(default = "defaults::cut_off")]
    pub cut_off: f64,
    /// Charge at which it lets the board start again, share of full; above `cut_off`.
    #[serde(default = "defaults::restart")]
    pub restart: f64,
}

/// What brings energy. There is no latitude: a season is the length of its days.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sun {
    /// Rated peak power of the panels, in watts. Required; 0 to 100 000.
    pub peak_w: f64,
    /// Share of the peak that they give at a clear noon: heat, dust, angle and charger. 0 to 1.
    #[serde(default = "defaults::noon_share")]
    pub noon_share: f64,
    /// Hours from sunrise to sunset, around noon. 1 to 24.
    #[serde(default = "defaults::daylight_h")]
    pub daylight_h: f64,
    /// Share of a clear day's energy that a middling day brings, above 0 and below 1.
    #[serde(default = "defaults::clearness")]
    pub clearness: f64,
    /// How much days differ: standard deviation of the log-odds of their clearness. 0 to 5.
    #[serde(default = "defaults::spread")]
    pub spread: f64,
    /// How much of today's weather stays tomorrow, 0 to 0.99.
    #[serde(default = "defaults::persistence")]
    pub persistence: f64,
    /// Life-cycle emissions of the panels, in grams of CO2-equivalent per kilowatt-hour.
    #[serde(default = "defaults::solar_g_per_kwh")]
    pub g_per_kwh: u32,
}

/// Mains power.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Carbon intensity in grams of CO2-equivalent per kilowatt-hour, hour by hour from midnight. Required; 24 numbers.
    pub g_per_kwh: [u32; 24],
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompts {
    /// On an average weekday. Required; 0 to 20 000.
    pub per_day: f64,
    /// How they fall on the hours of the day, from midnight; any unit. 24 numbers.
    #[serde(default = "defaults::hours")]
    pub hours: [f64; 24],
    /// Saturday's and Sunday's share of a weekday's prompts, 0 to 10.
    #[serde(default = "defaults::one")]
    pub weekend: f64,
    /// Mean length of a prompt, in tokens.
    #[serde(default = "defaults::tokens_in")]
    pub tokens_in: f64,
    /// Mean length of an answer, in tokens.
    #[serde(default = "defaults::tokens_out")]
    pub tokens_out: f64,
    /// How much lengths differ: standard deviation of their logarithm. 0 to 2.
    #[serde(default = "defaults::lengths")]
    pub spread: f64,
    /// The most tokens that are asked for; longer answers end there.
    #[serde(default = "defaults::max_tokens")]
    pub max_tokens: u32,
    /// Seconds until an answer is of no use, waiting included.
    #[serde(default = "defaults::deadline_s")]
    pub deadline_s: f64,
    /// How many can wait at the desk.
    #[serde(default = "defaults::places")]
    pub places: u32,
}

/// The computer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Board {
    /// Draw while waiting, in watts.
    pub idle_w: f64,
    /// Draw while waiting with idle trimming on, in watts.
    pub trimmed_w: f64,
    /// Draw while reading a prompt, without trimming, in watts.
    pub prefill_w: f64,
    /// Draw while writing an answer, without trimming, in watts.
    pub decode_w: f64,
    /// Draw while loading a model or starting, without trimming, in watts.
    pub load_w: f64,
    /// Reading speed of the storage, in megabytes per second.
    pub load_mb_s: f64,
    /// From power to answering, in seconds.
    pub boot_s: f64,
    /// Memory that would be free if no model were loaded, in mebibytes.
    pub memory_mib: u64,
    /// How far this board's speeds are from what is expected of its kind: standard deviation of their logarithm. 0 to 1.
    pub error: f64,
}

/// A level of a model, as everybody believes it to be before measuring.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// As llama.cpp spells it.
    pub name: String,
    /// Size of the file, in gigabytes.
    pub size_gb: f64,
    /// Weights of the model, in billions.
    #[serde(default = "defaults::weights_b")]
    pub weights_b: f64,
    /// How good its answers are, above 0 and up to 1.
    pub quality: f64,
    /// Speed of reading prompts, in tokens per second.
    pub prefill_tok_s: f64,
    /// Speed of writing answers, in tokens per second.
    pub decode_tok_s: f64,
}

impl Scenario {
    /// The shipped ones: name and text.
    pub const SHIPPED: [(&'static str, &'static str); 8] = [
        ("A", include_str!("../scenarios/A.toml")),
        ("B", include_str!("../scenarios/B.toml")),
        ("C", include_str!("../scenarios/C.toml")),
        ("D", include_str!("../scenarios/D.toml")),
        ("E", include_str!("../scenarios/E.toml")),
        ("school", include_str!("../scenarios/school.toml")),
        ("winter", include_str!("../scenarios/winter.toml")),
        ("grid", include_str!("../scenarios/grid.toml")),
    ];

    /// One of the shipped, by name in any case.
    ///
    /// # Errors
    ///
    /// [`BadScenario::Unknown`] names those that there are.
    pub fn shipped(name: &str) -> Result<Self, BadScenario> {
        let (known, text) = Self::SHIPPED
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .ok_or_else(|| BadScenario::Unknown(name.to_owned()))?;
        Self::parse(known, text)
    }

    /// Reads and checks the text of a scenario; `file` is its name in errors.
    ///
    /// # Errors
    ///
    /// [`BadScenario`] with file, key, value and remedy.
    pub fn parse(file: &str, text: &str) -> Result<Self, BadScenario> {
        let scenario: Self = toml::from_str(text)
            .map_err(|error| BadScenario::Text { file: file.to_owned(), why: error.to_string().trim_end().to_owned() })?;
        check::check(file, &scenario)?;
        Ok(scenario)
    }
}

#[cfg(test)]
mod tests;
