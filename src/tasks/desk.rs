//! Stage: prompts wait here until thinking offers a seat.
//!
//! Closing: when no more orders come, whoever still waits is told so at once; then the seats are let go.

use std::{sync::Arc, time::Duration};

use hob_core::{
    desk::{Desk, Refusal},
    policy::Asked,
    prompt::PromptId,
    units::{Micros, Millis},
};
use hob_engine::Gauges;
use hob_wire::reply::{Code, Fault};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    gauge::Gauge,
    messages::{Order, Ticket, Told},
};

/// Nobody is told to come back sooner than this.
const LEAST_PAUSE: Millis = Millis(1_000);

/// An offer to take the next prompt.
pub(crate) type Seat = oneshot::Sender<Box<Ticket>>;

/// So many of those who wait matter for the choice of a level; the rest stand behind them.
const LOOKED_AT: usize = 32;

/// Who waits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    /// How many.
    pub(crate) count: usize,
    /// What the first of them ask for, and when that was looked up.
    first: Vec<Asked>,
    seen: Micros,
}

impl Queue {
    /// What the first of them ask for; their deadlines have come nearer meanwhile.
    pub(crate) fn asked(&self, now: Micros) -> Vec<Asked> {
        let since = now.minus(self.seen).millis();
        self.first.iter().map(|asked| Asked { left: asked.left.map(|left| left.minus(since)), ..*asked }).collect()
    }
}

/// What the desk is connected to.
pub(crate) struct Around {
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) seats: mpsc::Receiver<Seat>,
    /// Prompts that are to be taken back and are not waiting here.
    pub(crate) cancels: mpsc::Sender<PromptId>,
    pub(crate) told: mpsc::Sender<Told>,
    /// Who waits.
    pub(crate) waiting: watch::Sender<Queue>,
    /// How long an answer takes, of late.
    pub(crate) pace: watch::Receiver<Millis>,
    pub(crate) gauge: Arc<Gauge>,
}

/// Runs until the orders end.
pub(crate) async fn run(places: usize, mut around: Around) {
    let mut desk: Desk<Box<Ticket>> = Desk::new(places);
    let mut seat: Option<Seat> = None;
    loop {
        // A seat that was given up is no seat.
        seat = seat.filter(|seat| !seat.is_closed());
        if !desk.is_empty()
            && let Some(free) = seat.take()
            && let Some(ticket) = desk.call_next()
            && let Err(ticket) = free.send(ticket)
        {
            let (id, priority, due) = (ticket.prompt.id.clone(), ticket.prompt.priority, ticket.due);
            let _back = desk.admit(id, priority, due, ticket);
        }
        let seen = around.gauge.now();
        let first = desk.iter().take(LOOKED_AT).map(|ticket| ticket.asked(seen)).collect();
        around.waiting.send_replace(Queue { count: desk.len(), first, seen });
        let wake = desk.next_due().map(|due| Duration::from_micros(due.minus(around.gauge.now()).0));
        let done = tokio::select! {
            biased;
            () = tokio::time::sleep(wake.unwrap_or_default()), if wake.is_some() => expire(&mut desk, &around).await,
            order = around.orders.recv() => match order {
                Some(order) => follow(&mut desk, order, &around).await,
                None => break,
            },
            Some(offer) = around.seats.recv(), if seat.is_none() => {
                seat = Some(offer);
                Some(())
            }
        };
        if done.is_none() {
            break;
        }
    }
    for ticket in desk.close() {
        let fault = Fault::new(Code::Closing, "Hob is shutting down; send it again when its status is online, or to another Hob");
        let _gone = around.told.send(Told::failed(&ticket, fault)).await;
    }
}

async fn follow(desk: &mut Desk<Box<Ticket>>, order: Order, around: &Around) -> Option<()> {
    match order {
        Order::Ask(ticket) => admit(desk, ticket, around).await,
        Order::Cancel(id) => match desk.take_back(&id) {
            Some(ticket) => around
                .told
                .send(Told::failed(&ticket, Fault::new(Code::Cancelled, "it was taken back before its turn")))
                .await
                .ok(),
            None => around.cancels.send(id).await.ok(),
        },
    }
}

async fn admit(desk: &mut Desk<Box<Ticket>>, ticket: Box<Ticket>, around: &Around) -> Option<()> {
    let (id, route) = (ticket.prompt.id.clone(), ticket.route.clone());
    let (priority, due) = (ticket.prompt.priority, ticket.due);
    let told = match desk.admit(id.clone(), priority, due, ticket) {
        Ok(queue) => Told::Accepted { id, route, queue },
        Err((refusal @ Refusal::Full(_), ticket)) => {
            let fault = Fault::new(Code::Busy, refusal.to_string()).again_after((*around.pace.borrow()).max(LEAST_PAUSE));
            Told::failed(&ticket, fault)
        }
        Err((refusal @ Refusal::Known(_), ticket)) => Told::failed(&ticket, Fault::bad(refusal.to_string())),
    };
    around.told.send(told).await.ok()
}

async fn expire(desk: &mut Desk<Box<Ticket>>, around: &Around) -> Option<()> {
    for ticket in desk.expire(around.gauge.now()) {
        let fault =
            Fault::new(Code::Expired, "its deadline or expiry passed before its turn; give it more time, or a higher priority");
        around.told.send(Told::failed(&ticket, fault)).await.ok()?;
    }
    Some(())
}
