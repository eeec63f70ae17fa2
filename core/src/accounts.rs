//! The meterage behind every bill: whose joules they were.
//!
//! ```text
//! readings ─▶ odometer ───────┐ line of power     ┌─▶ bills (wall = idle + marginal)
//! begin, work, finish ─▶ slices ┴─▶ booking ──────┼─▶ overhead: loading, switching
//! loading, overhead ──▶         up to `booked`     └─▶ idle ─▶ median = idle draw
//! ```
//!
//! A moment is booked once, when all is known about it: readings have passed it, and nobody in hand could
//! still tell of work there. What is booked stays booked. Rules of sharing:
//! * a moment of work: idle part (at most the idle draw) equally among the users present; the rest equally
//!   among the slices, and within a slice by tokens;
//! * between two steps of a user, less than [`BREATH`] apart, the user is in hand: its slice begins where
//!   the one before ended;
//! * around a busy period, up to [`GUARD`]: what is above idle is smear of the sensor's averaging and
//!   belongs to the slices at that edge, what is not is idle; two edges meet in the middle.
//!
//! Promises, held by property tests: bills + overhead + idle + open = what the odometer turned, to the
//! microjoule, at any moment; `open` is nothing after [`close`](Accounts::close); no part ever shrinks
//! but `open`; each finished user gets one bill; memory is bounded (see the `MAX_` constants).
//!
//! When a bound is hit, or a bill may wait no longer, the books go on with what is known: the last draw
//! holds (not covered), and whoever is in hand is taken to work on, each with the same number of tokens.
//! Work that is told of too late counts from where the books stand, marked [`Marks::LATE`], its missing
//! part as not measured.
//!
//! Deliberately absent: tokens' worth in joules (`steward`), grams (`ledger`), clocks and locks (the daemon).

mod bill;
mod booking;
mod idle;
#[cfg(test)]
mod tests;
mod users;

pub use crate::odometer::{Books, Marks};
pub use bill::{Bill, MODELLED, uncertainty};

use crate::odometer::{MAX_KNOTS, Odometer, whole};
use crate::units::{BasisPoints, Microjoules, Micros, Millis, Milliwatts};
use booking::Slice;
use idle::IdleDraw;
use std::collections::BTreeMap;
use users::User;

/// How far around a busy period the sensor's averaging smears it at most, and how long a bill waits for
/// a reading: four windows of an INA219 and a stall of the reading thread.
pub const GUARD: Micros = Millis(300).micros();
/// Between two steps of an answer: picking a token takes milliseconds, checking JSON some tens of them.
pub const BREATH: Micros = Millis(100).micros();
/// How late work may be told of that was not announced by `begin`: no quiet moment is booked earlier.
pub const LAG: Micros = Millis(5_000).micros();
/// How long the books wait for a user in hand: twice the longest prefill step on a Pi (512 tokens at 8 a second).
pub const PATIENCE: Micros = Millis(120_000).micros();
/// The most users in hand. With one more, the one not heard of for longest is closed: its part goes to overhead.
pub const MAX_USERS: usize = 256;
/// The most slices that wait for readings, two minutes of steps at 8 a second. With one more, the books go on
/// over half of them.
pub const MAX_SLICES: usize = 1_024;

/// The books. `K` names a user: whoever gets a bill of its own.
#[derive(Debug, Clone)]
pub struct Accounts<K> {
    odometer: Odometer,
    idle_draw: IdleDraw,
    /// Bound of the meter itself, k = 2, without what sampling adds.
    meter: BasisPoints,
    users: BTreeMap<K, User>,
    /// Slices of work that end where the books stand, or later; one without shares is overhead.
    slices: Vec<Slice<K>>,
    /// A model is being loaded since.
    loading: Option<Micros>,
    /// Tokens of the last step: a batch of prefill draws otherwise than a token.
    pace: u64,
    /// Where the books stand.
    booked: Micros,
    answers: Microjoules,
    overhead_nj: u128,
    idle_nj: u128,
}

impl<K: Clone + Ord> Accounts<K> {
    /// Empty books. `idle` is taken for the idle draw until it has been measured; `meter` is how far the
    /// meter may be off (k = 2), without what sampling adds.
    #[must_use]
    pub fn new(idle: Milliwatts, meter: BasisPoints) -> Self {
        Self {
            odometer: Odometer::default(),
            idle_draw: IdleDraw::new(idle),
            meter,
            users: BTreeMap::new(),
            slices: Vec::new(),
            loading: None,
            pace: 0,
            booked: Micros::ZERO,
            answers: Microjoules::ZERO,
            overhead_nj: 0,
            idle_nj: 0,
        }
    }

    /// Takes a new conversion: the draw, averaged over the `window` that ended about `at`, and what befell
    /// the sensor with it ([`Marks::CLIPPED`], [`Marks::SENSOR_RESET`]).
    ///
    /// A reading that is not newer than the last one, or than what is booked, is ignored.
    pub fn read(&mut self, at: Micros, draw: Milliwatts, window: Micros, marks: Marks) {
        if marks.has(Marks::SENSOR_RESET) {
            self.sensor_reset();
        }
        if at.minus(window) < self.booked && self.odometer.last().is_none() {
            return;
        }
        if let Some(room) = self.odometer.full() {
            self.go_on_to(room);
        }
        self.odometer.take(at, draw, window, marks);
        self.advance();
    }

    /// The sensor stopped answering. The next reading says that it answers again.
    pub fn lost(&mut self) {
        self.odometer.lost();
    }

    /// The sensor was found to have lost its configuration, up to ten seconds ago: with a new conversion or,
    /// as is usual, between two. Everybody in hand is marked, and everybody whose bill is not out.
    pub fn sensor_reset(&mut self) {
        self.users.values_mut().for_each(|user| user.marks = user.marks.and(Marks::SENSOR_RESET));
    }

    /// The first step of `user` begins at `at`: from here it is in hand until it is finished.
    ///
    /// To be told when it happens: a neighbour's smear ends here. Telling again does nothing.
    pub fn begin(&mut self, user: K, at: Micros) {
        if !self.users.contains_key(&user) {
            self.odometer.changes(at);
        }
        self.user(user, at);
    }

    /// A model is being loaded since `at`; [`overhead`](Self::overhead) says when that ended.
    pub fn loading(&mut self, at: Micros) {
        self.odometer.changes(at);
        self.loading = Some(at);
    }

    /// From `from` to `to` the engine worked for these users, with so many tokens for each.
    pub fn work(&mut self, from: Micros, to: Micros, shares: &[(K, u32)]) {
        if from >= to || shares.is_empty() {
            return;
        }
        let pace = shares.iter().map(|(_, tokens)| u64::from(*tokens)).sum();
        if std::mem::replace(&mut self.pace, pace) != pace {
            self.odometer.changes(from);
        }
        let mut begins = from;
        for (key, _) in shares {
            let until = self.user(key.clone(), from).until;
            if until < from && from.minus(until) <= BREATH {
                begins = begins.min(until);
            }
        }
        let late = self.booked.min(to).minus(begins);
        for (key, _) in shares {
            if let Some(user) = self.users.get_mut(key) {
                user.missed(late.minus(user.until.minus(begins)));
                user.worked = true;
                user.until = user.until.max(to);
            }
        }
        self.add(Slice { from: begins, to, shares: shares.to_vec() });
    }

    /// From `from` to `to` a model was loaded, or another switched to.
    pub fn overhead(&mut self, from: Micros, to: Micros) {
        self.odometer.changes(to);
        self.loading = None;
        if from < to {
            self.add(Slice { from, to, shares: Vec::new() });
        }
    }

    fn add(&mut self, slice: Slice<K>) {
        if self.slices.len() >= MAX_SLICES {
            let mut ends: Vec<Micros> = self.slices.iter().map(|slice| slice.to).collect();
            let half = *ends.select_nth_unstable(MAX_SLICES / 2).1;
            self.go_on_to(half);
            self.slices.retain(|slice| slice.to > half);
        }
        let from = slice.from.max(self.booked);
        if from < slice.to {
            self.slices.push(Slice { from, ..slice });
        }
        self.advance();
    }

    /// The answer of `user` is complete. Its bill comes with one of the next [`settled`](Self::settled).
    pub fn finish(&mut self, user: K, at: Micros) {
        self.odometer.changes(at);
        let user = self.user(user, at);
        user.finished = user.finished.or(Some(at));
        self.advance();
    }

    /// The bills that are settled by `now`; each is handed out once.
    ///
    /// A bill is settled when the first reading has come whose whole window lies after its last step, and
    /// at the latest [`GUARD`] after it was finished.
    pub fn settled(&mut self, now: Micros) -> Vec<(K, Bill)> {
        let waiting: Vec<(K, bool)> =
            self.users.iter().filter_map(|(key, user)| Some((key.clone(), now.minus(user.finished?) >= GUARD))).collect();
        let mut bills = Vec::new();
        for (key, overdue) in waiting {
            if overdue {
                self.hurry(&key);
            }
            if (overdue || self.is_settled(&key))
                && let Some(user) = self.users.remove(&key)
            {
                bills.push((key, self.bill(&user)));
            }
        }
        bills
    }

    /// When to call [`settled`](Self::settled) at the latest, if a bill waits.
    #[must_use]
    pub fn next_settling(&self) -> Option<Micros> {
        self.users.values().filter_map(|user| user.finished).min().map(|finished| finished.plus(GUARD))
    }

    /// Everybody is finished, everything is booked: for the end of the day.
    pub fn close(&mut self, now: Micros) -> Vec<(K, Bill)> {
        for user in self.users.values_mut() {
            user.finished = user.finished.or(Some(now));
        }
        self.loading = None;
        let bills = self.settled(now.plus(GUARD));
        if let Some(last) = self.odometer.last() {
            self.go_on_to(last);
        }
        bills
    }

    /// About what `user` has cost so far: what is booked, and its part of what is not, at the last draw.
    ///
    /// Quick and good to a few percent: for ending an answer at its budget, not for a bill.
    #[must_use]
    pub fn spent_so_far(&self, user: &K, now: Micros) -> Microjoules {
        let Some(user) = self.users.get(user) else { return Microjoules::ZERO };
        let (from, to) = (self.booked.max(user.since), user.finished.map_or(now, |_| user.until));
        let rest = self.odometer.foreseen(to).saturating_sub(self.odometer.foreseen(from.min(to)));
        let present = self.users.values().filter(|user| user.finished.is_none()).count().max(1);
        whole(user.idle_nj + user.marginal_nj + rest / u128::try_from(present).unwrap_or(1))
    }

    /// The draw while nobody works: median of the last ten quiet minutes, or what was configured.
    #[must_use]
    pub fn idle_draw(&self) -> Milliwatts {
        self.idle_draw.get()
    }

    /// The last draw, if there was a reading.
    #[must_use]
    pub fn draw(&self) -> Option<Milliwatts> {
        self.odometer.draw()
    }

    /// What the odometer shows at `now`; it never turns back.
    pub fn shown(&mut self, now: Micros) -> Microjoules {
        self.odometer.at(now)
    }

    /// Where the energy went, up to the last reading.
    #[must_use]
    pub fn books(&self) -> Books {
        let (answers, overhead) = (self.answers, whole(self.overhead_nj));
        let booked = whole(self.overhead_nj + self.idle_nj);
        let open = whole(self.odometer.turned()).minus(answers).minus(booked);
        Books { answers, overhead, idle: booked.minus(overhead), open }
    }
}

// The odometer forgets nothing that the patience waits for, at 50 ms a reading.
const _: () = assert!(PATIENCE.0 / 50_000 < 3_000 && MAX_KNOTS > 4_000);
