//! Answers of 20 s under one fault: the trace, the chip's registers, the driver, the accounts and the battery's
//! estimator, as in the daemon.
//!
//! Promises: the civil clock is asked once, at the start, as the daemon's gauge does; what the driver doubts at the
//! start, or the estimator later, is marked in every bill from then on.
//! Deliberately absent: reading late (`metering` has it), what is made of the bills (`rows`).

use super::wrong::{Wrong, civil};
use crate::metering::bounds;
use crate::trace::{Step, Trace};
use hob_core::accounts::{Accounts, Bill, Marks};
use hob_core::battery::{Battery, Chemistry, Pack};
use hob_core::units::{Microjoules, Micros, MilliampHours, Milliwatts, Now};
use hob_hal::clock::HandClock;
use hob_hal::ina219::chip::SimulatedBus;
use hob_hal::ina219::{Address, Ina219, Wiring};
use hob_hal::meter::{Meter, MeterError, Reading};
use hob_hal::model::{Model, ModelSettings};
use hob_hal::shunt::MicroOhms;
use std::sync::Arc;

const BEAT: Micros = Micros(50_000);
const LENGTH: Micros = Micros(20_000_000);
/// The idle draw that stands in the settings until it has been measured.
const PRIOR: Milliwatts = Milliwatts(2_700);
/// Cores that the engine keeps busy.
const CORES: u64 = 4;
/// Beats between two looks at the battery: a second.
const SELDOM: u64 = 20;
const PACK: Pack = Pack { chemistry: Chemistry::Nmc, cells: 2, capacity: MilliampHours(3_000) };

/// What came of it.
pub(super) struct Told {
    /// Each answer's bill, and what the board truly drew for it.
    pub(super) bills: Vec<(Bill, Microjoules)>,
    /// What was said: how often the same, and after how many answers first.
    pub(super) says: Vec<Said>,
    /// The moment at the end, as decisions see it.
    pub(super) now: Now,
    /// Second of the day by the civil clock then.
    pub(super) civil: u32,
}

/// One thing that was said.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) times: u32,
    /// Answers that were billed before.
    pub(super) after: usize,
}

/// Runs so many answers. Nothing if the driver could not be brought up, which would be a mistake in it.
pub(super) fn run(seed: u64, answers: u32, wrong: &Wrong) -> Option<Told> {
    let trace = Arc::new(Trace::of_answers(seed, answers, LENGTH));
    let wrong = Arc::new(wrong.clone().from(bounds(trace.answers.first()?)?.0));
    let mut bench = Bench::new(&trace, &wrong)?;
    let mut now = bench.open();
    let started = Now { mono: now, day: civil(now, wrong.clock) };
    let steps = trace.answers.iter().enumerate().flat_map(|(answer, steps)| steps.iter().map(move |step| (answer, step)));
    let (mut coming, mut faults) = (steps.peekable(), wrong.faults.iter().peekable());
    while now < trace.end() {
        now = now.plus(BEAT);
        bench.begin(&trace, now);
        while let Some((answer, step)) = coming.next_if(|(_, step)| step.to <= now) {
            bench.accounts.work(step.from, step.to, &[(answer, step.tokens)]);
        }
        bench.finish(&trace, now);
        while let Some((_, fault)) = faults.next_if(|(at, _)| *at <= now) {
            bench.bus.order(*fault);
        }
        bench.time.turn(BEAT);
        bench.look(now);
    }
    let truth = |steps: &Vec<Step>| {
        let (from, to) = bounds(steps)?;
        let energy = (trace.energy(to).saturating_sub(trace.energy(from)) + wrong.extra_energy(from, to)) / 1_000;
        u64::try_from(energy).ok().map(Microjoules)
    };
    let bills = bench.bills.into_iter().zip(trace.answers.iter().filter_map(truth)).collect();
    Some(Told { bills, says: bench.says, now: started.at(now), civil: civil(now, wrong.clock) })
}

/// When an answer began and ended.
fn ends(trace: &Trace, answer: usize) -> Option<(Micros, Micros)> {
    trace.answers.get(answer).and_then(|steps| bounds(steps))
}

struct Bench {
    time: HandClock,
    bus: SimulatedBus,
    meter: Ina219<SimulatedBus>,
    accounts: Accounts<usize>,
    /// Nobody looks at it in the board's line.
    battery: Option<Battery>,
    bills: Vec<Bill>,
    says: Vec<Said>,
    beats: u64,
    doubted: bool,
    silent: bool,
    clipped: bool,
}

impl Bench {
    fn new(trace: &Arc<Trace>, wrong: &Arc<Wrong>) -> Option<Self> {
        let time = HandClock::default();
        let wiring = Wiring { address: Address::default(), shunt: wrong.shunt, invert: false, shared: false };
        let (flows, wired) = (Arc::clone(trace), Arc::clone(wrong));
        let load = move |from, to| wired.load(from, to, flows.mean(from, to));
        let bus = SimulatedBus::averaging(wiring.address.as_byte(), MicroOhms::COMMON, time.clock(), load);
        let mut meter = Ina219::new(bus.clone(), wiring).ok()?.checked_by(time.clock());
        let mut battery = None;
        if wrong.battery {
            let (clock, trace) = (time.clock(), Arc::clone(trace));
            let busy = move |step: &Step| CORES * clock().min(step.to).minus(step.from).0;
            let used = move || Micros(trace.answers.iter().flatten().map(&busy).sum());
            meter = meter.in_battery(Model::pretending(ModelSettings::default(), time.clock(), used).ok()?);
            battery = Some(Battery::new(PACK));
        }
        let accounts = Accounts::new(PRIOR, meter.bound());
        let (bills, says, beats) = (Vec::new(), Vec::new(), 0);
        Some(Self { time, bus, meter, accounts, battery, bills, says, beats, doubted: false, silent: false, clipped: false })
    }

    /// What stands in the log when a meter is opened, a conversion after the chip was configured. The board idles.
    fn open(&mut self) -> Micros {
        self.time.turn(BEAT.plus(BEAT));
        if let Some(note) = self.meter.first_impression() {
            self.doubted = true;
            self.say(format!("`shunt_doubt` at the start: {note}"));
        }
        (self.time.clock())()
    }

    /// The first answer that is not billed yet is begun when its time has come.
    fn begin(&mut self, trace: &Trace, now: Micros) {
        let answer = self.bills.len();
        if let Some((from, _)) = ends(trace, answer).filter(|(from, _)| *from <= now) {
            self.accounts.begin(answer, from);
        }
    }

    fn finish(&mut self, trace: &Trace, now: Micros) {
        let answer = self.bills.len();
        if let Some((_, to)) = ends(trace, answer).filter(|(_, to)| *to <= now) {
            self.accounts.finish(answer, to);
        }
    }

    /// One beat of the metering.
    fn look(&mut self, now: Micros) {
        match self.meter.read() {
            Ok(reading) => self.good(now, &reading),
            Err(MeterError::NotReady) => {}
            Err(error) => {
                self.accounts.lost();
                if !std::mem::replace(&mut self.silent, true) {
                    let code = if matches!(error, MeterError::Backwards(_)) { "backwards" } else { "sensor_lost" };
                    self.say(format!("`{code}`: {error}"));
                }
            }
        }
        let bills = self.accounts.settled(now);
        self.bills.extend(bills.into_iter().map(|(_, bill)| bill));
    }

    fn good(&mut self, now: Micros, reading: &Reading) {
        let told = [
            (std::mem::take(&mut self.silent), "`sensor_found`"),
            (reading.sensor_reset, "`sensor_reset`"),
            (reading.clipped && !self.clipped, "`clipped`"),
        ];
        for (_, code) in told.into_iter().filter(|(is, _)| *is) {
            self.say(code.to_owned());
        }
        self.clipped = reading.clipped;
        self.watch_battery(now, reading);
        let befell = [(reading.clipped, Marks::CLIPPED), (reading.inferred, Marks::INFERRED), (self.doubted, Marks::SHUNT_DOUBT)];
        let marks = befell.into_iter().filter(|(is, _)| *is).fold(Marks::NONE, |all, (_, mark)| all.and(mark));
        if reading.sensor_reset {
            self.accounts.sensor_reset();
        }
        if reading.fresh {
            self.accounts.read(now, reading.power, reading.window, marks);
        }
    }

    /// Once a second. A sensor that the estimator takes to be reversed is one in doubt.
    fn watch_battery(&mut self, now: Micros, reading: &Reading) {
        self.beats += 1;
        let (Some(battery), Some(supply)) = (&mut self.battery, reading.supply) else { return };
        if self.beats.is_multiple_of(SELDOM) {
            battery.observe(now, supply.volts, supply.current);
            if battery.reversed() && !std::mem::replace(&mut self.doubted, true) {
                self.say("`backwards`: steps of the current move the battery's voltage the wrong way".to_owned());
            }
        }
    }

    fn say(&mut self, text: String) {
        if let Some(said) = self.says.iter_mut().find(|said| said.text == text) {
            said.times += 1;
        } else {
            self.says.push(Said { text, times: 1, after: self.bills.len() });
        }
    }
}
