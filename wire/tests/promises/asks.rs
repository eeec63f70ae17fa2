//! What a good ask becomes.

use hob_core::prompt::{LevelWish, Message, Priority, Role, Sampling, Shape};
use hob_core::units::{BasisPoints, Microjoules, Millis};
use hob_wire::properties::{HOB_ID, JSON, Properties, TEXT};
use hob_wire::request::{self, ReplyRoute};
use serde_json::json;

use crate::paper::{ask, id, intake};

fn with_type(content_type: &str) -> Properties {
    Properties { content_type: Some(content_type.to_owned()), ..Properties::default() }
}

#[test]
fn a_plain_text_is_a_prompt_with_all_the_defaults() {
    let ask = ask("What is the capital of Italy?", &Properties::default()).unwrap();
    let (system, user) = (&ask.prompt.messages[0], &ask.prompt.messages[1]);
    assert_eq!((system.role, system.content.as_str()), (Role::System, "Be brief."));
    assert_eq!((user.role, user.content.as_str()), (Role::User, "What is the capital of Italy?"));
    assert_eq!((ask.prompt.max_tokens, ask.prompt.sampling), (256, Sampling::default()));
    assert_eq!((ask.prompt.level, ask.prompt.shape, ask.prompt.priority), (LevelWish::Auto, Shape::Free, Priority::Normal));
    assert_eq!(ask.reply, ReplyRoute { topic: "hob/pi/answer/made-up".into(), stream: None, correlation: None });
    assert!(!ask.dedupe, "a made-up id says nothing about repeats");
}

#[test]
fn what_is_a_text_and_what_is_an_object() {
    let object = r#" {"prompt":"hi"}"#;
    let table = [
        ("hi", Properties::default(), "hi"),
        (object, Properties::default(), "hi"),
        (object, with_type(JSON), "hi"),
        (object, with_type("Application/JSON; charset=utf-8"), "hi"),
        (object, with_type("application/vnd.hob+json"), "hi"),
        (object, with_type("application/octet-stream"), "hi"),
        (object, with_type(TEXT), object),
        ("{not json", with_type("text/plain;charset=utf-8"), "{not json"),
        ("[1,2]", Properties::default(), "[1,2]"),
    ];
    for (payload, properties, said) in table {
        let ask = ask(payload, &properties).unwrap();
        assert_eq!(ask.prompt.messages[1].content, said, "{payload} as {:?}", properties.content_type);
    }
}

#[test]
fn every_field_arrives() {
    let payload = json!({
        "v": 1, "transaction": "q1", "system": "", "prompt": "hi", "model": "m", "quant": "Q4_K_M", "max_tokens": 5.0,
        "temperature": 0.7, "top_k": 0, "top_p": 1, "min_p": 0.0, "repeat_penalty": 1.1, "seed": 4_294_967_295_u32,
        "stop": "END", "deadline_ms": 1_500, "max_joules": 61.125, "min_quality": 97.25, "priority": "high", "stream": true,
        "reply_to": "app/7", "grammar": "root ::= \"x\"", "json_schema": null,
    });
    let ask = ask(payload.to_string(), &Properties::default()).unwrap();
    let prompt = ask.prompt;
    assert_eq!(prompt.id, id("q1"));
    assert_eq!(prompt.messages, [Message { role: Role::User, content: "hi".into() }], "an empty system is none");
    assert_eq!(prompt.model.as_deref(), Some("m"));
    assert_eq!(prompt.level, LevelWish::Exactly("Q4_K_M".into()));
    let sampling = Sampling { temperature: 0.7, top_k: 0, top_p: 1.0, min_p: 0.0, repeat_penalty: 1.1, seed: 4_294_967_295 };
    assert_eq!((prompt.max_tokens, prompt.sampling), (5, sampling));
    assert_eq!((prompt.stop, prompt.shape), (vec!["END".to_owned()], Shape::Grammar("root ::= \"x\"".into())));
    assert_eq!((prompt.deadline, prompt.max_energy), (Some(Millis(1_500)), Some(Microjoules(61_125_000))));
    assert_eq!((prompt.min_quality, prompt.priority), (Some(BasisPoints(9_725)), Priority::High));
    assert_eq!((ask.reply.topic.as_str(), ask.reply.stream.as_deref()), ("app/7", Some("app/7/stream")));
    assert!(ask.dedupe);
}

#[test]
fn a_budget_is_kept_to_the_thousandth_of_a_joule() {
    for (written, microjoules) in [("0.001", 1_000), ("0.3", 300_000), ("61.2", 61_200_000), ("999999.999", 999_999_999_000)] {
        let payload = format!(r#"{{"prompt":"hi","max_joules":{written}}}"#);
        let ask = ask(payload, &Properties::default()).unwrap();
        assert_eq!(ask.prompt.max_energy, Some(Microjoules(microjoules)), "{written}");
    }
}

#[test]
fn a_json_schema_keeps_the_order_of_its_keys() {
    let schema = r#"{ "type":"object", "properties":{"zebra":{},"ant":{"maxLength":3}} }"#;
    let ask = ask(format!(r#"{{"prompt":"hi","json_schema":{schema}}}"#), &Properties::default()).unwrap();
    assert_eq!(ask.prompt.shape, Shape::JsonSchema(schema.to_owned()));
}

#[test]
fn an_id_comes_from_the_payload_else_the_properties_else_it_is_made_up() {
    let named = |user: Option<&str>, correlation: &[u8]| Properties {
        user: user.map(|id| (HOB_ID.to_owned(), id.to_owned())).into_iter().collect(),
        correlation: Some(correlation.to_vec()),
        ..Properties::default()
    };
    let table = [
        (r#"{"id":"own","prompt":"hi"}"#, named(Some("user"), b"corr"), "own", true),
        ("hi", named(Some("user"), b"corr"), "user", true),
        ("hi", named(None, b"corr"), "made-up", false),
        ("hi", named(None, &[0xff, 0]), "made-up", false),
    ];
    for (payload, properties, name, dedupe) in table {
        let ask = ask(payload, &properties).unwrap();
        assert_eq!((ask.prompt.id.as_str(), ask.dedupe), (name, dedupe));
        assert_eq!(ask.reply.correlation, properties.correlation, "the correlation goes back as it came");
    }
}

#[test]
fn an_answer_goes_to_the_response_topic_before_all() {
    let properties = Properties { response_topic: Some("app/1".into()), message_expiry: Some(90), ..Properties::default() };
    let ask = ask(r#"{"prompt":"hi","reply_to":"app/2","stream":true}"#, &properties).unwrap();
    assert_eq!((ask.reply.topic.as_str(), ask.reply.stream.as_deref()), ("app/1", Some("app/1/stream")));
    assert_eq!(ask.expires, Some(Millis(90_000)));
    assert_eq!(ask.prompt.deadline, None, "an expiry is the message's, a deadline the answer's");
}

#[test]
fn pieces_for_nobodys_topic_go_to_the_devices_own() {
    let ask = ask(r#"{"id":"q1","prompt":"hi","stream":true}"#, &Properties::default()).unwrap();
    assert_eq!((ask.reply.topic.as_str(), ask.reply.stream.as_deref()), ("hob/pi/answer/q1", Some("hob/pi/stream/q1")));
}

#[test]
fn one_text_or_several_may_be_embedded() {
    for (payload, input) in [
        ("one", vec!["one"]),
        (r#"{"input":"one"}"#, vec!["one"]),
        (r#"{"input":["one","two"],"model":"minilm"}"#, vec!["one", "two"]),
    ] {
        let embed = intake().embed(payload.as_bytes(), &Properties::default(), || id("made-up")).unwrap();
        assert_eq!(embed.input, input, "{payload}");
        assert_eq!(embed.reply.topic, "hob/pi/answer/made-up");
    }
}

#[test]
fn a_clients_properties_lead_back_to_it() {
    let ask = ask("hi", &Properties::ask(&id("q1"), Some("app/1".into()))).unwrap_err();
    assert!(ask.fault.message.contains("not a JSON object"), "the properties say JSON: {}", ask.fault.message);
    let prompt = crate::paper::ask("hi", &Properties::default()).unwrap().prompt;
    let written = request::write_ask(&prompt, false, None).unwrap();
    let ask = crate::paper::ask(written, &Properties::ask(&id("q1"), Some("app/1".into()))).unwrap();
    assert_eq!((ask.prompt, ask.reply.topic.as_str()), (prompt, "app/1"));
}
