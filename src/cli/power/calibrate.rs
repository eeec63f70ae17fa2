//! `hob power calibrate`: by what this board's meter has to be multiplied to say what a better one says.
//!
//! It reads the sensor beside a daemon that may be running, and never writes to it.
//! Deliberately absent: the better meter; a person reads it, best with the board at rest.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail, ensure};
use hob_core::units::PartsPerMillion;
use hob_hal::{
    gain::Gain,
    meter::{MeterError, Source},
    open::{self, MeterSettings},
};

use crate::{
    cli::{print, up},
    settings::Settings,
};

/// The sensor's conversions are not quicker than this.
const BEAT: Duration = Duration::from_millis(100);

pub(super) fn run(settings: &Settings, against: f64, seconds: u64) -> anyhow::Result<ExitCode> {
    ensure!((0.1..=1_000.0).contains(&against), "--against {against}: watts between 0.1 and 1000");
    ensure!((1..=3_600).contains(&seconds), "--seconds {seconds}: between 1 and 3600");
    let wanted = MeterSettings { shared: true, gain: None, ..up::meter_settings(settings)? };
    let (mut meter, _) = open::open(&wanted)?;
    match meter.source() {
        Source::Ina219 | Source::Hwmon | Source::Model => {}
        Source::Simulated => bail!("a simulated meter is compared with nothing; set power.source to a real one, or to model"),
        Source::Rapl => {
            bail!("RAPL counts the processor alone: what it leaves out is no factor; use an INA219, or power.source = \"model\"")
        }
    }
    print::note(&format!("measuring for {seconds} s (source: {}); leave the board as it is ...", meter.source().as_str()));
    let (mut sum, mut count) = (0_u64, 0_u64);
    let beats = seconds.saturating_mul(10);
    for _ in 0..beats {
        #[allow(clippy::disallowed_methods, reason = "measuring is letting time pass")]
        std::thread::sleep(BEAT);
        match meter.read() {
            Ok(reading) if reading.clipped => bail!("the draw is past the sensor's range: it needs a smaller shunt"),
            Ok(reading) => {
                sum += u64::from(reading.power.0);
                count += 1;
            }
            Err(MeterError::NotReady) => {}
            Err(error) => return Err(error).context("the meter failed while measuring"),
        }
    }
    let mean =
        sum.checked_div(count).filter(|&mean| mean > 0).context("the meter says 0 W; check its wires with `hob doctor`")?;
    let factor = factor(against, mean);
    let gain = Gain::new(PartsPerMillion(factor))?;
    let file = up::gain_file(settings);
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    std::fs::write(&file, format!("{} {}\n", meter.source().as_str(), gain.get().0))
        .with_context(|| file.display().to_string())?;
    print::line(&format!(
        "the meter says {}.{:03} W and the other {against} W: a gain of {}.{:06}, kept in {}. Restart `hob up` to use it.",
        mean / 1_000,
        mean % 1_000,
        factor / 1_000_000,
        factor % 1_000_000,
        file.display()
    ));
    Ok(ExitCode::SUCCESS)
}

#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "watts are checked to be in range, and a mean of milliwatts is exact in an f64"
)]
fn factor(against: f64, mean: u64) -> u32 {
    (against * 1e9 / mean as f64).round() as u32
}
