//! A live feed says what the grid carries: the next answer goes by it, until it is stale; nonsense is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod house;

use std::time::{Duration, SystemTime};

use house::House;
use serde_json::{Value, json};

fn feed(grams: u32, source: &str, age: Duration) -> String {
    let t = humantime::format_rfc3339_seconds(SystemTime::now() - age).to_string();
    json!({"g_per_kwh": grams, "source": source, "t": t, "valid_s": 3_600, "kind": "average"}).to_string()
}

async fn carried(house: &mut House, id: &str) -> (Value, Value, Option<Value>) {
    let co2 = house.answers(id).await["co2"].clone();
    (co2["g_per_kwh"].clone(), co2["source"].clone(), co2.get("kind").cloned())
}

#[tokio::test(start_paused = true)]
async fn the_devices_own_feed_goes_before_the_sites_and_a_stale_one_before_neither() {
    let mut house = House::new(&["carbon.country=ITA"]);
    let (_, table, kind) = carried(&mut house, "a").await;
    assert_eq!((table, kind), (json!("country ITA"), None));
    house.told("hob/grid_intensity", &feed(212, "grid operator", Duration::ZERO)).await;
    assert_eq!(carried(&mut house, "b").await, (json!(212), json!("grid operator"), Some(json!("average"))));
    house.told("hob/house/grid_intensity", &feed(35, "own roof", Duration::ZERO)).await;
    assert_eq!(carried(&mut house, "c").await.0, json!(35));
    house.waits(Duration::from_secs(3_700)).await;
    assert_eq!(carried(&mut house, "d").await.1, json!("country ITA"));
}

#[tokio::test(start_paused = true)]
async fn zero_and_what_is_stale_when_it_comes_are_refused() {
    let mut house = House::new(&["carbon.g_per_kwh=400"]);
    let old = Duration::from_hours(2);
    for (said, why) in [(feed(0, "broken", Duration::ZERO), "g_per_kwh"), (feed(90, "late", old), "no longer valid")] {
        house.told("hob/grid_intensity", &said).await;
        let refused = house.hears("/event").await;
        assert_eq!(refused["command"], "grid_intensity");
        assert!(refused["message"].as_str().unwrap().contains(why), "{refused}");
    }
    assert_eq!(carried(&mut house, "a").await, (json!(400), json!("config"), None));
}

#[tokio::test(start_paused = true)]
async fn grams_count_up_each_joule_by_what_it_carried_at_its_time() {
    let mut house = House::new(&["carbon.g_per_kwh=800", "telemetry.every_s=60"]);
    house.draws(5_000, Duration::from_secs(61)).await;
    house.told("hob/grid_intensity", &feed(50, "night", Duration::ZERO)).await;
    house.draws(5_000, Duration::from_secs(61)).await;
    let mut grams = Vec::new();
    while grams.len() < 3 {
        grams.push(house.hears("/telemetry").await["co2_g"].as_f64().unwrap());
    }
    assert!((0.063..0.068).contains(&grams[1]), "5 W for a minute at 800 g/kWh: {grams:?}");
    let night = grams[2] - grams[1];
    assert!((0.004..0.008).contains(&night), "and for another at 50, but for a second or two: {grams:?}");
}
