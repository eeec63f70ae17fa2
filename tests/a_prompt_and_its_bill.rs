//! A prompt comes in, is accepted, answered and billed; its duplicate gets the stored answer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use std::time::Duration;

use hob_core::prompt::Finish;
use hob_wire::properties::Properties;
use house::House;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn it_is_accepted_answered_and_billed_to_the_microjoule() {
    let mut house = House::new(&["carbon.g_per_kwh=400"]);
    house.draws(2_000, Duration::from_secs(1)).await;
    house.ask(&json!({"id": "egg", "prompt": "how long does an egg boil?"})).await;
    let accepted = house.hears("/answer/egg").await;
    assert_eq!(accepted["status"], "accepted");
    house.in_hand(1).await;
    house.draws(5_000, Duration::from_secs(30)).await;
    house.parrot.answer("About eight minutes.", Finish::Stop);
    house.draws(2_000, Duration::from_secs(1)).await;
    let answer = house.hears("/answer/egg").await;
    assert_eq!(answer["status"], "ok");
    assert_eq!(answer["text"], "About eight minutes.");
    let energy = &answer["energy"];
    let joules = |name: &str| energy[name].as_f64().unwrap();
    assert!((joules("wall_j") - 150.0).abs() < 1.0, "5 W for 30 s: {energy}");
    assert!((joules("idle_j") - 60.0).abs() < 0.5, "2 W of it the board draws anyway: {energy}");
    assert!((joules("wall_j") - joules("idle_j") - joules("marginal_j")).abs() < 1e-6, "{energy}");
    assert_eq!((&energy["source"], &energy["coverage"], energy.get("marks")), (&json!("simulated"), &json!(1.0), None));
    assert_eq!((&answer["co2"]["operational_g"], &answer["co2"]["method"]), (&json!(0.017), &json!("sci-1.1")), "400 g/kWh");
    assert_eq!((&answer["level"], &answer["why"]), (&json!("Q8_0"), &json!("best")));
    assert_eq!(answer["ms"]["total"].as_u64().unwrap() / 1_000, 30);
    assert_eq!(house.hears("/event").await["event_type"], "answer");
    let last = house.hears("/state/answer").await;
    assert_eq!((&last["id"], last.get("text")), (&json!("egg"), None), "what was said is nobody else's business");
}

#[tokio::test(start_paused = true)]
async fn the_same_id_again_brings_the_stored_answer_and_no_new_one() {
    let mut house = House::new(&[]);
    let ask = json!({"id": "twice", "prompt": "hello"});
    house.ask(&ask).await;
    house.in_hand(1).await;
    house.ask(&ask).await;
    assert_eq!(house.hears("/answer/twice").await["status"], "accepted");
    assert_eq!(house.hears("/answer/twice").await["status"], "accepted", "still at it");
    house.parrot.answer("Hello.", Finish::Stop);
    assert_eq!(house.hears("/answer/twice").await["status"], "ok");
    house.ask(&ask).await;
    let again = house.hears("/answer/twice").await;
    assert_eq!((&again["text"], &again["duplicate"]), (&json!("Hello."), &json!(true)));
    assert!(house.parrot.in_hand().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_answer_goes_where_the_asker_says_with_his_correlation() {
    let mut house = House::new(&[]);
    let properties =
        Properties { response_topic: Some("reply/node-red/7".into()), correlation: Some(vec![0, 255, 7]), ..Properties::text() };
    house.arrives("hob/house/ask", "plain words", properties).await;
    house.in_hand(1).await;
    house.parrot.answer("Fine.", Finish::Stop);
    house.letter("reply/node-red/7").await;
    let (letter, answer) = house.letter("reply/node-red/7").await;
    assert_eq!(answer["text"], "Fine.");
    assert_eq!(letter.properties.correlation, Some(vec![0, 255, 7]));
}

#[tokio::test(start_paused = true)]
async fn a_streamed_answer_comes_in_numbered_pieces_and_then_whole() {
    let mut house = House::new(&[]);
    house.ask(&json!({"id": "s", "prompt": "hello", "stream": true})).await;
    house.in_hand(1).await;
    house.parrot.say("Hel");
    house.parrot.say("lo.");
    house.parrot.answer("Hello.", Finish::Stop);
    assert_eq!(house.hears("/stream/s").await, json!({"id": "s", "seq": 0, "delta": "Hel"}));
    assert_eq!(house.hears("/stream/s").await, json!({"id": "s", "seq": 1, "delta": "lo."}));
    assert_eq!(house.hears("/stream/s").await, json!({"id": "s", "seq": 2, "done": true}));
    assert_eq!(house.hears("/answer/s").await["text"], "Hello.");
}

#[tokio::test(start_paused = true)]
async fn bad_input_reaches_its_sender_and_costs_nobody_else() {
    let mut house = House::new(&[]);
    house.ask(&json!({"id": "good", "prompt": "hello"})).await;
    house.ask(&json!({"id": "bad", "prompt": "hello", "temprature": 1})).await;
    let error = house.hears("/answer/bad").await;
    assert_eq!(error["error"]["code"], "bad_request");
    assert!(error["error"]["message"].as_str().unwrap().contains("temprature"), "{error}");
    house.in_hand(1).await;
    house.parrot.answer("Hello.", Finish::Stop);
    house.letter("/state/answer").await;
    assert_eq!(*house.acks.lock().unwrap(), 2, "both are in safe hands");
}
