//! The fields of an ask and of an embed request.
//!
//! Promises: every field is checked against its bound; a field that is not in the list is an error; what is left out
//! comes from the defaults. Deliberately absent: the envelope (`letter`).

use hob_core::prompt::{LevelWish, Message, Priority, Prompt, Role, Sampling, Shape};
use hob_core::units::{BasisPoints, Microjoules, Millis};

use super::Defaults;
use super::letter::Letter;
use crate::json::{Fields, list, text, wrong};
use crate::limits::{
    DEADLINE_MS, INPUTS, JOULES, LEVEL_BYTES, MAX_TOKENS, MESSAGES, MODEL_BYTES, PAYLOAD_BYTES, SHAPE_BYTES, STOP_BYTES, STOPS,
    TOP_K,
};
use crate::reply::Fault;

/// What messages call it.
pub(super) const WHAT: &str = "an ask";

/// The fields of an ask; `transaction` is `id`, and `quant` is `level`.
pub(super) const FIELDS: [&str; 23] = [
    "v",
    "id",
    "prompt",
    "messages",
    "system",
    "model",
    "level",
    "max_tokens",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repeat_penalty",
    "seed",
    "stop",
    "json_schema",
    "grammar",
    "deadline_ms",
    "max_joules",
    "min_quality",
    "priority",
    "stream",
    "reply_to",
];

/// The fields of an embed request.
pub(super) const EMBED_FIELDS: [&str; 5] = ["v", "id", "input", "model", "reply_to"];

const JOULE: i64 = 1_000_000;
/// 100 %, in basis points.
const ALL: i64 = 10_000;

/// Reads the rest of an ask.
pub(super) fn read(letter: &mut Letter, defaults: &Defaults) -> Result<Prompt, Fault> {
    let (said, fields) = (letter.text, &mut letter.fields);
    let tokens = fields.number::<0>("max_tokens", &(1..=MAX_TOKENS))?;
    let deadline = fields.number::<0>("deadline_ms", &(1..=DEADLINE_MS))?;
    let energy = fields.number::<6>("max_joules", &(1..=JOULES * JOULE))?;
    let quality = fields.number::<2>("min_quality", &(0..=ALL))?;
    Ok(Prompt {
        id: letter.id.clone(),
        messages: messages(said, fields, defaults)?,
        model: model(fields)?,
        level: level(fields)?,
        sampling: sampling(fields, defaults.sampling)?,
        shape: shape(fields)?,
        stop: stop(fields)?,
        max_tokens: tokens.and_then(|count| u32::try_from(count.0).ok()).unwrap_or(defaults.max_tokens),
        deadline: deadline.and_then(|span| u64::try_from(span.0).ok()).map(Millis),
        max_energy: energy.and_then(|energy| u64::try_from(energy.0).ok()).map(Microjoules),
        min_quality: quality.and_then(|quality| u32::try_from(quality.0).ok()).map(BasisPoints),
        priority: priority(fields)?,
    })
}

/// Reads the rest of an embed request.
pub(super) fn read_embed(letter: &mut Letter) -> Result<(Vec<String>, Option<String>), Fault> {
    let model = model(&mut letter.fields)?;
    let input = match (letter.text, letter.fields.raw("input")) {
        (Some(said), _) => vec![said.to_owned()],
        (None, None) => return Err(Fault::bad("`input` is missing: a text, or an array of texts")),
        (None, Some(raw)) => texts(raw, "input", &(1..=INPUTS), PAYLOAD_BYTES)?,
    };
    if input.iter().any(String::is_empty) {
        return Err(Fault::bad("`input` has an empty text in it"));
    }
    Ok((input, model))
}

/// The conversation: standing instructions, if any, and what is asked.
fn messages(said: Option<&str>, fields: &mut Fields, defaults: &Defaults) -> Result<Vec<Message>, Fault> {
    let system = fields.text("system", PAYLOAD_BYTES)?;
    let prompt = said.map_or_else(|| fields.text("prompt", PAYLOAD_BYTES), |text| Ok(Some(text.to_owned())))?;
    let turns = match (prompt, fields.raw("messages")) {
        (Some(_), Some(_)) => return Err(Fault::bad("give `prompt` or `messages`, not both")),
        (None, None) => return Err(Fault::bad("`prompt` is missing: a text, or else `messages`")),
        (Some(content), None) => vec![Message { role: Role::User, content }],
        (None, Some(raw)) => list(raw, "messages", &(1..=MESSAGES))?.into_iter().map(message).collect::<Result<_, _>>()?,
    };
    match turns.last() {
        Some(last) if !matches!(last.role, Role::User | Role::Tool) => {
            return Err(Fault::bad("there is nothing to answer: the last message must be a user's or a tool's"));
        }
        Some(last) if last.content.trim().is_empty() => {
            return Err(Fault::bad("there is nothing to answer: the prompt is blank"));
        }
        _ => {}
    }
    let instructed = turns.first().is_some_and(|first| first.role == Role::System);
    let system = match (system, instructed) {
        (Some(text), true) if !text.is_empty() => {
            return Err(Fault::bad("give `system` or a first message of role system, not both"));
        }
        (None, false) => defaults.system.clone(),
        (system, _) => system,
    };
    let system = system.filter(|text| !text.is_empty()).map(|content| Message { role: Role::System, content });
    Ok(system.into_iter().chain(turns).collect())
}

/// One message of a conversation.
fn message(raw: &str) -> Result<Message, Fault> {
    if !raw.starts_with('{') {
        return Err(wrong("messages", "an array of objects with `role` and `content`; one of them", raw));
    }
    let (mut fields, outcome) = Fields::read(raw, "a message", &["role", "content"]);
    outcome?;
    let roles = [Role::System, Role::User, Role::Assistant, Role::Tool];
    let role = one_of(&mut fields, "role", &roles.map(|role| (role.as_str(), role)))?;
    let content = fields.text("content", PAYLOAD_BYTES)?;
    match (role, content) {
        (Some(role), Some(content)) => Ok(Message { role, content }),
        _ => Err(Fault::bad("a message needs `role` and `content`")),
    }
}

fn model(fields: &mut Fields) -> Result<Option<String>, Fault> {
    let model = fields.text("model", MODEL_BYTES)?;
    match &model {
        Some(name) if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(Fault::bad("`model` must be 1 to 128 printable ASCII characters without blanks"))
        }
        _ => Ok(model),
    }
}

fn level(fields: &mut Fields) -> Result<LevelWish, Fault> {
    let wish = fields.text("level", LEVEL_BYTES)?;
    wish.map_or(Ok(LevelWish::Auto), |name| wish_of(&name).map_err(|fault| fault.about("level")))
}

/// `auto` or the name of a level.
pub(super) fn wish_of(name: &str) -> Result<LevelWish, Fault> {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    match name {
        "auto" => Ok(LevelWish::Auto),
        _ if !name.is_empty() && name.len() <= LEVEL_BYTES && name.bytes().all(fit) => Ok(LevelWish::Exactly(name.to_owned())),
        _ => Err(Fault::bad(format!(
            "a level is auto or a name such as Q4_K_M: 1 to {LEVEL_BYTES} ASCII letters, digits, '_', '.' or '-'"
        ))),
    }
}

fn sampling(fields: &mut Fields, defaults: Sampling) -> Result<Sampling, Fault> {
    let seed = fields.number::<0>("seed", &(0..=i64::from(u32::MAX)))?;
    let top_k = fields.number::<0>("top_k", &(0..=TOP_K))?;
    Ok(Sampling {
        temperature: fields.real("temperature", 0.0..=2.0)?.unwrap_or(defaults.temperature),
        top_k: top_k.and_then(|count| u32::try_from(count.0).ok()).unwrap_or(defaults.top_k),
        top_p: fields.real("top_p", 0.0..=1.0)?.unwrap_or(defaults.top_p),
        min_p: fields.real("min_p", 0.0..=1.0)?.unwrap_or(defaults.min_p),
        repeat_penalty: fields.real("repeat_penalty", 0.5..=2.0)?.unwrap_or(defaults.repeat_penalty),
        seed: seed.and_then(|seed| u32::try_from(seed.0).ok()).unwrap_or(defaults.seed),
    })
}

/// The schema is kept as it was sent: the order of its keys is the order of the answer's.
fn shape(fields: &mut Fields) -> Result<Shape, Fault> {
    match (fields.raw("json_schema"), fields.text("grammar", SHAPE_BYTES)?) {
        (None, None) => Ok(Shape::Free),
        (Some(_), Some(_)) => Err(Fault::bad("give `json_schema` or `grammar`, not both")),
        (None, Some(grammar)) if grammar.trim().is_empty() => Err(Fault::bad("`grammar` is blank")),
        (None, Some(grammar)) => Ok(Shape::Grammar(grammar)),
        (Some(raw), None) if !raw.starts_with('{') => Err(wrong("json_schema", "an object", raw)),
        (Some(raw), None) if raw.len() > SHAPE_BYTES => {
            Err(Fault::bad(format!("`json_schema` has {} bytes; at most {SHAPE_BYTES} are allowed", raw.len())))
        }
        (Some(raw), None) => serde_json::from_str::<serde_json::Value>(raw)
            .map(|_| Shape::JsonSchema(raw.to_owned()))
            .map_err(|_| Fault::bad("`json_schema` has a broken \\u escape or an astronomic number in it")),
    }
}

fn stop(fields: &mut Fields) -> Result<Vec<String>, Fault> {
    let Some(raw) = fields.raw("stop") else { return Ok(Vec::new()) };
    let stops = texts(raw, "stop", &(0..=STOPS), STOP_BYTES)?;
    if stops.iter().any(String::is_empty) {
        return Err(Fault::bad("`stop` has an empty text in it, which would end every answer at once"));
    }
    Ok(stops)
}

fn priority(fields: &mut Fields) -> Result<Priority, Fault> {
    let words = [("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High)];
    one_of(fields, "priority", &words).map(Option::unwrap_or_default)
}

/// A text, or an array of so many texts.
fn texts(raw: &str, name: &str, range: &std::ops::RangeInclusive<usize>, most: usize) -> Result<Vec<String>, Fault> {
    if raw.starts_with('"') {
        return Ok(vec![text(raw, name, most)?]);
    }
    list(raw, name, range)?.into_iter().map(|raw| text(raw, name, most)).collect()
}

/// Takes a word out of a list.
pub(super) fn one_of<T: Copy>(fields: &mut Fields, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Fault> {
    let Some(word) = fields.text(name, PAYLOAD_BYTES)? else { return Ok(None) };
    words.iter().find(|(known, _)| *known == word).map(|(_, value)| Some(*value)).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
        Fault::bad(format!("`{name}` must be one of {}", known.join(", ")))
    })
}
