//! What Hob publishes about itself: whether it is there, what it has, which level it is at, what the board reads, where
//! the joules go.
//!
//! Promises: what cannot be read is absent, not zero; the last answer's account says nothing of what was said unless the
//! site asks for it. Deliberately absent: reading any of it (`hob-hal`), Home Assistant's discovery.

mod board;
mod level;
mod power;

use serde::{Deserialize, Serialize};

pub use board::{Limits, Pressure, Telemetry};
pub use level::{Candidate, LevelState, Outlook, Why, mode_word};
pub use power::{BatteryState, Books, Percentiles, PowerState, Totals};

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
