//! What the rooms are fitted with, as the settings say.
//!
//! Deliberately absent: the channels between them (`house`).

use std::{path::Path, sync::Arc};

use hob_core::{
    policy::{Mode, Rules},
    prompt::Sampling,
    steward::Steward,
    units::{BasisPoints, Bytes, MilliCelsius, Milliwatts, PartsPerMillion},
};
use hob_engine::Heads;
use hob_hal::{board, memory::Memory};
use hob_wire::{
    V1, limits,
    request::{Defaults, Intake, mode},
    state::Info,
    topics::Topics,
};

use crate::{
    gauge::Gauge,
    kept::Kept,
    ladder::{Ladder, ServingPlan},
    settings::Settings,
    tasks::{
        embedding,
        thinking::{self, Taster},
        thrift,
    },
};

/// What several rooms share.
pub(super) struct Fittings<'a> {
    pub(super) settings: &'a Settings,
    pub(super) topics: &'a Topics,
    pub(super) kept: &'a Arc<Kept>,
    pub(super) gauge: &'a Arc<Gauge>,
    pub(super) heads: &'a Arc<dyn Heads>,
    pub(super) taster: &'a Taster,
    pub(super) root: &'a Path,
}

impl Fittings<'_> {
    /// The mode that holds unless told otherwise.
    pub(super) fn mode(&self) -> Mode {
        // Checked with the settings.
        mode(&self.settings.policy.mode).and_then(Result::ok).unwrap_or_default()
    }

    /// How requests are read.
    pub(super) fn reader(&self) -> Intake {
        let engine = &self.settings.engine;
        let defaults =
            Defaults { max_tokens: engine.max_tokens, system: Some(engine.system.clone()), sampling: Sampling::default() };
        Intake { topics: self.topics.clone(), replies: self.settings.mqtt.reply_prefixes.clone(), defaults }
    }

    /// For answering, with the steward as it was when it was last here.
    pub(super) fn thinking(&self, memory: Box<dyn Memory + Send + Sync>) -> thinking::Tools {
        let settings = self.settings;
        let rules = rules(settings);
        let mut steward = Steward::new(rules, self.mode());
        steward.restore(&self.kept.steward());
        let root = self.root.to_owned();
        thinking::Tools {
            heads: Arc::clone(self.heads),
            gauge: Arc::clone(self.gauge),
            ladder: Ladder::new(settings.shelf_dir(), ServingPlan::of(&settings.engine)),
            memory,
            board: Box::new(move || board::read(&root)),
            taster: self.taster.clone(),
            steward,
            kept: Arc::clone(self.kept),
            reserve: rules.reserve,
            memory_wanted: rules.pressure_limit,
            configured: self.mode(),
            thrift: thrift::rules(&settings.thrift),
            power_cap: settings.power.cap_w.map(milliwatts),
            engine: settings.engine.clone(),
            info: self.info(),
        }
    }

    /// For embedding.
    pub(super) fn embedding(&self, memory: Box<dyn Memory + Send + Sync>) -> embedding::Tools {
        let settings = self.settings;
        embedding::Tools {
            heads: Arc::clone(self.heads),
            gauge: Arc::clone(self.gauge),
            ladder: Ladder::new(settings.shelf_dir(), ServingPlan { slots: 1, context: 512, batch: 512 }),
            memory,
            reserve: rules(settings).reserve,
            taster: self.taster.clone(),
            model: settings.engine.embedding_model.clone(),
            threads: settings.engine.threads,
        }
    }

    /// What this device is; its models come from the shelf.
    fn info(&self) -> Info {
        Info {
            v: V1,
            device: self.topics.device().to_owned(),
            hob: env!("CARGO_PKG_VERSION").to_owned(),
            machine: board::inventory(self.root).model,
            models: Vec::new(),
            context_tokens: self.settings.engine.context,
            slots: self.settings.engine.slots,
            queue_limit: self.settings.desk.places,
            payload_limit: u64::try_from(limits::PAYLOAD_BYTES).unwrap_or(u64::MAX),
            power_source: self.gauge.source().to_owned(),
        }
    }
}

fn rules(settings: &Settings) -> Rules {
    let (policy, battery) = (&settings.policy, &settings.battery);
    Rules {
        reserve: Bytes(policy.reserve_mb.saturating_mul(1_000_000)),
        climb_memory: Bytes(policy.climb_mb.saturating_mul(1_000_000)),
        climb_power: milliwatts(policy.climb_w),
        pressure_limit: BasisPoints(hundredths(policy.pressure_pct)),
        hot: celsius(policy.hot_c),
        cool: celsius(policy.cool_c),
        critical: PartsPerMillion(hundredths(battery.critical_pct) * 100),
        restart: PartsPerMillion(hundredths(battery.restart_pct) * 100),
        converter: BasisPoints(hundredths(battery.converter_pct)),
        ..Rules::default()
    }
}

/// Watts of a setting, checked to be between 0 and 1000.
#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "settings are checked to be in range"
)]
pub(crate) fn milliwatts(watts: f64) -> Milliwatts {
    Milliwatts((watts * 1_000.0).round() as u32)
}

#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "settings are checked to be in range"
)]
pub(crate) fn hundredths(percent: f64) -> u32 {
    (percent * 100.0).round() as u32
}

#[allow(clippy::as_conversions, clippy::cast_possible_truncation, reason = "settings are checked to be in range")]
fn celsius(degrees: f64) -> MilliCelsius {
    MilliCelsius((degrees * 1_000.0).round() as i32)
}
