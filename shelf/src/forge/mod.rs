//! Writes small GGUF files for tests: this crate's (good ones, and bad ones byte by byte) and the
//! engine's (tiny models that llama.cpp really loads).
//!
//! Promise: the same draft gives the same bytes, on every machine. Only with feature `fake`.
//! Deliberately absent: any use outside tests; a mistake in a draft panics or is written as it is.
#![allow(clippy::missing_panics_doc, clippy::expect_used, reason = "only tests use this")]

mod tiny;
mod weights;

pub use tiny::{Tiny, Words, bert, gpt2, llama};
pub use weights::encode;

use crate::gguf::TensorType;
use std::path::Path;

/// A metadata value, in any type that GGUF has.
#[derive(Debug, Clone, PartialEq)]
pub enum Meta {
    /// `u8`.
    U8(u8),
    /// `i8`.
    I8(i8),
    /// `u16`.
    U16(u16),
    /// `i16`.
    I16(i16),
    /// `u32`, which nearly all integers of a model are.
    U32(u32),
    /// `i32`.
    I32(i32),
    /// `f32`.
    F32(f32),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(String),
    /// `u64`.
    U64(u64),
    /// `i64`.
    I64(i64),
    /// `f64`.
    F64(f64),
    /// A list of values of one type; an empty one counts as texts.
    List(Vec<Meta>),
}

impl Meta {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A list of texts.
    pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(|text| Self::text(text.as_ref())).collect())
    }

    fn kind(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::Text(_) => 8,
            Self::List(_) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::U8(number) => out.push(*number),
            Self::I8(number) => out.extend(number.to_le_bytes()),
            Self::U16(number) => out.extend(number.to_le_bytes()),
            Self::I16(number) => out.extend(number.to_le_bytes()),
            Self::U32(number) => out.extend(number.to_le_bytes()),
            Self::I32(number) => out.extend(number.to_le_bytes()),
            Self::F32(number) => out.extend(number.to_le_bytes()),
            Self::Bool(truth) => out.push(u8::from(*truth)),
            Self::Text(text) => put_text(out, text),
            Self::U64(number) => out.extend(number.to_le_bytes()),
            Self::I64(number) => out.extend(number.to_le_bytes()),
            Self::F64(number) => out.extend(number.to_le_bytes()),
            Self::List(list) => {
                out.extend(list.first().map_or(8, Self::kind).to_le_bytes());
                put_length(out, list.len());
                for value in list {
                    value.put(out);
                }
            }
        }
    }
}

/// A tensor to be written.
#[derive(Debug, Clone)]
struct Sheet {
    name: String,
    shape: Vec<u64>,
    kind: TensorType,
    data: Vec<u8>,
}

/// A GGUF file to be written.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The format's version.
    pub version: u32,
    meta: Vec<(String, Meta)>,
    sheets: Vec<Sheet>,
}

impl Draft {
    /// A version 3 file of this architecture, empty but for that.
    #[must_use]
    pub fn new(architecture: &str) -> Self {
        let draft = Self { version: 3, meta: Vec::new(), sheets: Vec::new() };
        draft.meta("general.architecture", Meta::text(architecture))
    }

    /// Sets a key; one that is there already changes.
    #[must_use]
    pub fn meta(mut self, key: &str, value: Meta) -> Self {
        match self.meta.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.meta.push((key.to_owned(), value)),
        }
        self
    }

    /// Adds a key without looking whether it is there: for files that are wrong.
    #[must_use]
    pub fn again(mut self, key: &str, value: Meta) -> Self {
        self.meta.push((key.to_owned(), value));
        self
    }

    /// Adds a tensor of weights, innermost dimension first, stored as `kind` (F32, F16 or `Q8_0`).
    #[must_use]
    pub fn tensor(mut self, name: &str, shape: &[u64], kind: TensorType, weights: &[f32]) -> Self {
        let data = encode(weights, kind);
        self.sheets.push(Sheet { name: name.to_owned(), shape: shape.to_vec(), kind, data });
        self
    }

    /// Adds a tensor of zero bytes, in any type: for files that are only looked at.
    #[must_use]
    pub fn blank(mut self, name: &str, shape: &[u64], kind: TensorType) -> Self {
        let blocks = shape.iter().product::<u64>() / kind.block_weights();
        let bytes = usize::try_from(blocks * kind.block_bytes()).expect("a small tensor");
        self.sheets.push(Sheet { name: name.to_owned(), shape: shape.to_vec(), kind, data: vec![0; bytes] });
        self
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let alignment = match self.meta.iter().find(|(key, _)| key == "general.alignment") {
            Some((_, Meta::U32(bytes))) => usize::try_from(*bytes).expect("a small alignment").max(1),
            _ => 32,
        };
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        put_length(&mut out, self.sheets.len());
        put_length(&mut out, self.meta.len());
        for (key, value) in &self.meta {
            put_text(&mut out, key);
            out.extend(value.kind().to_le_bytes());
            value.put(&mut out);
        }
        let mut offset = 0;
        for sheet in &self.sheets {
            put_text(&mut out, &sheet.name);
            out.extend(u32::try_from(sheet.shape.len()).expect("few dimensions").to_le_bytes());
            sheet.shape.iter().for_each(|side| out.extend(side.to_le_bytes()));
            out.extend(sheet.kind.number().to_le_bytes());
            put_length(&mut out, offset);
            offset += sheet.data.len().next_multiple_of(alignment);
        }
        for sheet in &self.sheets {
            out.resize(out.len().next_multiple_of(alignment), 0);
            out.extend(&sheet.data);
        }
        out
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// As [`std::fs::write`].
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        std::fs::write(path, self.bytes())
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend(u64::try_from(length).expect("a small length").to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend(text.as_bytes());
}
