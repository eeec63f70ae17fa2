//! Which carbon intensity holds at this moment: of the grid, of the sun, of what the battery was charged with.
//!
//! ```text
//! live feed, own then site's ─▶ valid? ─┐
//! table (settings, country, world) ─────┴▶ grid ──┬▶ Mix, weighted by what each gives ─▶ Sourced
//! own panels ──────────────────────────▶ solar ───┤
//! what charged it / round trip + wear ─▶ battery ─┘
//! ```
//!
//! Promises: a feed holds for as long as it says and not a moment longer, then the table holds again; what the battery
//! carries is the charge-weighted mean of what charged it; a mix lies between its parts.
//! Deliberately absent: reading feeds (`hob-wire`), measuring flows (`hob-hal`), the wear's own range over a battery's life.

use crate::battery::Charge;
use crate::units::{BasisPoints, Microjoules, Micros, Millis, Milliwatts, UnixSeconds};

use super::factor::Factor;
use super::source::{Feed, Live, Sourced};

/// What a site has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The grid's figure while no feed says better; `None` where there is no grid.
    pub grid: Option<Sourced>,
    /// Of the site's own panels.
    pub solar: Factor,
    /// What comes out of the battery of what went in, converters included.
    pub round_trip: BasisPoints,
    /// What a kilowatt-hour out of the battery wears it.
    pub wear: Factor,
}

impl Default for Site {
    /// Own panels and no grid; 85 % come back out of the battery: 95 % of a lithium cell, 90 % of a converter.
    fn default() -> Self {
        Self { grid: None, solar: Factor::SOLAR, round_trip: BasisPoints(8_500), wear: Factor::WEAR }
    }
}

/// What flows at a moment. What is not measured is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flows {
    /// Into the board.
    pub draw: Milliwatts,
    /// Out of the panels.
    pub solar: Milliwatts,
    /// Out of the battery.
    pub discharge: Milliwatts,
    /// Into the battery.
    pub charge: Milliwatts,
}

/// What the battery's content emitted in the making, before its own losses and wear, in micrograms per kilowatt-hour.
/// Plain numbers, to be kept across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// The mean.
    pub mean: u64,
    /// The lower end of its range.
    pub low: u64,
    /// The upper end of its range.
    pub high: u64,
}

const UG_PER_G: u64 = 1_000_000;

impl From<Factor> for Stored {
    fn from(factor: Factor) -> Self {
        let micro = |grams: u32| u64::from(grams) * UG_PER_G;
        Self { mean: micro(factor.mean().0), low: micro(factor.low().0), high: micro(factor.high().0) }
    }
}

/// The intensity of one site, as it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    site: Site,
    site_feed: Option<(Live, Micros)>,
    own_feed: Option<(Live, Micros)>,
    battery: Stored,
}

impl Mix {
    /// Nothing heard; the battery is taken to be full of what the site has most: the grid's, else the sun's.
    #[must_use]
    pub fn new(site: Site) -> Self {
        let battery = site.grid.as_ref().map_or(site.solar, |grid| grid.factor).into();
        Self { site, site_feed: None, own_feed: None, battery }
    }

    /// The same with what the battery held before a restart.
    #[must_use]
    pub fn holding(self, stored: Stored) -> Self {
        Self { battery: stored, ..self }
    }

    /// What the battery holds, to be kept across restarts.
    #[must_use]
    pub fn stored(&self) -> Stored {
        self.battery
    }

    /// Takes what a feed says at `now`, and says whether it still holds; what does not is not taken.
    ///
    /// Its age is counted by the civil clock if that is right (`wall`), else it is taken to be of this moment. A feed from
    /// the future holds no longer than one of this moment.
    pub fn hear(&mut self, feed: Feed, live: Live, now: Micros, wall: Option<UnixSeconds>) -> bool {
        let age = Millis(wall.map_or(0, |wall| wall.minus(live.taken).0.saturating_mul(1_000)));
        let left = live.valid.minus(age);
        let held = match feed {
            Feed::Site => &mut self.site_feed,
            Feed::Own => &mut self.own_feed,
        };
        if left > Millis::ZERO {
            *held = Some((live, now.plus(left.micros())));
        }
        left > Millis::ZERO
    }

    /// The grid's factor at `now`: the device's feed, else the site's, else the table's; `None` where there is no grid.
    #[must_use]
    pub fn grid(&self, now: Micros) -> Option<Sourced> {
        let table = self.site.grid.as_ref()?;
        let holds = |held: &&(Live, Micros)| now < held.1;
        let live = self.own_feed.as_ref().filter(holds).or_else(|| self.site_feed.as_ref().filter(holds));
        Some(live.map_or_else(
            || table.clone(),
            |(live, _)| Sourced { factor: live.factor, source: live.source.clone(), year: None, kind: Some(live.kind) },
        ))
    }

    /// The battery's: what charged it, over what comes back, and its wear.
    #[must_use]
    pub fn battery(&self) -> Factor {
        let out = |stored: u64, wear: u32| {
            let grams = u128::from(stored) * 10_000 / u128::from(self.site.round_trip.0.max(1));
            let grams = (grams + u128::from(UG_PER_G / 2)) / u128::from(UG_PER_G) + u128::from(wear);
            u32::try_from(grams).unwrap_or(u32::MAX)
        };
        let wear = self.site.wear;
        let Stored { mean, low, high } = self.battery;
        Factor::clamped(out(mean, wear.mean().0), out(low, wear.low().0), out(high, wear.high().0))
    }

    /// Lets what flows at `now` charge the battery for `span`; `held` is what it holds before.
    ///
    /// It is charged by what the sun gives beyond the board's draw, and by the grid for the rest.
    pub fn flow(&mut self, now: Micros, flows: Flows, span: Micros, held: Charge) {
        let surplus = flows.solar.minus(flows.draw).min(flows.charge);
        let rest = flows.charge.minus(surplus);
        let inside = u128::from(held.full.0) * u128::from(held.level.0) / 1_000_000;
        let mut inside = u64::try_from(inside).unwrap_or(u64::MAX);
        let grid = self.grid(now).map_or(self.site.solar, |grid| grid.factor);
        for (power, factor) in [(surplus, self.site.solar), (rest, grid)] {
            let energy = power.over(span);
            self.battery = blend(self.battery, inside, factor.into(), energy);
            inside = inside.saturating_add(energy.0);
        }
    }

    /// The factor of what the board draws at `now`: the sun's first, then the battery's, and the grid's for the rest.
    /// Without a grid the rest is the battery's.
    #[must_use]
    pub fn factor(&self, now: Micros, flows: Flows) -> Sourced {
        let sun = flows.solar.min(flows.draw);
        let battery = flows.discharge.min(flows.draw.minus(sun));
        let rest = flows.draw.minus(sun).minus(battery);
        let solar = Sourced::own("solar", self.site.solar);
        let stored = Sourced::own("battery", self.battery());
        match self.grid(now) {
            None => together([(solar, sun), (stored, battery.plus(rest))]),
            Some(grid) => together([(grid, rest), (solar, sun), (stored, battery)]),
        }
    }
}

/// The mean of what is inside and of what comes in, by their energies.
fn blend(held: Stored, inside: u64, coming: Stored, energy: Microjoules) -> Stored {
    let (inside, energy) = (u128::from(inside), u128::from(energy.0));
    let mean = |held: u64, coming: u64| {
        let sum = u128::from(held) * inside + u128::from(coming) * energy;
        sum.checked_div(inside + energy).and_then(|mean| u64::try_from(mean).ok()).unwrap_or(held)
    };
    Stored { mean: mean(held.mean, coming.mean), low: mean(held.low, coming.low), high: mean(held.high, coming.high) }
}

/// Several sources as one, by their power; the first if there is no power. Rounded half up.
fn together<const COUNT: usize>(parts: [(Sourced, Milliwatts); COUNT]) -> Sourced {
    let whole: u64 = parts.iter().map(|(_, power)| u64::from(power.0)).sum();
    let weighed = |grams: fn(Factor) -> u32| {
        let sum: u64 = parts.iter().map(|(part, power)| u64::from(grams(part.factor)) * u64::from(power.0)).sum();
        u32::try_from((sum + whole / 2).checked_div(whole).unwrap_or(0)).unwrap_or(u32::MAX)
    };
    let factor = Factor::clamped(weighed(|f| f.mean().0), weighed(|f| f.low().0), weighed(|f| f.high().0));
    let percent = |power: Milliwatts| (u64::from(power.0) * 100 + whole / 2).checked_div(whole).unwrap_or(0);
    let named: Vec<String> = parts
        .iter()
        .filter(|(_, power)| power.0 > 0)
        .map(|(part, power)| format!("{} {} %", part.source, percent(*power)))
        .collect();
    let (year, kind) = parts.iter().find(|(_, power)| power.0 > 0).map_or((None, None), |(part, _)| (part.year, part.kind));
    match parts.iter().position(|(_, power)| u64::from(power.0) == whole) {
        // One gives all, or none gives anything: then the first stands for them.
        Some(only) => parts.into_iter().nth(only).map(|(part, _)| part),
        None => None,
    }
    .unwrap_or(Sourced { factor, source: named.join(", "), year, kind })
}
