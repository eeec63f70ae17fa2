//! `hob up`: the daemon with the real world around it.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use hob_engine::Llama;
use hob_hal::{
    clock,
    ina219::Address,
    memory::BoardMemory,
    model::ModelSettings,
    open::{self, MeterSettings},
    shunt::MicroOhms,
};
use hob_wire::topics::Topics;
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
    gauge::Gauge,
    house::{self, Parts, milliwatts},
    settings::{Power, Settings},
    tasks::metering,
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
    let (meter, notes) = open::open(&meter_settings(&settings.power)?)?;
    for note in notes {
        tracing::info!(note, "power meter");
    }
    let clock = clock::monotonic();
    let gauge = Gauge::new(clock, meter.source().as_str(), meter.bound());
    tracing::info!(source = gauge.source(), bound_pct = f64::from(gauge.bound().0) / 100.0, "power meter");
    let metering = metering::start(meter, Arc::clone(&gauge)).context("the metering thread cannot be started")?;

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

/// The settings as the board's crate takes them.
pub(super) fn meter_settings(power: &Power) -> anyhow::Result<MeterSettings> {
    let ohm = |ohm: f64| MicroOhms::new(micro(ohm));
    Ok(MeterSettings {
        choice: power.source.parse()?,
        bus: power.bus.clone(),
        address: Address::from_byte(power.address).map_err(|_| anyhow::anyhow!("power.address must be 0x40 to 0x4f"))?,
        shunt: power.shunt_ohm.map(ohm).transpose()?,
        invert: power.invert,
        shared: power.shared,
        model: ModelSettings { idle: milliwatts(power.idle_w), per_core: milliwatts(power.core_w) },
        root: PathBuf::from("/"),
    })
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
