//! The site's machinery as numbers: what the board draws in each state, and what energy an answer takes.
//!
//! Promises: with trimming, only what is drawn while waiting falls; what work adds to it stays.
//! Deliberately absent: the state itself (`run`).

use hob_core::units::Milliwatts;

use crate::{
    number::{count32, float},
    scenario::{Battery, Rung, Scenario},
    world::Ask,
};

/// Draws of the board and what feeds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plant {
    /// While waiting.
    pub idle: Milliwatts,
    /// Reading a prompt.
    pub prefill: Milliwatts,
    /// Writing an answer.
    pub decode: Milliwatts,
    /// Loading a model, or starting.
    pub load: Milliwatts,
    /// None on the grid.
    pub battery: Option<Battery>,
}

impl Plant {
    /// Of this scenario, with idle trimming or without.
    #[must_use]
    pub fn new(scenario: &Scenario, trim: bool) -> Self {
        let board = &scenario.board;
        let idle = if trim { board.trimmed_w } else { board.idle_w };
        let draw = |watts: f64| Milliwatts(count32((watts - board.idle_w + idle) * 1_000.0));
        Self {
            idle: draw(board.idle_w),
            prefill: draw(board.prefill_w),
            decode: draw(board.decode_w),
            load: draw(board.load_w),
            battery: scenario.battery.clone(),
        }
    }

    /// In watts.
    #[must_use]
    pub fn watts(&self, draw: Milliwatts) -> f64 {
        float(u64::from(draw.0)) / 1_000.0
    }

    /// Joules above idle of answering `ask` on `level`.
    #[must_use]
    pub fn marginal(&self, level: &Rung, ask: &Ask) -> f64 {
        let above = |draw: Milliwatts| self.watts(draw.minus(self.idle));
        above(self.prefill) * f64::from(ask.tokens_in) / level.prefill_tok_s
            + above(self.decode) * f64::from(ask.tokens_out) / level.decode_tok_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_what_the_power_study_says_and_trimming_changes_only_idle() {
        let scenario = Scenario::shipped("B").unwrap();
        let ask = Ask { at: 0, tokens_in: 80, tokens_out: 120 };
        let (plain, trimmed) = (Plant::new(&scenario, false), Plant::new(&scenario, true));
        assert_eq!((plain.idle, trimmed.idle), (Milliwatts(2_900), Milliwatts(2_300)));
        // facts: ternary 54, Q2_K 112, Q4_K_M 116, Q6_K 153, Q8_0 155 J
        let wanted = [54.0, 112.0, 116.0, 153.0, 155.0];
        for (level, joules) in scenario.level.iter().zip(wanted) {
            let marginal = plain.marginal(level, &ask);
            assert!((marginal - joules).abs() < 1.0, "{}: {marginal}", level.name);
            assert!((trimmed.marginal(level, &ask) - marginal).abs() < 1e-9);
        }
    }
}
