//! A board that starts with its clock an hour off, without network time, after it has learned its site.
//!
//! ```text
//! six days by the right clock ─▶ saved ─▶ started again, an hour off ─▶ what it expects of the seventh day's sun
//! ```
//!
//! Bills do not ask what time of day it is; only what is expected of sun and prompts does.
//! Deliberately absent: a clock that is off from the first day on, which costs nothing: the site is learned by it.

use super::{Effect, Row};
use crate::number::{count32, float, index};
use crate::scenario::Scenario;
use crate::world::{DAYS, MINUTES, World};
use hob_core::sun::Sun;
use hob_core::units::{Micros, Milliwatts, Now};

const MINUTE: u64 = 60_000_000;
/// Weeks that are looked at.
const WEEKS: u64 = 20;
/// Quarters that are expected ahead: six hours.
const AHEAD: u32 = 24;

pub(super) fn an_hour_off_at_the_start(seed: u64) -> Row {
    let [right, fast, slow] = [0, 3_600, -3_600].map(|off| error(seed, off));
    let says = vec!["nothing: no clock on the board knows better".to_owned()];
    let text = format!(
        "bills: none. The sun of the next six hours is expected {right:.0} % off (of the mean) by the right clock, {fast:.0} % by one that is fast, {slow:.0} % by one that is slow"
    );
    Row { fault: "started with the clock 1 h off", says, effect: Effect::Other(text) }
}

/// Mean error of the sun that is expected for the next six hours, on the seventh days from 4 to 20 o'clock, in percent
/// of its mean.
fn error(seed: u64, off: i64) -> f64 {
    let Ok(scenario) = Scenario::shipped("B") else { return f64::NAN };
    let (mut missed, mut given) = (0.0, 0.0);
    for week in 0..WEEKS {
        let world = World::new(&scenario, seed.wrapping_add(week));
        let mut sun = Sun::default();
        let last = (DAYS - 1) * MINUTES;
        for minute in 0..DAYS * MINUTES {
            if minute == last {
                sun = Sun::restore(sun.save());
            }
            let now = moment(minute, if minute < last { 0 } else { off });
            sun.observe(now, gives(&world, minute));
            if minute >= last + 4 * 60 && minute < last + 18 * 60 && minute.is_multiple_of(60) {
                let expected: u64 = (0..AHEAD).map(|ahead| u64::from(sun.expect(now, ahead).0)).sum();
                let truth: u64 = (0..6 * 60).map(|ahead| u64::from(gives(&world, minute + ahead).0)).sum();
                missed += (float(expected) / 24.0 - float(truth) / 360.0).abs();
                given += float(truth) / 360.0;
            }
        }
    }
    100.0 * missed / given
}

fn gives(world: &World, minute: usize) -> Milliwatts {
    Milliwatts(count32(world.sun.get(minute).copied().unwrap_or_default() * 1_000.0))
}

fn moment(minute: usize, off: i64) -> Now {
    let second = i64::from(count32(index(minute % MINUTES) * 60.0)).saturating_add(off).rem_euclid(86_400);
    Now { mono: Micros(u64::try_from(minute).unwrap_or(0) * MINUTE), day: u32::try_from(second).unwrap_or(0) }
}
