//! What happened, in a form that Home Assistant's event entities take as it is (`event_type` and attributes).
//!
//! Promises: an event says that something was asked, answered or refused, never what was said.
//! Deliberately absent: anything that is a state (`crate::state`).

use hob_core::prompt::{Finish, PromptId};
use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::reply::{Code, Fault};
use crate::shared::{FinishWord, V1, id};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event_type", rename_all = "snake_case")]
pub enum Event {
    /// A request was taken in.
    Accepted {
        /// 1.
        v: V1,
        /// Which request.
        #[serde(with = "id")]
        id: PromptId,
        /// How many are served before it.
        queue: u32,
    },
    /// A request was answered.
    Answer {
        /// 1.
        v: V1,
        /// Which request.
        #[serde(with = "id")]
        id: PromptId,
        /// Why the answer ended.
        #[serde(with = "FinishWord")]
        finish: Finish,
        /// Which model answered.
        model: String,
        /// At which level.
        level: String,
        /// From taken in to answered, in milliseconds.
        total_ms: Decimal<0>,
        /// What it cost, in joules.
        j: Decimal<6>,
    },
    /// A request is not going to be answered.
    Error {
        /// 1.
        v: V1,
        /// Which request.
        #[serde(with = "id")]
        id: PromptId,
        /// For programs.
        code: Code,
        /// For people.
        message: String,
    },
    /// A command (`set/level`, `set/cancel`) could not be followed.
    Refused {
        /// 1.
        v: V1,
        /// `set/level` or `set/cancel`.
        command: String,
        /// Why.
        message: String,
    },
}

impl Event {
    /// A request is not going to be answered.
    #[must_use]
    pub fn error(id: PromptId, fault: &Fault) -> Self {
        Self::Error { v: V1, id, code: fault.code, message: fault.message.clone() }
    }
}
