//! The one place that asks the machine what time it is.
//!
//! A [`Clock`] only moves forward and its zero means nothing. Deliberately absent: the time of day.

use hob_core::units::Micros;
use std::sync::Arc;

/// A monotonic clock; clones are the same clock.
pub type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;

/// The machine's monotonic clock, counted from this call.
#[must_use]
pub fn monotonic() -> Clock {
    let start = std::time::Instant::now();
    Arc::new(move || Micros(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)))
}

/// A clock that a test turns by hand.
#[cfg(any(test, feature = "fake"))]
#[derive(Clone, Default)]
pub struct HandClock(Arc<std::sync::atomic::AtomicU64>);

#[cfg(any(test, feature = "fake"))]
impl HandClock {
    /// Turns it forward.
    pub fn turn(&self, span: Micros) {
        self.0.fetch_add(span.0, std::sync::atomic::Ordering::SeqCst);
    }

    /// The clock to hand out.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let hand = self.0.clone();
        Arc::new(move || Micros(hand.load(std::sync::atomic::Ordering::SeqCst)))
    }
}

#[test]
fn the_machine_clock_never_turns_back() {
    let clock = monotonic();
    let times: Vec<Micros> = (0..1_000).map(|_| clock()).collect();
    assert!(times.is_sorted());
}
