//! The clock and the accounts of the house, shared by many.
//!
//! ```text
//! metering ─ readings ─▶ ┌───────┐ ─ bills ─▶ thinking, embedding
//! engine ─ work ───────▶ │ Gauge │ ─ books, draw ─▶ telemetry, policy
//! loading ─ overhead ──▶ └───────┘ ─ the battery's line ─▶ supply
//! ```
//!
//! Promise: a bill is handed out once, to whoever finished the prompt, within [`hob_core::accounts::GUARD`].
//! Deliberately absent: the beat it is read on (`tasks::metering`), the sums (`hob_core::accounts`).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hob_core::{
    accounts::{Accounts, Bill},
    odometer::{Books, Marks},
    prompt::PromptId,
    units::{BasisPoints, Microjoules, Micros, Milliwatts, Now},
};
use hob_hal::{
    clock::Clock,
    meter::{Reading, Supply},
};
use tokio::sync::oneshot;

/// Shared by the metering, the engine and whoever reports.
pub struct Gauge {
    clock: Clock,
    source: &'static str,
    /// The meter is in doubt since the start.
    doubted: bool,
    /// The meter sits in the battery's line, and its wires are the wrong way round.
    reversed: AtomicBool,
    /// Second of the day when the clock began; a clock that is set later does not move it.
    began: Now,
    inner: Mutex<Inner>,
}

struct Inner {
    accounts: Accounts<PromptId>,
    due: HashMap<PromptId, oneshot::Sender<Bill>>,
    supply: Option<Supply>,
}

/// A bill that is being settled.
pub struct Due(oneshot::Receiver<Bill>);

/// What the gauge shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The draw at the last reading.
    pub draw: Option<Milliwatts>,
    /// The draw while nobody works: measured, or as configured until then.
    pub idle_draw: Milliwatts,
    /// Everything since the start.
    pub total: Microjoules,
    /// Where it went, up to what is settled.
    pub books: Books,
}

/// How a gauge is labelled and what it starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// The meter's name, as it stands in every record.
    pub source: &'static str,
    /// How far the meter may be off (k=2), without what sampling adds.
    pub bound: BasisPoints,
    /// The board's idle draw until it is measured.
    pub idle: Milliwatts,
    /// The meter is in doubt: every bill says so.
    pub doubted: bool,
}

impl Gauge {
    /// A gauge that is fed from a meter.
    #[must_use]
    pub fn new(clock: Clock, label: Label) -> Arc<Self> {
        let began = Now { mono: clock(), day: second_of_day() };
        let inner = Inner { accounts: Accounts::new(label.idle, label.bound), due: HashMap::new(), supply: None };
        Arc::new(Self {
            clock,
            source: label.source,
            doubted: label.doubted,
            reversed: AtomicBool::new(false),
            began,
            inner: Mutex::new(inner),
        })
    }

    /// The meter's label, as it stands in every record.
    #[must_use]
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Takes a reading, which ended now.
    pub fn read(&self, reading: &Reading) {
        let mark = |is: bool, mark: Marks| if is { mark } else { Marks::NONE };
        let marks = mark(reading.clipped, Marks::CLIPPED)
            .and(mark(reading.inferred, Marks::INFERRED))
            .and(mark(self.doubted || self.reversed.load(Ordering::Relaxed), Marks::SHUNT_DOUBT));
        let now = self.now_micros();
        let mut inner = self.lock();
        inner.supply = reading.supply;
        if reading.sensor_reset {
            inner.accounts.sensor_reset();
        }
        if reading.fresh {
            inner.accounts.read(now, reading.power, reading.window, marks);
        }
        inner.settle(now);
    }

    /// Whether the meter's wires were found to be the wrong way round: bills say so while it lasts.
    pub fn reversed(&self, reversed: bool) {
        self.reversed.store(reversed, Ordering::Relaxed);
    }

    /// The meter stopped answering.
    pub fn lost(&self) {
        let mut inner = self.lock();
        inner.supply = None;
        inner.accounts.lost();
    }

    /// What the sensor sees in its line, if it tells.
    #[must_use]
    pub fn supply(&self) -> Option<Supply> {
        self.lock().supply
    }

    /// A prompt is in hand from now on.
    pub fn begin(&self, id: &PromptId) {
        let now = self.now_micros();
        self.lock().accounts.begin(id.clone(), now);
    }

    /// A prompt is done with; its bill comes a moment later. Not waiting for it is allowed.
    pub fn finish(&self, id: &PromptId) -> Due {
        let now = self.now_micros();
        let (tell, hear) = oneshot::channel();
        let mut inner = self.lock();
        inner.due.insert(id.clone(), tell);
        inner.accounts.finish(id.clone(), now);
        Due(hear)
    }

    /// Waits for a bill. `None` if the books were closed without it, which is a bug.
    pub async fn bill(&self, mut due: Due) -> Option<Bill> {
        loop {
            let look = self.lock().accounts.next_settling().map_or(Micros(1_000), |at| at.minus(self.now_micros()));
            tokio::select! {
                bill = &mut due.0 => return bill.ok(),
                () = tokio::time::sleep(Duration::from_micros(look.0.max(1_000))) => {
                    let now = self.now_micros();
                    self.lock().settle(now);
                }
            }
        }
    }

    /// A model is being loaded from now on, until [`loaded`](Self::loaded).
    pub fn loading(&self) -> Micros {
        let now = self.now_micros();
        self.lock().accounts.loading(now);
        now
    }

    /// The loading that began then has ended: what was drawn meanwhile is overhead. Returns how long it took.
    pub fn loaded(&self, since: Micros) -> Micros {
        let now = self.now_micros();
        self.lock().accounts.overhead(since, now);
        now.minus(since)
    }

    /// The end of the day: everything is booked. Returns the books.
    pub fn close(&self) -> Books {
        let now = self.now_micros();
        let mut inner = self.lock();
        for (id, bill) in inner.accounts.close(now) {
            let _unheard = inner.due.remove(&id).map(|due| due.send(bill));
        }
        inner.accounts.books()
    }

    /// What it shows now.
    #[must_use]
    pub fn shown(&self) -> Shown {
        let now = self.now_micros();
        let mut inner = self.lock();
        let accounts = &mut inner.accounts;
        Shown { draw: accounts.draw(), idle_draw: accounts.idle_draw(), total: accounts.shown(now), books: accounts.books() }
    }

    /// This moment, as decisions see it.
    #[must_use]
    pub fn today(&self) -> Now {
        self.moment(self.now_micros())
    }

    /// A moment of the clock, as decisions see it.
    #[must_use]
    pub fn moment(&self, mono: Micros) -> Now {
        self.began.at(mono)
    }

    fn now_micros(&self) -> Micros {
        (self.clock)()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn settle(&mut self, now: Micros) {
        for (id, bill) in self.accounts.settled(now) {
            // Whoever does not wait for it has no use for it: the books have it all the same.
            let _unheard = self.due.remove(&id).map(|due| due.send(bill));
        }
    }
}

impl hob_engine::Gauges for Gauge {
    fn now(&self) -> Micros {
        self.now_micros()
    }

    fn work(&self, from: Micros, to: Micros, shares: &[(&PromptId, u32)]) {
        let shares: Vec<(PromptId, u32)> = shares.iter().map(|(id, tokens)| ((*id).clone(), *tokens)).collect();
        self.lock().accounts.work(from, to, &shares);
    }

    fn spent(&self, id: &PromptId) -> Microjoules {
        let now = self.now_micros();
        self.lock().accounts.spent_so_far(id, now)
    }
}

/// Seconds since midnight (UTC), as far as the civil clock is to be believed.
fn second_of_day() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs() % 86_400).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use hob_engine::Gauges;

    use super::*;

    const LABEL: Label = Label { source: "simulated", bound: BasisPoints(0), idle: Milliwatts(2_000), doubted: false };

    /// A gauge on a clock that is turned by hand.
    fn gauge() -> (Arc<Gauge>, Arc<AtomicU64>) {
        let time = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&time);
        (Gauge::new(Arc::new(move || Micros(clock.load(Ordering::Relaxed))), LABEL), time)
    }

    #[tokio::test(start_paused = true)]
    async fn a_bill_comes_with_the_first_reading_after_the_work_and_only_once() {
        let (gauge, time) = gauge();
        let id = PromptId::new("a").unwrap();
        let reading = Reading::plain(Milliwatts(5_000), Micros(50_000));
        gauge.read(&reading);
        gauge.begin(&id);
        for tick in 1..=40_u64 {
            time.store(tick * 50_000, Ordering::Relaxed);
            gauge.read(&reading);
        }
        gauge.work(Micros(0), Micros(2_000_000), &[(&id, 1)]);
        let due = gauge.finish(&id);
        time.store(2_060_000, Ordering::Relaxed);
        gauge.read(&reading);
        let bill = gauge.bill(due).await.unwrap();
        assert_eq!(bill.wall, bill.idle.plus(bill.marginal));
        assert!(bill.wall.0.abs_diff(10_000_000) < 400_000, "5 W for 2 s: {bill:?}");
        let again = gauge.finish(&id);
        time.store(9_000_000, Ordering::Relaxed);
        assert_eq!(gauge.bill(again).await.map(|bill| bill.marginal), Some(Microjoules::ZERO), "nothing was done since");
    }

    #[test]
    fn the_time_of_day_goes_with_the_clock_that_never_turns_back() {
        let (gauge, _) = gauge();
        let before = gauge.moment(Micros(0)).day;
        let after = gauge.moment(Micros(90_000_000_000)).day;
        assert_eq!(after, (before + 90_000) % 86_400);
    }
}
