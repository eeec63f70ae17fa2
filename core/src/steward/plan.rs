//! The plan of mode `auto`: which level the coming hours are best spent on.
//!
//! Deliberately absent: limits of single prompts, and who waits.

use super::Steward;
use crate::{
    forecast::{AHEAD, Course, MOST_ENERGY, Outlook, Scene, millijoules, over_quarter},
    levels::{Level, LevelKey},
    policy::{Question, Reason, backlog::Offer},
    units::{Micros, Milliwatts, Now},
};

/// Plans are made again after so long.
const FRESH: Micros = Micros(600_000_000);

/// How long a plan holds one level, in quarters, before it may turn to the anchor.
const TURN: usize = 24;

/// A change of plan must gain this, in thousandths of an answer, and this share of the prompts to come, in thousandths.
const GAIN: i64 = 300;
const GAIN_SHARE: i64 = 2;

/// The level that the coming hours are spent on, and what was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) level: LevelKey,
    at: Micros,
    /// What it was chosen from: another choice is an event.
    from: Vec<LevelKey>,
    pub(super) outlooks: Vec<(usize, Outlook)>,
    pub(super) reason: Reason,
}

impl Plan {
    /// What the plan expected of this level, if it was compared.
    pub(super) fn outlook(&self, level: &Level) -> Option<Outlook> {
        let mut compared = self.from.iter().zip(&self.outlooks);
        compared.find(|(key, _)| level.is(key)).map(|(_, (_, outlook))| *outlook)
    }
}

impl Steward {
    /// The place that the plan says, made anew if it is old or the choice is another.
    pub(super) fn planned(
        &mut self,
        now: Now,
        question: &Question<'_>,
        offers: &[Offer],
        hull: &[usize],
        bound: Reason,
    ) -> usize {
        let richest = hull.last().copied().unwrap_or(0);
        let key = |place: usize| question.ladder.get(place).map(Level::key).unwrap_or_default();
        let same = |plan: &Plan| {
            plan.from.len() == hull.len()
                && plan.from.iter().zip(hull).all(|(key, &place)| question.ladder.get(place).is_some_and(|level| level.is(key)))
        };
        let place_of =
            |key: &LevelKey| hull.iter().copied().find(|&place| question.ladder.get(place).is_some_and(|level| level.is(key)));
        if let Some(plan) = &self.plan
            && same(plan)
            && now.mono.minus(plan.at) < FRESH
        {
            return place_of(&plan.level).unwrap_or(richest);
        }
        let Some(scene) = self.scene(now) else {
            self.plan = None;
            return richest;
        };
        let outlooks = compare(&scene, offers, hull);
        let score = |place: usize| outlooks.iter().find(|row| row.0 == place).map_or(i64::MIN, |row| row.1.score);
        let best = hull.iter().copied().max_by_key(|&place| (score(place), place)).unwrap_or(richest);
        let expected = outlooks.first().map_or(0, |row| i64::try_from(row.1.expected).unwrap_or(0));
        let gain = GAIN.max(expected * GAIN_SHARE / 1_000);
        let before =
            self.plan.as_ref().and_then(|plan| place_of(&plan.level)).or(question.loaded.filter(|hot| hull.contains(hot)));
        let (picked, held) = match before {
            Some(before) if before != best && score(best) <= score(before).saturating_add(gain) => (before, true),
            _ => (best, false),
        };
        let reason = match () {
            () if held => Reason::Hold,
            () if picked == richest && bound == Reason::Best => Reason::Surplus,
            () if picked == richest => bound,
            () => Reason::Scarcity,
        };
        let from = hull.iter().map(|&place| key(place)).collect();
        self.plan = Some(Plan { level: key(picked), at: now.mono, from, outlooks, reason });
        picked
    }

    /// What is known of the coming day and a half; none without a battery.
    pub(super) fn scene(&self, now: Now) -> Option<Scene> {
        let charge = self.supply.charge?;
        let full = millijoules(charge.full);
        let share = |level: u32| i64::try_from(i128::from(full) * i128::from(level) / 1_000_000).unwrap_or(0);
        let ahead = 0..u32::try_from(AHEAD).unwrap_or(0);
        let mut scene = Scene {
            charge: share(charge.level.0.max(self.rules.critical.0)),
            full,
            critical: share(self.rules.critical.0),
            restart: share(self.rules.restart.0),
            idle: 0,
            converter: self.rules.converter,
            prompts: ahead.clone().map(|quarter| self.habits.expect(now, quarter)).collect(),
            solar: ahead.map(|quarter| over_quarter(self.sun.expect(now, quarter))).collect(),
            patience: self.habits.patience,
        };
        scene.idle = scene.drawn(over_quarter(self.supply.idle));
        if self.supply.solar.is_some() && !self.sun.known() {
            let whole = self.first_day(&scene);
            let first = u64::from(now.day / 900);
            scene.solar = (first..).take(AHEAD).map(|quarter| whole * height(quarter) / HEIGHTS).collect();
        }
        Some(scene)
    }

    /// What the panels give in a day, in mJ, before they were seen for one: what the quarters that were seen tell, and as much
    /// as 15 % of a day's light of the guess that they feed twice what idling takes. Whoever bought them will have thought
    /// of that.
    fn first_day(&self, scene: &Scene) -> i64 {
        const GUESS: i64 = 15;
        let (mut given, mut light) = (scene.idle * 96 * 2 * GUESS / 100, HEIGHTS * GUESS / 100);
        for (quarter, power) in (0..).zip(self.sun.save().envelope).filter(|(_, power)| *power > Milliwatts::ZERO) {
            given += over_quarter(power);
            light += height(quarter);
        }
        i64::try_from(i128::from(given) * i128::from(HEIGHTS) / i128::from(light)).unwrap_or(i64::MAX).min(MOST_ENERGY)
    }
}

/// How high the sun stands in a quarter of the day: along a parabola from 6 to 18 h. All of a day sum to [`HEIGHTS`].
fn height(quarter: u64) -> i64 {
    let light = i64::try_from(quarter % 96).unwrap_or(0) - 24;
    if (0..48).contains(&light) { light * (48 - light) } else { 0 }
}
const HEIGHTS: i64 = 18_424;

/// Each level for some hours and the best ones after that.
fn compare(scene: &Scene, offers: &[Offer], hull: &[usize]) -> Vec<(usize, Outlook)> {
    let course = |&place: &usize| offers.get(place).map(|offer| scene.course(offer.usual, offer.quality)).unwrap_or_default();
    let courses: Vec<Course> = hull.iter().map(course).collect();
    let scores = scene.scores(&courses, TURN);
    let row = |((&place, course), score)| (place, Outlook { score, ..scene.outlook(course) });
    hull.iter().zip(&courses).zip(scores).map(row).collect()
}
