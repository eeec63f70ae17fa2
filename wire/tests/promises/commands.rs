//! Commands as bare words, and feeds.

use hob_core::ledger::{Factor, Kind, LIVE_BOUND, Live};
use hob_core::policy::Mode;
use hob_core::units::{Millis, UnixSeconds};
use hob_wire::request::{ModeCommand, cancel, grid_intensity, level};
use hob_wire::state::mode_word;

use crate::paper::id;

#[test]
fn a_bare_word_or_an_object_sets_the_level() {
    let stays = |mode: Mode| Some(ModeCommand { mode, lasts: None });
    let q4 = || stays(Mode::Fixed("Q4_K_M".into()));
    let an_hour = |mode: Mode| Some(ModeCommand { mode, lasts: Some(Millis(3_600_000)) });
    for (payload, command) in [
        ("auto", stays(Mode::Auto)),
        ("quality", stays(Mode::Quality)),
        ("endurance\n", stays(Mode::Endurance)),
        ("Q4_K_M\n", q4()),
        ("fixed:Q4_K_M", q4()),
        (r#"{"mode":"auto"}"#, stays(Mode::Auto)),
        (r#" {"v":1,"mode":"fixed","level":"Q4_K_M"}"#, q4()),
        (r#"{"mode":"fixed:Q4_K_M"}"#, q4()),
        (r#"{"mode":"quality","for_s":3600}"#, an_hour(Mode::Quality)),
        (r#"{"mode":"fixed","level":"Q4_K_M","for_s":3600}"#, an_hour(Mode::Fixed("Q4_K_M".into()))),
        ("", None),
        ("fixed", None),
        ("fixed:", None),
        ("fixed:auto", None),
        ("fixed:fixed:Q4_K_M", None),
        ("two words", None),
        ("{", None),
        ("Q4\0", None),
    ] {
        assert_eq!(level(payload.as_bytes()).ok(), command, "{payload:?}");
    }
    assert!(level(b"\xff").unwrap_err().message.contains("UTF-8"));
    assert!(level(&[b'x'; 2_000]).unwrap_err().message.contains("at most 1024"));
}

#[test]
fn the_word_of_a_mode_sets_that_mode() {
    for mode in [Mode::Auto, Mode::Quality, Mode::Endurance] {
        assert_eq!(level(mode_word(&mode).as_bytes()).map(|command| command.mode), Ok(mode));
    }
    assert_eq!(mode_word(&Mode::Fixed("Q4_K_M".into())), "fixed");
}

#[test]
fn a_feed_says_what_the_grid_carries_and_for_how_long() {
    let feed = |grams: &str, rest: &str| {
        let text = format!(r#"{{"g_per_kwh":{grams},"source":"grid operator","t":"2026-11-21T04:10:00Z","valid_s":900{rest}}}"#);
        grid_intensity(text.as_bytes())
    };
    let live = |grams, kind| Live {
        factor: Factor::around(grams, LIVE_BOUND).unwrap(),
        source: "grid operator".into(),
        kind,
        taken: UnixSeconds(1_795_234_200),
        valid: Millis(900_000),
    };
    let marginal = r#","kind":"marginal""#;
    assert_eq!(feed("212", ""), Ok(live(212, Kind::Average)));
    assert_eq!(feed("187.291667", marginal), Ok(live(187, Kind::Marginal)));
    assert_eq!((feed("1", ""), feed("1500", "")), (Ok(live(1, Kind::Average)), Ok(live(1_500, Kind::Average))));
    assert!(grid_intensity(b"212").unwrap_err().message.contains("is an object with g_per_kwh"));
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
