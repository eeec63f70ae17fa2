//! The KV cache, brought to where a plan wants it.
//!
//! Promise: what a plan calls known afterwards is in the cache, whatever kind of cache the model has.
//!
//! Deliberately absent: making plans (`sequences`).

use llama_cpp_2::{context::LlamaContext, llama_batch::LlamaBatch, model::LlamaModel};

use crate::{
    api::ThinkError,
    sequences::{Plan, Sequences},
};

/// Carries out a plan; the one that comes back says what is really known.
///
/// # Errors
///
/// [`ThinkError::Step`]; the place is free again then.
pub(super) fn carry_out(context: &mut LlamaContext<'_>, sequences: &mut Sequences, mut plan: Plan) -> Result<Plan, ThinkError> {
    if !brought(context, &plan) {
        clear(context, plan.to);
        sequences.forget(plan.to);
        plan.known = 0;
    }
    for &place in &plan.forget {
        clear(context, place);
    }
    // Nothing may stand behind what is known, or the next tokens would be refused.
    if context.kv_cache_seq_pos_max(number(plan.to)) >= number(plan.known) {
        sequences.forget(plan.to);
        sequences.release(plan.to);
        return Err(ThinkError::Step("the cache could not be cleared".into()));
    }
    Ok(plan)
}

/// Brings what is known to its sequence; false if this cache cannot, or has lost it.
fn brought(context: &mut LlamaContext<'_>, plan: &Plan) -> bool {
    let source = plan.from.unwrap_or(plan.to);
    // A sliding window loses the beginning of a long sequence. It can go on at its end, but not be cut.
    let first = context.kv_cache_seq_pos_min(number(source));
    let end = context.kv_cache_seq_pos_max(number(source)) + 1;
    if plan.known > 0 && first != 0 && end != number(plan.known) {
        return false;
    }
    let Ok(known) = u32::try_from(plan.known) else { return false };
    if plan.from.is_some() {
        clear(context, plan.to);
        return context.kv_cache_seq_cp(number(source), number(plan.to), Some(0), Some(known)).is_ok();
    }
    let to = u32::try_from(plan.to).unwrap_or(u32::MAX);
    matches!(context.clear_kv_cache_seq(Some(to), Some(known), None), Ok(true))
}

fn clear(context: &mut LlamaContext<'_>, place: usize) {
    // Clearing a whole sequence cannot fail.
    let _ = context.clear_kv_cache_seq(Some(u32::try_from(place).unwrap_or(u32::MAX)), None, None);
}

fn number(place: usize) -> i32 {
    i32::try_from(place).unwrap_or(i32::MAX)
}

/// Computes one token, to see whether the model can.
pub(super) fn first_step(model: &LlamaModel, context: &mut LlamaContext<'_>) -> Result<(), String> {
    let tokens = model.vocab().tokenize(b"a", true, false);
    let tokens = tokens.get(..tokens.len().min(8)).unwrap_or_default();
    if tokens.is_empty() {
        return Err("its tokenizer makes no token of a letter".into());
    }
    let mut batch = LlamaBatch::new(8, 1);
    batch.add_sequence(tokens, 0, false).map_err(|error| error.to_string())?;
    context.decode(&mut batch).map_err(|error| error.to_string())
}
