//! What Hob publishes about itself: whether it is there, what it has, which level it is at, what the board reads.
//!
//! Promises: what cannot be read is absent, not zero; the last answer's account says nothing of what was said unless the
//! site asks for it. Deliberately absent: reading any of it (`hob-hal`), Home Assistant's discovery.

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::reply::Account;
use crate::shared::V1;

/// Whether Hob is there: a bare word, retained; `offline` is also the last will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is.
    Online,
    /// It is not.
    Offline,
}

impl Status {
    /// The payload.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }

    /// Reads the payload; `None` if it is another one.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        [Self::Online, Self::Offline].into_iter().find(|status| status.as_str().as_bytes() == payload)
    }
}

/// One level of a model on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelInfo {
    /// By llama.cpp's name.
    pub level: String,
    /// Real bits per weight.
    pub bits_per_weight: Decimal<3>,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// Measured quality, in percent of the best level's; absent if not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_pct: Option<Decimal<2>>,
}

/// One model on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name, as `model` in an ask.
    pub name: String,
    /// Its licence, an SPDX expression; absent if not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Its levels.
    pub levels: Vec<LevelInfo>,
}

/// What this device is and has; retained, on every change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// 1.
    pub v: V1,
    /// Its id.
    pub device: String,
    /// The version of Hob.
    pub hob: String,
    /// The machine, such as `Raspberry Pi 400`; absent if it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The models on the shelf; the first is the configured one.
    pub models: Vec<ModelInfo>,
    /// The most tokens of a prompt and its answer together.
    pub context_tokens: u32,
    /// How many prompts are answered at once.
    pub slots: u32,
    /// How many may wait.
    pub queue_limit: u32,
    /// The largest payload of a request, in bytes.
    pub payload_limit: u64,
    /// Where energy readings come from, as [`crate::reply::Energy::source`].
    pub power_source: String,
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
    /// Who decides: `auto`, or `fixed` after a command.
    pub mode: String,
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

/// The account of the last answer; retained. What was said is in it only if the site asks for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastAnswer {
    /// 1.
    pub v: V1,
    /// What was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The account.
    #[serde(flatten)]
    pub account: Account,
}

/// Readings of the board, on a beat. What it cannot read is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telemetry {
    /// 1.
    pub v: V1,
    /// Who.
    pub device: String,
    /// When, RFC 3339; absent before the clock is known to be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
    /// Since Hob started, in seconds.
    pub uptime_s: Decimal<0>,
    /// Draw now, in watts; absent while the meter is silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_w: Option<Decimal<3>>,
    /// Drawn since Hob started, in watt-hours.
    pub energy_wh: Decimal<3>,
    /// Where the readings come from, as [`crate::reply::Energy::source`].
    pub source: String,
    /// Emitted since Hob started, in grams of CO2-equivalent; absent if no intensity is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co2_g: Option<Decimal<6>>,
    /// Memory that is free, in mebibytes.
    pub ram_free_mib: Decimal<0>,
    /// Temperature of the processor, in degrees Celsius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temp_c: Option<Decimal<3>>,
    /// The supply is too weak now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_voltage: Option<bool>,
    /// How many prompts wait.
    pub queue: u32,
    /// How many are being answered.
    pub running: u32,
    /// The model in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The level in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
}
