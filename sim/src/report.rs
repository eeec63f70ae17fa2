//! What the weeks came to: a table for people, plain values for programs.
//!
//! Promises: regret compares sums over all weeks, so a bad week is not averaged away.
//! Deliberately absent: charts (`chart`).

use std::fmt;

use serde::Serialize;

use crate::{
    number::{float, index, place},
    player::Policy,
    scenario::Scenario,
    simulate::Options,
    tally::Tally,
};

/// All policies on one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Of the scenario.
    pub scenario: String,
    /// Of the scenario.
    pub about: String,
    /// Weeks simulated.
    pub weeks: u32,
    /// Of the first week; each further week adds one.
    pub seed: u64,
    /// Idle trimming.
    pub trim: bool,
    /// Prompts that came, in all weeks.
    pub asked: u64,
    /// Utility of the oracle, in percent of the prompts.
    pub oracle_pct: f64,
    /// One policy each.
    pub policies: Vec<Row>,
    /// The levels' names, poorest first, for the charts.
    #[serde(skip)]
    pub levels: Vec<String>,
    /// Weeks in full, policy by policy, for the charts.
    #[serde(skip)]
    pub tallies: Vec<Vec<Tally>>,
}

/// One policy's weeks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub policy: String,
    /// Prompts answered in time, in percent.
    pub served_pct: f64,
    /// Mean quality of those answers, 0 to 1.
    pub quality: f64,
    /// Times a week that the battery cut the board off.
    pub brown_outs_per_week: f64,
    /// Changes of level a week.
    pub switches_per_week: f64,
    /// Utility lost against the oracle, in percent.
    pub regret_pct: f64,
    /// Half of the answers took no longer, waiting included, in seconds.
    pub latency_p50_s: f64,
    /// 95 in 100 answers took no longer, in seconds.
    pub latency_p95_s: f64,
    /// Drawn by the board, a week, in watt-hours.
    pub wh_per_week: f64,
    /// Of an answer, idle draw while it was made included, in joules.
    pub joules_per_answer: f64,
    /// Emitted by all that was drawn, a week, in grams of CO2-equivalent.
    pub grams_per_week: f64,
    /// Prompts refused, a week.
    pub refused_per_week: f64,
    /// Prompts that ran into their deadline, waiting or in hand, a week.
    pub late_per_week: f64,
    /// Prompts lost to the board being cut off, a week.
    pub dark_per_week: f64,
}

/// A policy's weeks as they come in.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    name: String,
    weeks: Vec<Tally>,
}

impl Line {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self { name: policy.to_string(), weeks: Vec::new() }
    }

    pub(crate) fn add(&mut self, week: Tally) {
        self.weeks.push(week);
    }

    fn row(&self, best: f64) -> Row {
        let sum = |of: &dyn Fn(&Tally) -> f64| self.weeks.iter().map(of).sum::<f64>();
        let weekly = |of: &dyn Fn(&Tally) -> f64| sum(of) / index(self.weeks.len().max(1));
        let served = sum(&|week| float(week.served));
        let mut latencies: Vec<u64> = self.weeks.iter().flat_map(|week| &week.latencies).copied().collect();
        latencies.sort_unstable();
        let latency = |share: f64| {
            let rank = place(share * index(latencies.len().saturating_sub(1)));
            latencies.get(rank).map_or(0.0, |micros| float(*micros) / 1e6)
        };
        Row {
            policy: self.name.clone(),
            served_pct: 100.0 * served / sum(&|week| float(week.asked)).max(1.0),
            quality: sum(&|week| week.quality) / served.max(1.0),
            brown_outs_per_week: weekly(&|week| float(week.brown_outs)),
            switches_per_week: weekly(&|week| float(week.switches)),
            regret_pct: if best > 0.0 { 100.0 * (1.0 - sum(&Tally::utility) / best) } else { 0.0 },
            latency_p50_s: latency(0.5),
            latency_p95_s: latency(0.95),
            wh_per_week: weekly(&|week| float(week.drawn().0) / 3.6e9),
            joules_per_answer: sum(&|week| float(week.books.answers.0)) / 1e6 / served.max(1.0),
            grams_per_week: weekly(&|week| float(week.emitted().0) / 1e6),
            refused_per_week: weekly(&|week| float(week.refused)),
            late_per_week: weekly(&|week| float(week.expired + week.late)),
            dark_per_week: weekly(&|week| float(week.lost + week.unheard)),
        }
    }
}

impl Report {
    pub(crate) fn new(scenario: &Scenario, options: &Options, lines: Vec<Line>, best: f64, asked: u64) -> Self {
        Self {
            scenario: scenario.name.clone(),
            about: scenario.about.clone(),
            weeks: options.weeks,
            seed: options.seed,
            trim: options.trim,
            asked,
            oracle_pct: if asked > 0 { 100.0 * best / float(asked) } else { 0.0 },
            policies: lines.iter().map(|line| line.row(best)).collect(),
            levels: scenario.level.iter().map(|level| level.name.clone()).collect(),
            tallies: lines.into_iter().map(|line| line.weeks).collect(),
        }
    }
}

/// The table for people.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, about, weeks, seed, asked, .. } = self;
        let trim = if self.trim { "on" } else { "off" };
        let last = seed.saturating_add(u64::from(weeks.saturating_sub(1)));
        writeln!(out, "{scenario}: {about}")?;
        writeln!(
            out,
            "{weeks} weeks, seeds {seed} to {last}, {asked} prompts, idle trimming {trim}; oracle {:.1} %",
            self.oracle_pct
        )?;
        writeln!(
            out,
            "{:<14} {:>8} {:>7} {:>10} {:>9} {:>8} {:>6} {:>6} {:>7} {:>8} {:>7}",
            "policy", "served %", "quality", "brown-outs", "switches", "regret %", "p50 s", "p95 s", "Wh", "J/answer", "g CO2e"
        )?;
        for row in &self.policies {
            writeln!(
                out,
                "{:<14} {:>8.1} {:>7.3} {:>10.1} {:>9.0} {:>8.1} {:>6.0} {:>6.0} {:>7.0} {:>8.0} {:>7.1}",
                row.policy,
                row.served_pct,
                row.quality,
                row.brown_outs_per_week,
                row.switches_per_week,
                row.regret_pct,
                row.latency_p50_s,
                row.latency_p95_s,
                row.wh_per_week,
                row.joules_per_answer,
                row.grams_per_week
            )?;
        }
        Ok(())
    }
}
