//! The sensor goes and comes back: bills go on, and say what was not measured; and what befell it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use std::time::Duration;

use hob_core::prompt::Finish;
use hob_wire::event::MeterCode;
use house::{House, Place};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// An answer of 25 s at 5 W, of which so many seconds in the middle nobody saw.
async fn answered(house: &mut House, id: &str, unseen: u32) -> Value {
    house.draws(2_000, SECOND).await;
    house.ask(&json!({"id": id, "prompt": "x"})).await;
    house.in_hand(1).await;
    house.draws(5_000, 10 * SECOND).await;
    if unseen > 0 {
        house.gauge.lost();
        house.waits(unseen * SECOND).await;
    }
    house.draws(5_000, (15 - unseen) * SECOND).await;
    house.parrot.answer("one two three four", Finish::Stop);
    house.draws(2_000, SECOND).await;
    house.replies(id).await["energy"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_sensor_that_is_lost_and_found_leaves_a_bill_that_says_so_and_is_not_far_off() {
    let mut house = House::new(&[]);
    let seen = answered(&mut house, "seen", 0).await;
    let blind = answered(&mut house, "blind", 5).await;
    assert_eq!((seen.get("marks"), &seen["unmeasured_ms"]), (None, &json!(0)));
    assert_eq!(blind["marks"], json!(["sensor_lost", "gap"]));
    let number = |energy: &Value, name: &str| energy[name].as_f64().unwrap();
    assert!((4_900.0..5_100.0).contains(&number(&blind, "unmeasured_ms")), "{blind}");
    assert!((0.79..0.81).contains(&number(&blind, "coverage")), "{blind}");
    assert!(number(&blind, "u_abs_pct") > 10.0 * number(&seen, "u_abs_pct"), "a fifth of it is a guess: {blind}");
    assert!((number(&blind, "wall_j") - 125.0).abs() < 1.0, "5 W before and after: 5 W between: {blind}");
}

#[tokio::test(start_paused = true)]
async fn what_was_hardly_measured_teaches_nothing_of_joules() {
    let place = Place::with_known_costs();
    let mut house = House::at(&place, &[]);
    let predicted = |answer: &Value| answer["predicted"]["j"].as_f64().unwrap();
    let before = predicted(&house.answers("a").await);
    answered(&mut house, "blind", 14).await;
    assert!((predicted(&house.answers("b").await) - before).abs() < 1e-6, "4 tokens for 125 J are not believed");
    answered(&mut house, "seen", 0).await;
    assert!(predicted(&house.answers("c").await) > before + 1.0, "but what was measured is");
}

#[tokio::test(start_paused = true)]
async fn what_befalls_the_meter_is_an_event_with_its_own_code() {
    let mut house = House::new(&[]);
    for (code, word) in [(MeterCode::SensorLost, "sensor_lost"), (MeterCode::ShuntDoubt, "shunt_doubt")] {
        house.troubles.send((code, "in words".into())).await.unwrap();
        let (letter, event) = house.letter("/event").await;
        assert_eq!(event, json!({"v": 1, "event_type": "meter", "code": word, "message": "in words"}));
        assert!(letter.sure && !letter.retain);
    }
}
