//! The battery's book: what it holds, what it can hold, and how sure that is.
//!
//! Charges are in mA x µs, shares in thousandths of a millionth, so that a second at 1 mA counts. Promises: what is
//! held stays between nothing and all. Deliberately absent: volts.

/// What is worth keeping over a restart; charges are in mA x µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// What it holds.
    pub held: i64,
    /// What it can hold.
    pub capacity: i64,
    /// Whether that was learned.
    pub learned: bool,
    /// What was taken out, less what was put in, since it was last full; nothing if it was not seen full.
    pub since_full: Option<i64>,
    /// Deviation of the level (k=1), in thousandths of a millionth; nothing if the level is unknown.
    pub deviation: Option<i64>,
    /// Resistance of the whole pack, in millionths of an ohm.
    pub resistance: i64,
}

/// All of it.
pub(super) const WHOLE: i64 = 1_000_000_000;
/// One percent.
pub(super) const PERCENT: i64 = WHOLE / 100;
/// The deviation of a level of which nothing is left but that it is one.
pub(super) const WIDEST: i64 = WHOLE / 2;
/// How fast the level follows the curve, in µs: 10 min, longer than an answer, shorter than a discharge.
pub(super) const PACE: i64 = 600_000_000;

impl Saved {
    /// The level.
    pub(super) fn level(&self) -> i64 {
        ratio(self.held, self.capacity).clamp(0, WHOLE)
    }

    /// Takes a level, and how sure it is.
    pub(super) fn set(&mut self, level: i64, deviation: i64) {
        self.held = share(self.capacity, level);
        self.deviation = Some(deviation);
    }

    /// Takes out an amount, or below zero puts it in.
    pub(super) fn take(&mut self, amount: i64) {
        self.held = self.held.saturating_sub(amount).clamp(0, self.capacity);
        self.since_full = self.since_full.map(|drawn| drawn.saturating_add(amount));
    }

    /// Makes the deviation wider by an amount of charge.
    pub(super) fn widen(&mut self, amount: i64) {
        let share = ratio(amount, self.capacity);
        self.deviation = self.deviation.map(|deviation| deviation.saturating_add(share).min(WIDEST));
    }

    /// Goes towards what the curve says for as much as that is surer.
    pub(super) fn follow(&mut self, level: i64, doubt: i64, span: i64) {
        let Some(deviation) = self.deviation else { return };
        let off = (level - self.level()).abs();
        // More than both can explain: something else happened, so what is held is trusted less and less.
        let explained = off <= 2 * (deviation + doubt);
        let deviation = if explained { deviation } else { towards(deviation, off.min(WIDEST), span, PACE) };
        self.deviation = Some(deviation);
        if deviation <= doubt {
            return;
        }
        let (wide, narrow) = (i128::from(deviation), i128::from(doubt));
        let weight = i64::try_from((wide * wide - narrow * narrow) * 1_000 / (wide * wide)).unwrap_or(0);
        let span = span.min(PACE) / 1_000 * weight;
        self.set(towards(self.level(), level, span, PACE), towards(deviation, doubt, span, PACE));
    }

    /// From full to a level that is sure, so much was taken out: that tells the capacity, from half to 6/5 of what
    /// is `printed` on the battery.
    pub(super) fn learn_capacity(&mut self, level: i64, printed: i64, span: i64) {
        let Some(drawn) = self.since_full else { return };
        let whole = i128::from(drawn) * i128::from(WHOLE) / i128::from((WHOLE - level).max(1));
        let whole = i64::try_from(whole).unwrap_or(i64::MAX);
        let at = self.level();
        self.capacity = towards(self.capacity, whole.clamp(printed / 2, printed / 5 * 6), span, PACE);
        self.held = share(self.capacity, at);
        self.learned = true;
    }
}

/// Goes from `from` towards `to` as far as `span` is of `pace`, at most all the way.
pub(super) fn towards(from: i64, to: i64, span: i64, pace: i64) -> i64 {
    let way = (i128::from(to) - i128::from(from)) * i128::from(span.clamp(0, pace)) / i128::from(pace);
    from.saturating_add(i64::try_from(way).unwrap_or(0))
}

/// So much of `whole`.
fn share(whole: i64, level: i64) -> i64 {
    i64::try_from(i128::from(whole) * i128::from(level) / i128::from(WHOLE)).unwrap_or(whole)
}

/// `part` of `whole`.
fn ratio(part: i64, whole: i64) -> i64 {
    i64::try_from(i128::from(part) * i128::from(WHOLE) / i128::from(whole.max(1))).unwrap_or(i64::MAX)
}
