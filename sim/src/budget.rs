//! Do prompts keep to the joules and the time that they may take? Thousands of them, on traces of the board.
//!
//! ```text
//! random prompt, budget, deadline ─▶ the real Steward ─▶ plan, or refusal
//!                                                       └▶ trace of that answer, cut as the engine cuts ─▶ kept, or overrun
//! ```
//!
//! Promise: what is learned from is what was truly drawn, within 2 %, as bills are.
//! Deliberately absent: waiting, loading and other prompts; the meter (`metering` has its error).

use std::fmt;

use hob_core::{
    levels::{Level, Observed},
    policy::{Asked, Means, Mode, Question, Rules, Wish},
    steward::{Steward, Supply},
    units::{Bytes, Microjoules, Micros, MilliBits, Millis, Milliwatts, Now},
};

use crate::{
    dice::Dice,
    number::{count, count32, float, ratio},
    trace::{Step, Trace},
};

/// What became of the prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// All of them; each with a budget, a deadline or both.
    pub prompts: u64,
    /// Told beforehand that it cannot be done, with the numbers.
    pub refused: u64,
    /// Of these, such as would have kept to both in truth, with the least useful answer of the thriftiest level.
    pub refused_in_vain: u64,
    /// Planned with fewer tokens than were asked for.
    pub shortened: u64,
    /// Ended by the engine before the planned end.
    pub cut: u64,
    /// Drew more than they might.
    pub over_energy: u64,
    /// Took longer than they might.
    pub over_time: u64,
}

impl Outcome {
    /// Share of the answered prompts that overran either limit, in percent.
    #[must_use]
    pub fn overruns_pct(&self) -> f64 {
        100.0 * ratio(self.over_energy + self.over_time, (self.prompts - self.refused).max(1))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prompts, refused, refused_in_vain, shortened, cut, over_energy, over_time } = self;
        writeln!(
            out,
            "| prompts | refused | of these in vain | planned shorter | cut on the way | over their joules | over their time | overruns |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|---|")?;
        let share = self.overruns_pct();
        write!(
            out,
            "| {prompts} | {refused} | {refused_in_vain} | {shortened} | {cut} | {over_energy} | {over_time} | {share:.2} % |"
        )
    }
}

/// True speeds at each level, tokens a second: of prompts and of answers (the power study, §5: `Q4_K_M` and `Q8_0`).
const SPEEDS: [(f64, f64); 2] = [(11.0, 3.85), (12.0, 2.65)];
const IDLE: Milliwatts = Milliwatts(2_900);
/// How far speeds stray from one answer to the next.
const STRAY: f64 = 0.05;

/// Lets so many random prompts come.
#[must_use]
pub fn replay(seed: u64, prompts: u64) -> Outcome {
    let mut steward = Steward::new(Rules::default(), Mode::Auto);
    let mut dice = Dice::new(seed, 0x6275_6467);
    let mut outcome = Outcome { prompts, ..Outcome::default() };
    let ladder = ladder();
    let means = Means { memory: Bytes(8_000_000_000), ..Means::default() };
    for number in 0..prompts {
        let now = Now { mono: Micros(number * 60_000_000), day: 0 };
        steward.supply(now, &Supply { idle: IDLE, ..Supply::default() });
        let asked = ask(&mut dice);
        let question = Question { ladder: &ladder, means: &means, loaded: Some(1), asked, queue: &[], wish: Wish::Auto };
        let trace_seed = seed.wrapping_mul(1_000_003).wrapping_add(number);
        let stray = dice.factor(STRAY);
        let speeds = |place: usize| SPEEDS.get(place).map_or((1.0, 1.0), |(prefill, decode)| (prefill * stray, decode * stray));
        match steward.decide(now, &question) {
            Err(_) => {
                outcome.refused += 1;
                let least = (asked.prompt_tokens, asked.max_tokens.min(Rules::default().least_tokens));
                let trace = Trace::of_tokens(trace_seed, least, speeds(0));
                let possible = steps(&trace).last().is_some_and(|last| within(&trace, &asked, last.to));
                outcome.refused_in_vain += u64::from(possible);
            }
            Ok(decision) => {
                let trace = Trace::of_tokens(trace_seed, (asked.prompt_tokens, decision.max_tokens), speeds(decision.picked));
                outcome.shortened += u64::from(decision.max_tokens < asked.max_tokens);
                let (ended, answered) = live(&trace, &asked, &mut dice);
                outcome.cut += u64::from(answered < decision.max_tokens);
                outcome.over_energy += u64::from(asked.max_energy.is_some_and(|most| drawn(&trace, ended) > most));
                outcome.over_time += u64::from(asked.left.is_some_and(|left| took(&trace, ended) > left.micros()));
                if let Some(level) = ladder.get(decision.picked) {
                    steward.answered(&level.key(), &observed(&trace, &asked, answered, ended, &mut dice));
                }
            }
        }
    }
    outcome
}

fn ladder() -> Vec<Level> {
    let level = |name: &str, bits, megabytes: u64| Level {
        model: "study".to_owned(),
        name: name.to_owned(),
        bits: MilliBits(bits),
        resident: Bytes(megabytes * 1_100_000),
        draw: IDLE,
        file: Bytes(megabytes * 1_000_000),
        weights: 1_240_000_000,
        quality: None,
    };
    vec![level("Q4_K_M", 4_900, 810), level("Q8_0", 8_500, 1_320)]
}

/// A prompt that may cost from a tenth to one and a half times what it takes at `Q8_0`, or last as long, or both.
fn ask(dice: &mut Dice) -> Asked {
    let mut between = |low: f64, high: f64| low + (high - low) * dice.uniform();
    let (prompt_tokens, max_tokens) = (count32(between(10.0, 200.0)), count32(between(16.0, 200.0)));
    let seconds = f64::from(prompt_tokens) / 12.0 + f64::from(max_tokens) / 2.65;
    let (kind, energy, time) = (between(0.0, 3.0), between(0.1, 1.5), between(0.1, 1.5));
    let max_energy = (kind < 2.0).then(|| Microjoules(count(seconds * 5.9e6 * energy)));
    let left = (kind > 1.0).then(|| Millis(count(seconds * 1e3 * time)));
    Asked { prompt_tokens, max_tokens, left, max_energy, min_quality: None }
}

fn steps(trace: &Trace) -> &[Step] {
    trace.answers.first().map(Vec::as_slice).unwrap_or_default()
}

fn begin(trace: &Trace) -> Micros {
    steps(trace).first().map(|step| step.from).unwrap_or_default()
}

fn drawn(trace: &Trace, until: Micros) -> Microjoules {
    let nanojoules = trace.energy(until).saturating_sub(trace.energy(begin(trace)));
    Microjoules(u64::try_from(nanojoules / 1_000).unwrap_or(u64::MAX))
}

fn took(trace: &Trace, until: Micros) -> Micros {
    until.minus(begin(trace))
}

fn within(trace: &Trace, asked: &Asked, ended: Micros) -> bool {
    asked.max_energy.is_none_or(|most| drawn(trace, ended) <= most)
        && asked.left.is_none_or(|left| took(trace, ended) <= left.micros())
}

/// The engine at work: between two steps it ends the answer if it is at its limits, or one more step like the last would
/// pass its budget. What it goes by is within 2 % of the truth. Returns the end, and the tokens of the answer.
fn live(trace: &Trace, asked: &Asked, dice: &mut Dice) -> (Micros, u32) {
    let (mut before, mut prompt, mut ended, mut answered) = (0.0, 0, begin(trace), 0);
    for step in steps(trace) {
        let spent = float(drawn(trace, ended).0) * (1.0 + 0.01 * dice.normal());
        let more = spent - std::mem::replace(&mut before, spent);
        let broke = asked.max_energy.is_some_and(|most| spent + more.max(0.0) >= float(most.0));
        let late = asked.left.is_some_and(|left| took(trace, ended) >= left.micros());
        if ended > begin(trace) && (broke || late) {
            break;
        }
        ended = step.to;
        if prompt < asked.prompt_tokens {
            prompt += step.tokens;
        } else {
            answered += 1;
        }
    }
    (ended, answered)
}

/// What a bill and the engine tell of it.
fn observed(trace: &Trace, asked: &Asked, answered: u32, ended: Micros, dice: &mut Dice) -> Observed {
    let mut tokens = 0;
    let read = steps(trace).iter().take_while(|step| {
        let reading = tokens < asked.prompt_tokens;
        tokens += step.tokens;
        reading
    });
    let first = read.last().map_or(ended, |step| step.to).min(ended);
    let mut above_idle = |from: Micros, to: Micros| {
        let wall = float(drawn(trace, to).minus(drawn(trace, from)).0) * (1.0 + 0.01 * dice.normal());
        Microjoules(count((wall - float(IDLE.over(to.minus(from)).0)).max(0.0)))
    };
    let (prefill_energy, decode_energy) = (above_idle(begin(trace), first), above_idle(first, ended));
    Observed {
        prompt_tokens: asked.prompt_tokens,
        answer_tokens: answered,
        prefill: first.minus(begin(trace)),
        decode: ended.minus(first),
        prefill_energy,
        decode_energy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_than_one_in_a_hundred_prompts_overrun_and_most_are_answered() {
        let outcome = replay(20_261_121, 400);
        assert!(outcome.overruns_pct() < 1.0, "{outcome:?}");
        assert!(outcome.refused < outcome.prompts / 2 && outcome.shortened > 0, "{outcome:?}");
    }

    #[test]
    fn limits_that_are_not_kept_would_be_seen() {
        // The same prompts, answered in full: the traces are dear enough to overrun.
        let mut dice = Dice::new(1, 1);
        let overrun = |dice: &mut Dice| {
            let asked = ask(dice);
            let trace = Trace::of_tokens(7, (asked.prompt_tokens, asked.max_tokens), SPEEDS[1]);
            !within(&trace, &asked, steps(&trace).last().unwrap().to)
        };
        let many = (0..40).filter(|_| overrun(&mut dice)).count();
        assert!((10..38).contains(&many), "{many} of 40");
    }
}
