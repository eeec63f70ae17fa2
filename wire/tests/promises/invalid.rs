//! Invalid payloads: the parser turns each away with a reason, and so does the schema where a schema can say it.

use hob_core::prompt::PromptId;
use hob_wire::properties::Properties;
use hob_wire::reply::Code;
use hob_wire::request;
use serde_json::Value;

use crate::paper::{ask, id, intake, schema};

/// What the schema says of a payload that the parser refuses.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Schema {
    /// The same.
    Refuses,
    /// A schema cannot say it.
    CannotSay,
}
use Schema::{CannotSay, Refuses};

fn text_of(length: usize) -> String {
    format!("\"{}\"", "x".repeat(length))
}

fn asks() -> Vec<(String, Schema, &'static str)> {
    let field = |rest: &str| format!(r#"{{"prompt":"hi",{rest}}}"#);
    let nested = format!(r#""json_schema":{}{{}}{}"#, r#"{"a":"#.repeat(32), "}".repeat(32));
    let stops = format!("\"stop\":[{}]", vec!["\"x\""; 17].join(","));
    let turns = vec![r#"{"role":"user","content":"x"}"#; 257].join(",");
    vec![
        ("{}".into(), Refuses, "`prompt` is missing"),
        (r#"{"prompt":null}"#.into(), Refuses, "`prompt` is missing"),
        (r#"{"prompt":""}"#.into(), Refuses, "the prompt is blank"),
        (r#"{"prompt":" \n"}"#.into(), Refuses, "the prompt is blank"),
        (r#"{"prompt":1}"#.into(), Refuses, "`prompt` must be a text, and is 1"),
        (r#"{"prompt":["a"]}"#.into(), Refuses, "`prompt` must be a text, and is an array"),
        (r#"{"prompt":"a\u0000b"}"#.into(), Refuses, "NUL"),
        (r#"{"prompt":"a","messages":[{"role":"user","content":"a"}]}"#.into(), Refuses, "not both"),
        (r#"{"messages":[]}"#.into(), Refuses, "`messages` has 0 elements; 1 to 256 are allowed"),
        (format!(r#"{{"messages":[{turns}]}}"#), Refuses, "`messages` has 257 elements"),
        (r#"{"messages":{"role":"user","content":"a"}}"#.into(), Refuses, "`messages` must be an array, and is an object"),
        (r#"{"messages":["a"]}"#.into(), Refuses, "one of them, and is a text"),
        (r#"{"messages":[{"role":"user"}]}"#.into(), Refuses, "needs `role` and `content`"),
        (r#"{"messages":[{"role":"boss","content":"a"}]}"#.into(), Refuses, "must be one of system, user, assistant, tool"),
        (r#"{"messages":[{"role":"user","content":"a","name":"b"}]}"#.into(), Refuses, "\"name\" is not a field of a message"),
        (r#"{"messages":[{"role":"assistant","content":"a"}]}"#.into(), CannotSay, "the last message must be a user's"),
        (
            r#"{"system":"a","messages":[{"role":"system","content":"b"},{"role":"user","content":"c"}]}"#.into(),
            CannotSay,
            "give `system` or a first message of role system, not both",
        ),
        (field(r#""promt":"x""#), Refuses, "\"promt\" is not a field of an ask; its fields are v, id, prompt, messages"),
        (field(r#""v":2"#), Refuses, "`v` must be a whole number from 1 to 1, and is 2"),
        (field(r#""id":"""#), Refuses, "`id`: an id is 1 to 64 printable ASCII characters"),
        (field(r#""id":"a b""#), Refuses, "`id`"),
        (field(r#""id":"a/b""#), Refuses, "`id`"),
        (field(r#""id":7"#), Refuses, "`id` must be a text, and is 7"),
        (field(&format!(r#""id":{}"#, text_of(65))), Refuses, "`id`"),
        (field(r#""id":"a","transaction":"a""#), Refuses, "`id` is given twice (`transaction` is the same field)"),
        (field(r#""level":"auto","quant":"auto""#), Refuses, "`level` is given twice"),
        (field(r#""level":"Q4 K M""#), Refuses, "a level is auto or a name such as Q4_K_M"),
        (field(&format!(r#""level":{}"#, text_of(33))), Refuses, "`level` has 33 bytes; at most 32 are allowed"),
        (field(r#""model":"""#), Refuses, "`model` must be 1 to 128"),
        (field(r#""model":"mödel""#), Refuses, "`model` must be 1 to 128"),
        (field(r#""max_tokens":0"#), Refuses, "`max_tokens` must be a whole number from 1 to 131072, and is 0"),
        (field(r#""max_tokens":131073"#), Refuses, "`max_tokens`"),
        (field(r#""max_tokens":1.5"#), Refuses, "`max_tokens`"),
        (field(r#""max_tokens":"64""#), Refuses, "`max_tokens` must be a whole number from 1 to 131072, and is a text"),
        (field(r#""temperature":2.1"#), Refuses, "`temperature` must be a number from 0 to 2, and is 2.1"),
        (field(r#""temperature":-0.1"#), Refuses, "`temperature`"),
        (field(r#""top_k":-1"#), Refuses, "`top_k`"),
        (field(r#""top_p":1.01"#), Refuses, "`top_p`"),
        (field(r#""min_p":-1"#), Refuses, "`min_p`"),
        (field(r#""repeat_penalty":0.4"#), Refuses, "`repeat_penalty` must be a number from 0.5 to 2"),
        (field(r#""seed":4294967296"#), Refuses, "`seed`"),
        (field(r#""stop":"""#), Refuses, "`stop` has an empty text in it"),
        (field(r#""stop":["a",""]"#), Refuses, "`stop` has an empty text in it"),
        (field(r#""stop":[1]"#), Refuses, "`stop` must be a text, and is 1"),
        (field(&stops), Refuses, "`stop` has 17 elements; 0 to 16 are allowed"),
        (field(&format!(r#""stop":{}"#, text_of(257))), Refuses, "`stop` has 257 bytes; at most 256 are allowed"),
        (field(&format!(r#""stop":"{}""#, "ä".repeat(129))), CannotSay, "`stop` has 258 bytes"),
        (field(r#""json_schema":"{}""#), Refuses, "`json_schema` must be an object, and is a text"),
        (field(r#""json_schema":{},"grammar":"root ::= \"a\"""#), Refuses, "give `json_schema` or `grammar`, not both"),
        (field(&format!(r#""json_schema":{{"a":{}}}"#, text_of(65_536))), CannotSay, "`json_schema` has 65544 bytes"),
        (field(&nested), CannotSay, "the JSON nests deeper than 32 levels"),
        (field(r#""json_schema":{"a":"\u0000"}"#), CannotSay, "NUL"),
        (field(r#""grammar":"  ""#), Refuses, "`grammar` is blank"),
        (field(r#""deadline_ms":0"#), Refuses, "`deadline_ms` must be a whole number from 1 to 604800000"),
        (field(r#""deadline_ms":604800001"#), Refuses, "`deadline_ms`"),
        (field(r#""max_joules":0"#), Refuses, "`max_joules`"),
        (field(r#""max_joules":1000000.5"#), Refuses, "from 0.000001 to 1000000, and is 1000000.5"),
        (field(r#""max_joules":0.0000015"#), CannotSay, "`max_joules` must be a number with at most 6 digits"),
        (
            field(r#""min_quality":-1"#),
            Refuses,
            "`min_quality` must be a number with at most 2 digits after the point from 0 to 100",
        ),
        (field(r#""min_quality":100.5"#), Refuses, "and is 100.5"),
        (field(r#""min_quality":97.125"#), CannotSay, "and is 97.125"),
        (field(r#""min_quality":"best""#), Refuses, "`min_quality`"),
        (field(r#""priority":"urgent""#), Refuses, "`priority` must be one of low, normal, high"),
        (field(r#""stream":"yes""#), Refuses, "`stream` must be true or false, and is a text"),
        (field(r#""reply_to":"""#), Refuses, "`reply_to` is no topic to answer to"),
        (field(r#""reply_to":"app/#""#), Refuses, "must have no wildcard"),
        (field(r#""reply_to":"$SYS/x""#), Refuses, "must not begin with '$'"),
        (field(r#""reply_to":"home/lamp/set""#), CannotSay, "below none of the prefixes"),
        (field(r#""reply_to":"hob/pi/ask""#), CannotSay, "that topic of the house is not for answers"),
    ]
}

#[test]
fn what_the_schema_of_an_ask_refuses_the_parser_refuses_and_says_why() {
    let schema = schema("ask");
    for (payload, says, message) in asks() {
        let refusal = ask(&payload, &Properties::default()).expect_err(&payload);
        assert_eq!(refusal.fault.code, Code::BadRequest, "{payload}");
        assert!(refusal.fault.message.contains(message), "{payload}: {}", refusal.fault.message);
        let value: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(schema.is_valid(&value), says == CannotSay, "{payload}");
    }
}

/// Reads any other request and tells what is wrong with it.
fn fault(kind: &str, payload: &str) -> String {
    let made_up = || -> PromptId { id("made-up") };
    match kind {
        "embed" => intake().embed(payload.as_bytes(), &Properties::default(), made_up).unwrap_err().fault.message,
        "set_telemetry" => request::telemetry(payload.as_bytes()).unwrap_err().message,
        "grid_intensity" => request::grid_intensity(payload.as_bytes()).unwrap_err().message,
        "set_level" => request::level(payload.as_bytes()).unwrap_err().message,
        _ => request::cancel(payload.as_bytes()).unwrap_err().message,
    }
}

#[test]
fn what_the_schemas_of_other_requests_refuse_the_parser_refuses_and_says_why() {
    let feed = |rest: &str| format!(r#"{{"source":"x","t":"2026-11-21T04:00:00Z","valid_s":60,{rest}}}"#);
    let table = [
        ("embed", "{}", "`input` is missing"),
        ("embed", r#"{"input":[]}"#, "`input` has 0 elements; 1 to 64 are allowed"),
        ("embed", r#"{"input":""}"#, "`input` has an empty text in it"),
        ("embed", r#"{"input":["a",1]}"#, "`input` must be a text, and is 1"),
        ("embed", r#"{"input":"a","stream":true}"#, "\"stream\" is not a field of an embed request"),
        ("embed", r#"{"input":"a","id":"a","transaction":"b"}"#, "given twice"),
        ("set_level", "{}", "`mode` is missing: auto, quality, endurance or fixed"),
        ("set_level", r#"{"mode":"best"}"#, "`mode` must be one of auto, quality, endurance, fixed"),
        ("set_level", r#"{"mode":"Q4_K_M"}"#, "`mode` must be one of"),
        ("set_level", r#"{"mode":"fixed:"}"#, "a level is auto or a name"),
        ("set_level", r#"{"mode":"fixed:quality"}"#, "and not a mode"),
        ("set_level", r#"{"mode":"fixed:Q4_0","level":"Q4_0"}"#, "and with no other"),
        ("set_level", r#"{"mode":"fixed","level":"endurance"}"#, "and not a mode"),
        ("set_level", r#"{"mode":"quality","for_s":0}"#, "`for_s` must be a whole number from 1 to 604800"),
        ("set_level", r#"{"mode":"quality","for_s":604801}"#, "`for_s`"),
        ("set_level", r#"{"mode":"quality","for_s":"1h"}"#, "`for_s`"),
        ("set_level", r#"{"mode":"fixed"}"#, "needs a `level`"),
        ("set_level", r#"{"mode":"fixed","level":"auto"}"#, "and not a mode"),
        ("set_level", r#"{"mode":"auto","level":"Q4_0"}"#, "goes with the mode fixed, and with no other"),
        ("set_level", r#"{"mode":"auto","for":"ever"}"#, "\"for\" is not a field of a level command"),
        ("set_level", r#"{"mode":"auto","v":3}"#, "`v`"),
        ("grid_intensity", "{}", "`g_per_kwh` is missing"),
        ("grid_intensity", &feed(r#""g_per_kwh":0"#), "`g_per_kwh` must be a number from 1 to 1500, and is 0"),
        ("grid_intensity", &feed(r#""g_per_kwh":0.9"#), "`g_per_kwh`"),
        ("grid_intensity", &feed(r#""g_per_kwh":1500.5"#), "`g_per_kwh`"),
        ("grid_intensity", &feed(r#""g_per_kwh":-20"#), "`g_per_kwh`"),
        ("grid_intensity", &feed(r#""g_per_kwh":"212""#), "`g_per_kwh`"),
        ("grid_intensity", r#"{"g_per_kwh":1,"t":"2026-11-21T04:00:00Z","valid_s":1}"#, "`source` is missing"),
        ("grid_intensity", r#"{"g_per_kwh":1,"source":" ","t":"2026-11-21T04:00:00Z","valid_s":1}"#, "`source` must say who"),
        ("grid_intensity", r#"{"g_per_kwh":1,"source":"a\nb","t":"2026-11-21T04:00:00Z","valid_s":1}"#, "control characters"),
        ("grid_intensity", r#"{"g_per_kwh":1,"source":"x","valid_s":1}"#, "`t` is missing"),
        ("grid_intensity", r#"{"g_per_kwh":1,"source":"x","t":1795234200,"valid_s":1}"#, "`t` must be a text"),
        ("grid_intensity", r#"{"g_per_kwh":1,"source":"x","t":"2026-02-30T04:00:00Z","valid_s":1}"#, "RFC 3339"),
        ("grid_intensity", r#"{"g_per_kwh":1,"source":"x","t":"2026-11-21T04:00:00Z"}"#, "`valid_s` is missing"),
        ("grid_intensity", &feed(r#""g_per_kwh":1,"kind":"best""#), "`kind` must be one of average, marginal"),
        ("grid_intensity", &feed(r#""g_per_kwh":1,"zone":"IT""#), "\"zone\" is not a field of a grid intensity"),
        ("set_telemetry", r#"{"every_s":1}"#, "`for_s` is missing"),
        ("set_telemetry", r#"{"every_s":0,"for_s":60}"#, "every_s"),
        ("set_cancel", "{}", "`id` is missing"),
        ("set_cancel", r#"{"id":"a+b"}"#, "an id is 1 to 64"),
        ("set_cancel", r#"{"id":"a","why":"b"}"#, "\"why\" is not a field of a cancel command"),
    ];
    for (kind, payload, message) in table {
        let told = fault(kind, payload);
        assert!(told.contains(message), "{kind} {payload}: {told}");
        assert!(!schema(kind).is_valid(&serde_json::from_str(payload).unwrap()), "{kind} {payload}");
    }
}
