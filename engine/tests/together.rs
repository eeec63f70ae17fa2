//! Several prompts at once, on the real model: they share the steps, the energy and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests may"
)]

mod common;

use std::sync::atomic::Ordering;

use common::{End, Happened, Room, ask, long, small, spec};
use hob_core::{
    prompt::{Finish, Prompt, PromptId},
    units::{Microjoules, Micros, Millis},
};
use hob_engine::{Spec, ThinkError};

const STORY: &str = "Tell me a long story about a river.";

fn id(text: &str) -> PromptId {
    PromptId::new(text).unwrap()
}

#[test]
fn a_late_short_prompt_joins_and_ends_before_an_early_long_one() {
    let room = Room::in_step(&spec());
    room.think(Prompt { max_tokens: 60, ..ask("early", STORY) });
    room.piece("early");
    room.think(ask("late", "What is the capital of Italy?"));
    let ends = room.ends(2);
    assert_eq!(ends.iter().map(|(whose, _)| whose.as_str()).collect::<Vec<_>>(), ["late", "early"]);
    let answers: Vec<_> = ends.into_iter().map(|(_, end)| end.answer()).collect();
    assert_eq!(answers[0].text, "The capital of Italy is Rome.", "company changes nothing");
    assert_eq!(answers[1].tokens.completion, 60);
}

#[test]
fn a_long_prefill_never_keeps_a_writer_waiting_for_more_than_one_chunk() {
    let room = Room::in_step(&Spec { batch: 16, ..spec() });
    room.think(Prompt { max_tokens: 60, ..ask("writer", STORY) });
    room.piece("writer");
    room.think(Prompt { max_tokens: 1, ..ask("reader", &long(200)) });
    room.ends(2);

    // Every step reads the odometer once, so readings count steps.
    let happened = room.script.happened();
    let at = |what: &Happened| happened.iter().position(|happened| happened == what).unwrap();
    let (first, last) = (at(&Happened::Said("writer".into())), at(&Happened::Ended("writer".into())));
    let steps: Vec<usize> = happened[first..last]
        .split(|happened| *happened == Happened::Said("writer".into()))
        .map(|between| between.iter().filter(|happened| matches!(happened, Happened::Worked { .. })).count())
        .collect();
    assert!(steps.iter().all(|&steps| steps <= 1), "one step a token: {steps:?}");
    let prefill = happened[first..at(&Happened::Ended("reader".into()))]
        .iter()
        .filter(|happened| matches!(happened, Happened::Worked { .. }))
        .count();
    assert!(prefill >= 200 / 16, "the long one took many chunks meanwhile: {prefill}");
}

#[test]
fn a_slow_machine_takes_shorter_chunks() {
    let steps = |tick: u64| {
        let room = Room::in_step(&Spec { batch: 128, ..spec() });
        room.script.tick.store(tick, Ordering::SeqCst);
        room.think(Prompt { max_tokens: 60, ..ask("writer", STORY) });
        room.piece("writer");
        let before = room.script.happened().len();
        room.think(Prompt { max_tokens: 1, ..ask("reader", &long(200)) });
        room.ends(2);
        let happened = room.script.happened();
        let steps = happened[before..].iter().take_while(|happened| **happened != Happened::Ended("reader".into()));
        steps.filter(|happened| matches!(happened, Happened::Worked { .. })).count()
    };
    let (quick, slow) = (steps(1_000), steps(500_000));
    assert!(quick < 8 && slow > 20, "1 ms a step: {quick} steps; half a second a step: {slow}");
}

#[test]
fn a_cancelled_writer_says_at_most_one_more_token() {
    let room = Room::in_step(&spec());
    room.think(Prompt { max_tokens: 300, ..ask("writer", STORY) });
    for _ in 0..3 {
        room.piece("writer");
    }
    room.head.cancel(id("writer"));
    let answer = room.ends(1).remove(0).1.answer();
    assert_eq!(answer.finish, Finish::Cancelled);
    assert!(answer.tokens.completion <= 5, "3 heard, 1 on its way, 1 in the making: {:?}", answer.tokens);
}

#[test]
fn a_cancelled_reader_ends_within_one_chunk_and_a_waiting_one_at_once() {
    let room = Room::in_step(&Spec { slots: 2, batch: 16, ..spec() });
    room.think(Prompt { max_tokens: 300, ..ask("writer", STORY) });
    room.piece("writer");
    room.think(ask("reader", &long(200)));
    room.think(ask("third", "No slot is free for this one."));
    room.piece("writer"); // whatever was on its way
    room.piece("writer");
    room.head.cancel(id("reader"));
    room.head.cancel(id("third"));
    room.head.cancel(id("nobody"));
    let before = room.script.happened().len();
    let ends = room.ends(2);
    for (_, end) in ends {
        let answer = end.answer();
        assert_eq!((answer.finish, answer.tokens.completion, answer.text.as_str()), (Finish::Cancelled, 0, ""));
    }
    let happened = room.script.happened();
    let steps = happened[before..].iter().take_while(|happened| !matches!(happened, Happened::Ended(_)));
    assert!(steps.filter(|happened| matches!(happened, Happened::Worked { .. })).count() <= 2, "{:?}", &happened[before..]);
}

#[test]
fn a_deadline_cuts_the_answer_also_of_those_who_still_wait() {
    let room = Room::in_step(&Spec { slots: 1, ..spec() });
    let deadline = Some(Millis(1_000));
    room.head.think(Prompt { max_tokens: 300, deadline, ..ask("writer", STORY) }, Micros(400_000)).unwrap();
    room.head.think(Prompt { deadline: Some(Millis(700)), ..ask("waiting", "Hello") }, Micros(400_000)).unwrap();
    room.piece("writer");
    room.script.pass(Micros(300_000));
    let (whose, waiting) = room.ends(1).remove(0);
    assert_eq!((whose.as_str(), waiting.answer().finish), ("waiting", Finish::Deadline), "0.4 s before and 0.3 s here");
    room.piece("writer");
    room.script.pass(Micros(300_000));
    let answer = room.ends(1).remove(0).1.answer();
    assert_eq!(answer.finish, Finish::Deadline, "0.4 s of waiting count");
    assert!(!answer.text.is_empty() && answer.tokens.completion < 300);
}

#[test]
fn a_budget_cuts_the_answer_when_it_is_spent() {
    let room = Room::load(&spec()).unwrap();
    let answer = room.answer(Prompt { max_tokens: 300, max_energy: Some(Microjoules(40_000_000)), ..ask("poor", STORY) });
    assert_eq!(answer.finish, Finish::Budget);
    let spent = answer.tokens.prompt + answer.tokens.completion;
    assert!((40..=41).contains(&spent), "a joule a token, and not one too many: {:?}", answer.tokens);
}

#[test]
fn all_work_is_noted_once_without_gaps_and_rests_are_nobodys() {
    let room = Room::in_step(&Spec { slots: 3, context: 256, ..spec() });
    room.script.tick.store(10, Ordering::SeqCst);
    room.think(Prompt { max_tokens: 40, ..ask("one", STORY) });
    room.piece("one");
    room.think(Prompt { max_tokens: 17, ..ask("two", "Name three colours.") });
    room.think(ask("too-long", &long(400)));
    room.think(Prompt { max_tokens: 90, ..ask("three", &long(60)) });
    let ends = room.ends(4);
    room.script.pass(Micros(1_000_000));
    room.think(Prompt { max_tokens: 5, ..ask("later", "Hello") });
    let ends: Vec<_> = ends.into_iter().chain(room.ends(1)).collect();
    let (mut spans, mut tokens) = (Vec::new(), std::collections::HashMap::<String, u32>::new());
    for happened in room.script.happened() {
        if let Happened::Worked { from, to, shares } = happened {
            spans.push((from, to));
            for (who, count) in shares {
                *tokens.entry(who).or_default() += count;
            }
        }
    }
    let breaks: Vec<Micros> =
        spans.windows(2).filter(|pair| pair[0].1 != pair[1].0).map(|pair| pair[1].0.minus(pair[0].1)).collect();
    assert!(spans.iter().all(|(from, to)| from < to));
    assert!(breaks.len() == 1 && breaks[0] >= Micros(1_000_000), "one rest, and no other gap: {breaks:?}");
    for (who, end) in ends {
        let noted = tokens.get(&who).copied().unwrap_or_default();
        match end {
            // The last token of an answer is picked and not computed.
            End::Answered(answer) => {
                assert_eq!(
                    noted,
                    answer.tokens.prompt - answer.tokens.cached + answer.tokens.completion
                        - u32::from(answer.finish == Finish::Length),
                    "{who}"
                );
            }
            End::Failed(_) => assert_eq!(noted, 0, "{who}"),
        }
    }
}

#[test]
fn a_flood_ends_every_prompt_exactly_once() {
    let room = Room::in_step(&Spec { slots: 2, context: 128, ..spec() });
    let (mut taken, mut full) = (Vec::new(), 0);
    for number in 0..12 {
        let name = format!("flood-{number}");
        match room.head.think(Prompt { max_tokens: 4, ..ask(&name, "Hello") }, Micros::ZERO) {
            Ok(()) => taken.push(name),
            Err(ThinkError::Full) => full += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((taken.len(), full), (4, 8), "2 slots, 2 places to wait, and the rest is turned away");
    let mut ended: Vec<String> = room.ends(4).into_iter().map(|(name, end)| (name, end.answer()).0).collect();
    ended.sort();
    assert_eq!(ended, taken);
    assert_eq!(room.answer(ask("after", "What is the capital of Italy?")).text, "The capital of Italy is Rome.");
    let Room { events, head, .. } = room;
    drop(head);
    assert!(events.recv().is_err(), "and nothing more is said");
}

#[test]
fn a_dropped_head_ends_every_prompt_in_hand_exactly_once() {
    let Room { events, head, script: _ } = Room::load(&small(common::model())).unwrap();
    for name in ["a", "b", "c", "d"] {
        head.think(Prompt { max_tokens: 300, ..ask(name, STORY) }, Micros::ZERO).unwrap();
    }
    drop(head);
    let mut ended = Vec::new();
    for event in events {
        if let hob_engine::Event::Answered { id, answer } = event {
            assert_eq!(answer.finish, Finish::Closing);
            ended.push(id.to_string());
        }
    }
    ended.sort();
    assert_eq!(ended, ["a", "b", "c", "d"]);
}
