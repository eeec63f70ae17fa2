//! The thread that a model lives on.
//!
//! Promise: every prompt that was taken ends in one event, also when the head is dropped, and also when a
//! bug makes a step panic.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender, TryRecvError, TrySendError},
    },
    thread::JoinHandle,
};

use hob_core::{
    prompt::{Prompt, PromptId},
    units::Micros,
};

use super::{
    asked::{Asked, Register},
    embed, load_model, make_context,
    steps::Steps,
    tokens,
};
use crate::api::{Events, Gauges, Head, LoadError, Purpose, Spec, ThinkError};

/// Stack of the thread: llama.cpp's grammar and tokenizer recurse. Only touched pages cost memory.
const STACK: usize = 32 * 1024 * 1024;

/// What a head is told.
pub(super) enum Order {
    Think(Asked),
    Embed(PromptId, Vec<String>),
    Stop,
}

/// A model on its thread.
pub(super) struct LlamaHead {
    orders: SyncSender<Order>,
    register: Register,
    /// Tells a long row of texts to end.
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    purpose: Purpose,
}

/// Starts the thread, loads the model on it and waits for the outcome.
pub(super) fn start(
    spec: &Spec,
    gauges: Arc<dyn Gauges>,
    events: Events,
    progress: Box<dyn FnMut(u8) + Send>,
) -> Result<LlamaHead, LoadError> {
    let slots = usize::try_from(spec.slots).unwrap_or(1);
    let (orders, inbox) = mpsc::sync_channel(slots * 2 + 1);
    let (ready, outcome) = mpsc::sync_channel(1);
    let closing = Arc::new(AtomicBool::new(false));
    let (own, stop) = (spec.clone(), Arc::clone(&closing));
    let thread = std::thread::Builder::new()
        .name("hob-head".into())
        .stack_size(STACK)
        .spawn(move || live(&own, gauges, events, progress, &ready, (&inbox, &stop)))
        .map_err(|error| spec.refused(&format!("no thread could be started: {error}")))?;
    match outcome.recv() {
        Ok(Ok(())) => {
            Ok(LlamaHead { orders, register: Register::new(slots * 2), closing, thread: Some(thread), purpose: spec.purpose })
        }
        Ok(Err(error)) => {
            let _ended = thread.join();
            Err(error)
        }
        Err(_) => Err(spec.refused("the loading thread ended without a word; see the log")),
    }
}

/// Loads, says so, serves until told to stop.
fn live(
    spec: &Spec,
    gauges: Arc<dyn Gauges>,
    events: Events,
    progress: Box<dyn FnMut(u8) + Send>,
    ready: &SyncSender<Result<(), LoadError>>,
    (inbox, closing): (&Receiver<Order>, &AtomicBool),
) {
    let model = match load_model(spec, progress) {
        Ok(model) => model,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let template = tokens::template(&model, spec);
    let parts = template.and_then(|template| make_context(&model, spec).map(|context| (template, context)));
    match parts {
        Err(error) => drop(ready.send(Err(error))),
        Ok((_, context)) if spec.purpose == Purpose::Embed => {
            drop(ready.send(Ok(())));
            embed::serve(&model, context, spec, &*gauges, events, (inbox, closing));
        }
        Ok((template, context)) => {
            drop(ready.send(Ok(())));
            serve(Steps::new(&model, context, template, spec, gauges, events), inbox);
        }
    }
}

/// Serves until told to stop.
fn serve(mut steps: Steps<'_>, inbox: &Receiver<Order>) {
    loop {
        // A panic is a bug, and is said to be one; but it must not leave the house without an engine.
        match catch_unwind(AssertUnwindSafe(|| turn(&mut steps, inbox))) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => steps.fail_everybody("a bug in Hob, please report it (its place is in the log)"),
        }
    }
    for order in inbox.try_iter() {
        if let Order::Think(asked) = order {
            steps.take(asked);
        }
    }
    steps.close();
}

/// Takes one order, or does one step; waits for an order when there is nothing to do. False at the end.
fn turn(steps: &mut Steps<'_>, inbox: &Receiver<Order>) -> bool {
    let order = if steps.idle() {
        let order = inbox.recv().unwrap_or(Order::Stop);
        steps.rest();
        Ok(order)
    } else {
        inbox.try_recv()
    };
    match order {
        Ok(Order::Think(asked)) => steps.take(asked),
        Ok(Order::Embed(id, _)) => steps.refuse(id, ThinkError::NoEmbedding),
        Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
        Err(TryRecvError::Empty) => steps.step(),
    }
    true
}

impl LlamaHead {
    fn order(&self, order: Order) -> Result<(), ThinkError> {
        self.orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => ThinkError::Full,
            TrySendError::Disconnected(_) => ThinkError::Gone,
        })
    }
}

impl Head for LlamaHead {
    fn think(&self, prompt: Prompt, waited: Micros) -> Result<(), ThinkError> {
        if self.purpose == Purpose::Embed {
            return Err(ThinkError::NoAnswers);
        }
        self.order(Order::Think(self.register.admit(prompt, waited)?))
    }

    fn cancel(&self, id: PromptId) {
        self.register.take_back(&id);
    }

    fn embed(&self, id: PromptId, texts: Vec<String>) -> Result<(), ThinkError> {
        if self.purpose == Purpose::Answer {
            return Err(ThinkError::NoEmbedding);
        }
        self.order(Order::Embed(id, texts))
    }
}

impl Drop for LlamaHead {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
