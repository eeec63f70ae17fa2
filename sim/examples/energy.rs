//! Prints the tables of docs/energy.md as Markdown: `scripts/energy` puts them there.
//!
//! `cargo run --release -p hob-sim --example energy -- [--weeks N] [--seed N]`
//!
//! Deliberately absent: what cannot be simulated; no board has been measured.
#![allow(clippy::print_stdout, reason = "an example prints")]

use hob_hal::ina219::paths::{FAULT_HEADING, PATH_HEADING, fault_table, path_table};
use hob_sim::{
    budget, charge, faults, metering,
    player::Policy,
    report::{Report, Row},
    scenario::Scenario,
    simulate::{Options, run},
};

/// The five sites of the power study, on which the targets are set.
const STUDY: [&str; 5] = ["A", "B", "C", "D", "E"];
/// The answers of a metering table, the traces of a battery table, the prompts with budgets.
const ANSWERS: u32 = 1_000;
const TRACES: u32 = 24;
const PROMPTS: u64 = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut weeks, mut seed) = (8, 1);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or("a value is missing")?;
        match word.as_str() {
            "--weeks" => weeks = value.parse()?,
            "--seed" => seed = value.parse()?,
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    println!("\n### From the sensor's registers to milliwatts\n\n{PATH_HEADING}");
    for row in path_table() {
        println!("{row}");
    }
    println!("\n{FAULT_HEADING}");
    for row in fault_table() {
        println!("{row}");
    }
    println!("\n### Energy of an answer\n\nSeed {seed}.\n\n{}", metering::markdown(&metering::table(seed, ANSWERS)));
    println!("\n### When something fails\n\n{}", faults::markdown(&faults::table(seed)));
    println!(
        "\n### Prompts with budgets and deadlines\n\nSeed {seed}; the plan that Hob makes against the trace of the answer.\n\n{}",
        budget::replay(seed, PROMPTS)
    );
    println!(
        "\n### State of charge\n\nSeed {seed}, {TRACES} traces a row. Mean / 95th percentile of the error, in percent of full.\n"
    );
    println!("{}", charge::markdown(&charge::table(seed, TRACES)));
    policies(weeks, seed)
}

fn policies(weeks: u32, seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut study = Vec::new();
    println!(
        "\n### Weeks of prompts\n\n{weeks} weeks a site, seeds {seed} to {}. Regret is what is lost against the oracle.\n",
        seed + u64::from(weeks) - 1
    );
    for (name, _) in Scenario::SHIPPED {
        let scenario = Scenario::shipped(name)?;
        let report = run(&scenario, &Options { weeks, seed, policies: Options::compare_all(&scenario), trim: false })?;
        let hob = vec![Policy::Hob(hob_core::policy::Mode::Auto)];
        let trimmed = run(&scenario, &Options { weeks, seed, policies: hob, trim: true })?;
        print(&report, &trimmed);
        if STUDY.contains(&name) {
            study.push(report);
        }
    }
    verdict(&study);
    Ok(())
}

fn print(report: &Report, trimmed: &Report) {
    println!("**{}**: {} (the oracle: {:.1} % of {} prompts)\n", report.scenario, report.about, report.oracle_pct, report.asked);
    println!(
        "| policy | served % | quality | brown-outs/week | switches/week | regret % | p95 s | Wh/week | J/answer | g/week |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for row in &report.policies {
        line(&row.policy, row);
    }
    for row in &trimmed.policies {
        line(&format!("{}, idle trimmed (its own oracle)", row.policy), row);
    }
    println!();
}

fn line(name: &str, row: &Row) {
    println!(
        "| {name} | {:.1} | {:.3} | {:.1} | {:.0} | {:.1} | {:.0} | {:.0} | {:.0} | {:.1} |",
        row.served_pct,
        row.quality,
        row.brown_outs_per_week,
        row.switches_per_week,
        row.regret_pct,
        row.latency_p95_s,
        row.wh_per_week,
        row.joules_per_answer,
        row.grams_per_week
    );
}

/// The targets, on the five sites of the study.
fn verdict(study: &[Report]) {
    let hob = |report: &&Report| report.policies.first().cloned();
    let regrets: Vec<f64> = study.iter().filter_map(|report| hob(&report)).map(|row| row.regret_pct).collect();
    let sites = f64::from(u32::try_from(regrets.len()).unwrap_or(1));
    let fixed = |report: &Report| {
        let levels = report.policies.iter().filter(|row| report.levels.contains(&row.policy) || row.policy.starts_with("always"));
        levels.map(|row| row.regret_pct).fold(f64::INFINITY, f64::min)
    };
    let behind = study.iter().zip(&regrets).map(|(report, regret)| regret - fixed(report)).fold(f64::NEG_INFINITY, f64::max);
    let of = |name: &str| study.iter().find(|report| report.scenario == name).and_then(|report| hob(&report));
    let worst = regrets.iter().copied().fold(0.0, f64::max);
    let restless =
        study.iter().filter(|report| report.scenario != "D").filter_map(|report| hob(&report)).map(|row| row.switches_per_week);
    let restless = restless.fold(0.0, f64::max);
    println!("| target, on A to E | wanted | found | |\n|---|---|---|---|");
    let told = |what: &str, wanted: &str, found: String, met: bool| {
        println!("| {what} | {wanted} | {found} | {} |", if met { "met" } else { "**missed**" });
    };
    let mean = regrets.iter().sum::<f64>() / sites;
    told("mean regret", "≤ 3.0 %", format!("{mean:.2} %"), mean <= 3.0);
    told("worst regret", "≤ 8 %", format!("{worst:.1} %"), worst <= 8.0);
    told("behind the best fixed level, at most", "≤ 2 points", format!("{behind:.1}"), behind <= 2.0);
    if let (Some(a), Some(b)) = (of("A"), of("B")) {
        told("served in B", "≥ 98 %", format!("{:.1} %", b.served_pct), b.served_pct >= 98.0);
        told("mean quality in A", "≥ .99", format!("{:.3}", a.quality), a.quality >= 0.99);
    }
    told("switches a week, at up to 500 prompts a day", "≤ 50", format!("{restless:.0}"), restless <= 50.0);
}
