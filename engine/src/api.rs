//! What the rest of the house sees of an engine, real or scripted.
//!
//! Deliberately absent: anything of llama.cpp.

use std::{path::PathBuf, sync::Arc};

use hob_core::{
    prompt::{Finish, Prompt, PromptId, TokenCount},
    units::{Microjoules, Micros},
};

/// The clock and the accounts, as the engine sees them.
pub trait Gauges: Send + Sync {
    /// Now, on a monotonic clock.
    fn now(&self) -> Micros;

    /// Notes a span of work: who had how many tokens in it. The spans of one head do not overlap.
    fn work(&self, from: Micros, to: Micros, shares: &[(&PromptId, u32)]);

    /// What a prompt has cost so far, as far as is known: its bill comes a moment later.
    fn spent(&self, id: &PromptId) -> Microjoules;
}

/// What a model is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To answer prompts.
    Answer,
    /// To turn texts into vectors.
    Embed,
}

/// Which file to load, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The GGUF file.
    pub file: PathBuf,
    /// What for.
    pub purpose: Purpose,
    /// Prompts that are answered at the same time; 1 to 64.
    pub slots: u32,
    /// Tokens that one prompt and its answer may have together; the memory for the KV cache is
    /// `slots` times this.
    pub context: u32,
    /// Most tokens in one step.
    pub batch: u32,
    /// Threads; 0 is one per core.
    pub threads: u32,
}

impl Spec {
    pub(crate) fn refused(&self, why: &str) -> LoadError {
        LoadError::Refused { file: self.file.display().to_string(), why: why.to_owned() }
    }

    /// A file with the defaults: 4 slots of 2048 tokens, steps of 128 tokens, a thread per core.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), purpose: Purpose::Answer, slots: 4, context: 2_048, batch: 128, threads: 0 }
    }
}

/// Takes what a head has to say. Called on the head's thread; may block to slow it down.
pub type Events = Box<dyn FnMut(Event) + Send>;

/// A way to load models.
pub trait Heads: Send + Sync + 'static {
    /// Loads a model; blocks until it is ready. `progress` hears 0 to 100.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with the reason; nothing stays loaded then.
    fn load(
        &self,
        spec: &Spec,
        gauges: Arc<dyn Gauges>,
        events: Events,
        progress: Box<dyn FnMut(u8) + Send>,
    ) -> Result<Box<dyn Head>, LoadError>;
}

/// A loaded model. Dropping it ends its thread between two steps, and waits for that; prompts in hand end
/// with [`Finish::Closing`]. So whoever drops it must not be the one who keeps its events from being taken.
pub trait Head: Send + Sync {
    /// Takes a prompt in. `Spec::slots` prompts are worked on at a time; as many again wait inside, in
    /// order. A prompt is in hand from here to its last event. `waited` is how long it has waited before.
    ///
    /// # Errors
    ///
    /// [`ThinkError::Full`] past the bound, [`ThinkError::NoAnswers`] if the model was loaded to embed,
    /// [`ThinkError::Gone`] if the head has ended; no event follows then.
    fn think(&self, prompt: Prompt, waited: Micros) -> Result<(), ThinkError>;

    /// Ends a prompt within one token or one prefill chunk; unknown ids (and texts to embed) are ignored.
    /// Never blocks.
    fn cancel(&self, id: PromptId);

    /// Turns texts into vectors, if the model was loaded for it; [`Event::Embedded`] brings them.
    ///
    /// # Errors
    ///
    /// [`ThinkError::NoEmbedding`] if it was not; [`ThinkError::Full`] and [`ThinkError::Gone`] as above.
    fn embed(&self, id: PromptId, texts: Vec<String>) -> Result<(), ThinkError>;
}

/// What a head has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// More of an answer; whole characters, and never a part of a stop string.
    Piece {
        /// Whose.
        id: PromptId,
        /// The text.
        text: String,
    },
    /// An answer is complete; no more work will be noted for it.
    Answered {
        /// Whose.
        id: PromptId,
        /// The answer and its account.
        answer: Answer,
    },
    /// There will be no answer.
    Failed {
        /// Whose.
        id: PromptId,
        /// Why.
        error: ThinkError,
    },
    /// Vectors are ready.
    Embedded {
        /// Whose.
        id: PromptId,
        /// The vectors and what they cost.
        vectors: Vectors,
    },
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// All of it.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// Its tokens.
    pub tokens: TokenCount,
    /// From being taken to the end of the prompt's prefill.
    pub prefill: Micros,
    /// From the end of the prefill to the end of the answer.
    pub decode: Micros,
    /// From being taken to the first token, if there was one.
    pub first_token: Option<Micros>,
}

impl Answer {
    /// The answer of a prompt that never got a slot.
    pub(crate) fn nothing(finish: Finish) -> Self {
        Self {
            text: String::new(),
            finish,
            tokens: TokenCount::default(),
            prefill: Micros::ZERO,
            decode: Micros::ZERO,
            first_token: None,
        }
    }
}

/// Texts as vectors of unit length.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// One a text, in order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of all texts.
    pub tokens: u32,
    /// How long it took.
    pub took: Micros,
}

/// Why a model cannot be loaded. None is worth a retry with the same file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is missing or unreadable.
    #[error("cannot read {file}: {why}")]
    Unreadable {
        /// Which.
        file: String,
        /// The system's reason.
        why: String,
    },
    /// llama.cpp refuses it.
    #[error("{file} cannot be loaded: {why}; check it with `hob model verify`, or pull it again")]
    Refused {
        /// Which.
        file: String,
        /// What llama.cpp said, or what is known.
        why: String,
    },
    /// The context cannot be made.
    #[error("{file} loads, but there is no memory for {slots} slots of {context} tokens; lower engine.slots or engine.context")]
    NoContext {
        /// Which.
        file: String,
        /// The setting.
        slots: u32,
        /// The setting.
        context: u32,
    },
    /// The model's chat template is broken.
    #[error("{file} has a chat template that cannot be used: {why}")]
    Template {
        /// Which.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The model cannot do what it is loaded for.
    #[error("{file} is not a model that {purpose}")]
    WrongKind {
        /// Which.
        file: String,
        /// What was wanted.
        purpose: &'static str,
    },
}

/// Why a prompt gets no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThinkError {
    /// The prompt is longer than the context.
    #[error(
        "the prompt has {tokens} tokens and the context holds {limit}, of which one must be left for the answer; shorten it, or raise engine.context"
    )]
    TooLong {
        /// Tokens of the prompt.
        tokens: usize,
        /// Tokens of the context.
        limit: usize,
    },
    /// There is not one token to go on from.
    #[error("the prompt is empty; say something")]
    Empty,
    /// The schema or grammar cannot be enforced; nothing was generated.
    #[error("{0}")]
    Shape(String),
    /// No token is left that the schema or grammar allows.
    #[error("the answer reached a point where the schema or grammar allows no token of this model; simplify it")]
    DeadEnd,
    /// The chat template refuses this conversation.
    #[error("the model's chat template refuses this conversation: {0}")]
    Template(String),
    /// The model computes nonsense (not-a-number).
    #[error("the model computes no usable numbers: the file is damaged or not a real model; check it with `hob model verify`")]
    NotANumber,
    /// llama.cpp failed in a step.
    #[error("the engine failed in a step: {0}; the other prompts of that step failed with it")]
    Step(String),
    /// All places are taken.
    #[error("all slots are taken")]
    Full,
    /// The head has ended.
    #[error("the model was unloaded")]
    Gone,
    /// This model only embeds.
    #[error("this model makes embeddings and does not answer prompts; name another in engine.model")]
    NoAnswers,
    /// This model does not embed.
    #[error("this model does not make embeddings; pull one that does, and name it in engine.embedding_model")]
    NoEmbedding,
}
