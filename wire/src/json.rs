//! Reading JSON objects that may be hostile, field by field.
//!
//! Promises: nothing is copied before its bound was checked; an error names the field, what it must be and what kind of
//! thing it was, and never quotes what somebody said; the fields before a mistake are kept, so that an error can be
//! answered to whoever made it. A field that is `null` is absent.
//! Deliberately absent: what the fields mean (`request`).

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::decimal::Decimal;
use crate::limits::JSON_DEPTH;
use crate::reply::Fault;

/// Other names that a field may go by: `Zigbee2MQTT` says `transaction`, and people say `quant`.
const ALIASES: [(&str, &str); 2] = [("transaction", "id"), ("quant", "level")];

/// Checks what holds for a whole JSON text: how deep it nests, and that no text in it has a NUL character.
pub(crate) fn scan(text: &str) -> Result<(), Fault> {
    let (mut depth, mut quoted, mut rest) = (0_usize, false, text.as_bytes());
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (quoted, byte) {
            (_, b'"') => quoted = !quoted,
            (true, b'\\') if tail.starts_with(b"u0000") => return Err(Fault::bad("a text has a NUL character in it")),
            (true, b'\\') => rest = tail.get(1..).unwrap_or_default(),
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH {
            return Err(Fault::bad(format!("the JSON nests deeper than {JSON_DEPTH} levels")));
        }
    }
    Ok(())
}

/// The fields of one JSON object, unread.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pairs: Vec<(String, &'a str)>,
}

impl<'a> Fields<'a> {
    /// Reads the known fields of an object. What was read before a mistake is returned beside it.
    pub(crate) fn read(text: &'a str, what: &str, known: &[&str]) -> (Self, Result<(), Fault>) {
        let mut collected = Collected { fields: Self::default(), known, what, fault: None };
        let mut json = serde_json::Deserializer::from_str(text);
        let outcome = (&mut collected).deserialize(&mut json).and_then(|()| json.end());
        let syntax = outcome.map_err(|error| Fault::bad(format!("{what} is not a JSON object: {error}")));
        (collected.fields, collected.fault.map_or(syntax, Err))
    }

    /// Takes a field as it stands.
    pub(crate) fn raw(&mut self, name: &str) -> Option<&'a str> {
        let place = self.pairs.iter().position(|(key, _)| key == name)?;
        Some(self.pairs.swap_remove(place).1)
    }

    /// Takes a text of at most so many bytes.
    pub(crate) fn text(&mut self, name: &str, most: usize) -> Result<Option<String>, Fault> {
        self.raw(name).map(|raw| text(raw, name, most)).transpose()
    }

    /// Takes `true` or `false`; absent is `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Fault> {
        match self.raw(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(raw) => Err(wrong(name, "true or false", raw)),
        }
    }

    /// Takes a number with so many places, within a range given in units of the last place.
    pub(crate) fn number<const PLACES: u32>(
        &mut self,
        name: &str,
        range: &RangeInclusive<i64>,
    ) -> Result<Option<Decimal<PLACES>>, Fault> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        // 128.0 and 1.28e2 are 128: a float prints as the shortest decimal that means it.
        let plain = raw.parse::<f64>().ok().and_then(|number| number.to_string().parse::<Decimal<PLACES>>().ok());
        plain.filter(|number| range.contains(&number.0)).map(Some).ok_or_else(|| {
            let (least, most) = (Decimal::<PLACES>(*range.start()), Decimal::<PLACES>(*range.end()));
            let kind = if PLACES == 0 {
                "a whole number".to_owned()
            } else {
                format!("a number with at most {PLACES} digits after the point")
            };
            wrong(name, &format!("{kind} from {least} to {most}"), raw)
        })
    }

    /// Takes a number that only steers: rounding does not matter.
    pub(crate) fn real(&mut self, name: &str, range: RangeInclusive<f32>) -> Result<Option<f32>, Fault> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let number = raw.parse::<f32>().ok().filter(|number| range.contains(number));
        let must = || format!("a number from {} to {}", range.start(), range.end());
        number.map(Some).ok_or_else(|| wrong(name, &must(), raw))
    }
}

/// A JSON text as a text of at most so many bytes.
pub(crate) fn text(raw: &str, name: &str, most: usize) -> Result<String, Fault> {
    if !raw.starts_with('"') {
        return Err(wrong(name, "a text", raw));
    }
    let text: String = serde_json::from_str(raw).map_err(|_| Fault::bad(format!("`{name}` has a broken \\u escape in it")))?;
    if text.len() > most {
        return Err(Fault::bad(format!("`{name}` has {} bytes; at most {most} are allowed", text.len())));
    }
    Ok(text)
}

/// A JSON array as its elements, of which there must be so many.
pub(crate) fn list<'a>(raw: &'a str, name: &str, range: &RangeInclusive<usize>) -> Result<Vec<&'a str>, Fault> {
    let elements: Vec<&'a RawValue> = serde_json::from_str(raw).map_err(|_| wrong(name, "an array", raw))?;
    if range.contains(&elements.len()) {
        return Ok(elements.into_iter().map(RawValue::get).collect());
    }
    let (least, most, count) = (range.start(), range.end(), elements.len());
    Err(Fault::bad(format!("`{name}` has {count} elements; {least} to {most} are allowed")))
}

/// The error for a value of the wrong kind or size. Short numbers are shown, for they tell most; texts never.
pub(crate) fn wrong(name: &str, must: &str, raw: &str) -> Fault {
    let is = match raw.as_bytes().first() {
        Some(b'"') => "a text",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "true or false",
        _ if raw.len() <= 32 => raw,
        _ => "a longer number",
    };
    Fault::bad(format!("`{name}` must be {must}, and is {is}"))
}

/// What has been read of an object so far.
struct Collected<'k, 'a> {
    fields: Fields<'a>,
    known: &'k [&'k str],
    what: &'k str,
    fault: Option<Fault>,
}

impl<'a> DeserializeSeed<'a> for &mut Collected<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for &mut Collected<'_, 'a> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let name = ALIASES.iter().find(|(alias, _)| *alias == key).map_or(key.as_str(), |(_, name)| *name);
            if !self.known.contains(&name) {
                map.next_value::<IgnoredAny>()?;
                let key: String = key.chars().take(64).collect();
                let fault =
                    Fault::bad(format!("{key:?} is not a field of {}; its fields are {}", self.what, self.known.join(", ")));
                self.fault.get_or_insert(fault);
                continue;
            }
            let raw = map.next_value::<&RawValue>()?.get();
            if raw == "null" {
                continue;
            }
            if self.fields.pairs.iter().any(|(seen, _)| seen == name) {
                let fault = Fault::bad(format!("`{name}` is given twice{}", alias_note(name)));
                self.fault.get_or_insert(fault);
                continue;
            }
            self.fields.pairs.push((name.to_owned(), raw));
        }
        Ok(())
    }
}

/// Reminds of a field's other name.
fn alias_note(name: &str) -> String {
    let alias = ALIASES.iter().find(|(_, of)| *of == name);
    alias.map_or_else(String::new, |(alias, _)| format!(" (`{alias}` is the same field)"))
}

#[cfg(test)]
mod tests;
