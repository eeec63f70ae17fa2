//! What was computed once is not computed again, and changes no answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests may"
)]

mod common;

use common::{Room, long, spec, talk};
use hob_core::prompt::{Prompt, Role};
use hob_engine::Spec;

/// A question under a long instruction.
fn under(instruction: &str, id: &str, question: &str) -> Prompt {
    talk(id, &[(Role::System, instruction), (Role::User, question)])
}

#[test]
fn an_instruction_seen_before_is_not_prefilled_again() {
    let instruction = format!("You answer in one sentence. {}", long(150));
    let room = Room::load(&spec()).unwrap();
    let first = room.answer(under(&instruction, "italy", "What is the capital of Italy?"));
    let second = room.answer(under(&instruction, "france", "What is the capital of France?"));
    let third = room.answer(under(&instruction, "again", "What is the capital of Italy?"));
    assert_eq!(first.tokens.cached, 0);
    assert!(second.tokens.cached > 150 && second.tokens.cached < second.tokens.prompt, "{:?}", second.tokens);
    assert_eq!(third.tokens.cached, third.tokens.prompt - 1, "all but the token whose logits are wanted");
    assert_eq!(third.text, first.text);

    let fresh = Room::load(&spec()).unwrap();
    let alone = fresh.answer(under(&instruction, "france", "What is the capital of France?"));
    assert_eq!(alone.tokens.cached, 0);
    assert_eq!(alone.text, second.text, "with and without, the same answer");
}

#[test]
fn an_instruction_is_shared_while_the_first_prompt_still_writes() {
    let instruction = format!("You are a storyteller. {}", long(100));
    let room = Room::in_step(&Spec { slots: 3, ..spec() });
    room.think(Prompt { max_tokens: 40, ..under(&instruction, "first", "Tell me about a river.") });
    room.piece("first");
    room.think(Prompt { max_tokens: 8, ..under(&instruction, "second", "Tell me about a stone.") });
    room.think(Prompt { max_tokens: 8, ..under(&instruction, "third", "Tell me about a garden.") });
    let ends = room.ends(3);
    assert_eq!(ends[2].0, "first", "it wrote all the time");
    for (_, end) in &ends[..2] {
        let tokens = end.clone().answer().tokens;
        assert!(tokens.cached > 100, "{tokens:?}");
    }
    let first = ends[2].1.clone().answer().text;
    let alone =
        Room::load(&spec()).unwrap().answer(Prompt { max_tokens: 40, ..under(&instruction, "alone", "Tell me about a river.") });
    let beginning = |text: &str| text.chars().take(40).collect::<String>();
    assert_eq!(beginning(&first), beginning(&alone.text), "being copied from changes nothing");
}

#[test]
fn a_conversation_goes_on_from_its_last_turn() {
    let room = Room::load(&spec()).unwrap();
    let opening = [(Role::System, ""), (Role::User, "What is the capital of Italy?")];
    let first = room.answer(talk("one", &opening));
    let turns = [opening[0], opening[1], (Role::Assistant, &first.text), (Role::User, "And of France?")];
    let second = room.answer(talk("two", &turns));
    assert!(second.tokens.cached >= first.tokens.prompt + first.tokens.completion - 1, "{:?} {:?}", first.tokens, second.tokens);
}

#[test]
fn many_prompts_push_each_other_out_and_stay_right() {
    // Room for hardly two of them, and room for all that sequences can keep.
    for context in [128, 384] {
        let room = Room::load(&Spec { slots: 2, context, ..spec() }).unwrap();
        let mut cached = 0;
        for round in 0..12 {
            let instruction = format!("{} Rule {}. {}", long(20), round % 5, long(30 + round % 7));
            cached += room.answer(Prompt { max_tokens: 4, ..under(&instruction, "rule", "Hello") }).tokens.cached;
        }
        assert!(cached > 11 * 20, "the shared beginning was kept every time: {cached}");
        let answer = room.answer(common::ask("italy", "What is the capital of Italy?"));
        assert_eq!(answer.text, "The capital of Italy is Rome.");
    }
}
