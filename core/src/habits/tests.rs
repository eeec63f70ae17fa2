//! Examples of what is learned of the askers.

use super::*;

fn at(minute: u64) -> Now {
    Now { mono: Micros(minute * 60_000_000), day: u32::try_from(minute * 60 % 86_400).unwrap() }
}

/// So many days from midnight, a look every minute, a prompt every `apart` minutes between 8 and 10 h.
fn lived(days: u64, apart: u64) -> Habits {
    let mut habits = Habits::default();
    for minute in 0..days * 1_440 {
        habits.passed(at(minute));
        if (480..600).contains(&(minute % 1_440)) && minute % apart == 0 {
            habits.arrived(at(minute));
        }
    }
    habits
}

#[test]
fn the_hours_of_the_day_are_told_apart() {
    let habits = lived(7, 3);
    let midnight = at(7 * 1_440);
    assert!(habits.expect(midnight, 4 * 8) > 4_000, "twenty an hour are five a quarter");
    assert!(habits.expect(midnight, 4 * 12) < 300);
    assert_eq!(habits.expect(midnight, 4 * 8), habits.expect(midnight, 4 * 32), "and tomorrow again");
}

#[test]
fn before_anything_was_seen_six_an_hour_are_expected_by_day_and_few_by_night() {
    assert_eq!(Habits::default().expect(at(0), 4 * 17), 1_500);
    assert_eq!(Habits::default().expect(at(0), 4 * 3), 375);
}

#[test]
fn a_busy_first_hour_of_the_night_announces_a_busy_day() {
    let mut habits = Habits::default();
    for minute in 0..40 {
        habits.passed(at(minute));
        if minute % 5 == 0 {
            habits.arrived(at(minute));
        }
    }
    // Eight in forty minutes of the night; six by day were thought of before.
    assert!(habits.expect(at(40), 4 * 12) > 2_500, "{}", habits.expect(at(40), 4 * 12));
}

#[test]
fn an_hour_in_which_the_board_was_off_teaches_nothing() {
    let mut habits = lived(7, 3);
    let before = habits.clone();
    // Off from 8:05 until 8:58 of the eighth day.
    for minute in (7 * 1_440..7 * 1_440 + 485).chain(7 * 1_440 + 538..7 * 1_440 + 560) {
        habits.passed(at(minute));
    }
    assert_eq!(habits.hourly[8], before.hourly[8]);
}

#[test]
fn usual_lengths_follow_the_answers_and_ample_ones_are_longer() {
    let mut habits = Habits::default();
    for round in 0..400 {
        habits.answered(30, if round % 2 == 0 { 50 } else { 70 });
    }
    assert!((29..=31).contains(&habits.usual_prompt()) && (57..=63).contains(&habits.usual_answer()), "{habits:?}");
    assert!((75..=85).contains(&habits.ample_answer()), "{}", habits.ample_answer());
}
