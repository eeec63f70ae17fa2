//! Source: messages that came in become orders, or refusals that reach their sender.
//!
//! Promises: each message is confirmed to the broker once its outcome is queued; bad input costs nobody else anything;
//! the same id again brings the stored answer and no new one.

use std::{sync::Arc, time::Duration};

use hob_core::{
    ledger::Feed,
    prompt::{Message, Prompt, PromptId, Role},
    units::{Micros, Millis},
};
use hob_engine::Gauges;
use hob_wire::{
    reply::{Code, Fault},
    request::{self, Intake},
    topics::Inbound,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    carbon::Carbon,
    gauge::Gauge,
    messages::{Arrival, EmbedTicket, Order, Ticket, Told},
    store::{Seen, Store},
    tasks::{telemetry::Pace, thinking::Wanted},
};

/// When to try again with texts to embed: a few are done by then.
const EMBED_AGAIN: Millis = Millis(2_000);

/// Everything that an arrival may lead to.
pub(crate) struct Doors {
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) embeds: mpsc::Sender<EmbedTicket>,
    pub(crate) told: mpsc::Sender<Told>,
    pub(crate) wanted: mpsc::Sender<Wanted>,
    /// Hears that somebody wants telemetry on a quicker beat.
    pub(crate) hasten: watch::Sender<Pace>,
    /// Hears what live feeds say of the grid.
    pub(crate) carbon: Arc<Carbon>,
}

/// Runs until the stop token, or until nothing can come any more.
pub(crate) async fn run(
    mut arrivals: mpsc::Receiver<Arrival>,
    reader: Intake,
    doors: Doors,
    store: Arc<Store>,
    gauge: Arc<Gauge>,
    stop: CancellationToken,
) {
    loop {
        let arrival = tokio::select! {
            () = stop.cancelled() => return,
            arrival = arrivals.recv() => match arrival {
                Some(arrival) => arrival,
                None => return,
            },
        };
        let now = gauge.now();
        let inbound = reader.topics.inbound(&arrival.topic);
        let outcome = match inbound {
            // A retained command is taken back with nothing, and that is no command.
            Some(Inbound::SetLevel | Inbound::GridIntensity(_)) if arrival.payload.is_empty() => Some(()),
            Some(Inbound::Ask) => ask(&arrival, &reader, &doors, &store, now).await,
            Some(Inbound::Embed) => embed(&arrival, &reader, &doors, &store, now).await,
            Some(Inbound::SetLevel) => set_level(&arrival, &doors, now).await,
            Some(Inbound::SetTelemetry) => set_telemetry(&arrival, &doors, now).await,
            Some(Inbound::SetCancel) => cancel(&arrival, &doors).await,
            Some(Inbound::GridIntensity(feed)) => hear_feed(&arrival, feed, &doors, now).await,
            None => Some(()),
        };
        if outcome.is_none() {
            return; // the house is closing: the broker keeps what is not confirmed
        }
        (arrival.ack)();
    }
}

/// A name for a prompt that has none.
fn fresh_id() -> PromptId {
    let text = format!("hob-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    PromptId::new(text).unwrap_or_else(|_| unreachable_id())
}

/// Hexadecimal digits always make an id; this keeps the compiler sure of it without a panic.
fn unreachable_id() -> PromptId {
    loop {
        if let Ok(id) = PromptId::new("hob") {
            return id;
        }
    }
}

async fn ask(arrival: &Arrival, reader: &Intake, doors: &Doors, store: &Store, now: Micros) -> Option<()> {
    let mut ask = match reader.ask(&arrival.payload, &arrival.properties, fresh_id) {
        Ok(ask) => ask,
        Err(refusal) => return refuse(doors, *refusal).await,
    };
    silence_template(&mut ask.prompt);
    let (id, route) = (ask.prompt.id.clone(), ask.reply);
    if ask.dedupe && store.take_in(&id) != Seen::New {
        return doors.told.send(Told::Again { id, route }).await.ok();
    }
    // Begun late is of no use, be it by the asker's deadline or by the message's expiry.
    let spans = [ask.prompt.deadline, ask.expires];
    let due = spans.into_iter().flatten().min().map(|span| now.plus(span.micros()));
    let ticket = Ticket { prompt: ask.prompt, route, dedupe: ask.dedupe, taken_in: now, due };
    doors.orders.send(Order::Ask(Box::new(ticket))).await.ok()
}

/// Some chat templates bring standing instructions of their own, which change answers. An empty one silences them.
fn silence_template(prompt: &mut Prompt) {
    if !prompt.messages.iter().any(|message| message.role == Role::System) {
        prompt.messages.insert(0, Message { role: Role::System, content: String::new() });
    }
}

async fn embed(arrival: &Arrival, reader: &Intake, doors: &Doors, store: &Store, now: Micros) -> Option<()> {
    let ask = match reader.embed(&arrival.payload, &arrival.properties, fresh_id) {
        Ok(ask) => ask,
        Err(refusal) => return refuse(doors, *refusal).await,
    };
    if ask.dedupe && store.take_in(&ask.id) != Seen::New {
        return doors.told.send(Told::Again { id: ask.id, route: ask.reply }).await.ok();
    }
    match doors.embeds.try_send(EmbedTicket { ask, taken_in: now }) {
        Ok(()) => Some(()),
        Err(mpsc::error::TrySendError::Closed(_)) => None,
        Err(mpsc::error::TrySendError::Full(EmbedTicket { ask, .. })) => {
            let fault = Fault::new(Code::Busy, "too many embed requests wait; try again later").again_after(EMBED_AGAIN);
            doors.told.send(Told::Failed { id: ask.id, route: ask.reply, dedupe: ask.dedupe, fault }).await.ok()
        }
    }
}

async fn refuse(doors: &Doors, refusal: request::Refusal) -> Option<()> {
    // The id is not noted: a corrected request may carry it again.
    let told = Told::Failed { id: refusal.id, route: refusal.reply, dedupe: false, fault: refusal.fault };
    doors.told.send(told).await.ok()
}

async fn set_level(arrival: &Arrival, doors: &Doors, now: Micros) -> Option<()> {
    let undated = || Fault::bad("a retained command with for_s cannot be dated: send one of the two, retain or for_s");
    let command = request::level(&arrival.payload)
        .and_then(|command| if arrival.retained && command.lasts.is_some() { Err(undated()) } else { Ok(command) });
    match command {
        Ok(command) => {
            let until = command.lasts.map(|lasts| now.plus(lasts.micros()));
            doors.wanted.send(Wanted { mode: command.mode, until }).await.ok()
        }
        Err(fault) => doors.told.send(Told::Refused { command: "set/level", fault }).await.ok(),
    }
}

async fn set_telemetry(arrival: &Arrival, doors: &Doors, now: Micros) -> Option<()> {
    match request::telemetry(&arrival.payload) {
        Ok(command) => {
            let every = Duration::from_millis(command.every.0);
            doors.hasten.send_replace(Pace { every, until: now.plus(command.lasts.micros()) });
        }
        Err(fault) => doors.told.send(Told::Refused { command: "set/telemetry", fault }).await.ok()?,
    }
    Some(())
}

async fn hear_feed(arrival: &Arrival, feed: Feed, doors: &Doors, now: Micros) -> Option<()> {
    let stale = || Fault::bad("it is no longer valid: `t` and `valid_s` lie in the past; send it anew");
    let heard = request::grid_intensity(&arrival.payload)
        .and_then(|live| if doors.carbon.hear(feed, live, now, super::outbox::civil()) { Ok(()) } else { Err(stale()) });
    let Err(refused) = heard else { return Some(()) };
    doors.told.send(Told::Refused { command: "grid_intensity", fault: refused }).await.ok()
}

async fn cancel(arrival: &Arrival, doors: &Doors) -> Option<()> {
    match request::cancel(&arrival.payload) {
        Ok(id) => doors.orders.send(Order::Cancel(id)).await.ok(),
        Err(fault) => doors.told.send(Told::Refused { command: "set/cancel", fault }).await.ok(),
    }
}
