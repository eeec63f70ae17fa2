//! One prompt at work: what is left to prefill, what was said, what it cost.
//!
//! Deliberately absent: llama.cpp's context; the slot says what it wants computed and hears what came out.

use hob_core::{
    prompt::{Finish, PromptId, TokenCount},
    units::{Microjoules, Micros},
};
use llama_cpp_2::{model::LlamaModel, token::LlamaToken};

use super::{asked::Asked, sample::Sampler};
use crate::{
    api::{Answer, Gauges, ThinkError},
    sequences::Plan,
    text::Speech,
};

/// A prompt in a slot.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: PromptId,
    /// The sequence of the cache that it works in.
    pub(super) sequence: usize,
    /// Tokens still to be computed: the rest of the prompt, or the last token of the answer.
    ahead: Vec<LlamaToken>,
    /// Whether the prompt is computed and the answer is being written.
    decoding: bool,
    sampler: Sampler,
    speech: Speech,
    limits: Limits,
    tokens: TokenCount,
    times: Times,
    /// What it had cost when that was last looked at.
    looked: Option<Microjoules>,
    /// Kept for its mark: the prompt may be taken back.
    asked: Asked,
}

/// What ends an answer early.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Tokens of the answer.
    completion: u32,
    energy: Option<Microjoules>,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    taken: Micros,
    prefilled: Option<Micros>,
}

impl Slot {
    /// `completion` is the most tokens that the answer may have, context considered.
    pub(super) fn new(
        asked: Asked,
        tokens: &[LlamaToken],
        plan: &Plan,
        sampler: Sampler,
        completion: u32,
        taken: Micros,
    ) -> Self {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let prompt = &asked.prompt;
        Self {
            id: prompt.id.clone(),
            sequence: plan.to,
            ahead: tokens.get(plan.known..).unwrap_or_default().to_vec(),
            decoding: false,
            sampler,
            speech: Speech::new(&prompt.stop),
            limits: Limits { completion, energy: prompt.max_energy },
            tokens: TokenCount { prompt: count(tokens.len()), cached: count(plan.known), completion: 0 },
            times: Times { taken, prefilled: None },
            looked: None,
            asked,
        }
    }

    /// What it wants computed, at most `most` tokens, and whether it then wants logits.
    pub(super) fn wants(&self, most: usize) -> (&[LlamaToken], bool) {
        let part = self.ahead.get(..most.min(self.ahead.len())).unwrap_or_default();
        (part, part.len() == self.ahead.len())
    }

    /// Whether the answer is being written, a token a step.
    pub(super) fn decoding(&self) -> bool {
        self.decoding
    }

    /// So many of the wanted tokens are computed.
    pub(super) fn computed(&mut self, count: usize) {
        self.ahead.drain(..count.min(self.ahead.len()));
    }

    /// Why it has to end now, if it has to: also when one more step like the last would be too much.
    pub(super) fn over(&mut self, now: Micros, gauges: &dyn Gauges) -> Option<Finish> {
        let Some(energy) = self.limits.energy else { return self.asked.over(now) };
        let spent = gauges.spent(&self.id);
        let before = self.looked.replace(spent).unwrap_or(spent);
        let broke = spent.plus(spent.minus(before)) >= energy;
        self.asked.over(now).or(broke.then_some(Finish::Budget))
    }

    /// Takes the next token of the answer from the logits at `index`; returns what may be said now, and
    /// whether that was the end.
    pub(super) fn hear(
        &mut self,
        model: &LlamaModel,
        context: &llama_cpp_2::context::LlamaContext<'_>,
        index: i32,
        now: Micros,
    ) -> Result<(String, Option<Finish>), ThinkError> {
        self.decoding = true;
        self.times.prefilled.get_or_insert(now);
        let token = self.sampler.next(model, context, index)?;
        if model.vocab().is_eog(token) {
            return Ok((String::new(), Some(Finish::Stop)));
        }
        self.tokens.completion += 1;
        let text = self.speech.push(&model.vocab().token_to_piece(token, false, None));
        self.ahead = vec![token];
        let finish = if self.speech.stopped() {
            Some(Finish::Stop)
        } else if self.tokens.completion >= self.limits.completion {
            Some(Finish::Length)
        } else {
            None
        };
        Ok((text, finish))
    }

    /// The last piece that was held back, and the whole answer with its account.
    pub(super) fn finish(self, finish: Finish, now: Micros) -> (String, Answer) {
        let (last, text) = self.speech.end();
        let prefilled = self.times.prefilled.unwrap_or(now);
        let answer = Answer {
            text,
            finish,
            tokens: self.tokens,
            prefill: prefilled.minus(self.times.taken),
            decode: now.minus(prefilled),
            first_token: self.times.prefilled.map(|at| at.minus(self.times.taken)),
        };
        (last, answer)
    }
}
