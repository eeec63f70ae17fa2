//! Sink: what is told becomes letters; final ones are kept for the same id coming again.
//!
//! Deliberately absent: the broker (`broker` carries the letters); what people said, in any log.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use hob_core::{
    accounts::Bill,
    prompt::{PromptId, TokenCount},
    units::{Micros, UnixSeconds},
};
use hob_engine::{Answer, Gauges, Vectors};
use hob_wire::{
    V1,
    decimal::Decimal,
    event::Event,
    properties::Properties,
    reply::{self, Accepted, Account, Chunk, Co2, Embedding, Energy, Failure, Fault, Predicted, Reply, Took, words_per_charge},
    request::ReplyRoute,
    state::LastAnswer,
    topics::Topics,
};
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::{
    carbon::Carbon,
    gauge::Gauge,
    messages::{EmbedTicket, Letter, Served, Ticket, Told},
    store::{Final, Store},
    tasks::supply::Fed,
};

/// What letters are made with.
pub(crate) struct Desk {
    pub(crate) topics: Topics,
    pub(crate) store: Arc<Store>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) carbon: Arc<Carbon>,
    /// What feeds the board: for words per charge.
    pub(crate) fed: watch::Receiver<Fed>,
    /// Whether the retained last answer says what was said.
    pub(crate) publish_text: bool,
}

/// Runs until nothing more is told.
pub(crate) async fn run(desk: Desk, mut told: mpsc::Receiver<Told>, letters: mpsc::Sender<Letter>) {
    while let Some(told) = told.recv().await {
        for letter in desk.write(told) {
            if letters.send(letter).await.is_err() {
                return;
            }
        }
    }
}

impl Desk {
    fn write(&self, told: Told) -> Vec<Letter> {
        match told {
            Told::Accepted { id, route, queue } => self.accepted(&id, &route, queue),
            Told::Again { id, route } => self.again(&id, &route),
            Told::Piece { id, topic, seq, text } => vec![piece(id, topic, seq, text)],
            Told::Answered { ticket, answer, bill, served, predicted, queued, total } => {
                let cost = Cost { bill: bill.unwrap_or_else(nothing_booked), predicted };
                self.answered(&ticket, answer, &cost, &served, (queued, total))
            }
            Told::Failed { id, route, dedupe, fault } => self.failed(&id, &route, dedupe, fault),
            Told::Embedded { ticket, vectors, bill, served, total } => {
                self.embedded(*ticket, vectors, &bill.unwrap_or_else(nothing_booked), &served, total)
            }
            Told::Refused { command, fault } => {
                tracing::warn!(command, %fault, "a command could not be followed");
                vec![self.event(&Event::Refused { v: V1, command: command.into(), message: fault.message })]
            }
            Told::Level(choice) => vec![state(self.topics.level(), &*choice)],
            Told::Trouble(code, message) => vec![self.event(&Event::Meter { v: V1, code, message })],
            Told::Why(why) => vec![state(self.topics.why(), &*why)],
            Told::Info(info) => vec![state(self.topics.info(), &*info)],
        }
    }

    fn accepted(&self, id: &PromptId, route: &ReplyRoute, queue: usize) -> Vec<Letter> {
        let queue = u32::try_from(queue).unwrap_or(u32::MAX);
        let reply: Reply = Reply::Accepted(Accepted { v: V1, id: id.clone(), queue, device: self.topics.device().to_owned() });
        let event = Event::Accepted { v: V1, id: id.clone(), queue };
        vec![self.reply(route, id, None, &reply), self.event(&event)]
    }

    /// The stored answer, or that it still waits.
    fn again(&self, id: &PromptId, route: &ReplyRoute) -> Vec<Letter> {
        match self.store.answer(id) {
            Some(answer) => {
                let properties = Properties::reply(route, id, self.topics.device(), answer.level.as_deref());
                vec![letter(route.topic.clone(), answer.payload, true, false, properties)]
            }
            None if self.store.waits(id) => self.accepted(id, route, 0).into_iter().take(1).collect(),
            // It has just been refused in a way that may be tried again: that refusal is the answer to both.
            None => Vec::new(),
        }
    }

    fn answered(
        &self,
        ticket: &Ticket,
        answer: Answer,
        cost: &Cost,
        served: &Served,
        (queued, total): (Micros, Micros),
    ) -> Vec<Letter> {
        let Cost { bill, predicted } = cost;
        let id = ticket.prompt.id.clone();
        let first_token = answer.first_token.map(|at| millis(queued.plus(at)));
        let ms = Took { queue: millis(queued), prompt: millis(answer.prefill), total: millis(total), first_token };
        let account = Account {
            id: id.clone(),
            finish: answer.finish,
            model: served.model.clone(),
            level: served.level.clone(),
            why: served.why.to_owned(),
            tokens: answer.tokens,
            ms,
            tokens_per_s: speed(answer.tokens, answer.decode),
            energy: self.energy(bill, answer.tokens.completion, words(&answer.text)),
            co2: self.co2(bill),
            predicted: Some(Predicted::of(Some(predicted.energy), Some(predicted.time), None)),
            device: self.topics.device().to_owned(),
            attempt: 1,
            ts: timestamp(),
        };
        tracing::info!(
            prompt = %id, level = served.level, why = served.why, finish = answer.finish.as_str(), tokens = answer.tokens.completion,
            cached = answer.tokens.cached, ms = total.millis().0, mj = bill.wall.0 / 1_000, "answered"
        );
        let event = Event::Answer {
            v: V1,
            id: id.clone(),
            finish: answer.finish,
            model: served.model.clone(),
            level: served.level.clone(),
            total_ms: millis(total),
            wall_j: bill.wall.into(),
        };
        let text = |text: &str| self.publish_text.then(|| text.to_owned());
        let asked = ticket.prompt.messages.last().map(|message| message.content.as_str()).unwrap_or_default();
        let last = LastAnswer { v: V1, prompt: text(asked), text: text(&answer.text), account: account.clone() };
        let again = reply::Answer { v: V1, text: answer.text, account, duplicate: true, late: false };
        let first: Reply = Reply::Ok(reply::Answer { duplicate: false, ..again.clone() });
        if ticket.dedupe {
            self.keep(&id, &Reply::Ok::<reply::Answer>(again), Some(&served.level));
        }
        vec![
            self.reply(&ticket.route, &id, Some(&served.level), &first),
            self.event(&event),
            state(self.topics.last_answer(), &last),
        ]
    }

    fn failed(&self, id: &PromptId, route: &ReplyRoute, dedupe: bool, fault: Fault) -> Vec<Letter> {
        tracing::info!(prompt = %id, code = fault.code.as_str(), "not answered");
        let event = Event::error(id.clone(), &fault);
        let again_helps = fault.code.worth_retrying();
        let failure = Failure { ts: timestamp(), ..Failure::new(id.clone(), fault, self.topics.device()) };
        if dedupe && again_helps {
            self.store.forget(id);
        } else if dedupe {
            self.keep(id, &Reply::<reply::Answer>::Error(Failure { duplicate: true, ..failure.clone() }), None);
        }
        let reply: Reply = Reply::Error(failure);
        vec![self.reply(route, id, None, &reply), self.event(&event)]
    }

    fn embedded(&self, ticket: EmbedTicket, vectors: Vectors, bill: &Bill, served: &Served, total: Micros) -> Vec<Letter> {
        let EmbedTicket { ask, .. } = ticket;
        let queued = total.minus(vectors.took);
        let ms = Took { queue: millis(queued), prompt: millis(vectors.took), total: millis(total), first_token: None };
        let embedding = Embedding {
            v: V1,
            id: ask.id.clone(),
            embedding: vectors.vectors,
            model: served.model.clone(),
            level: served.level.clone(),
            why: served.why.to_owned(),
            tokens: TokenCount { prompt: vectors.tokens, ..TokenCount::default() },
            ms,
            energy: self.energy(bill, 0, 0),
            co2: self.co2(bill),
            device: self.topics.device().to_owned(),
            ts: timestamp(),
            duplicate: false,
            late: false,
        };
        if ask.dedupe {
            self.keep(&ask.id, &Reply::Ok(Embedding { duplicate: true, ..embedding.clone() }), Some(&served.level));
        }
        vec![self.reply(&ask.reply, &ask.id, Some(&served.level), &Reply::Ok(embedding))]
    }

    fn keep<T: Serialize>(&self, id: &PromptId, reply: &T, level: Option<&str>) {
        self.store.settle(id, Final { payload: json(reply), level: level.map(str::to_owned) });
    }

    fn energy(&self, bill: &Bill, tokens: u32, words: u32) -> Energy {
        let full = self.fed.borrow().charge.map(|charge| charge.full);
        let words_per_charge = full.and_then(|full| words_per_charge(full, bill.wall, words));
        Energy { words_per_charge, ..Energy::of(bill, self.gauge.source(), tokens) }
    }

    fn co2(&self, bill: &Bill) -> Option<Co2> {
        let found = self.carbon.footprint(self.gauge.now(), bill);
        let (footprint, sourced) = found.inspect_err(|error| tracing::warn!(%error, "no CO2 estimate")).ok()?;
        Some(Co2::of(&footprint, &sourced))
    }

    fn reply<T: Serialize>(&self, route: &ReplyRoute, id: &PromptId, level: Option<&str>, reply: &T) -> Letter {
        let properties = Properties::reply(route, id, self.topics.device(), level);
        letter(route.topic.clone(), json(reply), true, false, properties)
    }

    fn event(&self, event: &Event) -> Letter {
        letter(self.topics.event(), json(event), true, false, Properties::json())
    }
}

/// What an answer cost, and was expected to.
struct Cost {
    bill: Bill,
    predicted: hob_core::policy::Predicted,
}

/// A bill that never came is a bug in the books: it is told as not measured at all, rather than keeping the answer back.
fn nothing_booked() -> Bill {
    tracing::error!("a bill is missing; this is a bug in Hob, please report it");
    Bill::unmeasured()
}

fn words(text: &str) -> u32 {
    u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX)
}

fn piece(id: PromptId, topic: String, seq: u64, text: Option<String>) -> Letter {
    let chunk = match text {
        Some(text) => Chunk::delta(id, seq, text),
        None => Chunk::done(id, seq),
    };
    letter(topic, json(&chunk), false, false, Properties::json())
}

fn state<T: Serialize>(topic: String, state: &T) -> Letter {
    letter(topic, json(state), true, true, Properties::json())
}

fn letter(topic: String, payload: Vec<u8>, sure: bool, retain: bool, properties: Properties) -> Letter {
    Letter { topic, payload, sure, retain, properties }
}

/// Plain structures of texts and numbers always become JSON; if one ever does not, its reader gets `null`, not silence.
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| {
        tracing::error!(%error, "a payload could not be written");
        b"null".to_vec()
    })
}

fn millis(span: Micros) -> Decimal<0> {
    span.millis().into()
}

/// Tokens after the first, over the time that they took.
fn speed(tokens: TokenCount, decode: Micros) -> Option<Decimal<2>> {
    let after_first = tokens.completion.checked_sub(1).filter(|&count| count > 0)?;
    Decimal::per_second(after_first, decode.millis())
}

/// Now, RFC 3339; nothing while the clock cannot be right (a board without a battery starts in the past).
pub(crate) fn timestamp() -> Option<String> {
    civil().map(|_| humantime::format_rfc3339_millis(SystemTime::now()).to_string())
}

/// The civil clock, if it can be right.
pub(crate) fn civil() -> Option<UnixSeconds> {
    const FIRST_OF_2025: u64 = 1_735_689_600;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    (since.as_secs() >= FIRST_OF_2025).then_some(UnixSeconds(since.as_secs()))
}
