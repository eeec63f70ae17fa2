//! The way from what flows to what is read, as tables that documentation can print.
//!
//! ```text
//! truth ─▶ chip's registers ─▶ driver ─▶ reading      path_table:  how far apart the two ends are
//!                ▲                                    fault_table: what is said when it goes wrong
//!             faults
//! ```
//!
//! Promise: every figure is read through the real driver at the moment it is asked for.
//! Deliberately absent: offset, gain and noise of a real chip (`shunt::bound` covers them), sampling.

use super::chip::{Fault, Load, SimulatedBus};
use super::{Address, Ina219, Wiring};
use crate::clock::HandClock;
use crate::meter::{Meter, MeterError, Reading};
use crate::shunt::{MicroOhms, Millivolts};
use hob_core::units::{Micros, Milliwatts};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// A little more than one conversion.
const CONVERSION: Micros = Micros(68_632);

/// One step of the shunt register, in microvolts, and of the bus register, in millivolts.
const SHUNT_STEP: i64 = 10;
const BUS_STEP: i64 = 4;

/// One address and shunt: the largest distance between truth and reading over a sweep of loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathRow {
    /// Address on the bus.
    pub address: u8,
    /// The shunt.
    pub shunt: MicroOhms,
    /// Loads of the sweep, both ways through the shunt and up to the end of its range.
    pub loads: u32,
    /// Largest error of the shunt voltage, in hundredths of its step of 10 µV.
    pub shunt_error: u32,
    /// Largest error of the bus voltage, in hundredths of its step of 4 mV.
    pub bus_error: u32,
    /// Largest error of the power.
    pub power_off: Milliwatts,
    /// The same, in hundredths of what one step of either register, and the rounding to milliwatts, are
    /// worth there.
    pub power_error: u32,
}

impl PathRow {
    /// Every reading equals the truth within one step of its register.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.shunt_error <= 100 && self.bus_error <= 100 && self.power_error <= 100
    }
}

impl fmt::Display for PathRow {
    /// A row of a Markdown table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, shunt, loads, shunt_error, bus_error, power_off, power_error } = self;
        let ohms = f64::from(shunt.get()) / 1e6;
        let steps = |hundredths: &u32| f64::from(*hundredths) / 100.0;
        let (shunt_error, bus_error, power_error) = (steps(shunt_error), steps(bus_error), steps(power_error));
        let verdict = if self.holds() { "yes" } else { "NO" };
        write!(
            f,
            "| {address:#04x} | {ohms} | {loads} | {shunt_error:.2} | {bus_error:.2} | {} | {power_error:.2} | {verdict} |",
            power_off.0
        )
    }
}

/// The heading of the rows of [`path_table`].
pub const PATH_HEADING: &str = "| address | shunt Ω | loads | shunt error, steps of 10 µV | bus error, steps of 4 mV | power error, mW | power error, steps | within one step |\n|---|---|---|---|---|---|---|---|";

/// Sweeps loads at 0x40, 0x42, 0x43 and 0x4F over shunts of 0.1, 0.05 and 0.01 Ω.
///
/// A row is missing if the driver could not be brought up, which would be a mistake in it.
#[must_use]
pub fn path_table() -> Vec<PathRow> {
    let addresses = [0x40, 0x42, 0x43, 0x4F].map(Address::from_byte);
    let shunts = [100_000, 50_000, 10_000].map(MicroOhms::new);
    let places =
        addresses.into_iter().flatten().flat_map(|address| shunts.into_iter().flatten().map(move |shunt| (address, shunt)));
    places.filter_map(|(address, shunt)| sweep(address, shunt)).collect()
}

/// A chip on a bench: what flows can be set, and time turned.
struct Bench {
    time: HandClock,
    load: Arc<AtomicI32>,
    bus: SimulatedBus,
    meter: Ina219<SimulatedBus>,
}

impl Bench {
    fn new(wiring: Wiring, volts: Millivolts) -> Option<Self> {
        let (time, load) = (HandClock::default(), Arc::new(AtomicI32::new(0)));
        let flows = load.clone();
        let bus = SimulatedBus::new(wiring.address.as_byte(), wiring.shunt, time.clock(), move |_| Load {
            milliwatts: flows.load(Ordering::SeqCst),
            bus: volts,
        });
        let meter = Ina219::new(bus.clone(), wiring).ok()?.checked_by(time.clock());
        Some(Self { time, load, bus, meter })
    }

    fn flows(&self, milliwatts: i32) {
        self.load.store(milliwatts, Ordering::SeqCst);
    }

    fn read(&mut self) -> Result<Reading, MeterError> {
        self.time.turn(CONVERSION);
        self.meter.read()
    }
}

fn wiring(address: Address, shunt: MicroOhms) -> Wiring {
    Wiring { address, shunt, invert: false, shared: false }
}

/// The worst of so many loads, at each of the voltages that boards and batteries have.
fn sweep(address: Address, shunt: MicroOhms) -> Option<PathRow> {
    let address_byte = address.as_byte();
    let mut row = PathRow {
        address: address_byte,
        shunt,
        loads: 0,
        shunt_error: 0,
        bus_error: 0,
        power_off: Milliwatts::ZERO,
        power_error: 0,
    };
    for volts in [3_301, 4_187, 5_103, 7_398, 12_106] {
        let mut bench = Bench::new(wiring(address, shunt), Millivolts(volts))?;
        // 0.31 V over the shunt, and not more than 15 A, which no such board carries.
        let milliamps = (310_000_000 / i64::from(shunt.get())).min(15_000);
        let most = milliamps * i64::from(volts) / 1_000;
        for part in -50..=50 {
            let milliwatts = most * part / 50 + part % 7;
            bench.flows(i32::try_from(milliwatts).ok()?);
            bench.time.turn(CONVERSION);
            let sample = bench.meter.sample().ok()?;
            let truth = (milliwatts * i64::from(shunt.get()), i64::from(volts)); // µV as a fraction
            let off = (i64::from(sample.drop.0) * truth.1 - truth.0).unsigned_abs() * 100 / (truth.1 * SHUNT_STEP).unsigned_abs();
            let bus_off = (i64::from(sample.bus.0) - truth.1).unsigned_abs() * 100 / BUS_STEP.unsigned_abs();
            row.shunt_error = row.shunt_error.max(u32::try_from(off).ok()?);
            row.bus_error = row.bus_error.max(u32::try_from(bus_off).ok()?);
            row.loads += 1;
            let Ok(read) = crate::shunt::draw(sample.drop, sample.bus, shunt) else { continue };
            // Below zero only the offset reads as a draw.
            let error = (i64::from(read.0) - milliwatts.max(0)).unsigned_abs();
            let microwatts = SHUNT_STEP * i64::from(volts) * 1_000 / i64::from(shunt.get())
                + BUS_STEP * milliwatts.abs() * 1_000 / i64::from(volts)
                + 500;
            row.power_off = row.power_off.max(Milliwatts(u32::try_from(error).ok()?));
            row.power_error = row.power_error.max(u32::try_from(error * 100_000 / microwatts.unsigned_abs()).ok()?);
        }
    }
    Some(row)
}

/// One thing that goes wrong, and what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRow {
    /// What was done.
    pub fault: &'static str,
    /// What truly flowed, in milliwatts.
    pub truth: i32,
    /// What the meter said, in its own words.
    pub said: String,
}

impl fmt::Display for FaultRow {
    /// A row of a Markdown table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | {} | {} |", self.fault, self.truth, self.said)
    }
}

/// The heading of the rows of [`fault_table`].
pub const FAULT_HEADING: &str = "| fault | truth, mW | what the meter says |\n|---|---|---|";

/// Lets one chip (0x40, 0.1 Ω, 5 V) go wrong in every way there is, one after the other.
///
/// Empty if the driver could not be brought up, which would be a mistake in it.
#[must_use]
pub fn fault_table() -> Vec<FaultRow> {
    let wiring = wiring(Address::default(), MicroOhms::COMMON);
    let Some(mut bench) = Bench::new(wiring, Millivolts(5_000)) else { return Vec::new() };
    let mut rows = Vec::new();
    let mut look = |bench: &mut Bench, fault: &'static str, truth: i32, orders: &[Fault]| {
        bench.flows(truth);
        for order in orders {
            bench.bus.order(*order);
        }
        rows.push(FaultRow { fault, truth, said: said(bench.read()) });
    };
    look(&mut bench, "none", 6_375, &[]);
    look(&mut bench, "brown-out: all registers lost", 6_375, &[Fault::BrownOut]);
    bench.time.turn(Micros(10_000_000));
    look(&mut bench, "10 s later", 6_375, &[]);
    look(&mut bench, "10 s later, the next reading", 6_375, &[]);
    look(&mut bench, "past the range: 4 A through 0.1 Ω", 20_000, &[]);
    look(&mut bench, "the chip's own product overflows", 6_375, &[Fault::Overflow]);
    look(&mut bench, "wires swapped", -5_600, &[]);
    look(&mut bench, "not acknowledged, once", 6_375, &[Fault::NackOnce]);
    look(&mut bench, "the next reading", 6_375, &[]);
    look(&mut bench, "the bus is lost", 6_375, &[Fault::Vanish]);
    look(&mut bench, "found again, after a power cut: the first reading", 4_000, &[Fault::BrownOut, Fault::Return]);
    look(&mut bench, "found again: the next reading", 4_000, &[]);
    rows
}

fn said(read: Result<Reading, MeterError>) -> String {
    match read {
        Ok(Reading { power, clipped, sensor_reset, inferred, .. }) => {
            let events = [(clipped, ", clipped"), (sensor_reset, ", sensor_reset"), (inferred, ", inferred")];
            let told = events.iter().filter(|(told, _)| *told).map(|(_, word)| *word);
            format!("{} mW{}", power.0, told.collect::<String>())
        }
        Err(error) => format!("error: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_every_address_and_shunt_readings_equal_the_truth_within_one_step() {
        let table = path_table();
        assert_eq!(table.len(), 12);
        for row in table {
            assert!(row.holds() && row.loads == 505, "{row}");
        }
    }

    #[test]
    fn what_goes_wrong_is_said_and_what_does_not_touch_the_reading_is_not() {
        let said: Vec<String> = fault_table().into_iter().map(|row| row.said).collect();
        let begins = [
            "6375 mW",
            "6375 mW",
            "6375 mW, sensor_reset",
            "6375 mW",
            "16000 mW, clipped",
            "6375 mW",
            "error: the current flows backwards",
            "error: the INA219 at 0x40 does not answer",
            "6375 mW",
            "error: the INA219 at 0x40 does not answer",
            "error: the meter has not finished",
            "4000 mW, sensor_reset",
        ];
        assert_eq!(said.len(), begins.len());
        for (said, begin) in said.iter().zip(begins) {
            let whole = begin.starts_with("error") || said == begin;
            assert!(said.starts_with(begin) && whole, "{said} for {begin}");
        }
    }
}
