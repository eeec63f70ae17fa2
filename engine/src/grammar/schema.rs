//! Which JSON Schemas llama.cpp's conversion really holds.
//!
//! The conversion is lenient: it leaves out what it does not know, looks at one keyword and not at its
//! neighbour, and takes a pattern that it cannot express for any text. So this list is of what it holds,
//! and everything else is refused.
//!
//! Deliberately absent: the conversion itself.

use serde_json::{Map, Value};

/// Keywords that say nothing about the value.
const SILENT: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];
/// Keywords that the conversion looks at, by the type of value.
const OBJECT: &[&str] = &["type", "properties", "required", "additionalProperties"];
const ARRAY: &[&str] = &["type", "items", "prefixItems", "minItems", "maxItems"];
const STRING: &[&str] = &["type", "pattern", "format", "minLength", "maxLength"];
const INTEGER: &[&str] = &["type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
/// Formats that it holds.
const FORMATS: &[&str] = &["date", "time", "date-time", "uuid"];

/// Whether every constraint of the schema ends up in the grammar.
///
/// # Errors
///
/// What does not, where, and what to write instead.
pub(super) fn enforceable(schema: &Value, at: &str) -> Result<(), String> {
    let Value::Object(object) = schema else { return Err(format!("at {at}/ there must be an object")) };
    for key in ["$defs", "definitions", "properties"] {
        for (name, part) in object.get(key).and_then(Value::as_object).into_iter().flatten() {
            enforceable(part, &format!("{at}/{key}/{name}"))?;
        }
    }
    let alone = |key: &str| only(object, &[key], at);
    if let Some(target) = object.get("$ref") {
        if !target.as_str().is_some_and(|target| target.starts_with("#/")) {
            return Err(format!("{at}/$ref must point into the schema itself (#/...)"));
        }
        return alone("$ref");
    }
    if let Some(parts) = object.get("anyOf") {
        for part in parts.as_array().into_iter().flatten() {
            enforceable(part, &format!("{at}/anyOf"))?;
        }
        return alone("anyOf");
    }
    if object.contains_key("const") {
        return alone("const");
    }
    if let Some(values) = object.get("enum") {
        let kind = object.get("type").map_or(Ok(""), |kind| kind.as_str().ok_or(format!("{at}/type must be one beside enum")))?;
        if values.as_array().into_iter().flatten().any(|value| !kind.is_empty() && !is(value, kind)) {
            return Err(format!("{at}/enum has values that are not of the type {kind}"));
        }
        return only(object, &["enum", "type"], at);
    }
    match kinds(object, at)?.as_slice() {
        [] => alone("type"),
        [kind] => of_kind(kind, object, at),
        _several => alone("type"),
    }
}

/// The types that are allowed; guessed from the keywords as the conversion does if there are none.
fn kinds<'schema>(object: &'schema Map<String, Value>, at: &str) -> Result<Vec<&'schema str>, String> {
    let wrong = || format!("{at}/type must be a type's name, or several");
    match object.get("type") {
        Some(Value::String(kind)) => Ok(vec![kind]),
        Some(Value::Array(kinds)) => kinds.iter().map(|kind| kind.as_str().ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
        None if object.contains_key("properties") => Ok(vec!["object"]),
        None if object.contains_key("items") || object.contains_key("prefixItems") => Ok(vec!["array"]),
        None => Ok(vec![]),
    }
}

fn of_kind(kind: &str, object: &Map<String, Value>, at: &str) -> Result<(), String> {
    match kind {
        "object" => of_object(object, at),
        "array" => of_array(object, at),
        "string" => of_string(object, at),
        "integer" => {
            for (one, other) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
                if object.contains_key(one) && object.contains_key(other) {
                    return Err(format!("{at}/{one} and {other} stand together; leave one out"));
                }
            }
            only(object, INTEGER, at)
        }
        "number" | "boolean" | "null" => only(object, &["type"], at),
        other => Err(format!("{at}/type names no type: {other}")),
    }
}

fn of_object(object: &Map<String, Value>, at: &str) -> Result<(), String> {
    let known = object.get("properties").and_then(Value::as_object);
    for name in object.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !name.as_str().is_some_and(|name| known.is_some_and(|known| known.contains_key(name))) {
            return Err(format!("{at}/required names {name}, which is not among the properties"));
        }
    }
    match object.get("additionalProperties") {
        None | Some(Value::Bool(_)) => {}
        Some(part) => enforceable(part, &format!("{at}/additionalProperties"))?,
    }
    only(object, OBJECT, at)
}

fn of_array(object: &Map<String, Value>, at: &str) -> Result<(), String> {
    if let Some(parts) = object.get("prefixItems") {
        for part in parts.as_array().ok_or(format!("{at}/prefixItems must be an array"))? {
            enforceable(part, &format!("{at}/prefixItems"))?;
        }
        return only(object, &["type", "prefixItems"], at);
    }
    if let Some(part) = object.get("items") {
        enforceable(part, &format!("{at}/items"))?;
    }
    let count = |key| object.get(key).and_then(Value::as_u64);
    if let (Some(least), Some(most)) = (count("minItems"), count("maxItems"))
        && most < least
    {
        return Err(format!("{at}/minItems and maxItems are the wrong way round"));
    }
    only(object, ARRAY, at)
}

fn of_string(object: &Map<String, Value>, at: &str) -> Result<(), String> {
    if let Some(format) = object.get("format") {
        if !format.as_str().is_some_and(|format| FORMATS.contains(&format)) {
            return Err(format!("{at}/format must be one of {}", FORMATS.join(", ")));
        }
        return only(object, &["type", "format"], at);
    }
    if let Some(pattern) = object.get("pattern") {
        plain(pattern.as_str().unwrap_or_default()).map_err(|why| format!("{at}/pattern {why}"))?;
        return only(object, &["type", "pattern"], at);
    }
    only(object, STRING, at)
}

/// Whether there are only these keywords, and silent ones.
fn only(object: &Map<String, Value>, known: &[&str], at: &str) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str()) && !SILENT.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) if key == "oneOf" => Err(format!("{at}/oneOf cannot be held (\"exactly one\"); use anyOf")),
        Some(key) if key == "allOf" => Err(format!("{at}/allOf cannot be held; write its parts as one schema")),
        Some(key) => Err(format!("{at}/{key} is a keyword that no grammar holds here; leave it out")),
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// Whether a pattern is one that becomes a grammar, and only lets through what a JSON string may hold as it
/// is: no quotes, no backslashes, no line ends.
fn plain(pattern: &str) -> Result<(), String> {
    let inner = pattern.strip_prefix('^').and_then(|inner| inner.strip_suffix('$')).filter(|inner| !inner.ends_with('\\'));
    let Some(inner) = inner else { return Err("must begin with ^ and end with $".into()) };
    let mut letters = inner.chars().peekable();
    let mut class = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if class => return Err("has a backslash inside [...]; name the characters themselves".into()),
            '\\' if letters.next_if(|next| ".+*?()[]{}|^$".contains(*next)).is_none() => {
                return Err("has an escape that no grammar knows; write [0-9] for \\d, [A-Za-z0-9_] for \\w".into());
            }
            '[' if !class => class = true,
            ']' if class => class = false,
            '-' if class => {}
            '(' if !class && letters.next_if_eq(&'?').is_some() && letters.next() != Some(':') => {
                return Err("has a group that no grammar knows; use plain ( ) or (?: )".into());
            }
            '.' if !class => return Err("has a dot, which also lets quotes through; name the characters in [...]".into()),
            '^' | '$' => return Err("has ^ or $ in its middle".into()),
            '"' | '\u{0}'..='\u{1f}' | '\u{7f}' => return Err("has a character that JSON must escape".into()),
            low if class && letters.peek() == Some(&'-') && !in_one_row(low, letters.clone().nth(1)) => {
                return Err("has a range in [...] that is not within a-z, A-Z or 0-9".into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a range stays within letters of one kind, or digits. A `-` before `]` makes none.
fn in_one_row(low: char, high: Option<char>) -> bool {
    let Some(high) = high else { return true };
    let both = |test: fn(&char) -> bool| test(&low) && test(&high) && low <= high;
    high == ']' || both(char::is_ascii_lowercase) || both(char::is_ascii_uppercase) || both(char::is_ascii_digit)
}
