//! The owner says by whom the level is chosen: for good or for a while, in a word or in an object; and hears what Hob
//! cannot follow.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use house::{House, Place};
use serde_json::{Value, json};

const SET: &str = "hob/house/set/level";

/// Mode and level, as they are published next.
async fn shown(house: &mut House) -> (Value, Value, Option<Value>) {
    let state = house.hears("/state/level").await;
    (state["mode"].clone(), state["level"].clone(), state.get("expires").cloned())
}

#[tokio::test(start_paused = true)]
async fn each_mode_is_told_in_a_word_or_in_an_object_and_shows() {
    let mut house = House::at(&Place::with_known_costs(), &[]);
    assert_eq!(shown(&mut house).await, (json!("auto"), json!("Q8_0"), None));
    let modes = [
        ("endurance", "endurance", "Q4_0"),
        (r#"{"mode":"quality"}"#, "quality", "Q8_0"),
        ("fixed:Q4_0", "fixed", "Q4_0"),
        ("auto", "auto", "Q8_0"),
        (r#"{"mode":"fixed","level":"Q4_0"}"#, "fixed", "Q4_0"),
    ];
    for (number, (said, mode, level)) in modes.into_iter().enumerate() {
        house.told(SET, said).await;
        assert_eq!(shown(&mut house).await, (json!(mode), json!(level), None), "{said}");
        assert_eq!(house.answers(&format!("after-{number}")).await["level"], level, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mode_for_a_while_falls_back_to_the_configured_one_when_its_time_is_over() {
    let mut house = House::at(&Place::with_known_costs(), &["policy.mode=quality"]);
    assert_eq!(shown(&mut house).await, (json!("quality"), json!("Q8_0"), None));
    let told = tokio::time::Instant::now();
    house.told(SET, r#"{"mode":"fixed:Q4_0","for_s":3600}"#).await;
    let (mode, level, expires) = shown(&mut house).await;
    assert_eq!((mode, level), (json!("fixed"), json!("Q4_0")));
    assert!(humantime::parse_rfc3339(expires.unwrap().as_str().unwrap()).is_ok());
    assert_eq!(house.answers("meanwhile").await["level"], "Q4_0");
    assert_eq!(shown(&mut house).await, (json!("quality"), json!("Q8_0"), None));
    assert_eq!(told.elapsed().as_secs(), 3_600);
    assert_eq!(house.answers("after").await["level"], "Q8_0");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_followed_is_refused_and_everything_stays_as_it_is() {
    let mut house = House::at(&Place::with_known_costs(), &[]);
    house.told(SET, "fixed:Q4_0").await;
    for (said, why) in [
        ("fixed:Q9_9", "no level Q9_9"),
        (r#"{"mode":"fixed"}"#, "needs a `level`"),
        (r#"{"mode":"thrifty"}"#, "must be one of"),
        (r#"{"mode":"auto","for_s":0}"#, "for_s"),
    ] {
        house.told(SET, said).await;
        let refused = house.hears("/event").await;
        assert_eq!((&refused["event_type"], &refused["command"]), (&json!("refused"), &json!("set/level")), "{said}");
        assert!(refused["message"].as_str().unwrap().contains(why), "{said}: {refused}");
    }
    assert_eq!(house.answers("a").await["level"], "Q4_0");
}

#[tokio::test(start_paused = true)]
async fn a_mode_that_the_broker_kept_holds_but_not_for_a_while_that_nobody_can_date() {
    let mut house = House::at(&Place::with_known_costs(), &[]);
    house.arrives_kept(SET, r#"{"mode":"endurance","for_s":3600}"#).await;
    let refused = house.hears("/event").await;
    assert!(refused["message"].as_str().unwrap().contains("cannot be dated"), "{refused}");
    assert_eq!(house.answers("a").await["level"], "Q8_0");
    house.arrives_kept(SET, "endurance").await;
    assert_eq!(house.answers("b").await["level"], "Q4_0");
}

#[tokio::test(start_paused = true)]
async fn a_mode_outlives_a_shelf_that_is_still_empty() {
    let place = Place::new();
    for level in ["Q8_0", "Q4_0"] {
        std::fs::rename(place.shelf().join(format!("tiny.{level}.gguf")), place.path().join(level)).unwrap();
    }
    let mut house = House::at(&place, &[]);
    house.told(SET, "quality").await;
    assert_eq!(shown(&mut house).await.0, "auto");
    assert_eq!(shown(&mut house).await.0, "quality");
    house.close();
    assert_eq!(house.hears_to_the_end("/state/level").await, Vec::<Value>::new(), "it is kept, for the levels to come");
}
