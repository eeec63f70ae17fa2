//! How far the battery reaches, how soon somebody asks, and what loading again takes: what others than the choice need.

use super::Steward;
use crate::{
    battery::range::{Range, Start, range},
    levels::LevelKey,
    units::{Microjoules, Micros, Now, PartsPerMillion},
};

impl Steward {
    /// How far the battery reaches if usual answers are given at `level`; nothing without a battery.
    ///
    /// A level of which nothing is known, or none, answers for free.
    #[must_use]
    pub fn range(&self, now: Now, level: Option<&LevelKey>) -> Option<Range> {
        let charge = self.supply.charge?;
        let hour = |hour: u32| self.habits.expect(Now { day: hour * 3_600, ..now }, 0).saturating_mul(4);
        let arrivals: [u32; 24] = std::array::from_fn(|place| hour(u32::try_from(place).unwrap_or(0)));
        let learned = level.and_then(|level| self.levels.get(level));
        let (prompt, answer) = (self.habits.usual_prompt(), self.habits.usual_answer());
        let answer = learned.map_or(Microjoules::ZERO, |learned| learned.cost(prompt, answer).marginal);
        Some(range(&Start {
            now,
            charge,
            reserve: self.rules.critical,
            idle: self.supply.idle,
            efficiency: PartsPerMillion(self.rules.converter.0.saturating_mul(100)),
            arrivals: &arrivals,
            answer,
            sun: &self.sun,
        }))
    }

    /// How long until the next prompt, on the average of this hour; nothing where none is expected.
    #[must_use]
    pub fn next_in(&self, now: Now) -> Option<Micros> {
        const THOUSAND_QUARTERS: u64 = 900_000_000 * 1_000;
        THOUSAND_QUARTERS.checked_div(self.habits.expect(now, 0).into()).map(Micros)
    }

    /// What loading a level takes above idle, as far as is known.
    #[must_use]
    pub fn reload(&self, level: &LevelKey) -> Microjoules {
        self.levels.get(level).map_or(Microjoules::ZERO, |learned| learned.load_energy)
    }
}
