//! Answers that must match: they do, or there is an error before the first token.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests may"
)]

mod common;

use common::{Room, ask, spec};
use hob_core::prompt::{Finish, Prompt, Sampling, Shape};
use hob_engine::{Spec, ThinkError};

fn roomy() -> Room {
    Room::load(&Spec { context: 512, ..spec() }).unwrap()
}

#[test]
fn answers_validate_against_their_schema() {
    let schemas = [
        r#"{"type":"object","properties":{"city":{"type":"string","maxLength":12},"sure":{"type":"boolean"}},"required":["city","sure"],"additionalProperties":false}"#,
        r#"{"type":"array","items":{"enum":["red","green","blue"]},"minItems":3,"maxItems":3}"#,
        r#"{"type":"integer","minimum":17,"maximum":31}"#,
        r#"{"type":"string","format":"date"}"#,
        r#"{"type":"string","pattern":"^[A-Z]{2}-[0-9]{3}$"}"#,
        r##"{"$ref":"#/$defs/pair","$defs":{"pair":{"prefixItems":[{"type":"integer","minimum":0,"maximum":9},{"type":"null"}]}}}"##,
        r#"{"anyOf":[{"const":"yes"},{"const":{"no":[1,2]}}]}"#,
        r#"{"type":["integer","null"]}"#,
        r#"{"enum":["<|im_end|>"]}"#,
    ];
    let room = roomy();
    for text in schemas {
        let schema: serde_json::Value = serde_json::from_str(text).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (temperature, seed) in [(0.0, 0), (1.8, 1), (1.8, 2)] {
            let sampling = Sampling { temperature, seed, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() };
            let shape = Shape::JsonSchema(text.into());
            let answer = room.answer(Prompt { shape, sampling, max_tokens: 200, ..ask("json", "What is the capital of Italy?") });
            assert_eq!(answer.finish, Finish::Stop, "{text}: {}", answer.text);
            let value =
                serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{text}: {} is no JSON: {error}", answer.text));
            assert!(validator.is_valid(&value), "{text}: {}", answer.text);
        }
    }
}

#[test]
fn answers_match_their_grammar() {
    let room = roomy();
    let say = |grammar: &str, temperature: f32| {
        let sampling = Sampling { temperature, seed: 3, top_k: 0, top_p: 1.0, ..Sampling::default() };
        let prompt = ask("gbnf", "What is the capital of Italy?");
        room.answer(Prompt { shape: Shape::Grammar(grammar.into()), sampling, ..prompt }).text
    };
    assert_eq!(say("root ::= \"Rome\" | \"Milan\" | \"Paris\"", 0.0), "Rome");
    for temperature in [0.0, 1.5] {
        let text = say("root ::= word (\", \" word){2,3}\nword ::= [a-z]{3,5} # comment \"(\n", temperature);
        let words: Vec<&str> = text.split(", ").collect();
        assert!((3..=4).contains(&words.len()), "{text}");
        let fits = |word: &&str| (3..=5).contains(&word.len()) && word.chars().all(|letter| letter.is_ascii_lowercase());
        assert!(words.iter().all(fits), "{text}");
    }
}

#[test]
fn what_cannot_be_enforced_is_an_error_before_any_token() {
    let room = roomy();
    let deep = format!("root ::= {}\"a\"{}", "(".repeat(65), ")".repeat(65));
    let grammars = [
        "",
        "root",
        "root ::= \"a",
        "root ::= [a",
        "root ::= other",
        "root ::= root \"a\"",
        "root ::= a\na ::= b\nb ::= a \"x\"",
        "root ::= \"a\"{5,2}",
        "root ::= \"a\"{100000}",
        "root ::= \"a\"{1,2",
        "root ::= \"\\q\"",
        "start ::= \"a\"",
        "root ::= \"a\" )",
        &deep,
        "root ::= e root \"x\"\ne ::= f\nf ::= \"\"",
    ];
    for grammar in grammars {
        let before = room.script.happened().len();
        room.think(Prompt { shape: Shape::Grammar(grammar.into()), ..ask("bad", "Hello") });
        let (_, end) = room.ends(1).remove(0);
        let common::End::Failed(ThinkError::Shape(why)) = end else { panic!("{grammar:?}: {end:?}") };
        assert!(!why.is_empty(), "{grammar:?}: {why}");
        assert_eq!(room.script.happened().len(), before + 1, "a prompt failed: no step for {grammar:?}");
    }
    let schemas = [
        "",
        "{",
        "[]",
        r#"{"type":"string","pattern":"^(?=a)a$"}"#,
        r#"{"type":"nonsense"}"#,
        r##"{"$ref":"#/$defs/none"}"##,
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}"##,
        r#"{"type":"array","minItems":3,"maxItems":1}"#,
    ];
    for schema in schemas {
        let error = room.ask(Prompt { shape: Shape::JsonSchema(schema.into()), ..ask("bad", "Hello") }).error();
        assert!(matches!(error, ThinkError::Shape(_)), "{schema:?}: {error}");
    }
    assert_eq!(room.answer(ask("after", "What is the capital of Italy?")).text, "The capital of Italy is Rome.");
}
