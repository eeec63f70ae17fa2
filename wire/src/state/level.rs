//! Which level is in use, why, and what was compared: as a table for programs, as a sentence for people.
//!
//! Promises: what the policy did not look into is absent, not zero. Deliberately absent: deciding (`hob_core::policy`).

use hob_core::forecast;
use hob_core::policy::Mode;
use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::shared::V1;

/// The word for a mode.
#[must_use]
pub const fn mode_word(mode: &Mode) -> &'static str {
    match mode {
        Mode::Auto => "auto",
        Mode::Quality => "quality",
        Mode::Endurance => "endurance",
        Mode::Fixed(_) => "fixed",
    }
}

/// What a level would bring over the coming day and a half: expected values over three outlooks of the sun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// Quality of all answers, less the price of brown-outs, plus what is left in the battery; in answers.
    pub score: Decimal<3>,
    /// Prompts answered in time.
    pub served: Decimal<3>,
    /// Prompts that are expected to come.
    pub expected: Decimal<3>,
    /// Times that the board is cut off.
    pub brown_outs: Decimal<3>,
    /// The lowest charge of the battery, in percent.
    pub trough_pct: Decimal<4>,
}

impl From<forecast::Outlook> for Outlook {
    fn from(seen: forecast::Outlook) -> Self {
        let count = |thousandths: u64| Decimal(i64::try_from(thousandths).unwrap_or(i64::MAX));
        Self {
            score: Decimal(seen.score),
            served: count(seen.served),
            expected: count(seen.expected),
            brown_outs: count(seen.brown_outs.into()),
            trough_pct: seen.trough.into(),
        }
    }
}

/// One level that was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Of which model.
    pub model: String,
    /// Which level.
    pub level: String,
    /// Memory that it needs when loaded, in mebibytes.
    pub resident_mib: Decimal<0>,
    /// Power that it draws when thinking, in watts; absent if not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw_w: Option<Decimal<3>>,
    /// Measured quality, in percent of the best level's; absent if not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_pct: Option<Decimal<2>>,
    /// What a usual answer costs at the wall, in joules; absent if nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub j_per_answer: Option<Decimal<6>>,
    /// How long a usual answer takes, in seconds; absent if nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s_per_answer: Option<Decimal<3>>,
    /// What the coming day and a half would bring; absent without a battery, or where the mode does not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
    /// Whether it could be served.
    pub fits: bool,
    /// Why it was chosen, or why not: the policy's reason code.
    pub why: String,
}

/// A choice of level, with the table that was compared; retained, on every change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelState {
    /// 1.
    pub v: V1,
    /// What is wanted of the choice: `auto`, `quality`, `endurance` or `fixed`.
    pub mode: String,
    /// When the mode falls back to the configured one, RFC 3339; absent if it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The model in use; absent if nothing fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The level in use; absent if nothing fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Why: the policy's reason code.
    pub why: String,
    /// Memory that could be used, after the reserve, in mebibytes.
    pub ram_free_mib: Decimal<0>,
    /// Power that could be used, in watts; absent if not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_left_w: Option<Decimal<3>>,
    /// All that was compared.
    pub candidates: Vec<Candidate>,
    /// When, RFC 3339; absent before the clock is known to be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
}

/// The last decision in a sentence; retained, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// 1.
    pub v: V1,
    /// What was decided and why, with its numbers.
    pub sentence: String,
    /// The policy's reason code.
    pub why: String,
    /// When, RFC 3339; absent before the clock is known to be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
}
