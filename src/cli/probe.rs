//! `hob probe FILE`: the daemon's taster. What a hostile file breaks, it breaks in this process.

use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use super::print;
use crate::house::Prober;

/// A model of 4 GB from a slow card, twice.
const PATIENCE: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_millis(20);

/// Loads the file and computes one token.
pub(super) fn run(file: &Path) -> ExitCode {
    match hob_engine::probe(file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Runs the taster for a file.
pub(super) fn prober() -> Prober {
    Arc::new(|file: &Path| {
        let program = std::env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
        let child = Command::new(program)
            .arg("probe")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| format!("cannot start the probe: {error}"))?;
        let begun = Instant::now();
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if begun.elapsed() < PATIENCE => std::thread::park_timeout(LOOK),
                outcome => {
                    let _killed = child.kill().and_then(|()| child.wait());
                    return Err(outcome.map_or_else(
                        |error| error.to_string(),
                        |_| format!("it was not loaded within {} s", PATIENCE.as_secs()),
                    ));
                }
            }
        };
        if status.success() {
            return Ok(());
        }
        let mut words = String::new();
        if let Some(mut pipe) = child.stderr.take() {
            let _partly = std::io::Read::read_to_string(&mut std::io::Read::take(&mut pipe, 64 * 1024), &mut words);
        }
        let last =
            words.lines().rfind(|line| line.starts_with("hob: ") || line.contains("GGML_ASSERT") || line.contains("error"));
        let last = last.map_or("it ends the process that loads it", |line| line.trim_start_matches("hob: "));
        Err(format!("the file is damaged or hostile ({status}): {last}"))
    })
}
