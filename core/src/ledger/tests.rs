//! That footprints add up, that ranges hold, and that each source has its hour.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::battery::Charge;
use crate::units::{Micros, Millis, Milliwatts, PartsPerMillion, UnixSeconds};

const HOUR: Micros = Micros(3_600_000_000);
const DAY: u64 = 86_400_000_000;

fn around(grams: u32) -> Factor {
    Factor::around(grams, LIVE_BOUND).unwrap()
}

fn feed(grams: u32, source: &str, taken: u64) -> Live {
    let valid = Millis(900_000);
    Live { factor: around(grams), source: source.into(), kind: Kind::Marginal, taken: UnixSeconds(taken), valid }
}

fn on_the_grid() -> Site {
    Site { grid: Sourced::country("ita"), ..Site::default() }
}

#[test]
fn a_kilowatt_hour_emits_the_intensity() {
    let kwh = Microjoules(3_600_000_000_000);
    assert_eq!(emissions(kwh, GramsPerKwh(475)), Ok(Micrograms(475_000_000)));
}

#[test]
fn nonsense_is_an_error_and_not_a_small_number() {
    assert_eq!(emissions(Microjoules(u64::MAX), GramsPerKwh(475)), Err(Overflow(Microjoules(u64::MAX))));
    let nothing = Microjoules(10_000_000);
    let box_ = footprint(nothing, BasisPoints(0), around(1), Micrograms(u64::MAX), BasisPoints(0));
    assert_eq!(box_, Err(Overflow(nothing)), "the box's share may be past counting, too");
}

#[test]
fn on_solar_power_the_box_outweighs_the_electricity() {
    let answer =
        footprint(Microjoules(305_000_000), BasisPoints(140), Factor::SOLAR, Micrograms(21_902), BasisPoints(5_000)).unwrap();
    assert_eq!((answer.operational, answer.embodied), (Micrograms(3_388), Micrograms(21_902)));
    assert_eq!((answer.total.0 - answer.low.0, answer.high.0 - answer.total.0), (11_281, 11_540), "40 is nearer to 8 than to 83");
}

#[test]
fn an_intensity_of_nothing_or_beyond_coal_is_refused() {
    let table = [(0, false), (1, true), (1_500, true), (1_501, false), (u32::MAX, false)];
    for (grams, fit) in table {
        assert_eq!(Factor::around(grams, COUNTRY_BOUND).is_ok(), fit, "{grams}");
        assert_eq!(Sourced::configured(grams).is_ok(), fit, "{grams}");
    }
    assert_eq!(Factor::between(50, 40, 83), Err(BadFactor::Range { low: 50, mean: 40, high: 83 }));
    let zero = Factor::around(0, COUNTRY_BOUND).unwrap_err().to_string();
    assert!(zero.starts_with("0 g/kWh is no carbon intensity: give 1 to 1500"), "{zero}");
}

#[test]
fn each_source_comes_with_its_doubt() {
    let table = [
        (Sourced::world(), "world", Some(2019), (190, 475, 760)),
        (Sourced::country("ita").unwrap(), "country ITA", Some(2023), (232, 331, 430)),
        (Sourced::configured(200).unwrap(), "config", None, (140, 200, 260)),
    ];
    for (sourced, source, year, (low, mean, high)) in table {
        assert_eq!((sourced.source.as_str(), sourced.year), (source, year));
        assert_eq!(Factor::between(low, mean, high), Ok(sourced.factor), "{source}");
    }
    assert_eq!(Factor::around(475, WORLD_BOUND), Ok(Factor::WORLD));
    assert_eq!(Sourced::country("XXX"), None);
    assert_eq!((around(100).below(), around(100).above()), (LIVE_BOUND, LIVE_BOUND));
}

#[test]
fn a_feed_holds_as_long_as_it_says_and_the_devices_own_goes_first() {
    let mut mix = Mix::new(on_the_grid());
    let source = |mix: &Mix, minute: u64| mix.grid(Micros(minute * 60_000_000)).unwrap().source;
    assert_eq!(source(&mix, 0), "country ITA");
    assert!(mix.hear(Feed::Site, feed(200, "grid operator", 10_000), Micros(0), Some(UnixSeconds(10_000))));
    assert_eq!(
        (source(&mix, 0), source(&mix, 14), source(&mix, 15)),
        ("grid operator".into(), "grid operator".into(), "country ITA".into())
    );
    assert!(mix.hear(Feed::Own, feed(90, "wind park", 10_000), Micros(0), Some(UnixSeconds(10_300))), "five minutes old");
    assert_eq!(
        (source(&mix, 9), source(&mix, 10), source(&mix, 15)),
        ("wind park".into(), "grid operator".into(), "country ITA".into())
    );
    let live = mix.grid(Micros(0)).unwrap();
    assert_eq!((live.factor, live.year, live.kind), (around(90), None, Some(Kind::Marginal)));
}

#[test]
fn a_feed_that_is_stale_on_arrival_is_not_taken_and_one_from_the_future_gains_nothing() {
    let mut mix = Mix::new(on_the_grid());
    assert!(!mix.hear(Feed::Site, feed(200, "old", 10_000), Micros(0), Some(UnixSeconds(10_900))));
    assert_eq!(mix.grid(Micros(0)).unwrap().source, "country ITA");
    assert!(mix.hear(Feed::Site, feed(200, "future", 99_999), Micros(0), Some(UnixSeconds(10_000))));
    assert_eq!(mix.grid(Micros(900_000_000)).unwrap().source, "country ITA");
    assert!(mix.hear(Feed::Site, feed(200, "no clock", 1), Micros(0), None), "without a clock it is of this moment");
}

#[test]
fn where_there_is_no_grid_no_feed_makes_one() {
    let mut mix = Mix::new(Site::default());
    mix.hear(Feed::Site, feed(200, "grid operator", 0), Micros(0), None);
    assert_eq!(mix.grid(Micros(0)), None);
    let dark = Flows { draw: Milliwatts(3_000), ..Flows::default() };
    let night = mix.factor(Micros(0), dark);
    assert_eq!((night.source.as_str(), night.factor.mean()), ("battery", GramsPerKwh(92)), "40 / 0.85 + 45");
    assert_eq!((night.factor.low(), night.factor.high()), (GramsPerKwh(39), GramsPerKwh(158)));
}

#[test]
fn the_board_takes_the_sun_first_then_the_battery_then_the_grid() {
    let mix = Mix::new(on_the_grid());
    let flows = |draw, solar, discharge| Flows {
        draw: Milliwatts(draw),
        solar: Milliwatts(solar),
        discharge: Milliwatts(discharge),
        charge: Milliwatts(0),
    };
    let table = [
        (flows(5_000, 0, 0), "country ITA", 331),
        (flows(5_000, 9_000, 0), "solar", 40),
        (flows(5_000, 0, 6_000), "battery", 434), // 331 / 0.85 + 45
        (flows(5_000, 2_500, 0), "country ITA 50 %, solar 50 %", 186),
        (flows(4_000, 1_000, 1_000), "country ITA 50 %, solar 25 %, battery 25 %", 284),
        (flows(0, 0, 0), "country ITA", 331),
    ];
    for (flows, source, grams) in table {
        let now = mix.factor(Micros(0), flows);
        assert_eq!((now.source.as_str(), now.factor.mean()), (source, GramsPerKwh(grams)));
        assert_eq!(now.year, source.starts_with("country").then_some(2023), "{source}");
    }
}

#[test]
fn a_battery_carries_what_charged_it() {
    let mut mix = Mix::new(on_the_grid());
    // 10 Wh inside of 20, all from the grid; then 10 Wh from the sun.
    let held = Charge { level: PartsPerMillion(500_000), bound: PartsPerMillion(0), full: Microjoules(72_000_000_000) };
    let sun = Flows { draw: Milliwatts(3_000), solar: Milliwatts(13_000), charge: Milliwatts(10_000), ..Flows::default() };
    mix.flow(Micros(0), sun, HOUR, held);
    assert_eq!(mix.stored().mean, 185_500_000, "half of 331, half of 40");
    assert_eq!(mix.battery().mean(), GramsPerKwh(263), "185.5 / 0.85 + 45");
    let kept = Mix::new(on_the_grid()).holding(mix.stored());
    assert_eq!(kept.battery(), mix.battery(), "a restart changes nothing");
    // An empty battery takes on what comes: 4 parts of sun, 1 of the grid.
    let empty = Charge { level: PartsPerMillion(0), ..held };
    let both = Flows { draw: Milliwatts(1_000), solar: Milliwatts(9_000), charge: Milliwatts(10_000), ..Flows::default() };
    mix.flow(Micros(0), both, HOUR, empty);
    assert_eq!(mix.stored().mean, 98_200_000);
    mix.flow(Micros(0), Flows::default(), HOUR, empty);
    assert_eq!(mix.stored().mean, 98_200_000, "nothing in, nothing changes");
}

#[test]
fn a_minute_of_charging_is_not_lost_in_rounding() {
    let mut mix = Mix::new(on_the_grid());
    let held = Charge { level: PartsPerMillion(900_000), bound: PartsPerMillion(0), full: Microjoules(277_200_000_000) };
    let sun = Flows { solar: Milliwatts(300), charge: Milliwatts(300), ..Flows::default() };
    for _ in 0..60 {
        mix.flow(Micros(0), sun, Micros(60_000_000), held);
    }
    // 1.08 kJ beside 249.48 kJ, which is taken to be as much before each minute: 331 - 291 * 0.43 %.
    assert!((329_740_000..329_750_000).contains(&mix.stored().mean), "{:?}", mix.stored());
}

#[test]
fn by_day_a_days_answers_bear_the_day_and_by_the_clock_their_time() {
    let dedicated = Embodied::default();
    let whole_day = dedicated.charge(Micros(1), 1);
    assert_eq!(whole_day, Micrograms(10_951_403), "10.95 g a day");
    assert_eq!(dedicated.charge(Micros(1), 0), whole_day, "there is at least this answer");
    let runtime = Embodied { share: Share::Runtime, ..dedicated };
    assert_eq!(runtime.charge(HOUR, 0), Micrograms(456_308), "0.456 g an hour");
    assert_eq!(runtime.charge(Micros(u64::MAX), 0), dedicated.total, "never more than the box");
    let shorter = Embodied { years: NonZeroU32::MIN, ..dedicated };
    assert_eq!(shorter.charge(Micros(1), 1), Micrograms(54_757_015), "a fifth of the life, five times the share");
}

#[test]
fn the_pace_follows_the_days() {
    let mut pace = Pace::new(Micros(0), 100);
    assert_eq!(pace.per_day(), 100);
    for _ in 0..300 {
        pace.answered(Micros(1_000));
    }
    assert_eq!(pace.per_day(), 300, "a day that is busier counts at once");
    assert_eq!(pace.answered(Micros(DAY)), 150, "3/4 of 100 and 1/4 of 300");
    assert_eq!(pace.answered(Micros(3 * DAY)), 85, "3/4 of 3/4 of 150, and the one answer of yesterday");
    assert_eq!(pace.answered(Micros(10_000 * DAY)), 1, "years of silence");
    assert_eq!(Pace::new(Micros(0), 0).per_day(), 1);
}

proptest! {
    #[test]
    fn parts_never_emit_more_than_the_whole(a in 0..u64::MAX / 4_000, b in 0..u64::MAX / 4_000, g in 1..2_000_u32) {
        let whole = emissions(Microjoules(a + b), GramsPerKwh(g)).unwrap();
        let parts = emissions(Microjoules(a), GramsPerKwh(g)).unwrap().plus(emissions(Microjoules(b), GramsPerKwh(g)).unwrap());
        prop_assert!(parts <= whole && whole.minus(parts) <= Micrograms(1));
    }

    #[test]
    fn the_total_is_within_its_range_and_more_doubt_never_narrows_it(
        energy in 0..10_000_000_000_u64, grams in 1..=1_500_u32, made in 0..1_000_000_000_u64, doubt in 0..10_000_u32, more in 0..5_000_u32,
    ) {
        let of = |doubt| {
            let factor = Factor::around(grams, BasisPoints(doubt)).unwrap();
            footprint(Microjoules(energy), BasisPoints(140), factor, Micrograms(made), BasisPoints(5_000)).unwrap()
        };
        let (less, more) = (of(doubt), of(doubt + more));
        prop_assert_eq!(less.total, less.operational.plus(less.embodied));
        prop_assert!(more.low <= less.low && less.low <= less.total && less.total <= less.high && less.high <= more.high);
        prop_assert!(two_digits(less.low) <= two_digits(less.total) && two_digits(less.total) <= two_digits(less.high));
    }

    #[test]
    fn two_digits_are_within_half_a_step(mass in 0..u64::MAX / 2) {
        let published = two_digits(Micrograms(mass)).0;
        prop_assert!(published.abs_diff(mass) <= mass / 20);
        let text = published.to_string();
        prop_assert!(text.trim_end_matches('0').len() <= 2, "{text}");
    }

    #[test]
    fn a_mix_lies_between_its_parts(
        draw in 0..20_000_u32, solar in 0..20_000_u32, discharge in 0..20_000_u32, charge in 0..20_000_u32, minutes in 0..600_u64,
        level in 0..=1_000_000_u32,
    ) {
        let mut mix = Mix::new(on_the_grid());
        let flows = Flows { draw: Milliwatts(draw), solar: Milliwatts(solar), discharge: Milliwatts(discharge), charge: Milliwatts(charge) };
        let full = Microjoules(277_200_000_000);
        mix.flow(Micros(0), flows, Micros(minutes * 60_000_000), Charge { level: PartsPerMillion(level), bound: PartsPerMillion(0), full });
        prop_assert!((40_000_000..=331_000_000).contains(&mix.stored().mean));
        let factor = mix.factor(Micros(0), flows).factor;
        prop_assert!((40..=434).contains(&factor.mean().0));
        prop_assert!(factor.low() <= factor.mean() && factor.mean() <= factor.high());
    }

    #[test]
    fn nothing_panics(
        energy: u64, bound: u32, grams: u32, made: u64, doubt: u32, took: u64, per_day: u32, power: u32, full: u64, level: u32, stored: (u64, u64, u64),
    ) {
        if let Ok(factor) = Factor::around(grams, BasisPoints(bound)) {
            let _ = footprint(Microjoules(energy), BasisPoints(doubt), factor, Micrograms(made), BasisPoints(doubt));
        }
        let _ = Embodied { total: Micrograms(made), ..Embodied::default() }.charge(Micros(took), per_day);
        let _ = two_digits(Micrograms(energy));
        let (mean, low, high) = stored;
        let mut mix = Mix::new(Site { round_trip: BasisPoints(doubt), ..Site::default() }).holding(Stored { mean, low, high });
        let flows = Flows { draw: Milliwatts(power), solar: Milliwatts(level), discharge: Milliwatts(power), charge: Milliwatts(power) };
        mix.flow(Micros(took), flows, Micros(took), Charge { level: PartsPerMillion(level), bound: PartsPerMillion(level), full: Microjoules(full) });
        let _ = mix.factor(Micros(took), flows);
        let valid = Millis(energy);
        mix.hear(Feed::Own, Live { valid, ..feed(100, "x", made) }, Micros(took), Some(UnixSeconds(full)));
        Pace::new(Micros(took), per_day).answered(Micros(made));
    }
}
