//! What this site's electricity carries, and what an answer emitted.
//!
//! Deliberately absent: the sums (`hob_core::ledger`).

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hob_core::{
    accounts::Bill,
    battery::Charge,
    ledger::{Embodied, Factor, Feed, Flows, Footprint, Live, Mix, Overflow, Pace, Share, Site, Sourced, Stored, footprint},
    units::{Micrograms, Microjoules, Micros, UnixSeconds},
};

use crate::settings;

/// Answers a day that a dedicated box is taken to give until it is seen.
const EXPECTED: u32 = 100;
/// 3.6e12 µJ in a kilowatt-hour, over 1e6 µg in a gram.
const UJ_PER_KWH_OVER_UG_PER_G: u128 = 3_600_000;

/// The mix of this site, as it is now.
pub struct Carbon {
    embodied: Embodied,
    inner: Mutex<Inner>,
}

struct Inner {
    mix: Mix,
    pace: Pace,
    flows: Flows,
    /// Emitted since the start, in µJ x g/kWh.
    emitted: u128,
}

impl Carbon {
    /// The site as it is configured; `stored` is what the battery held before a restart.
    #[must_use]
    pub fn new(settings: &settings::Carbon, stored: Option<Stored>, now: Micros) -> Arc<Self> {
        let grid = match (settings.g_per_kwh, &settings.country) {
            (Some(grams), _) => Sourced::configured(grams).ok(),
            (None, Some(code)) => Sourced::country(code),
            (None, None) => None,
        };
        let solar = Factor::around(settings.solar_g_per_kwh, Factor::SOLAR.above()).unwrap_or(Factor::SOLAR);
        let solar = if solar.mean() == Factor::SOLAR.mean() { Factor::SOLAR } else { solar };
        let mix = Mix::new(Site { grid: Some(grid.unwrap_or_else(Sourced::world)), solar, ..Site::default() });
        let mix = match stored {
            Some(stored) => mix.holding(stored),
            None => mix,
        };
        let embodied = Embodied {
            total: micrograms(settings.embodied_kg),
            years: NonZeroU32::new(settings.lifetime_years).unwrap_or(NonZeroU32::MIN),
            share: if settings.embodied_by == "run" { Share::Runtime } else { Share::Dedicated },
            ..Embodied::default()
        };
        Arc::new(Self {
            embodied,
            inner: Mutex::new(Inner { mix, pace: Pace::new(now, EXPECTED), flows: Flows::default(), emitted: 0 }),
        })
    }

    /// A live feed says something; whether it still holds.
    pub fn hear(&self, feed: Feed, live: Live, now: Micros, wall: Option<UnixSeconds>) -> bool {
        self.lock().mix.hear(feed, live, now, wall)
    }

    /// What flows now, for `span`; `held` is the battery, if there is one.
    pub fn flow(&self, now: Micros, flows: Flows, span: Micros, held: Option<Charge>) {
        let mut inner = self.lock();
        inner.flows = flows;
        if let Some(held) = held {
            inner.mix.flow(now, flows, span, held);
        }
    }

    /// So much was drawn since the last time, of what flows now.
    pub fn drew(&self, now: Micros, energy: Microjoules) {
        let mut inner = self.lock();
        let grams = inner.mix.factor(now, inner.flows).factor.mean();
        inner.emitted += u128::from(energy.0) * u128::from(grams.0);
    }

    /// Emitted since the start, each joule by what it carried at its time; the making of the board is left out.
    #[must_use]
    pub fn emitted(&self) -> Micrograms {
        Micrograms(u64::try_from(self.lock().emitted / UJ_PER_KWH_OVER_UG_PER_G).unwrap_or(u64::MAX))
    }

    /// Grams a kilowatt-hour of what is in the battery, to be kept.
    #[must_use]
    pub fn stored(&self) -> Stored {
        self.lock().mix.stored()
    }

    /// What an answer emitted that ended now.
    ///
    /// # Errors
    ///
    /// [`Overflow`] if the meter gave nonsense.
    pub fn footprint(&self, now: Micros, bill: &Bill) -> Result<(Footprint, Sourced), Overflow> {
        let mut inner = self.lock();
        let per_day = inner.pace.answered(now);
        let sourced = inner.mix.factor(now, inner.flows);
        drop(inner);
        let embodied = self.embodied.charge(bill.elapsed, per_day);
        Ok((footprint(bill.wall, bill.u_abs, sourced.factor, embodied, self.embodied.bound)?, sourced))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "settings are checked to be in range"
)]
fn micrograms(kilograms: f64) -> Micrograms {
    Micrograms((kilograms * 1e9).round() as u64)
}
