//! A seat is filled: the prompt is begun, waits for its level, or is taken back.
//!
//! Deliberately absent: the choice of level (`choice`), changing it (`switch`).

use hob_core::prompt::PromptId;
use hob_engine::{Event, Gauges, ThinkError};
use hob_wire::reply::{Code, Fault};
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::{Running, Thinking, choice::Chosen, refusal::fault_of};
use crate::messages::{Served, Ticket, Told};

impl Thinking {
    /// The desk's next one. It is to be seated at once.
    pub(super) fn take(&mut self, ticket: Box<Ticket>) {
        // Also who is refused came, and is to be expected again.
        self.tools.steward.arrived(self.tools.gauge.moment(ticket.taken_in));
        self.held = Some(ticket);
    }

    /// Begins the held prompt if its level is loaded, or can be now.
    pub(super) async fn seat_held(&mut self) {
        while let Some(ticket) = self.held.take() {
            match self.choose_for(&ticket).await {
                Err(fault) => self.tell(Told::failed(&ticket, fault)).await,
                Ok(chosen) if self.loaded.as_ref().is_some_and(|loaded| loaded.rung == chosen.rung) => {
                    self.begin(ticket, &chosen).await;
                }
                Ok(_) if !self.running.is_empty() => {
                    self.held = Some(ticket);
                    return;
                }
                Ok(chosen) => {
                    // Whatever comes of it, the next round chooses again.
                    self.switch_to(chosen.rung).await;
                    self.held = Some(ticket);
                }
            }
        }
    }

    async fn begin(&mut self, ticket: Box<Ticket>, chosen: &Chosen) {
        let Some(loaded) = &self.loaded else { return };
        let now = self.tools.gauge.now();
        let waited = now.minus(ticket.taken_in);
        let id = ticket.prompt.id.clone();
        let mut prompt = ticket.prompt.clone();
        prompt.max_tokens = chosen.max_tokens;
        self.tools.gauge.begin(&id);
        let outcome = loaded.head.think(prompt, waited);
        let level = &loaded.rung.level;
        let served = Served { model: level.model.clone(), level: level.name.clone(), why: chosen.why };
        if outcome.is_err() {
            drop(self.tools.gauge.finish(&id));
        }
        match outcome {
            Ok(()) => {
                let running = Running { ticket, served, predicted: chosen.predicted, begun: now, pieces: 0 };
                self.running.insert(id, running);
                self.show();
            }
            Err(ThinkError::Gone) => {
                tracing::error!("the engine ended by itself; the model is loaded again");
                self.loaded = None;
                self.held = Some(ticket);
                for id in self.running.keys().cloned().collect::<Vec<_>>() {
                    self.hear(Event::Failed { id, error: ThinkError::Gone }).await;
                }
            }
            Err(error) => self.tell(Told::failed(&ticket, fault_of(&error))).await,
        }
    }

    /// Takes a prompt back, wherever it is by now.
    pub(super) async fn cancel(&mut self, id: &PromptId) {
        // The desk may have filled the seat just before it heard of this.
        match self.offer.as_mut().map(oneshot::Receiver::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => {}
            Some(filled) => {
                self.offer = None;
                if let Ok(ticket) = filled {
                    self.take(ticket);
                }
            }
        }
        if let Some(ticket) = self.held.take_if(|ticket| ticket.prompt.id == *id) {
            self.tell(Told::failed(&ticket, Fault::new(Code::Cancelled, "it was taken back before its turn"))).await;
        } else if let Some(loaded) = &self.loaded {
            loaded.head.cancel(id.clone());
        }
        self.seat_held().await;
    }
}

/// The ticket that fills the seat; nothing if the desk let it go. Never, while no seat is offered.
pub(super) async fn filled(offer: &mut Option<oneshot::Receiver<Box<Ticket>>>) -> Option<Box<Ticket>> {
    match offer {
        Some(offer) => offer.await.ok(),
        None => std::future::pending().await,
    }
}
