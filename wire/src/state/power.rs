//! Where the joules go, and what the battery holds.
//!
//! Promises: the books add up to what was drawn; what is not known is absent, not zero. Deliberately absent: the
//! estimates themselves (`hob_core::battery`, `hob_core::forecast`).

use hob_core::units::Microjoules;
use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::shared::V1;

/// What was drawn, by what it was drawn for, in watt-hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// For answers: what was billed.
    pub answers_wh: Decimal<3>,
    /// For loading and switching models.
    pub overhead_wh: Decimal<3>,
    /// For waiting.
    pub idle_wh: Decimal<3>,
}

impl Totals {
    /// From counted joules, each rounded down to the milliwatt-hour.
    #[must_use]
    pub fn of(answers: Microjoules, overhead: Microjoules, idle: Microjoules) -> Self {
        let hours = Decimal::watt_hours;
        Self { answers_wh: hours(answers), overhead_wh: hours(overhead), idle_wh: hours(idle) }
    }
}

/// The books of this day and of all days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Since midnight; absent before the clock is known to be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<Totals>,
    /// Since Hob was first started here.
    pub total: Totals,
}

/// An estimate as three percentiles: one in ten is below `p10`, and one in ten above `p90`. What lies past the day and a half
/// that is looked ahead is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Percentiles<const PLACES: u32> {
    /// The poor outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p10: Option<Decimal<PLACES>>,
    /// The middle one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<Decimal<PLACES>>,
    /// The good one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<Decimal<PLACES>>,
}

/// What the battery holds, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatteryState {
    /// State of charge, in percent.
    pub charge_pct: Decimal<4>,
    /// The true charge is within so many percent of a full battery (k = 2).
    pub bound_pct: Decimal<4>,
    /// What it would give if it were full, in watt-hours.
    pub full_wh: Decimal<3>,
    /// Its voltage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voltage_v: Option<Decimal<3>>,
    /// What flows out of it, in amperes; below zero while it is charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_a: Option<Decimal<3>>,
    /// Its inner resistance, in milliohms, as learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resistance_mohm: Option<Decimal<0>>,
    /// Until it is empty, in hours, with the prompts and the sun that are expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_empty_h: Option<Percentiles<2>>,
    /// Answers that it still gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers_left: Option<Percentiles<0>>,
}

/// Where the joules go; retained, about every minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerState {
    /// 1.
    pub v: V1,
    /// Draw now, in watts; absent while the meter is silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_w: Option<Decimal<3>>,
    /// Draw when nothing is asked, in watts; absent until it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_w: Option<Decimal<3>>,
    /// Where the readings come from, as [`crate::reply::Energy::source`].
    pub source: String,
    /// What was drawn, and for what.
    pub books: Books,
    /// The battery, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<BatteryState>,
    /// What the panels give, in watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solar_w: Option<Decimal<3>>,
    /// What is switched off or down now to save idle power, step by step.
    pub thrift: Vec<String>,
    /// When, RFC 3339; absent before the clock is known to be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
}
