//! The rooms put together, and closed in order.
//!
//! ```text
//! stop ─▶ intake ends ─▶ desk turns away who waits ─▶ thinking finishes what is in hand ─▶ outbox empties
//!          └─ after the grace: thinking is told to hurry, and cuts the answers between two tokens
//! ```

use std::{path::PathBuf, sync::Arc, time::Duration};

use hob_core::{
    policy::{Mode, Rules},
    prompt::Sampling,
    steward::Steward,
    units::{BasisPoints, Bytes, MilliCelsius, Millis, Milliwatts, PartsPerMillion},
};
use hob_engine::{Gauges, Heads};
use hob_hal::{board, memory::Memory};
use hob_wire::{
    V1, limits,
    request::{Defaults, Intake},
    state::Info,
    topics::{BadName, Topics},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    carbon::Carbon,
    gauge::Gauge,
    kept::Kept,
    ladder::{Ladder, ServingPlan},
    messages::{Arrival, Letter},
    settings::Settings,
    store::Store,
    tasks::{
        desk::{self, Queue},
        embedding, intake,
        metering::Trouble,
        outbox,
        supply::{self, Fed, Watched},
        telemetry,
        thinking::{self, Serving, Taster, Wanted},
        thrift,
    },
};

pub use crate::tasks::thinking::{Loading, Prober};

/// Room in each channel between two tasks.
const CHANNEL: usize = 64;
/// After the grace, what is left has so long to end.
const CUT: Duration = Duration::from_secs(5);
/// Embed requests that may wait.
const EMBEDS: usize = 16;

/// What the house is handed.
pub struct Parts {
    /// Loads models.
    pub heads: Arc<dyn Heads>,
    /// The clock and the accounts.
    pub gauge: Arc<Gauge>,
    /// What befalls the meter.
    pub troubles: mpsc::Receiver<Trouble>,
    /// The battery, if there is one.
    pub watched: Watched,
    /// Free memory; one reader for answering, one for embedding.
    pub memory: [Box<dyn Memory + Send + Sync>; 2],
    /// Tries a file in a process of its own.
    pub prober: Prober,
    /// Hears how far a model is loaded: its file, and 0 to 100.
    pub loading: Loading,
    /// Where `/sys` and `/proc` are.
    pub root: PathBuf,
    /// What comes in.
    pub arrivals: mpsc::Receiver<Arrival>,
    /// What goes out. When the house is closed, this is.
    pub letters: mpsc::Sender<Letter>,
}

/// Runs until `stop`, then closes in order. Returns once everything that is to be said is in `letters`.
///
/// # Errors
///
/// [`BadName`] if prefix or device id make no topic; settings are checked before, so this is for other callers.
pub async fn run(parts: Parts, settings: &Settings, stop: CancellationToken) -> Result<(), BadName> {
    let topics = Topics::new(settings.mqtt.prefix.clone(), settings.device_id())?;
    let grace = Duration::from_secs(settings.shutdown.grace_s);
    let hurry = CancellationToken::new();
    let kept = Arc::new(Kept::open(&settings.state_dir()));
    let gauge = Arc::clone(&parts.gauge);
    let mut rooms = furnish(parts, settings, &topics, &kept, (&stop, &hurry));
    stop.cancelled().await;
    let mut finish = Box::pin(async { while rooms.join_next().await.is_some() {} });
    if tokio::time::timeout(grace, &mut finish).await.is_err() {
        tracing::warn!("the grace is over; answers in hand are cut");
        hurry.cancel();
        if tokio::time::timeout(CUT, &mut finish).await.is_err() {
            tracing::error!("a task does not end (a model is being loaded, or the broker is away); it is left behind");
        }
    }
    kept.keep_books(gauge.close());
    let _written = tokio::task::spawn_blocking(move || kept.write()).await;
    Ok(())
}

/// Makes the channels and starts the tasks.
fn furnish(
    parts: Parts,
    settings: &Settings,
    topics: &Topics,
    kept: &Arc<Kept>,
    (stop, hurry): (&CancellationToken, &CancellationToken),
) -> JoinSet<()> {
    let Parts { heads, gauge, troubles, watched, memory: [memory, other_memory], prober, loading, root, arrivals, letters } =
        parts;
    let (orders, orders_in) = mpsc::channel(CHANNEL);
    let (embeds, embeds_in) = mpsc::channel(EMBEDS);
    let (told, told_in) = mpsc::channel(CHANNEL);
    let (seats, seats_in) = mpsc::channel(1);
    let (cancels, cancels_in) = mpsc::channel(CHANNEL);
    let configured = mode(&settings.policy.mode).unwrap_or_default();
    let (wanted, wanted_in) = watch::channel(Wanted::of(configured.clone()));
    let (hasten, pace_in) = watch::channel(telemetry::Pace::default());
    let (pace, answer_pace) = watch::channel(Millis::ZERO);
    let (waiting, waiting_in) = watch::channel(Queue::default());
    let (serving, serving_in) = watch::channel(Serving::default());
    let (fed, fed_in) = watch::channel(Fed::default());
    let (reach, reach_in) = watch::channel(None);
    let (steps, steps_in) = watch::channel(Vec::new());
    let store = Arc::new(Store::default());
    let carbon = Carbon::new(&settings.carbon, kept.stored(), gauge.now());
    let rules = rules(settings);

    let mut rooms = JoinSet::new();
    let doors = intake::Doors { orders, embeds, told: told.clone(), wanted, hasten, carbon: Arc::clone(&carbon) };
    rooms.spawn(intake::run(arrivals, reader(settings, topics), doors, Arc::clone(&store), Arc::clone(&gauge), stop.clone()));
    let around = desk::Around {
        orders: orders_in,
        seats: seats_in,
        cancels,
        told: told.clone(),
        waiting,
        pace: answer_pace,
        gauge: Arc::clone(&gauge),
    };
    rooms.spawn(desk::run(usize::try_from(settings.desk.places).unwrap_or(1), around));
    let taster = Taster { prober, loading };
    let embedding = embedding::Tools {
        heads: Arc::clone(&heads),
        gauge: Arc::clone(&gauge),
        ladder: Ladder::new(settings.shelf_dir(), ServingPlan { slots: 1, context: 512, batch: 512 }),
        memory: other_memory,
        reserve: rules.reserve,
        taster: taster.clone(),
        model: settings.engine.embedding_model.clone(),
        threads: settings.engine.threads,
    };
    rooms.spawn(embedding::run(embedding, embeds_in, told.clone()));
    let around = supply::Around { gauge: Arc::clone(&gauge), carbon: Arc::clone(&carbon), kept: Arc::clone(kept), fed };
    rooms.spawn(supply::run(watched, around, stop.clone()));
    let thrift_rules = thrift::rules(&settings.thrift);
    let around = thrift::Around { gauge: Arc::clone(&gauge), waiting: waiting_in.clone(), serving: serving_in.clone(), steps };
    rooms.spawn(thrift::run(root.clone(), settings.state_dir(), thrift_rules.clone(), around, stop.clone()));
    let board_root = root.clone();
    let mut steward = Steward::new(rules, configured.clone());
    steward.restore(&kept.steward());
    let tools = thinking::Tools {
        heads,
        gauge: Arc::clone(&gauge),
        ladder: Ladder::new(settings.shelf_dir(), ServingPlan::of(&settings.engine)),
        memory,
        board: Box::new(move || board::read(&board_root)),
        taster,
        steward,
        kept: Arc::clone(kept),
        reserve: rules.reserve,
        memory_wanted: rules.pressure_limit,
        configured,
        thrift: thrift_rules,
        power_cap: settings.power.cap_w.map(milliwatts),
        engine: settings.engine.clone(),
        info: info(settings, topics, &gauge, &root),
    };
    let around = thinking::Around {
        seats,
        cancels: cancels_in,
        wanted: wanted_in,
        queue: waiting_in.clone(),
        fed: fed_in.clone(),
        reach,
        told,
        serving,
        pace,
        hurry: hurry.clone(),
    };
    rooms.spawn(thinking::run(tools, around));
    let views = telemetry::Views {
        gauge: Arc::clone(&gauge),
        carbon: Arc::clone(&carbon),
        kept: Arc::clone(kept),
        waiting: waiting_in,
        serving: serving_in,
        fed: fed_in.clone(),
        steps: steps_in,
        reach: reach_in,
        pace: pace_in,
        root,
    };
    let doors = telemetry::Doors { topics: topics.clone(), troubles, letters: letters.clone() };
    rooms.spawn(telemetry::run(Duration::from_secs(settings.telemetry.every_s), views, doors, stop.clone()));
    let desk =
        outbox::Desk { topics: topics.clone(), store, gauge, carbon, fed: fed_in, publish_text: settings.mqtt.publish_text };
    rooms.spawn(outbox::run(desk, told_in, letters));
    rooms
}

fn reader(settings: &Settings, topics: &Topics) -> Intake {
    let defaults = Defaults {
        max_tokens: settings.engine.max_tokens,
        system: Some(settings.engine.system.clone()),
        sampling: Sampling::default(),
    };
    Intake { topics: topics.clone(), replies: settings.mqtt.reply_prefixes.clone(), defaults }
}

/// A mode by its word in the settings; nothing if it is none.
pub(crate) fn mode(word: &str) -> Option<Mode> {
    match (word, word.strip_prefix("fixed:")) {
        ("auto", _) => Some(Mode::Auto),
        ("quality", _) => Some(Mode::Quality),
        ("endurance", _) => Some(Mode::Endurance),
        (_, Some(level)) if !level.is_empty() => Some(Mode::Fixed(level.to_owned())),
        _ => None,
    }
}

fn info(settings: &Settings, topics: &Topics, gauge: &Gauge, root: &std::path::Path) -> Info {
    Info {
        v: V1,
        device: topics.device().to_owned(),
        hob: env!("CARGO_PKG_VERSION").to_owned(),
        machine: board::inventory(root).model,
        models: Vec::new(),
        context_tokens: settings.engine.context,
        slots: settings.engine.slots,
        queue_limit: settings.desk.places,
        payload_limit: u64::try_from(limits::PAYLOAD_BYTES).unwrap_or(u64::MAX),
        power_source: gauge.source().to_owned(),
    }
}

fn rules(settings: &Settings) -> Rules {
    let (policy, battery) = (&settings.policy, &settings.battery);
    Rules {
        reserve: Bytes(policy.reserve_mb.saturating_mul(1_000_000)),
        climb_memory: Bytes(policy.climb_mb.saturating_mul(1_000_000)),
        climb_power: milliwatts(policy.climb_w),
        pressure_limit: BasisPoints(hundredths(policy.pressure_pct)),
        hot: celsius(policy.hot_c),
        cool: celsius(policy.cool_c),
        critical: PartsPerMillion(hundredths(battery.critical_pct) * 100),
        restart: PartsPerMillion(hundredths(battery.restart_pct) * 100),
        converter: BasisPoints(hundredths(battery.converter_pct)),
        ..Rules::default()
    }
}

/// Watts of a setting, checked to be between 0 and 1000.
#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "settings are checked to be in range"
)]
pub(crate) fn milliwatts(watts: f64) -> Milliwatts {
    Milliwatts((watts * 1_000.0).round() as u32)
}

#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "settings are checked to be in range"
)]
pub(crate) fn hundredths(percent: f64) -> u32 {
    (percent * 100.0).round() as u32
}

#[allow(clippy::as_conversions, clippy::cast_possible_truncation, reason = "settings are checked to be in range")]
fn celsius(degrees: f64) -> MilliCelsius {
    MilliCelsius((degrees * 1_000.0).round() as i32)
}
