//! Files that are no models, or models that mean harm: refused with a reason, or at worst in a process of
//! their own; the engine goes on.
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
    process::Command,
};

use common::{Room, ask, small, spec};
use hob_engine::{LoadError, probe};
use hob_shelf::forge::{Draft, Meta, Tiny, Words, llama};
use tempfile::TempDir;

/// Names the file that the child looks at.
const PROBED: &str = "HOB_TEST_PROBED";

fn good() -> Draft {
    llama(&Tiny { layers: 1, ..Tiny::default() }, &Words::bytes())
}

#[test]
fn a_file_that_is_no_model_is_refused_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let whole = good().bytes();
    let noise: Vec<u8> = (0..5_000_u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).to_le_bytes()[0]).collect();
    let table: &[(&str, Vec<u8>, &str)] = &[
        ("empty", vec![], "magic"),
        ("noise", noise, "magic"),
        ("another-kind", [b"PK\x03\x04".as_slice(), &whole[4..]].concat(), "magic"),
        ("header-only", whole[..24].to_vec(), "key-value"),
        ("half-a-header", whole[..2_000].to_vec(), ""),
        ("half-the-weights", whole[..whole.len() - whole.len() / 3].to_vec(), "not within"),
        ("no-weights", Draft::new("llama").bytes(), "key not found"),
        ("unknown-kind", Draft::new("perpetuum").bytes(), "unknown model architecture"),
    ];
    for (name, bytes, reason) in table {
        let file = folder.path().join(format!("{name}.gguf"));
        std::fs::write(&file, bytes).unwrap();
        let error = Room::load(&small(file.clone())).err().unwrap_or_else(|| panic!("{name} loads"));
        let LoadError::Refused { why, file: named } = &error else { panic!("{name}: {error}") };
        assert!(*named == file.display().to_string() && why.contains(reason) && !why.is_empty(), "{name}: {why}");
        assert!(probe(&file).is_err());
    }
    for (file, reason) in [(folder.path().join("missing.gguf"), "No such file"), (folder.path().to_owned(), "not a file")] {
        let error = Room::load(&small(file)).err().expect("nothing to load");
        assert!(matches!(&error, LoadError::Unreadable { why, .. } if why.contains(reason)), "{error}");
    }
    assert_eq!(probe(&common::model()), Ok(()));
    let answer = Room::load(&spec()).unwrap().answer(ask("italy", "What is the capital of Italy?"));
    assert_eq!(answer.text, "The capital of Italy is Rome.", "and a good one loads after all of them");
}

/// The child's part: looks at a file, and ends politely if it is let.
#[test]
fn a_child_probes_the_file_that_it_is_named() {
    let Some(file) = std::env::var_os(PROBED) else { return };
    std::process::exit(if probe(Path::new(&file)).is_ok() { 10 } else { 11 });
}

/// How the child ended: it may load the file, refuse it, or die of it.
fn probed(file: &Path) -> Option<i32> {
    // What a hostile file makes it ask for, it does not get.
    let status = Command::new("sh")
        .args(["-c", "ulimit -v 2000000; ulimit -c 0; exec \"$0\" --exact a_child_probes_the_file_that_it_is_named"])
        .arg(std::env::current_exe().unwrap())
        .env(PROBED, file)
        .output()
        .unwrap()
        .status;
    status.code()
}

#[test]
fn a_hostile_file_harms_only_the_child_that_looks_at_it() {
    let folder = TempDir::new().unwrap();
    let file: PathBuf = folder.path().join("hostile.gguf");
    let number = |key: &str, value: u32| good().meta(key, Meta::U32(value));
    let template = |text: &str| good().meta("tokenizer.chat_template", Meta::text(text));
    let doubling = "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}";
    let drafts = [
        number("llama.attention.head_count", 0),
        number("llama.attention.head_count", u32::MAX),
        number("llama.attention.head_count_kv", 3),
        number("llama.block_count", u32::MAX),
        number("llama.block_count", 0),
        number("llama.embedding_length", 0),
        number("llama.embedding_length", 1 << 30),
        number("llama.rope.dimension_count", 7),
        number("llama.context_length", 0),
        number("llama.context_length", u32::MAX),
        number("tokenizer.ggml.bos_token_id", u32::MAX).meta("tokenizer.ggml.add_bos_token", Meta::Bool(true)),
        number("tokenizer.ggml.eos_token_id", 1 << 20),
        number("general.alignment", 0),
        number("general.alignment", 3),
        good().meta("tokenizer.ggml.tokens", Meta::texts([""; 3])),
        good().meta("tokenizer.ggml.tokens", Meta::U32(5)),
        good().meta("tokenizer.ggml.merges", Meta::texts(["x", "a b c", " "])),
        good().again("general.architecture", Meta::text("bert")),
        template(doubling),
        template("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"),
    ];
    let mut files: Vec<Vec<u8>> = drafts.iter().map(Draft::bytes).collect();
    let whole = good().bytes();
    // Noise in the header: lengths, types, dimensions, offsets.
    let mut state = 1_u64;
    for _ in 0..30 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = 8 + (state >> 33) as usize % 9_000;
            bytes[place] = (state >> 24).to_le_bytes()[0];
        }
        files.push(bytes);
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(probed(&file), Some(10), "the good one is good");
    let mut ends = Vec::new();
    for bytes in files {
        std::fs::write(&file, bytes).unwrap();
        ends.push(probed(&file));
    }
    assert!(ends.iter().all(|end| matches!(end, None | Some(10 | 11 | 101 | 134 | 139))), "{ends:?}");
    assert!(ends.contains(&None), "some end their process, which is why it is another one: {ends:?}");
    assert!(ends.contains(&Some(11)), "some are refused politely: {ends:?}");
    let answer = Room::load(&spec()).unwrap().answer(ask("italy", "What is the capital of Italy?"));
    assert_eq!(answer.text, "The capital of Italy is Rome.");
}
