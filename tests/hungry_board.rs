//! Memory comes and goes: levels follow between prompts, broken files are left out, and the choice is public.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use hob_core::prompt::Finish;
use hob_wire::properties::Properties;
use house::{House, level};
use serde_json::json;

/// Less than this is reserved, so nothing fits.
const NOTHING: u64 = 200;

async fn answered(house: &mut House, id: &str) -> (String, String) {
    house.ask(&json!({"id": id, "prompt": "x"})).await;
    house.in_hand(1).await;
    house.parrot.answer("x", Finish::Stop);
    house.letter(&format!("/answer/{id}")).await;
    let answer = house.hears(&format!("/answer/{id}")).await;
    (answer["level"].as_str().unwrap().to_owned(), answer["why"].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn the_level_follows_what_is_asked_for_and_changes_only_when_the_slots_are_empty() {
    let mut house = House::new(&[]);
    house.ask(&json!({"id": "a", "prompt": "x"})).await;
    house.in_hand(1).await;
    house.ask(&json!({"id": "b", "prompt": "x", "level": "Q4_0"})).await;
    house.hears("/answer/b").await;
    assert_eq!(house.parrot.in_hand().len(), 1, "b waits for another level");
    house.parrot.answer("x", Finish::Stop);
    house.in_hand(1).await;
    house.parrot.answer("x", Finish::Stop);
    let answer = house.hears("/answer/b").await;
    assert_eq!((&answer["level"], &answer["why"]), (&json!("Q4_0"), &json!("asked")));
    let files: Vec<String> =
        house.parrot.loaded().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(files, ["tiny.Q8_0.gguf", "tiny.Q4_0.gguf"]);
}

#[tokio::test(start_paused = true)]
async fn with_no_memory_the_asker_is_told_what_is_missing_and_later_served() {
    let mut house = House::new(&[]);
    assert_eq!(answered(&mut house, "a").await, ("Q8_0".into(), "best".into()));
    house.free_memory(NOTHING);
    house.ask(&json!({"id": "b", "prompt": "x"})).await;
    house.hears("/answer/b").await;
    let error = house.hears("/answer/b").await;
    assert_eq!(error["error"]["code"], "no_memory");
    assert!(error["error"]["message"].as_str().unwrap().contains("MiB"), "{error}");
    house.free_memory(3_000);
    house.ask(&json!({"id": "b", "prompt": "x"})).await;
    assert_eq!(house.hears("/answer/b").await["status"], "accepted", "the same id may try again");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_does_not_load_is_left_out_and_the_next_best_serves() {
    let mut house = House::new(&["policy.mode=fixed:Q4_0"]);
    house.parrot.break_file(&house.shelf.join("tiny.Q8_0.gguf"));
    assert_eq!(answered(&mut house, "a").await.0, "Q4_0");
    house.arrives("hob/house/set/level", "auto", Properties::default()).await;
    assert_eq!(answered(&mut house, "b").await.0, "Q4_0", "Q8_0 was tried and failed");
    house.ask(&json!({"id": "c", "prompt": "x", "level": "Q8_0"})).await;
    house.hears("/answer/c").await;
    let error = house.hears("/answer/c").await;
    assert_eq!(error["error"]["code"], "no_model");
    assert!(error["error"]["message"].as_str().unwrap().contains("the script says so"), "it says why: {error}");
}

#[tokio::test(start_paused = true)]
async fn the_choice_is_published_with_the_table_that_was_compared_and_only_when_it_changes() {
    let mut house = House::new(&[]);
    let (letter, state) = house.letter("/state/level").await;
    assert!(letter.retain);
    assert_eq!((&state["level"], &state["why"]), (&json!("Q8_0"), &json!("best")));
    let table: Vec<_> = state["candidates"].as_array().unwrap().iter().map(|one| (&one["level"], &one["why"])).collect();
    assert_eq!(table, [(&json!("Q4_0"), &json!("fits")), (&json!("Q8_0"), &json!("chosen"))]);
    answered(&mut house, "a").await;
    house.free_memory(NOTHING);
    house.ask(&json!({"id": "b", "prompt": "x"})).await;
    let state = house.hears("/state/level").await;
    assert_eq!((state.get("level"), &state["why"]), (None, &json!("ram")), "nothing was said in between");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_put_on_the_shelf_is_found_without_a_restart() {
    let mut house = House::new(&[]);
    answered(&mut house, "a").await;
    level(&house.shelf, "F16", 9);
    assert_eq!(answered(&mut house, "b").await.0, "F16");
}

#[tokio::test(start_paused = true)]
async fn a_mode_that_names_no_level_is_refused_and_costs_nobody_an_answer() {
    let mut house = House::new(&[]);
    house.arrives("hob/house/set/level", "Q9_9", Properties::default()).await;
    let refused = house.hears("/event").await;
    assert_eq!((&refused["event_type"], &refused["command"]), (&json!("refused"), &json!("set/level")));
    assert_eq!(answered(&mut house, "a").await, ("Q8_0".into(), "best".into()));
    house.arrives("hob/house/set/level", "Q4_0", Properties::default()).await;
    assert_eq!(answered(&mut house, "b").await, ("Q4_0".into(), "asked".into()));
}
