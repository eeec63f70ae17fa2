//! Whatever comes in: an ask or an error with a code, and never a panic.

use hob_wire::properties::{HOB_ID, HOB_V, Properties};
use hob_wire::reply::Code;
use hob_wire::request;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::paper::{id, intake};

/// Bytes, texts, and things that look like asks.
fn payloads() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("\""),
        Just("\\"),
        Just("\\u0000"),
        Just("\\ud800"),
        Just("\"id\""),
        Just("\"prompt\""),
        Just("\"messages\""),
        Just("\"stop\""),
        Just("\"hi\""),
        Just("\"max_joules\""),
        Just("\"json_schema\""),
        Just("\"stream\""),
        Just("\"reply_to\""),
        Just("\"app/1\""),
        Just("\"role\""),
        Just("\"user\""),
        Just("\"content\""),
        Just("1e999"),
        Just("-0"),
        Just("1.5"),
        Just("null"),
        Just("true"),
        Just("\u{feff}"),
        Just("ä"),
        Just("\0"),
        Just(" "),
    ];
    prop_oneof![
        vec(any::<u8>(), 0..300),
        ".{0,100}".prop_map(String::into_bytes),
        vec(token.clone(), 0..40).prop_map(|tokens| tokens.concat().into_bytes()),
        vec(token, 0..20).prop_map(|tokens| format!("{{\"id\":\"q1\",\"prompt\":{}", tokens.concat()).into_bytes()),
    ]
}

fn properties() -> impl Strategy<Value = Properties> {
    let topic = prop_oneof![Just("app/1".to_owned()), ".{0,20}", "(hob|app|\\$share)(/[a-z+#]{0,4}){0,4}"];
    let kind = prop_oneof![Just("application/json".to_owned()), Just("text/plain".to_owned()), ".{0,20}"];
    let user = prop_oneof![Just(HOB_ID), Just(HOB_V), Just("x")].prop_map(str::to_owned);
    let parts = (option::of(kind), option::of(topic), option::of(vec(any::<u8>(), 0..70)), any::<Option<u32>>());
    (parts, vec((user, ".{0,10}"), 0..3)).prop_map(|((content_type, response_topic, correlation, message_expiry), user)| {
        Properties { utf8: false, content_type, response_topic, correlation, message_expiry, user }
    })
}

proptest! {
    #[test]
    fn any_bytes_are_an_ask_or_an_error_with_a_way_back(payload in payloads(), properties in properties()) {
        let intake = intake();
        let (reply, name) = match intake.ask(&payload, &properties, || id("made-up")) {
            Ok(ask) => {
                prop_assert!(!ask.prompt.messages.is_empty());
                prop_assert!(ask.prompt.messages.iter().all(|message| !message.content.contains('\0')));
                (ask.reply, ask.prompt.id)
            }
            Err(refusal) => {
                prop_assert!(matches!(refusal.fault.code, Code::BadRequest | Code::TooLarge));
                prop_assert!(!refusal.fault.message.is_empty());
                (refusal.reply, refusal.id)
            }
        };
        let own = intake.topics.answer(&name);
        prop_assert!(reply.topic == own || intake.topics.may_answer_to(&reply.topic, &intake.replies).is_ok());
        prop_assert_eq!(reply.correlation, properties.correlation);
    }

    #[test]
    fn any_bytes_are_a_command_or_a_fault(payload in payloads(), properties in properties()) {
        let faults = [request::level(&payload).err(), request::cancel(&payload).err(), request::grid_intensity(&payload).err()];
        prop_assert!(faults.into_iter().flatten().all(|fault| fault.code == Code::BadRequest));
        if let Ok(embed) = intake().embed(&payload, &properties, || id("made-up")) {
            prop_assert!(!embed.input.is_empty() && embed.input.iter().all(|text| !text.is_empty()));
        }
    }
}
