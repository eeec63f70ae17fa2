//! A prompt may limit its joules, its time and its quality: it is planned for, or refused with numbers before it begins.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use hob_core::prompt::Finish;
use house::{House, Place};
use serde_json::{Value, json};

/// Asks, and hears why not.
async fn refused(house: &mut House, ask: Value) -> Value {
    house.ask(&ask).await;
    let said = house.replies(ask["id"].as_str().unwrap()).await;
    assert_eq!(said["status"], "error", "{said}");
    said["error"].clone()
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_refused_with_numbers_and_costs_nobody_anything() {
    let mut house = House::at(&Place::with_known_costs(), &[]);
    house.ask(&json!({"id": "other", "prompt": "x"})).await;
    house.in_hand(1).await;
    let dear = refused(&mut house, json!({"id": "dear", "prompt": "x", "max_joules": 10})).await;
    assert_eq!((&dear["code"], &dear["predicted"]["level"]), (&json!("over_budget"), &json!("Q4_0")));
    // 16 tokens, each 1 J above idle and 0.25 s at 2 W, and 3 % for what is not known.
    let joules = dear["predicted"]["j"].as_f64().unwrap();
    assert!((24.0..26.0).contains(&joules), "{dear}");
    assert!(dear["message"].as_str().unwrap().contains("10.0 J are allowed"), "{dear}");
    let late = refused(&mut house, json!({"id": "late", "prompt": "x", "deadline_ms": 1_000})).await;
    assert_eq!(late["code"], "too_late");
    assert!((4_000..5_000).contains(&late["predicted"]["ms"].as_u64().unwrap()), "16 tokens of 0.25 s, and loading: {late}");
    let poor = refused(&mut house, json!({"id": "poor", "prompt": "x", "min_quality": 99.5})).await;
    assert_eq!((&poor["code"], &poor["predicted"]["level"]), (&json!("too_poor"), &json!("Q8_0")));
    assert_eq!(house.parrot.loaded().len(), 1, "no model was changed for them");
    house.parrot.answer("x", Finish::Stop);
    assert_eq!(house.replies("other").await["level"], "Q8_0");
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_for_limits_of_his_own_leaves_the_level_as_it_is_shown() {
    let mut house = House::at(&Place::with_known_costs(), &[]);
    for (id, limit, least) in [("a", "max_joules", 1), ("b", "deadline_ms", 1), ("c", "min_quality", 100)] {
        house.ask(&json!({"id": id, "prompt": "x", limit: least})).await;
    }
    house.waits(std::time::Duration::from_secs(1)).await;
    house.close();
    let shown = house.hears_to_the_end("/state/level").await;
    assert_eq!(shown.iter().map(|state| &state["level"]).collect::<Vec<_>>(), ["Q8_0"]);
}

#[tokio::test(start_paused = true)]
async fn what_can_be_kept_is_planned_for_in_level_and_tokens() {
    let mut house = House::at(&Place::with_known_costs(), &[]);
    house.ask(&json!({"id": "a", "prompt": "x", "max_joules": 100})).await;
    house.in_hand(1).await;
    // 100 J are 97 less the margin, and a token at Q4_0 takes 1.5 J.
    let tokens = house.parrot.oldest().unwrap().max_tokens;
    assert!((60..=65).contains(&tokens), "the engine is given the plan's tokens: {tokens}");
    house.parrot.answer("x", Finish::Length);
    let answer = house.replies("a").await;
    assert_eq!((&answer["level"], &answer["why"]), (&json!("Q4_0"), &json!("budget")));
    assert!(answer["predicted"]["j"].as_f64().unwrap() <= 100.0, "{answer}");
    let free = house.answers("b").await;
    assert_eq!((&free["level"], &free["why"]), (&json!("Q8_0"), &json!("best")), "the next one has no budget");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_takes_the_level_that_keeps_it() {
    let mut house = House::at(&Place::with_known_costs(), &[]);
    house.ask(&json!({"id": "a", "prompt": "x", "max_tokens": 100, "deadline_ms": 40_000})).await;
    house.in_hand(1).await;
    assert_eq!(house.parrot.oldest().unwrap().max_tokens, 100, "whole, for 25 s at Q4_0");
    house.parrot.answer("x", Finish::Stop);
    let answer = house.replies("a").await;
    assert_eq!((&answer["level"], &answer["why"]), (&json!("Q4_0"), &json!("deadline")));
}
