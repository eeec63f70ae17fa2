//! What a prompt is, wherever it came from.
//!
//! A [`Prompt`] holds everything that thinking needs and nothing about where the answer goes:
//! the route back stays with the task that took the prompt in, under the prompt's id.
//! Deliberately absent: JSON (`hob-wire`), tokens (`hob-engine`).

use crate::units::{BasisPoints, Microjoules, Millis};

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 64;

/// Name of one prompt: 1 to 64 printable ASCII characters without blanks, `/`, `+` or `#`
/// (it is part of an MQTT topic). Also its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptId(String);

/// Why a text is no prompt id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an id is 1 to {MAX_ID_BYTES} printable ASCII characters without blanks, '/', '+' or '#'; this one has {0} bytes or another character in it"
)]
pub struct BadId(pub usize);

impl PromptId {
    /// Checks and wraps a text.
    ///
    /// # Errors
    ///
    /// [`BadId`] if it is empty, longer than 64 bytes, or unfit for a topic.
    pub fn new(text: impl Into<String>) -> Result<Self, BadId> {
        let text = text.into();
        let fit = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'+' | b'#');
        if text.is_empty() || text.len() > MAX_ID_BYTES || !text.bytes().all(fit) {
            return Err(BadId(text.len()));
        }
        Ok(Self(text))
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for PromptId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

/// Who says a message, in the terms that chat templates use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Standing instructions.
    System,
    /// The person or device that asks.
    User,
    /// An earlier answer.
    Assistant,
    /// The result of a tool call.
    Tool,
}

impl Role {
    /// The name that chat templates use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// How tokens are picked. Defaults are llama.cpp's, but for the temperature's (0: the same question
/// gets the same answer).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 picks the likeliest token; 0 to 2.
    pub temperature: f32,
    /// Keep the so many likeliest tokens; 0 keeps all.
    pub top_k: u32,
    /// Keep the likeliest tokens up to this share of probability; 0 to 1.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the likeliest; 0 to 1.
    pub min_p: f32,
    /// Divide the logits of the last 64 tokens by this; 1 is off, 0.5 to 2.
    pub repeat_penalty: f32,
    /// The same seed gives the same answer at the same level from a freshly loaded model with one prompt at a time; what
    /// else the cache holds moves the last digits of the numbers.
    pub seed: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_k: 40, top_p: 0.95, min_p: 0.05, repeat_penalty: 1.0, seed: 0 }
    }
}

/// What shape the answer must have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Shape {
    /// Any text.
    #[default]
    Free,
    /// JSON that this JSON Schema accepts.
    JsonSchema(String),
    /// A text that this GBNF grammar accepts.
    Grammar(String),
}

/// Which level the asker wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LevelWish {
    /// Hob chooses.
    #[default]
    Auto,
    /// This one, by llama.cpp's name (`Q4_K_M`), or an error.
    Exactly(String),
}

/// Who is served first. Within one priority, first come, first served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// When nothing else waits.
    Low,
    /// The usual.
    #[default]
    Normal,
    /// Before all others: a person waits, an alarm rings.
    High,
}

/// One prompt, checked and ready to wait at the desk.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// Its name.
    pub id: PromptId,
    /// The conversation; the last message is what is asked. Never empty.
    pub messages: Vec<Message>,
    /// Which model, by its name on the shelf; `None` is the configured one.
    pub model: Option<String>,
    /// Which level of it.
    pub level: LevelWish,
    /// How tokens are picked.
    pub sampling: Sampling,
    /// What shape the answer must have.
    pub shape: Shape,
    /// The answer ends before any of these; at most 16, none empty.
    pub stop: Vec<String>,
    /// The most tokens the answer may have.
    pub max_tokens: u32,
    /// The whole, waiting included, ends so long after it was taken in.
    pub deadline: Option<Millis>,
    /// The answer is cut when it has cost this much.
    pub max_energy: Option<Microjoules>,
    /// Rather an error than an answer from a level of a lower measured quality, as a share of the best level's.
    pub min_quality: Option<BasisPoints>,
    /// Who goes first.
    pub priority: Priority,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model said all, or a stop string came.
    Stop,
    /// `max_tokens`, or the context, was used up.
    Length,
    /// The asker took it back.
    Cancelled,
    /// `deadline_ms` passed.
    Deadline,
    /// `max_joules` was spent.
    Budget,
    /// The daemon is closing.
    Closing,
}

impl Finish {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::Closing => "closing",
        }
    }
}

/// Tokens of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenCount {
    /// Tokens of the prompt, template included.
    pub prompt: u32,
    /// Those of them that were kept from before and not computed again.
    pub cached: u32,
    /// Tokens of the answer.
    pub completion: u32,
}
