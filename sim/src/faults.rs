//! What Hob says when the board, the wiring or the settings are wrong, and what the bill of that answer is worth.
//!
//! ```text
//! Trace ─▶ [fault] ─▶ INA219 in registers ─▶ the real driver ─▶ the real accounts ─▶ bill ─┐
//!   └──────────────────── exact energy of the same answer of 20 s ─────────────────────────┴▶ one row
//! cell, sun ─▶ [fault] ─▶ registers ─▶ driver ─▶ the real estimator ─▶ charge ──────────────▶ one row
//! ```
//!
//! Promises: every row is run when it is asked for; the same seed gives the same table; a bill that states a bound and
//! does not hold it is shown as such ([`Row::honest`]).
//! Deliberately absent: the daemon's event messages (its own; the codes and the driver's words are here), two faults
//! at once.

mod bench;
mod clock;
mod rows;
#[cfg(test)]
mod tests;
mod wrong;

use crate::number::float;
use hob_core::accounts::Bill;
use hob_core::units::{BasisPoints, Microjoules};
use std::fmt;

/// One fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What was wrong.
    pub fault: &'static str,
    /// What Hob says: an event's code and the driver's words, or a note.
    pub says: Vec<String>,
    /// What came of it.
    pub effect: Effect,
}

/// What came of a fault.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// An answer of 20 s was billed.
    Billed {
        /// The bill.
        bill: Bill,
        /// What the board truly drew for it.
        truth: Microjoules,
    },
    /// Something other than a bill.
    Other(String),
}

impl Row {
    /// The truth is within the bound that the bill states, or the bill states none (100 %), or there is no bill.
    #[must_use]
    pub fn honest(&self) -> bool {
        match &self.effect {
            Effect::Billed { bill, truth } => {
                bill.u_abs == BasisPoints(10_000) || off(bill, *truth).abs() <= f64::from(bill.u_abs.0) / 100.0
            }
            Effect::Other(_) => true,
        }
    }
}

/// By how much of the truth the bill is off, in percent.
fn off(bill: &Bill, truth: Microjoules) -> f64 {
    (float(bill.wall.0) / float(truth.0.max(1)) - 1.0) * 100.0
}

impl fmt::Display for Row {
    /// A row of a Markdown table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let says = if self.says.is_empty() { "nothing".to_owned() } else { self.says.join("; ") };
        write!(f, "| {} | {says} | ", self.fault)?;
        match &self.effect {
            Effect::Billed { bill, truth } => {
                let marks: Vec<&str> = bill.marks.codes().collect();
                let (joules, covered) = (float(bill.wall.0) / 1e6, f64::from(bill.coverage.0) / 1e4);
                let (truly, u_abs) = (float(truth.0) / 1e6, f64::from(bill.u_abs.0) / 100.0);
                let off = off(bill, *truth);
                write!(f, "{joules:.1} J for {truly:.1} J ({off:+.1} %) | {covered:.0} %, {} |", list(&marks))?;
                write!(f, " ±{u_abs:.1} %{} |", if self.honest() { "" } else { ", not held" })
            }
            Effect::Other(text) => write!(f, "{text} | | |"),
        }
    }
}

fn list(marks: &[&str]) -> String {
    if marks.is_empty() { "no mark".to_owned() } else { marks.join(", ") }
}

/// The heading of the rows of [`table`].
pub const HEADING: &str = "| fault | what Hob says | bill against truth | coverage, marks | u_abs |\n|---|---|---|---|---|";

/// Lets everything go wrong, one thing after the other.
#[must_use]
pub fn table(seed: u64) -> Vec<Row> {
    let billed = rows::billed(seed);
    billed.into_iter().chain(rows::charges(seed)).chain([clock::an_hour_off_at_the_start(seed)]).collect()
}

/// The table as Markdown.
#[must_use]
pub fn markdown(rows: &[Row]) -> String {
    rows.iter().fold(HEADING.to_owned(), |table, row| format!("{table}\n{row}"))
}
