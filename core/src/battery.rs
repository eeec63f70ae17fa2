//! What a battery holds, from its voltage and the current through it.
//!
//! ```text
//! current ─▶ counted ───────────────┐
//! voltage + current x resistance    ├─▶ level, and how far off it may be (k=2)
//!   ─▶ voltage at rest ─▶ curve ────┘
//! steps of current ─▶ resistance, sign     full ─▶ .. ─▶ nearly empty ─▶ capacity
//! ```
//!
//! Counting is right for hours and drifts over days; the curve is right on its slopes and useless on its plateaus. So
//! the level goes towards the curve only while the curve, at this voltage, is surer than what was counted. "Surer" is
//! one number, the deviation: counting raises it (by a share of what was counted, and by time for the sensor's
//! offset), the curve and being full bring it down. Errors of a curve last, so it never gets below the curve's own.
//!
//! Promises: the level stays within 0 and 1; restoring what was saved changes nothing; nothing that is fed panics;
//! missed readings are bridged and make the bound wider.
//!
//! Deliberately absent: temperature (no sensor), self-discharge, a learned offset of the sensor (the curve and being
//! full take it out; the bound counts 2 mA), the age of what was saved (a board without a clock does not know it: the
//! voltage decides whether it still fits).

mod book;
mod chemistry;
pub mod range;
mod sign;
#[cfg(test)]
mod tests;

pub use book::Saved;
pub use chemistry::{Chemistry, UnknownChemistry};

use crate::units::{Microjoules, Micros, MilliampHours, Milliamps, Milliohms, Millivolts, Milliwatts, PartsPerMillion};
use book::{PACE, PERCENT, WHOLE, WIDEST, towards};
use sign::Sign;

/// What the battery holds at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// State of charge.
    pub level: PartsPerMillion,
    /// The truth is within so much of it (k=2).
    pub bound: PartsPerMillion,
    /// What it would give if it were full.
    pub full: Microjoules,
}

/// A battery as it was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pack {
    /// What its cells are made of.
    pub chemistry: Chemistry,
    /// Cells in series; at least one is assumed.
    pub cells: u8,
    /// What is printed on it; 1 mAh to 10 kAh is assumed.
    pub capacity: MilliampHours,
}

/// An estimator for one battery.
#[derive(Debug, Clone)]
pub struct Battery {
    pack: Pack,
    kept: Saved,
    /// What is kept is from another run, and no voltage has been compared with it yet.
    restored: bool,
    last: Option<Seen>,
    /// Current as the slow part of the resistance sees it, in µA.
    slow: i64,
    /// How long it has looked full.
    looks_full: Micros,
    sign: Sign,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Micros,
    volts: Millivolts,
    current: Milliamps,
}

/// mA x µs in one mAh.
const MAH: i64 = 3_600_000_000;
/// Deviation of a level read from a plateau: of 10 to 95 %, evenly likely.
const PLATEAU: i64 = 25 * PERCENT;
/// How fast the slow part of the resistance follows the current: 2 min.
const LAG: i64 = 120_000_000;
/// A longer silence is a gap: the current in between is not known, only its ends are.
const GAP: i64 = 300_000_000;
/// How long it must look full.
const TOPPED: Micros = Micros(60_000_000);
/// A step of the current from which resistance and sign are learned, in mA, and the longest time that it may take.
const STEP: (i64, i64) = (200, 5_000_000);
/// Resistances that a small pack can have, in µΩ.
const RESISTANCES: (i64, i64) = (20_000, 300_000);
/// The sensor's offset that is counted on, in mA: 200 µV at 0.1 Ω.
const OFFSET: i64 = 2;

impl Battery {
    /// A battery of which nothing is known but what is printed on it.
    #[must_use]
    pub fn new(pack: Pack) -> Self {
        let pack = Pack { cells: pack.cells.max(1), capacity: MilliampHours(pack.capacity.0.clamp(1, 10_000_000)), ..pack };
        let resistance = pack.chemistry.traits().resistance * i64::from(pack.cells) * 1_000;
        let capacity = i64::from(pack.capacity.0) * MAH;
        let kept = Saved {
            held: capacity / 2,
            capacity,
            learned: false,
            since_full: None,
            deviation: None,
            resistance: resistance.clamp(RESISTANCES.0, RESISTANCES.1),
        };
        Self { pack, kept, restored: false, last: None, slow: 0, looks_full: Micros::ZERO, sign: Sign::default() }
    }

    /// Goes on from what was saved. The first voltage decides whether the level still fits.
    #[must_use]
    pub fn restore(pack: Pack, saved: Saved) -> Self {
        let mut battery = Self::new(pack);
        let printed = battery.kept.capacity;
        let capacity = saved.capacity.clamp(printed / 2, printed / 5 * 6);
        battery.kept = Saved {
            held: saved.held.clamp(0, capacity),
            capacity,
            learned: saved.learned,
            since_full: saved.since_full,
            deviation: saved.deviation.map(|deviation| deviation.clamp(0, WIDEST)),
            resistance: saved.resistance.clamp(RESISTANCES.0, RESISTANCES.1),
        };
        battery.restored = true;
        battery
    }

    /// What is worth keeping.
    #[must_use]
    pub const fn save(&self) -> Saved {
        self.kept
    }

    /// What it holds.
    #[must_use]
    pub fn charge(&self) -> Charge {
        let bound = self.kept.deviation.map_or(WHOLE, |deviation| (2 * deviation).clamp(PERCENT, WHOLE));
        // mA x µs x mV = pJ
        let volts = self.pack.chemistry.mean_millivolts() * i64::from(self.pack.cells);
        let full = i128::from(self.kept.capacity) * i128::from(volts) / 1_000_000;
        Charge {
            level: millionths(self.kept.level()),
            bound: millionths(bound),
            full: Microjoules(u64::try_from(full).unwrap_or(u64::MAX)),
        }
    }

    /// Resistance of the whole pack that shows at once, as learned.
    #[must_use]
    pub fn resistance(&self) -> Milliohms {
        Milliohms(u32::try_from(self.kept.resistance / 1_000).unwrap_or(0))
    }

    /// What it can hold: as learned, or as printed.
    #[must_use]
    pub fn capacity(&self) -> MilliampHours {
        MilliampHours(u32::try_from(self.kept.capacity / MAH).unwrap_or(u32::MAX))
    }

    /// The sensor's wires are taken to be swapped: a dozen steps of the current or more, and more than five of six of
    /// those, moved the voltage the wrong way. Meanwhile the current is not used, and the level is that of
    /// [`observe_volts`](Self::observe_volts). It is not saved: a sensor that is still reversed is found out again.
    #[must_use]
    pub const fn reversed(&self) -> bool {
        self.sign.reversed()
    }

    /// Takes a level from somebody who knows, to 2 %: "it is full".
    pub fn told(&mut self, level: PartsPerMillion) {
        self.kept.set(i64::from(level.0.min(1_000_000)) * 1_000, PERCENT);
        self.kept.since_full = (level.0 >= 1_000_000).then_some(0);
        self.restored = false;
    }

    /// Takes a reading from a sensor on the battery's side: once a second, or less often. Readings that are not
    /// after the last one, or that no such pack can give, are passed over.
    pub fn observe(&mut self, at: Micros, volts: Millivolts, current: Milliamps) {
        let seen = Seen { at, volts, current };
        let before = self.last;
        if !self.believable(volts) || before.is_some_and(|before| before.at >= at) {
            return;
        }
        self.last = Some(seen);
        let Some(before) = before else {
            self.slow = i64::from(current.0) * 1_000;
            self.begin(self.rest(seen), self.doubt(seen));
            return;
        };
        let span = i64::try_from(at.minus(before.at).0).unwrap_or(i64::MAX);
        self.slow = towards(self.slow, i64::from(current.0) * 1_000, span, LAG);
        self.learn_from_step(before, seen, span);
        if self.reversed() {
            self.by_voltage(volts, span);
            return;
        }
        self.count(before, seen, span);
        self.follow(seen, span);
        self.look_for_full(seen, Micros(span.unsigned_abs()));
    }

    /// Takes a voltage alone, when nothing measures the current. The bound is never below 15 %.
    pub fn observe_volts(&mut self, at: Micros, volts: Millivolts) {
        let before = self.last;
        if !self.believable(volts) || before.is_some_and(|before| before.at >= at) {
            return;
        }
        self.last = Some(Seen { at, volts, current: Milliamps(0) });
        let span = before.map_or(PACE, |before| i64::try_from(at.minus(before.at).0).unwrap_or(i64::MAX));
        self.by_voltage(volts, span);
    }

    fn by_voltage(&mut self, volts: Millivolts, span: i64) {
        let traits = self.pack.chemistry.traits();
        let rest = self.cell(volts) + traits.sag * 1_000;
        // How far it sags differs by three quarters of what is usual (k=1), and on a charger it rises.
        let doubt = (traits.doubt * traits.doubt + traits.sag * traits.sag * 9 / 16).isqrt();
        let (level, doubt) = self.curve(rest, doubt * 1_000);
        let charged = self.cell(volts) > self.pack.chemistry.rest_microvolts(PartsPerMillion(1_000_000));
        let doubt = if charged { doubt.max(PLATEAU) } else { doubt };
        let level = if self.kept.deviation.is_none() { level } else { towards(self.kept.level(), level, span, PACE) };
        self.kept.set(level, doubt.max(15 * PERCENT / 2));
        self.kept.since_full = None;
    }

    /// Counts down what the board drew for `span`, when only that is measured, behind a converter that passes on
    /// `efficiency` of what it takes. What is put in is not seen; the bound grows by a fifth of what is counted.
    pub fn spend(&mut self, drawn: Milliwatts, span: Micros, efficiency: PartsPerMillion) {
        let millivolts = i128::from(self.pack.chemistry.mean_millivolts()) * i128::from(self.pack.cells);
        let lossless = i128::from(drawn.0) * i128::from(span.0) * 1_000;
        let amount = lossless * 1_000_000 / (millivolts * i128::from(efficiency.0.clamp(1, 1_000_000))).max(1);
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        self.kept.take(amount);
        self.kept.widen(amount / 10);
        self.kept.since_full = None;
    }

    fn believable(&self, volts: Millivolts) -> bool {
        let full = self.pack.chemistry.traits().full * i64::from(self.pack.cells);
        (full / 3..full * 3 / 2).contains(&i64::from(volts.0))
    }

    /// Voltage of one cell, in µV.
    fn cell(&self, volts: Millivolts) -> i64 {
        i64::from(volts.0) * 1_000 / i64::from(self.pack.cells)
    }

    /// What the voltage of one cell would be at rest, in µV.
    fn rest(&self, seen: Seen) -> i64 {
        let slow = self.slow / 100 * self.pack.chemistry.traits().lag;
        // µA x mΩ = nV
        let drop = (i64::from(seen.current.0) * 1_000).saturating_add(slow).saturating_mul(self.kept.resistance / 1_000) / 1_000;
        self.cell(seen.volts).saturating_add(drop / i64::from(self.pack.cells))
    }

    /// How far that may be off (k=1), in µV: the curve, and a third of the drop.
    fn doubt(&self, seen: Seen) -> i64 {
        let drop = i64::from(seen.current.0).abs().saturating_mul(self.kept.resistance / 1_000) / i64::from(self.pack.cells);
        self.pack.chemistry.traits().doubt * 1_000 + drop / 3
    }

    /// What the curve says of a cell's voltage at rest: a level, and its deviation.
    fn curve(&self, rest: i64, doubt: i64) -> (i64, i64) {
        let at = |microvolts: i64| i64::from(self.pack.chemistry.level_at(microvolts).0) * 1_000;
        let width = at(rest.saturating_add(doubt)) - at(rest.saturating_sub(doubt));
        let (low, high) = self.pack.chemistry.traits().plateau;
        let on_plateau = rest.saturating_add(doubt) > low * 1_000 && rest.saturating_sub(doubt) < high * 1_000;
        let least = if on_plateau { PLATEAU } else { PERCENT };
        (at(rest), (width / 2).max(least))
    }

    /// The first voltage: starts from the curve, or from what was kept if the two agree.
    ///
    /// A board that died of an empty battery runs again because somebody charged it, unseen: unless the curve is sure
    /// that it is still so empty, it starts from the curve then.
    fn begin(&mut self, rest: i64, doubt: i64) {
        let (level, doubt) = self.curve(rest, doubt);
        let off = (level - self.kept.level()).abs();
        let died = self.kept.level() < 10 * PERCENT && doubt >= 10 * PERCENT;
        let fits = |deviation: i64| off <= 2 * (deviation + doubt) && !died;
        if let Some(deviation) = self.kept.deviation.filter(|&deviation| !self.restored || fits(deviation)) {
            self.kept.deviation = Some((deviation + i64::from(self.restored) * PERCENT).min(WIDEST));
        } else {
            self.kept.set(level, doubt);
            self.kept.since_full = None;
        }
        self.restored = false;
    }

    /// Counts the charge that flowed; between two readings the current is taken to have changed evenly.
    fn count(&mut self, before: Seen, seen: Seen, span: i64) {
        let ends = i64::from(before.current.0) + i64::from(seen.current.0);
        let flowed = ends.saturating_mul(span) / 2;
        let counted = if flowed < 0 { flowed / 1_000 * self.pack.chemistry.traits().efficiency } else { flowed };
        self.kept.take(counted);
        let unsure = match (span > GAP, self.kept.learned) {
            (true, _) => 50,
            (false, false) => 6,
            (false, true) => 3,
        };
        self.kept.widen((counted.saturating_abs() / 100).saturating_mul(unsure).saturating_add(span.saturating_mul(OFFSET)));
    }

    /// Lets the curve correct the book; where it is steep, it tells the capacity too.
    fn follow(&mut self, seen: Seen, span: i64) {
        let (level, doubt) = self.curve(self.rest(seen), self.doubt(seen));
        if level < WHOLE / 4 && 2 * doubt <= 3 * PERCENT {
            self.kept.learn_capacity(level, i64::from(self.pack.capacity.0) * MAH, span);
        }
        self.kept.follow(level, doubt, span);
    }

    /// Resistance and sign, from a step of the current.
    fn learn_from_step(&mut self, before: Seen, seen: Seen, span: i64) {
        let step = i64::from(seen.current.0) - i64::from(before.current.0);
        if step.abs() < STEP.0 || span > STEP.1 {
            return;
        }
        let drop = i64::from(before.volts.0) - i64::from(seen.volts.0);
        let right = !self.reversed();
        self.sign.weigh(step, -drop);
        if right && self.reversed() {
            // All that was learned from the current is wrong.
            self.kept = Self::new(self.pack).kept;
            self.looks_full = Micros::ZERO;
        }
        let step = if self.reversed() { -step } else { step };
        let found = (drop * 1_000_000 / step).clamp(RESISTANCES.0, RESISTANCES.1);
        self.kept.resistance += (found - self.kept.resistance) / 8;
    }

    fn look_for_full(&mut self, seen: Seen, span: Micros) {
        let little = i64::from(self.pack.capacity.0) / 20;
        let high = self.cell(seen.volts) >= self.pack.chemistry.traits().full * 1_000;
        self.looks_full =
            if high && i64::from(seen.current.0).abs() <= little { self.looks_full.plus(span) } else { Micros::ZERO };
        if self.looks_full >= TOPPED {
            self.kept.set(WHOLE, PERCENT);
            self.kept.since_full = Some(0);
        }
    }
}

fn millionths(share: i64) -> PartsPerMillion {
    PartsPerMillion(u32::try_from((share / 1_000).clamp(0, 1_000_000)).unwrap_or(0))
}
