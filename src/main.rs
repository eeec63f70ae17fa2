//! The command `hob`.

use std::process::ExitCode;

use clap::Parser;
use hob::cli;

fn main() -> ExitCode {
    cli::run(cli::args::Cli::parse())
}
