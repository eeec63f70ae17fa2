//! What a GGUF file says about itself, read without trusting a byte of it and without llama.cpp.
//!
//! Promises, held by the tests beside this file:
//! 1. any bytes at all give a [`Gguf`] or a [`GgufError`], never a panic;
//! 2. what is kept in memory stays below the size of the file times a small constant, whatever
//!    counts and lengths the file claims, and below some 64 MiB;
//! 3. a file that passes has all its tensors inside the file, one after the other, without overlap.
//!
//! llama.cpp checks much of this again when it loads; it is done here first, because a message that
//! says what to do is worth more than a C++ log line, and because a shelf is read far more often
//! than a model is loaded. Deliberately absent: weights, tokens, scores and merges (counted, not
//! kept), and big-endian files.

mod arch;
mod cursor;
mod error;
mod header;
mod types;
mod value;

#[cfg(test)]
mod tests;

pub use arch::{is_known, only_embeds};
pub use error::GgufError;
pub use types::{TensorType, level_name, level_names, level_number};
pub use value::Value;

use cursor::Cursor;
use hob_core::units::{Bytes, MilliBits};
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::Path;

type Meta = BTreeMap<String, Value>;

/// One tensor of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name (`blk.0.attn_q.weight`).
    pub name: String,
    /// Its dimensions, innermost first; one to four.
    pub shape: Vec<u64>,
    /// How its weights are stored.
    pub kind: TensorType,
    /// Where it starts, from the start of the data.
    pub offset: u64,
    /// Weights in it.
    pub weights: u64,
    /// Bytes of it.
    pub bytes: Bytes,
}

impl Tensor {
    /// Whether computing with it makes ggml abort: vectors are added and multiplied as floats, and
    /// token types as F32; ggml has no error for that, it ends the process.
    fn ends_the_process(&self) -> bool {
        if self.name == "token_types.weight" {
            return self.kind != TensorType::F32;
        }
        self.shape.len() <= 1 && !["F32", "F16", "BF16"].contains(&self.kind.name())
    }
}

/// The header of a GGUF file.
#[derive(Debug, Clone, PartialEq)]
pub struct Gguf {
    version: u32,
    meta: BTreeMap<String, Value>,
    tensors: Vec<Tensor>,
    file: Bytes,
}

impl Gguf {
    /// Reads the header of the file at `path`. Takes milliseconds, whatever the file's size.
    ///
    /// # Errors
    ///
    /// [`GgufError`]: what is wrong with the file; never because of an unknown architecture
    /// (see [`Gguf::check_servable`]).
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let file = std::fs::File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(GgufError::Unreadable(std::io::Error::other("it is not a plain file")));
        }
        Self::read(file, Bytes(meta.len()))
    }

    /// Reads a header from `from`, which stands at the start of `file` bytes.
    ///
    /// # Errors
    ///
    /// See [`Gguf::open`].
    pub fn read<R: Read + Seek>(from: R, file: Bytes) -> Result<Self, GgufError> {
        let mut from = Cursor::new(from, file.0);
        let (version, meta, tensors) = header::read(&mut from)?;
        Ok(Self { version, meta, tensors, file })
    }

    /// The value of a key, if the file has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.meta.get(key)
    }

    /// The text of a key.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.meta.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// All metadata, sorted by key.
    #[must_use]
    pub const fn meta(&self) -> &BTreeMap<String, Value> {
        &self.meta
    }

    /// All tensors, in the order of the file.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The format's version, 2 or 3.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Size of the whole file.
    #[must_use]
    pub const fn file_bytes(&self) -> Bytes {
        self.file
    }

    /// Bytes of all tensors: what is mapped into memory.
    #[must_use]
    pub fn tensor_bytes(&self) -> Bytes {
        self.tensors.iter().fold(Bytes::ZERO, |sum, tensor| sum.plus(tensor.bytes))
    }

    /// Weights of all tensors.
    #[must_use]
    pub fn weights(&self) -> u64 {
        self.tensors.iter().fold(0, |sum, tensor| sum.saturating_add(tensor.weights))
    }

    /// `general.architecture`, or nothing if it is missing.
    #[must_use]
    pub fn architecture(&self) -> &str {
        self.text("general.architecture").unwrap_or_default()
    }

    /// The key `suffix` of this architecture: `get_own("block_count")` is `llama.block_count`.
    #[must_use]
    pub fn get_own(&self, suffix: &str) -> Option<&Value> {
        self.meta.get(&format!("{}.{suffix}", self.architecture()))
    }

    /// The quantization level, as llama.cpp spells it (`Q4_K_M`): by `general.file_type`, else the
    /// type that most bytes of the tensors have.
    #[must_use]
    pub fn level(&self) -> &'static str {
        let said = self.get("general.file_type").and_then(Value::unsigned).and_then(level_name);
        said.unwrap_or_else(|| {
            let most = self.census().into_iter().max_by_key(|(_, count)| count.bytes.0);
            most.map_or("?", |(kind, _)| kind.name())
        })
    }

    /// What a weight really takes on average, norms and embeddings included; 0 without tensors.
    #[must_use]
    pub fn bits_per_weight(&self) -> MilliBits {
        let weights = self.tensors.iter().fold(0_u128, |sum, tensor| sum + u128::from(tensor.weights));
        let bits = u128::from(self.tensor_bytes().0) * 8_000;
        let rounded = (bits + weights / 2).checked_div(weights).unwrap_or(0);
        MilliBits(u32::try_from(rounded).unwrap_or(u32::MAX))
    }

    /// How many tensors, weights and bytes there are of each type.
    #[must_use]
    pub fn census(&self) -> BTreeMap<TensorType, Count> {
        let mut census = BTreeMap::<TensorType, Count>::new();
        for tensor in &self.tensors {
            let count = census.entry(tensor.kind).or_default();
            count.tensors = count.tensors.saturating_add(1);
            count.weights = count.weights.saturating_add(tensor.weights);
            count.bytes = count.bytes.plus(tensor.bytes);
        }
        census
    }

    /// Whether the model gives vectors: an encoder, or one that pools its output.
    #[must_use]
    pub fn embeds(&self) -> bool {
        const MEAN_TO_LAST: std::ops::RangeInclusive<u64> = 1..=3; // llama_pooling_type; 4 ranks
        let pools = self.get_own("pooling_type").and_then(Value::unsigned);
        only_embeds(self.architecture()) || pools.is_some_and(|kind| MEAN_TO_LAST.contains(&kind))
    }

    /// Whether the llama.cpp in Hob can be asked to load this.
    ///
    /// # Errors
    ///
    /// [`GgufError::NoArchitecture`], [`GgufError::UnknownArchitecture`], or
    /// [`GgufError::NotServable`] for adapters, projectors, draft heads, parts of a split model and
    /// files without weights.
    pub fn check_servable(&self) -> Result<(), GgufError> {
        let architecture = self.architecture();
        if architecture.is_empty() {
            return Err(GgufError::NoArchitecture);
        }
        if let Some(why) = arch::not_a_language_model(architecture) {
            return Err(GgufError::NotServable(why));
        }
        if !is_known(architecture) {
            return Err(GgufError::UnknownArchitecture(architecture.to_owned()));
        }
        if self.text("general.type").is_some_and(|kind| kind == "adapter") {
            return Err(GgufError::NotServable("it holds a LoRA adapter, not a model"));
        }
        if self.get("split.count").and_then(Value::unsigned).is_some_and(|parts| parts > 1) {
            return Err(GgufError::NotServable("it is one part of a split model; merge the parts with llama-gguf-split"));
        }
        if self.tensors.is_empty() {
            return Err(GgufError::NotServable("it holds a vocabulary and no weights"));
        }
        if self.tensors.iter().any(Tensor::ends_the_process) {
            return Err(GgufError::NotServable("its norms or biases are quantized, which llama.cpp cannot compute with"));
        }
        Ok(())
    }
}

/// A share of the tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// How many tensors.
    pub tensors: u32,
    /// How many weights they have together.
    pub weights: u64,
    /// How many bytes they take.
    pub bytes: Bytes,
}
