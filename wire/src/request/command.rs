//! Commands: stay at a level, drop a prompt.
//!
//! Promises: a bare word does, for people and for Home Assistant; an object does, for programs; anything else is an
//! error, to be told as an event, for a command has no way back. Deliberately absent: carrying them out.

use hob_core::prompt::{LevelWish, PromptId};

use super::ask::{one_of, wish_of};
use crate::VERSION;
use crate::json::{Fields, scan};
use crate::limits::LEVEL_BYTES;
use crate::reply::Fault;

/// The longest command, in bytes.
const COMMAND_BYTES: usize = 1_024;

/// Reads what came on `set/level`: `auto`, the name of a level, `{"mode":"auto"}` or
/// `{"mode":"fixed","level":"Q4_K_M"}`.
///
/// # Errors
///
/// [`Fault`] with code `bad_request`.
pub fn level(payload: &[u8]) -> Result<LevelWish, Fault> {
    let text = word(payload)?;
    if !text.starts_with('{') {
        return wish_of(text);
    }
    let mut fields = open(text, "a level command", &["v", "mode", "level"])?;
    let fixed = one_of(&mut fields, "mode", &[("auto", false), ("fixed", true)])?;
    let level = fields.text("level", LEVEL_BYTES)?;
    match (fixed, level) {
        (None, _) => Err(Fault::bad("`mode` is missing: auto or fixed")),
        (Some(false), None) => Ok(LevelWish::Auto),
        (Some(false), Some(_)) => Err(Fault::bad("`level` goes with the mode fixed, not with auto")),
        (Some(true), None) => Err(Fault::bad("the mode fixed needs a `level`")),
        (Some(true), Some(name)) => match wish_of(&name)? {
            LevelWish::Auto => Err(Fault::bad("the mode fixed needs the name of a level, not auto")),
            wish @ LevelWish::Exactly(_) => Ok(wish),
        },
    }
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
fn word(payload: &[u8]) -> Result<&str, Fault> {
    if payload.len() > COMMAND_BYTES {
        return Err(Fault::bad(format!("the command has {} bytes; at most {COMMAND_BYTES} are read", payload.len())));
    }
    let text = std::str::from_utf8(payload).map_err(|error| Fault::bad(format!("the command is not UTF-8: {error}")))?;
    Ok(text.trim())
}

fn open<'a>(text: &'a str, what: &str, known: &[&str]) -> Result<Fields<'a>, Fault> {
    let (mut fields, outcome) = Fields::read(text, what, known);
    outcome?;
    scan(text)?;
    fields.number::<0>("v", &(i64::from(VERSION)..=i64::from(VERSION)))?;
    Ok(fields)
}
