//! What Hob says to whoever asked, on the topic that they named.
//!
//! ```text
//! accepted ──▶ chunk, chunk, … (on the stream topic) ──▶ ok | error
//! ```
//!
//! Promises: after `accepted` exactly one final message follows, `ok` or `error`, while the device lives; it is
//! authoritative over the chunks; a duplicate of it says that it is one.
//! Deliberately absent: when to say what (the tasks of the house), where to (`crate::request::ReplyRoute`).

mod account;
mod co2;
mod cost;
mod fault;

use hob_core::prompt::PromptId;
use serde::{Deserialize, Serialize};

pub use account::{Account, Answer, Embedding, Took};
pub use co2::Co2;
pub use cost::{Energy, Mark, Predicted, Rates, words_per_charge};
pub use fault::{Code, Fault};

use crate::shared::{V1, id, is_down};

/// Anything that is said to an asker, told apart by `status`. `T` is [`Answer`], or [`Embedding`] for embed requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Reply<T = Answer> {
    /// It waits. Until the durable journal exists, in memory: whoever wants to be sure sends it again until the final
    /// message comes.
    Accepted(Accepted),
    /// It is answered. Final.
    Ok(T),
    /// It is not going to be answered. Final.
    Error(Failure),
}

/// A request was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// 1.
    pub v: V1,
    /// Which request.
    #[serde(with = "id")]
    pub id: PromptId,
    /// How many are served before it.
    pub queue: u32,
    /// Who took it.
    pub device: String,
}

/// A request is not going to be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// 1.
    pub v: V1,
    /// Which request.
    #[serde(with = "id")]
    pub id: PromptId,
    /// Why.
    pub error: Fault,
    /// Who says so.
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

impl Failure {
    /// A failure, said for the first time and in time.
    #[must_use]
    pub fn new(id: PromptId, error: Fault, device: impl Into<String>) -> Self {
        Self { v: V1, id, error, device: device.into(), ts: None, duplicate: false, late: false }
    }
}

/// A piece of an answer while it is being made; sent once, so pieces may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Which request.
    #[serde(with = "id")]
    pub id: PromptId,
    /// 0, 1, 2, …; a gap is a lost piece, and 0 again is a new attempt.
    pub seq: u64,
    /// More text; absent in the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<String>,
    /// No more pieces come; the answer does.
    #[serde(default, skip_serializing_if = "is_down")]
    pub done: bool,
}

impl Chunk {
    /// More text.
    #[must_use]
    pub fn delta(id: PromptId, seq: u64, text: impl Into<String>) -> Self {
        Self { id, seq, delta: Some(text.into()), done: false }
    }

    /// The end of the pieces.
    #[must_use]
    pub fn done(id: PromptId, seq: u64) -> Self {
        Self { id, seq, delta: None, done: true }
    }
}
