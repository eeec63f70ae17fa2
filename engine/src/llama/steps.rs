//! All slots of a head in one batch, step by step.
//!
//! ```text
//! slots that write (a token each) ─┐
//! slots that prefill (a chunk) ────┴─▶ batch ─▶ decode ─▶ note the work ─▶ a token for each that wants one
//! ```
//!
//! A chunk is as long as keeps the step near a wanted time, measured as it goes: prefill does not stall those
//! who write, and a cancelled prompt ends within a chunk.
//!
//! Deliberately absent: the channel orders come by (`head`), what a slot does with its token (`slot`).

use std::{collections::VecDeque, sync::Arc};

use hob_core::{
    prompt::{Finish, PromptId},
    units::Micros,
};
use llama_cpp_2::{context::LlamaContext, llama_batch::LlamaBatch, model::LlamaModel, token::LlamaToken};

use super::{asked::Asked, cache, sample::Sampler, slot::Slot, tokens};
use crate::{
    api::{Answer, Event, Events, Gauges, Spec, ThinkError},
    grammar,
    sequences::Sequences,
    template::Template,
};

/// A step with somebody writing takes about so long: the pace of reading.
const STEP_WRITING: Micros = Micros(200_000);
/// A step with nobody writing takes about so long: the wait for a cancellation.
const STEP_ALONE: Micros = Micros(500_000);
/// The shortest chunk; below it the batch is not worth its overhead.
const LEAST_CHUNK: u32 = 8;

/// Sequences of the cache for so many slots: as many again keep what finished prompts left.
pub(super) fn sequences(slots: u32) -> u32 {
    slots.saturating_mul(2)
}

/// Most tokens in one step: a token for every slot that writes, and a chunk, fit into any.
pub(super) fn most(spec: &Spec) -> u32 {
    spec.batch.max(spec.slots.saturating_add(LEAST_CHUNK))
}

/// A model with its context and all prompts in hand.
pub(super) struct Steps<'model> {
    model: &'model LlamaModel,
    context: LlamaContext<'model>,
    batch: LlamaBatch<'static>,
    template: Template,
    sequences: Sequences,
    /// Prompts without a slot, first come first.
    waiting: VecDeque<Asked>,
    slots: Vec<Slot>,
    /// How many slots there may be.
    seats: usize,
    /// Whether a not-a-number may be in the cache: without flash attention it spreads to others, even when masked.
    spoilt: bool,
    /// Tokens of one prompt and its answer.
    limit: usize,
    most: usize,
    /// Time a prefill token takes, as measured.
    pace: Option<Micros>,
    /// Until when the work is noted; nothing while there is none.
    noted: Option<Micros>,
    gauges: Arc<dyn Gauges>,
    events: Events,
}

/// What one slot has in a batch.
struct Share {
    slot: usize,
    tokens: Vec<LlamaToken>,
    /// Where its logits are.
    index: Option<i32>,
}

impl<'model> Steps<'model> {
    pub(super) fn new(
        model: &'model LlamaModel,
        context: LlamaContext<'model>,
        template: Template,
        spec: &Spec,
        gauges: Arc<dyn Gauges>,
        events: Events,
    ) -> Self {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let divisible = !model.is_recurrent() && !model.is_hybrid();
        let cells = spec.context.saturating_mul(spec.slots);
        Self {
            model,
            context,
            batch: LlamaBatch::new(size(most(spec)), 1),
            template,
            sequences: Sequences::new(size(sequences(spec.slots)), size(cells), divisible),
            waiting: VecDeque::new(),
            slots: Vec::new(),
            seats: size(spec.slots),
            spoilt: false,
            limit: size(spec.context.min(model.n_ctx_train().max(1))),
            most: size(most(spec)),
            pace: None,
            noted: None,
            gauges,
            events,
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn idle(&self) -> bool {
        self.slots.is_empty() && self.waiting.is_empty()
    }

    /// What is used from now on belongs to nobody.
    pub(super) fn rest(&mut self) {
        self.noted = None;
    }

    /// Takes a prompt in; it gets a slot before the next step, if one is free.
    pub(super) fn take(&mut self, mut asked: Asked) {
        asked.since = self.gauges.now();
        self.noted.get_or_insert(asked.since);
        self.waiting.push_back(asked);
    }

    /// Fails a prompt that is not in a slot.
    pub(super) fn refuse(&mut self, id: PromptId, error: ThinkError) {
        self.tell(Event::Failed { id, error });
    }

    /// Ends all prompts: the house closes.
    pub(super) fn close(&mut self) {
        while !self.slots.is_empty() {
            self.end(0, Finish::Closing);
        }
        while let Some(asked) = self.waiting.pop_front() {
            self.end_unseated(&asked, Finish::Closing);
        }
    }

    /// One step of everybody in hand.
    pub(super) fn step(&mut self) {
        self.end_those_who_are_over();
        self.fill_slots();
        let shares = self.compose();
        if shares.is_empty() {
            return;
        }
        let before = self.gauges.now();
        let outcome = self.context.decode(&mut self.batch);
        // The work is done when the results are there.
        self.context.synchronize();
        let now = self.gauges.now();
        self.note(&shares, before, now);
        match outcome {
            Ok(()) => {
                self.learn_pace(&shares, now.minus(before));
                self.hear(&shares, now);
            }
            Err(error) => self.fail_slots(&error.to_string()),
        }
    }

    /// Fails all prompts: nobody can tell what went wrong.
    pub(super) fn fail_everybody(&mut self, why: &str) {
        self.fail_slots(why);
        while let Some(asked) = self.waiting.pop_front() {
            self.refuse(asked.prompt.id.clone(), ThinkError::Step(why.to_owned()));
        }
    }

    /// Gives free slots to those who wait.
    fn fill_slots(&mut self) {
        if self.spoilt && self.slots.is_empty() {
            self.clear_cache();
        }
        while self.slots.len() < self.seats {
            // It stays in the queue until it has its slot, so that it is not lost whatever happens here.
            let Some(asked) = self.waiting.front().cloned() else { return };
            let outcome = self.seat(&asked);
            self.waiting.pop_front();
            match outcome {
                Ok(slot) => self.slots.push(slot),
                Err(error) => self.refuse(asked.prompt.id.clone(), error),
            }
        }
    }

    fn seat(&mut self, asked: &Asked) -> Result<Slot, ThinkError> {
        let now = self.gauges.now();
        let prompt = &asked.prompt;
        let grammar = grammar::gbnf(&prompt.shape).map_err(ThinkError::Shape)?;
        let sampler = Sampler::new(self.model, &prompt.sampling, grammar.as_deref())?;
        let rendered = self.template.render(&prompt.messages).map_err(|error| ThinkError::Template(error.0))?;
        let tokens = tokens::tokenize(self.model, &rendered, self.template.chats());
        if tokens.is_empty() {
            return Err(ThinkError::Empty);
        }
        if tokens.len() >= self.limit {
            return Err(ThinkError::TooLong { tokens: tokens.len(), limit: self.limit });
        }
        let room = self.limit - tokens.len();
        let completion = room.min(usize::try_from(prompt.max_tokens.max(1)).unwrap_or(usize::MAX));
        let numbers: Vec<i32> = tokens.iter().map(|token| token.0).collect();
        let plan = self.sequences.place(&numbers, tokens.len() + completion).ok_or(ThinkError::Full)?;
        let plan = cache::carry_out(&mut self.context, &mut self.sequences, plan)?;
        let completion = u32::try_from(completion).unwrap_or(u32::MAX);
        Ok(Slot::new(asked.clone(), &tokens, &plan, sampler, completion, now))
    }

    /// Fills the batch: first everybody who writes, then chunks of those who prefill, in order.
    fn compose(&mut self) -> Vec<Share> {
        self.batch.clear();
        let writing = self.slots.iter().any(Slot::decoding);
        let mut left = self.chunk(writing);
        let mut shares: Vec<Share> = Vec::new();
        for decoding in [true, false] {
            for (place, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.decoding() == decoding) {
                let (part, logits) = slot.wants(if decoding { 1 } else { left });
                if part.is_empty() {
                    continue;
                }
                let start = self.sequences.len(slot.sequence);
                let Some(index) = add(&mut self.batch, part, start, slot.sequence, logits) else { break };
                left -= if decoding { 0 } else { part.len() };
                shares.push(Share { slot: place, tokens: part.to_vec(), index: logits.then_some(index) });
            }
        }
        shares
    }

    /// How many prefill tokens fit this step.
    fn chunk(&self, writing: bool) -> usize {
        let wanted = if writing { STEP_WRITING } else { STEP_ALONE };
        let least = usize::try_from(LEAST_CHUNK).unwrap_or(usize::MAX);
        let space = self.most.saturating_sub(self.slots.iter().filter(|slot| slot.decoding()).count());
        let fits = self.pace.map_or(least * 4, |pace| usize::try_from(wanted.0 / pace.0.max(1)).unwrap_or(usize::MAX));
        fits.max(least).min(space)
    }

    /// Learns how long a prefill token takes, from steps that are mostly prefill.
    fn learn_pace(&mut self, shares: &[Share], took: Micros) {
        let tokens: usize = shares.iter().map(|share| share.tokens.len()).sum();
        let count = u64::try_from(tokens).unwrap_or(1).max(1);
        if tokens > shares.len() && count >= u64::from(LEAST_CHUNK) {
            let seen = took.0 / count;
            let pace = self.pace.map_or(seen, |pace| (pace.0 * 3 + seen) / 4);
            self.pace = Some(Micros(pace.max(1)));
        }
    }

    /// Notes who had how many tokens in a step. What lay between two steps (picking tokens, telling) goes with the second.
    fn note(&mut self, shares: &[Share], before: Micros, now: Micros) {
        let of = |share: &Share| {
            let tokens = u32::try_from(share.tokens.len()).unwrap_or(u32::MAX);
            self.slots.get(share.slot).map(|slot| (&slot.id, tokens))
        };
        let work: Vec<(&PromptId, u32)> = shares.iter().filter_map(of).collect();
        self.gauges.work(self.noted.unwrap_or(before), now, &work);
        self.noted = Some(now);
    }

    /// Gives each its token; the last first, so that places do not move under those still to come.
    fn hear(&mut self, shares: &[Share], now: Micros) {
        for share in shares {
            let Some(slot) = self.slots.get_mut(share.slot) else { continue };
            let numbers: Vec<i32> = share.tokens.iter().map(|token| token.0).collect();
            self.sequences.grow(slot.sequence, &numbers);
            slot.computed(share.tokens.len());
        }
        let mut by_place: Vec<&Share> = shares.iter().collect();
        by_place.sort_by_key(|share| std::cmp::Reverse(share.slot));
        for share in by_place {
            let (Some(index), Some(slot)) = (share.index, self.slots.get_mut(share.slot)) else { continue };
            match slot.hear(self.model, &self.context, index, now) {
                Ok((text, finish)) => {
                    let id = slot.id.clone();
                    if !text.is_empty() {
                        self.tell(Event::Piece { id, text });
                    }
                    if let Some(finish) = finish {
                        self.end(share.slot, finish);
                    }
                }
                Err(error) => self.fail(share.slot, error),
            }
        }
    }

    fn end_those_who_are_over(&mut self) {
        let now = self.gauges.now();
        for place in (0..self.slots.len()).rev() {
            let gauges = &self.gauges;
            if let Some(finish) = self.slots.get_mut(place).and_then(|slot| slot.over(now, &**gauges)) {
                self.end(place, finish);
            }
        }
        for _ in 0..self.waiting.len() {
            let Some(asked) = self.waiting.pop_front() else { return };
            match asked.over(now) {
                Some(finish) => self.end_unseated(&asked, finish),
                None => self.waiting.push_back(asked),
            }
        }
    }

    fn end(&mut self, place: usize, finish: Finish) {
        let slot = self.slots.remove(place);
        self.sequences.release(slot.sequence);
        let id = slot.id.clone();
        let (last, answer) = slot.finish(finish, self.gauges.now());
        if !last.is_empty() {
            self.tell(Event::Piece { id: id.clone(), text: last });
        }
        self.tell(Event::Answered { id, answer });
    }

    fn end_unseated(&mut self, asked: &Asked, finish: Finish) {
        self.tell(Event::Answered { id: asked.prompt.id.clone(), answer: Answer::nothing(finish) });
    }

    fn fail(&mut self, place: usize, error: ThinkError) {
        let slot = self.slots.remove(place);
        self.sequences.release(slot.sequence);
        if error == ThinkError::NotANumber {
            self.sequences.forget(slot.sequence);
            self.spoilt = true;
        }
        self.tell(Event::Failed { id: slot.id, error });
    }

    /// A step failed: nobody can tell what the cache holds now.
    fn fail_slots(&mut self, why: &str) {
        tracing::error!(why, "a step failed; the cache is cleared");
        while !self.slots.is_empty() {
            self.fail(0, ThinkError::Step(why.to_owned()));
        }
        self.clear_cache();
    }

    fn clear_cache(&mut self) {
        self.context.clear_kv_cache();
        self.sequences.forget_all();
        self.spoilt = false;
    }

    fn tell(&mut self, event: Event) {
        (self.events)(event);
    }
}

/// Adds a run of tokens; returns where the last one is. `None` if the batch is full.
fn add(batch: &mut LlamaBatch<'_>, tokens: &[LlamaToken], start: usize, sequence: usize, logits: bool) -> Option<i32> {
    let sequence = i32::try_from(sequence).ok()?;
    let last = tokens.len().checked_sub(1)?;
    for (offset, token) in tokens.iter().enumerate() {
        let position = i32::try_from(start + offset).ok()?;
        batch.add(*token, position, &[sequence], logits && offset == last).ok()?;
    }
    Some(batch.n_tokens() - 1)
}
