//! What the meter saw: power readings as a line over time, and the energy under it.
//!
//! ```text
//!   mW │      ●──●         ● centre of a reading's window
//!      │     /    \        ○ held: nothing was read, the last draw goes on
//!      │ ●──●      ●─ ─○   energy(t) = area under the line up to t, in whole nanojoules
//!      └──────────────────▶ t
//! ```
//!
//! Promises, held by property tests:
//! 1. it never turns back, whatever the meter says;
//! 2. what lies between two moments adds up: energy(a..b) + energy(b..c) = energy(a..c), to the nanojoule;
//! 3. at most [`MAX_KNOTS`] readings are remembered; the total is never forgotten.
//!
//! Deliberately absent: reading the meter (`hal`), whose energy it was (`accounts`), grams (`ledger`).

mod level;
mod marks;
mod split;
#[cfg(test)]
mod tests;

pub use marks::Marks;
pub use split::{Books, split};

use crate::units::{Microjoules, Micros, Millis, Milliwatts};
use level::Level;
use std::collections::VecDeque;

/// Readings farther apart than this leave a span that counts as not measured (facts of the study of
/// sampling: at 20 Hz with stalls of 250 ms a healthy sensor never does).
pub const GAP: Micros = Millis(500).micros();

/// How many readings are remembered: 280 s of an INA219, 200 s of a meter that is fresh 20 times a second.
pub const MAX_KNOTS: usize = 4_096;

/// Over a longer silence (34 days) nothing is interpolated: the odometer stands still.
const ABYSS: Micros = Micros(3_000_000_000_000);

/// Where the line bends.
#[derive(Debug, Clone, Copy)]
struct Knot {
    /// Middle of the window.
    at: Micros,
    /// The window, as far as it is known. A held knot has none.
    window: Option<(Micros, Micros)>,
    draw: Milliwatts,
    /// Energy up to here, nJ (mW x µs).
    total: u128,
    /// The span before it was measured.
    covered: bool,
    /// What befell the sensor in the span before it.
    marks: Marks,
}

/// A piece of the line without a bend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Its end.
    pub(crate) to: Micros,
    /// Energy, nJ.
    pub(crate) energy: u128,
    /// It lies between two readings that are near enough to each other.
    pub(crate) covered: bool,
    pub(crate) marks: Marks,
}

/// Energy that the board has used since the first reading: integrates readings of power over time.
#[derive(Debug, Clone, Default)]
pub struct Odometer {
    knots: VecDeque<Knot>,
    /// Middle of the last true reading.
    heard: Option<Micros>,
    level: Level,
    /// The sensor has not answered since the last reading.
    lost: bool,
    /// The most that was ever shown.
    shown: Microjoules,
}

impl Odometer {
    /// Takes the power that was drawn at the moment `at`; see [`take`](Self::take).
    pub fn read(&mut self, at: Micros, draw: Milliwatts) {
        self.take(at, draw, Micros::ZERO, Marks::NONE);
    }

    /// Takes a reading: the draw, averaged over the `window` that ended at `at` (a monotonic moment).
    ///
    /// Between the middles of two windows the draw is taken to change in a straight line (trapezoid).
    /// A reading that is not newer than the last one is ignored; the answer says whether it was taken.
    pub fn take(&mut self, at: Micros, draw: Milliwatts, window: Micros, marks: Marks) -> bool {
        let middle = at.minus(Micros(window.0 / 2));
        if self.last().is_some_and(|last| middle <= last) {
            return false;
        }
        let near = self.heard.is_some_and(|heard| middle.minus(heard) <= GAP);
        let befell = marks
            .and(if near || self.heard.is_none() { Marks::NONE } else { Marks::GAP })
            .and(if std::mem::take(&mut self.lost) { Marks::SENSOR_LOST } else { Marks::NONE });
        self.heard = Some(middle);
        self.level.take(at.minus(window), draw);
        if near {
            self.fill(middle, window, befell);
        }
        self.push(middle, Some((at.minus(window), at)), draw, near, befell);
        self.show(self.turned());
        true
    }

    /// The sensor does not answer. The next reading says that it does again.
    pub fn lost(&mut self) {
        self.lost = true;
    }

    /// The work changes at `at`, and the draw with it.
    pub(crate) fn changes(&mut self, at: Micros) {
        self.level.changes(at);
    }

    /// Stands in for the conversions that were missed since the last knot.
    fn fill(&mut self, upto: Micros, window: Micros, marks: Marks) {
        let Some(last) = self.last() else { return };
        for (at, draw) in self.level.missed(last, upto, window) {
            if self.last().is_some_and(|last| last < at) && at < upto {
                self.push(at, None, draw, true, marks);
            }
        }
    }

    /// Lets the last draw go on until `at`, for nothing was read that late; that span is not measured.
    pub(crate) fn hold(&mut self, at: Micros) {
        let Some(last) = self.knots.back().copied() else { return };
        if at > last.at {
            let marks = Marks::GAP.and(if self.lost { Marks::SENSOR_LOST } else { Marks::NONE });
            self.push(at, None, last.draw, false, marks);
            self.show(self.turned());
        }
    }

    fn push(&mut self, at: Micros, window: Option<(Micros, Micros)>, draw: Milliwatts, covered: bool, marks: Marks) {
        let total = self.knots.back().map_or(0, |last| match at.minus(last.at) {
            span if span > ABYSS => last.total,
            span => last.total + u128::from(span.0) * (u128::from(last.draw.0) + u128::from(draw.0)) / 2,
        });
        self.knots.push_back(Knot { at, window, draw, total, covered, marks });
        if self.knots.len() > MAX_KNOTS {
            self.knots.pop_front();
        }
    }

    /// What it shows at `now`: up to the last reading as integrated, since then at the last draw.
    ///
    /// Never less than it has shown before: when a reading proves that less was used than was
    /// shown, it stands still until the truth has caught up.
    pub fn at(&mut self, now: Micros) -> Microjoules {
        self.show(self.foreseen(now))
    }

    /// The last draw, if there was a reading.
    #[must_use]
    pub fn draw(&self) -> Option<Milliwatts> {
        self.knots.back().map(|last| last.draw)
    }

    /// Where the line ends.
    pub(crate) fn last(&self) -> Option<Micros> {
        self.knots.back().map(|last| last.at)
    }

    /// When the oldest remembered reading was; and whether there is room for no other.
    pub(crate) fn full(&self) -> Option<Micros> {
        (self.knots.len() >= MAX_KNOTS).then(|| self.knots.get(MAX_KNOTS / 8)).flatten().map(|knot| knot.at)
    }

    /// All energy under the line, nJ.
    pub(crate) fn turned(&self) -> u128 {
        self.knots.back().map_or(0, |last| last.total)
    }

    /// Energy up to `now`, nJ, past the end of the line at the last draw.
    pub(crate) fn foreseen(&self, now: Micros) -> u128 {
        let since = self.knots.back().map_or(0, |last| u128::from(now.minus(last.at).0) * u128::from(last.draw.0));
        self.energy(now) + since
    }

    /// Energy up to `at`, nJ; before the first remembered reading and after the last as there.
    pub(crate) fn energy(&self, at: Micros) -> u128 {
        let next = self.knots.partition_point(|knot| knot.at <= at);
        match (next.checked_sub(1).and_then(|before| self.knots.get(before)), self.knots.get(next)) {
            (Some(from), Some(to)) => from.total + area(from, to, at),
            (Some(end), None) | (None, Some(end)) => end.total,
            (None, None) => 0,
        }
    }

    /// The piece of the line that begins at `from` and ends with the next bend, or at `upto`.
    pub(crate) fn stretch(&self, from: Micros, upto: Micros) -> Stretch {
        let next = self.knots.partition_point(|knot| knot.at <= from);
        let end = self.knots.get(next);
        let to = end.map_or(upto, |end| end.at.min(upto));
        let energy = self.energy(to) - self.energy(from);
        match (next.checked_sub(1).and_then(|before| self.knots.get(before)), end) {
            (Some(begin), Some(end)) => {
                // A clipped reading bends the line on both of its sides.
                let marks = end.marks.and(begin.marks.only(Marks::CLIPPED));
                Stretch { to, energy, covered: end.covered, marks }
            }
            _ => Stretch { to, energy, covered: false, marks: Marks::GAP },
        }
    }

    /// Middle of the first reading whose window lies wholly after `at`.
    pub(crate) fn clear_after(&self, at: Micros) -> Option<Micros> {
        let near = self.knots.partition_point(|knot| knot.at < at);
        self.knots.range(near..).find(|knot| knot.window.is_some_and(|(begins, _)| begins >= at)).map(|knot| knot.at)
    }

    /// Middle of the last reading whose window lies wholly before `at`.
    pub(crate) fn clear_before(&self, at: Micros) -> Option<Micros> {
        let near = self.knots.partition_point(|knot| knot.at <= at);
        self.knots.range(..near).rev().find(|knot| knot.window.is_some_and(|(_, ends)| ends <= at)).map(|knot| knot.at)
    }

    /// Forgets the readings that nothing at or after `at` needs.
    pub(crate) fn forget_before(&mut self, at: Micros) {
        while self.knots.get(1).is_some_and(|second| second.at <= at) {
            self.knots.pop_front();
        }
    }

    fn show(&mut self, nanojoules: u128) -> Microjoules {
        self.shown = self.shown.max(whole(nanojoules));
        self.shown
    }
}

/// Whole microjoules in so many nanojoules.
pub(crate) fn whole(nanojoules: u128) -> Microjoules {
    Microjoules(u64::try_from(nanojoules / 1_000).unwrap_or(u64::MAX))
}

/// Area under the line from one bend to a moment before the next, nJ, rounded down.
///
/// With s of the span T gone it is s·p0 + s²·(p1 - p0) / 2T. Both p are below 2^32 and T below 2^42, so
/// nothing here passes 2^118.
fn area(from: &Knot, to: &Knot, at: Micros) -> u128 {
    let (gone, span) = (u128::from(at.minus(from.at).0), u128::from(to.at.minus(from.at).0));
    if span == 0 || span > u128::from(ABYSS.0) {
        return 0;
    }
    let (begin, end) = (u128::from(from.draw.0), u128::from(to.draw.0));
    // s·p0·2T + s²·p1 - s²·p0 is never below zero, for s <= T.
    (2 * gone * begin * span + gone * gone * end - gone * gone * begin) / (2 * span)
}
