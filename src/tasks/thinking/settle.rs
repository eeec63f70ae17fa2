//! An answer is complete; its bill is settled, learned from, and both are told.
//!
//! Deliberately absent: the sums (`hob_core::accounts`).

use hob_core::{
    accounts::{Bill, Marks},
    levels::{LevelKey, Observed},
    prompt::PromptId,
    units::{Microjoules, Micros, Millis, PartsPerMillion},
};
use hob_engine::{Answer, Gauges};

use super::{Running, Thinking};
use crate::messages::Told;

/// An answer with its bill.
pub(super) struct Settled {
    running: Running,
    answer: Answer,
    bill: Option<Bill>,
    ended: Micros,
}

/// What a prompt token draws above idle beside an answer token, in the study of the Pi 4: 3.5 W and 2.9 W.
const PREFILL_TO_DECODE: (u64, u64) = (35, 29);

/// The share of an answer that must have been measured for its energy to be learned from: what is interpolated over a
/// twentieth of it is off by less than the spread that is learned.
const ENOUGH: PartsPerMillion = PartsPerMillion(950_000);

impl Thinking {
    /// The slot is free again; the answer waits for its bill, which comes with the next reading of the meter.
    pub(super) async fn answered(&mut self, id: PromptId, answer: Answer) {
        let gauge = std::sync::Arc::clone(&self.tools.gauge);
        let due = gauge.finish(&id);
        let ended = gauge.now();
        let Some(running) = self.leave(&id).await else { return };
        let took = ended.minus(running.begun).millis();
        self.around.pace.send_modify(|pace| *pace = if *pace == Millis::ZERO { took } else { Millis((pace.0 * 3 + took.0) / 4) });
        self.bills.spawn(async move { Settled { running, answer, bill: gauge.bill(due).await, ended } });
    }

    /// Learns from it, and tells it.
    pub(super) async fn settled(&mut self, settled: Result<Settled, tokio::task::JoinError>) {
        let Ok(Settled { running, answer, bill, ended }) = settled else { return };
        let Running { ticket, served, predicted, begun, .. } = running;
        if let Some(bill) = bill {
            let key = LevelKey { model: served.model.clone(), name: served.level.clone() };
            self.tools.steward.answered(&key, &observed(&answer, &bill));
        }
        let queued = begun.minus(ticket.taken_in);
        let total = ended.minus(ticket.taken_in);
        self.tell(Told::Answered { ticket, answer, bill, served, predicted, queued, total }).await;
    }
}

/// What there is to learn. The energy above idle is split between prompt and answer by time, as their draws are; what was
/// hardly measured teaches nothing of energy.
fn observed(answer: &Answer, bill: &Bill) -> Observed {
    let measured = bill.coverage >= ENOUGH && !bill.marks.has(Marks::CLIPPED);
    let marginal = if measured { bill.marginal } else { Microjoules::ZERO };
    let (prompt, completion) = PREFILL_TO_DECODE;
    let (before, after) =
        (u128::from(answer.prefill.0) * u128::from(prompt), u128::from(answer.decode.0) * u128::from(completion));
    let share = (u128::from(marginal.0) * before).checked_div(before + after).unwrap_or(0);
    let prefill_energy = Microjoules(u64::try_from(share).unwrap_or(0));
    Observed {
        prompt_tokens: answer.tokens.prompt.saturating_sub(answer.tokens.cached),
        answer_tokens: answer.tokens.completion,
        prefill: answer.prefill,
        decode: answer.decode,
        prefill_energy,
        decode_energy: marginal.minus(prefill_energy),
    }
}
