//! Examples and promises of the forecast.

use proptest::prelude::*;

use super::*;

const EIGHT: (u64, u64, u32) = (155, 52, 10_000);
const FOUR: (u64, u64, u32) = (116, 38, 9_750);

/// A battery of so many Wh at that charge in percent, 2.9 W of idling, prompts an hour, and a peak of the sun in W at noon;
/// it is midnight.
fn scene(watt_hours: i64, percent: i64, hourly: u32, peak: i64) -> Scene {
    let full = watt_hours * 3_600_000;
    let sun = |quarter: i64| {
        let light = quarter % 96 - 24;
        if (0..48).contains(&light) { peak * 900_000 * light * (48 - light) / 576 } else { 0 }
    };
    let mut scene = Scene {
        charge: full * percent / 100,
        full,
        critical: full / 20,
        restart: full * 12 / 100,
        idle: 0,
        converter: BasisPoints(9_000),
        prompts: vec![hourly * 250; AHEAD],
        solar: (0..i64::try_from(AHEAD).unwrap()).map(sun).collect(),
        patience: Millis(300_000),
    };
    scene.idle = scene.drawn(over_quarter(Milliwatts(2_900)));
    scene
}

fn courses(scene: &Scene) -> Vec<Course> {
    let course = |(joules, seconds, quality): (u64, u64, u32)| {
        scene.course(Cost { marginal: Microjoules(joules * 1_000_000), time: Micros(seconds * 1_000_000) }, BasisPoints(quality))
    };
    vec![course(FOUR), course(EIGHT)]
}

#[test]
#[rustfmt::skip]
fn the_best_level_is_worth_it_when_the_sun_feeds_it_and_not_when_the_battery_ends() {
    let table = [
        // Wh  %  an hour  W    the richer one?  what the row is for
        ( 77, 70,  6,      30,  true,  "sun enough"),
        ( 77, 70, 40,       0,  false, "no sun: every joule counts"),
        ( 77, 99,  6,      40,  true,  "the battery is full and the sun comes back"),
        ( 77, 32, 20,      25,  false, "the night is just too long for the richer one"),
    ];
    for (watt_hours, percent, hourly, peak, richer, why) in table {
        let scene = scene(watt_hours, percent, hourly, peak);
        let scores = scene.scores(&courses(&scene), 24);
        assert_eq!(scores[1] > scores[0], richer, "{why}: {scores:?}");
    }
}

#[test]
fn a_board_without_sun_is_cut_off_when_the_joules_say() {
    // 20 Wh at 100 %, 95 % of it for 2.9 / 0.9 W: 5.9 hours, 23 quarters and a half.
    let scene = scene(20, 100, 0, 0);
    let outlook = scene.outlook(&courses(&scene)[0]);
    assert_eq!(outlook, Outlook { brown_outs: 1_000, trough: PartsPerMillion(50_000), empty: Some(23), ..Outlook::default() });
}

#[test]
fn a_board_that_is_cut_off_within_a_quarter_answers_a_part_of_it() {
    // 40 prompts an hour are ten a quarter, less a few that come too late; 116 J / 0.9 each.
    let scene = scene(20, 100, 40, 0);
    let outlook = scene.outlook(&courses(&scene)[0]);
    let each = f64::from(in_time(10_000, Micros(38_000_000), Millis(300_000)));
    // 68.4 kJ for 2.9 W / 0.9 and the prompts of each quarter.
    let quarters = 68_400.0 / (2_900.0 + each / 1_000.0 * 116.0 / 0.9);
    let served = f64::from(u32::try_from(outlook.served).unwrap());
    assert!((served / each - quarters).abs() < 0.01, "{} of {quarters} quarters", served / each);
    assert!((0.2..0.8).contains(&quarters.fract()), "it tells a part from all and nothing");
}

#[test]
fn more_prompts_than_time_are_not_all_answered() {
    let answered =
        |hourly: u32, seconds: u64| in_time(hourly * 250, Micros(seconds * 1_000_000), Millis(300_000)) * 100 / (hourly * 250);
    assert_eq!(answered(6, 52), 100);
    assert!((95..=99).contains(&answered(55, 52)), "80 % busy: {}", answered(55, 52));
    assert!((45..=50).contains(&answered(140, 52)), "twice too many: {}", answered(140, 52));
    assert_eq!(in_time(u32::MAX, Micros(u64::MAX), Millis(0)), 0);
    assert_eq!(in_time(1_000, Micros(0), Millis(0)), 1_000);
}

proptest! {
    #[test]
    fn a_score_is_never_above_the_prompts_that_come_and_what_is_left(
        percent in 5..101_i64, hourly in 0..60_u32, peak in 0..40_i64, turn in 0..AHEAD,
    ) {
        let scene = scene(77, percent, hourly, peak);
        let courses = courses(&scene);
        let most = i64::from(hourly) * 250 * i64::try_from(AHEAD).unwrap();
        for score in scene.scores(&courses, turn) {
            // A full battery at the end is worth at most as many answers as it gives: 77 Wh / 116 J.
            prop_assert!(score <= most + 77 * 3_600_000 / 116, "{} of {}", score, most);
        }
    }

    #[test]
    fn more_charge_is_never_worth_less(percent in 5..100_i64, hourly in 0..60_u32, peak in 0..40_i64) {
        let score = |percent| {
            let scene = scene(77, percent, hourly, peak);
            scene.scores(&courses(&scene), 0)[0]
        };
        // Between two cells the value is a straight line: a cell's rounding is allowed.
        prop_assert!(score(percent + 1) + 400 >= score(percent));
    }
}
