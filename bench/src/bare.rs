//! A bare llama.cpp loop: what Hob is measured against.
//!
//! Promise: the model file, context, batch and threads are Hob's, and so are build and flags, as both are linked from
//! the same crate; what is timed is tokenizing, prefill, greedy choice, decoding and detokenizing.
//! Deliberately absent: everything else.

use std::{
    num::NonZeroU32,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use llama_cpp_2::{
    context::{LlamaContext, params::LlamaContextParams},
    llama_backend::LlamaBackend,
    llama_batch::LlamaBatch,
    model::{LlamaModel, params::LlamaModelParams},
    token::LlamaToken,
};

/// Hob's settings: tokens of a prompt with its answer, and of a step.
const CONTEXT: u32 = 2_048;
const BATCH: usize = 128;

/// A loaded model.
pub(crate) struct Bare {
    // Dropped in this order.
    model: LlamaModel,
    backend: LlamaBackend,
}

/// What a run gave.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Answers, in the order of the prompts.
    pub(crate) texts: Vec<String>,
    /// Tokens of all prompts.
    pub(crate) prompt: u32,
    /// Tokens of all answers.
    pub(crate) completion: u32,
    /// From the texts of the prompts to the texts of the answers.
    pub(crate) whole: Duration,
    /// Of that, after the last prompt's first token.
    pub(crate) decode: Duration,
}

/// One sequence.
struct Line {
    prompt: Vec<LlamaToken>,
    next: LlamaToken,
    position: i32,
    said: u32,
    text: Vec<u8>,
    over: bool,
}

impl Bare {
    pub(crate) fn open(file: &Path) -> anyhow::Result<Self> {
        let mut backend = LlamaBackend::init()?;
        backend.void_logs();
        let model = LlamaModel::load_from_file(&backend, file, &LlamaModelParams::default())?;
        Ok(Self { model, backend })
    }

    /// A context for so many sequences.
    pub(crate) fn context(&self, sequences: u32, threads: usize) -> anyhow::Result<LlamaContext<'_>> {
        let (batch, threads) = (BATCH.try_into()?, threads.try_into()?);
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(CONTEXT * sequences))
            .with_n_seq_max(sequences)
            .with_kv_unified(true)
            .with_n_batch(batch)
            .with_n_ubatch(batch)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_no_perf(true);
        Ok(self.model.new_context(&self.backend, params)?)
    }

    /// Answers all prompts together, from an empty cache.
    pub(crate) fn run(&self, context: &mut LlamaContext<'_>, prompts: &[String], most: u32) -> anyhow::Result<Run> {
        context.clear_kv_cache();
        let mut batch = LlamaBatch::new(BATCH, 1);
        let begun = Instant::now();
        let vocab = self.model.vocab();
        let tokens = prompts.iter().map(|prompt| vocab.tokenize(prompt.as_bytes(), false, true));
        let mut lines: Vec<Line> = tokens
            .map(|prompt| Line { prompt, next: LlamaToken::new(0), position: 0, said: 0, text: Vec::new(), over: false })
            .collect();
        for (line, sequence) in lines.iter_mut().zip(0..) {
            prefill(context, &mut batch, line, sequence)?;
        }
        let prefilled = Instant::now();
        loop {
            batch.clear();
            let mut asked = Vec::new();
            for (line, sequence) in lines.iter_mut().zip(0..) {
                self.say(line, most);
                if !line.over {
                    asked.push(line);
                    let line = asked.last().context("just pushed")?;
                    batch.add(line.next, line.position, &[sequence], true)?;
                }
            }
            if asked.is_empty() {
                break;
            }
            context.decode(&mut batch)?;
            for (line, index) in asked.into_iter().zip(0..) {
                line.position += 1;
                line.next = likeliest(context, index);
            }
        }
        Ok(Run {
            prompt: lines.iter().map(|line| u32::try_from(line.prompt.len())).sum::<Result<_, _>>()?,
            completion: lines.iter().map(|line| line.said).sum(),
            texts: lines.into_iter().map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect(),
            whole: begun.elapsed(),
            decode: prefilled.elapsed(),
        })
    }

    /// Takes the chosen token, unless it is the end.
    fn say(&self, line: &mut Line, most: u32) {
        let vocab = self.model.vocab();
        line.over = line.over || line.said >= most || vocab.is_eog(line.next);
        if !line.over {
            line.said += 1;
            line.text.extend(vocab.token_to_piece(line.next, false, None));
            // The last one need not be computed.
            line.over = line.said >= most;
        }
    }
}

/// Computes a prompt in steps, and chooses the first token.
fn prefill(context: &mut LlamaContext<'_>, batch: &mut LlamaBatch<'_>, line: &mut Line, sequence: i32) -> anyhow::Result<()> {
    let mut left = line.prompt.len();
    for chunk in line.prompt.chunks(BATCH) {
        batch.clear();
        for token in chunk {
            left -= 1;
            batch.add(*token, line.position, &[sequence], left == 0)?;
            line.position += 1;
        }
        context.decode(batch)?;
    }
    line.next = likeliest(context, batch.n_tokens() - 1);
    Ok(())
}

fn likeliest(context: &LlamaContext<'_>, index: i32) -> LlamaToken {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, &logit) in (0_i32..).zip(context.get_logits_ith(index)) {
        if logit > best.1 {
            best = (id, logit);
        }
    }
    LlamaToken::new(best.0)
}
