//! The books go on: piece by piece of the line of power, to whom it belongs.
//!
//! ```text
//!            tail      rest      lead
//!  ─[ work ]─▓▓▓░─── ─ idle ─ ───░▓▓▓─[ work ]─    ▓ above idle: to the slices at that edge
//!           ^ booked                               ░ idle
//! ```
//!
//! Promise: each step moves `booked` forward or does nothing, and every nanojoule it passes is added once.
//! Deliberately absent: when a bill is due (`users`).

use super::{Accounts, GUARD, LAG};
use crate::odometer::{Marks, Stretch};
use crate::units::Micros;
use std::collections::BTreeMap;

/// The engine worked for these users, or loaded a model if there are none.
#[derive(Debug, Clone)]
pub(super) struct Slice<K> {
    pub(super) from: Micros,
    pub(super) to: Micros,
    pub(super) shares: Vec<(K, u32)>,
}

impl<K: Clone + Ord> Accounts<K> {
    /// Books all that is known for sure.
    pub(super) fn advance(&mut self) {
        let Some(last) = self.odometer.last() else { return };
        let known = self.in_hand().fold(last, Micros::min);
        self.book(known, false);
    }

    /// Books up to `upto`, come what may: the last draw holds, whoever is in hand is taken to work on.
    pub(super) fn go_on_to(&mut self, upto: Micros) {
        self.odometer.hold(upto);
        self.presume(upto);
        self.book(upto, true);
    }

    /// Those in hand of whom nothing is known up to `upto` work on; those whose last step was the same, together.
    fn presume(&mut self, upto: Micros) {
        let waited_for: Vec<Micros> = self.in_hand().filter(|until| *until < upto).collect();
        let mut steps: BTreeMap<Micros, Vec<(K, u32)>> = BTreeMap::new();
        for (key, user) in &mut self.users {
            if user.finished.is_none() && waited_for.contains(&user.until) {
                steps.entry(user.until).or_default().push((key.clone(), 1));
                (user.until, user.worked) = (upto, true);
            }
        }
        let steps = steps.into_iter().map(|(from, shares)| Slice { from, to: upto, shares });
        self.slices.extend(steps);
        if let Some(from) = self.loading.filter(|from| *from < upto) {
            self.slices.push(Slice { from, to: upto, shares: Vec::new() });
            self.loading = Some(upto);
        }
        self.slices.iter_mut().for_each(|slice| slice.from = slice.from.max(self.booked));
        self.slices.retain(|slice| slice.from < slice.to || slice.to == self.booked);
    }

    fn book(&mut self, upto: Micros, forced: bool) {
        while self.booked < upto && self.step(upto, forced) {}
        self.odometer.forget_before(self.booked);
    }

    fn step(&mut self, upto: Micros, forced: bool) -> bool {
        if self.slices.iter().any(|slice| slice.from <= self.booked && self.booked < slice.to) {
            self.working(upto)
        } else if self.slices.iter().any(|slice| slice.to <= self.booked) {
            self.trailing(upto, forced)
        } else {
            self.quiet(upto, forced)
        }
    }

    /// A piece in which the same slices run throughout.
    fn working(&mut self, upto: Micros) -> bool {
        let at = self.booked;
        let edges = self.slices.iter().flat_map(|slice| [slice.from, slice.to]);
        let end = edges.filter(|edge| *edge > at).fold(upto, Micros::min);
        let piece = self.odometer.stretch(at, end);
        let idle = piece.energy.min(u128::from(self.idle_draw().0) * u128::from(piece.to.minus(at).0));
        self.credit(|slice| slice.from <= at && at < slice.to, idle, piece.energy - idle, Some(piece));
        self.move_on(piece.to);
        true
    }

    /// The smear after a busy period, which ended where the books stand.
    pub(super) fn trailing(&mut self, upto: Micros, forced: bool) -> bool {
        let at = self.booked;
        let limit = at.plus(GUARD);
        let reach = self.next_edge(at).map_or(limit, |next| at.plus(Micros(next.minus(at).0 / 2)).min(limit));
        let end = match self.odometer.clear_after(at) {
            Some(clear) => clear.min(reach),
            None if upto >= reach || forced => reach.min(upto),
            None => return false,
        };
        if end > upto && !forced {
            return false;
        }
        let end = end.min(upto);
        self.smear(end, |slice| slice.to == at);
        self.slices.retain(|slice| slice.to > at);
        true
    }

    /// Nobody works where the books stand, and no smear is left there.
    fn quiet(&mut self, upto: Micros, forced: bool) -> bool {
        let at = self.booked;
        let Some(next) = self.next_edge(at).filter(|next| !forced || *next <= upto) else {
            let lag = if forced { Micros::ZERO } else { LAG };
            return self.rest(upto.min(self.odometer.last().unwrap_or(upto).minus(lag)).max(at));
        };
        let guard = next.minus(GUARD).max(self.odometer.clear_before(next).unwrap_or_default());
        if at < guard.min(next) {
            return self.rest(guard.min(next).min(upto));
        }
        // Begun is not enough: the smear before it goes to the first slice, when it is known.
        let known = upto >= next && self.slices.iter().any(|slice| slice.from == next);
        if known {
            self.smear(next, |slice| slice.from == next);
        }
        known
    }

    /// When somebody works again, as far as is known.
    fn next_edge(&self, at: Micros) -> Option<Micros> {
        let slices = self.slices.iter().map(|slice| slice.from);
        slices.chain(self.in_hand()).filter(|edge| *edge > at).min()
    }

    /// Up to `end` it was quiet.
    fn rest(&mut self, end: Micros) -> bool {
        let moved = self.booked < end;
        while self.booked < end {
            let piece = self.odometer.stretch(self.booked, end);
            self.idle_nj += piece.energy;
            if piece.covered && piece.marks == Marks::NONE {
                self.idle_draw.quiet(piece.to.minus(self.booked), piece.energy);
            }
            self.move_on(piece.to);
        }
        moved
    }

    /// Up to `end` the sensor's averaging smeared: what is above idle belongs to the slices at that edge.
    ///
    /// Taken as one lump: within it, noise below idle makes up for noise above it.
    fn smear(&mut self, end: Micros, edge: impl Fn(&Slice<K>) -> bool) {
        let at = self.booked;
        let energy = self.odometer.energy(end).saturating_sub(self.odometer.energy(at));
        let idle = energy.min(u128::from(self.idle_draw().0) * u128::from(end.minus(at).0));
        self.idle_nj += idle;
        self.credit(edge, 0, energy - idle, None);
        self.move_on(end);
    }

    fn move_on(&mut self, to: Micros) {
        self.booked = self.booked.max(to);
        self.slices.retain(|slice| slice.to >= self.booked);
    }

    /// Shares out among those of the slices that take part; `piece` is the time that it took, unless it was smear.
    fn credit(&mut self, part: impl Fn(&Slice<K>) -> bool, idle: u128, marginal: u128, piece: Option<Stretch>) {
        let slices = std::mem::take(&mut self.slices);
        let present: Vec<&Slice<K>> = slices.iter().filter(|slice| part(slice)).collect();
        let idles = portions(idle, present.iter().map(|slice| slice.shares.len().max(1)));
        let marginals = portions(marginal, present.iter().map(|_| 1_usize));
        if present.is_empty() {
            self.idle_nj += idle + marginal;
        }
        for ((slice, idle), marginal) in present.iter().zip(idles).zip(marginals) {
            self.credit_users(slice, idle, marginal, piece);
        }
        self.slices = slices;
    }

    fn credit_users(&mut self, slice: &Slice<K>, idle: u128, marginal: u128, piece: Option<Stretch>) {
        // A bill that is out takes no more.
        let shares: Vec<&(K, u32)> = slice.shares.iter().filter(|(key, _)| self.users.contains_key(key)).collect();
        if shares.is_empty() {
            self.overhead_nj += idle + marginal;
            return;
        }
        let even = shares.iter().all(|(_, tokens)| *tokens == 0);
        let tokens = shares.iter().map(|(_, tokens)| if even { 1 } else { *tokens });
        let parts = portions(idle, shares.iter().map(|_| 1_u32)).zip(portions(marginal, tokens));
        for ((key, _), (idle, marginal)) in shares.iter().zip(parts) {
            let Some(user) = self.users.get_mut(key) else { continue };
            user.idle_nj += idle;
            user.marginal_nj += marginal;
            if let Some(piece) = piece {
                user.worked_for(piece.to.minus(self.booked), &piece);
            }
        }
    }
}

/// Cuts `whole` in proportion to `weights`, without a remainder: part i is what is rounded down at its end
/// less what was rounded down at its beginning.
fn portions<W>(whole: u128, weights: impl Iterator<Item = W> + Clone) -> impl Iterator<Item = u128>
where
    u64: TryFrom<W>,
{
    let plain = |weight: W| u128::from(u64::try_from(weight).unwrap_or(1));
    let sum = weights.clone().map(plain).sum::<u128>().max(1);
    weights.map(plain).scan(0, move |before, weight| {
        let (begin, end) = (whole * *before / sum, whole * (*before + weight) / sum);
        *before += weight;
        Some(end - begin)
    })
}
