//! Source: what the board does, on a beat.

use std::{path::PathBuf, sync::Arc, time::Duration};

use hob_core::{
    ledger::emissions,
    units::{Bytes, Micros},
};
use hob_engine::Gauges;
use hob_hal::memory::{BoardMemory, Memory};
use hob_wire::{V1, decimal::Decimal, properties::Properties, state::Telemetry, topics::Topics};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{carbon::Grid, gauge::Gauge, messages::Letter, tasks::thinking::Serving};

/// What it reads.
pub(crate) struct Views {
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) grid: Grid,
    pub(crate) waiting: watch::Receiver<usize>,
    pub(crate) serving: watch::Receiver<Serving>,
    /// Where `/sys` and `/proc` are.
    pub(crate) root: PathBuf,
}

/// Runs until the stop token.
pub(crate) async fn run(every: Duration, topics: Topics, views: Views, letters: mpsc::Sender<Letter>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(every);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut memory = BoardMemory::new(&views.root);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        let telemetry = look(&views, &mut memory, topics.device());
        let Ok(payload) = serde_json::to_vec(&telemetry) else { continue };
        let letter = Letter { topic: topics.telemetry(), payload, sure: false, retain: false, properties: Properties::json() };
        if letters.send(letter).await.is_err() {
            return;
        }
    }
}

fn look(views: &Views, memory: &mut impl Memory, device: &str) -> Telemetry {
    let shown = views.gauge.shown();
    let board = hob_hal::board::read(&views.root);
    let free = memory.read().map_or(Bytes::ZERO, |reading| reading.available);
    let serving = views.serving.borrow().clone();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Telemetry {
        v: V1,
        device: device.to_owned(),
        ts: super::outbox::timestamp(),
        uptime_s: seconds(views.gauge.now()),
        power_w: shown.draw.map(Into::into),
        energy_wh: Decimal::watt_hours(shown.total),
        source: views.gauge.source().to_owned(),
        co2_g: emissions(shown.total, views.grid.intensity).ok().map(Into::into),
        ram_free_mib: Decimal::mebibytes(free),
        temp_c: board.temperature.map(Into::into),
        under_voltage: board.undervoltage,
        queue: count(*views.waiting.borrow()),
        running: count(serving.running),
        model: serving.model,
        level: serving.level,
    }
}

fn seconds(span: Micros) -> Decimal<0> {
    Decimal(i64::try_from(span.0 / 1_000_000).unwrap_or(i64::MAX))
}
