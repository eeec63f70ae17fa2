//! What the site's solar panels give, as learned from what they gave; neither place nor weather service is asked.
//!
//! ```text
//! readings ─▶ quarters of an hour ─▶ envelope: the best that each of the day's 96 quarters ever gave, slowly forgotten
//!                       └──────────▶ clearness: what the days gave, of what the envelope would have
//! expected = envelope (smoothed) x clearness (of the last days; today counts half once 15 % of its light has passed)
//! ```
//!
//! Promises: nothing is expected of the night or of what was not seen; what is expected lies within what was seen;
//! restoring what was saved changes no expectation for the days to come. Deliberately absent: the season (the envelope
//! forgets a quarter in two months), spreads (callers ask for the [`OUTLOOKS`]), the running day in what is saved.

#[cfg(test)]
mod tests;

use crate::units::{Micros, Milliamps, Millis, Millivolts, Milliwatts, Now, PartsPerMillion};

/// Quarters of an hour in a day.
pub const QUARTERS: usize = 96;

/// How a day may turn out against what is expected: a factor, and the chance of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// What the panels give, of what is expected.
    pub scale: PartsPerMillion,
    /// How likely that is.
    pub chance: PartsPerMillion,
}

/// Three days to plan for, poorest first. Their factors and chances are a choice of the power study, whose policy with
/// them came within 0.2 % of one that knew the weather.
pub const OUTLOOKS: [Outlook; 3] = [
    Outlook { scale: PartsPerMillion(550_000), chance: PartsPerMillion(250_000) },
    Outlook { scale: PartsPerMillion(800_000), chance: PartsPerMillion(500_000) },
    Outlook { scale: PartsPerMillion(1_000_000), chance: PartsPerMillion(250_000) },
];

/// What is worth keeping over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// The best that each quarter of the day gave, from midnight.
    pub envelope: [Milliwatts; QUARTERS],
    /// What the last days gave of what the envelope would have.
    pub clearness: PartsPerMillion,
    /// Days that were seen.
    pub days: u32,
}

/// The learned envelope of clear days, and how clear the last days were.
#[derive(Debug, Clone, Default)]
pub struct Sun {
    kept: Saved,
    last: Option<(Now, Milliwatts)>,
    /// The running quarter: mW x ms, and ms.
    quarter: (u64, u64),
    today: Light,
}

/// Sums over the quarters of one day that have passed, in mW.
#[derive(Debug, Clone, Copy, Default)]
struct Light {
    given: u64,
    clear: u64,
}

impl Default for Saved {
    fn default() -> Self {
        Self { envelope: [Milliwatts::ZERO; QUARTERS], clearness: PartsPerMillion(ALL), days: 0 }
    }
}

const ALL: u32 = 1_000_000;
const DAY: Micros = Micros(86_400_000_000);
const QUARTER: Micros = Micros(900_000_000);
/// The envelope loses this part of what a quarter fell short of it, every day: half in two months of darkness.
const FORGETS: u32 = 90;
/// The clearness follows a day by this part.
const FOLLOWS: u32 = 4;

impl Sun {
    /// Learns from what the panels give now; to be called about once a minute, and not while a full battery turns
    /// the panels down: they could give more then.
    pub fn observe(&mut self, now: Now, solar: Milliwatts) {
        if let Some((before, gave)) = self.last {
            let span = now.mono.minus(before.mono);
            // A longer silence says nothing about what was given in it.
            if span <= QUARTER {
                let mean = u64::from(gave.0.midpoint(solar.0));
                let Millis(span) = span.millis();
                self.quarter = (self.quarter.0.saturating_add(mean.saturating_mul(span)), self.quarter.1.saturating_add(span));
            }
            if slot(before, 0) != slot(now, 0) || span > QUARTER {
                self.end_quarter(before);
            }
            if now.day < before.day || span >= DAY {
                self.end_day();
            }
        }
        self.last = Some((now, solar));
    }

    /// What the panels will give on average in the quarter of an hour that is `ahead` quarters from now (0 is the
    /// running one), if the days go on as they were.
    #[must_use]
    pub fn expect(&self, now: Now, ahead: u32) -> Milliwatts {
        let tomorrow = u64::from(now.day / 900) + u64::from(ahead) >= 96;
        let clearness = if tomorrow { self.kept.clearness.0 } else { self.clearness_today() };
        let power = u64::from(self.envelope(slot(now, ahead))) * u64::from(clearness) / u64::from(ALL);
        Milliwatts(u32::try_from(power).unwrap_or(u32::MAX))
    }

    /// Whether a whole day was seen, so that there is something to expect.
    #[must_use]
    pub const fn known(&self) -> bool {
        self.kept.days > 0
    }

    /// What is worth keeping; the day that is not over is not in it.
    #[must_use]
    pub const fn save(&self) -> Saved {
        self.kept
    }

    /// Goes on from what was saved.
    #[must_use]
    pub fn restore(saved: Saved) -> Self {
        let clearness = PartsPerMillion(saved.clearness.0.min(ALL));
        Self { kept: Saved { clearness, ..saved }, ..Self::default() }
    }

    fn clearness_today(&self) -> u32 {
        let days = self.kept.clearness.0;
        let whole: u64 = (0..QUARTERS).map(|place| u64::from(self.envelope(place))).sum();
        if self.today.clear == 0 || self.today.clear * 100 < whole * 15 {
            return days;
        }
        days.midpoint(self.today.clearness())
    }

    /// The best that a quarter gave, smoothed over its neighbours; night stays night.
    fn envelope(&self, place: usize) -> u32 {
        let at = |shift: usize| self.kept.envelope.get((place + shift) % QUARTERS).map_or(0, |best| u64::from(best.0));
        let own = at(0);
        if own == 0 {
            return 0;
        }
        u32::try_from((at(QUARTERS - 1) + 2 * own + at(1)) / 4).unwrap_or(u32::MAX)
    }

    /// Learns from a quarter of which at least a third was seen.
    fn end_quarter(&mut self, at: Now) {
        let (given, seen) = std::mem::take(&mut self.quarter);
        if seen * 3 < QUARTER.millis().0 {
            return;
        }
        let mean = u32::try_from(given / seen.max(1)).unwrap_or(u32::MAX);
        let place = slot(at, 0);
        if let Some(best) = self.kept.envelope.get_mut(place) {
            let short = best.0.saturating_sub(mean);
            best.0 = if mean > best.0 { mean } else { best.0 - short.div_ceil(FORGETS) };
        }
        self.today.given = self.today.given.saturating_add(u64::from(mean));
        self.today.clear = self.today.clear.saturating_add(u64::from(self.envelope(place)));
    }

    /// Learns from a day of whose light at least half was seen.
    fn end_day(&mut self) {
        let today = std::mem::take(&mut self.today);
        let whole: u64 = (0..QUARTERS).map(|place| u64::from(self.envelope(place))).sum();
        if whole == 0 || today.clear * 2 < whole {
            return;
        }
        let clearness = self.kept.clearness.0;
        let (found, days) = (today.clearness(), self.kept.days);
        let follows = FOLLOWS.min(days + 1);
        self.kept.clearness.0 =
            if found > clearness { clearness + (found - clearness) / follows } else { clearness - (clearness - found) / follows };
        self.kept.days = days.saturating_add(1);
    }
}

impl Light {
    fn clearness(self) -> u32 {
        let share = u128::from(self.given) * u128::from(ALL) / u128::from(self.clear.max(1));
        u32::try_from(share).unwrap_or(ALL).min(ALL)
    }
}

/// The place of a quarter in the day.
fn slot(now: Now, ahead: u32) -> usize {
    let place = (u64::from(now.day / 900) + u64::from(ahead)) % 96;
    usize::try_from(place).unwrap_or(0)
}

/// What the panels give, seen from a sensor at the battery: what the board is thought to take, less what comes out of
/// the battery (current above zero) or plus what goes into it. Never below zero.
#[must_use]
pub fn behind_battery(volts: Millivolts, current: Milliamps, load: Milliwatts) -> Milliwatts {
    let discharge = i64::from(volts.0) * i64::from(current.0) / 1_000;
    Milliwatts(u32::try_from((i64::from(load.0) - discharge).max(0)).unwrap_or(u32::MAX))
}
