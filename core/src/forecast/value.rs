//! What a charge is worth if the best level is taken in every half hour to come: dynamic programming, backward.
//!
//! ```text
//! value(charge, up)   = max over levels: answers of the half hour + value of the charge that it leaves;
//!                       if that is too little, answers of a part of it, less the price of a brown-out
//! value(charge, down) = value of the charge that the sun adds; up again at the restart charge
//! ```
//!
//! Deliberately absent: the queue, loads and deadlines (`backlog`); doubt about the outlook, which is taken as known from
//! here on.

use super::{ALL, BROWN_OUT, Course, Scene, WHOLE};

/// Charges that are told apart, from critical to full.
const CELLS: usize = 64;
const STEPS: i64 = 64;

/// Parts of a cell.
const FINE: i64 = 1_024;

/// Quarters of an hour in a step.
pub(super) const STRIDE: usize = 2;

/// What each charge is worth at some moment, in thousandths of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    bottom: i64,
    span: i64,
    up: [i64; CELLS + 1],
    down: [i64; CELLS + 1],
}

impl Value {
    /// At the end of the scene: the answers that the charge would give, idling included, at `share` percent of their worth.
    pub(super) fn end(scene: &Scene, courses: &[Course], share: i64) -> Self {
        let (bottom, span) = (scene.critical, (scene.full - scene.critical).max(1));
        let mut up = [0; CELLS + 1];
        for (cell, worth) in (0_i64..).zip(&mut up) {
            let charge = span * cell / STEPS;
            *worth = courses.iter().map(|course| scene.worth(charge, course)).max().unwrap_or(0) * share / 100;
        }
        Self { bottom, span, up, down: up }
    }

    /// One step earlier: the one that begins at `quarter`, with `light` millionths of the expected sun.
    pub(super) fn before(&self, scene: &Scene, courses: &[Course], quarter: usize, light: i64) -> Self {
        let quarters = quarter..quarter + STRIDE;
        let gained: i64 = quarters.clone().map(|at| scene.solar.get(at).copied().unwrap_or(0) * light / ALL).sum();
        let idle = scene.idle * i64::try_from(STRIDE).unwrap_or(1);
        let ways: Vec<(i64, i64)> = courses.iter().map(|course| course.over(quarters.clone())).collect();
        let mut earlier = self.clone();
        for (cell, (up, down)) in (0_i64..).zip(earlier.up.iter_mut().zip(&mut earlier.down)) {
            let charge = self.bottom + self.span * cell / STEPS;
            let way = |&(worth, takes): &(i64, i64)| match scene.until_cut_off(charge, gained, idle + takes) {
                None => worth + self.on((charge + gained - idle - takes).min(scene.full)),
                Some(part) => worth * part / WHOLE - BROWN_OUT + self.off(scene.after_cut_off(part, gained)),
            };
            *up = ways.iter().map(way).max().unwrap_or(0);
            let charge = (charge + gained).min(scene.full);
            *down = if charge >= scene.restart { self.on(charge) } else { self.off(charge) };
        }
        earlier
    }

    /// Of a board that is up with this charge.
    pub(super) fn on(&self, charge: i64) -> i64 {
        self.at(&self.up, charge)
    }

    /// Of a board that is cut off.
    pub(super) fn off(&self, charge: i64) -> i64 {
        self.at(&self.down, charge)
    }

    /// In a straight line between two cells.
    fn at(&self, values: &[i64; CELLS + 1], charge: i64) -> i64 {
        let place = (charge - self.bottom).clamp(0, self.span) * STEPS * FINE / self.span;
        let (cell, rest) = (place / FINE, place % FINE);
        let value = |cell: i64| usize::try_from(cell).ok().and_then(|cell| values.get(cell)).copied();
        let low = value(cell).unwrap_or(0);
        let high = value(cell + 1).unwrap_or(low);
        low + (high - low) * rest / FINE
    }
}
