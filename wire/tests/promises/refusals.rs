//! That an error finds its way back to whoever caused it.

use hob_wire::limits::PAYLOAD_BYTES;
use hob_wire::properties::{HOB_V, JSON, Properties};
use hob_wire::reply::{Code, Failure, Reply};
use hob_wire::request::ReplyRoute;

use crate::paper::{ask, id, objections, schema};

#[test]
fn what_can_be_made_out_of_a_broken_ask_is_used_to_answer_it() {
    let envelope = r#"{"id":"q1","reply_to":"app/7","stream":true,"#;
    let table: [(Vec<u8>, &str); 7] = [
        (format!("{envelope}\"prompt\":").into(), "not a JSON object: EOF"),
        (format!("{envelope}\"promt\":1,\"prompt\":\"hi\"}}").into(), "\"promt\" is not a field"),
        (format!("{envelope}\"prompt\":\"hi\",\"top_k\":\"x\"}}").into(), "`top_k`"),
        (format!("{envelope}\"prompt\":{}1{}}}", "[".repeat(40), "]".repeat(40)).into(), "nests deeper"),
        (format!("{envelope}\"prompt\":{}", "[".repeat(100_000)).into(), "not a JSON object"),
        ([envelope.as_bytes(), b"\"prompt\":\"\xff\"}"].concat(), "not UTF-8 from byte 54 on"),
        (format!("{envelope}\"prompt\":\"hi\",\"v\":9}}").into(), "`v`"),
    ];
    for (payload, message) in table {
        let refusal = ask(&payload, &Properties::default()).unwrap_err();
        assert!(refusal.fault.message.contains(message), "{}", refusal.fault.message);
        assert_eq!(refusal.id, id("q1"), "{message}");
        let way_back = ReplyRoute { topic: "app/7".into(), stream: Some("app/7/stream".into()), correlation: None };
        assert_eq!(refusal.reply, way_back, "{message}");
    }
}

#[test]
fn a_payload_that_is_too_large_is_told_so() {
    let text = "x".repeat(PAYLOAD_BYTES);
    assert!(ask(&text, &Properties::default()).is_ok(), "just as much as is taken");
    let object = format!(r#"{{"id":"q1","prompt":"{text}"}}"#);
    for (payload, name) in [(text + "x", "made-up"), (object, "q1")] {
        let refusal = ask(payload, &Properties::default()).unwrap_err();
        assert_eq!((refusal.fault.code, refusal.id.as_str()), (Code::TooLarge, name));
        assert!(refusal.fault.message.contains("at most 262144 are taken"), "{}", refusal.fault.message);
    }
}

#[test]
fn the_properties_lead_back_from_bytes_that_say_nothing() {
    let properties =
        Properties { response_topic: Some("app/1".into()), correlation: Some(b"c-1".to_vec()), ..Properties::default() };
    for payload in [&b"\xff\xfe"[..], b"", b"{", b"\0"] {
        let refusal = ask(payload, &properties).unwrap_err();
        assert_eq!((refusal.id.as_str(), refusal.reply.topic.as_str()), ("made-up", "app/1"), "{payload:?}");
        assert_eq!(refusal.reply.correlation.as_deref(), Some(&b"c-1"[..]));
    }
}

#[test]
fn nobody_is_answered_where_they_may_not_be() {
    for topic in ["homeassistant/light/x/config", "app/+", "$SYS/broker", "hob/pi/set/level", "app/\0", ""] {
        let properties = Properties { response_topic: Some(topic.into()), ..Properties::default() };
        let refusal = ask(r#"{"id":"q1","prompt":"hi","stream":true}"#, &properties).unwrap_err();
        assert!(refusal.fault.message.starts_with("the Response Topic is no topic to answer to"), "{topic}");
        assert_eq!(refusal.reply.topic, "hob/pi/answer/q1", "{topic}");
        assert_eq!(refusal.reply.stream.as_deref(), Some("hob/pi/stream/q1"), "{topic}");
    }
}

#[test]
fn an_id_or_a_version_that_is_unfit_is_an_error_and_not_another_id() {
    let user = |name: &str, value: &str| Properties { user: vec![(name.to_owned(), value.to_owned())], ..Properties::default() };
    let table = [
        ("hi", user("hob-id", "a b"), "user property `hob-id`: an id is"),
        ("hi", user(HOB_V, "2"), "`hob-v` must be 1"),
        (r#"{"id":"a b","prompt":"hi"}"#, user("hob-id", "fit"), "`id`: an id is"),
    ];
    for (payload, properties, message) in table {
        let refusal = ask(payload, &properties).unwrap_err();
        assert!(refusal.fault.message.contains(message), "{}", refusal.fault.message);
        assert_eq!(refusal.id.as_str(), "made-up");
    }
}

#[test]
fn an_object_that_is_none_is_told_how_to_be_a_text() {
    let told = |properties: &Properties| ask("{ look, a brace", properties).unwrap_err().fault.message;
    assert!(told(&Properties::default()).ends_with("needs the content type text/plain"));
    let properties = Properties { content_type: Some(JSON.into()), ..Properties::default() };
    assert!(!told(&properties).contains("text/plain"), "who says JSON means JSON");
}

#[test]
fn a_refusal_becomes_an_error_that_fits_the_schema() {
    let refusal = ask(r#"{"id":"q1"}"#, &Properties::default()).unwrap_err();
    let reply: Reply = Reply::Error(Failure::new(refusal.id, refusal.fault, "pi"));
    let value = serde_json::to_value(&reply).unwrap();
    assert_eq!(objections(&schema("error"), &value), Vec::<String>::new());
    assert_eq!(value["error"]["code"], "bad_request");
    assert_eq!(serde_json::from_value::<Reply>(value).unwrap(), reply);
}
