//! What went wrong, in a word for programs and a sentence for people.
//!
//! Promises: the list of codes is closed within version 1; each says whether to send again.
//! Deliberately absent: how errors of other crates become codes (they know best).

use hob_core::units::Millis;
use serde::{Deserialize, Serialize};

use super::cost::Predicted;
use crate::decimal::Decimal;

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request is malformed. Not again like this.
    BadRequest,
    /// The payload is larger than Hob takes. Not again like this.
    TooLarge,
    /// The prompt has more tokens than the context. Not again like this.
    TooLong,
    /// The desk is full. Again, after `retry_after_ms`.
    Busy,
    /// It was not wanted any more before it was its turn. Again, with more time.
    Expired,
    /// No level fits the memory that is free. Again, later.
    NoMemory,
    /// No level fits the power that is left. Again, later.
    LowPower,
    /// No level answers for `max_joules`. Not again like this.
    OverBudget,
    /// No level answers within `deadline_ms`. Again, with more time or when fewer wait.
    TooLate,
    /// No level of `min_quality` can be served now. Again, later.
    TooPoor,
    /// The battery is nearly empty. Again, when it is charged.
    LowBattery,
    /// The model, or the level of it, is not here. Not again, until it is.
    NoModel,
    /// The grammar or JSON schema cannot be compiled. Not again like this.
    BadGrammar,
    /// The asker took it back before anything was answered. Not again.
    Cancelled,
    /// It was begun three times and never survived. Not again like this.
    Poison,
    /// The daemon is closing. Again, later or elsewhere.
    Closing,
    /// A defect of Hob's. Once again, and then tell its makers.
    Internal,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::BadRequest,
        Self::TooLarge,
        Self::TooLong,
        Self::Busy,
        Self::Expired,
        Self::NoMemory,
        Self::LowPower,
        Self::OverBudget,
        Self::TooLate,
        Self::TooPoor,
        Self::LowBattery,
        Self::NoModel,
        Self::BadGrammar,
        Self::Cancelled,
        Self::Poison,
        Self::Closing,
        Self::Internal,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::TooLarge => "too_large",
            Self::TooLong => "too_long",
            Self::Busy => "busy",
            Self::Expired => "expired",
            Self::NoMemory => "no_memory",
            Self::LowPower => "low_power",
            Self::OverBudget => "over_budget",
            Self::TooLate => "too_late",
            Self::TooPoor => "too_poor",
            Self::LowBattery => "low_battery",
            Self::NoModel => "no_model",
            Self::BadGrammar => "bad_grammar",
            Self::Cancelled => "cancelled",
            Self::Poison => "poison",
            Self::Closing => "closing",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may succeed if it is sent again.
    #[must_use]
    pub const fn worth_retrying(self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::Expired
                | Self::NoMemory
                | Self::LowPower
                | Self::TooLate
                | Self::TooPoor
                | Self::LowBattery
                | Self::Closing
                | Self::Internal
        )
    }
}

/// A code, a sentence that names the remedy, and when to try again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct Fault {
    /// For programs.
    pub code: Code,
    /// For people; never quotes what somebody said.
    pub message: String,
    /// Try again after so long; absent if that is not known or does not help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<Decimal<0>>,
    /// What the answer would take, at the level that comes nearest; with `over_budget`, `too_late`, `too_poor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Predicted>,
}

impl Fault {
    /// A fault with nothing known about trying again.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None, predicted: None }
    }

    /// A malformed request.
    #[must_use]
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// The same, worth another try after `span`.
    #[must_use]
    pub fn again_after(self, span: Millis) -> Self {
        Self { retry_after_ms: Some(span.into()), ..self }
    }

    /// The same, with what the answer would take.
    #[must_use]
    pub fn predicting(self, predicted: Predicted) -> Self {
        Self { predicted: Some(predicted), ..self }
    }

    /// The same, about a field.
    pub(crate) fn about(self, name: &str) -> Self {
        Self { message: format!("`{name}`: {}", self.message), ..self }
    }

    /// The same, with more to say.
    pub(crate) fn and(self, more: &str) -> Self {
        Self { message: self.message + more, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_word_everywhere() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
