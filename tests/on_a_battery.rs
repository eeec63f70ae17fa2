//! A battery is watched, shown, spared when it is nearly empty, and known by what charged it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use std::time::Duration;

use hob::tasks::supply::Charger;
use hob_core::prompt::Finish;
use house::{House, Place, SaidLine, unwatched_battery};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// What is said of the battery once its reach is known.
async fn battery(house: &mut House) -> Value {
    let known = |state: &Value| state["battery"].get("answers_left").is_some();
    house.hears_that("/state/power", known).await["battery"].clone()
}

#[tokio::test(start_paused = true)]
async fn its_charge_and_the_answers_that_it_has_left_are_shown() {
    let line = SaidLine::new(7_600, 800);
    let mut house = House::fed(line.of_a_battery(Charger::Sun), &Place::with_known_costs(), &[]);
    house.draws(5_000, 130 * SECOND).await;
    // Once the idle draw is measured, and the reach is foreseen with it.
    let settled = |state: &Value| state["battery"]["time_to_empty_h"]["p50"].as_f64().is_some_and(|hours| hours < 3.0);
    let shown = house.hears_that("/state/power", settled).await["battery"].clone();
    let number = |value: &Value| value.as_f64().unwrap();
    assert!((50.0..80.0).contains(&number(&shown["charge_pct"])), "3.8 V a cell under load: {shown}");
    assert!((18.0..20.0).contains(&number(&shown["full_wh"])), "2.6 Ah at about 7.3 V: {shown}");
    assert_eq!((&shown["voltage_v"], &shown["current_a"]), (&json!(7.6), &json!(0.8)));
    let left = &shown["answers_left"];
    let (poor, usual, good) = (number(&left["p10"]), number(&left["p50"]), number(&left["p90"]));
    assert!(poor >= 1.0 && poor <= usual && usual <= good, "{shown}");
    let hours = number(&shown["time_to_empty_h"]["p50"]);
    assert!((1.5..2.1).contains(&hours), "11.6 Wh, less what is kept and what the converter takes, at 5 W: {shown}");
    house.ask(&json!({"id": "a", "prompt": "x"})).await;
    house.in_hand(1).await;
    house.draws(5_000, 10 * SECOND).await;
    house.parrot.answer("two words", Finish::Stop);
    house.draws(5_000, SECOND).await;
    let words = house.replies("a").await["energy"]["words_per_charge"].as_u64().unwrap();
    assert!((2_600..2_900).contains(&words), "two words for 50 J, of 19 Wh: {words}");
}

#[tokio::test(start_paused = true)]
async fn nearly_empty_it_is_kept_for_staying_alive_and_charged_it_answers_again() {
    let line = SaidLine::new(6_100, 400);
    let mut house = House::fed(line.of_a_battery(Charger::Sun), &Place::new(), &[]);
    house.draws(3_000, 5 * SECOND).await;
    house.ask(&json!({"id": "a", "prompt": "x"})).await;
    let refused = house.replies("a").await;
    assert_eq!(refused["error"]["code"], "low_battery");
    assert!(refused["error"]["message"].as_str().unwrap().contains("below 5.0 %"), "{refused}");
    assert!(house.parrot.in_hand().is_empty());
    line.carries(7_900, -2_000);
    house.waits(1_800 * SECOND).await;
    assert_eq!(house.answers("a").await["status"], "ok", "the same id may try again");
}

#[tokio::test(start_paused = true)]
async fn an_answer_carries_what_its_joules_carried_the_suns_or_the_batterys() {
    let line = SaidLine::new(7_600, 800);
    let mut house = House::fed(line.of_a_battery(Charger::Sun), &Place::new(), &["carbon.g_per_kwh=400"]);
    house.draws(5_000, 5 * SECOND).await;
    let dark = house.answers("dark").await["co2"].clone();
    assert!(dark["source"].as_str().unwrap().starts_with("battery"), "{dark}");
    assert!(dark["g_per_kwh"].as_u64().unwrap() > 400, "of the grid's, with its losses and wear: {dark}");
    line.carries(8_000, -500);
    house.draws(5_000, 5 * SECOND).await;
    let sunny = house.answers("sunny").await["co2"].clone();
    assert_eq!((&sunny["source"], &sunny["g_per_kwh"]), (&json!("solar"), &json!(40)));
}

#[tokio::test(start_paused = true)]
async fn a_hat_on_the_mains_is_charged_by_the_grid_and_not_by_a_sun() {
    let line = SaidLine::new(8_000, -500);
    let mut house = House::fed(line.of_a_battery(Charger::Grid), &Place::new(), &["carbon.g_per_kwh=400"]);
    house.draws(5_000, 70 * SECOND).await;
    let co2 = house.answers("a").await["co2"].clone();
    assert_eq!((&co2["source"], &co2["g_per_kwh"]), (&json!("config"), &json!(400)));
    battery(&mut house).await;
    house.draws(5_000, 60 * SECOND).await;
    assert_eq!(house.hears("/state/power").await.get("solar_w"), None);
}

#[tokio::test(start_paused = true)]
async fn a_battery_that_nobody_looks_at_is_no_ground_to_decide_on() {
    let mut house = House::fed(unwatched_battery(), &Place::new(), &[]);
    house.draws(60_000, 1_200 * SECOND).await;
    let empty = |state: &Value| state["battery"]["charge_pct"] == 0.0;
    let shown = house.hears_that("/state/power", empty).await;
    assert_eq!(shown["battery"]["bound_pct"], 100.0, "20 Wh were drawn, of a full battery or of an empty one: {shown}");
    let answer = house.answers("a").await;
    assert_eq!((&answer["status"], &answer["why"]), (&json!("ok"), &json!("best")));
}

#[tokio::test(start_paused = true)]
async fn swapped_wires_show_by_how_the_voltage_moves_and_are_told_once() {
    // 3 W and 9 W out of a pack of 0.2 ohm, with the current read the wrong way round.
    let (quiet, busy) = ((7_500, -400), (7_340, -1_200));
    let line = SaidLine::new(quiet.0, quiet.1);
    let mut house = House::fed(line.of_a_battery(Charger::Sun), &Place::new(), &[]);
    for _ in 0..20 {
        house.waits(3 * SECOND).await;
        line.carries(busy.0, busy.1);
        house.waits(3 * SECOND).await;
        line.carries(quiet.0, quiet.1);
    }
    let trouble = |event: &Value| event["event_type"] == "meter";
    let told = house.hears_that("/event", trouble).await;
    assert_eq!(told["code"], "backwards");
    assert!(told["message"].as_str().unwrap().contains("battery.invert"), "{told}");
    house.close();
    let again = house.hears_to_the_end("/event").await;
    assert!(!again.iter().any(trouble), "{again:?}");
}
