//! llama.cpp behind the house's own traits.
//!
//! Deliberately absent: `unsafe` (llama-cpp-2 has it), the choice of file.

mod asked;
mod cache;
mod embed;
mod head;
mod reason;
mod sample;
mod slot;
mod steps;
mod tokens;

use std::{
    num::NonZeroU32,
    path::Path,
    sync::{Arc, OnceLock},
};

use hob_core::prompt::{Message, Role};

use llama_cpp_2::{
    LogOptions,
    context::{LlamaContext, params::LlamaContextParams},
    llama_backend::LlamaBackend,
    model::{LlamaModel, params::LlamaModelParams},
    send_logs_to_tracing,
};

use crate::api::{Events, Gauges, Head, Heads, LoadError, Purpose, Spec};

/// Loads models with llama.cpp.
#[derive(Debug, Clone, Copy, Default)]
pub struct Llama;

impl Heads for Llama {
    fn load(
        &self,
        spec: &Spec,
        gauges: Arc<dyn Gauges>,
        events: Events,
        progress: Box<dyn FnMut(u8) + Send>,
    ) -> Result<Box<dyn Head>, LoadError> {
        let head: Box<dyn Head> = Box::new(head::start(spec, gauges, events, progress)?);
        Ok(head)
    }
}

/// Loads a file, writes a conversation down with its template, computes one token and lets it go: what a
/// hostile file breaks, it breaks here.
///
/// To be called in a process of its own: llama.cpp ends the process on some damaged files.
///
/// # Errors
///
/// [`LoadError`] if llama.cpp refuses politely.
pub fn probe(file: &Path) -> Result<(), LoadError> {
    let spec = Spec { slots: 1, context: 64, batch: 16, threads: 1, ..Spec::new(file) };
    let model = load(&spec, Box::new(|_| {}))?;
    let purpose = if tokens::writes(&model) { Purpose::Answer } else { Purpose::Embed };
    let spec = Spec { purpose, ..spec };
    fit(&model, &spec)?;
    let template = tokens::template(&model, &spec)?;
    // A template may refuse a conversation; that harms nobody.
    let written = template.render(&[Message { role: Role::User, content: "Hello".into() }]).unwrap_or_default();
    let _tokens = tokens::tokenize(&model, &written, template.chats());
    let mut context = make_context(&model, &spec)?;
    let (outcome, reason) = reason::of(|| cache::first_step(&model, &mut context));
    outcome.map_err(|why| spec.refused(&reason.unwrap_or(why)))
}

/// llama.cpp's global state, made once; its log goes to `tracing`.
pub(crate) fn backend() -> &'static LlamaBackend {
    static BACKEND: OnceLock<LlamaBackend> = OnceLock::new();
    BACKEND.get_or_init(|| {
        send_logs_to_tracing(LogOptions::default());
        loop {
            // Fails only if somebody else in this process has made it, which nobody does.
            if let Ok(backend) = LlamaBackend::init() {
                return backend;
            }
        }
    })
}

/// Loads a model that can do what it is loaded for.
fn load_model(spec: &Spec, progress: Box<dyn FnMut(u8) + Send>) -> Result<LlamaModel, LoadError> {
    let model = load(spec, progress)?;
    fit(&model, spec)?;
    Ok(model)
}

fn fit(model: &LlamaModel, spec: &Spec) -> Result<(), LoadError> {
    let (fits, purpose) = match spec.purpose {
        Purpose::Answer => (tokens::writes(model), "answers prompts"),
        Purpose::Embed => (tokens::embeds(model), "makes embeddings"),
    };
    if fits { Ok(()) } else { Err(LoadError::WrongKind { file: spec.file.display().to_string(), purpose }) }
}

fn load(spec: &Spec, mut progress: Box<dyn FnMut(u8) + Send>) -> Result<LlamaModel, LoadError> {
    let unreadable = |why: String| LoadError::Unreadable { file: spec.file.display().to_string(), why };
    let kind = std::fs::metadata(&spec.file).map_err(|error| unreadable(error.to_string()))?;
    if !kind.is_file() {
        return Err(unreadable("it is not a file".into()));
    }
    std::fs::File::open(&spec.file).map_err(|error| unreadable(error.to_string()))?;
    let mut last = None;
    let params = LlamaModelParams::default().with_progress_callback(move |share| {
        let percent = percent(share);
        if last != Some(percent) {
            last = Some(percent);
            progress(percent);
        }
        true
    });
    let backend = backend();
    let (outcome, reason) = reason::of(|| LlamaModel::load_from_file(backend, &spec.file, &params));
    outcome.map_err(|error| spec.refused(&reason.unwrap_or_else(|| error.to_string())))
}

fn make_context<'model>(model: &'model LlamaModel, spec: &Spec) -> Result<LlamaContext<'model>, LoadError> {
    let threads = match spec.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from).try_into().unwrap_or(1),
        given => i32::try_from(given).unwrap_or(1),
    };
    let embed = spec.purpose == Purpose::Embed;
    // To embed, a text is taken whole and alone; to answer, in steps and together.
    let (cells, batch) =
        if embed { (spec.context, spec.context) } else { (spec.context.saturating_mul(spec.slots), steps::most(spec)) };
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(cells))
        .with_n_seq_max(if embed { 1 } else { steps::sequences(spec.slots) })
        .with_kv_unified(true)
        .with_n_batch(batch)
        .with_n_ubatch(batch)
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_embeddings(embed)
        .with_no_perf(true);
    model.new_context(backend(), params).map_err(|_| LoadError::NoContext {
        file: spec.file.display().to_string(),
        slots: spec.slots,
        context: spec.context,
    })
}

#[allow(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100 first")]
fn percent(share: f32) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0) as u8
}
