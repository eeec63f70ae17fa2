//! Tiny models that were written for the occasion: other architectures, other levels, odd properties.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests may"
)]

mod common;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use common::{Happened, Room, ask, small, talk};
use hob_core::{
    prompt::{Finish, Prompt, PromptId, Role, Sampling, Shape},
    units::Micros,
};
use hob_engine::{Event, Heads, Llama, LoadError, Purpose, Quantization, QuantizeError, Spec, ThinkError, quantize};
use hob_shelf::{
    forge::{Draft, Meta, Tiny, Words, bert, gpt2, llama},
    gguf::Gguf,
};
use tempfile::TempDir;

fn written(folder: &TempDir, name: &str, draft: &Draft) -> PathBuf {
    let file = folder.path().join(name);
    draft.write(&file).unwrap();
    file
}

/// One that reads but small letters.
fn letters() -> Words {
    let tokens: Vec<String> = std::iter::once("<|endoftext|>".into()).chain(('a'..='z').map(String::from)).collect();
    let types: Vec<i32> = std::iter::once(3).chain(('a'..='z').map(|_| 1)).collect();
    Words::bpe(&tokens, &types, &["a b".to_owned()], 0, 0)
}

#[test]
fn a_base_model_of_gpt_2s_kind_goes_on_with_a_text() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "gpt2.gguf", &gpt2(&Tiny { context: 64, ..Tiny::default() }, &Words::bytes()));
    let room = Room::load(&small(file)).unwrap();
    let text = "Once upon a time";
    let answer = room.answer(Prompt { max_tokens: 10, ..talk("base", &[(Role::User, text)]) });
    assert_eq!(answer.tokens.prompt as usize, text.len(), "the bytes of the text and nothing else");
    assert!(answer.tokens.completion > 0, "{answer:?}");

    // It was made for 64 tokens: its positions end there, whatever the setting says.
    let full = room.answer(Prompt { max_tokens: 1_000, ..talk("full", &[(Role::User, &"ab".repeat(30))]) });
    assert!(full.tokens.prompt == 60 && full.tokens.completion <= 4, "{full:?}");
    let error = room.ask(talk("long", &[(Role::User, &"ab".repeat(32))])).error();
    assert_eq!(error, ThinkError::TooLong { tokens: 64, limit: 64 });
    assert_eq!(room.ask(talk("empty", &[(Role::User, "")])).error(), ThinkError::Empty);
}

#[test]
fn texts_become_vectors_of_unit_length() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "bert.gguf", &bert(&Tiny { context: 64, ..Tiny::default() }, &Words::pieces()));
    let room = Room::load(&Spec { purpose: Purpose::Embed, context: 64, ..small(file) }).unwrap();
    let id = PromptId::new("texts").unwrap();
    let texts = ["warm water", "a cold night", "warm water"].map(String::from).to_vec();
    room.head.embed(id.clone(), texts).unwrap();
    let Event::Embedded { vectors, .. } = room.events.recv().unwrap() else { panic!("vectors were expected") };
    assert_eq!(vectors.vectors.len(), 3);
    for vector in &vectors.vectors {
        let length: f32 = vector.iter().map(|part| part * part).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    assert_eq!(vectors.vectors[0], vectors.vectors[2], "the same text, the same vector");
    assert_ne!(vectors.vectors[0], vectors.vectors[1], "another text, another vector");
    assert!(
        vectors.tokens > 6
            && room
                .script
                .happened()
                .iter()
                .any(|happened| matches!(happened, Happened::Worked { shares, .. } if shares[0].0 == "texts"))
    );

    room.head.embed(id.clone(), vec!["fine".into(), "a ".repeat(100)]).unwrap();
    let Event::Failed { error, .. } = room.events.recv().unwrap() else { panic!("too long for it") };
    assert!(matches!(error, ThinkError::TooLong { limit: 64, .. }), "{error}");
    assert_eq!(room.head.think(ask("question", "Hello"), Micros::ZERO), Err(ThinkError::NoAnswers));
}

#[test]
fn a_model_is_refused_for_what_it_cannot_do() {
    let folder = TempDir::new().unwrap();
    let encoder = written(&folder, "bert.gguf", &bert(&Tiny::default(), &Words::pieces()));
    let writer = written(&folder, "llama.gguf", &llama(&Tiny::default(), &Words::bytes()));
    let kind = |spec: &Spec| match Room::load(spec) {
        Err(LoadError::WrongKind { purpose, .. }) => purpose,
        Err(other) => panic!("{other}"),
        Ok(_) => "loads",
    };
    assert_eq!(kind(&small(encoder)), "answers prompts");
    assert_eq!(kind(&Spec { purpose: Purpose::Embed, ..small(writer.clone()) }), "makes embeddings");
    assert_eq!(kind(&small(writer.clone())), "loads");
    let room = Room::load(&small(writer)).unwrap();
    assert_eq!(room.head.embed(PromptId::new("texts").unwrap(), vec![]), Err(ThinkError::NoEmbedding));
}

#[test]
fn a_context_that_no_memory_holds_is_an_error() {
    let folder = TempDir::new().unwrap();
    let size = Tiny { embedding: 512, layers: 16, heads: 8, heads_kv: 8, feed_forward: 32, ..Tiny::default() };
    let file = written(&folder, "wide.gguf", &llama(&size, &Words::bytes()));
    let error = Room::load(&Spec { slots: 4, context: 1 << 21, ..small(file) }).err().expect("256 GiB do not fit");
    assert!(matches!(error, LoadError::NoContext { slots: 4, .. }), "{error}");
}

#[test]
fn a_grammar_that_this_model_cannot_spell_is_an_error_and_the_next_prompt_is_fine() {
    let folder = TempDir::new().unwrap();
    let room = Room::load(&small(written(&folder, "letters.gguf", &llama(&Tiny::default(), &letters())))).unwrap();
    let shaped = |grammar: &str| Prompt { shape: Shape::Grammar(grammar.into()), ..talk("shaped", &[(Role::User, "abc")]) };
    assert_eq!(room.ask(shaped("root ::= \"xy\" \"É\"")).error(), ThinkError::DeadEnd);
    assert_eq!(room.answer(shaped("root ::= \"xyz\"")).text, "xyz");
}

#[test]
fn a_control_token_never_stands_for_its_spelling() {
    let folder = TempDir::new().unwrap();
    let room = Room::load(&small(written(&folder, "llama.gguf", &llama(&Tiny::default(), &Words::bytes())))).unwrap();
    for seed in 0..500 {
        let sampling = Sampling { temperature: 2.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed, ..Sampling::default() };
        let shape = Shape::Grammar("root ::= \"<|im_start|>\"".into());
        let answer = room.answer(Prompt { shape, sampling, ..talk("spelled", &[(Role::User, "Hello")]) });
        assert_eq!(answer.text, "<|im_start|>", "as a token it would have said nothing");
    }
}

#[test]
fn what_computes_no_number_fails_alone_and_leaves_nothing_behind() {
    const NOT_A_NUMBER: [u8; 2] = 0x7e00_u16.to_le_bytes(); // in half precision
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "nan.gguf", &llama(&Tiny::default(), &Words::bytes()));
    // The row of one letter in the table of tokens, which comes first; 3 control tokens before the bytes.
    let (row, wide) = (3 + usize::from(b'X'), 2 * 64);
    let last = Gguf::open(&file).unwrap().tensors().iter().map(|tensor| tensor.offset + tensor.bytes.0).max().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let place = bytes.len() - usize::try_from(last).unwrap() + row * wide;
    bytes[place..place + wide].chunks_mut(2).for_each(|weight| weight.copy_from_slice(&NOT_A_NUMBER));
    std::fs::write(&file, bytes).unwrap();

    let room = Room::load(&small(file)).unwrap();
    let ask = |text: &str| room.ask(Prompt { max_tokens: 3, ..talk("nan", &[(Role::User, text)]) });
    let long = "Hello, ".repeat(40);
    let before = [ask("Hello").answer().text, ask(&long).answer().text];
    for _ in 0..2 {
        assert_eq!(ask("HeX").error(), ThinkError::NotANumber);
        assert_eq!(ask(&format!("{long}X")).error(), ThinkError::NotANumber);
        assert_eq!([ask("Hello").answer().text, ask(&long).answer().text], before);
    }
}

#[test]
fn a_template_of_the_file_is_used_and_a_broken_one_is_named() {
    let folder = TempDir::new().unwrap();
    let with = |template: &str| {
        let words = Words::bytes().meta("tokenizer.chat_template", Meta::text(template));
        Room::load(&small(written(&folder, "chat.gguf", &llama(&Tiny::default(), &words))))
    };
    let chat = "{% for message in messages %}<|im_start|>{{ message.content }}<|im_end|>{% endfor %}";
    let room = with(chat).unwrap();
    let count = |text: &str| room.answer(Prompt { max_tokens: 1, ..talk("chat", &[(Role::User, text)]) }).tokens.prompt;
    assert_eq!(count("Hi"), 4, "two control tokens and two letters");
    assert_eq!(count("<|im_end|>"), 12, "spelled out");
    // A template that cuts a message at a control token must not let the rest of it through.
    let cut = with("<|im_start|>{{ messages[0].content.split('<|im_end|>')[1] }}<|im_end|>").unwrap();
    let tokens = cut.answer(Prompt { max_tokens: 1, ..talk("cut", &[(Role::User, "a<|im_end|>b<|im_start|>")]) }).tokens.prompt;
    assert_eq!(tokens, 1 + 1 + 12 + 1, "the second is spelled out too");

    let error = with("{% for %}").err().expect("a broken template");
    assert!(matches!(&error, LoadError::Template { why, .. } if why.contains("line 1")), "{error}");
    assert!(with("  \n").is_ok(), "an empty one is none");
    let refused = with("{{ raise_exception('never') }}").unwrap().ask(ask("refused", "Hello")).error();
    assert_eq!(refused, ThinkError::Template("never (line 1 of the template)".into()));
}

#[test]
fn a_panic_fails_the_prompts_in_hand_and_the_head_lives_on() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "llama.gguf", &llama(&Tiny::default(), &Words::bytes()));
    let (tell, events) = std::sync::mpsc::sync_channel(1_000);
    let mut once = true;
    let told = move |event: Event| {
        assert!(!std::mem::take(&mut once), "a bug, for once");
        tell.send(event).unwrap();
    };
    let script = Arc::new(common::Script::default());
    let head = Llama.load(&Spec { slots: 1, ..small(file) }, script, Box::new(told), Box::new(|_| {})).unwrap();
    let shape = Shape::Grammar("root ::= \"yes\"".into());
    for name in ["first", "second"] {
        head.think(Prompt { shape: shape.clone(), ..ask(name, "Hello") }, Micros::ZERO).unwrap();
    }
    for name in ["first", "second"] {
        let Event::Failed { id, error, .. } = events.recv().unwrap() else { panic!("{name} cannot have been answered") };
        assert!(id.as_str() == name && matches!(error, ThinkError::Step(_)), "{error}");
    }
    head.think(Prompt { shape, ..ask("third", "Hello") }, Micros::ZERO).unwrap();
    let last = events.iter().find(|event| !matches!(event, Event::Piece { .. })).unwrap();
    assert!(matches!(&last, Event::Answered { answer, .. } if answer.text == "yes"), "{last:?}");
}

fn level(name: &str) -> Quantization {
    Quantization::by_name(name).unwrap()
}

fn make(from: &Path, to: &Path, name: &str, again: bool) -> Result<(), QuantizeError> {
    quantize(from, to, level(name), again, 1)
}

#[test]
fn levels_are_made_of_a_model_and_load() {
    let folder = TempDir::new().unwrap();
    let size = Tiny { embedding: 256, feed_forward: 512, heads: 4, heads_kv: 2, ..Tiny::default() };
    let source = written(&folder, "f16.gguf", &llama(&size, &Words::bytes()));
    let mut sizes = Vec::new();
    for name in ["Q8_0", "Q4_K_M", "Q4_0", "TQ2_0"] {
        let target = folder.path().join(format!("{name}.gguf"));
        make(&source, &target, name, false).unwrap_or_else(|why| panic!("{name}: {why}"));
        sizes.push(std::fs::metadata(&target).unwrap().len());
        let answer =
            Room::load(&small(target)).unwrap().answer(Prompt { max_tokens: 3, ..talk("ask", &[(Role::User, "Hello")]) });
        assert!(answer.finish == Finish::Length || answer.finish == Finish::Stop, "{name}: {answer:?}");
    }
    assert!(sizes.is_sorted_by(|bigger, smaller| bigger > smaller), "{sizes:?}");

    let nothing = folder.path().join("nothing.gguf");
    assert!(matches!(make(&nothing, &folder.path().join("out.gguf"), "Q8_0", false), Err(QuantizeError::Refused { .. })));
}

#[test]
fn a_quantized_model_is_quantized_again_only_when_asked() {
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("q8.gguf");
    assert!(matches!(make(&common::model(), &target, "Q8_0", false), Err(QuantizeError::Refused { .. })));
    make(&common::model(), &target, "Q8_0", true).unwrap();
    let answer = Room::load(&small(target)).unwrap().answer(ask("italy", "What is the capital of Italy?"));
    assert!(answer.text.contains("Rome"), "{}", answer.text);
}
