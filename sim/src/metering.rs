//! How well energy is metered: a known draw, the chip's registers, the real driver, the real accounts.
//!
//! ```text
//! Trace ─▶ INA219 in registers ─▶ hob_hal::ina219 ─▶ hob_core::accounts ─▶ bill ─┐
//!   └────────────── exact energy of the same answer ─────────────────────────────┴▶ error
//! ```
//!
//! The meter is asked 20 times a second by a thread that one time in twenty comes 20 to 250 ms late.
//! Promises: what is judged is the code of the daemon; the same seed gives the same table.
//! Deliberately absent: offset, gain and shunt tolerance, which are constant for a board and stand in the
//! meter's own bound: this is the error of sampling and rounding alone.

mod run;
#[cfg(test)]
mod tests;

pub use run::{Fault, Run, Setup, run};

use crate::number::{float, place, ratio};
use crate::trace::{Step, Trace};
use hob_core::units::{Micros, Milliwatts};
use std::fmt;

/// How readings are made energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Each value that is read holds until the next (what a naive loop does).
    Hold,
    /// Straight lines between the middles of the windows, from the first step to the last.
    Trapezoid,
    /// What Hob bills: the same, with guard bands.
    Bill,
}

impl fmt::Display for Method {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Hold => "hold",
            Self::Trapezoid => "trapezoid",
            Self::Bill => "bill (trapezoid, guard band)",
        })
    }
}

/// How far a method is off for answers of one length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// How long an answer takes.
    pub seconds: u64,
    /// How its energy was found.
    pub method: Method,
    /// How many were measured.
    pub answers: usize,
    /// 95 of 100 answers are off by no more than so many percent.
    pub p95: f64,
    /// Mean error in percent; above zero it is too much.
    pub bias: f64,
}

impl fmt::Display for Row {
    /// A row of a Markdown table.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, method, answers, p95, bias } = self;
        write!(out, "| {seconds} s | {method} | {answers} | {p95:.2} | {bias:+.2} |")
    }
}

const HEAD: &str = "| answer | method | answers | p95 of the error, % | bias, % |\n|---|---|---|---|---|";

/// Errors of all methods for so many answers each of 5, 15 and 60 s.
#[must_use]
pub fn table(seed: u64, answers: u32) -> Vec<Row> {
    [5, 15, 60].into_iter().flat_map(|seconds| rows(seed.wrapping_add(seconds), answers, seconds)).collect()
}

fn rows(seed: u64, answers: u32, seconds: u64) -> Vec<Row> {
    let trace = Trace::of_answers(seed, answers, Micros(seconds * 1_000_000));
    let run = run(trace, seed, &Setup::default());
    let bounds: Vec<(Micros, Micros)> = run.trace.answers.iter().filter_map(|steps| bounds(steps)).collect();
    let truths: Vec<f64> = bounds.iter().map(|(from, to)| run.truth(*from, *to)).collect();
    let by = |line: &[(Micros, Milliwatts)], held: bool| -> Vec<f64> {
        bounds.iter().map(|(from, to)| area(line, *from, *to, held)).collect()
    };
    let bills = run.bills.iter().map(|bill| float(bill.wall.0)).collect();
    [(Method::Hold, by(&run.asked, true)), (Method::Trapezoid, by(&run.fresh, false)), (Method::Bill, bills)]
        .into_iter()
        .map(|(method, found)| judged(seconds, method, &found, &truths))
        .collect()
}

/// When the first step began and the last ended.
#[must_use]
pub fn bounds(steps: &[Step]) -> Option<(Micros, Micros)> {
    Some((steps.first()?.from, steps.last()?.to))
}

fn judged(seconds: u64, method: Method, found: &[f64], truths: &[f64]) -> Row {
    let errors: Vec<f64> = found.iter().zip(truths).map(|(found, truth)| (found / truth - 1.0) * 100.0).collect();
    let mut sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let p95 = sizes.get(place(0.95 * float(sizes.len().saturating_sub(1).try_into().unwrap_or_default())));
    let answers = errors.len();
    let bias = errors.iter().sum::<f64>() * ratio(1, answers.try_into().unwrap_or_default());
    Row { seconds, method, answers, p95: p95.copied().unwrap_or(f64::NAN), bias }
}

/// The table as Markdown.
#[must_use]
pub fn markdown(rows: &[Row]) -> String {
    rows.iter().fold(HEAD.to_owned(), |table, row| format!("{table}\n{row}"))
}

/// Energy in microjoules under a line of readings, in floats and apart from the odometer's integers.
fn area(line: &[(Micros, Milliwatts)], from: Micros, to: Micros, held: bool) -> f64 {
    let pieces = line.iter().zip(line.iter().skip(1));
    pieces
        .filter(|((begin, _), (end, _))| *end > from && *begin < to)
        .map(|((begin, first), (end, last))| {
            let (left, right) = ((*begin).max(from), (*end).min(to));
            let slope = if held { 0.0 } else { (float(last.0.into()) - float(first.0.into())) / float(end.minus(*begin).0) };
            let middle = f64::midpoint(float(left.minus(*begin).0), float(right.minus(*begin).0));
            (float(first.0.into()) + slope * middle) * float(right.minus(left).0) / 1_000.0
        })
        .sum()
}
