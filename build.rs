//! Makes the man pages and shell completions: `target/<profile>/assets/{man,completions}`.

use std::{env, error::Error, fs, path::PathBuf};

use clap::{CommandFactory, ValueEnum};
use clap_complete::{Shell, generate_to};

#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::large_enum_variant,
    reason = "only the definition is used here; its comments are help texts"
)]
mod args {
    include!("src/cli/args.rs");
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/cli/args.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    // OUT_DIR is target/<profile>/build/hob-<hash>/out
    let profile = out.ancestors().nth(3).ok_or("OUT_DIR is deep")?;
    let (man, completions) = (profile.join("assets/man"), profile.join("assets/completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(args::Cli::command(), &man)?;
    for shell in Shell::value_variants() {
        generate_to(*shell, &mut args::Cli::command(), "hob", &completions)?;
    }
    Ok(())
}
