//! The clock and the odometer of the house, read by many.
//!
//! Promise: what is taken from it is taken once; the sum of everything taken is what it turned.
//! Deliberately absent: the beat it is read on (`tasks::metering`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hob_core::{
    odometer::{Books, Odometer},
    units::{BasisPoints, Microjoules, Micros, Milliwatts},
};
use hob_hal::clock::Clock;

/// Shared by the metering, the engine and whoever reports.
pub struct Gauge {
    clock: Clock,
    source: &'static str,
    bound: BasisPoints,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    odometer: Odometer,
    taken: Microjoules,
    /// Booked so far, but for what is idle.
    books: Books,
    busy: bool,
    idle_draw: Option<Milliwatts>,
}

/// What the gauge shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The draw at the last reading.
    pub draw: Option<Milliwatts>,
    /// The draw while nothing is computed, smoothed.
    pub idle_draw: Option<Milliwatts>,
    /// Everything since the start.
    pub total: Microjoules,
    /// Where it went; `idle` is what is left of the total.
    pub books: Books,
}

impl Gauge {
    /// A gauge that is fed from a meter with this label and bound.
    #[must_use]
    pub fn new(clock: Clock, source: &'static str, bound: BasisPoints) -> Arc<Self> {
        Arc::new(Self { clock, source, bound, inner: Mutex::default() })
    }

    /// The meter's label, as it stands in every record.
    #[must_use]
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// How far the truth may be from what is shown (k=2).
    #[must_use]
    pub fn bound(&self) -> BasisPoints {
        self.bound
    }

    /// Takes a reading: the draw averaged over the `window` that ends now.
    pub fn read(&self, draw: Milliwatts, window: Micros) {
        let centre = self.now_micros().minus(Micros(window.0 / 2));
        let mut inner = self.lock();
        inner.odometer.read(centre, draw);
        if !inner.busy {
            // One part in 32: at 20 readings a second it forgets in a few seconds.
            let smooth = inner.idle_draw.map_or(draw.0, |idle| idle.0 - idle.0 / 32 + draw.0 / 32);
            inner.idle_draw = Some(Milliwatts(smooth));
        }
    }

    /// Whether anything is computed now: readings then say nothing about idling.
    pub fn busy(&self, busy: bool) {
        self.lock().busy = busy;
    }

    /// Books what an answer cost.
    pub fn book_answer(&self, spent: Microjoules) {
        let mut inner = self.lock();
        inner.books.answers = inner.books.answers.plus(spent);
    }

    /// Books what loading a model cost.
    pub fn book_overhead(&self, spent: Microjoules) {
        let mut inner = self.lock();
        inner.books.overhead = inner.books.overhead.plus(spent);
    }

    /// What it shows now.
    #[must_use]
    pub fn shown(&self) -> Shown {
        let now = self.now_micros();
        let mut inner = self.lock();
        let total = inner.odometer.at(now);
        let books = Books { idle: total.minus(inner.books.answers).minus(inner.books.overhead), ..inner.books };
        Shown { draw: inner.odometer.draw(), idle_draw: inner.idle_draw, total, books }
    }

    fn now_micros(&self) -> Micros {
        (self.clock)()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl hob_engine::Gauges for Gauge {
    fn now(&self) -> Micros {
        self.now_micros()
    }

    fn take(&self) -> Microjoules {
        let now = self.now_micros();
        let mut inner = self.lock();
        let shown = inner.odometer.at(now);
        let fresh = shown.minus(inner.taken);
        inner.taken = shown;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use hob_engine::Gauges;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_was_taken_is_what_it_turned(steps in prop::collection::vec((1..300_000_u64, 0..9_000_u32, any::<bool>()), 1..100)) {
            let time = Arc::new(AtomicU64::new(0));
            let clock = Arc::clone(&time);
            let gauge = Gauge::new(Arc::new(move || Micros(clock.load(Ordering::Relaxed))), "simulated", BasisPoints(0));
            let mut sum = Microjoules::ZERO;
            for (step, draw, take) in steps {
                time.fetch_add(step, Ordering::Relaxed);
                gauge.read(Milliwatts(draw), Micros(50_000));
                if take {
                    let part = gauge.take();
                    gauge.book_answer(part);
                    sum = sum.plus(part);
                }
            }
            sum = sum.plus(gauge.take());
            let shown = gauge.shown();
            prop_assert_eq!(sum, shown.total);
            prop_assert_eq!(shown.books.total(), shown.total);
        }
    }
}
