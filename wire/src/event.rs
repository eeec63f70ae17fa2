//! What happened, in a form that Home Assistant's event entities take as it is (`event_type` and attributes).
//!
//! Promises: an event says that something was asked, answered or refused, never what was said.
//! Deliberately absent: anything that is a state (`crate::state`).

use hob_core::prompt::{Finish, PromptId};
use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::reply::{Code, Fault};
use crate::shared::{FinishWord, V1, id};

/// What happened to the power meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeterCode {
    /// The draw runs past what it can tell.
    Clipped,
    /// It lost its settings, by a brown-out, and was given them again.
    SensorReset,
    /// It does not answer any more; energy goes on at the last draw.
    SensorLost,
    /// It answers again.
    SensorFound,
    /// It reads power out of the board: its wires are the wrong way round.
    Backwards,
    /// Its readings are far from what the board can draw: the shunt is hardly what the settings say.
    ShuntDoubt,
    /// The civil clock was set; bills go by another one and are right.
    ClockJump,
}

impl MeterCode {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Clipped,
        Self::SensorReset,
        Self::SensorLost,
        Self::SensorFound,
        Self::Backwards,
        Self::ShuntDoubt,
        Self::ClockJump,
    ];
}

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
        /// What it cost at the wall, in joules.
        wall_j: Decimal<6>,
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
    /// The power meter is in trouble, or out of it again: what it means for the bills is in the message.
    Meter {
        /// 1.
        v: V1,
        /// For programs.
        code: MeterCode,
        /// For people.
        message: String,
    },
    /// What came on a topic that has no way back (`set/level`, `set/cancel`, `set/telemetry`, `grid_intensity`) could not be followed.
    Refused {
        /// 1.
        v: V1,
        /// `set/level`, `set/cancel`, `set/telemetry` or `grid_intensity`.
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
