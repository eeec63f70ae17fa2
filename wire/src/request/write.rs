//! An ask as JSON, for clients and for handing a prompt over to another Hob.
//!
//! Promises: reading it gives the same prompt, whatever the reader's defaults. Deliberately absent: properties
//! (`crate::properties`).

use hob_core::prompt::{LevelWish, Message, Priority, Prompt, Role, Shape};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::VERSION;
use crate::decimal::Decimal;

/// The prompt's JSON schema is not JSON; it came from somewhere else than an ask.
#[derive(Debug, thiserror::Error)]
#[error("the JSON schema is not JSON: {0}")]
pub struct BadShape(#[from] serde_json::Error);

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: &'a str,
}

impl<'a> From<&'a Message> for Turn<'a> {
    fn from(message: &'a Message) -> Self {
        Self { role: message.role.as_str(), content: &message.content }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'static str>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    level: &'a str,
    max_tokens: u32,
    temperature: f32,
    top_k: u32,
    top_p: f32,
    min_p: f32,
    repeat_penalty: f32,
    seed: u32,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grammar: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<Decimal<0>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_joules: Option<Decimal<6>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_quality: Option<Decimal<2>>,
    priority: &'static str,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<&'a str>,
}

/// Writes a prompt as the JSON of an ask. `reply_to` is for brokers that speak MQTT 3.1.1 only.
///
/// # Errors
///
/// [`BadShape`] if the prompt's JSON schema is not JSON.
pub fn ask(prompt: &Prompt, stream: bool, reply_to: Option<&str>) -> Result<String, BadShape> {
    let instructed = prompt.messages.first().is_some_and(|first| first.role == Role::System);
    let (json_schema, grammar) = match &prompt.shape {
        Shape::Free => (None, None),
        Shape::JsonSchema(schema) => (Some(RawValue::from_string(schema.clone())?), None),
        Shape::Grammar(grammar) => (None, Some(grammar.as_str())),
    };
    let written = Written {
        v: VERSION,
        id: prompt.id.as_str(),
        system: (!instructed).then_some(""),
        messages: prompt.messages.iter().map(Turn::from).collect(),
        model: prompt.model.as_deref(),
        level: match &prompt.level {
            LevelWish::Auto => "auto",
            LevelWish::Exactly(name) => name,
        },
        max_tokens: prompt.max_tokens,
        temperature: prompt.sampling.temperature,
        top_k: prompt.sampling.top_k,
        top_p: prompt.sampling.top_p,
        min_p: prompt.sampling.min_p,
        repeat_penalty: prompt.sampling.repeat_penalty,
        seed: prompt.sampling.seed,
        stop: &prompt.stop,
        json_schema,
        grammar,
        deadline_ms: prompt.deadline.map(Decimal::from),
        max_joules: prompt.max_energy.map(Decimal::from),
        min_quality: prompt.min_quality.map(Decimal::from),
        priority: match prompt.priority {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
        },
        stream,
        reply_to,
    };
    Ok(serde_json::to_string(&written)?)
}
