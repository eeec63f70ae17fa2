//! An answer and its account: how long it took, and what it cost.
//!
//! Promises: what is known only sometimes is absent, and not zero, when it is not known.
//! Deliberately absent: the cost itself (`cost`, `co2`), counting (`hob_core`).

use hob_core::prompt::{Finish, PromptId, TokenCount};
use serde::{Deserialize, Serialize};

use super::co2::Co2;
use super::cost::{Energy, Predicted};
use crate::decimal::Decimal;
use crate::shared::{FinishWord, TokenCountFields, V1, id, is_down};

/// How long the parts of an answer took, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// Waiting at the desk.
    pub queue: Decimal<0>,
    /// Reading the prompt (prefill).
    pub prompt: Decimal<0>,
    /// From taken in to answered: the queue, the prompt, the answer.
    pub total: Decimal<0>,
    /// From taken in to the first token; absent if none came, and for embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token: Option<Decimal<0>>,
}

/// Everything about an answer but what was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Which request.
    #[serde(with = "id")]
    pub id: PromptId,
    /// Why it ended: `stop`, `length`, `cancelled`, `deadline`, `budget` or `closing`.
    #[serde(with = "FinishWord")]
    pub finish: Finish,
    /// Which model answered.
    pub model: String,
    /// At which quantization level, by llama.cpp's name.
    pub level: String,
    /// Why at that one: the policy's reason code.
    pub why: String,
    /// How many tokens.
    #[serde(with = "TokenCountFields")]
    pub tokens: TokenCount,
    /// How long it took.
    pub ms: Took,
    /// Tokens of the answer per second, while it was being made; absent if there were too few to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_s: Option<Decimal<2>>,
    /// What it cost.
    pub energy: Energy,
    /// What Hob expected it to take if it said all that it may, before it began; absent if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Predicted>,
    /// What it emitted; absent if no intensity is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co2: Option<Co2>,
    /// Who answered.
    pub device: String,
    /// 1, or more if a power cut or a crash came between.
    pub attempt: u32,
    /// When it was answered, RFC 3339; absent before the clock is known to be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
}

/// An answer with its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// 1.
    pub v: V1,
    /// What the model said.
    pub text: String,
    /// The account.
    #[serde(flatten)]
    pub account: Account,
    /// This was said before: a repeated request, or a fault on the way.
    #[serde(default, skip_serializing_if = "is_down")]
    pub duplicate: bool,
    /// It waited here for the broker to come back.
    #[serde(default, skip_serializing_if = "is_down")]
    pub late: bool,
}

/// The vectors of an embed request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// 1.
    pub v: V1,
    /// Which request.
    #[serde(with = "id")]
    pub id: PromptId,
    /// One vector for each text, in order; all of one length.
    pub embedding: Vec<Vec<f32>>,
    /// Which model.
    pub model: String,
    /// At which level.
    pub level: String,
    /// Why at that one.
    pub why: String,
    /// How many tokens; `completion` is 0.
    #[serde(with = "TokenCountFields")]
    pub tokens: TokenCount,
    /// How long it took.
    pub ms: Took,
    /// What it cost.
    pub energy: Energy,
    /// What it emitted; absent if no intensity is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co2: Option<Co2>,
    /// Who answered.
    pub device: String,
    /// When, RFC 3339; absent before the clock is known to be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
    /// This was said before: a repeated request, or a fault on the way.
    #[serde(default, skip_serializing_if = "is_down")]
    pub duplicate: bool,
    /// It waited here for the broker to come back.
    #[serde(default, skip_serializing_if = "is_down")]
    pub late: bool,
}
