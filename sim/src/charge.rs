//! How well the battery estimator knows the charge of cells that it has never met.
//!
//! ```text
//! load, sun ─▶ cell ─▶ offset, gain, noise ─▶ INA219 by register ─▶ driver ─▶ Battery, and three simpler ways ─▶ errors
//!                └──────────────────────────── true level ─────────────────────────────────────────────────────▲
//! ```
//!
//! Every run draws its own cell (worn by up to 12 %), chip, temperature, load, pace of reading and first level; one
//! read in fifty fails; the estimator is restarted about every six hours from what it saved. Errors are taken once a
//! minute from the first reading on, in percent of the full charge.
//!
//! Deliberately absent: cells that differ within a pack; a wrong chemistry or number of cells in the settings.

mod rig;
#[cfg(test)]
mod tests;
mod trial;

use crate::cell::Kind;
use crate::dice::Dice;
use crate::number::{float, index, place};
use hob_core::battery::Chemistry;
use std::fmt;
use trial::Trial;

/// Mean and 95th percentile of an error's size, in percent of the full charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Error {
    /// Mean.
    pub mean: f64,
    /// 95th percentile over all minutes of all runs.
    pub p95: f64,
}

/// The ways of knowing, in the order of a row's errors.
pub const WAYS: [&str; 4] = ["estimator", "linear", "coulombs", "voltage"];

/// One kind of trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub name: &'static str,
    /// Errors by [`WAYS`]: this estimator; the line between two voltages that scripts for UPS hats draw,
    /// (V - 6) / 2.4 for two cells; counting from the first voltage; the voltage with a typical sag.
    pub errors: [Error; 4],
    /// Share of the minutes in which the truth was within the estimator's bound, in percent.
    pub within: f64,
    /// Mean of that bound, in percent of the full charge.
    pub bound: f64,
    /// For each run in which the estimator took the sensor to be reversed, when it first did, in seconds from the first
    /// reading.
    pub reversed: Vec<u64>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} |", self.name)?;
        for Error { mean, p95 } in self.errors {
            write!(f, " {mean:.1} / {p95:.1} |")?;
        }
        write!(f, " {:.1} | {:.0} % |", self.bound, self.within)
    }
}

/// What happens in a run.
#[derive(Debug, Clone, Copy)]
enum Plan {
    /// Taken from somewhere between these levels until it switches off.
    Discharge(f64, f64),
    /// Charged until the charger stops, then as above; so many times, of which the last is looked at.
    Filled(u32),
    /// Seven days with panels.
    Week,
}

/// A kind of trace, and what its cells are.
struct Case {
    name: &'static str,
    kind: Kind,
    chemistry: Chemistry,
    plan: Plan,
}

const CASES: [Case; 11] = [
    Case { name: "nmc discharge", kind: Kind::Nmc, chemistry: Chemistry::Nmc, plan: Plan::Discharge(0.4, 1.0) },
    Case { name: "lco discharge", kind: Kind::Lco, chemistry: Chemistry::Lco, plan: Plan::Discharge(0.4, 1.0) },
    Case { name: "lfp discharge from full", kind: Kind::Lfp, chemistry: Chemistry::Lfp, plan: Plan::Filled(1) },
    Case { name: "lfp second discharge from full", kind: Kind::Lfp, chemistry: Chemistry::Lfp, plan: Plan::Filled(2) },
    Case { name: "lead discharge", kind: Kind::Lead, chemistry: Chemistry::Lead, plan: Plan::Discharge(0.4, 1.0) },
    Case { name: "lead discharge from full", kind: Kind::Lead, chemistry: Chemistry::Lead, plan: Plan::Filled(1) },
    Case { name: "nmc solar week", kind: Kind::Nmc, chemistry: Chemistry::Nmc, plan: Plan::Week },
    Case { name: "lfp solar week", kind: Kind::Lfp, chemistry: Chemistry::Lfp, plan: Plan::Week },
    Case { name: "lead solar week", kind: Kind::Lead, chemistry: Chemistry::Lead, plan: Plan::Week },
    Case {
        name: "hard: lfp discharge, first seen half full",
        kind: Kind::Lfp,
        chemistry: Chemistry::Lfp,
        plan: Plan::Discharge(0.3, 0.9),
    },
    Case { name: "hard: lco of the nineties", kind: Kind::OldLco, chemistry: Chemistry::Lco, plan: Plan::Discharge(0.4, 1.0) },
];

/// Runs every kind of trace `runs` times.
#[must_use]
pub fn table(seed: u64, runs: u32) -> Vec<Row> {
    CASES.iter().zip(0..).map(|(case, stream)| row(case, seed, stream, runs, false)).collect()
}

/// The same traces with a sensor whose wires are swapped, and nobody said so.
#[must_use]
pub fn flipped(seed: u64, runs: u32) -> Vec<Row> {
    CASES.iter().zip(0..).map(|(case, stream)| row(case, seed, stream, runs, true)).collect()
}

/// The table as Markdown.
#[must_use]
pub fn markdown(rows: &[Row]) -> String {
    let head = format!("| trace | {} | bound | within |\n|---|---|---|---|---|---|---|", WAYS.join(" | "));
    rows.iter().fold(head, |table, row| format!("{table}\n{row}"))
}

/// Runs those whose name begins so.
#[must_use]
pub fn rows(seed: u64, runs: u32, name: &str) -> Vec<Row> {
    CASES
        .iter()
        .zip(0..)
        .filter(|(case, _)| case.name.starts_with(name))
        .map(|(case, stream)| row(case, seed, stream, runs, false))
        .collect()
}

fn row(case: &Case, seed: u64, stream: u64, runs: u32, flipped: bool) -> Row {
    let mut log = Log::default();
    for run in 0..u64::from(runs) {
        Trial::new(case, Dice::new(seed, stream * 10_000 + run), flipped).run(&mut log);
    }
    log.row(case.name)
}

/// What was off in every minute.
#[derive(Default)]
struct Log {
    errors: [Vec<f64>; 4],
    within: u64,
    bounds: f64,
    reversed: Vec<u64>,
}

impl Log {
    fn note(&mut self, truth: f64, found: [f64; 4], bound: f64) {
        for (errors, found) in self.errors.iter_mut().zip(found) {
            errors.push((found - truth).abs() * 100.0);
        }
        self.within += u64::from((found[0] - truth).abs() <= bound);
        self.bounds += bound * 100.0;
    }

    fn row(mut self, name: &'static str) -> Row {
        let minutes = self.errors[0].len();
        let errors = std::array::from_fn(|way| self.errors.get_mut(way).map_or(Error { mean: 0.0, p95: 0.0 }, |all| size(all)));
        let (within, bound) = (100.0 * float(self.within) / index(minutes), self.bounds / index(minutes));
        Row { name, errors, within, bound, reversed: self.reversed }
    }
}

fn size(all: &mut [f64]) -> Error {
    all.sort_by(f64::total_cmp);
    let p95 = all.get(place(index(all.len()) * 0.95)).copied().unwrap_or(0.0);
    Error { mean: all.iter().sum::<f64>() / index(all.len()), p95 }
}
