//! Why there is no answer, as its asker reads it.
//!
//! Deliberately absent: the wording of what the policy refuses (`hob_core::policy`).

use hob_core::policy::{Refusal, Shortage};
use hob_engine::ThinkError;
use hob_wire::reply::{Code, Fault, Predicted};

/// The engine's reason.
pub(crate) fn fault_of(error: &ThinkError) -> Fault {
    let code = match error {
        ThinkError::TooLong { .. } => Code::TooLong,
        ThinkError::Shape(_) | ThinkError::DeadEnd => Code::BadGrammar,
        ThinkError::Template(_) | ThinkError::Empty => Code::BadRequest,
        ThinkError::NoEmbedding | ThinkError::NoAnswers => Code::NoModel,
        ThinkError::Full => Code::Busy,
        _ => Code::Internal,
    };
    Fault::new(code, error.to_string())
}

/// The policy's reason, with the numbers that it went by.
pub(super) fn fault_of_refusal(refusal: &Refusal) -> Fault {
    let (code, predicted) = match refusal {
        Refusal::Shortage(shortage) => (code_of_shortage(shortage), None),
        Refusal::OverBudget { level, needs, .. } => (Code::OverBudget, Some(Predicted::of(Some(*needs), None, Some(level)))),
        Refusal::TooLate { level, needs, .. } => (Code::TooLate, Some(Predicted::of(None, Some(*needs), Some(level)))),
        Refusal::TooPoor { level, .. } => (Code::TooPoor, Some(Predicted::of(None, None, Some(level)))),
        Refusal::BatteryCritical { .. } => (Code::LowBattery, None),
    };
    let fault = Fault::new(code, refusal.to_string());
    match predicted {
        Some(predicted) => fault.predicting(predicted),
        None => fault,
    }
}

fn code_of_shortage(shortage: &Shortage) -> Code {
    match shortage {
        Shortage::EmptyShelf | Shortage::NoSuchLevel { .. } => Code::NoModel,
        Shortage::Memory { .. } => Code::NoMemory,
        Shortage::Power { .. } => Code::LowPower,
    }
}

/// Whether the prompt's own limits are what could not be kept: the next one may be served all the same.
pub(super) const fn is_its_own(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::OverBudget { .. } | Refusal::TooLate { .. } | Refusal::TooPoor { .. } => true,
        Refusal::Shortage(_) | Refusal::BatteryCritical { .. } => false,
    }
}

/// A reason code for the state of the level, when there is none.
pub(super) const fn word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Shortage(Shortage::EmptyShelf) => "empty_shelf",
        Refusal::Shortage(Shortage::NoSuchLevel { .. }) => "no_such_level",
        Refusal::Shortage(Shortage::Memory { .. }) => "ram",
        Refusal::Shortage(Shortage::Power { .. }) => "power_cap",
        Refusal::OverBudget { .. } => "over_budget",
        Refusal::TooLate { .. } => "too_late",
        Refusal::TooPoor { .. } => "too_poor",
        Refusal::BatteryCritical { .. } => "low_battery",
    }
}
