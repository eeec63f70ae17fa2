//! One run: a trace through the chip's registers, the driver and the accounts, with faults on order.
//!
//! Promise: everything happens in the order of time, as in the daemon: steps are told of when they end.
//! Deliberately absent: judging what comes out (`metering`).

use crate::dice::Dice;
use crate::number::{count, float};
use crate::trace::{Step, Trace};
use hob_core::accounts::{Accounts, Bill, Books, Marks};
use hob_core::units::{Microjoules, Micros, Milliwatts};
use hob_hal::clock::HandClock;
pub use hob_hal::ina219::chip::Fault;
use hob_hal::ina219::chip::{Load, SimulatedBus};
use hob_hal::ina219::{Address, Ina219, Wiring};
use hob_hal::meter::{Meter, MeterError};
use hob_hal::shunt::{MicroOhms, Millivolts};
use std::sync::Arc;

/// Between two looks at the meter.
const BEAT: Micros = Micros(50_000);
/// The idle draw that stands in the settings until it has been measured.
const PRIOR: Milliwatts = Milliwatts(2_700);

/// What is measured with.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// VIN+ and VIN- are swapped, and nobody said so.
    pub swapped: bool,
    /// What goes wrong, and when; in order.
    pub faults: Vec<(Micros, Fault)>,
    /// The board draws so many times what the trace says (0: as much as it says).
    pub hungry: u32,
}

/// What came of it.
pub struct Run {
    /// What truly flowed.
    pub trace: Arc<Trace>,
    /// The bill of each answer.
    pub bills: Vec<Bill>,
    /// The draw whenever the meter was asked, new or not.
    pub asked: Vec<(Micros, Milliwatts)>,
    /// New conversions, each at the middle of its window.
    pub fresh: Vec<(Micros, Milliwatts)>,
    /// How often the meter gave no reading.
    pub failed: u32,
    /// Where all energy went, and what the odometer showed in the end.
    pub books: (Books, Microjoules),
}

impl Run {
    /// What truly flowed between two moments, in microjoules.
    #[must_use]
    pub fn truth(&self, from: Micros, to: Micros) -> f64 {
        let energy = self.trace.energy(to).saturating_sub(self.trace.energy(from)) / 1_000;
        float(u64::try_from(energy).unwrap_or(u64::MAX))
    }
}

/// Sends a trace through the whole path.
#[must_use]
pub fn run(trace: Trace, seed: u64, setup: &Setup) -> Run {
    let trace = Arc::new(trace);
    let mut bench = Bench::new(trace.clone(), setup);
    let mut dice = Dice::new(seed, 0x706F_6C6C);
    let mut steps = told(&trace).into_iter().peekable();
    let mut faults = setup.faults.iter().peekable();
    let mut now = Micros::ZERO;
    while now < trace.end() {
        let late = dice.uniform() < 0.05;
        let stall = Micros(if late { count(20e3 + 230e3 * dice.uniform()) } else { 0 });
        // The beats are deadlines: after a late look the next one comes at the next beat.
        let beat = Micros((now.0 / BEAT.0 + 1) * BEAT.0);
        let next = beat.plus(stall);
        while let Some(told) = steps.next_if(|told| told.at <= next) {
            bench.tell(&told);
        }
        while let Some((_, fault)) = faults.next_if(|(at, _)| *at <= next) {
            bench.bus.order(*fault);
        }
        bench.time.turn(next.minus(now));
        now = next;
        bench.look(now);
    }
    bench.close(trace, now)
}

struct Bench {
    time: HandClock,
    bus: SimulatedBus,
    meter: Option<Ina219<SimulatedBus>>,
    accounts: Accounts<usize>,
    bills: Vec<(usize, Bill)>,
    asked: Vec<(Micros, Milliwatts)>,
    fresh: Vec<(Micros, Milliwatts)>,
    failed: u32,
}

impl Bench {
    fn new(trace: Arc<Trace>, setup: &Setup) -> Self {
        let time = HandClock::default();
        let wiring = Wiring { address: Address::default(), shunt: MicroOhms::COMMON, invert: false, shared: false };
        let (swapped, hungry) = (setup.swapped, i32::try_from(setup.hungry.max(1)).unwrap_or(1));
        let bus = SimulatedBus::averaging(wiring.address.as_byte(), wiring.shunt, time.clock(), move |from, to| {
            let draw = i32::try_from(trace.mean(from, to).0).unwrap_or(i32::MAX);
            // A supply of 5.12 V that gives way by 0.13 ohm.
            let volts = Millivolts(5_120_u16.saturating_sub(u16::try_from(draw / 40).unwrap_or_default()).into());
            Load { milliwatts: if swapped { -draw } else { draw }.saturating_mul(hungry), bus: volts }
        });
        let meter = Ina219::new(bus.clone(), wiring).ok().map(|meter| meter.checked_by(time.clock()));
        let bound = meter.as_ref().map(Meter::bound).unwrap_or_default();
        let accounts = Accounts::new(PRIOR, bound);
        Self { time, bus, meter, accounts, bills: Vec::new(), asked: Vec::new(), fresh: Vec::new(), failed: 0 }
    }

    fn tell(&mut self, told: &Told) {
        match told.what {
            What::Begin => self.accounts.begin(told.answer, told.at),
            What::Worked(step) => self.accounts.work(step.from, step.to, &[(told.answer, step.tokens)]),
            What::Finished => self.accounts.finish(told.answer, told.at),
        }
    }

    /// One beat of the metering.
    fn look(&mut self, now: Micros) {
        let Some(meter) = &mut self.meter else { return };
        match meter.read() {
            Ok(reading) => {
                self.asked.push((now, reading.power));
                if reading.sensor_reset {
                    self.accounts.sensor_reset();
                }
                if reading.fresh {
                    let clipped = if reading.clipped { Marks::CLIPPED } else { Marks::NONE };
                    self.fresh.push((now.minus(Micros(reading.window.0 / 2)), reading.power));
                    self.accounts.read(now, reading.power, reading.window, clipped);
                }
            }
            Err(MeterError::NotReady) => {}
            Err(_) => {
                self.failed += 1;
                self.accounts.lost();
            }
        }
        let bills = self.accounts.settled(now);
        self.bills.extend(bills);
    }

    fn close(mut self, trace: Arc<Trace>, now: Micros) -> Run {
        let rest = self.accounts.close(now);
        self.bills.extend(rest);
        self.bills.sort_by_key(|(answer, _)| *answer);
        let last = self.fresh.last().map(|(at, _)| *at).unwrap_or_default();
        let books = (self.accounts.books(), self.accounts.shown(last));
        let bills = self.bills.into_iter().map(|(_, bill)| bill).collect();
        Run { trace, bills, asked: self.asked, fresh: self.fresh, failed: self.failed, books }
    }
}

/// What the engine tells the accounts, and when.
struct Told {
    at: Micros,
    answer: usize,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Begin,
    Worked(Step),
    Finished,
}

fn told(trace: &Trace) -> Vec<Told> {
    let mut all = Vec::new();
    for (answer, steps) in trace.answers.iter().enumerate() {
        let Some((from, to)) = super::bounds(steps) else { continue };
        all.push(Told { at: from, answer, what: What::Begin });
        all.extend(steps.iter().map(|step| Told { at: step.to, answer, what: What::Worked(*step) }));
        all.push(Told { at: to, answer, what: What::Finished });
    }
    all
}
