//! The prompt in hand, from the desk to its answer.
//!
//! ```text
//! desk ─▶ decide ─▶ loading, if need be ─▶ reading ─▶ writing ─▶ answered, or cut at its deadline
//! ```
//!
//! Promise: one prompt at a time; what the steward learns of it is what a meter of 1 % would say.
//! Deliberately absent: the passing of time (`run`).

use hob_core::{
    levels::Observed,
    policy::Asked,
    units::{Micros, Millis, Milliwatts, PartsPerMillion},
};

use super::{Phase, Week};
use crate::{
    number::{count, count32},
    world::Ask,
};

/// The prompt in hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand {
    pub(super) ask: Ask,
    pub(super) level: usize,
    /// Tokens that will be written.
    pub(super) tokens: u32,
    pub(super) due: u64,
    /// When this phase began.
    pub(super) since: u64,
    /// How long reading took.
    pub(super) read: u64,
}

impl Week<'_> {
    /// Calls the next prompt, if nobody is in hand.
    pub(super) fn begin(&mut self) {
        while matches!(self.phase, Phase::Waiting) {
            let Some((ask, due)) = self.desk.call_next() else { return };
            let asked = |(ask, due): &(Ask, u64)| Asked {
                prompt_tokens: ask.tokens_in,
                max_tokens: self.scenario.prompts.max_tokens,
                left: Some(Millis(due.saturating_sub(self.now) / 1_000)),
                max_energy: None,
                min_quality: None,
            };
            let queue: Vec<Asked> = self.desk.iter().map(asked).collect();
            let asked = asked(&(ask, due));
            let charge = self.store.level().map(|level| PartsPerMillion(count32(level * 1e6)));
            match self.player.decide(self.moment(), charge, self.loaded, asked, &queue) {
                None => self.tally.refused += 1,
                Some((level, most)) => {
                    let hand = Hand { ask, level, tokens: ask.tokens_out.min(most), due, since: self.now, read: 0 };
                    self.take(hand);
                }
            }
        }
    }

    fn take(&mut self, hand: Hand) {
        if self.loaded == Some(hand.level) {
            return self.read(hand);
        }
        self.tally.switches += u64::from(self.loaded.is_some());
        self.loaded = None;
        let size = self.scenario.level.get(hand.level).map_or(0.0, |level| level.size_gb * 1e3);
        self.turn(Phase::Loading(hand), self.now + count(size / self.scenario.board.load_mb_s * 1e6));
    }

    fn read(&mut self, hand: Hand) {
        let speed = self.world.levels.get(hand.level).map_or(1.0, |level| level.prefill_tok_s);
        let took = count(f64::from(hand.ask.tokens_in) / speed * 1e6);
        self.turn(Phase::Reading(Hand { since: self.now, ..hand }), (self.now + took).min(hand.due));
    }

    pub(super) fn end_phase(&mut self) {
        match self.phase {
            Phase::Off => {}
            Phase::Waiting | Phase::Starting => self.turn(Phase::Waiting, u64::MAX),
            Phase::Loading(hand) => {
                self.loaded = Some(hand.level);
                let took = Micros(self.now - hand.since);
                let spent = self.senses.joules(self.plant.load.minus(self.plant.idle).over(took));
                if let Some(hob) = self.player.hob()
                    && let Some(level) = hob.ladder.get(hand.level)
                {
                    let key = level.key();
                    hob.steward.loaded(&key, took, spent);
                }
                if hand.due > self.now { self.read(hand) } else { self.late(hand) }
            }
            Phase::Reading(hand) | Phase::Writing(hand) if self.now >= hand.due => self.late(hand),
            Phase::Reading(hand) => {
                let speed = self.world.levels.get(hand.level).map_or(1.0, |level| level.decode_tok_s);
                let took = count(f64::from(hand.tokens) / speed * 1e6);
                let hand = Hand { since: self.now, read: self.now - hand.since, ..hand };
                self.turn(Phase::Writing(hand), (self.now + took).min(hand.due));
            }
            Phase::Writing(hand) => self.answered(hand),
        }
    }

    /// The deadline cuts the prompt in hand.
    fn late(&mut self, hand: Hand) {
        self.books.finish(hand.ask.at, self.now, false);
        self.tally.late += 1;
        self.turn(Phase::Waiting, u64::MAX);
    }

    fn answered(&mut self, hand: Hand) {
        let (prefill, decode) = (Micros(hand.read), Micros(self.now - hand.since));
        let above = |draw: Milliwatts, span| draw.minus(self.plant.idle).over(span);
        let (reading, writing) = (above(self.plant.prefill, prefill), above(self.plant.decode, decode));
        let seen = Observed {
            prompt_tokens: hand.ask.tokens_in,
            answer_tokens: hand.tokens,
            prefill,
            decode,
            prefill_energy: self.senses.joules(reading),
            decode_energy: self.senses.joules(writing),
        };
        if let Some(hob) = self.player.hob()
            && let Some(level) = hob.ladder.get(hand.level)
        {
            let key = level.key();
            hob.steward.answered(&key, &seen);
        }
        let quality = self.world.levels.get(hand.level).map_or(0.0, |level| level.quality);
        let told = f64::from(hand.tokens) / f64::from(hand.ask.tokens_out.max(1));
        self.books.finish(hand.ask.at, self.now, true);
        self.tally.answered(quality * told.min(1.0), self.now - hand.ask.at);
        self.turn(Phase::Waiting, u64::MAX);
    }
}
