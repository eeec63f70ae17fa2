//! Weeks of a site under several policies, side by side, and the oracle above them.
//!
//! Promises: the same scenario, seed and options give the same report.
//! Deliberately absent: printing and files; the caller does that.

use crate::{
    oracle,
    plant::Plant,
    player::{BadPolicy, Player, Policy},
    report::{Line, Report},
    run::Week,
    scenario::Scenario,
    tally::{PRICE, Tally},
    world::World,
};

/// What to simulate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Weeks, each with weather, prompts and a board of its own; 1 to 1000.
    pub weeks: u32,
    /// Seed of the first week; each further one adds one.
    pub seed: u64,
    /// Who is compared.
    pub policies: Vec<Policy>,
    /// Idle trimming.
    pub trim: bool,
}

impl Options {
    /// Hob, the richest level and the middle ones, the poorest, and thresholds of charge.
    #[must_use]
    pub fn compare_all(scenario: &Scenario) -> Vec<Policy> {
        let fixed = scenario.level.iter().rev().map(|level| Policy::Always(level.name.clone()));
        std::iter::once(Policy::Hob(hob_core::policy::Mode::Auto)).chain(fixed).chain([Policy::Thresholds]).collect()
    }
}

/// Simulates.
///
/// # Errors
///
/// [`BadPolicy`] if a policy names a level that the scenario lacks.
pub fn run(scenario: &Scenario, options: &Options) -> Result<Report, BadPolicy> {
    let plant = Plant::new(scenario, options.trim);
    let mut lines: Vec<Line> = options.policies.iter().map(Line::new).collect();
    let mut best = 0.0;
    let mut asked = 0;
    for week in 0..options.weeks {
        let seed = options.seed.wrapping_add(u64::from(week));
        let world = World::new(scenario, seed);
        best += oracle::best(&world, &plant, PRICE);
        asked += u64::try_from(world.asks.len()).unwrap_or(u64::MAX);
        for (policy, line) in options.policies.iter().zip(&mut lines) {
            line.add(live(scenario, &world, &plant, policy, seed)?);
        }
    }
    Ok(Report::new(scenario, options, lines, best, asked))
}

/// One week under one policy.
///
/// # Errors
///
/// [`BadPolicy`] if the policy names a level that the scenario lacks.
pub fn live(scenario: &Scenario, world: &World, plant: &Plant, policy: &Policy, seed: u64) -> Result<Tally, BadPolicy> {
    let player = Player::new(policy, scenario, plant)?;
    Ok(Week::new(scenario, world, plant, player, seed).live())
}

#[cfg(test)]
mod tests;
