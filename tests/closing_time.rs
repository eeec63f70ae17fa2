//! SIGTERM: the prompts in hand are answered, who waits is told, nothing is said afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use hob_core::prompt::Finish;
use house::House;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn the_prompt_in_hand_is_answered_and_the_rest_are_told_at_once() {
    let mut house = House::new(&["engine.slots=1"]);
    house.ask(&json!({"id": "egg", "prompt": "x"})).await;
    house.in_hand(1).await;
    house.ask(&json!({"id": "rain", "prompt": "x"})).await;
    house.hears("/answer/rain").await;
    house.close();
    assert_eq!(house.hears("/answer/rain").await["error"]["code"], "closing");
    house.parrot.answer("Eight minutes.", Finish::Stop);
    assert_eq!(house.hears("/answer/egg").await["text"], "Eight minutes.");
    assert_eq!(house.hears_to_the_end("/answer/egg").await, Vec::<serde_json::Value>::new());
    house.goes_dark().await;
}

#[tokio::test(start_paused = true)]
async fn past_the_grace_answers_are_cut_and_still_told() {
    let mut house = House::new(&["shutdown.grace_s=7"]);
    house.ask(&json!({"id": "egg", "prompt": "x"})).await;
    house.hears("/answer/egg").await;
    house.in_hand(1).await;
    let closing = tokio::time::Instant::now();
    house.close();
    let cut = house.hears("/answer/egg").await;
    assert_eq!((&cut["status"], &cut["finish"]), (&json!("ok"), &json!("closing")));
    assert_eq!(closing.elapsed().as_secs(), 7);
    house.goes_dark().await;
}

#[tokio::test(start_paused = true)]
async fn every_prompt_of_a_crowd_gets_exactly_one_final_message() {
    let mut house = House::new(&["engine.slots=2", "desk.places=5"]);
    for number in 0..12 {
        house.ask(&json!({"id": format!("p{number}"), "prompt": "x"})).await;
    }
    house.in_hand(2).await;
    house.parrot.answer("x", Finish::Stop);
    house.in_hand(2).await;
    house.parrot.fail(hob_engine::ThinkError::DeadEnd);
    house.close();
    let mut finals: Vec<String> = house
        .hears_to_the_end("")
        .await
        .into_iter()
        .filter(|said| said["status"] == "ok" || said["status"] == "error")
        .map(|said| said["id"].as_str().unwrap().to_owned())
        .collect();
    finals.sort();
    let mut all: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    all.sort();
    assert_eq!(finals, all);
    house.goes_dark().await;
}
