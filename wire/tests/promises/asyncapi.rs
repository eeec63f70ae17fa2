//! That the AsyncAPI document is true: its channels are the topics of the code, and every reference leads somewhere.

use std::collections::BTreeSet;

use hob_wire::event::MeterCode;
use hob_wire::topics::{CHANNELS, Way};
use serde_json::Value;

use crate::paper::{json_file, names};

fn document() -> Value {
    json_file("asyncapi.json")
}

#[test]
fn its_channels_are_the_topics_of_the_code_and_the_other_way_round() {
    let document = document();
    let described = document["channels"].as_object().unwrap();
    // The topic that an asker names has no address of its own.
    let with_address = described.iter().filter(|(_, channel)| !channel["address"].is_null());
    let described: BTreeSet<_> =
        with_address.map(|(name, channel)| (name.as_str(), channel["address"].as_str().unwrap())).collect();
    let coded: BTreeSet<_> = CHANNELS.iter().map(|channel| (channel.name, channel.address)).collect();
    assert_eq!(described, coded);
}

#[test]
fn messages_travel_as_it_says() {
    let document = document();
    let operations = document["operations"].as_object().unwrap();
    assert_eq!(operations.len(), CHANNELS.len());
    for channel in CHANNELS {
        let to = format!("#/channels/{}", channel.name);
        let operation = operations.values().find(|operation| operation["channel"]["$ref"] == to).expect(channel.name);
        let action = if channel.way == Way::In { "receive" } else { "send" };
        assert_eq!(operation["action"], action, "{}", channel.name);
        let mqtt = &operation["bindings"]["mqtt"];
        assert_eq!((&mqtt["qos"], &mqtt["retain"]), (&channel.qos.into(), &channel.retain.into()), "{}", channel.name);
    }
}

/// Collects every `$ref` in a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// Checks the references of the file at `folder/name`, and says which other files it refers to.
fn check(folder: &str, name: &str) -> BTreeSet<String> {
    let (own, mut found) = (json_file(&format!("{folder}{name}")), Vec::new());
    references(&own, &mut found);
    assert!(
        ["status.json", "common.json", "set_telemetry.json"].contains(&name) || !found.is_empty(),
        "{name} refers to nothing"
    );
    let mut files = BTreeSet::new();
    for reference in found {
        let (file, pointer) = reference.split_once('#').unwrap_or((&reference, ""));
        let file = file.trim_start_matches("./");
        let target = if file.is_empty() { own.clone() } else { json_file(&format!("{folder}{file}")) };
        assert!(target.pointer(pointer).is_some(), "{name} refers to {reference}, which leads nowhere");
        if !file.is_empty() {
            files.insert(file.to_owned());
        }
    }
    files
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let mut used: BTreeSet<String> = check("", "asyncapi.json");
    for name in names("schemas") {
        let from_schema = check("schemas/", &format!("{name}.json"));
        used.extend(from_schema.into_iter().map(|file| format!("schemas/{file}")));
    }
    for name in names("schemas") {
        let for_clients = name == "reply";
        assert!(for_clients || used.contains(&format!("schemas/{name}.json")), "nothing refers to {name}");
    }
}

#[test]
fn every_schema_is_one() {
    for name in names("schemas") {
        let schema = json_file(&format!("schemas/{name}.json"));
        if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn the_codes_of_the_schema_are_those_of_the_code() {
    let common = json_file("schemas/common.json");
    let described = common["$defs"]["code"]["enum"].as_array().unwrap();
    assert_eq!(*described, hob_wire::reply::Code::ALL.map(|code| Value::from(code.as_str())));
    let event = json_file("schemas/event.json");
    let meter = event["oneOf"].as_array().unwrap().iter().find(|kind| kind["properties"]["event_type"]["const"] == "meter");
    let codes = MeterCode::ALL.map(|code| serde_json::to_value(code).unwrap());
    assert_eq!(meter.unwrap()["properties"]["code"]["enum"], Value::from_iter(codes));
}
