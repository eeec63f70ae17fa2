//! What the board reads, on a beat.
//!
//! Promises: what cannot be read is absent, not zero. Deliberately absent: reading it (`hob-hal`).

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::shared::V1;

/// What holds the processor back: the firmware's throttle bits by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// The supply is too weak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_voltage: Option<bool>,
    /// The clock is capped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freq_capped: Option<bool>,
    /// The processor is throttled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<bool>,
    /// It is past the soft limit of its temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_temp_limit: Option<bool>,
}

/// Pressure stall information: the share of time in which some task waited for it, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pressure {
    /// For memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Decimal<2>>,
    /// For a processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Decimal<2>>,
    /// For a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io: Option<Decimal<2>>,
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
    /// What holds the board back now.
    #[serde(flatten)]
    pub limits: Limits,
    /// What has held it back since it was switched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_boot: Option<Limits>,
    /// Clock of the processor, in megahertz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_mhz: Option<Decimal<0>>,
    /// How much of the last ten seconds some task waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_pct: Option<Pressure>,
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
