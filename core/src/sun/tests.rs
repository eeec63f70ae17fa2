//! Days of light, and what is expected after them.

use super::*;
use proptest::prelude::*;

/// A clear day: 10 W at noon, light from six to six.
fn clear(day: u32) -> u32 {
    let from_noon = day.abs_diff(43_200);
    if from_noon >= 21_600 { 0 } else { 10_000 - 10_000 * (from_noon / 100) * (from_noon / 100) / (216 * 216) }
}

/// Minutes from `from` to `to`, each with the clear day's light times `percent`.
fn live(sun: &mut Sun, minutes: std::ops::Range<u32>, percent: impl Fn(u32) -> u32) {
    for minute in minutes {
        let day = minute * 60 % 86_400;
        let now = Now { mono: Micros(u64::from(minute) * 60_000_000), day };
        sun.observe(now, Milliwatts(clear(day) * percent(minute / 1_440) / 100));
    }
}

fn at(minute: u32) -> Now {
    Now { mono: Micros(u64::from(minute) * 60_000_000), day: minute * 60 % 86_400 }
}

const DAY: u32 = 1_440;
const NOON: u32 = 48;

fn near(found: Milliwatts, expected: u32, percent: u32) {
    assert!(found.0.abs_diff(expected) * 100 <= expected * percent, "{found:?} is not {expected} to {percent} %");
}

#[test]
fn nothing_is_known_before_a_day_is_over() {
    let mut sun = Sun::default();
    assert_eq!(sun.expect(at(0), NOON), Milliwatts::ZERO);
    live(&mut sun, 0..DAY, |_| 100);
    assert!(!sun.known());
    live(&mut sun, DAY..DAY + 2, |_| 100);
    assert!(sun.known());
}

#[test]
fn after_clear_days_a_clear_day_is_expected_and_a_dark_night() {
    let mut sun = Sun::default();
    live(&mut sun, 0..3 * DAY + 1, |_| 100);
    near(sun.expect(at(3 * DAY), NOON), 10_000, 2);
    near(sun.expect(at(3 * DAY), NOON + 96), 10_000, 2);
    near(sun.expect(at(3 * DAY), 32), clear(8 * 3_600 + 450), 4);
    for night in (0..24).chain(72..96) {
        assert_eq!(sun.expect(at(3 * DAY), night), Milliwatts::ZERO, "quarter {night}");
    }
}

#[test]
fn dull_days_are_followed_but_the_envelope_remembers_the_clear_ones() {
    let mut sun = Sun::default();
    live(&mut sun, 0..16 * DAY + 1, |day| if day < 4 { 100 } else { 40 });
    near(sun.expect(at(16 * DAY), NOON), 4_000, 8);
    assert!(sun.save().envelope[48].0 > 9_000, "{:?}", sun.save().envelope[48]);
}

#[test]
fn today_counts_half_once_its_morning_has_passed() {
    let mut sun = Sun::default();
    let weather = |day| if day < 5 { 100 } else { 50 };
    live(&mut sun, 0..5 * DAY + 7 * 60, weather);
    near(sun.expect(at(5 * DAY + 7 * 60), 20), 10_000, 3);
    live(&mut sun, 5 * DAY + 7 * 60..5 * DAY + 11 * 60, weather);
    near(sun.expect(at(5 * DAY + 11 * 60), 4), 7_500, 4);
    near(sun.expect(at(5 * DAY + 11 * 60), 96 + 4), 10_000, 3);
}

#[test]
fn a_gap_of_hours_teaches_nothing() {
    let mut sun = Sun::default();
    live(&mut sun, 0..2 * DAY + 10 * 60 + 4, |_| 100);
    let before = sun.save();
    live(&mut sun, 2 * DAY + 14 * 60..2 * DAY + 14 * 60 + 2, |_| 100);
    assert_eq!(sun.save(), before);
}

#[test]
#[rustfmt::skip]
fn a_sensor_at_the_battery_shows_the_sun_behind_it() {
    let table = [
        // mV    mA      load mW  solar mW  what the row is for
        (7_400,    500,   3_700,       0,  "night: the battery carries the board"),
        (7_400,      0,   3_700,   3_700,  "the panels carry the board"),
        (7_400, -1_000,   3_700,  11_100,  "and charge the battery"),
        (7_400,    600,   3_700,       0,  "an estimate that is too low is no negative sun"),
    ];
    for (volts, current, load, solar, why) in table {
        assert_eq!(behind_battery(Millivolts(volts), Milliamps(current), Milliwatts(load)), Milliwatts(solar), "{why}");
    }
}

#[test]
fn the_outlooks_are_all_there_is() {
    assert_eq!(OUTLOOKS.iter().map(|outlook| outlook.chance.0).sum::<u32>(), ALL);
}

proptest! {
    #[test]
    fn what_is_expected_lies_within_what_was_seen_and_survives_a_restart(
        readings in prop::collection::vec((0..7_200_u64, 0..50_000_u32), 1..300), ahead in 0..2_000_u32,
    ) {
        let (mut sun, mut seconds, mut most) = (Sun::default(), 0, 0);
        for (step, power) in readings {
            seconds += step;
            most = most.max(power);
            let day = u32::try_from(seconds % 86_400).unwrap();
            sun.observe(Now { mono: Micros(seconds * 1_000_000), day }, Milliwatts(power));
        }
        let midnight = Now { mono: Micros(0), day: 0 };
        prop_assert!(sun.expect(midnight, ahead).0 <= most);
        let back = Sun::restore(sun.save());
        prop_assert_eq!(back.save(), sun.save());
        prop_assert_eq!(back.expect(midnight, ahead + 96), sun.expect(midnight, ahead + 96));
    }
}
