//! Who is in hand, and how a bill becomes due.
//!
//! Promise: whoever waits for a bill gets it; nobody holds the books for longer than the patience.
//! Deliberately absent: sharing out (`booking`).

use super::bill::{INTERPOLATED, unsure};
use super::{Accounts, Bill, GUARD, MAX_USERS, PATIENCE};
use crate::odometer::{Marks, Stretch, whole};
use crate::units::{BasisPoints, Micros};

/// A running account.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct User {
    /// Its first step began.
    pub(super) since: Micros,
    /// All before is known: the end of its last step.
    pub(super) until: Micros,
    pub(super) worked: bool,
    pub(super) finished: Option<Micros>,
    pub(super) idle_nj: u128,
    pub(super) marginal_nj: u128,
    pub(super) elapsed: Micros,
    pub(super) unmeasured: Micros,
    /// Each moment times how far its draw may be off, µs x hundredths of a percent.
    pub(super) unsure: u128,
    pub(super) marks: Marks,
}

impl User {
    /// It worked for `span`, during this piece of the line.
    pub(super) fn worked_for(&mut self, span: Micros, piece: &Stretch) {
        self.takes(span, piece.covered, unsure(piece), piece.marks);
    }

    /// So much of its work was told of too late to be booked.
    pub(super) fn missed(&mut self, span: Micros) {
        if span > Micros::ZERO {
            self.takes(span, false, INTERPOLATED, Marks::LATE);
        }
    }

    fn takes(&mut self, span: Micros, covered: bool, unsure: BasisPoints, marks: Marks) {
        self.elapsed = self.elapsed.plus(span);
        self.unmeasured = self.unmeasured.plus(if covered { Micros::ZERO } else { span });
        self.unsure += u128::from(span.0) * u128::from(unsure.0);
        self.marks = self.marks.and(marks);
    }
}

impl<K: Clone + Ord> Accounts<K> {
    /// The account of `key`, opened at `at` if there is none.
    pub(super) fn user(&mut self, key: K, at: Micros) -> &mut User {
        if self.users.len() >= MAX_USERS && !self.users.contains_key(&key) {
            self.evict();
        }
        self.users.entry(key).or_insert(User { since: at, until: at, ..User::default() })
    }

    fn evict(&mut self) {
        let silent = self.users.iter().min_by_key(|(_, user)| user.until).map(|(key, _)| key.clone());
        if let Some(user) = silent.and_then(|key| self.users.remove(&key)) {
            self.overhead_nj += user.idle_nj + user.marginal_nj;
        }
    }

    /// Up to where all is known about users in hand that are still waited for.
    pub(super) fn in_hand(&self) -> impl Iterator<Item = Micros> {
        let last = self.odometer.last().unwrap_or_default();
        let users = self.users.values().filter(|user| user.finished.is_none()).map(|user| user.until);
        users.filter(move |until| last.minus(*until) < PATIENCE).chain(self.loading)
    }

    /// Whether nothing can be added to the bill of a finished user any more.
    pub(super) fn is_settled(&self, key: &K) -> bool {
        let Some(user) = self.users.get(key) else { return false };
        let end = user.until;
        // At the edge of a busy period the smear is still to come, unless somebody works on.
        let goes_on =
            || self.in_hand().any(|until| until <= end) || self.slices.iter().any(|slice| slice.from <= end && end < slice.to);
        !user.worked || self.booked > end || (self.booked == end && goes_on())
    }

    /// Books all that belongs to the bill of `key`, with what is known by now.
    pub(super) fn hurry(&mut self, key: &K) {
        let Some(user) = self.users.get(key).copied() else { return };
        if user.worked && self.booked <= user.until {
            self.go_on_to(user.until);
            if self.booked == user.until && !self.is_settled(key) {
                let upto = self.odometer.last().unwrap_or_default().min(user.until.plus(GUARD));
                self.trailing(upto, true);
            }
        }
    }

    /// Makes out the bill; what is below a microjoule stays with the idle book.
    pub(super) fn bill(&mut self, user: &User) -> Bill {
        let spent = user.idle_nj + user.marginal_nj;
        self.idle_nj += spent % 1_000;
        self.answers = self.answers.plus(whole(spent));
        Bill::new(user, self.meter)
    }
}
