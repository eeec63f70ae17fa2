//! What the board draws when nobody works.
//!
//! Promise: one loud second (an update, a login) does not move it: it is a median of one-second means.
//! Deliberately absent: when it is quiet, which is for the books to say.

use crate::units::{Micros, Milliwatts};
use std::collections::VecDeque;

const SECOND: u64 = 1_000_000;
/// Ten minutes.
const MAX_SECONDS: usize = 600;

/// Median draw of the last ten quiet minutes.
#[derive(Debug, Clone)]
pub(super) struct IdleDraw {
    /// Means of quiet seconds, the oldest first.
    seconds: VecDeque<Milliwatts>,
    energy_nj: u128,
    span: Micros,
    now: Milliwatts,
}

impl IdleDraw {
    /// Until there is a quiet second it is `prior`.
    pub(super) fn new(prior: Milliwatts) -> Self {
        Self { seconds: VecDeque::new(), energy_nj: 0, span: Micros::ZERO, now: prior }
    }

    pub(super) fn get(&self) -> Milliwatts {
        self.now
    }

    /// It was quiet for `span`, and so much was drawn, in nJ.
    pub(super) fn quiet(&mut self, span: Micros, energy_nj: u128) {
        self.energy_nj += energy_nj;
        self.span = self.span.plus(span);
        if self.span.0 < SECOND {
            return;
        }
        let mean = std::mem::take(&mut self.energy_nj) / u128::from(std::mem::take(&mut self.span).0);
        if self.seconds.len() >= MAX_SECONDS {
            self.seconds.pop_front();
        }
        self.seconds.push_back(Milliwatts(u32::try_from(mean).unwrap_or(u32::MAX)));
        let mut sorted: Vec<Milliwatts> = self.seconds.iter().copied().collect();
        let middle = sorted.len() / 2;
        self.now = *sorted.select_nth_unstable(middle).1;
    }
}

#[test]
fn it_is_the_prior_then_the_median_of_the_last_ten_minutes() {
    let mut idle = IdleDraw::new(Milliwatts(2_700));
    let mut second = |draw: u128| {
        (0..20).for_each(|_| idle.quiet(Micros(SECOND / 20), draw * 50_000));
        idle.get()
    };
    assert_eq!(second(2_900), Milliwatts(2_900), "one second is better than a guess");
    assert_eq!([second(9_000), second(2_900)], [Milliwatts(9_000), Milliwatts(2_900)]);
    (0..600).for_each(|_| _ = second(2_300));
    assert_eq!(second(9_000), Milliwatts(2_300), "what was ten minutes ago is forgotten");
    assert_eq!(idle.seconds.len(), MAX_SECONDS);
}
