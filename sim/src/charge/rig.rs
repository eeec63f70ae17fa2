//! A sensor on the battery's side: the chip in software, its faults as the data sheet allows them, the real driver.
//!
//! Deliberately absent: loss of the bus for longer than a read (`hob-hal` tests that).

use crate::dice::Dice;
use crate::number::count;
use hob_core::units::{Micros, Milliamps, Millivolts};
use hob_hal::clock::HandClock;
use hob_hal::ina219::chip::{Fault, Load, SimulatedBus};
use hob_hal::ina219::{Address, Ina219, Wiring};
use hob_hal::shunt::MicroOhms;
use std::sync::{Arc, Mutex, PoisonError};

/// Chip, wire and driver.
pub(super) struct Rig {
    time: HandClock,
    load: Arc<Mutex<Load>>,
    bus: SimulatedBus,
    meter: Option<Ina219<SimulatedBus>>,
    micro_ohms: f64,
    /// Offset in volts, gain of the current (with the shunt's own), gain of the voltage.
    offset: f64,
    gain: (f64, f64),
    /// VIN+ and VIN- are swapped, and nobody said so.
    flipped: bool,
}

impl Rig {
    /// As on the usual UPS hats: 0.1 Ω at 0x42, or for one cell 0.01 Ω at 0x43.
    ///
    /// Offset (PGA /8): 100 µV at most, so a deviation of 40 µV; gain with a shunt of 1 %: 0.5 %; voltage: 0.2 %.
    pub(super) fn new(dice: &mut Dice, one_cell: bool, flipped: bool) -> Self {
        let (address, micro_ohms) = if one_cell { (0x43, 10_000) } else { (0x42, 100_000) };
        let shunt = MicroOhms::new(micro_ohms).unwrap_or(MicroOhms::COMMON);
        let time = HandClock::default();
        let load = Arc::new(Mutex::new(Load { milliwatts: 0, bus: Millivolts(1) }));
        let flows = Arc::clone(&load);
        let now = move |_| *flows.lock().unwrap_or_else(PoisonError::into_inner);
        let bus = SimulatedBus::new(address, shunt, time.clock(), now);
        let meter = Address::from_byte(address)
            .ok()
            .and_then(|address| Ina219::new(bus.clone(), Wiring { address, shunt, invert: false, shared: false }).ok());
        let offset = (dice.normal() * 40e-6).clamp(-100e-6, 100e-6);
        let gain = (1.0 + 0.005 * dice.normal(), 1.0 + 0.002 * dice.normal());
        Self { time, load, bus, meter, micro_ohms: f64::from(micro_ohms), offset, gain, flipped }
    }

    /// A second passes in which `amperes` flow at `volts`. Noise is about a step of 10 µV and of 4 mV.
    pub(super) fn tick(&mut self, amperes: f64, volts: f64, dice: &mut Dice) {
        let shown = volts * self.gain.1 + 0.003 * dice.normal();
        let amperes = if self.flipped { -amperes } else { amperes };
        let seen = amperes * self.gain.0 + (self.offset + 10e-6 * dice.normal()) * 1e6 / self.micro_ohms;
        let milliwatts = seen * shown * 1_000.0;
        let size = i32::try_from(nearest(milliwatts.abs())).unwrap_or(i32::MAX);
        let load = Load { milliwatts: if milliwatts < 0.0 { -size } else { size }, bus: Millivolts(nearest(shown * 1_000.0)) };
        *self.load.lock().unwrap_or_else(PoisonError::into_inner) = load;
        self.time.turn(Micros(1_000_000));
    }

    /// The moment by the clock of the board.
    pub(super) fn now(&self) -> Micros {
        (self.time.clock())()
    }

    /// Voltage and current as the driver has them, unless the wire is `failing`.
    pub(super) fn read(&mut self, failing: bool) -> Option<(Millivolts, Milliamps)> {
        if failing {
            self.bus.order(Fault::NackOnce);
        }
        let sample = self.meter.as_mut()?.sample().ok().filter(|sample| sample.fresh)?;
        let milliamps = f64::from(sample.drop.0) * 1_000.0 / self.micro_ohms;
        let size = i32::try_from(nearest(milliamps.abs())).unwrap_or(i32::MAX);
        Some((sample.bus, Milliamps(if milliamps < 0.0 { -size } else { size })))
    }
}

/// Millivolts or the like, to the nearest.
fn nearest(value: f64) -> u32 {
    u32::try_from(count(value + 0.5)).unwrap_or(u32::MAX)
}
