//! The learned costs of one level: a prior that is worth four answers, then a moving average over about thirty.
//!
//! Deliberately absent: costs that grow with the context (the average takes them in), and quality.

use super::{Cost, Level};
use crate::units::{Microjoules, Micros, Milliwatts, PartsPerMillion};

/// What metering and the engine say of one finished answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// Prompt tokens that were computed (those kept from before are not).
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub answer_tokens: u32,
    /// Time until the first token.
    pub prefill: Micros,
    /// Time from then to the end.
    pub decode: Micros,
    /// Energy above idle until the first token.
    pub prefill_energy: Microjoules,
    /// Energy above idle from then to the end.
    pub decode_energy: Microjoules,
}

/// What one level costs on this board. Public for keeping across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Learned {
    /// Energy above idle of a prompt token.
    pub prefill_energy: Microjoules,
    /// Energy above idle of an answer token.
    pub decode_energy: Microjoules,
    /// Time of a prompt token.
    pub prefill: Micros,
    /// Time of an answer token.
    pub decode: Micros,
    /// Time of loading it.
    pub load: Micros,
    /// Energy above idle of loading it.
    pub load_energy: Microjoules,
    /// Answers seen, the prior counted as four.
    pub answers: u32,
    /// Loads seen.
    pub loads: u32,
    /// Mean square of the relative error of the predicted energy, in millionths of one.
    pub energy_error: u64,
    /// Mean square of the relative error of the predicted time, in millionths of one.
    pub time_error: u64,
}

/// How many answers the prior is worth, and what a moving average looks back on (the power study, §4).
pub(super) const PRIOR: u32 = 4;
const WINDOW: u32 = 30;

/// Relative error of the prior: 15 %, so 22 500 millionths squared.
const PRIOR_ERROR: u64 = 22_500;

/// Errors beyond 50 % are outliers and count as that.
const WORST_ERROR: u64 = 250_000;

/// Of fewer tokens, most of the time is not theirs.
const FEW: u32 = 4;

/// How many refusals wear the doubt off.
const REFUSALS: u64 = 8;

/// Four cores at prefill, at decode, and reading the card, above an idle of 2.9 W (facts/pi400.md §4: 6.4, 5.8, 4.5 W).
const PREFILL_DRAW: Milliwatts = Milliwatts(3_500);
const DECODE_DRAW: Milliwatts = Milliwatts(2_900);
const LOAD_DRAW: Milliwatts = Milliwatts(1_600);

/// Weights a second of four A72 cores, bytes a second of their memory and of a card.
const COMPUTE: u64 = 9_200_000_000;
const MEMORY: u64 = 5_500_000_000;
const CARD: u64 = 40_000_000;

impl Learned {
    /// What to expect of a level that never ran here: t/token = (W/C + B/M) / 1.2 for an answer token, W/C for a prompt
    /// token.
    ///
    /// # Source
    ///
    /// The two-term model of facts/pi400.md §4, whose nine published points of the Pi 4 and 400 are
    /// on average 1.2 times as fast as weights and bytes one after the other.
    #[must_use]
    pub fn prior(level: &Level) -> Self {
        let micros =
            |amount: u64, rate: u64| u64::try_from(u128::from(amount) * 1_000_000 / u128::from(rate)).unwrap_or(u64::MAX);
        let compute = micros(level.weights(), COMPUTE);
        let memory = micros(level.bytes().0, MEMORY);
        let decode = Micros(compute.saturating_add(memory).saturating_mul(5) / 6).max(Micros(1));
        let prefill = Micros(compute).max(Micros(1));
        let load = Micros(micros(level.bytes().0, CARD)).max(Micros(1));
        let draw = if level.draw > Milliwatts::ZERO { level.draw } else { DECODE_DRAW };
        Self {
            prefill_energy: PREFILL_DRAW.over(prefill),
            decode_energy: draw.over(decode),
            prefill,
            decode,
            load,
            load_energy: LOAD_DRAW.over(load),
            answers: PRIOR,
            loads: 1,
            energy_error: PRIOR_ERROR,
            time_error: PRIOR_ERROR,
        }
    }

    /// What so many tokens are expected to take, loading not counted.
    #[must_use]
    pub fn cost(&self, prompt_tokens: u32, answer_tokens: u32) -> Cost {
        let sum = |prompt: u64, answer: u64| {
            prompt.saturating_mul(u64::from(prompt_tokens)).saturating_add(answer.saturating_mul(u64::from(answer_tokens)))
        };
        Cost {
            marginal: Microjoules(sum(self.prefill_energy.0, self.decode_energy.0)),
            time: Micros(sum(self.prefill.0, self.decode.0)),
        }
    }

    /// Spread of the energy around its prediction (one standard deviation).
    #[must_use]
    pub fn energy_spread(&self) -> PartsPerMillion {
        spread(self.energy_error)
    }

    /// Spread of the time around its prediction (one standard deviation).
    #[must_use]
    pub fn time_spread(&self) -> PartsPerMillion {
        spread(self.time_error)
    }

    /// Learns from an answer. What it does not tell (no tokens, no energy) is left as it is.
    pub fn answered(&mut self, seen: &Observed) {
        let expected = self.cost(seen.prompt_tokens, seen.answer_tokens);
        let time = seen.prefill.plus(seen.decode);
        let usual = u64::from(self.answers.clamp(1, WINDOW - 1)) + 1;
        let window = if self.is_strange(expected.time, time) { 1 } else { usual };
        let energy = seen.prefill_energy.plus(seen.decode_energy);
        if energy.0 > 0 && window > 1 {
            self.energy_error = toward(self.energy_error, square_error(expected.marginal.0, energy.0), window);
        }
        if time.0 > 0 && window > 1 {
            self.time_error = toward(self.time_error, square_error(expected.time.0, time.0), window);
        }
        let learn = |known: &mut u64, total: u64, tokens: u32| {
            if tokens >= FEW && total > 0 {
                let each = total / u64::from(tokens);
                // A board that was held up for a minute does not cost a hundred times as much from then on.
                let each = if window > 1 { each.clamp(*known / 2, known.saturating_mul(2)) } else { each };
                *known = toward(*known, each, window).max(1);
            }
        };
        learn(&mut self.prefill_energy.0, seen.prefill_energy.0, seen.prompt_tokens);
        learn(&mut self.decode_energy.0, seen.decode_energy.0, seen.answer_tokens);
        learn(&mut self.prefill.0, seen.prefill.0, seen.prompt_tokens);
        learn(&mut self.decode.0, seen.decode.0, seen.answer_tokens);
        self.answers = self.answers.saturating_add(1);
    }

    /// Somebody was refused by this prediction. Refusals teach nothing, so the doubt in it wears off: else a board whose
    /// askers all set limits would refuse them for ever after a bad hour.
    pub fn refused(&mut self) {
        let wear = |error: u64| toward(error, error.min(PRIOR_ERROR), REFUSALS);
        (self.energy_error, self.time_error) = (wear(self.energy_error), wear(self.time_error));
    }

    /// Whether a first answer took less than half or more than twice what was expected: then this is no board like the
    /// one that the prior is of, and the prior counts for nothing.
    fn is_strange(&self, expected: Micros, seen: Micros) -> bool {
        let (most, least) = (expected.0.max(seen.0), expected.0.min(seen.0));
        self.answers == PRIOR && least > 0 && most / least >= 2
    }

    /// Learns from a load; a file that is still in the page cache loads faster, so it is an average.
    pub fn loaded(&mut self, took: Micros, spent: Microjoules) {
        let window = u64::from(self.loads.clamp(1, WINDOW - 1)) + 1;
        self.load = Micros(toward(self.load.0, took.0, window));
        self.load_energy = Microjoules(toward(self.load_energy.0, spent.0, window));
        self.loads = self.loads.saturating_add(1);
    }
}

/// One part in `window` of the way from `known` to `seen`.
fn toward(known: u64, seen: u64, window: u64) -> u64 {
    let sum = u128::from(known) * u128::from(window.saturating_sub(1)) + u128::from(seen);
    u64::try_from(sum / u128::from(window.max(1))).unwrap_or(u64::MAX)
}

/// Square of the relative error, in millionths of one.
fn square_error(expected: u64, seen: u64) -> u64 {
    let miss = u128::from(expected.abs_diff(seen)) * 1_000 / u128::from(expected.max(1));
    u64::try_from(miss.saturating_mul(miss)).unwrap_or(u64::MAX).min(WORST_ERROR)
}

fn spread(square: u64) -> PartsPerMillion {
    PartsPerMillion(u32::try_from(square.isqrt() * 1_000).unwrap_or(u32::MAX))
}
