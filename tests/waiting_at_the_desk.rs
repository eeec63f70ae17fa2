//! More prompts than slots: order, urgency, a full desk, taking back, running out of time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use std::time::Duration;

use hob_core::prompt::Finish;
use hob_wire::properties::Properties;
use house::House;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn the_urgent_go_first_and_no_more_than_the_slots_at_a_time() {
    let mut house = House::new(&["engine.slots=1"]);
    house.ask(&json!({"id": "first", "prompt": "x"})).await;
    house.in_hand(1).await;
    house.ask(&json!({"id": "usual", "prompt": "x"})).await;
    house.ask(&json!({"id": "urgent", "prompt": "x", "priority": "high"})).await;
    assert_eq!(house.hears("/answer/usual").await["queue"], 0);
    assert_eq!(house.hears("/answer/urgent").await["queue"], 0, "it goes before");
    let mut order = Vec::new();
    for _ in 0..3 {
        house.in_hand(1).await;
        order.push(house.parrot.in_hand().first().unwrap().to_string());
        house.parrot.answer("x", Finish::Stop);
        house.letter("/state/answer").await;
    }
    assert_eq!(order, ["first", "urgent", "usual"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_desk_says_busy_and_when_to_come_again() {
    let mut house = House::new(&["engine.slots=1", "desk.places=1"]);
    house.ask(&json!({"id": "a", "prompt": "x"})).await;
    house.in_hand(1).await;
    house.draws(5_000, Duration::from_secs(8)).await;
    house.parrot.answer("x", Finish::Stop);
    house.letter("/answer/a").await;
    house.ask(&json!({"id": "b", "prompt": "x"})).await;
    house.in_hand(1).await;
    house.ask(&json!({"id": "c", "prompt": "x"})).await;
    assert_eq!(house.hears("/answer/c").await["status"], "accepted");
    house.ask(&json!({"id": "d", "prompt": "x"})).await;
    let busy = house.hears("/answer/d").await;
    assert_eq!(busy["error"]["code"], "busy");
    assert!(busy["error"]["retry_after_ms"].as_u64().unwrap() >= 8_000, "answers take 8 s of late: {busy}");
    house.parrot.answer("x", Finish::Stop);
    house.in_hand(1).await;
    house.ask(&json!({"id": "d", "prompt": "x"})).await;
    assert_eq!(house.hears("/answer/d").await["status"], "accepted", "busy is not remembered as the answer");
}

#[tokio::test(start_paused = true)]
async fn who_runs_out_of_time_is_told_then_and_not_at_his_turn() {
    let mut house = House::new(&["engine.slots=1"]);
    house.ask(&json!({"id": "long", "prompt": "x"})).await;
    house.in_hand(1).await;
    house.ask(&json!({"id": "hasty", "prompt": "x", "deadline_ms": 5_000})).await;
    house.hears("/answer/hasty").await;
    let asked = tokio::time::Instant::now();
    let expired = house.hears("/answer/hasty").await;
    assert_eq!(expired["error"]["code"], "expired");
    assert_eq!(asked.elapsed().as_secs(), 5);
    assert_eq!(house.parrot.in_hand().len(), 1, "it was never begun");
}

#[tokio::test(start_paused = true)]
async fn a_prompt_can_be_taken_back_wherever_it_is() {
    let mut house = House::new(&["engine.slots=1"]);
    house.ask(&json!({"id": "running", "prompt": "x"})).await;
    house.in_hand(1).await;
    house.ask(&json!({"id": "waiting", "prompt": "x"})).await;
    house.hears("/answer/waiting").await;
    house.arrives("hob/house/set/cancel", "waiting", Properties::default()).await;
    assert_eq!(house.hears("/answer/waiting").await["error"]["code"], "cancelled");
    house.arrives("hob/house/set/cancel", "running", Properties::default()).await;
    let cut = house.hears("/answer/running").await;
    let cut = if cut["status"] == "accepted" { house.hears("/answer/running").await } else { cut };
    assert_eq!((&cut["status"], &cut["finish"]), (&json!("ok"), &json!("cancelled")), "what there was of it");
    house.arrives("hob/house/set/cancel", "{nonsense", Properties::default()).await;
    assert_eq!(house.hears("/event").await["event_type"].as_str().map(|kind| !kind.is_empty()), Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_is_taken_back_in_the_same_breath_is_taken_back() {
    let mut house = House::new(&[]);
    house.hears("/state/level").await;
    house.waits(std::time::Duration::from_secs(1)).await;
    house.ask(&json!({"id": "a", "prompt": "x"})).await;
    house.arrives("hob/house/set/cancel", "a", Properties::default()).await;
    assert_eq!(house.replies("a").await["error"]["code"], "cancelled");
    assert!(house.parrot.in_hand().is_empty());
}
