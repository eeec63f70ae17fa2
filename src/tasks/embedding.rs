//! Stage: texts become vectors, one request at a time, by a model that is loaded when it is first needed.
//!
//! Deliberately absent: keeping it for ever; after a minute without requests its memory is given back.

use std::{sync::Arc, time::Duration};

use hob_core::{prompt::PromptId, units::Bytes};
use hob_engine::{Event, Gauges, Head, Heads, Purpose, Spec, Vectors};
use hob_hal::memory::Memory;
use hob_wire::reply::{Code, Fault};
use tokio::{sync::mpsc, task::JoinSet};

use super::thinking::{Taster, fault_of};
use crate::{
    gauge::{Due, Gauge},
    ladder::{Ladder, Rung},
    messages::{EmbedTicket, Served, Told},
};

/// How long an unused model stays.
const IDLE: Duration = Duration::from_mins(1);

/// What embedding needs of the world.
pub(crate) struct Tools {
    pub(crate) heads: Arc<dyn Heads>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) ladder: Ladder,
    pub(crate) memory: Box<dyn Memory + Send + Sync>,
    pub(crate) reserve: Bytes,
    pub(crate) taster: Taster,
    pub(crate) model: Option<String>,
    pub(crate) threads: u32,
}

struct Loaded {
    rung: Rung,
    head: Box<dyn Head>,
    events: mpsc::Receiver<Event>,
}

/// Vectors whose bill is being settled.
struct Done {
    vectors: Vectors,
    served: Served,
    due: Due,
}

/// Runs until no more requests come.
pub(crate) async fn run(mut tools: Tools, mut asks: mpsc::Receiver<EmbedTicket>, told: mpsc::Sender<Told>) {
    let mut loaded: Option<Loaded> = None;
    let mut bills = JoinSet::new();
    loop {
        let ticket = match tokio::time::timeout(IDLE, asks.recv()).await {
            Ok(Some(ticket)) => ticket,
            Ok(None) => break,
            Err(_) => {
                unload(&mut loaded).await;
                continue;
            }
        };
        let outcome = tools.answer(&ticket, &mut loaded).await;
        let (gauge, told) = (Arc::clone(&tools.gauge), told.clone());
        // The bill comes a moment later; the next texts need not wait for it.
        while bills.try_join_next().is_some() {}
        bills.spawn(async move {
            let outcome = match outcome {
                Ok(Done { vectors, served, due }) => {
                    let total = gauge.now().minus(ticket.taken_in);
                    Told::Embedded { ticket: Box::new(ticket), vectors, bill: gauge.bill(due).await, served, total }
                }
                Err(fault) => Told::Failed { id: ticket.ask.id, route: ticket.ask.reply, dedupe: ticket.ask.dedupe, fault },
            };
            // Only a closed house does not listen.
            let _gone = told.send(outcome).await;
        });
    }
    while bills.join_next().await.is_some() {}
    unload(&mut loaded).await;
}

async fn unload(loaded: &mut Option<Loaded>) {
    if let Some(old) = loaded.take() {
        let _gone = tokio::task::spawn_blocking(move || drop(old)).await;
    }
}

impl Tools {
    async fn answer(&mut self, ticket: &EmbedTicket, loaded: &mut Option<Loaded>) -> Result<Done, Fault> {
        if ticket.ask.expires.is_some_and(|span| self.gauge.now() >= ticket.taken_in.plus(span.micros())) {
            return Err(Fault::new(Code::Expired, "its expiry passed before its turn"));
        }
        let model = ticket.ask.model.clone().or_else(|| self.model.clone());
        let rung = self.rung(model.as_deref())?;
        if loaded.as_ref().is_none_or(|loaded| loaded.rung != rung) {
            unload(loaded).await;
            *loaded = Some(self.load(rung).await?);
        }
        let Some(now) = loaded.as_mut() else { return Err(Fault::new(Code::Internal, "the model was unloaded")) };
        // A prompt may have the same id: the books know texts by another.
        let name = PromptId::new(format!("embed-{:016x}", fastrand::u64(..)));
        let id = name.map_err(|error| Fault::new(Code::Internal, error.to_string()))?;
        self.gauge.begin(&id);
        let outcome = now.head.embed(id.clone(), ticket.ask.input.clone());
        if let Err(error) = outcome {
            drop(self.gauge.finish(&id));
            return Err(fault_of(&error));
        }
        let served = Served { model: now.rung.level.model.clone(), level: now.rung.level.name.clone(), why: "asked" };
        let event = now.events.recv().await;
        let due = self.gauge.finish(&id);
        match event {
            Some(Event::Embedded { vectors, .. }) => Ok(Done { vectors, served, due }),
            Some(Event::Failed { error, .. }) => Err(fault_of(&error)),
            _ => {
                *loaded = None;
                Err(Fault::new(Code::Internal, "the engine ended by itself; send it again"))
            }
        }
    }

    fn rung(&mut self, model: Option<&str>) -> Result<Rung, Fault> {
        if let Err(error) = self.ladder.refresh() {
            tracing::warn!(%error, "the shelf cannot be read; what was on it is used");
        }
        let missing = || match model {
            Some(model) => format!("there is no model {model} here that makes embeddings; there are: {}", self.ladder.names()),
            None => "no model on the shelf makes embeddings; add one with `hob model pull` or `hob model import`".into(),
        };
        self.ladder.embedding(model).pop().ok_or_else(|| Fault::new(Code::NoModel, missing()))
    }

    async fn load(&mut self, rung: Rung) -> Result<Loaded, Fault> {
        let free = self.memory.read().map_or(Bytes::ZERO, |reading| reading.available).minus(self.reserve);
        if rung.level.resident > free {
            let message = format!(
                "{} needs {} MiB of memory and {} MiB are free for it",
                rung.level.model,
                rung.level.resident.mebibytes(),
                free.mebibytes()
            );
            return Err(Fault::new(Code::NoMemory, message));
        }
        let (say, events) = mpsc::channel(16);
        let spec =
            Spec { purpose: Purpose::Embed, slots: 1, context: 512, batch: 512, threads: self.threads, file: rung.path.clone() };
        let since = self.gauge.loading();
        let outcome = super::thinking::load(&self.heads, &self.taster, spec, &self.gauge, say).await;
        self.gauge.loaded(since);
        match outcome {
            Ok(head) => Ok(Loaded { rung, head, events }),
            Err(why) => {
                self.ladder.mark_broken(&rung, why.clone());
                Err(Fault::new(Code::NoModel, why))
            }
        }
    }
}
