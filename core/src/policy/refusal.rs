//! Why there is no answer, with the numbers and what would help.
//!
//! Deliberately absent: codes on the wire (`wire`), and errors of the engine.

use crate::units::{BasisPoints, Bytes, Microjoules, Micros, Milliwatts, PartsPerMillion};

/// Why no level fits the board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shortage {
    /// There is no level to choose from.
    #[error("there is no model to answer with; add one with `hob model pull` or `hob model import`")]
    EmptyShelf,
    /// What was asked for is not there.
    #[error("there is no level {asked} of this model here; there are: {has}")]
    NoSuchLevel {
        /// The level that was asked for.
        asked: String,
        /// What there is, as a list for people.
        has: String,
    },
    /// Not even the smallest fits the memory.
    #[error("{level} needs {} MiB of memory and {} MiB are free for it; free some, or add a smaller level with `hob quantize`", needs.mebibytes(), has.mebibytes())]
    Memory {
        /// The smallest level, or the one that was asked for.
        level: String,
        /// What it needs.
        needs: Bytes,
        /// What there is, the reserve taken off.
        has: Bytes,
    },
    /// Not even the smallest fits the power.
    #[error("{level} draws {} mW above idle and {} mW are left under the cap; raise power.cap_w, or add a smaller level", needs.0, has.0)]
    Power {
        /// The thriftiest level, or the one that was asked for.
        level: String,
        /// What it draws.
        needs: Milliwatts,
        /// What is left.
        has: Milliwatts,
    },
}

/// Why a prompt gets no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing fits the board.
    #[error(transparent)]
    Shortage(#[from] Shortage),
    /// Even the least answer would cost more than the prompt may.
    #[error("{level} needs up to {} J for {tokens} tokens, to be sure, and {} J are allowed; allow more, or shorten the prompt", joules(*needs), joules(*allowed))]
    OverBudget {
        /// The thriftiest level that would do.
        level: String,
        /// Tokens of the least useful answer.
        tokens: u32,
        /// What that is predicted to cost, margin included.
        needs: Microjoules,
        /// What it may cost.
        allowed: Microjoules,
    },
    /// Even the least answer would come after the deadline.
    #[error("{level} needs up to {} s for {tokens} tokens, to be sure, and {} ms are left; allow more time, or shorten the prompt", seconds(*needs), left.millis().0)]
    TooLate {
        /// The quickest level that would do.
        level: String,
        /// Tokens of the least useful answer.
        tokens: u32,
        /// What that is predicted to take, loading and margin included.
        needs: Micros,
        /// What is left until the deadline.
        left: Micros,
    },
    /// The best that fits is not good enough.
    #[error("the best level that fits now is {level} with {} of quality and {} are asked for; ask for less, or free memory for a better one", percent(has.0, 100), percent(wanted.0, 100))]
    TooPoor {
        /// The best that fits.
        level: String,
        /// Its quality.
        has: BasisPoints,
        /// What was asked for.
        wanted: BasisPoints,
    },
    /// The battery is kept for staying alive.
    #[error("the battery is at {} and below {} nothing is answered; ask again when it is charged", percent(charge.0, 10_000), percent(critical.0, 10_000))]
    BatteryCritical {
        /// What is left.
        charge: PartsPerMillion,
        /// Where the line is.
        critical: PartsPerMillion,
    },
}

fn joules(energy: Microjoules) -> String {
    tenths(energy.0.div_ceil(100_000))
}

fn seconds(time: Micros) -> String {
    tenths(time.0.div_ceil(100_000))
}

fn tenths(number: u64) -> String {
    format!("{}.{}", number / 10, number % 10)
}

/// `number` of which `one` are a percent.
fn percent(number: u32, one: u32) -> String {
    let tenths = u64::from(number) * 10 / u64::from(one);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
