//! The chat templates of ten model families, rendered by us and by Python's jinja2 as transformers set it
//! up: byte for byte the same, and the same refusals.
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
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use hob_core::prompt::{Message, Role};
use hob_engine::Template;
use hob_shelf::gguf::{Gguf, Value as Meta};
use serde_json::{Value, json};

/// Families, by the file that holds their template.
const FAMILIES: &[&str] = &[
    "llama3",
    "llama3_2_vision",
    "gemma",
    "gemma3",
    "mistral_v1",
    "mistral_v2v3",
    "mistral_v7_tekken",
    "qwen_25",
    "qwen3",
    "phi_3",
    "phi_35",
    "phi_4",
    "chatml",
    "deepseek_v2",
    "exaone",
    "falcon_h1",
    "cohere",
    "command_a",
];

fn conversations() -> Vec<(&'static str, Vec<(Role, &'static str)>)> {
    use Role::{Assistant, System, Tool, User};
    vec![
        ("one question", vec![(User, "What is the capital of Italy?")]),
        ("with an instruction", vec![(System, "Be brief."), (User, "Hi")]),
        ("several turns", vec![(User, "Hi"), (Assistant, "Hello!"), (User, "Who are you?"), (Assistant, "Hob."), (User, "Why?")]),
        ("an instruction and turns", vec![(System, "Be kind."), (User, "Hi"), (Assistant, "Hello!"), (User, "Bye")]),
        (
            "other scripts",
            vec![(System, "Réponds brièvement."), (User, "漢字とは？ 👩‍👩‍👧"), (Assistant, "Ω ≈ ∞"), (User, "спасибо")],
        ),
        ("blanks around", vec![(System, "  Be brief.\n\n"), (User, "\n  Hi  \n"), (Assistant, " Hello! "), (User, "\tBye\n")]),
        ("empty", vec![(System, ""), (User, "")]),
        ("quotes and marks", vec![(User, "<b>\"it's\" & {{ 7 * 7 }} {% raise %}</b> \\n ' # {#")]),
        (
            "a tool's word",
            vec![(User, "Warm?"), (Assistant, "I look."), (Tool, "{\"temp\": \"21 °C\", \"a\": [1, 2]}"), (User, "So?")],
        ),
        ("two instructions", vec![(System, "One."), (System, "Two."), (User, "Hi")]),
        ("no question", vec![(System, "Be brief.")]),
        ("out of turn", vec![(User, "Hi"), (User, "Hello?")]),
        ("the answer first", vec![(Assistant, "Hello!"), (User, "Hi")]),
    ]
}

fn templates() -> Vec<(String, String)> {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from);
    let folder = cache.join("hob/templates");
    let read = |name: &&str| {
        let file = folder.join(format!("{name}.jinja"));
        let text = std::fs::read_to_string(&file)
            .unwrap_or_else(|_| panic!("{} is missing: run scripts/get-templates first", file.display()));
        ((*name).to_owned(), text)
    };
    let model = Gguf::open(&common::model()).unwrap();
    let Some(Meta::Text(own)) = model.get("tokenizer.chat_template") else { panic!("the default model has a template") };
    std::iter::once(("SmolLM2".to_owned(), own.clone())).chain(FAMILIES.iter().map(read)).collect()
}

fn in_python(cases: &[Value]) -> Vec<Value> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/common/jinja.py");
    let mut python = Command::new("/usr/bin/python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(json!(cases).to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "python3 with jinja2 is needed: apt-get install python3-jinja2");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn folded(turns: &[(Role, &str)]) -> Vec<(Role, String)> {
    let system: Vec<&str> = turns.iter().filter(|(role, _)| *role == Role::System).map(|(_, text)| *text).collect();
    let mut rest: Vec<(Role, String)> =
        turns.iter().filter(|(role, _)| *role != Role::System).map(|(role, text)| (*role, (*text).to_owned())).collect();
    if let Some((_, question)) = rest.iter_mut().find(|(role, _)| *role == Role::User) {
        let parts: Vec<&str> = system.into_iter().chain([question.as_str()]).filter(|part| !part.is_empty()).collect();
        *question = parts.join("\n\n");
    }
    rest
}

#[test]
fn templates_are_rendered_as_jinja2_renders_them() {
    let case = |template: &str, turns: Vec<(Role, String)>| {
        let messages: Vec<Value> = turns.iter().map(|(role, text)| json!({"role": role.as_str(), "content": text})).collect();
        json!({"template": template, "bos": "<s>", "eos": "</s>", "messages": messages})
    };
    let mut cases = Vec::new();
    let mut wanted = Vec::new();
    for (family, template) in templates() {
        for (name, turns) in conversations() {
            let plain: Vec<(Role, String)> = turns.iter().map(|(role, text)| (*role, (*text).to_owned())).collect();
            cases.push(case(&template, plain));
            cases.push(case(&template, folded(&turns)));
            wanted.push((family.clone(), template.clone(), name, turns));
        }
    }
    let theirs = in_python(&cases);
    let (mut same, mut refused) = (0, 0);
    for ((family, source, name, turns), theirs) in wanted.into_iter().zip(theirs.chunks(2)) {
        let template =
            Template::new(Some(source), "<s>".into(), "</s>".into(), vec![]).unwrap_or_else(|why| panic!("{family}: {why}"));
        let messages: Vec<Message> = turns.iter().map(|(role, text)| Message { role: *role, content: (*text).into() }).collect();
        let has = |role: Role| turns.iter().any(|(whose, _)| *whose == role);
        // Where the template refuses, the instruction goes with the question, if there are both.
        let theirs = match &theirs[0] {
            refused if refused["text"].is_null() && has(Role::System) && has(Role::User) => &theirs[1],
            rendered => rendered,
        };
        match (template.render(&messages), theirs["text"].as_str()) {
            (Ok(ours), Some(theirs)) => {
                assert_eq!(ours, theirs, "{family}, {name}");
                same += 1;
            }
            (Err(_), None) => refused += 1,
            (Ok(ours), None) => panic!("{family}, {name}: jinja2 refuses ({}), and we say {ours:?}", theirs["refused"]),
            (Err(why), Some(theirs)) => panic!("{family}, {name}: we refuse ({why}), and jinja2 says {theirs:?}"),
        }
    }
    assert!(same > 150 && refused > 5, "{same} the same, {refused} refused by both");
}
