//! The golden examples: each fits its schema, and comes back from the types as it was.

use hob_core::ledger::{Embodied, Sourced, footprint};
use hob_core::units::{BasisPoints, Microjoules, Micros};
use hob_wire::decimal::Decimal;
use hob_wire::event::Event;
use hob_wire::properties::Properties;
use hob_wire::reply::{Chunk, Co2, Embedding, Rates, Reply, words_per_charge};
use hob_wire::request;
use hob_wire::state::{Info, LastAnswer, LevelState, PowerState, Status, Telemetry, Why};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::paper::{ask, intake, json_file, names, objections, schema};

/// Reads a payload and writes it again.
fn again<T: DeserializeOwned + Serialize>(text: &str) -> String {
    serde_json::to_string(&serde_json::from_str::<T>(text).unwrap()).unwrap()
}

/// What Hob makes of an example and says again; `None` for what it only reads.
fn there_and_back(kind: &str, text: &str) -> Option<String> {
    match kind {
        "accepted" | "answer" | "error" => Some(again::<Reply>(text)),
        "embedding" => Some(again::<Reply<Embedding>>(text)),
        "chunk" => Some(again::<Chunk>(text)),
        "event" => Some(again::<Event>(text)),
        "info" => Some(again::<Info>(text)),
        "level" => Some(again::<LevelState>(text)),
        "last_answer" => Some(again::<LastAnswer>(text)),
        "power" => Some(again::<PowerState>(text)),
        "why" => Some(again::<Why>(text)),
        "telemetry" => Some(again::<Telemetry>(text)),
        "status" => {
            let word: String = serde_json::from_str(text).unwrap();
            Some(format!("{:?}", Status::read(word.as_bytes()).unwrap().as_str()))
        }
        "ask" => {
            ask(text, &Properties::default()).unwrap();
            None
        }
        "embed" => {
            intake().embed(text.as_bytes(), &Properties::default(), || unreachable!("it has an id")).unwrap();
            None
        }
        "set_level" => {
            request::level(text.as_bytes()).unwrap();
            None
        }
        "grid_intensity" => {
            request::grid_intensity(text.as_bytes()).unwrap();
            None
        }
        "set_telemetry" => {
            request::telemetry(text.as_bytes()).unwrap();
            None
        }
        "set_cancel" => {
            request::cancel(text.as_bytes()).unwrap();
            None
        }
        other => panic!("no type is known for the example {other}"),
    }
}

#[test]
fn every_example_fits_its_schema_and_comes_back_as_it_was() {
    for name in names("examples") {
        let kind = name.split('.').next().unwrap();
        let example = json_file(&format!("examples/{name}.json"));
        assert_eq!(objections(&schema(kind), &example), Vec::<String>::new(), "{name}");
        if let Some(back) = there_and_back(kind, &example.to_string()) {
            let back: Value = serde_json::from_str(&back).unwrap();
            assert_eq!(back, example, "{name}");
            assert_eq!(objections(&schema(kind), &back), Vec::<String>::new(), "{name}, written again");
        }
    }
}

#[test]
fn every_schema_has_an_example() {
    let examples = names("examples");
    for schema in names("schemas") {
        let shared = ["common", "account", "reply"].contains(&schema.as_str());
        let shown = examples.iter().any(|example| example.split('.').next() == Some(&schema));
        assert!(shared || shown, "{schema} has none");
    }
}

#[test]
fn anything_that_is_said_to_an_asker_is_one_kind_of_reply() {
    let reply = schema("reply");
    for name in names("examples") {
        let said = ["accepted", "answer", "embedding", "error"].contains(&name.split('.').next().unwrap());
        assert_eq!(reply.is_valid(&json_file(&format!("examples/{name}.json"))), said, "{name}");
    }
}

#[test]
fn the_full_ask_is_written_again_as_it_was() {
    let example = json_file("examples/ask.full.json");
    let read = ask(example.to_string(), &Properties::default()).unwrap();
    let written = request::write_ask(&read.prompt, read.reply.stream.is_some(), Some(&read.reply.topic)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), example);
}

#[test]
fn a_reader_ignores_fields_that_a_later_hob_adds_but_not_another_version() {
    let mut answer = json_file("examples/answer.json");
    answer["energy"]["moon"] = 99.into();
    answer["new"] = true.into();
    assert!(serde_json::from_value::<Reply>(answer.clone()).is_ok());
    answer["v"] = 2.into();
    let error = serde_json::from_value::<Reply>(answer).unwrap_err().to_string();
    assert!(error.contains("this is version 2; this Hob reads version 1"), "{error}");
}

#[test]
fn joules_are_written_to_the_last_digit() {
    let text = again::<Reply>(&json_file("examples/answer.json").to_string());
    for exact in [r#""wall_j":61.200001"#, r#""marginal_j":30.800001"#, r#""g_per_kwh":475,"#, r#""tokens_per_s":4.45"#] {
        assert!(text.contains(exact), "{exact} in {text}");
    }
}

#[test]
fn the_account_of_the_example_adds_up() {
    let answer = json_file("examples/answer.json");
    let Reply::Ok(answer) = serde_json::from_value::<Reply>(answer).unwrap() else { panic!("it is an answer") };
    let (account, energy) = (&answer.account, &answer.account.energy);
    assert_eq!(energy.wall_j.0, energy.idle_j.0 + energy.marginal_j.0);
    let joules = |joules: Decimal<6>| Microjoules(u64::try_from(joules.0).unwrap());
    let (wall, marginal, tokens) = (joules(energy.wall_j), joules(energy.marginal_j), account.tokens.completion);
    assert_eq!(energy.j_per_token, Rates::joules_per_token(wall, marginal, tokens));
    assert_eq!(energy.tokens_per_j, Rates::tokens_per_joule(wall, marginal, tokens));
    assert_eq!(energy.words_per_charge, words_per_charge(Microjoules(68_400_000_000), wall, 48), "48 words, 19 Wh");
    let (world, embodied) = (Sourced::world(), Embodied::default());
    let share = embodied.charge(Micros(0), 500);
    let footprint = footprint(wall, BasisPoints(140), world.factor, share, embodied.bound).unwrap();
    assert_eq!(account.co2, Some(Co2::of(&footprint, &world)));
}
