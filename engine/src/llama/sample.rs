//! Which token comes next.
//!
//! ```text
//! logits ─▶ penalties ─▶ top_k ─▶ top_p ─▶ min_p ─▶ temperature ─▶ token
//!                                                     └─▶ grammar: allowed? else once more among the allowed
//! ```
//!
//! Promises: with a grammar, a token that it does not allow is never taken; nor is a control token then, for
//! it would count as its spelling in the grammar and as nothing in the answer. Numbers out of range are
//! brought into it, for llama.cpp would compute nonsense.

use hob_core::prompt::Sampling;
use llama_cpp_2::{
    context::LlamaContext,
    model::LlamaModel,
    sampling::LlamaSampler,
    token::{LlamaToken, data::LlamaTokenData, data_array::LlamaTokenDataArray},
};

use crate::api::ThinkError;

/// Tokens back to which the repeat penalty reaches: llama.cpp's default.
const PENALTY_WINDOW: i32 = 64;

/// Picks the tokens of one answer.
#[derive(Debug)]
pub(super) struct Sampler {
    /// `None` takes the likeliest.
    chain: Option<LlamaSampler>,
    grammar: Option<LlamaSampler>,
}

impl Sampler {
    /// # Errors
    ///
    /// [`ThinkError::Shape`] if the grammar does not compile.
    pub(super) fn new(model: &LlamaModel, sampling: &Sampling, grammar: Option<&str>) -> Result<Self, ThinkError> {
        let compile = |text: &str| {
            LlamaSampler::grammar(model, text, "root").map_err(|_| {
                ThinkError::Shape(
                    "the grammar cannot be compiled: a syntax error, an undefined rule, left recursion or too many repetitions"
                        .into(),
                )
            })
        };
        Ok(Self { chain: chain(model, sampling), grammar: grammar.map(compile).transpose()? })
    }

    /// Takes the next token from the logits at `index` of the last step.
    pub(super) fn next(&mut self, model: &LlamaModel, context: &LlamaContext<'_>, index: i32) -> Result<LlamaToken, ThinkError> {
        let logits = context.get_logits_ith(index);
        let (likeliest, _) = argmax(logits).ok_or(ThinkError::NotANumber)?;
        let mut token = match &mut self.chain {
            None => likeliest,
            Some(chain) => pick(chain, all(logits)).unwrap_or(likeliest),
        };
        if let Some(grammar) = &mut self.grammar {
            let silent = |token| model.vocab().is_control(token) && !model.vocab().is_eog(token);
            if silent(token) || !allows(grammar, token) {
                let mut candidates = all(logits);
                grammar.apply(&mut candidates);
                candidates.data.retain(|candidate| candidate.logit() > f32::NEG_INFINITY && !silent(candidate.id()));
                let (best, _) = best(&candidates.data).ok_or(ThinkError::DeadEnd)?;
                token = match &mut self.chain {
                    None => best,
                    Some(chain) => pick(chain, candidates).unwrap_or(best),
                };
            }
            grammar.try_accept(token).map_err(|_| ThinkError::DeadEnd)?;
        }
        if let Some(chain) = &mut self.chain {
            chain.accept(token);
        }
        Ok(token)
    }
}

fn chain(model: &LlamaModel, sampling: &Sampling) -> Option<LlamaSampler> {
    let Sampling { temperature, top_p, min_p, repeat_penalty, .. } = *sampling;
    let temperature = within(temperature, 0.0, 2.0, 0.0);
    let penalty = within(repeat_penalty, 0.5, 2.0, 1.0);
    let greedy = temperature <= 0.0;
    let penalized = (penalty - 1.0).abs() > f32::EPSILON;
    let mut parts = Vec::new();
    if penalized {
        parts.push(LlamaSampler::penalties(model.n_vocab(), PENALTY_WINDOW, penalty, 0.0, 0.0));
    }
    if greedy && !penalized {
        return None;
    }
    if greedy {
        parts.push(LlamaSampler::greedy());
    } else {
        parts.push(LlamaSampler::top_k(i32::try_from(sampling.top_k).unwrap_or(i32::MAX)));
        parts.push(LlamaSampler::top_p(within(top_p, 0.0, 1.0, 1.0), 1));
        parts.push(LlamaSampler::min_p(within(min_p, 0.0, 1.0, 0.0), 1));
        parts.push(LlamaSampler::temp(temperature));
        parts.push(LlamaSampler::dist(sampling.seed));
    }
    Some(LlamaSampler::chain(parts, true))
}

/// The number, brought into its range; `off` if it is none.
fn within(number: f32, least: f32, most: f32, off: f32) -> f32 {
    if number.is_nan() { off } else { number.clamp(least, most) }
}

fn pick(chain: &mut LlamaSampler, mut candidates: LlamaTokenDataArray) -> Option<LlamaToken> {
    chain.apply(&mut candidates);
    candidates.selected_token()
}

fn allows(grammar: &mut LlamaSampler, token: LlamaToken) -> bool {
    let mut one = LlamaTokenDataArray::new(vec![LlamaTokenData::new(token, 0.0, 0.0)], false);
    grammar.apply(&mut one);
    one.data.first().is_some_and(|candidate| candidate.logit() > f32::NEG_INFINITY)
}

fn all(logits: &[f32]) -> LlamaTokenDataArray {
    LlamaTokenDataArray::from_iter(
        (0..).zip(logits).map(|(id, &logit)| LlamaTokenData::new(LlamaToken::new(id), logit, 0.0)),
        false,
    )
}

/// The likeliest token; `None` if there is any not-a-number, or nothing.
fn argmax(logits: &[f32]) -> Option<(LlamaToken, f32)> {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, &logit) in (0_i32..).zip(logits) {
        if logit.is_nan() {
            return None;
        }
        if logit > best.1 {
            best = (id, logit);
        }
    }
    (best.1 > f32::NEG_INFINITY).then_some((LlamaToken::new(best.0), best.1))
}

fn best(candidates: &[LlamaTokenData]) -> Option<(LlamaToken, f32)> {
    let pairs = candidates.iter().map(|candidate| (candidate.id(), candidate.logit()));
    pairs.max_by(|(_, a), (_, b)| a.total_cmp(b))
}
