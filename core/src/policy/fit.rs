//! Which levels the board can feed now: memory, power, and stress.
//!
//! Deliberately absent: energy, time and quality; the choice between those that fit.

use super::{Level, Means, Reason, Rules, Shortage, Verdict};
use crate::units::{Bytes, Milliwatts};

/// What fits, and what keeps the rest out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitting {
    /// `Fits` where it may be taken, in the ladder's order.
    pub verdicts: Vec<Verdict>,
    /// Why what is above the richest that fits may not be taken; `Best` if nothing is.
    pub bound: Reason,
}

impl Fitting {
    /// The richest that fits.
    #[must_use]
    pub fn richest(&self) -> Option<usize> {
        self.verdicts.iter().rposition(|&verdict| verdict == Verdict::Fits)
    }

    /// Whether this place may be taken.
    #[must_use]
    pub fn has(&self, place: usize) -> bool {
        self.verdicts.get(place) == Some(&Verdict::Fits)
    }
}

/// Finds what of `ladder` (poorest first) the `means` can feed.
///
/// `loaded` is the place of the level that is in memory: staying needs no margin, climbing does. Under stress (memory
/// pressure, heat, low voltage) everything is at most one below the loaded one, or one below the richest.
///
/// # Errors
///
/// [`Shortage`] names what is missing if nothing fits.
pub fn fitting(ladder: &[Level], means: &Means, rules: &Rules, loaded: Option<usize>) -> Result<Fitting, Shortage> {
    let free = means.memory.minus(rules.reserve);
    let mut verdicts: Vec<Verdict> = ladder.iter().map(|level| fit(level, free, means.power)).collect();
    let richest_fit = verdicts
        .iter()
        .rposition(|&verdict| verdict == Verdict::Fits)
        .ok_or_else(|| shortage(thriftiest(ladder), free, means.power))?;

    if let Some(hot) = loaded.filter(|&hot| verdicts.get(hot) == Some(&Verdict::Fits)) {
        hold(ladder, means, rules, hot, &mut verdicts);
    }
    let picked = verdicts.iter().rposition(|&verdict| verdict == Verdict::Fits).unwrap_or(richest_fit);
    let mut bound = match verdicts.get(picked + 1) {
        None => Reason::Best,
        Some(Verdict::PowerCap) => Reason::PowerCap,
        Some(Verdict::Ram) => Reason::Ram,
        Some(_) => Reason::Hold,
    };
    if let Some(why) = stress(means, rules) {
        let from = loaded.map_or(picked, |hot| hot.min(picked));
        let down = verdicts.iter().take(from).rposition(|&verdict| verdict == Verdict::Fits);
        for verdict in verdicts.iter_mut().skip(down.unwrap_or(from) + 1).filter(|verdict| **verdict == Verdict::Fits) {
            *verdict = Verdict::Stress;
        }
        if !verdicts.contains(&Verdict::Fits)
            && let Some(only) = verdicts.get_mut(picked)
        {
            *only = Verdict::Fits;
        }
        bound = why;
    }
    Ok(Fitting { verdicts, bound })
}

/// Finds the level of that name: the richest that fits, for several models may have one.
///
/// # Errors
///
/// [`Shortage`] if there is none or none fits.
pub fn named(ladder: &[Level], means: &Means, rules: &Rules, name: &str) -> Result<usize, Shortage> {
    let free = means.memory.minus(rules.reserve);
    let places = || ladder.iter().enumerate().rev().filter(|(_, level)| level.name.eq_ignore_ascii_case(name));
    let fits = |(_, level): &(usize, &Level)| fit(level, free, means.power) == Verdict::Fits;
    if let Some((place, _)) = places().find(fits) {
        return Ok(place);
    }
    Err(places().next().map_or_else(|| no_such_level(ladder, name), |(_, level)| shortage(Some(level), free, means.power)))
}

/// Climbing from the loaded level needs a margin, and a cool board.
fn hold(ladder: &[Level], means: &Means, rules: &Rules, hot: usize, verdicts: &mut [Verdict]) {
    let (memory, power) =
        (means.memory.minus(rules.reserve).minus(rules.climb_memory), means.power.map(|left| left.minus(rules.climb_power)));
    let cool = means.soc.is_none_or(|soc| soc < rules.cool);
    for (place, (level, verdict)) in ladder.iter().zip(verdicts).enumerate() {
        if place > hot && *verdict == Verdict::Fits && !(cool && fit(level, memory, power) == Verdict::Fits) {
            *verdict = Verdict::Hold;
        }
    }
}

pub(super) fn fit(level: &Level, memory: Bytes, power: Option<Milliwatts>) -> Verdict {
    if level.resident > memory {
        Verdict::Ram
    } else if power.is_some_and(|left| level.draw > left) {
        Verdict::PowerCap
    } else {
        Verdict::Fits
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
