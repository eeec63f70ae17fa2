//! `hob simulate`: weeks of a site in seconds, under the policy, the desk and the accounts that the daemon runs.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use hob_sim::{
    chart::charts,
    player::Policy,
    report::Report,
    scenario::Scenario,
    simulate::{Options, run as simulate},
};

use super::{args::SimulateArgs, print};

pub(super) fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    if let Some(name) = &args.show {
        let shipped = Scenario::SHIPPED.iter().find(|(known, _)| known == name);
        let (_, text) = shipped.with_context(|| format!("no scenario is called {name}; there are: {}", names()))?;
        print::piece(text);
        return Ok(ExitCode::SUCCESS);
    }
    let shipped = || Scenario::SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let wanted: Vec<String> = if args.scenarios.is_empty() { shipped() } else { args.scenarios.clone() };
    let scenarios: Vec<Scenario> = wanted.iter().map(|name| read(name)).collect::<Result<_, _>>()?;
    let chosen: Vec<Policy> = args.policy.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let mut reports = Vec::new();
    for scenario in &scenarios {
        let policies = if chosen.is_empty() { Options::compare_all(scenario) } else { chosen.clone() };
        let report = simulate(scenario, &Options { weeks: args.weeks, seed: args.seed, policies, trim: args.trim })?;
        if let Some(dir) = &args.charts {
            draw(&report, dir)?;
        }
        if !args.json {
            print::line(&report.to_string());
        }
        reports.push(report);
    }
    if args.json {
        print::line(&serde_json::to_string_pretty(&reports)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// A scenario of one's own (a path), or a shipped one by its name.
fn read(name: &str) -> anyhow::Result<Scenario> {
    if Path::new(name).extension().is_some() {
        let text = std::fs::read_to_string(name).with_context(|| format!("scenario {name}"))?;
        return Ok(Scenario::parse(name, &text)?);
    }
    Ok(Scenario::shipped(name)?)
}

fn names() -> String {
    Scenario::SHIPPED.map(|(name, _)| name).join(", ")
}

fn draw(report: &Report, dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("--charts {}", dir.display()))?;
    for (policy, svg) in charts(report)? {
        let file = dir.join(format!("{}-{}.svg", report.scenario, policy.replace(':', "-")));
        std::fs::write(&file, svg).with_context(|| file.display().to_string())?;
        print::note(&format!("drew {}", file.display()));
    }
    Ok(())
}
