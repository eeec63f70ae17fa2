//! Stage: a seat is offered for each free slot; when it is filled, the level is chosen and the prompt begun.
//!
//! ```text
//! seat filled ─▶ steward decides ─▶ loaded already? ─▶ think ─▶ bill settled ─▶ steward learns ─▶ told
//!                 └ refuses            └ no: wait until the slots are empty, switch, think
//! ```
//!
//! Promises: a level changes only between prompts; the old model stays until the new one is loaded, if both fit; a file
//! that does not load is left out from then on and the next best is taken; every ticket taken is told an end.
//! Deliberately absent: the decision itself (`hob_core::steward`), the sums (`hob_core::accounts`).

mod choice;
mod refusal;
mod seat;
mod settle;
mod switch;
mod tell;

pub(crate) use switch::load;

use std::{collections::HashMap, sync::Arc, time::Duration};

use hob_core::{
    battery::range::Range,
    policy::{Mode, Predicted},
    prompt::PromptId,
    steward::Steward,
    thrift::ThriftRules,
    units::{BasisPoints, Bytes, Micros, Millis, Milliwatts},
};
use hob_engine::{Event, Head, Heads};
use hob_hal::{board::BoardReading, memory::Memory};
use hob_wire::{
    reply::{Code, Fault},
    state::Info,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::Instant,
};

pub(crate) use refusal::fault_of;

use super::{
    desk::{Queue, Seat},
    supply::Fed,
};
use crate::{
    gauge::Gauge,
    kept::Kept,
    ladder::{Ladder, Rung},
    messages::{Served, Ticket, Told},
};

/// Tries a file in a process of its own; `Err` says why it is unfit.
pub type Prober = Arc<dyn Fn(&std::path::Path) -> Result<(), String> + Send + Sync>;

/// Hears how far a model is loaded: its file, and 0 to 100.
pub type Loading = Arc<dyn Fn(&std::path::Path, u8) + Send + Sync>;

/// How a file is tried and loaded.
#[derive(Clone)]
pub(crate) struct Taster {
    pub(crate) prober: Prober,
    pub(crate) loading: Loading,
}

/// What is served now, for onlookers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Serving {
    pub(crate) model: Option<String>,
    pub(crate) level: Option<String>,
    pub(crate) running: usize,
}

/// What thinking needs of the world.
pub(crate) struct Tools {
    pub(crate) heads: Arc<dyn Heads>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) ladder: Ladder,
    pub(crate) memory: Box<dyn Memory + Send + Sync>,
    pub(crate) board: Box<dyn FnMut() -> BoardReading + Send + Sync>,
    pub(crate) taster: Taster,
    pub(crate) steward: Steward,
    pub(crate) kept: Arc<Kept>,
    /// Memory that is never given to a model.
    pub(crate) reserve: Bytes,
    /// Memory pressure from which on others want what the model has.
    pub(crate) memory_wanted: BasisPoints,
    pub(crate) power_cap: Option<Milliwatts>,
    /// What the owner wants, unless told otherwise.
    pub(crate) configured: Mode,
    /// When the model may go.
    pub(crate) thrift: ThriftRules,
    pub(crate) engine: crate::settings::Engine,
    /// What this device is; its models are filled in.
    pub(crate) info: Info,
}

/// What thinking is connected to.
pub(crate) struct Around {
    pub(crate) seats: mpsc::Sender<Seat>,
    pub(crate) cancels: mpsc::Receiver<PromptId>,
    pub(crate) wanted: mpsc::Receiver<Wanted>,
    pub(crate) queue: watch::Receiver<Queue>,
    pub(crate) fed: watch::Receiver<Fed>,
    /// How far the battery will reach.
    pub(crate) reach: watch::Sender<Option<Range>>,
    pub(crate) told: mpsc::Sender<Told>,
    pub(crate) serving: watch::Sender<Serving>,
    pub(crate) pace: watch::Sender<Millis>,
    /// Cut the answers in hand: the grace is over.
    pub(crate) hurry: tokio_util::sync::CancellationToken,
}

/// What the owner wants, told at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) mode: Mode,
    /// Until then; afterwards the configured mode holds again.
    pub(crate) until: Option<Micros>,
}

/// The board's supply is looked at so often, and what was learned is handed over to be kept.
const BEAT: Duration = Duration::from_mins(1);

/// A model in memory.
struct Loaded {
    rung: Rung,
    head: Box<dyn Head>,
}

/// A prompt in a slot.
struct Running {
    ticket: Box<Ticket>,
    served: Served,
    predicted: Predicted,
    begun: Micros,
    pieces: u64,
}

pub(crate) struct Thinking {
    tools: Tools,
    around: Around,
    loaded: Option<Loaded>,
    running: HashMap<PromptId, Running>,
    /// A free slot that the desk may fill.
    offer: Option<oneshot::Receiver<Box<Ticket>>>,
    /// A prompt that waits for the slots to empty, because it needs another level.
    held: Option<Box<Ticket>>,
    events: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
    published: Option<tell::Published>,
    /// Answers whose bills are being settled.
    bills: JoinSet<settle::Settled>,
    /// When the mode falls back to the configured one.
    until: Option<Micros>,
    /// Since when nothing was in hand.
    at_rest: Instant,
}

/// Runs until the desk lets the seats go and the last answer is told.
pub(crate) async fn run(tools: Tools, around: Around) {
    let mut thinking = Thinking {
        tools,
        around,
        bills: JoinSet::new(),
        until: None,
        at_rest: Instant::now(),
        loaded: None,
        running: HashMap::new(),
        offer: None,
        held: None,
        events: mpsc::channel(1_024),
        published: None,
    };
    thinking.preload().await;
    thinking.serve().await;
    thinking.close().await;
}

impl Thinking {
    async fn serve(&mut self) {
        let mut desk_open = true;
        let hurry = self.around.hurry.clone();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while desk_open || self.held.is_some() || !self.running.is_empty() || !self.bills.is_empty() {
            let back = self.falls_back();
            if desk_open && self.offer.is_none() && self.held.is_none() && self.running.len() < self.slots() {
                let (seat, filled) = oneshot::channel();
                desk_open = self.around.seats.send(seat).await.is_ok();
                self.offer = desk_open.then_some(filled);
            }
            tokio::select! {
                biased;
                () = hurry.cancelled() => return,
                Some(event) = self.events.1.recv() => self.hear(event).await,
                Some(id) = self.around.cancels.recv() => self.cancel(&id).await,
                Some(settled) = self.bills.join_next() => self.settled(settled).await,
                Some(wanted) = self.around.wanted.recv() => self.change_mode(wanted).await,
                () = tokio::time::sleep_until(back.unwrap_or_else(Instant::now)), if back.is_some() => self.fall_back().await,
                _ = beat.tick() => self.look().await,
                ticket = seat::filled(&mut self.offer) => {
                    self.offer = None;
                    match ticket {
                        Some(ticket) => {
                            self.take(ticket);
                            self.seat_held().await;
                        }
                        None => desk_open = false,
                    }
                }
            }
            // One that waits for another level is looked at again when the slots are empty.
            if self.running.is_empty() {
                self.seat_held().await;
            }
        }
    }

    fn slots(&self) -> usize {
        usize::try_from(self.tools.engine.slots).unwrap_or(1)
    }

    async fn hear(&mut self, event: Event) {
        match event {
            Event::Piece { id, text } => {
                let Some(running) = self.running.get_mut(&id) else { return };
                let Some(topic) = running.ticket.route.stream.clone() else { return };
                let seq = running.pieces;
                running.pieces += 1;
                self.tell(Told::Piece { id, topic, seq, text: Some(text) }).await;
            }
            Event::Answered { id, answer } => self.answered(id, answer).await,
            Event::Failed { id, error } => {
                drop(self.tools.gauge.finish(&id));
                if let Some(running) = self.leave(&id).await {
                    self.tell(Told::failed(&running.ticket, fault_of(&error))).await;
                }
            }
            Event::Embedded { .. } => {}
        }
    }

    /// Takes a prompt out of its slot, and ends its pieces.
    async fn leave(&mut self, id: &PromptId) -> Option<Running> {
        let running = self.running.remove(id)?;
        self.show();
        if let Some(topic) = running.ticket.route.stream.clone() {
            self.tell(Told::Piece { id: id.clone(), topic, seq: running.pieces, text: None }).await;
        }
        Some(running)
    }

    /// Ends what is left: the head says so for each prompt in hand.
    async fn close(&mut self) {
        if let Some(loaded) = self.loaded.take() {
            let dropped = tokio::task::spawn_blocking(move || drop(loaded));
            while !self.running.is_empty() {
                match self.events.1.recv().await {
                    Some(event) => self.hear(event).await,
                    None => break,
                }
            }
            let _ended = dropped.await;
        }
        while let Some(settled) = self.bills.join_next().await {
            self.settled(settled).await;
        }
        self.tools.kept.keep_steward(&self.tools.steward.save());
        if let Some(ticket) = self.held.take() {
            self.tell(Told::failed(&ticket, Fault::new(Code::Closing, "Hob is shutting down; send it again later"))).await;
        }
    }

    fn show(&mut self) {
        let running = self.running.len();
        self.at_rest = Instant::now();
        let level = self.loaded.as_ref().map(|loaded| &loaded.rung.level);
        self.around.serving.send_replace(Serving {
            model: level.map(|level| level.model.clone()),
            level: level.map(|level| level.name.clone()),
            running,
        });
    }

    async fn tell(&self, told: Told) {
        // Only a closed house does not listen.
        let _gone = self.around.told.send(told).await;
    }
}
