//! Look ahead over those that wait and those that will come: which level answers the most of them in time.
//!
//! Deliberately absent: who is called next (`desk`), and the battery (`forecast`).

use super::Asked;
use crate::{
    levels::{Cost, Learned},
    units::{BasisPoints, Micros, Millis},
};

/// One level, as the comparison sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offer {
    /// Of its answers.
    pub quality: BasisPoints,
    /// A usual prompt's.
    pub usual: Cost,
    /// What is known of its costs.
    pub learned: Learned,
}

impl Offer {
    /// Energy above idle of a usual prompt, in µJ.
    pub(super) fn energy(&self) -> i128 {
        i128::from(self.usual.marginal.0)
    }
}

/// What is in front of the board.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Whose turn it is.
    pub asked: &'a Asked,
    /// Those behind it.
    pub queue: &'a [Asked],
    /// Prompts expected in a quarter of an hour, in thousandths.
    pub coming: u32,
    /// How long those will wait.
    pub patience: Millis,
    /// Tokens that a usual answer has; few prompts use all that they may.
    pub answer: u32,
}

/// How far is looked ahead beyond those that wait.
const HORIZON: Micros = Micros(900_000_000);

/// Virtual arrivals that are looked at, at most.
const MOST: u32 = 64;

/// A level is left for the backlog's sake only if that answers so much more: 0.3 of an answer, in basis points.
const GAIN: u64 = 3_000;

/// The richest of `places` that answers, weighed by quality, as much in time as any of them but for the gain; none that is
/// richer than `plan`.
#[must_use]
pub fn relieve(offers: &[Offer], places: &[usize], plan: usize, loaded: Option<usize>, line: &Line<'_>) -> usize {
    if line.queue.is_empty() {
        return plan;
    }
    let worth = |place: usize| offers.get(place).map_or(0, |offer| served(offer, loaded == Some(place), line));
    let quality = |place: usize| offers.get(place).map(|offer| offer.quality).unwrap_or_default();
    let worths: Vec<(usize, u64)> =
        places.iter().filter(|&&place| quality(place) <= quality(plan)).map(|&place| (place, worth(place))).collect();
    let best = worths.iter().map(|row| row.1).max().unwrap_or(0);
    let close = worths.iter().filter(|row| row.1.saturating_add(GAIN) >= best).map(|row| row.0);
    close.max_by_key(|&place| (quality(place), place == plan)).unwrap_or(plan)
}

/// Sum of the qualities of all that would be answered in time, in basis points.
fn served(offer: &Offer, loaded: bool, line: &Line<'_>) -> u64 {
    let mut clock = if loaded { Micros::ZERO } else { offer.learned.load };
    let mut sum = 0_u64;
    let mut serve = |from: Micros, time: Micros, left: Option<Millis>| {
        let done = clock.max(from).plus(time);
        if left.is_none_or(|left| done <= from.plus(left.micros())) {
            clock = done;
            sum = sum.saturating_add(u64::from(offer.quality.0));
        }
    };
    for asked in std::iter::once(line.asked).chain(line.queue) {
        let time = offer.learned.cost(asked.prompt_tokens, asked.max_tokens.min(line.answer)).time;
        serve(Micros::ZERO, time, asked.left);
    }
    let apart = HORIZON.0.saturating_mul(1_000) / u64::from(line.coming.max(1));
    for nth in 1..=MOST {
        let from = Micros(apart.saturating_mul(u64::from(nth)));
        if from > HORIZON {
            break;
        }
        serve(from, offer.usual.time, Some(line.patience));
    }
    sum
}
