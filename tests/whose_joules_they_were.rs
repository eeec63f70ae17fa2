//! Every joule is somebody's: an answer's, the loading's or the waiting's, over restarts too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use std::time::Duration;

use hob_core::{prompt::Finish, units::Microjoules};
use house::{House, Place};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn microjoules(answer: &Value) -> u64 {
    format!("{:.0}", answer["energy"]["wall_j"].as_f64().unwrap() * 1e6).parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn bills_of_prompts_that_overlap_and_waiting_add_up_to_what_the_meter_saw() {
    let mut house = House::new(&["engine.slots=2"]);
    house.draws(2_000, SECOND).await;
    house.ask(&json!({"id": "a", "prompt": "x"})).await;
    house.in_hand(1).await;
    house.draws(5_000, 10 * SECOND).await;
    house.ask(&json!({"id": "b", "prompt": "x"})).await;
    house.in_hand(2).await;
    house.draws(6_000, 10 * SECOND).await;
    house.parrot.answer("first", Finish::Stop);
    house.draws(5_000, 5 * SECOND).await;
    house.parrot.answer("second", Finish::Stop);
    house.draws(2_000, 2 * SECOND).await;
    let (first, second) = (house.replies("a").await, house.replies("b").await);
    let seen = house.gauge.shown();
    let books = seen.books;
    assert_eq!(books.answers, Microjoules(microjoules(&first) + microjoules(&second)), "both bills, to the microjoule");
    assert_eq!(books.overhead, Microjoules::ZERO, "nothing was loaded meanwhile");
    let everything = books.answers.plus(books.overhead).plus(books.idle).plus(books.open);
    assert!(seen.total.minus(everything).0 <= 2_000 * 50_000 / 1_000, "up to the last reading: {seen:?}");
    assert!((microjoules(&first) + microjoules(&second)).abs_diff(135_000_000) < 1_000_000, "50 + 60 + 25 J: {books:?}");
    assert!(first["energy"]["idle_j"].as_f64().unwrap() < 31.0, "10 s alone and 10 s shared of 2 W: {first}");
}

#[tokio::test(start_paused = true)]
async fn loading_is_nobodys_answer_but_overhead_under_its_own_name() {
    let mut house = House::new(&[]);
    house.answers("warm").await;
    house.draws(2_000, 2 * SECOND).await;
    let before = house.gauge.shown().books;
    house.loads_for(&json!({"id": "a", "prompt": "x", "level": "Q4_0"}), 4_000, 10 * SECOND).await;
    house.in_hand(1).await;
    house.draws(5_000, 10 * SECOND).await;
    house.parrot.answer("x", Finish::Stop);
    house.draws(2_000, 2 * SECOND).await;
    let wall = house.replies("a").await["energy"]["wall_j"].as_f64().unwrap();
    assert!((wall - 50.0).abs() < 1.0, "5 W for 10 s and nothing of the loading: {wall}");
    let overhead = house.gauge.shown().books.overhead.minus(before.overhead);
    assert!(overhead.0.abs_diff(40_000_000) < 1_000_000, "4 W for 10 s: {overhead:?}");
}

#[tokio::test(start_paused = true)]
async fn the_books_go_on_where_they_were_before_a_restart() {
    let place = Place::new();
    let watt_hours = |state: &Value, what: &str| state["books"]["total"][what].as_f64().unwrap();
    let mut house = House::at(&place, &[]);
    assert!(watt_hours(&house.hears("/state/power").await, "answers_wh").abs() < 1e-9);
    for id in ["a", "b", "c", "d", "e", "f"] {
        house.ask(&json!({"id": id, "prompt": "x"})).await;
        house.in_hand(1).await;
        house.draws(6_000, 100 * SECOND).await;
        house.parrot.answer("x", Finish::Stop);
        house.draws(2_000, SECOND).await;
        house.replies(id).await;
    }
    house.close();
    house.goes_dark().await;

    let mut house = House::at(&place, &[]);
    let before = watt_hours(&house.hears("/state/power").await, "answers_wh");
    assert!((before - 1.0).abs() < 0.01, "6 W for ten minutes: {before}");
    house.draws(3_000, 1_200 * SECOND).await;
    let state = house.hears_that("/state/power", |state| watt_hours(state, "idle_wh") > 0.9).await;
    assert!((watt_hours(&state, "answers_wh") - before).abs() < 1e-9, "waiting is not answering: {state}");
}
