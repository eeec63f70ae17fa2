//! Texts to vectors.
//!
//! Promise: a vector has unit length (its dot products are cosines); a text that does not fit is an error.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::Receiver,
    },
};

use hob_core::prompt::PromptId;
use llama_cpp_2::{context::LlamaContext, llama_batch::LlamaBatch, model::LlamaModel};

use super::head::Order;
use crate::api::{Event, Events, Gauges, Spec, ThinkError, Vectors};

/// A vector and the tokens of its text.
type Embedded = Result<(Vec<f32>, u32), ThinkError>;

/// Serves until told to stop.
pub(super) fn serve(
    model: &LlamaModel,
    mut context: LlamaContext<'_>,
    spec: &Spec,
    gauges: &dyn Gauges,
    mut events: Events,
    (inbox, closing): (&Receiver<Order>, &AtomicBool),
) {
    let limit = usize::try_from(spec.context.min(model.n_ctx_train().max(1))).unwrap_or(usize::MAX);
    let mut one = |text: &String| {
        if closing.load(Ordering::Relaxed) {
            return Err(ThinkError::Gone);
        }
        catch_unwind(AssertUnwindSafe(|| embed(model, &mut context, text, limit)))
            .unwrap_or_else(|_| Err(ThinkError::Step("a bug in Hob, please report it (its place is in the log)".into())))
    };
    while let Ok(order) = inbox.recv() {
        match order {
            Order::Stop => break,
            Order::Think(asked) => {
                events(Event::Failed { id: asked.prompt.id.clone(), error: ThinkError::NoAnswers });
            }
            Order::Embed(id, texts) => events(all(id, &texts, &mut one, gauges)),
        }
    }
}

/// Embeds all texts of an order, up to the first that fails.
fn all(id: PromptId, texts: &[String], one: &mut dyn FnMut(&String) -> Embedded, gauges: &dyn Gauges) -> Event {
    let before = gauges.now();
    let outcome = texts.iter().map(one).collect::<Result<Vec<_>, _>>();
    let now = gauges.now();
    gauges.work(before, now, &[(&id, 1)]);
    match outcome {
        Ok(found) => {
            let tokens = found.iter().map(|(_, tokens)| *tokens).sum();
            let vectors = found.into_iter().map(|(vector, _)| vector).collect();
            Event::Embedded { id, vectors: Vectors { vectors, tokens, took: now.minus(before) } }
        }
        Err(error) => Event::Failed { id, error },
    }
}

fn embed(model: &LlamaModel, context: &mut LlamaContext<'_>, text: &str, limit: usize) -> Embedded {
    let tokens = model.vocab().tokenize(text.as_bytes(), true, false);
    if tokens.is_empty() {
        return Err(ThinkError::Empty);
    }
    if tokens.len() > limit {
        return Err(ThinkError::TooLong { tokens: tokens.len(), limit });
    }
    let failed = |error: &dyn std::fmt::Display| ThinkError::Step(error.to_string());
    context.clear_kv_cache();
    let mut batch = LlamaBatch::new(tokens.len(), 1);
    for (position, token) in (0..).zip(&tokens) {
        batch.add(*token, position, &[0], true).map_err(|error| failed(&error))?;
    }
    context.decode(&mut batch).map_err(|error| failed(&error))?;
    let vector = context.embeddings_seq_ith(0).map_err(|error| failed(&error))?;
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    if !length.is_finite() || length <= 0.0 {
        return Err(ThinkError::NotANumber);
    }
    let count = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
    Ok((vector.iter().map(|part| part / length).collect(), count))
}
