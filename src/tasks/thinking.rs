//! Stage: a seat is offered for each free slot; when it is filled, the level is chosen and the prompt begun.
//!
//! ```text
//! seat filled ─▶ choose level ─▶ loaded already? ─▶ think
//!                                 └ no: wait until the slots are empty, switch, think
//! ```
//!
//! Promises: a level changes only between prompts; the old model stays until the new one is loaded, if both fit; a file
//! that does not load is left out from then on and the next best is taken; every ticket taken is told an end.

mod choice;
mod switch;

pub(crate) use switch::load;

use std::{collections::HashMap, sync::Arc};

use hob_core::{
    policy::{Rules, Shortage},
    prompt::{LevelWish, PromptId},
    units::{Micros, Millis, Milliwatts},
};
use hob_engine::{Answer, Event, Gauges, Head, Heads, ThinkError};
use hob_hal::{board::BoardReading, memory::Memory};
use hob_wire::{
    reply::{Code, Fault},
    state::Info,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::desk::Seat;
use crate::{
    gauge::Gauge,
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
    pub(crate) rules: Rules,
    pub(crate) power_cap: Option<Milliwatts>,
    /// What the owner wants at the start.
    pub(crate) mode: LevelWish,
    pub(crate) engine: crate::settings::Engine,
    /// What this device is; its models are filled in.
    pub(crate) info: Info,
}

/// What thinking is connected to.
pub(crate) struct Around {
    pub(crate) seats: mpsc::Sender<Seat>,
    pub(crate) cancels: mpsc::Receiver<PromptId>,
    pub(crate) wish: watch::Receiver<LevelWish>,
    pub(crate) told: mpsc::Sender<Told>,
    pub(crate) serving: watch::Sender<Serving>,
    pub(crate) pace: watch::Sender<Millis>,
    /// Cut the answers in hand: the grace is over.
    pub(crate) hurry: tokio_util::sync::CancellationToken,
}

/// A model in memory.
struct Loaded {
    rung: Rung,
    head: Box<dyn Head>,
}

/// A prompt in a slot.
struct Running {
    ticket: Box<Ticket>,
    served: Served,
    begun: Micros,
    pieces: u64,
}

pub(crate) struct Thinking {
    tools: Tools,
    around: Around,
    loaded: Option<Loaded>,
    running: HashMap<PromptId, Running>,
    /// A prompt that waits for the slots to empty, because it needs another level.
    held: Option<Box<Ticket>>,
    events: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
    published: Option<choice::Published>,
    /// What the owner wants.
    mode: LevelWish,
}

/// Runs until the desk lets the seats go and the last answer is told.
pub(crate) async fn run(tools: Tools, around: Around) {
    let mode = tools.mode.clone();
    let mut thinking = Thinking {
        tools,
        around,
        mode,
        loaded: None,
        running: HashMap::new(),
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
        let mut offer: Option<oneshot::Receiver<Box<Ticket>>> = None;
        let mut desk_open = true;
        let hurry = self.around.hurry.clone();
        while desk_open || self.held.is_some() || !self.running.is_empty() {
            if desk_open && offer.is_none() && self.held.is_none() && self.running.len() < self.slots() {
                let (seat, filled) = oneshot::channel();
                desk_open = self.around.seats.send(seat).await.is_ok();
                offer = desk_open.then_some(filled);
            }
            tokio::select! {
                biased;
                () = hurry.cancelled() => return,
                Some(event) = self.events.1.recv() => self.hear(event).await,
                Some(id) = self.around.cancels.recv() => self.cancel(&id).await,
                Ok(()) = self.around.wish.changed() => self.change_mode().await,
                filled = async { match offer.as_mut() { Some(filled) => filled.await.ok(), None => std::future::pending().await } } => {
                    offer = None;
                    match filled {
                        Some(ticket) => {
                            self.held = Some(ticket);
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

    /// Begins the held prompt if its level is loaded, or can be now.
    async fn seat_held(&mut self) {
        while let Some(ticket) = self.held.take() {
            match self.choose_for(&ticket).await {
                Err(fault) => self.tell(Told::failed(&ticket, fault)).await,
                Ok((rung, why)) if self.loaded.as_ref().is_some_and(|loaded| loaded.rung == rung) => {
                    self.begin(ticket, why).await;
                }
                Ok(_) if !self.running.is_empty() => {
                    self.held = Some(ticket);
                    return;
                }
                Ok((rung, _)) => {
                    // Whatever comes of it, the next round chooses again.
                    self.switch_to(rung).await;
                    self.held = Some(ticket);
                }
            }
        }
    }

    async fn begin(&mut self, ticket: Box<Ticket>, why: &'static str) {
        let Some(loaded) = &self.loaded else { return };
        let now = self.tools.gauge.now();
        let waited = now.minus(ticket.taken_in);
        let outcome = loaded.head.think(ticket.prompt.clone(), waited);
        let served = Served { model: loaded.rung.level.model.clone(), level: loaded.rung.level.name.clone(), why };
        match outcome {
            Ok(()) => {
                self.running.insert(ticket.prompt.id.clone(), Running { ticket, served, begun: now, pieces: 0 });
                self.show();
            }
            Err(ThinkError::Gone) => {
                tracing::error!("the engine ended by itself; the model is loaded again");
                self.loaded = None;
                self.held = Some(ticket);
            }
            Err(error) => self.tell(Told::failed(&ticket, fault_of(&error))).await,
        }
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
            Event::Failed { id, error, spent } => {
                self.tools.gauge.book_answer(spent);
                if let Some(running) = self.leave(&id).await {
                    self.tell(Told::failed(&running.ticket, fault_of(&error))).await;
                }
            }
            Event::Embedded { .. } => {}
        }
    }

    async fn answered(&mut self, id: PromptId, answer: Answer) {
        self.tools.gauge.book_answer(answer.spent);
        let Some(running) = self.leave(&id).await else { return };
        let now = self.tools.gauge.now();
        let took = now.minus(running.begun).millis();
        self.around.pace.send_modify(|pace| *pace = if *pace == Millis::ZERO { took } else { Millis((pace.0 * 3 + took.0) / 4) });
        let queued = running.begun.minus(running.ticket.taken_in);
        let total = now.minus(running.ticket.taken_in);
        self.tell(Told::Answered { ticket: running.ticket, answer, served: running.served, queued, total }).await;
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

    async fn cancel(&mut self, id: &PromptId) {
        if let Some(ticket) = self.held.take_if(|ticket| ticket.prompt.id == *id) {
            self.tell(Told::failed(&ticket, Fault::new(Code::Cancelled, "it was taken back before its turn"))).await;
        } else if let Some(loaded) = &self.loaded {
            loaded.head.cancel(id.clone());
        }
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
        if let Some(ticket) = self.held.take() {
            self.tell(Told::failed(&ticket, Fault::new(Code::Closing, "Hob is shutting down; send it again later"))).await;
        }
    }

    fn show(&self) {
        let running = self.running.len();
        self.tools.gauge.busy(running > 0);
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

/// The engine's reason, as its asker reads it.
pub(crate) fn fault_of(error: &ThinkError) -> Fault {
    let code = match error {
        ThinkError::TooLong { .. } => Code::TooLong,
        ThinkError::Shape(_) | ThinkError::DeadEnd => Code::BadGrammar,
        ThinkError::Template(_) | ThinkError::Empty => Code::BadRequest,
        ThinkError::NoEmbedding | ThinkError::NoAnswers => Code::NoModel,
        ThinkError::Full => Code::Busy,
        _ => Code::Internal,
    };
    Fault::new(code, error.to_string())
}

/// What is missing, as its asker reads it.
pub(crate) fn fault_of_shortage(shortage: &Shortage) -> Fault {
    let code = match shortage {
        Shortage::EmptyShelf | Shortage::NoSuchLevel { .. } => Code::NoModel,
        Shortage::Memory { .. } => Code::NoMemory,
        Shortage::Power { .. } => Code::LowPower,
    };
    Fault::new(code, shortage.to_string())
}
