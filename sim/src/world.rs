//! One week of one site, thrown before it begins: the sun, the prompts and how fast this very board is.
//!
//! ```text
//! Scenario + seed ─▶ World ─┬▶ run (one policy lives through it)
//!                           └▶ oracle (knows it all)
//! ```
//!
//! Promises: all policies and the oracle meet the same week; more prompts do not change its weather.
//! Deliberately absent: what happens in it.

use crate::{
    dice::Dice,
    number::{count, count32, float, index, place},
    scenario::{Rung, Scenario, Sun},
};

/// Days of a simulated week.
pub const DAYS: usize = 7;
/// Minutes of a day.
pub const MINUTES: usize = 1_440;

/// One week.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// What the panels could give, in watts, minute by minute; empty on the grid.
    pub sun: Vec<f64>,
    /// Who asks, in order.
    pub asks: Vec<Ask>,
    /// How the levels really are on this board, in the scenario's order.
    pub levels: Vec<Rung>,
}

/// One prompt to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// When, in microseconds since the week began at midnight.
    pub at: u64,
    /// Tokens of the prompt.
    pub tokens_in: u32,
    /// Tokens of the answer, if nobody cuts it.
    pub tokens_out: u32,
}

impl World {
    /// Throws the week with this seed.
    #[must_use]
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        Self {
            sun: scenario.sun.as_ref().map(|sun| weather(sun, &mut Dice::new(seed, 1))).unwrap_or_default(),
            asks: asks(scenario, &mut Dice::new(seed, 2)),
            levels: board(scenario, &mut Dice::new(seed, 3)),
        }
    }
}

/// A half-sine between sunrise and sunset, times the day's clearness, times passing clouds.
///
/// The log-odds of the clearness are a first-order autoregressive normal process from day to day. Clouds are
/// one from minute to minute that forgets in 20 minutes, and matter most on days that are neither clear nor grey.
fn weather(sun: &Sun, dice: &mut Dice) -> Vec<f64> {
    const MEMORY: f64 = 0.951; // exp(-1/20)
    let middling = (sun.clearness / (1.0 - sun.clearness)).ln();
    let fresh = (1.0 - sun.persistence * sun.persistence).sqrt();
    let (mut mood, mut cloud) = (dice.normal(), 0.0);
    let mut minutes = Vec::with_capacity(DAYS * MINUTES);
    for _ in 0..DAYS {
        let clearness = 1.0 / (1.0 + (-(middling + sun.spread * mood)).exp());
        mood = sun.persistence * mood + fresh * dice.normal();
        for minute in 0..MINUTES {
            cloud = MEMORY * cloud + (1.0 - MEMORY * MEMORY).sqrt() * dice.normal();
            let hour = (index(minute) + 0.5) / 60.0;
            let height = ((hour - 12.0 + sun.daylight_h / 2.0) / sun.daylight_h * std::f64::consts::PI).sin();
            let up = (hour - 12.0).abs() * 2.0 < sun.daylight_h;
            let passing = (1.0 + 1.2 * clearness * (1.0 - clearness) * cloud).clamp(0.0, 1.1 / clearness);
            minutes.push(if up { sun.peak_w * sun.noon_share * height * clearness * passing } else { 0.0 });
        }
    }
    minutes
}

/// A Poisson process whose rate follows the hour and the day of the week; the week begins on a Monday.
fn asks(scenario: &Scenario, dice: &mut Dice) -> Vec<Ask> {
    let prompts = &scenario.prompts;
    let whole: f64 = prompts.hours.iter().sum();
    // Log-normal with the mean of the scenario, cut to what a context holds.
    let length = |dice: &mut Dice, mean: f64, most: u32| count32(mean * dice.factor(prompts.spread)).clamp(1, most);
    let mut asks = Vec::new();
    for day in 0..DAYS {
        let share = if day < 5 { 1.0 } else { prompts.weekend };
        for (hour, weight) in prompts.hours.iter().enumerate() {
            let per_hour = prompts.per_day * share * weight / whole;
            let mut into = dice.exponential();
            while into < per_hour {
                asks.push(Ask {
                    at: count((index(day * 24 + hour) + into / per_hour) * 3.6e9),
                    tokens_in: length(dice, prompts.tokens_in, 1_000_000),
                    tokens_out: length(dice, prompts.tokens_out, prompts.max_tokens),
                });
                into += dice.exponential();
            }
        }
    }
    asks
}

/// Each level is faster or slower than believed by a factor of its own.
fn board(scenario: &Scenario, dice: &mut Dice) -> Vec<Rung> {
    let real = |rung: &Rung| {
        let factor = dice.factor(scenario.board.error);
        Rung { prefill_tok_s: rung.prefill_tok_s * factor, decode_tok_s: rung.decode_tok_s * factor, ..rung.clone() }
    };
    scenario.level.iter().map(real).collect()
}

impl World {
    /// What the panels could give at this moment, in watts.
    #[must_use]
    pub fn sun_at(&self, at: u64) -> f64 {
        self.sun.get(place((float(at) / 6e7).floor())).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_brings_the_prompts_and_the_sun_of_its_scenario() {
        let scenario = Scenario::shipped("B").unwrap();
        let weeks: Vec<World> = (0..20).map(|seed| World::new(&scenario, seed)).collect();
        let mean = |of: &dyn Fn(&World) -> f64| weeks.iter().map(of).sum::<f64>() / 20.0;
        let prompts = mean(&|week| index(week.asks.len()));
        assert!((prompts - 3_500.0).abs() < 60.0, "{prompts} prompts a week");
        let tokens = mean(&|week| week.asks.iter().map(|ask| f64::from(ask.tokens_in)).sum::<f64>() / index(week.asks.len()));
        assert!((tokens - 80.0).abs() < 2.0, "{tokens} tokens a prompt");
        let hours = mean(&|week| week.sun.iter().sum::<f64>() / 60.0 / 7.0 / 40.0);
        assert!((3.0..4.2).contains(&hours), "{hours} hours of peak sun a day");
        let dark = weeks.iter().all(|week| week.sun_at(5 * 3_600_000_000) <= 0.0 && week.sun_at(12 * 3_600_000_000) > 0.0);
        assert!(dark, "nights are dark and noons are not");
    }

    #[test]
    fn more_prompts_do_not_change_the_weather_and_another_seed_does() {
        let few = Scenario::shipped("A").unwrap();
        let mut many = few.clone();
        many.prompts.per_day = 900.0;
        assert_eq!(World::new(&few, 7).sun, World::new(&many, 7).sun);
        assert_eq!(World::new(&few, 7), World::new(&few, 7));
        assert_ne!(World::new(&few, 7).sun, World::new(&few, 8).sun);
    }

    #[test]
    fn prompts_come_in_order_and_few_at_a_quiet_weekend() {
        let week = World::new(&Scenario::shipped("school").unwrap(), 3);
        assert!(week.asks.is_sorted_by_key(|ask| ask.at));
        let weekend = week.asks.iter().filter(|ask| ask.at >= 5 * 86_400_000_000).count();
        assert!(weekend * 10 < week.asks.len(), "{weekend} of {}", week.asks.len());
    }
}
