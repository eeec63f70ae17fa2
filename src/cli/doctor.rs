//! `hob doctor`: one look at everything that Hob needs, each with a remedy.

use std::{path::Path, process::ExitCode, time::Duration};

use hob_hal::{
    board,
    memory::{BoardMemory, Memory},
    thrift::Thrift,
};
use hob_mqtt::{Probe, probe};
use hob_shelf::Shelf;

use super::{print, up};
use crate::{
    ladder::{ServingPlan, predict},
    settings::Settings,
};

/// How one check came out.
enum Finding {
    /// As it should be.
    Good(String),
    /// Hob works without it.
    Missing(String, String),
    /// Hob does not work like this.
    Bad(String, String),
}

use Finding::{Bad, Good, Missing};

pub(super) fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    let root = Path::new("/");
    let board = board::read(root);
    let inventory = board::inventory(root);
    print::line(&format!(
        "hob {} on {}",
        env!("CARGO_PKG_VERSION"),
        inventory.model.as_deref().unwrap_or("a machine without a device tree")
    ));
    let findings = [
        ("memory", memory(settings)),
        ("model", model(settings)),
        ("broker", broker(settings)?),
        ("power", power(settings)),
        ("battery", battery(settings)),
        ("thrift", thrift()),
        (
            "i2c",
            devices(
                &inventory.i2c,
                "no I2C bus",
                "dtparam=i2c_arm=on in config.txt, module i2c-dev; without one energy comes from another source",
            ),
        ),
        ("gpio", devices(&inventory.gpio, "no GPIO chip", "only the button and the LED need it")),
        ("thermal", thermal(&board)),
        ("voltage", voltage(&board)),
        ("state", state(settings)),
    ];
    let mut works = true;
    for (what, finding) in findings {
        let (mark, text, remedy) = match finding {
            Good(text) => ("ok  ", text, None),
            Missing(text, remedy) => ("--  ", text, Some(remedy)),
            Bad(text, remedy) => {
                works = false;
                ("BAD ", text, Some(remedy))
            }
        };
        print::line(&format!("{mark} {what:<8} {text}"));
        if let Some(remedy) = remedy {
            print::line(&format!("              remedy: {remedy}"));
        }
    }
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn memory(settings: &Settings) -> Finding {
    match BoardMemory::new(Path::new("/")).read() {
        Err(error) => Bad(error.to_string(), "mount /proc".into()),
        Ok(reading) => {
            let pressure = reading.pressure.map_or("pressure not known (boot with psi=1)".into(), |share| {
                format!("pressure {} %", f64::from(share.0) / 100.0)
            });
            let text = format!(
                "{} of {} MiB available, {} MB reserved, {pressure}",
                reading.available.mebibytes(),
                reading.total.mebibytes(),
                settings.policy.reserve_mb
            );
            Good(text)
        }
    }
}

fn model(settings: &Settings) -> Finding {
    let dir = settings.shelf_dir();
    let remedy = || format!("`hob model pull` or `hob model import` puts one into {}", dir.display());
    let shelf = match Shelf::open(&dir) {
        Ok(shelf) => shelf,
        Err(error) => return Bad(error.to_string(), remedy()),
    };
    let engine = &settings.engine;
    let plan = ServingPlan { slots: engine.slots, context: engine.context, batch: engine.batch };
    let free = BoardMemory::new(Path::new("/"))
        .read()
        .map_or(0, |reading| reading.available.0.saturating_sub(settings.policy.reserve_mb * 1_000_000));
    let answering: Vec<_> = shelf.levels.iter().filter(|level| !level.entry.embeds).collect();
    let fitting = answering.iter().filter(|level| predict(level, plan).total().0 <= free).count();
    match (answering.len(), fitting) {
        (0, _) => Bad(format!("no model that answers in {}", dir.display()), remedy()),
        (levels, 0) => Bad(
            format!("none of {levels} levels fits the free memory"),
            "add a smaller level, or lower engine.slots or engine.context".into(),
        ),
        (levels, fitting) => Good(format!("{fitting} of {levels} levels fit, {} notes (`hob model list`)", shelf.notes.len())),
    }
}

fn broker(settings: &Settings) -> anyhow::Result<Finding> {
    let (host, port) = (settings.mqtt.host.clone().unwrap_or_else(|| "127.0.0.1".into()), settings.mqtt.port);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(probe(&host, port, Duration::from_secs(3)));
    let installed =
        ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"].iter().any(|path| Path::new(path).exists());
    Ok(match (found, settings.mqtt.host.is_some()) {
        (Probe::Broker, _) => Good(format!("one listens on {host}:{port}")),
        (Probe::Other, _) if settings.mqtt.tls => Good(format!("something listens on {host}:{port}; TLS is not tried here")),
        (Probe::Other, _) => {
            Bad(format!("{host}:{port} does not answer like a broker"), "check mqtt.host, mqtt.port and mqtt.tls".into())
        }
        (Probe::Nobody, true) => Bad(
            format!("nobody listens on {host}:{port}"),
            "start the broker, or check mqtt.host, the network and the firewall".into(),
        ),
        (Probe::Nobody, false) if installed => Good("none runs; `hob up` starts a private mosquitto on loopback".into()),
        (Probe::Nobody, false) => {
            Bad("none runs, and mosquitto is not installed".into(), "apt install mosquitto, or set mqtt.host".into())
        }
    })
}

fn power(settings: &Settings) -> Finding {
    match up::open_meter(settings) {
        Err(error) => Bad(error.to_string(), "or set power.source = \"auto\"".into()),
        Ok((meter, notes)) if notes.is_empty() => Good(format!("source {}", meter.source().as_str())),
        Ok((meter, notes)) => {
            let text = format!("source {}, within {} %", meter.source().as_str(), f64::from(meter.bound().0) / 100.0);
            Missing(text, format!("for better: {}", notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>().join("; ")))
        }
    }
}

/// The sensor that looks at the battery, if one is configured.
fn battery(settings: &Settings) -> Finding {
    let battery = &settings.battery;
    let Some(capacity) = battery.capacity_mah else {
        return Missing(
            "none configured".into(),
            "on battery, give battery.capacity_mah: levels are then chosen by forecast".into(),
        );
    };
    let what = format!("{} {} in series, {capacity} mAh", battery.cells, battery.chemistry);
    match (battery.address, settings.power.position.as_str()) {
        (None, "battery") => Good(format!("{what}, seen by the power sensor")),
        (None, _) => Missing(
            format!("{what}, which nobody looks at: what the board draws is counted down"),
            "put an INA219 into its line (battery.address), or the power sensor (power.position = \"battery\")".into(),
        ),
        (Some(address), _) => match up::battery_sensor(settings, address) {
            Ok(_) => Good(format!("{what}, a sensor at {address:#04x}")),
            Err(error) => Bad(format!("{what}: {error:#}"), "check battery.address, or leave it out".into()),
        },
    }
}

/// What could be switched off while nobody asks. A journal of its own, so that nothing of a running daemon's is undone.
fn thrift() -> Finding {
    let (thrift, _) = Thrift::recover(Path::new("/"), Path::new("/nonexistent/thrift.journal"));
    let words: Vec<&str> = thrift.offers().iter().map(|offer| offer.step.as_str()).collect();
    if words.is_empty() {
        let why = thrift.off().first().map_or(String::new(), |(step, why)| format!("{}: {why}", step.as_str()));
        return Missing(
            "nothing here can be switched off to save power".into(),
            format!("it takes write access below /sys ({why})"),
        );
    }
    Good(format!("can be switched off to save power: {} (thrift.steps)", words.join(", ")))
}

fn devices(devices: &[board::Device], none: &str, remedy: &str) -> Finding {
    let Some(first) = devices.first() else { return Missing(none.into(), remedy.into()) };
    if let Some(usable) = devices.iter().find(|device| device.refused.is_none()) {
        return Good(format!("{} ({} in all)", usable.path.display(), devices.len()));
    }
    let why = first.refused.as_ref().map_or(String::new(), ToString::to_string);
    Missing(format!("{} cannot be opened: {why}", first.path.display()), "add this user to the group i2c or gpio".into())
}

fn thermal(board: &board::BoardReading) -> Finding {
    match board.temperature {
        Some(temperature) if temperature.0 >= 80_000 => {
            Bad(format!("{} °C", temperature.0 / 1_000), "cool it: it throttles from 80 °C".into())
        }
        Some(temperature) => Good(format!("{} °C", temperature.0 / 1_000)),
        None => Missing("no temperature".into(), "a board without a thermal zone cannot step down when hot".into()),
    }
}

fn voltage(board: &board::BoardReading) -> Finding {
    match board.undervoltage {
        Some(true) => Bad("the supply is too weak".into(), "use a 5.1 V, 3 A supply and a short thick cable".into()),
        Some(false) => Good("the supply is strong enough".into()),
        None => Missing("not known".into(), "only a Raspberry Pi's firmware tells (rpi_volt)".into()),
    }
}

fn state(settings: &Settings) -> Finding {
    let dir = settings.state_dir();
    let existing = dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    if rustix::fs::access(existing, rustix::fs::Access::WRITE_OK).is_ok() {
        Good(format!("{} is writable", dir.display()))
    } else {
        Bad(format!("{} is not writable", dir.display()), "set state.dir to a folder of this user, or run as the user hob".into())
    }
}
