//! Prints the table of simulated weeks, without the daemon.
//!
//! `cargo run --release -p hob-sim --example weeks -- A B C --weeks 8 --seed 1 --trim --policy hob --policy Q8_0`
//!
//! `--json` prints JSON instead; `--charts DIR` also writes a picture for each scenario and policy.
//! Deliberately absent: help (`hob simulate` has it).
#![allow(clippy::print_stdout, reason = "an example prints")]

use hob_sim::{
    chart::charts,
    player::Policy,
    scenario::Scenario,
    simulate::{Options, run},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut names, mut policies) = (Vec::new(), Vec::<Policy>::new());
    let (mut weeks, mut seed, mut trim, mut json, mut pictures) = (8, 1, false, false, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or("a value is missing");
        match word.as_str() {
            "--weeks" => weeks = value()?.parse()?,
            "--seed" => seed = value()?.parse()?,
            "--policy" => policies.push(value()?.parse()?),
            "--charts" => pictures = Some(std::path::PathBuf::from(value()?)),
            "--json" => json = true,
            "--trim" => trim = true,
            _ => names.push(word),
        }
    }
    if names.is_empty() {
        names = Scenario::SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
    }
    for name in names {
        let scenario = match Scenario::shipped(&name) {
            Ok(scenario) => scenario,
            Err(_) if name.contains('.') => Scenario::parse(&name, &std::fs::read_to_string(&name)?)?,
            Err(error) => return Err(error.into()),
        };
        let policies = if policies.is_empty() { Options::compare_all(&scenario) } else { policies.clone() };
        let report = run(&scenario, &Options { weeks, seed, policies, trim })?;
        if json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            println!("{report}");
        }
        for (policy, svg) in pictures.iter().flat_map(|_| charts(&report)).flatten() {
            let file = format!("{}-{}.svg", report.scenario, policy.replace(':', "-"));
            std::fs::write(pictures.clone().unwrap_or_default().join(file), svg)?;
        }
    }
    Ok(())
}
