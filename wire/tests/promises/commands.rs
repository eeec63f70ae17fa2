//! Commands as bare words.

use hob_core::prompt::LevelWish;
use hob_wire::request::{cancel, level};

use crate::paper::id;

#[test]
fn a_bare_word_or_an_object_sets_the_level() {
    let q4 = || LevelWish::Exactly("Q4_K_M".into());
    for (payload, wish) in [
        ("auto", Some(LevelWish::Auto)),
        ("Q4_K_M\n", Some(q4())),
        (r#"{"mode":"auto"}"#, Some(LevelWish::Auto)),
        (r#" {"v":1,"mode":"fixed","level":"Q4_K_M"}"#, Some(q4())),
        ("", None),
        ("two words", None),
        ("{", None),
        ("Q4\0", None),
    ] {
        assert_eq!(level(payload.as_bytes()).ok(), wish, "{payload:?}");
    }
    assert!(level(b"\xff").unwrap_err().message.contains("UTF-8"));
    assert!(level(&[b'x'; 2_000]).unwrap_err().message.contains("at most 1024"));
}

#[test]
fn a_bare_id_or_an_object_takes_a_prompt_back() {
    for (payload, name) in [
        ("q1", Some("q1")),
        ("q1\r\n", Some("q1")),
        (r#"{"transaction":"q1"}"#, Some("q1")),
        ("", None),
        ("a b", None),
        ("{q1}", None),
    ] {
        assert_eq!(cancel(payload.as_bytes()).ok(), name.map(id), "{payload:?}");
    }
}
