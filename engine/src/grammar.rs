//! Which shapes of answer can be enforced.
//!
//! Fails closed: what cannot be enforced is an error before the first token, never an unconstrained answer.
//!
//! ```text
//! JSON Schema ─▶ only what the grammar will really hold ─▶ GBNF ─┐
//! GBNF ──────────────────────────────────────────────────────────┴─▶ read, checked, written anew ─▶ llama.cpp
//! ```
//!
//! Deliberately absent: sampling.

mod checks;
mod gbnf;
mod schema;
#[cfg(test)]
mod tests;

use hob_core::prompt::Shape;
use serde_json::Value;

/// The longest schema or grammar, in bytes.
const MAX_BYTES: usize = 32 * 1_024;
/// The longest grammar that a schema may become, in bytes.
const MAX_GENERATED_BYTES: usize = 256 * 1_024;
/// The deepest nesting of a schema.
const MAX_DEPTH: usize = 64;

/// The GBNF that holds `shape`; `None` for a free answer.
///
/// # Errors
///
/// What cannot be enforced, why, and what to do instead.
pub(crate) fn gbnf(shape: &Shape) -> Result<Option<String>, String> {
    match shape {
        Shape::Free => Ok(None),
        Shape::Grammar(text) => {
            let refuse = |why: String| format!("the grammar cannot be used: {why}");
            short(text, MAX_BYTES).map_err(refuse)?;
            gbnf::checked(text).map(Some).map_err(refuse)
        }
        Shape::JsonSchema(text) => {
            let refuse = |why: String| format!("the JSON Schema cannot be enforced: {why}");
            short(text, MAX_BYTES).map_err(refuse)?;
            let schema: Value = serde_json::from_str(text).map_err(|error| refuse(format!("it is not JSON: {error}")))?;
            shallow(&schema, MAX_DEPTH).map_err(refuse)?;
            schema::enforceable(&schema, "").map_err(refuse)?;
            let grammar = llama_cpp_2::json_schema_to_grammar(text)
                .map_err(|_| refuse("llama.cpp cannot turn it into a grammar; simplify patterns and references".into()))?;
            short(&grammar, MAX_GENERATED_BYTES).map_err(refuse)?;
            gbnf::checked(&grammar).map(Some).map_err(refuse)
        }
    }
}

fn short(text: &str, most: usize) -> Result<(), String> {
    if text.len() <= most { Ok(()) } else { Err(format!("it has {} bytes and {most} are the most", text.len())) }
}

/// The conversion recurses with every level.
fn shallow(value: &Value, levels: usize) -> Result<(), String> {
    let Some(left) = levels.checked_sub(1) else { return Err(format!("it nests deeper than {MAX_DEPTH}")) };
    match value {
        Value::Array(parts) => parts.iter().try_for_each(|part| shallow(part, left)),
        Value::Object(parts) => parts.values().try_for_each(|part| shallow(part, left)),
        _ => Ok(()),
    }
}
