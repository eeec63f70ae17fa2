//! The last decision is kept by the broker as a sentence for people, with its numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use house::{House, Place};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn after_each_decision_it_is_said_why_in_a_sentence_that_names_the_level() {
    let mut house = House::at(&Place::with_known_costs(), &[]);
    for (ask, begins, why) in [
        (json!({"id": "a", "prompt": "x"}), "Q8_0 because it is the best there is", "best"),
        (json!({"id": "b", "prompt": "x", "level": "Q4_0"}), "Q4_0 because it was asked for", "asked"),
        (json!({"id": "c", "prompt": "x", "max_joules": 100}), "Q4_0 because more would cost more energy", "budget"),
        (json!({"id": "d", "prompt": "x", "max_joules": 1}), "Not answered, because Q8_0 needs up to", "over_budget"),
    ] {
        house.ask(&ask).await;
        let (letter, said) = house.letter("/state/why").await;
        assert!(letter.retain && letter.sure);
        let sentence = said["sentence"].as_str().unwrap();
        assert!(sentence.starts_with(begins) && sentence.ends_with('.'), "{sentence}");
        assert!(sentence.contains(" J"), "with numbers: {sentence}");
        assert_eq!(said["why"], why);
        if why != "over_budget" {
            house.in_hand(1).await;
            house.parrot.answer("x", hob_core::prompt::Finish::Stop);
        }
        house.replies(ask["id"].as_str().unwrap()).await;
    }
}
