//! One value of the metadata.
//!
//! Numbers are widened, so that a reader asks for "an integer" and not for one of eight types.
//! Long lists (tokens, merges, scores) are counted and left in the file; short lists of integers
//! and truth values (one number a layer) are kept.

use super::{cursor::Cursor, error::GgufError};
use std::io::{Read, Seek};

/// Texts longer than this are left in the file. The longest chat templates have some 30 KiB.
const LONGEST_TEXT: u64 = 1 << 20;
/// Longer lists are counted only. No model has as many layers.
const LONGEST_KEPT_LIST: u64 = 4_096;

/// More tokens or merges than this no model has (today's have up to half a million); they are passed
/// one by one, which must not take long.
const MOST_TEXTS: u64 = 1 << 22;

/// What may still be kept of one file; the rest is left in it.
pub(super) struct Budget {
    text: u64,
    integers: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { text: 16 << 20, integers: 1 << 16 }
    }
}

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Any unsigned integer.
    Unsigned(u64),
    /// Any signed integer.
    Signed(i64),
    /// Either floating-point type.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A text; bytes that are no UTF-8 are replaced.
    Text(String),
    /// A text of more than 1 MiB (or past 16 MiB of texts in all), left in the file; its length in bytes.
    LongText(u64),
    /// A list.
    List {
        /// How many elements the file has.
        count: u64,
        /// The elements, if they are integers or truth values and at most 4096; else empty.
        integers: Vec<i64>,
    },
}

impl Value {
    /// The value as an unsigned integer, if it is one.
    #[must_use]
    pub fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

/// Bytes of one value of GGUF type `kind`; `None` for texts, lists and numbers that are no type.
const fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

const TEXT: u32 = 8;
const LIST: u32 = 9;

/// Reads the value of `key`; `kind` is the GGUF type that stands before it.
pub(super) fn read<R: Read + Seek>(from: &mut Cursor<R>, key: &str, kind: u32, budget: &mut Budget) -> Result<Value, GgufError> {
    match kind {
        TEXT => text(from, budget),
        LIST => list(from, key, budget),
        number if width(number).is_some() => scalar(from, number),
        _ => Err(GgufError::BadValueType { key: key.to_owned(), says: kind, why: "GGUF does not have" }),
    }
}

fn text<R: Read + Seek>(from: &mut Cursor<R>, budget: &mut Budget) -> Result<Value, GgufError> {
    let bytes = from.u64("a text's length")?;
    if bytes > LONGEST_TEXT || bytes > budget.text {
        from.skip(bytes, "a long text")?;
        return Ok(Value::LongText(bytes));
    }
    budget.text = budget.text.saturating_sub(bytes);
    let raw = from.bytes(bytes, "a text")?;
    Ok(Value::Text(String::from_utf8(raw).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())))
}

fn scalar<R: Read + Seek>(from: &mut Cursor<R>, kind: u32) -> Result<Value, GgufError> {
    const INSIDE: &str = "a number";
    Ok(match kind {
        0 => Value::Unsigned(u8::from_le_bytes(from.array(INSIDE)?).into()),
        1 => Value::Signed(i8::from_le_bytes(from.array(INSIDE)?).into()),
        2 => Value::Unsigned(u16::from_le_bytes(from.array(INSIDE)?).into()),
        3 => Value::Signed(i16::from_le_bytes(from.array(INSIDE)?).into()),
        4 => Value::Unsigned(from.u32(INSIDE)?.into()),
        5 => Value::Signed(i32::from_le_bytes(from.array(INSIDE)?).into()),
        6 => Value::Float(f32::from_le_bytes(from.array(INSIDE)?).into()),
        7 => Value::Bool(from.array::<1>(INSIDE)? != [0]),
        10 => Value::Unsigned(from.u64(INSIDE)?),
        11 => Value::Signed(i64::from_le_bytes(from.array(INSIDE)?)),
        _ => Value::Float(f64::from_le_bytes(from.array(INSIDE)?)),
    })
}

fn list<R: Read + Seek>(from: &mut Cursor<R>, key: &str, budget: &mut Budget) -> Result<Value, GgufError> {
    let kind = from.u32("a list's type")?;
    let count = from.u64("a list's length")?;
    if kind == TEXT {
        if count > MOST_TEXTS {
            return Err(GgufError::TooMany { what: "texts in a list", says: count, limit: MOST_TEXTS });
        }
        for _ in 0..count {
            let bytes = from.u64("a list of texts")?;
            from.skip(bytes, "a list of texts")?;
        }
        return Ok(Value::List { count, integers: Vec::new() });
    }
    let Some(each) = width(kind) else {
        let why = if kind == LIST { "is a list of lists" } else { "GGUF does not have" };
        return Err(GgufError::BadValueType { key: key.to_owned(), says: kind, why });
    };
    let bytes = count.saturating_mul(each);
    from.need(bytes, "a list of numbers")?;
    let floats = matches!(kind, 6 | 12);
    if floats || count > LONGEST_KEPT_LIST || count > budget.integers {
        from.skip(bytes, "a list of numbers")?;
        return Ok(Value::List { count, integers: Vec::new() });
    }
    budget.integers = budget.integers.saturating_sub(count);
    let integers = (0..count).map(|_| scalar(from, kind).map(|value| integer(&value))).collect::<Result<_, _>>()?;
    Ok(Value::List { count, integers })
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Unsigned(number) => i64::try_from(*number).unwrap_or(i64::MAX),
        Value::Signed(number) => *number,
        Value::Bool(truth) => i64::from(*truth),
        _ => 0,
    }
}
