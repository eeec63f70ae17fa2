//! The faults of the table.
//!
//! Deliberately absent: how they are run (`bench`, `charge`).

use super::bench::{Said, Told, run};
use super::wrong::Wrong;
use super::{Effect, Row};
use crate::charge;
use crate::metering::Fault;
use crate::number::{float, index};
use hob_core::units::Micros;
use hob_hal::shunt::MicroOhms;
use std::fmt;

/// Nine seconds into the answer.
const MIDDLE: Micros = Micros(9 * SECOND);
const SECOND: u64 = 1_000_000;
const HOUR: i64 = 3_600;

/// Answers until a reversed sensor has certainly been found: two steps in each, and some in its tokens.
const ANSWERS: u32 = 16;

/// Faults that come with a bill.
pub(super) fn billed(seed: u64) -> Vec<Row> {
    let sensor = |orders: &[(u64, Fault)]| {
        let faults = orders.iter().map(|(after, fault)| (MIDDLE.plus(Micros(after * SECOND)), *fault)).collect();
        Wrong { faults, ..Wrong::default() }
    };
    let set_to = |micro_ohms| Wrong { shunt: MicroOhms::new(micro_ohms).unwrap_or(MicroOhms::COMMON), ..Wrong::default() };
    let clock = |seconds| Wrong { clock: Some((MIDDLE, seconds)), ..Wrong::default() };
    let extra = (MIDDLE, MIDDLE.plus(Micros(5 * SECOND)), 12_000);
    let cases = [
        ("none", Wrong::default()),
        ("sensor gone for 3 s in the middle of an answer", sensor(&[(0, Fault::Vanish), (3, Fault::Return)])),
        ("sensor gone for good in the middle of an answer", sensor(&[(0, Fault::Vanish)])),
        ("brown-out of the sensor in the middle of an answer", sensor(&[(0, Fault::BrownOut)])),
        ("civil clock set forward by 1 h in the middle of an answer", clock(HOUR)),
        ("civil clock set back by 1 h in the middle of an answer", clock(-HOUR)),
        ("past the sensor's range for 5 s: 12 W more on the line", Wrong { extra, ..Wrong::default() }),
        ("shunt of 0.1 Ω set as 0.01 Ω", set_to(10_000)),
        ("shunt of 0.1 Ω set as 1 Ω", set_to(1_000_000)),
        ("wires swapped, in the board's line", Wrong { swapped: true, ..Wrong::default() }),
        ("none, in the battery's line", Wrong { battery: true, ..Wrong::default() }),
    ];
    let alone = cases.into_iter().filter_map(|(fault, wrong)| row(fault, &wrong, &run(seed, 1, &wrong)?));
    alone.chain(swapped(seed, 0, DARK)).chain(swapped(seed, 12_000, SUNNY)).collect()
}

const DARK: [&str; 2] = ["wires swapped, in the battery's line: first answer", "the same: sixteenth answer"];
const SUNNY: [&str; 2] = ["the same under 12 W of sun: first answer", "the same: sixteenth answer under the sun"];

/// Wires swapped in the battery's line: the first bill, and the last after the estimator has found it out.
fn swapped(seed: u64, sun: i32, faults: [&'static str; 2]) -> Vec<Row> {
    let wrong = Wrong { battery: true, swapped: true, sun, ..Wrong::default() };
    let Some(Told { bills, says, .. }) = run(seed, ANSWERS, &wrong) else { return Vec::new() };
    let heard = |before: usize| says.iter().filter(|said| said.after < before).map(Said::to_string).collect();
    let ends = [(bills.first(), 1), (bills.last(), bills.len())];
    let rows = faults.into_iter().zip(ends).filter_map(|(fault, (billed, before))| {
        let &(bill, truth) = billed?;
        Some(Row { fault, says: heard(before), effect: Effect::Billed { bill, truth } })
    });
    rows.collect()
}

fn row(fault: &'static str, wrong: &Wrong, told: &Told) -> Option<Row> {
    let (bill, truth) = told.bills.first().copied()?;
    let mut says: Vec<String> = told.says.iter().map(Said::to_string).collect();
    if wrong.clock.is_some() {
        let part = |second: u32| format!("{:02}:{:02}", second / 3_600, second / 60 % 60);
        let (civil, day) = (part(told.civil), part(told.now.day));
        says.push(format!("`clock_jump`; by the civil clock it is {civil}, for accounts and plans {day}"));
    }
    Some(Row { fault, says, effect: Effect::Billed { bill, truth } })
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, times, after } = self;
        let when = if *after > 0 { format!(" (after {after} answers)") } else { String::new() };
        if *times > 1 { write!(f, "{text}{when} ({times} times)") } else { write!(f, "{text}{when}") }
    }
}

/// What becomes of the battery's charge when its sensor is reversed: one run of each of `charge`'s traces, and the same
/// with the wires right.
pub(super) fn charges(seed: u64) -> [Row; 2] {
    let (right, wrong) = (charge::table(seed, 1), charge::flipped(seed, 1));
    let on = "the battery's charge, over days and all kinds of cells";
    let found: Vec<u64> = wrong.iter().flat_map(|row| row.reversed.iter().copied()).collect();
    let minutes = |second: Option<&u64>| float(second.copied().unwrap_or_default()) / 60.0;
    let (first, last) = (minutes(found.iter().min()), minutes(found.iter().max()));
    let of = wrong.len();
    let found = format!("`backwards` in {} of {of} runs, after {first:.0} to {last:.0} min", found.len());
    let alarms = right.iter().filter(|row| !row.reversed.is_empty()).count();
    [
        Row {
            fault: "none, for the charge",
            says: vec![format!("`backwards` in {alarms} of {of} runs")],
            effect: errors(on, &right),
        },
        Row { fault: "wires swapped, for the charge", says: vec![found], effect: errors(on, &wrong) },
    ]
}

fn errors(on: &str, rows: &[charge::Row]) -> Effect {
    let mean = |of: &dyn Fn(&charge::Row) -> f64| rows.iter().map(of).sum::<f64>() / index(rows.len());
    let (own, counted) = (mean(&|row| row.errors[0].mean), mean(&|row| row.errors[2].mean));
    let (bound, within) = (mean(&|row| row.bound), mean(&|row| row.within));
    Effect::Other(format!(
        "{on}: off by {own:.1} % on average (counting alone {counted:.1} %), said to be within {bound:.0} %, which holds {within:.0} % of the time"
    ))
}
