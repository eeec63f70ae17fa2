//! While nobody asks, the board's files are switched to save power; with the first prompt, at closing, and after a crash
//! they are as they were.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use std::time::Duration;

use hob_core::{prompt::Finish, thrift::StepName};
use hob_hal::thrift::Thrift;
use house::{House, Place};
use serde_json::json;

const LED: &str = "sys/class/leds/ACT/trigger";
const GOVERNOR: &str = "sys/devices/system/cpu/cpufreq/policy0/scaling_governor";
const STEPS: &str = r#"thrift.steps=["leds", "slow_clock"]"#;

fn board() -> Place {
    Place::new().with_files(&[
        ("proc/sys/kernel/random/boot_id", "6a1f\n"),
        (LED, "mmc0\n"),
        (GOVERNOR, "schedutil\n"),
        ("sys/devices/system/cpu/cpufreq/policy0/scaling_available_governors", "powersave schedutil\n"),
    ])
}

fn says(place: &Place) -> (String, String) {
    (place.says(LED), place.says(GOVERNOR))
}

fn awake() -> (String, String) {
    ("mmc0".into(), "schedutil".into())
}

fn asleep() -> (String, String) {
    ("none".into(), "powersave".into())
}

/// Waits until so many steps are shown as taken.
async fn shows(house: &mut House, steps: &[&str]) {
    house.hears_that("/state/power", |state| state["thrift"] == json!(steps)).await;
}

#[tokio::test(start_paused = true)]
async fn after_the_pause_the_steps_are_taken_and_with_the_first_prompt_and_at_closing_undone() {
    let place = board();
    let mut house = House::at(&place, &[STEPS]);
    shows(&mut house, &[]).await;
    let minute = Duration::from_mins(1)..Duration::from_secs(62);
    let empty = tokio::time::Instant::now();
    shows(&mut house, &["leds", "slow_clock"]).await;
    assert_eq!(says(&place), asleep());
    assert!(minute.contains(&empty.elapsed()), "{:?}", empty.elapsed());
    house.ask(&json!({"id": "a", "prompt": "x"})).await;
    shows(&mut house, &[]).await;
    assert_eq!(says(&place), awake());
    house.in_hand(1).await;
    house.waits(Duration::from_mins(5)).await;
    assert_eq!(says(&place), awake(), "an answer in hand is no pause");
    house.parrot.answer("x", Finish::Stop);
    let empty = tokio::time::Instant::now();
    shows(&mut house, &["leds", "slow_clock"]).await;
    assert_eq!(says(&place), asleep());
    assert!(minute.contains(&empty.elapsed()), "counted anew: {:?}", empty.elapsed());
    house.close();
    house.goes_dark().await;
    assert_eq!(says(&place), awake());
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_house_left_switched_the_next_one_puts_back_even_if_it_may_switch_nothing() {
    let place = board();
    let (mut killed, _) = Thrift::recover(place.path(), &place.path().join("thrift.journal"));
    killed.want(&[StepName::Leds, StepName::SlowClock]);
    std::mem::forget(killed);
    assert_eq!(says(&place), asleep());
    let mut house = House::at(&place, &[]);
    house.answers("a").await;
    house.close();
    house.goes_dark().await;
    assert_eq!(says(&place), awake());
    assert!(!place.path().join("thrift.journal").exists());
}

#[tokio::test(start_paused = true)]
async fn without_leave_nothing_is_switched() {
    let place = board();
    let house = House::at(&place, &[]);
    house.waits(Duration::from_mins(10)).await;
    assert_eq!(says(&place), awake());
}
