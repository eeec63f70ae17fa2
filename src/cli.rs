//! The command line: one file a subcommand.
//!
//! Errors are for people here: one line on standard error, and exit code 1.

#[allow(
    missing_docs,
    clippy::doc_markdown,
    clippy::large_enum_variant,
    reason = "comments are help texts, and one command is read once; build.rs includes this file too"
)]
pub mod args;
mod ask;
mod config;
mod doctor;
mod model;
mod power;
mod print;
mod probe;
mod progress;
mod quantize;
mod simulate;
mod up;
mod visit;
mod why;

use std::process::ExitCode;

use args::{Cli, Command};

use crate::settings::{Loaded, Place, Settings};

/// Runs a command; returns its exit code.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let place = Place::here(cli.config, cli.set);
    let outcome = match cli.command {
        // Needs no settings, and must not fail for one.
        Command::Probe { file } => return probe::run(&file),
        command => Loaded::read(&place).map_err(Into::into).and_then(|loaded| follow(command, &loaded)),
    };
    outcome.unwrap_or_else(|error| {
        print::error(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

fn follow(command: Command, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let settings = &loaded.settings;
    match command {
        Command::Up => up::run(settings),
        Command::Ask(args) => quietly(settings, || ask::run(settings, args)),
        Command::Power(args) => quietly(settings, || power::run(settings, &args)),
        Command::Why(args) => quietly(settings, || why::run(settings, &args)),
        Command::Simulate(args) => quietly(settings, || simulate::run(&args)),
        Command::Model(command) => quietly(settings, || model::run(settings, command)),
        Command::Quantize(args) => quietly(settings, || quantize::run(settings, &args)),
        Command::Doctor => doctor::run(settings),
        Command::Config => Ok(config::run(loaded)),
        Command::Probe { file } => Ok(probe::run(&file)),
    }
}

/// A command for people: only warnings are logged, unless the settings ask for more.
fn quietly(settings: &Settings, command: impl FnOnce() -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let level = if settings.log.level == "info" { "error" } else { &settings.log.level };
    up::start_log(level, &settings.log.format);
    command()
}
