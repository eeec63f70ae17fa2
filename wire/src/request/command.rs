//! Commands: who chooses the level, drop a prompt.
//!
//! Promises: a bare word does, for people and for Home Assistant; an object does, for programs; anything else is an
//! error, to be told as an event, for a command has no way back. Deliberately absent: carrying them out, and whether
//! the level is on the shelf.

use hob_core::policy::Mode;
use hob_core::prompt::{LevelWish, PromptId};
use hob_core::units::Millis;

use super::ask::wish_of;
use crate::VERSION;
use crate::json::{Fields, scan};
use crate::limits::{FOR_S, LEVEL_BYTES, WATCH_S};
use crate::reply::Fault;

/// The longest command, in bytes.
const COMMAND_BYTES: usize = 1_024;

/// What came on `set/level`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeCommand {
    /// What is wanted of the choice from now on.
    pub mode: Mode,
    /// For so long, then the configured mode holds again; `None` until it is set anew.
    pub lasts: Option<Millis>,
}

/// Reads what came on `set/level`: `auto`, `quality`, `endurance`, `fixed:Q4_K_M`, the bare name of a level, or
/// `{"mode":"quality","for_s":3600}`; in an object `{"mode":"fixed","level":"Q4_K_M"}` is `fixed:Q4_K_M`.
///
/// # Errors
///
/// [`Fault`] with code `bad_request`.
pub fn level(payload: &[u8]) -> Result<ModeCommand, Fault> {
    let text = word(payload)?;
    if !text.starts_with('{') {
        let mode = mode(text).unwrap_or_else(|| fixed(text))?;
        return Ok(ModeCommand { mode, lasts: None });
    }
    let mut fields = open(text, "a level command", &["v", "mode", "level", "for_s"])?;
    let said =
        fields.text("mode", COMMAND_BYTES)?.ok_or_else(|| Fault::bad("`mode` is missing: auto, quality, endurance or fixed"))?;
    let level = fields.text("level", LEVEL_BYTES)?;
    let mode = match (said.as_str(), level) {
        ("fixed", None) => return Err(Fault::bad("the mode fixed needs a `level`")),
        ("fixed", Some(name)) => fixed(&name)?,
        (_, Some(_)) => return Err(Fault::bad("`level` goes with the mode fixed, and with no other")),
        (said, None) => mode(said).ok_or_else(|| Fault::bad(MODES))??,
    };
    let seconds = fields.number::<0>("for_s", &(1..=FOR_S))?;
    let lasts = seconds.and_then(|span| u64::try_from(span.0).ok()).map(|seconds| Millis(seconds * 1_000));
    Ok(ModeCommand { mode, lasts })
}

/// What a mode may be.
const MODES: &str = "`mode` must be one of auto, quality, endurance, fixed, or fixed: and a level as in fixed:Q4_K_M";

/// A mode by its word: `auto`, `quality`, `endurance` or `fixed:LEVEL`; `None` if it is no such word.
///
/// # Errors
///
/// [`Fault`] with code `bad_request` if what follows `fixed:` is no level's name.
#[must_use]
pub fn mode(word: &str) -> Option<Result<Mode, Fault>> {
    match (word, word.strip_prefix("fixed:")) {
        ("auto", _) => Some(Ok(Mode::Auto)),
        ("quality", _) => Some(Ok(Mode::Quality)),
        ("endurance", _) => Some(Ok(Mode::Endurance)),
        (_, Some(name)) => Some(fixed(name)),
        _ => None,
    }
}

/// A level by its name.
fn fixed(name: &str) -> Result<Mode, Fault> {
    match wish_of(name)? {
        LevelWish::Exactly(name) if mode(&name).is_none() && name != "fixed" => Ok(Mode::Fixed(name)),
        _ => Err(Fault::bad("the mode fixed needs the name of a level, such as Q4_K_M, and not a mode")),
    }
}

/// What came on `set/telemetry`: a quicker beat for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelemetryCommand {
    /// Time between two messages; 1 s to an hour.
    pub every: Millis,
    /// For so long, then the configured beat holds again; at most an hour.
    pub lasts: Millis,
}

/// Reads what came on `set/telemetry`: `{"every_s":1,"for_s":60}`, both needed.
///
/// # Errors
///
/// [`Fault`] with code `bad_request`.
pub fn telemetry(payload: &[u8]) -> Result<TelemetryCommand, Fault> {
    let text = word(payload)?;
    if !text.starts_with('{') {
        return Err(Fault::bad("a telemetry command is an object with every_s and for_s"));
    }
    let mut fields = open(text, "a telemetry command", &["v", "every_s", "for_s"])?;
    let mut span = |name: &'static str| -> Result<Millis, Fault> {
        let seconds = fields.number::<0>(name, &(1..=WATCH_S))?.ok_or_else(|| Fault::bad(format!("`{name}` is missing")))?;
        Ok(Millis(u64::try_from(seconds.0).unwrap_or(1) * 1_000))
    };
    Ok(TelemetryCommand { every: span("every_s")?, lasts: span("for_s")? })
}

/// Reads what came on `set/cancel`: an id, or `{"id":"…"}`.
///
/// # Errors
///
/// [`Fault`] with code `bad_request`.
pub fn cancel(payload: &[u8]) -> Result<PromptId, Fault> {
    let text = word(payload)?;
    let id = if text.starts_with('{') {
        let mut fields = open(text, "a cancel command", &["v", "id"])?;
        fields.text("id", COMMAND_BYTES)?.ok_or_else(|| Fault::bad("`id` is missing"))?
    } else {
        text.to_owned()
    };
    PromptId::new(id).map_err(|error| Fault::bad(error.to_string()))
}

/// The payload without blanks around it.
pub(super) fn word(payload: &[u8]) -> Result<&str, Fault> {
    if payload.len() > COMMAND_BYTES {
        return Err(Fault::bad(format!("the command has {} bytes; at most {COMMAND_BYTES} are read", payload.len())));
    }
    let text = std::str::from_utf8(payload).map_err(|error| Fault::bad(format!("the command is not UTF-8: {error}")))?;
    Ok(text.trim())
}

/// The fields of an object, of this version.
pub(super) fn open<'a>(text: &'a str, what: &str, known: &[&str]) -> Result<Fields<'a>, Fault> {
    let (mut fields, outcome) = Fields::read(text, what, known);
    outcome?;
    scan(text)?;
    fields.number::<0>("v", &(i64::from(VERSION)..=i64::from(VERSION)))?;
    Ok(fields)
}
