//! Valid asks, made up at random: the schema takes each, the parser too, and what it read can be written again.

use std::sync::LazyLock;

use hob_core::prompt::{LevelWish, Message, Priority, Prompt, PromptId, Role, Sampling, Shape};
use hob_core::units::{BasisPoints, Microjoules, Millis};
use hob_wire::properties::Properties;
use hob_wire::request::write_ask;
use jsonschema::Validator;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::paper::{ask, id, objections, schema};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("x".to_owned()), "[^\0]{0,30}x", "(\\\\|\"|\n|\u{7f}|🦀|\u{2028}|\\{){1,9}x"]
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let role = prop_oneof![Just(Role::User), Just(Role::Assistant), Just(Role::Tool), Just(Role::System)];
    let turn = (role, text()).prop_map(|(role, content)| Message { role, content });
    (vec(turn, 0..4), text()).prop_map(|(mut turns, content)| {
        turns.push(Message { role: Role::User, content });
        turns
    })
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Free),
        text().prop_map(Shape::Grammar),
        Just(Shape::JsonSchema(r#"{ "type":"object", "properties":{"z":{},"a":{"const":1e3}} }"#.into())),
    ]
}

fn samplings() -> impl Strategy<Value = Sampling> {
    let numbers = (0.0_f32..=2.0, 0.0_f32..=1.0, 0.0_f32..=1.0, 0.5_f32..=2.0, 0..=1_000_000_u32, any::<u32>());
    numbers.prop_map(|(temperature, top_p, min_p, repeat_penalty, top_k, seed)| Sampling {
        temperature,
        top_k,
        top_p,
        min_p,
        repeat_penalty,
        seed,
    })
}

fn prompts() -> impl Strategy<Value = Prompt> {
    let level = prop_oneof![Just(LevelWish::Auto), "Q[0-9]_[A-Z0-9_]{1,5}".prop_map(LevelWish::Exactly)];
    let priority = prop_oneof![Just(Priority::Low), Just(Priority::Normal), Just(Priority::High)];
    let names = ("[!-\"$-*,-.0-~]{1,64}", option::of("[!-~]{1,40}"), level, priority);
    let bounds =
        (1..=131_072_u32, option::of(1..=604_800_000_u64), option::of(1..=1_000_000_000_000_u64), option::of(0..=10_000_u32));
    let said = (messages(), shapes(), vec(text(), 0..16), samplings());
    (names, bounds, said).prop_map(|((name, model, level, priority), (max_tokens, deadline, energy, quality), said)| {
        let (messages, shape, stop, sampling) = said;
        Prompt {
            id: PromptId::new(name).unwrap(),
            messages,
            model,
            level,
            sampling,
            shape,
            stop,
            max_tokens,
            deadline: deadline.map(Millis),
            max_energy: energy.map(Microjoules),
            min_quality: quality.map(BasisPoints),
            priority,
        }
    })
}

static ASK: LazyLock<Validator> = LazyLock::new(|| schema("ask"));

proptest! {
    #[test]
    fn what_is_written_fits_the_schema_and_reads_the_same(prompt in prompts(), stream: bool) {
        let written = write_ask(&prompt, stream, Some("app/1")).unwrap();
        let objections = objections(&ASK, &serde_json::from_str(&written).unwrap());
        prop_assert!(objections.is_empty(), "{objections:?}");
        let read = ask(&written, &Properties::default()).unwrap();
        prop_assert_eq!(&read.prompt, &prompt);
        prop_assert_eq!(read.reply.stream.is_some(), stream);
        prop_assert_eq!(write_ask(&read.prompt, stream, Some("app/1")).unwrap(), written);
    }

    #[test]
    fn a_text_is_a_prompt_as_it_stands(said in text()) {
        let properties = Properties { content_type: Some("text/plain".into()), ..Properties::default() };
        let read = ask(&said, &properties).unwrap();
        prop_assert_eq!(&read.prompt.messages.last().unwrap().content, &said);
        prop_assert_eq!(read.prompt.id, id("made-up"));
    }
}
