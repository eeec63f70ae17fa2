//! Source: what feeds the board, once a second: the battery, the sun, and what is kept of both.
//!
//! ```text
//! the battery's line (its own sensor, or the power meter) ─▶ estimator ─▶ charge ─┐
//!                          and the board's draw ─▶ what the sun gives ────────────┴─▶ Fed (watch)
//! ```
//!
//! Deliberately absent: deciding anything with it (`thinking`).

use std::{sync::Arc, time::Duration};

use hob_core::{
    battery::{Battery, Charge, Pack},
    ledger::Flows,
    sun,
    units::{BasisPoints, Microjoules, Micros, Milliamps, Milliohms, Millivolts, Milliwatts, PartsPerMillion},
};
use hob_engine::Gauges;
use hob_hal::meter::{Meter, MeterError, Supply};
use hob_wire::event::MeterCode;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{carbon::Carbon, gauge::Gauge, kept::Kept, messages::Told};

const BEAT: Duration = Duration::from_secs(1);
/// What was learned is put on the disk so often: a card bears that for decades.
const KEEP_EVERY: u32 = 600;

/// How the battery's line is seen.
pub enum Line {
    /// There is no battery.
    None,
    /// The power meter sits in it.
    Meter,
    /// It has a sensor of its own.
    Own(Box<dyn Meter>),
    /// Nobody looks at it: what the board draws is counted down.
    Counted,
}

/// What charges the battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charger {
    /// Panels of its own.
    #[default]
    Sun,
    /// A supply on the mains.
    Grid,
}

/// The battery, as it was bought, and how it is watched.
pub struct Watched {
    /// What it is.
    pub pack: Option<Pack>,
    /// How its line is seen.
    pub line: Line,
    /// What charges it.
    pub charger: Charger,
    /// What of its power reaches the board.
    pub converter: BasisPoints,
}

/// What feeds the board now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fed {
    /// What the battery holds.
    pub(crate) charge: Option<Charge>,
    /// What its line carries.
    pub(crate) seen: Option<Supply>,
    /// Its inner resistance.
    pub(crate) resistance: Option<Milliohms>,
    /// What its charger gives: to the forecast, a supply on the mains is a sun that never sets.
    pub(crate) charging: Option<Milliwatts>,
    /// What of that is the sun's.
    pub(crate) solar: Option<Milliwatts>,
}

/// What it works with.
pub(crate) struct Around {
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) carbon: Arc<Carbon>,
    pub(crate) kept: Arc<Kept>,
    pub(crate) fed: watch::Sender<Fed>,
    pub(crate) told: mpsc::Sender<Told>,
}

/// Runs until the stop token.
pub(crate) async fn run(watched: Watched, around: Around, stop: CancellationToken) {
    let Watched { pack, line, charger, converter } = watched;
    let battery =
        pack.map(|pack| around.kept.battery().map_or_else(|| Battery::new(pack), |saved| Battery::restore(pack, saved)));
    let mut supply = Watch {
        battery,
        line,
        charger,
        converter,
        last: around.gauge.now(),
        turned: Microjoules::ZERO,
        silent: false,
        reversed: false,
    };
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beats = 0_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = beat.tick() => {}
        }
        let fed = supply.look(&around).await;
        around.fed.send_replace(fed);
        beats = beats.wrapping_add(1);
        if beats.is_multiple_of(KEEP_EVERY) {
            supply.keep(&around);
            let kept = Arc::clone(&around.kept);
            let _written = tokio::task::spawn_blocking(move || kept.write()).await;
        }
    }
    supply.keep(&around);
}

struct Watch {
    battery: Option<Battery>,
    line: Line,
    charger: Charger,
    converter: BasisPoints,
    last: Micros,
    /// What the odometer showed at the last look.
    turned: Microjoules,
    silent: bool,
    /// The sensor's wires are the wrong way round, and that was told.
    reversed: bool,
}

impl Watch {
    async fn look(&mut self, around: &Around) -> Fed {
        let fed = self.feed(around).await;
        self.tell_if_reversed(around).await;
        let turned = around.gauge.shown().total;
        around.carbon.drew(around.gauge.now(), turned.minus(std::mem::replace(&mut self.turned, turned)));
        fed
    }

    /// Steps of the current that move the voltage the wrong way show that the wires are swapped.
    async fn tell_if_reversed(&mut self, around: &Around) {
        let reversed = self.battery.as_ref().is_some_and(Battery::reversed);
        if matches!(self.line, Line::Meter) {
            around.gauge.reversed(reversed);
        }
        if reversed && !std::mem::replace(&mut self.reversed, reversed) {
            let key = if matches!(self.line, Line::Meter) { "power.invert" } else { "battery.invert" };
            let message = format!(
                "the battery's sensor reads charging for discharging: swap VIN+ and VIN-, or change {key}; until then its charge comes from the voltage alone"
            );
            tracing::warn!(message, "battery");
            // Only a closed house does not listen.
            let _gone = around.told.send(Told::Trouble(MeterCode::Backwards, message)).await;
        }
        self.reversed = reversed;
    }

    async fn feed(&mut self, around: &Around) -> Fed {
        let now = around.gauge.now();
        let span = now.minus(std::mem::replace(&mut self.last, now));
        let draw = around.gauge.shown().draw.unwrap_or_default();
        let seen = match &self.line {
            Line::None | Line::Counted => None,
            Line::Meter => around.gauge.supply(),
            Line::Own(_) => self.read().await,
        };
        let Some(battery) = &mut self.battery else {
            around.carbon.flow(now, Flows { draw, ..Flows::default() }, span, None);
            return Fed::default();
        };
        let efficiency = PartsPerMillion(self.converter.0.saturating_mul(100));
        let mut charging = None;
        match seen {
            Some(Supply { volts, current }) => {
                battery.observe(now, volts, current);
                // The load as the battery's line bears it: before the converter.
                let load = before_converter(draw, self.converter);
                charging = Some(sun::behind_battery(volts, current, load));
            }
            None if matches!(self.line, Line::Counted) => battery.spend(draw, span, efficiency),
            None => {}
        }
        let charge = battery.charge();
        let solar = charging.filter(|_| self.charger == Charger::Sun);
        let flows = flows(draw, solar, seen);
        around.carbon.flow(now, flows, span, Some(charge));
        Fed { charge: Some(charge), seen, resistance: Some(battery.resistance()), charging, solar }
    }

    /// One look at the battery's own sensor, off the async threads.
    async fn read(&mut self) -> Option<Supply> {
        let Line::Own(mut meter) = std::mem::replace(&mut self.line, Line::None) else { return None };
        let looked = tokio::task::spawn_blocking(move || {
            let reading = meter.read();
            (meter, reading)
        });
        let (meter, reading) = looked.await.ok()?;
        self.line = Line::Own(meter);
        match reading {
            Ok(reading) => {
                if std::mem::take(&mut self.silent) {
                    tracing::info!("the battery's sensor is back");
                }
                reading.supply
            }
            Err(MeterError::NotReady) => None,
            Err(error) => {
                if !std::mem::replace(&mut self.silent, true) {
                    tracing::warn!(%error, "the battery's sensor is silent; its charge is taken to stand still");
                }
                None
            }
        }
    }

    fn keep(&self, around: &Around) {
        if let Some(battery) = &self.battery {
            around.kept.keep_battery(battery.save());
            around.kept.keep_stored(around.carbon.stored());
        }
        around.kept.keep_books(around.gauge.shown().books);
    }
}

fn before_converter(draw: Milliwatts, converter: BasisPoints) -> Milliwatts {
    let power = u64::from(draw.0) * 10_000 / u64::from(converter.0.max(1));
    Milliwatts(u32::try_from(power).unwrap_or(u32::MAX))
}

fn flows(draw: Milliwatts, solar: Option<Milliwatts>, seen: Option<Supply>) -> Flows {
    let power = |volts: Millivolts, current: Milliamps| {
        let milliwatts = u64::from(volts.0) * u64::from(current.0.unsigned_abs()) / 1_000;
        Milliwatts(u32::try_from(milliwatts).unwrap_or(u32::MAX))
    };
    let battery = seen.map(|seen| (seen.current.0, power(seen.volts, seen.current)));
    let (charge, discharge) = match battery {
        Some((current, power)) if current < 0 => (power, Milliwatts::ZERO),
        Some((_, power)) => (Milliwatts::ZERO, power),
        // What a battery that nobody looks at was charged with is not known: it counts as the site's grid.
        None => (Milliwatts::ZERO, Milliwatts::ZERO),
    };
    Flows { draw, solar: solar.unwrap_or_default(), discharge, charge }
}
