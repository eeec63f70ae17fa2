//! What Hob takes and gives, measured on this machine: figures with their targets, and a soak.
//!
//! ```text
//! hob-bench all | speed | batch | prefix | memory | idle      rows of a Markdown table
//! hob-bench soak [MINUTES [SEED]]                              a hostile client, and what came of it
//! ```
//!
//! Promises: the daemon is the real one, a process of its own with its own mosquitto; it and the bare loop take turns on
//! the same file; the exit status is 1 if a target is missed.
//! Deliberately absent: being a gate. Other work on the cores makes figures worse; the load is printed above them.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests may"))]

mod bare;
mod footprint;
mod house;
mod report;
mod soak;
mod speed;

use std::process::ExitCode;

use anyhow::{Context, bail};
use report::Report;

const USAGE: &str = "usage: hob-bench all | speed | batch | prefix | memory | idle | soak [MINUTES [SEED]]";

fn main() -> anyhow::Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // One worker keeps the link alive while the bare loop has this thread.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let good = runtime.block_on(async {
        match args.as_slice() {
            ["soak", rest @ ..] if rest.len() < 3 => {
                let number = |place: usize, default: u64| -> anyhow::Result<u64> {
                    rest.get(place)
                        .map_or(Ok(default), |text| text.parse().with_context(|| format!("{text} is no number; {USAGE}")))
                };
                soak::run(number(0, 10)?, number(1, 1)?).await
            }
            [what] => figures(what).await,
            _ => bail!(USAGE),
        }
    })?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Measures what is asked for; whether every target was met.
async fn figures(what: &str) -> anyhow::Result<bool> {
    if !["all", "speed", "batch", "prefix", "memory", "idle"].contains(&what) {
        bail!(USAGE);
    }
    let wanted = |name: &str| what == "all" || what == name;
    let mut report = Report::begin();
    if wanted("speed") {
        speed::one(&mut report).await?;
    }
    if wanted("batch") {
        speed::eight(&mut report).await?;
    }
    if wanted("prefix") {
        speed::prefix(&mut report).await?;
    }
    if wanted("memory") {
        footprint::memory(&mut report).await?;
    }
    if wanted("idle") {
        footprint::idle(&mut report).await?;
    }
    Ok(report.good())
}
