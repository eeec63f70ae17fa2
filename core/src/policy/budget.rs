//! Plans level and tokens so that a prompt keeps its own limits: joules, deadline, quality.
//!
//! The planned level is kept if a useful answer fits on it; else the richest takes over on which one does; else the answer
//! is cut, down to the least that is worth saying; else it is refused before anything is spent.
//!
//! Promise: with the margin for the learned spread, fewer than one plan in a hundred overruns.
//! Deliberately absent: stopping an answer that overruns all the same (the engine does, between two tokens).

use super::{Asked, Predicted, Reason, Refusal, backlog::Offer};
use crate::{
    levels::Level,
    units::{Microjoules, Micros, Milliwatts},
};

/// Spreads that a plan stays away from its limits: three, which a normal error passes once in 700 times.
const SPREADS: u64 = 3;

/// The least margin, in millionths: meter and clock are not better than this (the power study, §2).
const LEAST_MARGIN: u64 = 30_000;

/// What surrounds the plan.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The levels, for their names.
    pub ladder: &'a [Level],
    /// The same, with their costs.
    pub offers: &'a [Offer],
    /// In memory.
    pub loaded: Option<usize>,
    /// Draw of the board when it does nothing.
    pub idle: Milliwatts,
    /// Tokens that nearly all answers do with.
    pub ample: u32,
    /// Tokens that an answer must have, unless it asked for fewer.
    pub least: u32,
}

/// Level and tokens for one prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Place on the ladder.
    pub picked: usize,
    /// The most tokens that keep the limits.
    pub tokens: u32,
    /// Why not the level that was wanted.
    pub reason: Option<Reason>,
}

impl Frame<'_> {
    /// Finds level and tokens for `asked` among `usable`; `wanted` is the level that everything else speaks for.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooPoor`], [`Refusal::OverBudget`] or [`Refusal::TooLate`], with their numbers.
    pub fn plan(&self, asked: &Asked, usable: &[usize], wanted: usize) -> Result<Plan, Refusal> {
        let floor = asked.min_quality.unwrap_or_default();
        let quality = |place: usize| self.offers.get(place).map(|offer| offer.quality).unwrap_or_default();
        let good: Vec<usize> = usable.iter().copied().filter(|&place| quality(place) >= floor).collect();
        let Some(&cheapest) = good.iter().min_by_key(|&&place| self.offers.get(place).map_or(0, Offer::energy)) else {
            let best = usable.iter().copied().max_by_key(|&place| quality(place)).unwrap_or(wanted);
            return Err(Refusal::TooPoor { level: self.name(best), has: quality(best), wanted: floor });
        };
        let (start, raised) = if good.contains(&wanted) { (wanted, None) } else { (cheapest, Some(Reason::MinQuality)) };
        let useful = asked.max_tokens.min(self.ample.max(self.least));
        let most = |place: usize| self.most_tokens(place, asked).min(asked.max_tokens);
        if most(start) >= useful {
            return Ok(Plan { picked: start, tokens: most(start), reason: raised });
        }
        let reason = Some(self.binding(start, asked));
        let whole = good.iter().copied().filter(|&place| most(place) >= useful).max_by_key(|&place| (quality(place), place));
        if let Some(picked) = whole {
            return Ok(Plan { picked, tokens: most(picked), reason });
        }
        let longest = good.iter().copied().max_by_key(|&place| (most(place), quality(place), place)).unwrap_or(start);
        if most(longest) >= self.least.min(asked.max_tokens) {
            return Ok(Plan { picked: longest, tokens: most(longest), reason });
        }
        Err(self.refuse(longest, asked))
    }

    /// What `tokens` take on that level, without margin.
    #[must_use]
    pub fn predict(&self, place: usize, asked: &Asked, tokens: u32) -> Predicted {
        let cost = self.offers.get(place).map(|offer| offer.learned.cost(asked.prompt_tokens, tokens)).unwrap_or_default();
        Predicted { energy: cost.wall(self.idle), time: cost.time }
    }

    /// The same with the margin, and with the load in the time: what the limits are compared with.
    fn at_worst(&self, place: usize, asked: &Asked, tokens: u32) -> Predicted {
        let bare = self.predict(place, asked, tokens);
        let (for_energy, for_time) = self.margins(place);
        Predicted {
            energy: Microjoules(widen(bare.energy.0, for_energy)),
            time: Micros(widen(bare.time.0, for_time)).plus(self.load(place)),
        }
    }

    /// The most answer tokens that keep all limits, margin included.
    fn most_tokens(&self, place: usize, asked: &Asked) -> u32 {
        let Some(offer) = self.offers.get(place) else { return 0 };
        let (for_energy, for_time) = self.margins(place);
        let within = |limit: u64, fixed: u64, each: u64, margin: u64, extra: u64| {
            let allowed = u128::from(limit.saturating_sub(extra)) * 1_000_000 / u128::from(1_000_000 + margin);
            let left = u64::try_from(allowed).unwrap_or(u64::MAX).checked_sub(fixed);
            left.map_or(0, |left| u32::try_from(left / each.max(1)).unwrap_or(u32::MAX))
        };
        let first = offer.learned.cost(asked.prompt_tokens, 0);
        // One token's energy, rounded up: a thousand tokens of rounding must not eat the margin.
        let each = offer.learned.cost(0, 1);
        let by_energy = asked.max_energy.map_or(u32::MAX, |limit| {
            within(limit.0, first.wall(self.idle).0, each.wall(self.idle).0.saturating_add(1), for_energy, 0)
        });
        let by_time =
            asked.left.map_or(u32::MAX, |left| within(left.micros().0, first.time.0, each.time.0, for_time, self.load(place).0));
        by_energy.min(by_time)
    }

    /// Which limit leaves the fewer tokens.
    fn binding(&self, place: usize, asked: &Asked) -> Reason {
        let by_energy = self.most_tokens(place, &Asked { left: None, ..*asked });
        let by_time = self.most_tokens(place, &Asked { max_energy: None, ..*asked });
        if by_energy <= by_time { Reason::Budget } else { Reason::Deadline }
    }

    fn refuse(&self, place: usize, asked: &Asked) -> Refusal {
        let tokens = self.least.min(asked.max_tokens);
        let needs = self.at_worst(place, asked, tokens);
        let level = self.name(place);
        match (self.binding(place, asked), asked.max_energy, asked.left) {
            (Reason::Deadline, _, Some(left)) | (_, None, Some(left)) => {
                Refusal::TooLate { level, tokens, needs: needs.time, left: left.micros() }
            }
            (_, allowed, _) => Refusal::OverBudget { level, tokens, needs: needs.energy, allowed: allowed.unwrap_or_default() },
        }
    }

    /// Margins of energy and time, in millionths.
    fn margins(&self, place: usize) -> (u64, u64) {
        let margin = |spread: u32| (u64::from(spread) * SPREADS).max(LEAST_MARGIN);
        self.offers.get(place).map_or((LEAST_MARGIN, LEAST_MARGIN), |offer| {
            let (energy, time) = (offer.learned.energy_spread().0, offer.learned.time_spread().0);
            (margin(energy.max(time)), margin(time))
        })
    }

    fn load(&self, place: usize) -> Micros {
        if self.loaded == Some(place) {
            Micros::ZERO
        } else {
            self.offers.get(place).map_or(Micros::ZERO, |offer| offer.learned.load)
        }
    }

    fn name(&self, place: usize) -> String {
        self.ladder.get(place).map(|level| level.name.clone()).unwrap_or_default()
    }
}

fn widen(amount: u64, margin: u64) -> u64 {
    u64::try_from(u128::from(amount) * u128::from(1_000_000 + margin) / 1_000_000).unwrap_or(u64::MAX)
}
