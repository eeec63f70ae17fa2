//! What the coming day and a half would bring: charge, answers and brown-outs, level by level.
//!
//! ```text
//! habits ─▶ prompts ─┐                        three solar outlooks
//! levels ─▶ costs   ─┼─▶ 144 quarters of an hour, forward ─▶ Outlook ─▶ the best score is the plan
//! sun    ─▶ power   ─┘
//! ```
//!
//! A forecast is for comparing: all levels are judged by the same guess of the future, and its faults cancel.
//! Deliberately absent: learning (`habits`, `sun`, `levels`), and the choice.

use crate::{
    habits::QUARTER,
    levels::Cost,
    sun::OUTLOOKS,
    units::{BasisPoints, Microjoules, Micros, Millis, Milliwatts, PartsPerMillion},
};

#[cfg(test)]
mod tests;
mod value;

use value::{STRIDE, Value};

/// Quarters of an hour that are looked ahead: a day and a half.
pub const AHEAD: usize = 144;

/// What a brown-out costs, in thousandths of an answer (the power study's choice: five answers).
pub const BROWN_OUT: i64 = 5_000;

/// What the charge at the end counts, in percent of the answers that it would give (the power study, §4).
const END: i64 = 50;

/// Shares of the sun and chances are in millionths; parts of a step are in thousandths.
const ALL: i64 = 1_000_000;
const WHOLE: i64 = 1_000;

/// What a plan is expected to bring, over the three solar outlooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outlook {
    /// Quality of all answers, less the price of brown-outs, plus what is left in the battery: in thousandths of an answer.
    pub score: i64,
    /// Prompts answered in time, in thousandths.
    pub served: u64,
    /// Prompts expected to come, in thousandths.
    pub expected: u64,
    /// Times that the board is cut off, in thousandths.
    pub brown_outs: u32,
    /// The lowest charge, under the middle outlook.
    pub trough: PartsPerMillion,
    /// Quarters of an hour until the board is cut off, under the middle outlook, if it is.
    pub empty: Option<u32>,
}

/// The battery and what is known of the future, the same for all plans. Energies in mJ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scene {
    /// What the battery holds now.
    pub charge: i64,
    /// What it holds when full.
    pub full: i64,
    /// Below this the board is cut off.
    pub critical: i64,
    /// From this on it comes up again.
    pub restart: i64,
    /// What idling takes out of the battery in a quarter.
    pub idle: i64,
    /// Share of the converter that comes out, when power goes through it.
    pub converter: BasisPoints,
    /// Prompts to come, a quarter each, in thousandths.
    pub prompts: Vec<u32>,
    /// What the panels are expected to give in each quarter.
    pub solar: Vec<i64>,
    /// How long a prompt may wait.
    pub patience: Millis,
}

/// One level over the quarters of the scene.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Course {
    /// Of one answer.
    quality: i64,
    /// Served in each quarter, thousandths of a prompt, and what that takes from the battery in mJ.
    quarters: Vec<(i64, i64)>,
}

/// Energy of a power over a quarter, in mJ (mW x s).
#[must_use]
pub fn over_quarter(power: Milliwatts) -> i64 {
    millijoules(power.over(QUARTER))
}

/// Energies and answers beyond these are a fault somewhere; they keep sums from overflowing. 1 GJ is 278 kWh.
pub(crate) const MOST_ENERGY: i64 = 1_000_000_000_000;
const MOST_ANSWERS: i64 = 1_000_000_000;
const MOST_PROMPTS: u32 = 10_000_000;

/// In thousandths of a joule; at most 1 GJ.
#[must_use]
pub fn millijoules(energy: Microjoules) -> i64 {
    i64::try_from(energy.0 / 1_000).unwrap_or(MOST_ENERGY).min(MOST_ENERGY)
}

impl Scene {
    /// What going through the converter takes out of the battery for `energy` at the board.
    #[must_use]
    pub fn drawn(&self, energy: i64) -> i64 {
        (energy.saturating_mul(10_000) / i64::from(self.converter.0.max(1))).min(MOST_ENERGY)
    }

    /// What a level would serve in each quarter, and take for it.
    #[must_use]
    pub fn course(&self, cost: Cost, quality: BasisPoints) -> Course {
        let each = self.drawn(millijoules(cost.marginal));
        let mut last = None;
        let quarters = self.prompts.iter().map(|&prompts| match last {
            Some((same, quarter)) if same == prompts => quarter,
            _ => {
                let served = i64::from(in_time(prompts.min(MOST_PROMPTS), cost.time, self.patience));
                let quarter = (served, (served.saturating_mul(each) / 1_000).min(MOST_ENERGY));
                last = Some((prompts, quarter));
                quarter
            }
        });
        Course { quality: i64::from(quality.0), quarters: quarters.collect() }
    }

    /// This level throughout, under the three outlooks; the score is left open.
    #[must_use]
    pub fn outlook(&self, course: &Course) -> Outlook {
        let mut sum = Outlook { expected: self.prompts.iter().map(|&prompts| u64::from(prompts)).sum(), ..Outlook::default() };
        let (mut served, mut brown_outs) = (0_i64, 0_i64);
        for (place, day) in OUTLOOKS.iter().enumerate() {
            let run = self.run(course, self.prompts.len(), day.scale.0.into());
            served += i64::from(day.chance.0) * run.served;
            brown_outs += i64::from(day.chance.0) * run.brown_outs;
            if place == OUTLOOKS.len() / 2 {
                sum.trough = self.level(run.trough);
                sum.empty = run.empty;
            }
        }
        sum.served = u64::try_from(served / ALL).unwrap_or(0);
        sum.brown_outs = u32::try_from(brown_outs * 1_000 / ALL).unwrap_or(u32::MAX);
        sum
    }

    /// One level for so many quarters, with `light` millionths of the expected sun.
    fn run(&self, course: &Course, quarters: usize, light: i64) -> Run {
        let mut run = Run { charge: self.charge, trough: self.charge, up: true, ..Run::default() };
        for (quarter, (&solar, &(served, takes))) in self.solar.iter().zip(&course.quarters).take(quarters).enumerate() {
            let gained = solar * light / ALL;
            if !run.up {
                run.charge = (run.charge + gained).min(self.full);
                run.up = run.charge >= self.restart;
                continue;
            }
            let takes = self.idle + takes;
            let cut_off = self.until_cut_off(run.charge, gained, takes);
            let served = served * cut_off.unwrap_or(WHOLE) / WHOLE;
            run.served += served;
            run.score += served * course.quality / 10_000;
            if let Some(part) = cut_off {
                run.charge = self.after_cut_off(part, gained);
                run.trough = self.critical;
                run.up = false;
                run.brown_outs += 1;
                run.score -= BROWN_OUT;
                run.empty = run.empty.or(u32::try_from(quarter).ok());
            } else {
                run.charge = (run.charge + gained - takes).min(self.full);
                run.trough = run.trough.min(run.charge);
            }
        }
        run
    }

    /// Which part of a step has passed, in thousandths, when the charge has fallen to critical; none if it does not fall so far.
    fn until_cut_off(&self, charge: i64, gained: i64, takes: i64) -> Option<i64> {
        let falls = takes - gained;
        (charge - falls < self.critical).then(|| ((charge - self.critical).max(0) * WHOLE / falls.max(1)).clamp(0, WHOLE))
    }

    /// What the sun has added by the end of a step in which the board was cut off after that part of it.
    fn after_cut_off(&self, part: i64, gained: i64) -> i64 {
        (self.critical + gained * (WHOLE - part) / WHOLE).min(self.full)
    }

    /// The score of `course` for `turn` quarters and of the best levels after that, over the three outlooks.
    #[must_use]
    pub fn scores(&self, courses: &[Course], turn: usize) -> Vec<i64> {
        let mut scores = vec![0_i64; courses.len()];
        for day in OUTLOOKS {
            let light = i64::from(day.scale.0);
            let mut value = Value::end(self, courses, END);
            let mut quarter = self.prompts.len();
            while quarter > turn {
                quarter = quarter.saturating_sub(STRIDE);
                value = value.before(self, courses, quarter, light);
            }
            for (score, course) in scores.iter_mut().zip(courses) {
                let run = self.run(course, quarter, light);
                let after = if run.up { value.on(run.charge) } else { value.off(run.charge) };
                *score += i64::from(day.chance.0) * (run.score + after) / ALL;
            }
        }
        scores
    }

    /// The answers that a charge would give if it were spent as the whole scene spends, idling included.
    fn worth(&self, charge: i64, course: &Course) -> i64 {
        let (served, takes) =
            course.quarters.iter().fold((0, 0), |(served, takes), quarter| (served + quarter.0, takes + quarter.1));
        let spent = takes + self.idle * i64::try_from(course.quarters.len()).unwrap_or(0);
        let worth = i128::from(charge.max(0)) * i128::from(served * course.quality / 10_000) / i128::from(spent.max(1));
        i64::try_from(worth).unwrap_or(MOST_ANSWERS).min(MOST_ANSWERS)
    }

    fn level(&self, charge: i64) -> PartsPerMillion {
        let share = i128::from(charge.clamp(0, self.full)) * 1_000_000 / i128::from(self.full.max(1));
        PartsPerMillion(u32::try_from(share).unwrap_or(0))
    }
}

impl Course {
    /// Worth of the answers in these quarters, and what they take.
    fn over(&self, quarters: std::ops::Range<usize>) -> (i64, i64) {
        let part = self.quarters.get(quarters).unwrap_or_default();
        let (served, takes) = part.iter().fold((0, 0), |(served, takes), quarter| (served + quarter.0, takes + quarter.1));
        (served * self.quality / 10_000, takes)
    }
}

/// One outlook, as it goes.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    charge: i64,
    trough: i64,
    up: bool,
    score: i64,
    served: i64,
    brown_outs: i64,
    empty: Option<u32>,
}

/// How many of `prompts` (thousandths a quarter) are answered before their `patience` ends, if each takes `time`.
///
/// # Source
///
/// Loss of the M/M/1/K queue, u^K / (1 + u + .. + u^K), with twice the places: service of nearly constant length makes
/// half the queue (Pollaczek and Khinchine).
#[must_use]
pub fn in_time(prompts: u32, time: Micros, patience: Millis) -> u32 {
    const ONE: u64 = 1 << 20;
    if time > patience.micros() {
        return 0;
    }
    let load = u128::from(prompts) * u128::from(time.0) * u128::from(ONE) / 1_000 / u128::from(QUARTER.0);
    let load = u64::try_from(load).unwrap_or(u64::MAX).min(8 * ONE);
    let places = (patience.micros().0 / time.0.max(1)).saturating_mul(2).clamp(1, 24);
    if load < ONE / 4 && places > 8 {
        return prompts;
    }
    // Horner's rule on the reciprocals: loss = 1 / (1 + 1/u + .. + 1/u^K), kept as `loss(k) = u loss(k-1) / (1 + u loss(k-1))`.
    let mut loss = ONE;
    for _ in 0..places {
        let through = load.saturating_mul(loss) / ONE;
        loss = through.saturating_mul(ONE) / (ONE + through);
    }
    u32::try_from(u64::from(prompts) * (ONE - loss.min(ONE)) / ONE).unwrap_or(prompts)
}
