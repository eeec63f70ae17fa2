//! How long the battery lasts, and how many answers it has in it.
//!
//! ```text
//! charge ± bound, idle draw, prompts by the hour, joules an answer ─┐
//! three outlooks on the sun ────────────────────────────────────────┴▶ quarters of an hour, up to 14 days ─▶ spread
//! ```
//!
//! Promises: a fuller battery never lasts shorter, and p10 <= p50 <= p90. Deliberately absent: which level to answer
//! with (`steward`); learning how many prompts come.

use super::Charge;
use crate::sun::{OUTLOOKS, Sun};
use crate::units::{Microjoules, Micros, Millis, Milliwatts, Now, PartsPerMillion};

/// What the forward simulation starts from.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// When.
    pub now: Now,
    /// What the battery holds.
    pub charge: Charge,
    /// The level at which the board is switched off.
    pub reserve: PartsPerMillion,
    /// What the board draws when it does nothing.
    pub idle: Milliwatts,
    /// What the converter between battery and board passes on; above zero.
    pub efficiency: PartsPerMillion,
    /// Prompts that come in each hour of the day, in thousandths.
    pub arrivals: &'a [u32; 24],
    /// What an answer takes above idle.
    pub answer: Microjoules,
    /// What the panels give.
    pub sun: &'a Sun,
}

/// A value in a bad, a middling and a good case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread<T> {
    /// Nine times in ten it is at least this.
    pub p10: T,
    /// As often more as less.
    pub p50: T,
    /// One time in ten it is at least this.
    pub p90: T,
}

/// How far the battery goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Until the reserve is reached; nothing if not within 14 days.
    pub empty: Spread<Option<Millis>>,
    /// Prompts that will have been answered by then, or after 14 days.
    pub answers: Spread<u32>,
}

/// 14 days.
const HORIZON: u32 = 14 * 96;
/// A quarter of an hour.
const QUARTER: Micros = Micros(900_000_000);
/// All of it.
const ALL: u128 = 1_000_000;

/// Simulates forward under the three [`OUTLOOKS`].
///
/// The poorest outlook has a chance of a quarter, so the tenth percentile lies in it; together with 0.64 of the
/// charge's bound (k=2), which one time in ten the truth is below (normal distribution).
#[must_use]
pub fn range(start: &Start<'_>) -> Range {
    let Charge { level, bound, .. } = start.charge;
    let unsure = PartsPerMillion(bound.0 / 100 * 64);
    let levels = [level.minus(unsure), level, PartsPerMillion(level.plus(unsure).0.min(1_000_000))];
    let [(p10, few), (p50, some), (p90, many)] = std::array::from_fn(|case| {
        run(start, *levels.get(case).unwrap_or(&level), OUTLOOKS.get(case).map_or(0, |day| day.scale.0))
    });
    Range { empty: Spread { p10, p50, p90 }, answers: Spread { p10: few, p50: some, p90: many } }
}

/// One way that the days may go: when it is empty, and how many answers there were.
fn run(start: &Start<'_>, level: PartsPerMillion, light: u32) -> (Option<Millis>, u32) {
    let full = u128::from(start.charge.full.0);
    let reserve = full * u128::from(start.reserve.0.min(1_000_000)) / ALL;
    let mut held = full * u128::from(level.0) / ALL;
    let efficiency = u128::from(start.efficiency.0.clamp(1, 1_000_000));
    let idle = u128::from(start.idle.over(QUARTER).0) * ALL / efficiency;
    let mut millis_answers = 0_u128; // thousandths of an answer, times four
    for step in 0..HORIZON {
        let hour = (u64::from(start.now.day) + u64::from(step) * 900) / 3_600 % 24;
        let come = usize::try_from(hour).ok().and_then(|hour| start.arrivals.get(hour)).map_or(0, |&come| u128::from(come));
        let takes = idle + come * u128::from(start.answer.0) / 4_000 * ALL / efficiency;
        let sun = u128::from(start.sun.expect(start.now, step).over(QUARTER).0) * u128::from(light) / ALL;
        let has = held + sun;
        if takes > 0 && has < reserve + takes {
            // Empty within this quarter: in proportion to what is left of what it would take.
            let left = has.saturating_sub(reserve) * 900_000 / takes;
            let at = u128::from(step) * 900_000 + left;
            millis_answers += come * left / 900_000;
            return (Some(Millis(u64::try_from(at).unwrap_or(u64::MAX))), answers(millis_answers));
        }
        held = (has - takes).min(full);
        millis_answers += come;
    }
    (None, answers(millis_answers))
}

fn answers(quarters: u128) -> u32 {
    u32::try_from(quarters / 4_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WATT_HOUR: u64 = 3_600_000_000;

    fn start<'a>(sun: &'a Sun, arrivals: &'a [u32; 24]) -> Start<'a> {
        Start {
            now: Now::default(),
            charge: Charge { level: PartsPerMillion(600_000), bound: PartsPerMillion(0), full: Microjoules(20 * WATT_HOUR) },
            reserve: PartsPerMillion(100_000),
            idle: Milliwatts(3_000),
            efficiency: PartsPerMillion(1_000_000),
            arrivals,
            answer: Microjoules(120_000_000),
            sun,
        }
    }

    /// Two clear days of 12 hours at `power`.
    fn lit(power: u32) -> Sun {
        let mut sun = Sun::default();
        for minute in 0..2 * 1_440 + 2_u32 {
            let day = minute % 1_440 * 60;
            let given = if (21_600..64_800).contains(&day) { power } else { 0 };
            sun.observe(Now { mono: Micros(u64::from(minute) * 60_000_000), day }, Milliwatts(given));
        }
        sun
    }

    #[test]
    fn ten_watt_hours_at_three_watts_last_three_hours_and_twenty_minutes() {
        let (sun, none) = (Sun::default(), [0; 24]);
        let found = range(&start(&sun, &none));
        assert_eq!(found.empty.p50, Some(Millis(12_000_000)));
        assert_eq!(found.empty.p10, found.empty.p90);
        assert_eq!(found.answers, Spread::default());
    }

    #[test]
    fn answers_shorten_it_and_are_counted_and_the_converter_takes_its_share() {
        let (sun, many) = (Sun::default(), [60_000; 24]);
        let full = start(&sun, &many);
        // 60 x 120 J an hour are 2 W more: 10 Wh at 5 W, two hours.
        assert_eq!(range(&full).empty.p50, Some(Millis(7_200_000)));
        assert_eq!(range(&full).answers.p50, 120);
        let lossy = Start { efficiency: PartsPerMillion(800_000), ..full };
        assert_eq!(range(&lossy).empty.p50, Some(Millis(5_760_000)));
    }

    #[test]
    fn the_bound_and_the_sun_open_the_spread() {
        let (sun, none) = (lit(5_000), [0; 24]);
        let mut from = start(&sun, &none);
        from.charge.full = Microjoules(60 * WATT_HOUR);
        from.charge.bound = PartsPerMillion(100_000);
        let Spread { p10, p50, p90 } = range(&from).empty;
        // 30 Wh last the first night (18 Wh) and with 2.75, 4 or 5 W from six to six some days, or for a while.
        assert!(p10 < p50, "{p10:?} {p50:?} {p90:?}");
        assert!(p50 < p90 || p90.is_none(), "{p10:?} {p50:?} {p90:?}");
    }

    #[test]
    fn without_sun_the_bound_alone_opens_the_spread() {
        let (sun, none) = (Sun::default(), [0; 24]);
        let mut from = start(&sun, &none);
        from.charge.bound = PartsPerMillion(100_000);
        // 6.4 % of 20 Wh at 3 W are 1536 s.
        let at = |seconds: u64| Some(Millis(seconds * 1_000));
        assert_eq!(range(&from).empty, Spread { p10: at(10_464), p50: at(12_000), p90: at(13_536) });
    }

    #[test]
    fn with_enough_sun_it_does_not_run_empty() {
        let (sun, none) = (lit(20_000), [0; 24]);
        let mut from = start(&sun, &none);
        from.charge.full = Microjoules(80 * WATT_HOUR);
        assert_eq!(range(&from).empty, Spread { p10: None, p50: None, p90: None });
    }

    proptest! {
        #[test]
        fn a_fuller_battery_never_lasts_shorter_and_the_spread_is_in_order(
            level in 0..1_000_000_u32, more in 0..500_000_u32, bound in 0..400_000_u32, power in 0..15_000_u32,
            idle in 0..6_000_u32, come in 0..60_000_u32, day in 0..86_400_u32,
        ) {
            let (sun, arrivals) = (lit(power), [come; 24]);
            let mut from = start(&sun, &arrivals);
            from.now.day = day;
            from.idle = Milliwatts(idle);
            from.charge.level = PartsPerMillion(level);
            from.charge.bound = PartsPerMillion(bound);
            let less = range(&from);
            from.charge.level = PartsPerMillion((level + more).min(1_000_000));
            let last = |empty: Option<Millis>| empty.unwrap_or(Millis(u64::MAX));
            prop_assert!(last(range(&from).empty.p50) >= last(less.empty.p50));
            prop_assert!(last(less.empty.p10) <= last(less.empty.p50) && last(less.empty.p50) <= last(less.empty.p90));
            prop_assert!(less.answers.p10 <= less.answers.p50 && less.answers.p50 <= less.answers.p90);
        }
    }
}
