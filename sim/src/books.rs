//! The real accounts, fed with the simulated draw.
//!
//! Promise: at the end bills + overhead + idle are what the odometer turned, a microjoule or two for
//! each start of the board aside, which rounding takes (`settle_all` says both).
//! Deliberately absent: metering errors (`trace` and `metering` have them); here the meter reads the truth.

use std::collections::BTreeSet;

use hob_core::{
    accounts::{Accounts, Marks},
    units::{BasisPoints, Microjoules, Micros, Milliwatts},
};

/// What the engine did in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Nothing.
    Idle,
    /// Starting, or loading a model.
    Overhead,
    /// Working for this prompt.
    Prompt(u64),
}

/// Accounts of one start of the board, and sums over all starts.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    accounts: Accounts<u64>,
    idle: Milliwatts,
    /// Answered in time, bill to come.
    answered: BTreeSet<u64>,
    sums: Sums,
}

/// Where the energy went, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Bills of answers that were in time.
    pub answers: Microjoules,
    /// Bills of prompts that were cut.
    pub wasted: Microjoules,
    /// Starting and loading.
    pub overhead: Microjoules,
    /// Waiting.
    pub idle: Microjoules,
    /// What the odometer turned.
    pub turned: Microjoules,
}

/// Of a 1 % meter.
const METER: BasisPoints = BasisPoints(153);

impl Books {
    pub(crate) fn new(idle: Milliwatts) -> Self {
        Self { accounts: Accounts::new(idle, METER), idle, answered: BTreeSet::new(), sums: Sums::default() }
    }

    /// The board did this from `from` to `to` at a constant draw.
    pub(crate) fn pass(&mut self, from: u64, to: u64, draw: Milliwatts, doing: Doing) {
        if from == to {
            return;
        }
        let (begin, end) = (Micros(from), Micros(to));
        match doing {
            Doing::Idle => {}
            Doing::Overhead => self.accounts.loading(begin),
            Doing::Prompt(prompt) => self.accounts.begin(prompt, begin),
        }
        // The line of power has a step where the draw changes, one microsecond wide.
        for at in [begin.plus(Micros(1)), end] {
            self.accounts.read(at, draw, Micros::ZERO, Marks::NONE);
        }
        match doing {
            Doing::Idle => {}
            Doing::Overhead => self.accounts.overhead(begin, end),
            Doing::Prompt(prompt) => self.accounts.work(begin, end, &[(prompt, 1)]),
        }
        self.settle(end);
    }

    /// No more is done for this prompt; `answered` is whether its answer was in time.
    pub(crate) fn finish(&mut self, prompt: u64, at: u64, answered: bool) {
        if answered {
            self.answered.insert(prompt);
        }
        self.accounts.finish(prompt, Micros(at));
    }

    /// The board is cut off, or the week is over: the accounts are closed and new ones begun.
    pub(crate) fn settle_all(&mut self, at: u64) -> Sums {
        let bills = self.accounts.close(Micros(at));
        self.take(bills.into_iter().map(|(prompt, bill)| (prompt, bill.wall)));
        let books = self.accounts.books();
        let Sums { overhead, idle, turned, .. } = self.sums;
        self.sums.overhead = overhead.plus(books.overhead);
        self.sums.idle = idle.plus(books.idle);
        self.sums.turned = turned.plus(self.accounts.shown(Micros(at)));
        self.accounts = Accounts::new(self.idle, METER);
        self.sums
    }

    fn settle(&mut self, at: Micros) {
        let bills = self.accounts.settled(at);
        self.take(bills.into_iter().map(|(prompt, bill)| (prompt, bill.wall)));
    }

    fn take(&mut self, bills: impl Iterator<Item = (u64, Microjoules)>) {
        for (prompt, wall) in bills {
            let sum = if self.answered.remove(&prompt) { &mut self.sums.answers } else { &mut self.sums.wasted };
            *sum = sum.plus(wall);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_joule_has_its_name_and_all_add_up() {
        let mut books = Books::new(Milliwatts(2_900));
        let second = 1_000_000;
        books.pass(0, 45 * second, Milliwatts(4_500), Doing::Overhead);
        books.pass(45 * second, 60 * second, Milliwatts(2_900), Doing::Idle);
        books.pass(60 * second, 70 * second, Milliwatts(6_400), Doing::Prompt(1));
        books.pass(70 * second, 90 * second, Milliwatts(5_800), Doing::Prompt(1));
        books.finish(1, 90 * second, true);
        books.pass(90 * second, 100 * second, Milliwatts(6_400), Doing::Prompt(2));
        books.finish(2, 100 * second, false);
        books.pass(100 * second, 160 * second, Milliwatts(2_900), Doing::Idle);
        let sums = books.settle_all(160 * second);
        // The steps of the line are a microsecond wide: some microjoules.
        let near = |joules: f64, sum: Microjoules| (joules - crate::number::float(sum.0) / 1e6).abs() < 1e-4;
        assert!(near(64.0 + 116.0, sums.answers) && near(64.0, sums.wasted), "{sums:?}");
        assert!(near(202.5, sums.overhead) && near(43.5 + 174.0, sums.idle), "{sums:?}");
        let parts = sums.answers.plus(sums.wasted).plus(sums.overhead).plus(sums.idle);
        assert!(parts.0.abs_diff(sums.turned.0) <= 2, "{sums:?}");
    }
}
