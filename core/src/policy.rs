//! Which quantization level to serve, from what the board can spare.
//!
//! ```text
//! ladder (levels of one model, poorest first) ─┐
//! Means  (what the board can spare now)        ├─▶ choose ─▶ Choice: a level, why, and how all compared
//! loaded (what is in memory already)           │             or Shortage: what is missing
//! Wish   (what the asker or owner wants)      ─┘
//! ```
//!
//! Three promises, each held by a property test:
//! 1. what is chosen fits the means it was chosen for;
//! 2. more means never choose a poorer level;
//! 3. means wavering by less than the margin never swap levels twice.
//!
//! Deliberately absent: reading memory or power (`hal`), loading a model (`engine`), forecasts and
//! batteries (`forecast`, in the next issue), deciding *when* to ask (the desk's task).

use crate::units::{BasisPoints, Bytes, MilliBits, MilliCelsius, Milliwatts};

#[cfg(test)]
mod tests;

/// One level of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// The model's name on the shelf.
    pub model: String,
    /// The level as llama.cpp spells it: `Q4_K_M`.
    pub name: String,
    /// Bits per weight that the file really has.
    pub bits: MilliBits,
    /// Predicted memory for serving it: weights, KV cache and compute buffers.
    pub resident: Bytes,
    /// Draw of the whole board above idle while it answers.
    pub draw: Milliwatts,
}

/// What the board can spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Means {
    /// Memory that would be available if no model were loaded.
    pub memory: Bytes,
    /// Power that is left above idle under the cap, if there is a cap and a meter.
    pub power: Option<Milliwatts>,
    /// Share of the last ten seconds in which some task waited for memory (PSI `some avg10`).
    pub pressure: Option<BasisPoints>,
    /// Temperature of the SoC.
    pub soc: Option<MilliCelsius>,
    /// The supply's voltage is too low.
    pub under_voltage: bool,
}

/// Limits and margins of the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Memory that is never given to a model.
    pub reserve: Bytes,
    /// Memory that must be free on top before a richer level replaces the loaded one.
    pub climb_memory: Bytes,
    /// Power that must be free on top before a richer level replaces the loaded one.
    pub climb_power: Milliwatts,
    /// Memory pressure from which on a poorer level is taken.
    pub pressure_limit: BasisPoints,
    /// Temperature from which on a poorer level is taken.
    pub hot: MilliCelsius,
    /// Temperature below which a richer one may be taken again.
    pub cool: MilliCelsius,
}

impl Default for Rules {
    /// 300 MB stay free for the system (measured choice of the power study); a climb needs 128 MiB and
    /// 0.4 W to spare; 10 % pressure; 80 °C is where the BCM2711 starts to throttle.
    fn default() -> Self {
        Self {
            reserve: Bytes(300_000_000),
            climb_memory: Bytes::from_mebibytes(128),
            climb_power: Milliwatts(400),
            pressure_limit: BasisPoints(1_000),
            hot: MilliCelsius(80_000),
            cool: MilliCelsius(75_000),
        }
    }
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish<'a> {
    /// The best that fits.
    Auto,
    /// This level or none.
    Exactly(&'a str),
}

/// Why this level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The richest on the shelf fits.
    Best,
    /// It was asked for by name.
    Asked,
    /// Richer ones need more memory than there is.
    Memory,
    /// Richer ones draw more power than is left.
    Power,
    /// Richer ones would fit, but not by the margin that a climb needs.
    Hold,
    /// Tasks wait for memory: one level down.
    Pressure,
    /// The SoC is hot: one level down.
    Thermal,
    /// The supply's voltage is too low: one level down.
    UnderVoltage,
}

impl Reason {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Asked => "asked",
            Self::Memory => "memory",
            Self::Power => "power",
            Self::Hold => "hold",
            Self::Pressure => "pressure",
            Self::Thermal => "thermal",
            Self::UnderVoltage => "under_voltage",
        }
    }
}

/// What became of one level in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This is it.
    Chosen,
    /// It fits, but a richer one does too, or another was asked for.
    Fits,
    /// It needs more memory than there is.
    Memory,
    /// It draws more power than is left.
    Power,
    /// It fits, but changing up to it needs a margin that is not there.
    Hold,
    /// It fits, but the board is under stress, so a poorer one is taken.
    Stress,
}

impl Verdict {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Fits => "fits",
            Self::Memory => "memory",
            Self::Power => "power",
            Self::Hold => "hold",
            Self::Stress => "stress",
        }
    }
}

/// A choice and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Place of the chosen level on the ladder.
    pub picked: usize,
    /// Why.
    pub reason: Reason,
    /// What became of each level, in the ladder's order.
    pub table: Vec<Verdict>,
}

/// Why there is no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shortage {
    /// There is no level to choose from.
    #[error("there is no model to answer with; add one with `hob model pull` or `hob model import`")]
    EmptyShelf,
    /// What was asked for is not there.
    #[error("there is no level {asked} of this model here; there are: {has}")]
    NoSuchLevel {
        /// The level that was asked for.
        asked: String,
        /// What there is, as a list for people.
        has: String,
    },
    /// Not even the smallest fits the memory.
    #[error("{level} needs {} MiB of memory and {} MiB are free for it; free some, or add a smaller level with `hob quantize`", needs.mebibytes(), has.mebibytes())]
    Memory {
        /// The smallest level, or the one that was asked for.
        level: String,
        /// What it needs.
        needs: Bytes,
        /// What there is, the reserve taken off.
        has: Bytes,
    },
    /// Not even the smallest fits the power.
    #[error("{level} draws {} mW above idle and {} mW are left under the cap; raise power.cap_w, or add a smaller level", needs.0, has.0)]
    Power {
        /// The thriftiest level, or the one that was asked for.
        level: String,
        /// What it draws.
        needs: Milliwatts,
        /// What is left.
        has: Milliwatts,
    },
}

/// Picks the richest level of `ladder` (poorest first) that `means` can feed.
///
/// `loaded` is the place of the level that is in memory: staying needs no margin, climbing does.
/// Under stress (memory pressure, heat, low voltage) it is at most one below the loaded one, or one
/// below what would have been chosen.
///
/// # Errors
///
/// [`Shortage`] names what is missing.
pub fn choose(ladder: &[Level], means: &Means, rules: &Rules, loaded: Option<usize>, wish: Wish<'_>) -> Result<Choice, Shortage> {
    let free = means.memory.minus(rules.reserve);
    let fits = |level: &Level| fit(level, free, means.power);
    let mut table: Vec<Verdict> = ladder.iter().map(fits).collect();

    if let Wish::Exactly(name) = wish {
        // Several models may have a level of that name: the richest that fits, else the richest.
        let named = |place: &usize| ladder.get(*place).is_some_and(|level| level.name.eq_ignore_ascii_case(name));
        let fitting = |place: &usize| table.get(*place) == Some(&Verdict::Fits);
        let places = || (0..ladder.len()).rev().filter(named);
        let picked = places().find(fitting).or_else(|| places().next()).ok_or_else(|| no_such_level(ladder, name))?;
        return match table.get_mut(picked) {
            Some(verdict @ Verdict::Fits) => {
                *verdict = Verdict::Chosen;
                Ok(Choice { picked, reason: Reason::Asked, table })
            }
            _ => Err(shortage(ladder.get(picked), free, means.power)),
        };
    }

    let richest_fit = rich(&table, Verdict::Fits).ok_or_else(|| shortage(thriftiest(ladder), free, means.power))?;
    let stress = stress(means, rules);
    let mut reason = blocked_above(&table, richest_fit);

    // Climbing from the loaded level needs a margin, and a cool board.
    if let Some(hot) = loaded.filter(|&hot| table.get(hot) == Some(&Verdict::Fits)) {
        let margin =
            |level: &Level| fit(level, free.minus(rules.climb_memory), means.power.map(|left| left.minus(rules.climb_power)));
        let cool = means.soc.is_none_or(|soc| soc < rules.cool);
        for (place, (level, verdict)) in ladder.iter().zip(&mut table).enumerate() {
            if place > hot && *verdict == Verdict::Fits && !(cool && margin(level) == Verdict::Fits) {
                *verdict = Verdict::Hold;
                reason = Reason::Hold;
            }
        }
    }

    let mut picked = rich(&table, Verdict::Fits).unwrap_or(richest_fit);
    if picked == richest_fit {
        reason = blocked_above(&table, picked);
    }
    if let Some(why) = stress {
        let from = loaded.map_or(picked, |hot| hot.min(picked));
        let down = table.iter().take(from).rposition(|&verdict| verdict == Verdict::Fits);
        for verdict in table.iter_mut().skip(down.map_or(from, |down| down) + 1).filter(|verdict| **verdict == Verdict::Fits) {
            *verdict = Verdict::Stress;
        }
        picked = down.unwrap_or(if table.get(from) == Some(&Verdict::Fits) { from } else { picked });
        reason = why;
    }
    if let Some(verdict) = table.get_mut(picked) {
        *verdict = Verdict::Chosen;
    }
    Ok(Choice { picked, reason, table })
}

fn fit(level: &Level, memory: Bytes, power: Option<Milliwatts>) -> Verdict {
    if level.resident > memory {
        Verdict::Memory
    } else if power.is_some_and(|left| level.draw > left) {
        Verdict::Power
    } else {
        Verdict::Fits
    }
}

/// The richest place with this verdict.
fn rich(table: &[Verdict], verdict: Verdict) -> Option<usize> {
    table.iter().rposition(|&other| other == verdict)
}

/// What keeps the next richer level from being taken.
fn blocked_above(table: &[Verdict], picked: usize) -> Reason {
    match table.get(picked + 1) {
        None => Reason::Best,
        Some(Verdict::Power) => Reason::Power,
        Some(Verdict::Memory) => Reason::Memory,
        Some(_) => Reason::Hold,
    }
}

fn stress(means: &Means, rules: &Rules) -> Option<Reason> {
    if means.under_voltage {
        Some(Reason::UnderVoltage)
    } else if means.soc.is_some_and(|soc| soc >= rules.hot) {
        Some(Reason::Thermal)
    } else if means.pressure.is_some_and(|share| share >= rules.pressure_limit) {
        Some(Reason::Pressure)
    } else {
        None
    }
}

fn thriftiest(ladder: &[Level]) -> Option<&Level> {
    ladder.iter().min_by_key(|level| (level.resident, level.draw))
}

fn shortage(level: Option<&Level>, free: Bytes, power: Option<Milliwatts>) -> Shortage {
    let Some(level) = level else { return Shortage::EmptyShelf };
    match power {
        Some(left) if level.resident <= free => Shortage::Power { level: level.name.clone(), needs: level.draw, has: left },
        _ => Shortage::Memory { level: level.name.clone(), needs: level.resident, has: free },
    }
}

fn no_such_level(ladder: &[Level], asked: &str) -> Shortage {
    if ladder.is_empty() {
        return Shortage::EmptyShelf;
    }
    let names: Vec<&str> = ladder.iter().map(|level| level.name.as_str()).collect();
    Shortage::NoSuchLevel { asked: asked.to_owned(), has: names.join(", ") }
}
