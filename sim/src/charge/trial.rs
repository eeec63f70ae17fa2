//! One run: a cell, a sensor on it, a board under it, and all ways of knowing beside each other.
//!
//! Deliberately absent: what is made of the errors (`charge`).

use super::rig::Rig;
use super::{Case, Log, Plan};
use crate::cell::{Build, Pack as Cell};
use crate::dice::Dice;
use crate::number::{float, place, ratio};
use hob_core::battery::{Battery, Chemistry, Pack};
use hob_core::units::{Micros, MilliampHours, Milliamps, Millivolts, PartsPerMillion};

/// One run.
pub(super) struct Trial {
    plan: Plan,
    /// The board is on.
    on: bool,
    /// The charger is.
    filling: bool,
    /// Discharges that are left.
    rounds: u32,
    dice: Dice,
    cell: Cell,
    pack: Pack,
    rig: Rig,
    battery: Battery,
    by_volts: Battery,
    counted: Option<(f64, Micros)>,
    linear: f64,
    celsius: f64,
    panel: f64,
    clouds: f64,
    beat: u64,
    answering: f64,
    until: f64,
    /// When the estimator first took the sensor to be reversed.
    reversed: Option<u64>,
}

/// What the converter to 5 V passes on.
const CONVERTER: f64 = 0.9;

impl Trial {
    /// Draws everything that is not given by the case.
    pub(super) fn new(case: &Case, mut dice: Dice, flipped: bool) -> Self {
        let week = matches!(case.plan, Plan::Week);
        let small = dice.uniform() < 0.3;
        let (cells, printed, milliohms) = match (case.chemistry, week) {
            (Chemistry::Nmc | Chemistry::Lco, false) if small => (1, 5_000, 25.0),
            (Chemistry::Nmc | Chemistry::Lco, false) => (2, 3_000, 40.0),
            (Chemistry::Nmc | Chemistry::Lco, true) => (2, 10_000, 15.0),
            (Chemistry::Lfp, _) => (4, 6_000, 12.0),
            (Chemistry::Lead, _) => (6, 12_000, 5.0),
        };
        let build = Build {
            kind: case.kind,
            cells: f64::from(cells),
            capacity: f64::from(printed) / 1_000.0 * (0.88 + 0.12 * dice.uniform()),
            resistance: milliohms / 1_000.0 * (0.8 + 0.8 * dice.uniform()),
            wires: 0.01 + 0.03 * dice.uniform(),
            acid: 5_000.0 + 600.0 * dice.uniform(),
        };
        let level = match case.plan {
            Plan::Discharge(low, high) => low + (high - low) * dice.uniform(),
            Plan::Filled(_) => 0.9,
            Plan::Week => 0.3 + 0.6 * dice.uniform(),
        };
        let pack = Pack { chemistry: case.chemistry, cells, capacity: MilliampHours(printed) };
        Self {
            plan: case.plan,
            on: true,
            filling: matches!(case.plan, Plan::Filled(_)),
            rounds: if let Plan::Filled(times) = case.plan { times } else { 1 },
            cell: Cell::rested(build, level),
            pack,
            rig: Rig::new(&mut dice, cells == 1, flipped),
            battery: Battery::new(pack),
            by_volts: Battery::new(pack),
            counted: None,
            linear: 0.0,
            celsius: 10.0 + 20.0 * dice.uniform(),
            panel: f64::from(cells) * f64::from(printed) * 3.5 / 1_000.0 / 4.0 * (0.9 + 0.4 * dice.uniform()),
            clouds: 1.0,
            beat: [1, 2, 5].get(place(dice.uniform() * 3.0)).copied().unwrap_or(1),
            answering: 0.0,
            until: 0.0,
            reversed: None,
            dice,
        }
    }

    /// Seven days, or until it is empty.
    pub(super) fn run(mut self, log: &mut Log) {
        self.live(log);
        log.reversed.extend(self.reversed);
    }

    fn live(&mut self, log: &mut Log) {
        for second in 0..7 * 86_400_u64 {
            self.flow(second);
            if self.on {
                self.watch(second, log);
            }
            if self.on && self.cell.is_empty() {
                match self.plan {
                    Plan::Week => self.on = false,
                    Plan::Filled(_) if self.rounds > 1 => (self.filling, self.rounds) = (true, self.rounds - 1),
                    Plan::Filled(_) | Plan::Discharge(..) => return,
                }
            } else if !self.on && self.cell.level() > 0.15 {
                self.on = true;
                self.restart();
            }
        }
    }

    /// A second of load, panels or charger.
    fn flow(&mut self, second: u64) {
        let load = if self.on { self.load(float(second)) / CONVERTER } else { 0.0 };
        let given = match self.plan {
            Plan::Week => self.sun(second),
            _ if self.filling => self.panel,
            _ => 0.0,
        };
        let warmth = self.celsius + 5.0 * (std::f64::consts::TAU * ratio(second % 86_400, 86_400)).sin();
        self.cell.step(load - given, 1.0, warmth);
        self.rig.tick(self.cell.current, self.cell.volts, &mut self.dice);
        // The charger stays on for up to half an hour after it is as good as full.
        self.filling &= self.cell.level() < 0.995 || !second.is_multiple_of(1_800);
    }

    /// What the board does in that second.
    fn watch(&mut self, second: u64, log: &mut Log) {
        if second.is_multiple_of(self.beat) {
            self.read();
            self.reversed = self.reversed.or_else(|| self.battery.reversed().then_some(second));
        }
        if !self.filling && self.rounds == 1 && second > 0 && second.is_multiple_of(60) {
            self.note(log);
        }
        if self.dice.uniform() < 1.0 / 21_600.0 {
            self.restart();
        }
    }

    fn restart(&mut self) {
        self.battery = Battery::restore(self.pack, self.battery.save());
    }

    /// What the board draws: idle, and for 50 s in every two minutes or so an answer.
    fn load(&mut self, now: f64) -> f64 {
        if now >= self.until {
            let answered = self.answering > 0.0;
            self.answering = if answered { 0.0 } else { 2.6 + 0.9 * self.dice.uniform() };
            self.until = now + if answered { 80.0 * self.dice.exponential() } else { 20.0 + 60.0 * self.dice.uniform() };
        }
        2.9 + self.answering * (0.85 + 0.3 * self.dice.uniform())
    }

    /// What the panels give: a sine from six to six, and another sky every two hours or so.
    fn sun(&mut self, second: u64) -> f64 {
        if self.dice.uniform() < 1.0 / 7_200.0 {
            self.clouds = 0.2 + 0.8 * self.dice.uniform();
        }
        let height = (std::f64::consts::TAU * (ratio(second % 86_400, 86_400) - 0.25)).sin();
        self.panel * self.clouds * height.max(0.0)
    }

    fn read(&mut self) {
        let failing = self.dice.uniform() < 0.02;
        let Some((volts, current)) = self.rig.read(failing) else { return };
        let at = self.rig.now();
        self.battery.observe(at, volts, current);
        self.by_volts.observe_volts(at, volts);
        self.linear = self.line(volts);
        self.count(at, volts, current);
    }

    /// The line that scripts for UPS hats draw: from 3.0 to 4.2 V a cell, and alike for others.
    fn line(&self, volts: Millivolts) -> f64 {
        let (empty, full) = match self.pack.chemistry {
            Chemistry::Nmc | Chemistry::Lco => (3.0, 4.2),
            Chemistry::Lfp => (2.5, 3.6),
            Chemistry::Lead => (1.80, 2.15),
        };
        let cell = f64::from(volts.0) / 1_000.0 / f64::from(self.pack.cells);
        ((cell - empty) / (full - empty)).clamp(0.0, 1.0)
    }

    /// Nothing but counting, from what the first voltage said.
    fn count(&mut self, at: Micros, volts: Millivolts, current: Milliamps) {
        let first = || {
            let mut first = Battery::new(self.pack);
            first.observe(at, volts, current);
            part(first.charge().level)
        };
        let (level, since) = self.counted.unwrap_or_else(|| (first(), at));
        let hours = float(at.minus(since).0) / 3.6e9;
        let moved = f64::from(current.0) * hours / f64::from(self.pack.capacity.0);
        self.counted = Some(((level - moved).clamp(0.0, 1.0), at));
    }

    fn note(&self, log: &mut Log) {
        let charge = self.battery.charge();
        let counted = self.counted.map_or(0.5, |(level, _)| level);
        let found = [part(charge.level), self.linear, counted, part(self.by_volts.charge().level)];
        log.note(self.cell.level(), found, part(charge.bound));
    }
}

fn part(share: PartsPerMillion) -> f64 {
    f64::from(share.0) / 1e6
}
