//! What a Pi 400 draws while it answers, finer than any meter sees it.
//!
//! ```text
//! 6.45 ┐ ┌──┐┌──┐        prefill: batches with a dip after each
//! 6.05 │ │  └┘  ┐┌┐┌┐┌┐   decode: a ripple per token, 2 to 7 a second
//! 4.40 │ │      └┘└┘└┘│
//! 2.90 ┘─┘            └── idle          and over all: DVFS steps, bursts of 5 to 40 ms, wander, noise
//! ```
//!
//! Promises: the same seed gives the same trace; its energy is an exact integer.
//! Deliberately absent: what a meter makes of it (`metering`).
//!
//! # Source
//!
//! The trace of the study of sampling (2026-11): levels from published draws of a Pi 4 under llama.cpp;
//! rates of bursts, steps and wander are judgement.

use crate::dice::Dice;
use crate::number::{count, count32, float};
use hob_core::units::{Micros, Milliwatts};

/// Levels of the draw, in milliwatts.
const IDLE: f64 = 2_900.0;
const PREFILL: f64 = 6_450.0;
const DIP: f64 = 4_800.0;
const DECODE: f64 = 6_050.0;
const RIPPLE: f64 = 4_400.0;

/// The trace is flat for so long.
const GRAIN: Micros = Micros(5_000);
/// Between two steps: the next token is picked.
const PICKING: Micros = Micros(3_000);
/// Tokens of a batch of prefill.
const BATCH: u32 = 8;

/// One step of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// It began.
    pub from: Micros,
    /// It ended.
    pub to: Micros,
    /// Tokens that were worked on.
    pub tokens: u32,
}

/// A draw over time, flat in pieces, and the answers that it comes from.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// End of each piece.
    ends: Vec<Micros>,
    draws: Vec<Milliwatts>,
    /// Energy up to the end of each piece, nJ.
    totals: Vec<u128>,
    /// The steps of each answer.
    pub answers: Vec<Vec<Step>>,
}

impl Trace {
    /// So many answers of about `length` each, with 3 to 9 s of idling around them.
    #[must_use]
    pub fn of_answers(seed: u64, answers: u32, length: Micros) -> Self {
        let mut pen = Pen::new(seed);
        for _ in 0..answers {
            pen.idle();
            pen.answer(length);
        }
        pen.idle();
        pen.trace
    }

    /// One answer of so many tokens after a prompt of so many, at these speeds (tokens a second), with idling before it.
    #[must_use]
    pub fn of_tokens(seed: u64, (prompt, answer): (u32, u32), (prefill, decode): (f64, f64)) -> Self {
        let mut pen = Pen::new(seed);
        pen.draw(IDLE, Micros(500_000));
        pen.trace.answers.push(Vec::new());
        let mut left = prompt;
        while left > 0 {
            let batch = left.min(BATCH);
            pen.prefill(batch, prefill);
            left -= batch;
        }
        for _ in 0..answer {
            pen.token(decode);
        }
        pen.trace
    }

    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> Micros {
        self.ends.last().copied().unwrap_or_default()
    }

    /// Energy from the beginning to `at`, in nJ, exactly; after the end as at the end.
    #[must_use]
    pub fn energy(&self, at: Micros) -> u128 {
        let piece = self.ends.partition_point(|end| *end <= at);
        let before = piece.checked_sub(1);
        let begin = before.and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let total = before.and_then(|before| self.totals.get(before)).copied().unwrap_or_default();
        let draw = self.draws.get(piece).copied().unwrap_or_default();
        total + u128::from(at.minus(begin).0) * u128::from(draw.0)
    }

    /// Mean draw between two moments; nothing if there is no time between them.
    #[must_use]
    pub fn mean(&self, from: Micros, to: Micros) -> Milliwatts {
        let energy = self.energy(to).saturating_sub(self.energy(from));
        let mean = (energy + u128::from(to.minus(from).0 / 2)).checked_div(u128::from(to.minus(from).0));
        Milliwatts(u32::try_from(mean.unwrap_or_default()).unwrap_or(u32::MAX))
    }
}

/// Writes a trace.
struct Pen {
    trace: Trace,
    dice: Dice,
    /// Slow drift, mW.
    wander: f64,
    /// A burst: until when, and how much.
    burst: (Micros, f64),
    /// A lower clock: until when, and by which factor.
    clock: (Micros, f64),
}

impl Pen {
    fn new(seed: u64) -> Self {
        let dice = Dice::new(seed, 0x7261_6365);
        Self { trace: Trace::default(), dice, wander: 0.0, burst: (Micros::ZERO, 0.0), clock: (Micros::ZERO, 1.0) }
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.dice.uniform()
    }

    fn idle(&mut self) {
        let span = self.between(3e6, 9e6);
        self.draw(IDLE, Micros(count(span)));
    }

    /// A quarter of the time prefill, then tokens.
    fn answer(&mut self, length: Micros) {
        self.trace.answers.push(Vec::new());
        let begin = self.trace.end();
        let speed = self.between(6.0, 12.0);
        while self.trace.end().minus(begin).0 < length.0 / 4 {
            self.prefill(BATCH, speed);
        }
        let rate = self.between(2.0, 7.0);
        while self.trace.end().minus(begin) < length {
            self.token(rate);
        }
    }

    fn prefill(&mut self, tokens: u32, speed: f64) {
        let batch = Micros(count(1e6 * float(u64::from(tokens)) / speed));
        let dip = Micros(count(self.between(20e3, 60e3)));
        self.step(tokens, &[(PREFILL, batch), (DIP, dip)]);
    }

    fn token(&mut self, rate: f64) {
        let token = 1e6 / rate * self.between(0.95, 1.05);
        let busy = self.between(0.70, 0.85);
        self.step(1, &[(DECODE, Micros(count(token * busy))), (RIPPLE, Micros(count(token * (1.0 - busy))))]);
    }

    fn step(&mut self, tokens: u32, parts: &[(f64, Micros)]) {
        let from = self.trace.end();
        for (level, span) in parts {
            if self.trace.end() >= self.clock.0 {
                let slower = self.dice.uniform() < 0.05;
                let (span, factor) = (self.between(0.3e6, 2e6), self.between(0.8, 0.95));
                self.clock = (from.plus(Micros(count(span))), if slower { factor } else { 1.0 });
            }
            self.draw(IDLE + (level - IDLE) * self.clock.1, *span);
        }
        let to = self.trace.end();
        self.draw(RIPPLE, PICKING);
        if let Some(answer) = self.trace.answers.last_mut() {
            answer.push(Step { from, to, tokens });
        }
    }

    fn draw(&mut self, level: f64, span: Micros) {
        let end = self.trace.end().plus(span);
        while self.trace.end() < end {
            let at = self.trace.end();
            if at >= self.burst.0 {
                let (wait, span, height) = (self.dice.exponential(), self.between(5e3, 40e3), self.between(300.0, 1_200.0));
                let comes = wait < float(GRAIN.0) / 1.5e6;
                self.burst = (at.plus(if comes { Micros(count(span)) } else { GRAIN }), if comes { height } else { 0.0 });
            }
            // Ornstein and Uhlenbeck's: forgets in 20 s, strays by 50 mW.
            self.wander += -self.wander * 2.5e-4 + 1.1 * self.dice.normal();
            let draw = level + self.wander + self.burst.1 + 60.0 * self.dice.normal();
            self.piece(at.plus(GRAIN).min(end), Milliwatts(count32(draw)));
        }
    }

    fn piece(&mut self, end: Micros, draw: Milliwatts) {
        let span = end.minus(self.trace.end());
        let total = self.trace.totals.last().copied().unwrap_or_default() + u128::from(span.0) * u128::from(draw.0);
        self.trace.ends.push(end);
        self.trace.draws.push(draw);
        self.trace.totals.push(total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_trace() {
        let energy = |seed| {
            let trace = Trace::of_answers(seed, 2, Micros(5_000_000));
            trace.energy(trace.end())
        };
        assert_eq!(energy(1), energy(1));
        assert_ne!(energy(1), energy(2));
    }

    #[test]
    fn the_levels_are_those_of_the_study() {
        let trace = Trace::of_answers(3, 10, Micros(15_000_000));
        let mean = |steps: &[Step]| trace.mean(steps[0].from, steps[steps.len() - 1].to).0;
        for answer in &trace.answers {
            let prefill = answer.iter().filter(|step| step.tokens == BATCH).count();
            let (before, after) = answer.split_at(prefill);
            assert!((5_900..6_600).contains(&mean(before)), "prefill {}", mean(before));
            assert!((5_200..6_100).contains(&mean(after)), "decode {}", mean(after));
            let idle = trace.mean(answer[0].from.minus(Micros(3_000_000)), answer[0].from).0;
            assert!((2_750..3_100).contains(&idle), "idle {idle}");
            let took = answer[answer.len() - 1].to.minus(answer[0].from).0;
            assert!((15_000_000..15_600_000).contains(&took), "{took}");
        }
    }

    #[test]
    fn energy_is_exact_and_adds_up() {
        let trace = Trace::of_answers(4, 1, Micros(5_000_000));
        let sum: u128 = (0..trace.ends.len())
            .map(|piece| {
                let begin = if piece == 0 { Micros::ZERO } else { trace.ends[piece - 1] };
                u128::from(trace.ends[piece].minus(begin).0) * u128::from(trace.draws[piece].0)
            })
            .sum();
        assert_eq!(trace.energy(trace.end()), sum);
        assert_eq!(trace.energy(Micros(7)), 7 * u128::from(trace.draws[0].0));
        assert_eq!(trace.energy(trace.end().plus(Micros(9))), sum);
    }
}
