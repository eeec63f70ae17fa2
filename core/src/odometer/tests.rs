//! The line, its area, and its gaps.

use super::*;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000;

#[test]
fn a_steady_draw_is_power_times_time() {
    let mut odometer = Odometer::default();
    odometer.read(Micros(0), Milliwatts(5_000));
    odometer.read(Micros(30 * SECOND), Milliwatts(5_000));
    assert_eq!(odometer.at(Micros(30 * SECOND)), Microjoules(150_000_000));
    assert_eq!(odometer.at(Micros(31 * SECOND)), Microjoules(155_000_000), "goes on at the last draw");
}

#[test]
fn a_ramp_is_the_area_under_it_whole_and_in_parts() {
    let mut odometer = Odometer::default();
    odometer.read(Micros(0), Milliwatts(2_000));
    odometer.read(Micros(SECOND), Milliwatts(4_000));
    assert_eq!(odometer.at(Micros(SECOND)), Microjoules(3_000_000));
    assert_eq!(odometer.energy(Micros(SECOND / 2)), 1_250_000_000, "2 to 3 W for half a second");
}

#[test]
fn a_reading_counts_at_the_middle_of_its_window() {
    let mut odometer = Odometer::default();
    assert!(odometer.take(Micros(100_000), Milliwatts(1_000), Micros(60_000), Marks::NONE));
    assert_eq!(odometer.last(), Some(Micros(70_000)));
    assert!(!odometer.take(Micros(100_000), Milliwatts(9_000), Micros(60_000), Marks::NONE), "nothing new");
}

#[test]
fn without_a_reading_it_shows_nothing() {
    assert_eq!(Odometer::default().at(Micros(9 * SECOND)), Microjoules::ZERO);
}

#[test]
fn what_lies_between_readings_far_apart_is_interpolated_and_not_covered() {
    let mut odometer = Odometer::default();
    odometer.read(Micros(0), Milliwatts(2_000));
    odometer.read(Micros(SECOND / 2), Milliwatts(2_000));
    odometer.lost();
    odometer.read(Micros(3 * SECOND), Milliwatts(4_000));
    let near = odometer.stretch(Micros(0), Micros(9 * SECOND));
    assert_eq!((near.to, near.covered, near.marks), (Micros(SECOND / 2), true, Marks::NONE));
    let far = odometer.stretch(near.to, Micros(9 * SECOND));
    assert_eq!((far.energy, far.covered), (7_500_000_000, false), "3 W for 2.5 s");
    assert_eq!(far.marks, Marks::GAP.and(Marks::SENSOR_LOST));
    odometer.take(Micros(3 * SECOND + 100_000), Milliwatts(4_000), Micros::ZERO, Marks::CLIPPED);
    odometer.read(Micros(3 * SECOND + 200_000), Milliwatts(4_000));
    odometer.read(Micros(3 * SECOND + 300_000), Milliwatts(4_000));
    let marks = [0, 100_000, 200_000].map(|after| odometer.stretch(Micros(3 * SECOND + after), Micros(9 * SECOND)).marks);
    assert_eq!(marks, [Marks::CLIPPED, Marks::CLIPPED, Marks::NONE], "a clipped reading bends the line on both sides");
}

#[test]
fn over_a_silence_of_months_it_stands_still() {
    let mut odometer = Odometer::default();
    odometer.read(Micros(0), Milliwatts(u32::MAX));
    odometer.read(Micros(u64::MAX), Milliwatts(u32::MAX));
    assert_eq!(odometer.turned(), 0);
    assert_eq!(odometer.energy(Micros(u64::MAX / 2)), 0);
}

#[test]
fn an_endless_day_of_readings_is_held_in_bounded_room() {
    let mut odometer = Odometer::default();
    for reading in 0..20_000 {
        odometer.read(Micros(reading * 50_000), Milliwatts(3_000));
    }
    assert_eq!(odometer.knots.len(), MAX_KNOTS);
    assert_eq!(odometer.turned(), 19_999 * 50_000 * 3_000);
}

proptest! {
    #[test]
    fn it_never_turns_back(steps in prop::collection::vec((0..200_000_u64, 0..9_000_u32, 0..3_u8), 1..100)) {
        let (mut odometer, mut now, mut before) = (Odometer::default(), 0, Microjoules::ZERO);
        for (step, draw, what) in steps {
            now += step;
            match what {
                0 => {}
                1 => odometer.read(Micros(now), Milliwatts(draw)),
                _ => odometer.hold(Micros(now)),
            }
            let shown = odometer.at(Micros(now));
            prop_assert!(shown >= before);
            before = shown;
        }
    }

    #[test]
    fn the_area_grows_and_its_parts_add_up(
        knots in prop::collection::vec((1..3_000_000_u64, any::<u32>()), 1..40), cut in 0..60_000_000_u64, more in 0..60_000_000_u64,
    ) {
        let (mut odometer, mut now) = (Odometer::default(), 0);
        for (step, draw) in knots {
            now += step;
            odometer.read(Micros(now), Milliwatts(draw));
        }
        prop_assert!(odometer.energy(Micros(cut)) <= odometer.energy(Micros(cut + more)));
        let (mut at, mut sum) = (Micros(0), 0);
        while at < Micros(now) {
            let piece = odometer.stretch(at, Micros(now).min(at.plus(Micros(cut / 64 + 1))));
            prop_assert!(piece.to > at);
            (at, sum) = (piece.to, sum + piece.energy);
            if cut < 1_000_000 { break; }
        }
        if cut >= 1_000_000 { prop_assert_eq!(sum, odometer.turned()); }
    }
}
