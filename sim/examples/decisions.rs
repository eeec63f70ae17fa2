//! Prints how long a decision takes, over a simulated week of site B.
//!
//! `cargo run --release -p hob-sim --example decisions -- --seed 1`
//!
//! The week is lived once; its charge, sun and levels are then told to a fresh steward, which decides for every prompt
//! again. Each decision is made five times from the same state and the least time counts, so that what else the machine
//! does is left out. Who came within a minute before is taken to wait.
//! Deliberately absent: the time of a whole answer, and other machines.
#![allow(clippy::print_stdout, reason = "an example prints")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use hob_core::{
    battery::Charge,
    policy::{Asked, Means, Mode, Question, Rules, Wish},
    steward::{Steward, Supply},
    units::{Bytes, Microjoules, Micros, Millis, Milliwatts, Now, PartsPerMillion},
};
use hob_sim::{
    number::{count, count32, index},
    plant::Plant,
    player::{Policy, ladder},
    scenario::Scenario,
    simulate::live,
    tally::Sample,
    world::{Ask, World},
};

const MINUTE: u64 = 60_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seed = std::env::args().skip_while(|word| word != "--seed").nth(1).map_or(Ok(1), |seed| seed.parse())?;
    let scenario = Scenario::shipped("B")?;
    let (plant, world) = (Plant::new(&scenario, false), World::new(&scenario, seed));
    let week = live(&scenario, &world, &plant, &Policy::Hob(Mode::Auto), seed)?;
    let full = Microjoules(count(plant.battery.as_ref().map_or(0.0, |battery| battery.capacity_wh) * 3.6e9));
    let (levels, mut steward) = (ladder(&scenario, &plant), Steward::new(Rules::default(), Mode::Auto));
    let means = Means { memory: Bytes::from_mebibytes(scenario.board.memory_mib), ..Means::default() };
    let asked =
        |ask: &Ask| Asked { prompt_tokens: ask.tokens_in, max_tokens: 256, left: Some(Millis(300_000)), ..Asked::default() };

    let (mut lived, mut anew, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let mut minute = 0;
    for (nth, ask) in world.asks.iter().enumerate() {
        while minute <= ask.at {
            steward.supply(moment(minute), &supply(&week.samples, minute, plant.idle, full));
            minute += MINUTE;
        }
        let now = moment(ask.at);
        steward.arrived(now);
        let before = world.asks.get(..nth).unwrap_or_default();
        let queue: Vec<Asked> = before.iter().rev().take_while(|other| ask.at - other.at < MINUTE).map(asked).collect();
        let loaded = sample(&week.samples, ask.at).and_then(|sample| sample.level);
        let question = Question { ladder: &levels, means: &means, loaded, asked: asked(ask), queue: &queue, wish: Wish::Auto };
        let (took, decided) = decide(&steward, now, &question);
        lived.push(took);
        kept.push(decide(&decided, now, &question).0);
        steward.set_mode(Mode::Auto);
        anew.push(decide(&steward, now, &question).0);
        steward = decided;
    }
    println!("site B, seed {seed}: {} decisions, in microseconds", lived.len());
    println!("{:<22} {:>7} {:>7} {:>7} {:>7}", "", "mean", "median", "p99", "most");
    for (name, mut times) in [("as they come", lived), ("plan made anew", anew), ("plan kept", kept)] {
        times.sort_unstable();
        let micros = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e6);
        let mean = times.iter().sum::<Duration>().as_secs_f64() * 1e6 / index(times.len().max(1));
        let at = |share: usize| micros(times.get(times.len() * share / 100));
        println!("{name:<22} {mean:>7.1} {:>7.1} {:>7.1} {:>7.1}", at(50), at(99), micros(times.last()));
    }
    Ok(())
}

/// The least time of five, and the steward after it.
fn decide(steward: &Steward, now: Now, question: &Question<'_>) -> (Duration, Steward) {
    let mut least = Duration::MAX;
    let mut after = steward.clone();
    for _ in 0..5 {
        after = steward.clone();
        let from = Instant::now();
        let decision = after.decide(now, question);
        least = least.min(from.elapsed());
        drop(decision);
    }
    (least, after)
}

fn moment(at: u64) -> Now {
    Now { mono: Micros(at), day: u32::try_from(at / 1_000_000 % 86_400).unwrap_or(0) }
}

/// The last sample before this moment.
fn sample(samples: &[Sample], at: u64) -> Option<&Sample> {
    samples.get(samples.partition_point(|sample| sample.at <= at).checked_sub(1)?)
}

fn supply(samples: &[Sample], at: u64, idle: Milliwatts, full: Microjoules) -> Supply {
    let seen = sample(samples, at);
    let level = seen.and_then(|sample| sample.charge).map_or(PartsPerMillion(0), |charge| PartsPerMillion(count32(charge * 1e6)));
    let solar = seen.map(|sample| Milliwatts(count32(sample.sun * 1e3)));
    Supply { idle, charge: Some(Charge { level, bound: PartsPerMillion(30_000), full }), solar }
}
