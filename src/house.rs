//! The rooms put together, and closed in order.
//!
//! ```text
//! stop ─▶ intake ends ─▶ desk turns away who waits ─▶ thinking finishes what is in hand ─▶ outbox empties
//!          └─ after the grace: thinking is told to hurry, and cuts the answers between two tokens
//! ```
//!
//! Deliberately absent: what each room does (`tasks`), and what it is fitted with (`fittings`).

mod fittings;

use std::{path::PathBuf, sync::Arc, time::Duration};

use hob_core::units::Millis;
use hob_engine::{Gauges, Heads};
use hob_hal::memory::Memory;
use hob_wire::topics::{BadName, Topics};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    carbon::Carbon,
    gauge::Gauge,
    kept::Kept,
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
        thinking::{self, Serving, Taster},
        thrift,
    },
};

pub use crate::tasks::thinking::{Loading, Prober};
pub(crate) use fittings::{hundredths, milliwatts};

use fittings::Fittings;

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

/// Makes the channels and starts the tasks: those that a prompt passes through, in its order, then those around them.
fn furnish(
    parts: Parts,
    settings: &Settings,
    topics: &Topics,
    kept: &Arc<Kept>,
    (stop, hurry): (&CancellationToken, &CancellationToken),
) -> JoinSet<()> {
    let Parts { heads, gauge, troubles, watched, memory: [memory, other_memory], prober, loading, root, arrivals, letters } =
        parts;
    let store = Arc::new(Store::default());
    let carbon = Carbon::new(&settings.carbon, kept.stored(), gauge.now());
    let taster = Taster { prober, loading };
    let fittings = Fittings { settings, topics, kept, gauge: &gauge, heads: &heads, taster: &taster, root: &root };

    // What is handed on: to one room each.
    let (orders, orders_in) = mpsc::channel(CHANNEL);
    let (embeds, embeds_in) = mpsc::channel(EMBEDS);
    let (seats, seats_in) = mpsc::channel(1);
    let (cancels, cancels_in) = mpsc::channel(CHANNEL);
    let (told, told_in) = mpsc::channel(CHANNEL);
    let (wanted, wanted_in) = mpsc::channel(CHANNEL);
    // What is looked at: the latest is what counts.
    let (hasten, haste_in) = watch::channel(telemetry::Pace::default());
    let (pace, pace_in) = watch::channel(Millis::ZERO);
    let (waiting, queue) = watch::channel(Queue::default());
    let (serving, serving_in) = watch::channel(Serving::default());
    let (fed, fed_in) = watch::channel(Fed::default());
    let (reach, reach_in) = watch::channel(None);
    let (steps, steps_in) = watch::channel(Vec::new());

    let mut rooms = JoinSet::new();
    // A prompt comes in, waits, is thought about, and its answer goes out.
    let doors = intake::Doors { orders, embeds, told: told.clone(), wanted, hasten, carbon: carbon.clone() };
    rooms.spawn(intake::run(arrivals, fittings.reader(), doors, store.clone(), gauge.clone(), stop.clone()));
    let around = desk::Around {
        orders: orders_in,
        seats: seats_in,
        cancels,
        told: told.clone(),
        waiting,
        pace: pace_in,
        gauge: gauge.clone(),
    };
    rooms.spawn(desk::run(usize::try_from(settings.desk.places).unwrap_or(1), around));
    let around = thinking::Around {
        seats,
        cancels: cancels_in,
        wanted: wanted_in,
        queue: queue.clone(),
        fed: fed_in.clone(),
        reach,
        told: told.clone(),
        serving,
        pace,
        hurry: hurry.clone(),
    };
    rooms.spawn(thinking::run(fittings.thinking(memory), around));
    rooms.spawn(embedding::run(fittings.embedding(other_memory), embeds_in, told.clone()));
    let desk = outbox::Desk {
        topics: topics.clone(),
        store,
        gauge: gauge.clone(),
        carbon: carbon.clone(),
        fed: fed_in.clone(),
        publish_text: settings.mqtt.publish_text,
    };
    rooms.spawn(outbox::run(desk, told_in, letters.clone()));

    // Around them: what feeds the board, what is switched off while nobody asks, and what onlookers see.
    let around = supply::Around { gauge: gauge.clone(), carbon: carbon.clone(), kept: kept.clone(), fed, told };
    rooms.spawn(supply::run(watched, around, stop.clone()));
    let around = thrift::Around { gauge: gauge.clone(), waiting: queue.clone(), serving: serving_in.clone(), steps };
    let rules = thrift::rules(&settings.thrift);
    rooms.spawn(thrift::run(root.clone(), settings.state_dir(), rules, around, stop.clone()));
    let views = telemetry::Views {
        gauge,
        carbon,
        kept: kept.clone(),
        waiting: queue,
        serving: serving_in,
        fed: fed_in,
        steps: steps_in,
        reach: reach_in,
        pace: haste_in,
        root,
    };
    let doors = telemetry::Doors { topics: topics.clone(), troubles, letters };
    rooms.spawn(telemetry::run(Duration::from_secs(settings.telemetry.every_s), views, doors, stop.clone()));
    rooms
}
