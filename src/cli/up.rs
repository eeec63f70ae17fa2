//! `hob up`: the daemon with the real world around it.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use hob_core::{
    battery::Pack,
    units::{BasisPoints, MilliampHours, PartsPerMillion},
};
use hob_engine::Llama;
use hob_hal::{
    clock,
    gain::Gain,
    ina219::Address,
    line::Position,
    memory::BoardMemory,
    meter::Meter,
    model::ModelSettings,
    open::{self, MeterSettings, Note},
    shunt::MicroOhms,
};
use hob_wire::{event::MeterCode, topics::Topics};
use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::{probe, progress};
use crate::{
    broker,
    gauge::{Gauge, Label},
    house::{self, Parts, hundredths, milliwatts},
    settings::Settings,
    tasks::{
        metering,
        supply::{Charger, Line, Watched},
    },
};

/// The last messages have so long to reach the broker.
const GOODBYE: Duration = Duration::from_secs(5);
/// Messages between the broker and the house.
const CHANNEL: usize = 64;

pub(super) fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    start_log(&settings.log.level, &settings.log.format);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(live(settings))?;
    // A load that cannot be stopped must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(5));
    Ok(ExitCode::SUCCESS)
}

/// Log lines on standard error; llama.cpp's own are shown from `warn` on, unless asked for.
pub(super) fn start_log(level: &str, format: &str) {
    let wanted = if level.contains('=') { level.to_owned() } else { format!("{level},llama-cpp-2=error") };
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Under journald the time is there already.
    let outcome = match (format, std::env::var_os("JOURNAL_STREAM").is_some()) {
        ("json", _) => log.json().try_init(),
        (_, true) => log.without_time().with_ansi(false).try_init(),
        _ => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
    drop(outcome); // fails only if a log is there already
}

async fn live(settings: &Settings) -> anyhow::Result<()> {
    let (state, shelf) = (settings.state_dir(), settings.shelf_dir());
    for dir in [&state, &shelf] {
        std::fs::create_dir_all(dir).with_context(|| {
            format!("cannot make the folder {}; set state.dir and shelf.dir to folders that this user owns", dir.display())
        })?;
    }
    let root = PathBuf::from("/");
    let (meter, notes) = open_meter(settings)?;
    let (trouble, troubles) = mpsc::channel(CHANNEL);
    let mut doubted = false;
    for Note { text, doubt } in notes {
        if doubt {
            tracing::warn!(text, "power meter");
            doubted = true;
            // The channel is empty: there is room.
            let _told = trouble.try_send((MeterCode::ShuntDoubt, text));
        } else {
            tracing::info!(text, "power meter");
        }
    }
    let (source, bound) = (meter.source().as_str(), meter.bound());
    let label = Label { source, bound, idle: milliwatts(settings.power.idle_w), doubted };
    tracing::info!(source = label.source, bound_pct = f64::from(label.bound.0) / 100.0, "power meter");
    let gauge = Gauge::new(clock::monotonic(), label);
    let metering = metering::start(meter, Arc::clone(&gauge), trouble).context("the metering thread cannot be started")?;
    let watched = watched(settings)?;

    let topics = Topics::new(settings.mqtt.prefix.clone(), settings.device_id())?;
    let found = broker::find(settings).await?;
    let (link, events) = broker::open(&settings.mqtt, &found, &topics)?;
    let (arrivals, arrivals_in) = mpsc::channel(CHANNEL);
    let (letters, letters_in) = mpsc::channel(CHANNEL);
    let health: broker::Health = Box::new(|text| notify(&[NotifyState::Status(text)]));
    let carrier = tokio::spawn(broker::carry(link, events, arrivals, letters_in, topics.clone(), GOODBYE, health));

    let stop = CancellationToken::new();
    let _listening = tokio::spawn(end_of_day(stop.clone())?);
    let parts = Parts {
        heads: Arc::new(Llama),
        gauge,
        troubles,
        watched,
        memory: [Box::new(BoardMemory::new(&root)), Box::new(BoardMemory::new(&root))],
        prober: probe::prober(),
        loading: progress::loading(),
        root,
        arrivals: arrivals_in,
        letters,
    };
    tracing::info!(device = topics.device(), ask = topics.ask(), broker = found.host, port = found.port, "hob is up");
    notify(&[NotifyState::Ready]);
    house::run(parts, settings, stop).await?;
    if let Ok(ended) = tokio::time::timeout(GOODBYE * 2, carrier).await {
        ended.context("the link to the broker broke off")?;
    } else {
        tracing::error!("the broker is away; what could not be delivered is lost with this process");
    }
    if let Some(child) = found.child {
        child.stop().await;
    }
    drop(metering);
    tracing::info!("good night");
    Ok(())
}

/// Waits for SIGTERM or SIGINT, then stops the sources.
fn end_of_day(stop: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("closing: answers in hand are finished, who waits is told");
        notify(&[NotifyState::Stopping]);
        stop.cancel();
    })
}

/// Tells systemd, if it started us.
fn notify(state: &[NotifyState<'_>]) {
    let _absent = sd_notify::notify(state);
}

/// Opens the board's meter, with its gain if this very one was calibrated.
pub(super) fn open_meter(settings: &Settings) -> anyhow::Result<(Box<dyn Meter>, Vec<Note>)> {
    let plain = meter_settings(settings)?;
    let (meter, notes) = open::open(&plain)?;
    match gain(settings)? {
        Some((source, gain)) if source == meter.source().as_str() => {
            drop(meter);
            Ok(open::open(&MeterSettings { gain: Some(gain), ..plain })?)
        }
        Some((source, _)) => {
            tracing::info!(calibrated = source, now = meter.source().as_str(), "the gain is another meter's and not used");
            Ok((meter, notes))
        }
        None => Ok((meter, notes)),
    }
}

/// The settings as the board's crate takes them.
pub(super) fn meter_settings(settings: &Settings) -> anyhow::Result<MeterSettings> {
    let power = &settings.power;
    let efficiency = BasisPoints(hundredths(settings.battery.converter_pct));
    let position = if power.position == "battery" { Position::Battery { efficiency } } else { Position::PiInput };
    Ok(MeterSettings {
        choice: power.source.parse()?,
        bus: power.bus.clone(),
        address: address(power.address)?,
        shunt: power.shunt_ohm.map(shunt).transpose()?,
        invert: power.invert,
        shared: power.shared,
        position,
        gain: None,
        model: ModelSettings { idle: milliwatts(power.idle_w), per_core: milliwatts(power.core_w) },
        root: PathBuf::from("/"),
    })
}

/// The file that keeps this board's gain.
pub(super) fn gain_file(settings: &Settings) -> PathBuf {
    settings.state_dir().join("gain")
}

/// The gain that `hob power calibrate` found, if it was run here, and the source that it is of.
fn gain(settings: &Settings) -> anyhow::Result<Option<(String, Gain)>> {
    let file = gain_file(settings);
    match std::fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
        Ok(text) => {
            let why = || format!("{} holds no gain; remove it, or run `hob power calibrate` again", file.display());
            let (source, factor) = text.trim().split_once(' ').with_context(why)?;
            let factor = factor.parse().with_context(why)?;
            Ok(Some((source.to_owned(), Gain::new(PartsPerMillion(factor)).with_context(why)?)))
        }
    }
}

/// The battery, and who looks at its line.
fn watched(settings: &Settings) -> anyhow::Result<Watched> {
    let battery = &settings.battery;
    let converter = BasisPoints(hundredths(battery.converter_pct));
    let charger = if battery.charged_by == "grid" { Charger::Grid } else { Charger::Sun };
    let Some(capacity) = battery.capacity_mah else { return Ok(Watched { pack: None, line: Line::None, charger, converter }) };
    let pack = Some(Pack { chemistry: battery.chemistry.parse()?, cells: battery.cells, capacity: MilliampHours(capacity) });
    let line = match battery.address {
        Some(own) => {
            let (sensor, notes) = battery_sensor(settings, own)?;
            for Note { text, .. } in notes {
                tracing::info!(text, "battery");
            }
            Line::Own(sensor)
        }
        None if settings.power.position == "battery" => Line::Meter,
        None => {
            tracing::warn!(
                "nobody looks at the battery: what the board draws is counted down, and nothing is decided by it; give battery.address, or set power.position = \"battery\""
            );
            Line::Counted
        }
    };
    Ok(Watched { pack, line, charger, converter })
}

/// Opens the battery's own sensor.
pub(super) fn battery_sensor(settings: &Settings, at: u8) -> anyhow::Result<(Box<dyn Meter>, Vec<Note>)> {
    let battery = &settings.battery;
    let shunt = battery.shunt_ohm.map(shunt).transpose()?;
    let board = meter_settings(settings)?;
    let own = MeterSettings { address: address(at)?, shunt, invert: battery.invert, gain: None, ..board };
    open::open_battery(&own).context("the battery's sensor (battery.address)")
}

fn address(byte: u8) -> anyhow::Result<Address> {
    Address::from_byte(byte).map_err(|_| anyhow::anyhow!("an INA219 has an address from 0x40 to 0x4f"))
}

fn shunt(ohm: f64) -> Result<MicroOhms, hob_hal::shunt::BadShunt> {
    MicroOhms::new(micro(ohm))
}

#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "settings are checked to be in range"
)]
fn micro(ohm: f64) -> u32 {
    (ohm * 1_000_000.0).round() as u32
}
