//! Source: what the board does, on a beat; where the joules go, every minute; what befalls the meter, at once.

use std::{path::PathBuf, sync::Arc, time::Duration};

use hob_core::{
    battery::{Charge, range},
    thrift::StepName,
    units::{Bytes, Micros, Millis},
};
use hob_engine::Gauges;
use hob_hal::{
    board::{BoardReading, Limit},
    memory::{BoardMemory, Memory},
};
use hob_wire::{
    V1,
    decimal::Decimal,
    event::Event,
    properties::Properties,
    state::{BatteryState, Books, Limits, Percentiles, PowerState, Pressure, Telemetry, Totals},
    topics::Topics,
};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{desk::Queue, metering::Trouble, supply::Fed, thinking::Serving};
use crate::{carbon::Carbon, gauge::Gauge, kept::Kept, messages::Letter};

/// Where the joules go is told so often.
const MINUTE: Duration = Duration::from_mins(1);

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// What it reads.
pub(crate) struct Views {
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) carbon: Arc<Carbon>,
    pub(crate) kept: Arc<Kept>,
    pub(crate) waiting: watch::Receiver<Queue>,
    pub(crate) serving: watch::Receiver<Serving>,
    pub(crate) fed: watch::Receiver<Fed>,
    pub(crate) steps: watch::Receiver<Vec<StepName>>,
    /// How far the battery will reach, as thinking foresees it.
    pub(crate) reach: watch::Receiver<Option<range::Range>>,
    /// A quicker beat that somebody asked for.
    pub(crate) pace: watch::Receiver<Pace>,
    /// Where `/sys` and `/proc` are.
    pub(crate) root: PathBuf,
}

/// A quicker beat, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pace {
    pub(crate) every: Duration,
    pub(crate) until: Micros,
}

/// Where it tells.
pub(crate) struct Doors {
    pub(crate) topics: Topics,
    pub(crate) troubles: mpsc::Receiver<Trouble>,
    pub(crate) letters: mpsc::Sender<Letter>,
}

/// Runs until the stop token.
pub(crate) async fn run(every: Duration, mut views: Views, doors: Doors, stop: CancellationToken) {
    let Doors { topics, mut troubles, letters } = doors;
    let mut beat = tokio::time::Instant::now();
    let mut minute = tokio::time::interval(MINUTE);
    minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut memory = BoardMemory::new(&views.root);
    let mut steps = views.steps.clone();
    loop {
        let letter = tokio::select! {
            () = stop.cancelled() => return,
            Some((code, message)) = troubles.recv() => letter(topics.event(), &Event::Meter { v: V1, code, message }, true, false),
            () = tokio::time::sleep_until(beat) => {
                beat = tokio::time::Instant::now() + views.every(every);
                letter(topics.telemetry(), &views.look(&mut memory, topics.device()), false, false)
            }
            Ok(()) = views.pace.changed() => {
                beat = tokio::time::Instant::now();
                continue;
            }
            Ok(()) = steps.changed() => letter(topics.power(), &views.power(), true, true),
            _ = minute.tick() => letter(topics.power(), &views.power(), true, true),
        };
        if let Some(letter) = letter
            && letters.send(letter).await.is_err()
        {
            return;
        }
    }
}

fn letter<T: Serialize>(topic: String, value: &T, sure: bool, retain: bool) -> Option<Letter> {
    let payload = serde_json::to_vec(value).ok()?;
    Some(Letter { topic, payload, sure, retain, properties: Properties::json() })
}

impl Views {
    fn every(&self, usual: Duration) -> Duration {
        let pace = *self.pace.borrow();
        if self.gauge.now() < pace.until { usual.min(pace.every) } else { usual }
    }

    fn look(&self, memory: &mut impl Memory, device: &str) -> Telemetry {
        let shown = self.gauge.shown();
        let now = self.gauge.now();
        let board = hob_hal::board::read(&self.root);
        let free = memory.read().map_or(Bytes::ZERO, |reading| reading.available);
        let serving = self.serving.borrow().clone();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (limits, since_boot) = limits(&board);
        Telemetry {
            v: V1,
            device: device.to_owned(),
            ts: super::outbox::timestamp(),
            uptime_s: seconds(now),
            power_w: shown.draw.map(Into::into),
            energy_wh: Decimal::watt_hours(shown.total),
            source: self.gauge.source().to_owned(),
            co2_g: Some(self.carbon.emitted().into()),
            ram_free_mib: Decimal::mebibytes(free),
            temp_c: board.temperature.map(Into::into),
            limits,
            since_boot,
            cpu_mhz: board.frequency.map(|clock| Decimal(i64::from(clock.0 / 1_000))),
            psi_pct: pressure(&board),
            queue: count(self.waiting.borrow().count),
            running: count(serving.running),
            model: serving.model,
            level: serving.level,
        }
    }

    fn power(&self) -> PowerState {
        let shown = self.gauge.shown();
        let fed = *self.fed.borrow();
        let all = self.kept.books(shown.books);
        PowerState {
            v: V1,
            power_w: shown.draw.map(Into::into),
            idle_w: Some(shown.idle_draw.into()),
            source: self.gauge.source().to_owned(),
            books: Books {
                today: super::outbox::civil().map(|civil| totals(self.kept.today(civil.0 / DAY_S, all))),
                total: totals(all),
            },
            battery: fed.charge.map(|charge| self.battery(charge, &fed)),
            solar_w: fed.solar.map(Into::into),
            thrift: self.steps.borrow().iter().map(|step| step.as_str().to_owned()).collect(),
            ts: super::outbox::timestamp(),
        }
    }

    fn battery(&self, charge: Charge, fed: &Fed) -> BatteryState {
        let reach = *self.reach.borrow();
        BatteryState {
            charge_pct: charge.level.into(),
            bound_pct: charge.bound.into(),
            full_wh: Decimal::watt_hours(charge.full),
            voltage_v: fed.seen.map(|seen| seen.volts.into()),
            current_a: fed.seen.map(|seen| Decimal(i64::from(seen.current.0))),
            resistance_mohm: fed.resistance.map(|resistance| Decimal(i64::from(resistance.0))),
            time_to_empty_h: reach.map(|reach| {
                let hours = |span: Option<Millis>| span.map(|span| Decimal(i64::try_from(span.0 / 36_000).unwrap_or(i64::MAX)));
                Percentiles { p10: hours(reach.empty.p10), p50: hours(reach.empty.p50), p90: hours(reach.empty.p90) }
            }),
            answers_left: reach.map(|reach| {
                let count = |answers: u32| Some(Decimal(i64::from(answers)));
                Percentiles { p10: count(reach.answers.p10), p50: count(reach.answers.p50), p90: count(reach.answers.p90) }
            }),
        }
    }
}

/// What the firmware holds back now, and has since boot.
fn limits(board: &BoardReading) -> (Limits, Option<Limits>) {
    let told = |limit| board.throttle.map(|throttle| throttle.now(limit));
    let now = Limits {
        under_voltage: told(Limit::UnderVoltage).or(board.undervoltage),
        freq_capped: told(Limit::FrequencyCapped),
        throttled: told(Limit::Throttled),
        soft_temp_limit: told(Limit::SoftTemperature),
    };
    let since = board.throttle.map(|throttle| Limits {
        under_voltage: Some(throttle.has_been(Limit::UnderVoltage)),
        freq_capped: Some(throttle.has_been(Limit::FrequencyCapped)),
        throttled: Some(throttle.has_been(Limit::Throttled)),
        soft_temp_limit: Some(throttle.has_been(Limit::SoftTemperature)),
    });
    (now, since)
}

fn totals(books: hob_core::odometer::Books) -> Totals {
    Totals::of(books.answers, books.overhead, books.idle)
}

/// Who waits for what, if the kernel says anything.
fn pressure(board: &BoardReading) -> Option<Pressure> {
    let hob_hal::board::Pressure { memory, cpu, io } = board.pressure;
    let told = [memory, cpu, io].iter().any(Option::is_some);
    told.then(|| Pressure { memory: memory.map(Into::into), cpu: cpu.map(Into::into), io: io.map(Into::into) })
}

fn seconds(span: Micros) -> Decimal<0> {
    Decimal(i64::try_from(span.0 / 1_000_000).unwrap_or(i64::MAX))
}
