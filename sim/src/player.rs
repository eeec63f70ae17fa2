//! Who decides in a simulated week: Hob's own steward, or a rule of thumb to compare it with.
//!
//! ```text
//! Policy (a name) ─▶ Player ─▶ level and tokens of the next prompt, or none
//! ```
//!
//! Promises: the steward is `hob_core`'s and is told only what a real board would tell it.
//! Deliberately absent: any decision of Hob's.

use std::{fmt, str::FromStr};

use hob_core::{
    levels::Level,
    policy::{Asked, Means, Mode, Question, Rules, Wish},
    steward::Steward,
    units::{BasisPoints, Bytes, MilliBits, Milliwatts, Now, PartsPerMillion},
};

use crate::{
    number::{count, count32, float, index, place},
    plant::Plant,
    scenario::{Rung, Scenario},
};

/// A way to choose levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// Hob's steward in this mode.
    Hob(Mode),
    /// One level, whatever happens.
    Always(String),
    /// Richer with more charge: the ladder spread evenly between 20 and 70 % of charge.
    Thresholds,
}

/// No policy has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// There is no such level in the scenario.
    #[error(
        "there is no policy or level {asked}; there are: hob, hob:quality, hob:endurance, thresholds, and the levels {levels}"
    )]
    NoSuchLevel {
        /// What was asked for.
        asked: String,
        /// What there is.
        levels: String,
    },
}

impl FromStr for Policy {
    type Err = std::convert::Infallible;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "hob" | "hob:auto" => Self::Hob(Mode::Auto),
            "hob:quality" => Self::Hob(Mode::Quality),
            "hob:endurance" => Self::Hob(Mode::Endurance),
            "thresholds" => Self::Thresholds,
            _ => Self::Always(name.to_owned()),
        })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hob(Mode::Auto) => out.write_str("hob"),
            Self::Hob(Mode::Quality) => out.write_str("hob:quality"),
            Self::Hob(Mode::Endurance) => out.write_str("hob:endurance"),
            Self::Hob(Mode::Fixed(level)) => write!(out, "hob:{level}"),
            Self::Always(level) => out.write_str(level),
            Self::Thresholds => out.write_str("thresholds"),
        }
    }
}

/// A policy at work.
#[derive(Debug)]
pub(crate) enum Player {
    Hob(Box<Hob>),
    Always(usize),
    Thresholds(usize),
}

/// The steward and what it is asked about.
#[derive(Debug)]
pub(crate) struct Hob {
    pub(crate) steward: Steward,
    rules: Rules,
    mode: Mode,
    pub(crate) ladder: Vec<Level>,
    means: Means,
}

impl Player {
    /// Ready for this scenario.
    ///
    /// # Errors
    ///
    /// [`BadPolicy`] if its level is not on the scenario's ladder.
    pub(crate) fn new(policy: &Policy, scenario: &Scenario, plant: &Plant) -> Result<Self, BadPolicy> {
        match policy {
            Policy::Hob(mode) => Ok(Self::Hob(Box::new(Hob::new(mode, scenario, plant)))),
            Policy::Thresholds => Ok(Self::Thresholds(scenario.level.len())),
            Policy::Always(name) => {
                let found = scenario.level.iter().position(|rung| rung.name.eq_ignore_ascii_case(name));
                let levels = || scenario.level.iter().map(|rung| rung.name.as_str()).collect::<Vec<_>>().join(", ");
                found.map(Self::Always).ok_or_else(|| BadPolicy::NoSuchLevel { asked: name.clone(), levels: levels() })
            }
        }
    }

    /// Level and most tokens for this prompt; none if it is refused.
    pub(crate) fn decide(
        &mut self,
        now: Now,
        charge: Option<PartsPerMillion>,
        loaded: Option<usize>,
        asked: Asked,
        queue: &[Asked],
    ) -> Option<(usize, u32)> {
        match self {
            Self::Hob(hob) => {
                let question = Question { ladder: &hob.ladder, means: &hob.means, loaded, asked, queue, wish: Wish::Auto };
                let decision = hob.steward.decide(now, &question).ok()?;
                Some((decision.picked, decision.max_tokens))
            }
            Self::Always(level) => Some((*level, asked.max_tokens)),
            Self::Thresholds(levels) => {
                let share = charge.map_or(1.0, |charge| float(u64::from(charge.0)) / 1e6);
                let steps = index(levels.saturating_sub(1));
                let level = ((share - 0.2) / 0.5 * steps).floor().clamp(0.0, steps);
                Some((place(level), asked.max_tokens))
            }
        }
    }

    /// Hob, if it is him.
    pub(crate) fn hob(&mut self) -> Option<&mut Hob> {
        if let Self::Hob(hob) = self { Some(hob) } else { None }
    }
}

impl Hob {
    fn new(mode: &Mode, scenario: &Scenario, plant: &Plant) -> Self {
        let ppm = |share: f64| PartsPerMillion(count32(share * 1e6));
        let mut rules = Rules::default();
        if let Some(battery) = &plant.battery {
            rules.critical = ppm(battery.cut_off);
            rules.restart = ppm(battery.restart);
            rules.converter = BasisPoints(count32(battery.converter * 1e4));
        }
        Self {
            steward: Steward::new(rules, mode.clone()),
            rules,
            mode: mode.clone(),
            ladder: ladder(scenario, plant),
            means: Means { memory: Bytes::from_mebibytes(scenario.board.memory_mib), ..Means::default() },
        }
    }

    /// The board comes back from a brown-out: only what was saved is known.
    pub(crate) fn restart(&mut self) {
        let saved = self.steward.save();
        self.steward = Steward::new(self.rules, self.mode.clone());
        self.steward.restore(&saved);
    }
}

/// The levels as the shelf would tell of their files.
#[must_use]
pub fn ladder(scenario: &Scenario, plant: &Plant) -> Vec<Level> {
    let draw = plant.decode.minus(plant.idle);
    scenario.level.iter().map(|rung| level(rung, draw)).collect()
}

/// A level as the shelf would tell of its file.
fn level(rung: &Rung, draw: Milliwatts) -> Level {
    /// KV cache and compute buffers of a small context.
    const BUFFERS: u64 = 200_000_000;
    let file = Bytes(count(rung.size_gb * 1e9));
    let weights = count(rung.weights_b * 1e9);
    Level {
        model: "simulated".to_owned(),
        name: rung.name.clone(),
        bits: MilliBits(count32(rung.size_gb * 8_000.0 / rung.weights_b)),
        resident: file.plus(Bytes(BUFFERS)),
        draw,
        file,
        weights,
        quality: Some(BasisPoints(count32(rung.quality * 1e4))),
    }
}
