//! Who keeps what was learned and planned, and decides with it.
//!
//! ```text
//! arrived, supply, answered, loaded ─▶ Steward (habits, sun, costs, plan) ─▶ decide ─▶ Decision or Refusal
//! ```
//!
//! Promises: the daemon and the simulator use the same one; `decide` never panics and never waits; what is saved and
//! restored decides as before, but for the plan, which is made anew.
//! Deliberately absent: clocks, files and the shelf (they are arguments).

use std::collections::BTreeMap;

use crate::{
    battery::Charge,
    habits::Habits,
    levels::{Learned, Level, LevelKey, Observed, qualities},
    policy::{
        Decision, Mode, Predicted, Question, Reason, Refusal, Row, Rules, Verdict, Wish,
        backlog::{Line, Offer, relieve},
        budget::Frame,
        fit::{Fitting, fitting, named},
        hull::hull,
    },
    sun::{self, Sun},
    units::{Microjoules, Micros, Milliwatts, Now, PartsPerMillion},
};

mod plan;
#[cfg(test)]
mod promises;
mod reach;
#[cfg(test)]
mod tests;

/// What feeds the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Supply {
    /// Draw of the board when it does nothing.
    pub idle: Milliwatts,
    /// What the battery holds; none on the grid.
    pub charge: Option<Charge>,
    /// What the panels give now.
    pub solar: Option<Milliwatts>,
}

/// What is worth keeping across restarts.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    /// Costs of each level.
    pub levels: Vec<(LevelKey, Learned)>,
    /// When prompts come and how long they are.
    pub habits: Habits,
    /// What the panels give.
    pub sun: sun::Saved,
}

/// All that is learned and planned between two decisions.
#[derive(Debug, Clone)]
pub struct Steward {
    rules: Rules,
    mode: Mode,
    levels: BTreeMap<LevelKey, Learned>,
    habits: Habits,
    sun: Sun,
    supply: Supply,
    plan: Option<plan::Plan>,
}

/// A level that everything but the prompt's own limits speaks for.
struct Wanted {
    place: usize,
    reason: Reason,
    /// What may be taken instead.
    usable: Vec<usize>,
    verdicts: Vec<Verdict>,
}

/// Charge from which on a charger takes less than the panels can give.
const BRIM: PartsPerMillion = PartsPerMillion(990_000);

/// Charge from which on the sun's power would be lost: `endurance` spends it.
const OVERFLOWING: PartsPerMillion = PartsPerMillion(970_000);

impl Steward {
    /// Knows nothing yet but the rules.
    #[must_use]
    pub fn new(rules: Rules, mode: Mode) -> Self {
        Self {
            rules,
            mode,
            levels: BTreeMap::new(),
            habits: Habits::default(),
            sun: Sun::default(),
            supply: Supply::default(),
            plan: None,
        }
    }

    /// The owner wants something else.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        self.plan = None;
    }

    /// What the owner wants.
    #[must_use]
    pub const fn mode(&self) -> &Mode {
        &self.mode
    }

    /// A prompt came.
    pub fn arrived(&mut self, now: Now) {
        self.habits.arrived(now);
    }

    /// What feeds the board now; to be told about once a minute.
    pub fn supply(&mut self, now: Now, supply: &Supply) {
        self.habits.passed(now);
        if let Some(solar) = supply.solar {
            // A full battery turns the panels down: what they do not give then, they could.
            let full = supply.charge.is_some_and(|charge| charge.level >= BRIM);
            self.sun.observe(now, if full { solar.max(self.sun.expect(now, 0)) } else { solar });
        }
        self.supply = *supply;
    }

    /// An answer is finished and metered. A level that was never decided for is not known, and nothing is learned.
    pub fn answered(&mut self, level: &LevelKey, seen: &Observed) {
        self.habits.answered(seen.prompt_tokens, seen.answer_tokens);
        if let Some(learned) = self.levels.get_mut(level) {
            learned.answered(seen);
        }
    }

    /// A level was loaded; `spent` is above idle.
    pub fn loaded(&mut self, level: &LevelKey, took: Micros, spent: Microjoules) {
        if let Some(learned) = self.levels.get_mut(level) {
            learned.loaded(took, spent);
        }
    }

    /// Which level answers this prompt, and in how many tokens.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with its numbers.
    pub fn decide(&mut self, now: Now, question: &Question<'_>) -> Result<Decision, Refusal> {
        // A board that runs is not cut off: only what is surely below says that the supply does not guard itself.
        let sure = |charge: &Charge| charge.level.plus(charge.bound) < self.rules.critical;
        if let Some(charge) = self.supply.charge.filter(sure) {
            return Err(Refusal::BatteryCritical { charge: charge.level, critical: self.rules.critical });
        }
        if let Some(left) = question.asked.left {
            self.habits.hurried(left);
        }
        let offers = self.offers(question.ladder);
        let wanted = self.wanted(now, question, &offers)?;
        let frame = Frame {
            ladder: question.ladder,
            offers: &offers,
            loaded: question.loaded,
            idle: self.supply.idle,
            ample: self.habits.ample_answer(),
            least: self.rules.least_tokens,
        };
        let plan = frame.plan(&question.asked, &wanted.usable, wanted.place);
        if let Err(Refusal::OverBudget { .. } | Refusal::TooLate { .. }) = &plan {
            for &place in &wanted.usable {
                let level = question.ladder.get(place).map(Level::key);
                level.and_then(|key| self.levels.get_mut(&key)).into_iter().for_each(Learned::refused);
            }
        }
        let plan = plan?;
        Ok(Decision {
            picked: plan.picked,
            reason: plan.reason.unwrap_or(wanted.reason),
            max_tokens: plan.tokens,
            predicted: frame.predict(plan.picked, &question.asked, plan.tokens),
            table: self.table(question, &offers, &wanted.verdicts, plan.picked),
        })
    }

    /// What is worth keeping.
    #[must_use]
    pub fn save(&self) -> Saved {
        Saved {
            levels: self.levels.iter().map(|(key, learned)| (key.clone(), *learned)).collect(),
            habits: self.habits.kept(),
            sun: self.sun.save(),
        }
    }

    /// Takes back what was kept.
    pub fn restore(&mut self, saved: &Saved) {
        self.levels = saved.levels.iter().cloned().collect();
        self.habits = saved.habits.kept();
        self.sun = Sun::restore(saved.sun);
        self.plan = None;
    }

    /// All levels with what is known of them; new ones with what their files tell.
    fn offers(&mut self, ladder: &[Level]) -> Vec<Offer> {
        let (prompt, answer) = (self.habits.usual_prompt(), self.habits.usual_answer());
        let offer = |(level, quality): (&Level, _)| {
            let learned = *self.levels.entry(level.key()).or_insert_with(|| Learned::prior(level));
            Offer { quality, usual: learned.cost(prompt, answer), learned }
        };
        ladder.iter().zip(qualities(ladder)).map(offer).collect()
    }

    /// What mode, board, battery and those that wait speak for.
    fn wanted(&mut self, now: Now, question: &Question<'_>, offers: &[Offer]) -> Result<Wanted, Refusal> {
        let name = match (&question.wish, &self.mode) {
            (Wish::Exactly(name), _) => Some((*name).to_owned()),
            (Wish::Auto, Mode::Fixed(name)) => Some(name.clone()),
            (Wish::Auto, Mode::Auto | Mode::Quality | Mode::Endurance) => None,
        };
        let found = fitting(question.ladder, question.means, &self.rules, question.loaded);
        if let Some(name) = name {
            let place = named(question.ladder, question.means, &self.rules, &name)?;
            let verdicts = found.map(|found| found.verdicts).unwrap_or_default();
            return Ok(Wanted { place, reason: Reason::Asked, usable: vec![place], verdicts });
        }
        let Fitting { mut verdicts, bound } = found?;
        let usable: Vec<usize> = (0..verdicts.len()).filter(|&place| verdicts.get(place) == Some(&Verdict::Fits)).collect();
        let hull = hull(offers, |place| usable.contains(&place));
        let (place, reason) = self.preferred(now, question, offers, &usable, &hull, bound);
        for &place in usable.iter().filter(|place| !hull.contains(place)) {
            if let Some(verdict) = verdicts.get_mut(place) {
                *verdict = Verdict::Dominated;
            }
        }
        Ok(Wanted { place, reason, usable, verdicts })
    }

    fn preferred(
        &mut self,
        now: Now,
        question: &Question<'_>,
        offers: &[Offer],
        usable: &[usize],
        hull: &[usize],
        bound: Reason,
    ) -> (usize, Reason) {
        let richest = hull.last().copied().unwrap_or(0);
        let quality = |place: usize| offers.get(place).map(|offer| offer.quality).unwrap_or_default();
        match self.mode {
            Mode::Quality => return (richest, if bound == Reason::Best { Reason::Quality } else { bound }),
            Mode::Endurance => {
                let full = self.supply.charge.is_none_or(|charge| charge.level >= OVERFLOWING);
                let sunny = self.supply.solar.is_some_and(|solar| solar > self.supply.idle.plus(self.supply.idle));
                if full && sunny {
                    return (richest, Reason::Surplus);
                }
                let sane = hull.iter().copied().find(|&place| quality(place) >= self.rules.sane);
                return (sane.unwrap_or(richest), Reason::Endurance);
            }
            Mode::Auto | Mode::Fixed(_) => {}
        }
        // Answers that are not sane help whoever waits, but are no way to spend the day.
        let sane = |&place: &usize| quality(place) >= self.rules.sane || place == richest;
        let sane: Vec<usize> = hull.iter().copied().filter(sane).collect();
        let planned = self.planned(now, question, offers, &sane, bound);
        let line = Line {
            asked: &question.asked,
            queue: question.queue,
            coming: self.habits.expect(now, 0),
            patience: self.habits.patience,
            answer: self.habits.usual_answer(),
        };
        let relieved = relieve(offers, usable, planned, question.loaded, &line);
        if relieved == planned {
            (planned, self.plan.as_ref().map_or(bound, |plan| plan.reason))
        } else {
            (relieved, Reason::Backlog)
        }
    }

    fn table(&self, question: &Question<'_>, offers: &[Offer], verdicts: &[Verdict], picked: usize) -> Vec<Row> {
        let planned = self.plan.as_ref().filter(|_| question.wish == Wish::Auto);
        let outlook = |place: usize| question.ladder.get(place).and_then(|level| planned?.outlook(level));
        let row = |(place, offer): (usize, &Offer)| Row {
            verdict: if place == picked { Verdict::Chosen } else { verdicts.get(place).copied().unwrap_or(Verdict::Ram) },
            quality: offer.quality,
            usual: Predicted { energy: offer.usual.wall(self.supply.idle), time: offer.usual.time },
            outlook: outlook(place),
        };
        offers.iter().enumerate().map(row).collect()
    }
}
