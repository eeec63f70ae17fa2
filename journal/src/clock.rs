//! Time across boots, with and without a civil clock.
//!
//! A moment is stored as (boot, microseconds since that boot). The civil clock is one number for each boot: what it
//! showed at the boot's zero. Once that is known, be it hours later, every stamp of the boot has a civil time.
//!
//! Promises: an age is never below zero and, if clocks do not lie, never above the truth; a civil clock that is set
//! corrects all stamps of its boot at once.
//! Deliberately absent: reading a clock, and what to do with an expired prompt.

use hob_core::units::{Micros, UnixSeconds};

use crate::ask::{Ago, Stamp};

/// A correction smaller than this is a clock being slewed; it is not worth a write.
const SLEW: i64 = 2_000_000;

/// One boot of the machine, as far as the journal saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Boot {
    /// Counts up by boot.
    pub(crate) key: i64,
    /// The civil clock at the zero of the monotonic one, in microseconds since 1970; none while unknown.
    pub(crate) zero: Option<i64>,
    /// The last moment that the journal knows of.
    pub(crate) last: i64,
}

/// All boots that stored stamps refer to, oldest first; the last one is now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Boots(pub(crate) Vec<Boot>);

impl Boots {
    /// What the civil clock says of this boot's zero, if that is news.
    pub(crate) fn news(&self, now: Stamp) -> Option<i64> {
        let unix = signed(Micros(now.unix?.0.saturating_mul(1_000_000)));
        let zero = unix.saturating_sub(signed(now.mono));
        let known = self.0.last()?.zero;
        known.is_none_or(|known| known.saturating_sub(zero).saturating_abs() >= SLEW).then_some(zero)
    }

    /// How long ago `mono` of `boot` is at `now`, and when by the civil clock.
    pub(crate) fn ago(&self, now: Stamp, boot: i64, mono: i64) -> Ago {
        let here = signed(now.mono);
        let Some(then) = self.0.iter().find(|b| b.key == boot) else { return Ago::default() };
        let civil = then.zero.map(|zero| zero.saturating_add(mono));
        let current = self.0.last().copied().unwrap_or(*then);
        let ago = if current.key == boot {
            here.saturating_sub(mono)
        } else {
            // What the boots in between, and this one, are known to have lasted; the time without power is missing.
            let between =
                self.0.iter().filter(|b| b.key > boot && b.key < current.key).fold(0, |sum: i64, b| sum.saturating_add(b.last));
            let seen = then.last.saturating_sub(mono).max(0).saturating_add(between).saturating_add(here);
            let told = current.zero.zip(civil).map(|(zero, civil)| zero.saturating_add(here).saturating_sub(civil));
            seen.max(told.unwrap_or(0))
        };
        let unix = civil.and_then(|c| u64::try_from(c).ok()).map(|c| UnixSeconds(c / 1_000_000));
        Ago { ago: Micros(u64::try_from(ago).unwrap_or(0)), unix }
    }
}

/// As `SQLite` stores it.
pub(crate) fn signed(span: Micros) -> i64 {
    i64::try_from(span.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: i64 = 1_000_000;

    fn at(mono: i64, unix: Option<u64>) -> Stamp {
        Stamp { mono: Micros(u64::try_from(mono).unwrap()), unix: unix.map(UnixSeconds) }
    }

    #[test]
    #[rustfmt::skip]
    fn an_age_counts_what_is_known_and_no_more() {
        let table = [
            // zero of boot 1   2          3         now (boot 3)  stamp          age    unix
            (None,              None,       None,       10 * S, (3, 4 * S),        6,    None,       "the same boot needs no clock"),
            (None,              None,       None,       10 * S, (3, 40 * S),       0,    None,       "never below zero"),
            (None,              None,       None,       10 * S, (1, 40 * S),      90,    None,       "20 s left of boot 1, 60 s of boot 2, 10 s of this"),
            (Some(1_000 * S),   None,       None,       10 * S, (1, 40 * S),      90,    Some(1_040), "a stamp is known, now is not"),
            (Some(1_000 * S),   None,   Some(2_000 * S), 10 * S, (1, 40 * S),    970,    Some(1_040), "both are known: the time without power counts"),
            (Some(1_000 * S),   None,   Some(100 * S),  10 * S, (1, 40 * S),      90,    Some(1_040), "a clock set back does not make anything younger than seen"),
            (None,              None,       None,       10 * S, (7, 40 * S),       0,    None,       "a boot that nobody knows"),
        ];
        for (one, two, three, now, (boot, mono), age, unix, why) in table {
            let boots = Boots(vec![
                Boot { key: 1, zero: one, last: 60 * S }, Boot { key: 2, zero: two, last: 60 * S }, Boot { key: 3, zero: three, last: 0 },
            ]);
            let seen = boots.ago(at(now, None), boot, mono);
            assert_eq!((seen.ago.0 / 1_000_000, seen.unix), (age, unix.map(UnixSeconds)), "{why}");
        }
    }

    #[test]
    fn a_clock_that_arrives_is_news_once_and_a_slewed_one_is_not() {
        let mut boots = Boots(vec![Boot { key: 1, zero: None, last: 0 }]);
        assert_eq!(boots.news(at(5 * S, None)), None);
        assert_eq!(boots.news(at(5 * S, Some(105))), Some(100 * S));
        boots.0[0].zero = Some(100 * S);
        assert_eq!(boots.news(at(9 * S, Some(110))), None, "within the second it is told in");
        assert_eq!(boots.news(at(9 * S, Some(209))), Some(200 * S), "a step is");
    }

    proptest! {
        #[test]
        fn an_age_is_never_above_the_truth(
            boots in prop::collection::vec((1..1_000_i64, 0..1_000_i64, any::<bool>()), 1..6), which in 0..6_usize, part in 0..100_i64, more in 0..500_i64,
        ) {
            // Boots one after another: how long each ran, how long the power was off before it, whether it had a clock.
            let mut truth = 1_000_000;
            let mut known = Vec::new();
            let mut zeros = Vec::new();
            for (key, (ran, off, clock)) in (1..).zip(&boots) {
                truth += off * S;
                zeros.push(truth);
                known.push(Boot { key, zero: clock.then_some(truth), last: ran * S / 2 });
                truth += ran * S;
            }
            let which = which.min(boots.len() - 1);
            let mono = boots[which].0 * S * part / 100;
            let here = boots[boots.len() - 1].0 * S + more * S;
            let real = zeros[boots.len() - 1] + here - (zeros[which] + mono);
            let seen = Boots(known).ago(at(here, None), i64::try_from(which).unwrap() + 1, mono);
            prop_assert!(i64::try_from(seen.ago.0).unwrap() <= real, "{seen:?} is above {real}");
        }
    }
}
