//! How much memory serving a model will take, before a byte of it is loaded.
//!
//! ```text
//! weights     every tensor: the file is mapped and touched whole when it is loaded
//! repacked    a second copy of some of them, on machines that have the instructions (not a Cortex-A72)
//! cache       cells x elements of keys and values a layer x bytes of the cache's type, and states
//! compute     masks + max(one layer's work, the output's work) for one micro-batch, and the logits
//! vocabulary  llama.cpp's tables of tokens and merges, on the heap
//! fixed       code, libraries, graph tables
//! ```
//!
//! `compute` follows how ggml lays a llama-like graph out, found by comparing seven models of four
//! architectures with what llama.cpp printed: with E the embedding's width, F the feed-forward's,
//! V the vocabulary, T tokens of a micro-batch, R rows of logits and N cells,
//!
//! ```text
//! 2·N·T for each mask (a second one for windowed layers), plus 4·(5·E·T + max(3·F·T, (V + E)·R)),
//! plus 4·V·S for the logits of S sequences
//! ```
//!
//! Promises, held by tests: more context, sequences or tokens never take less; nothing overflows.
//! Within 10 % of the measured resident set is the aim, for llama-like models with flash attention on
//! (llama.cpp's default) and one unified cache. Recurrent and hybrid models are approximated.
//! Deliberately absent: what else the daemon uses, and memory of the GPU.

mod shape;

#[cfg(test)]
mod tests;

use crate::gguf::{Gguf, TensorType};
use hob_core::units::Bytes;
use shape::Shape;

/// How a model is to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serving {
    /// Tokens that the cache holds for all sequences together; llama.cpp rounds up to 256.
    pub n_ctx: u32,
    /// Sequences served at once (slots); at least 1.
    pub n_seq: u32,
    /// Tokens computed in one go.
    pub n_ubatch: u32,
    /// Rows of logits computed in one go, at most: one a sequence, unless a prompt's are wanted too.
    /// llama.cpp reserves for `n_outputs_max`; what is never asked for never becomes resident.
    pub outputs: u32,
    /// Type of the cache.
    pub cache: TensorType,
    /// Whether windowed layers keep the whole context too (`swa_full`, llama.cpp's default).
    pub swa_full: bool,
    /// Bytes that are repacked; see [`repacked_on_avx2`]. None on a Cortex-A72.
    pub repacked: Bytes,
}

impl Serving {
    /// Four slots of a Pi: micro-batches of 128, one row of logits a slot, F16 cache, no repacking.
    #[must_use]
    pub const fn new(n_ctx: u32, n_seq: u32) -> Self {
        Self { n_ctx, n_seq, n_ubatch: 128, outputs: n_seq, cache: TensorType::F16, swa_full: true, repacked: Bytes::ZERO }
    }
}

/// A predicted resident set, by parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resident {
    /// Mapped weights. Clean pages: the kernel can drop them, at the price of reading them again.
    pub weights: Bytes,
    /// Repacked copies.
    pub repacked: Bytes,
    /// Keys, values and recurrent states.
    pub cache: Bytes,
    /// Work of one micro-batch, and the logits.
    pub compute: Bytes,
    /// Tables of tokens and merges.
    pub vocabulary: Bytes,
    /// Code, libraries and graph tables.
    pub fixed: Bytes,
}

impl Resident {
    /// All parts together.
    #[must_use]
    pub const fn total(self) -> Bytes {
        self.weights.plus(self.repacked).plus(self.cache).plus(self.compute).plus(self.vocabulary).plus(self.fixed)
    }
}

/// Measured: a bare process before loading has 6 MiB; graph tables and libraries add 3 to 4.
const FIXED: Bytes = Bytes::from_mebibytes(10);
/// Measured: heap for one token and for one merge of llama.cpp's vocabulary.
const TOKEN_BYTES: u64 = 150;
const MERGE_BYTES: u64 = 200;
/// llama.cpp rounds caches up to this many cells.
const CELLS_STEP: u64 = 256;
const FLOAT: u64 = 4;
const HALF: u64 = 2;

/// Predicts the resident set of a process that serves `gguf` as `serving` says. Microseconds.
#[must_use]
pub fn predict(gguf: &Gguf, serving: &Serving) -> Resident {
    let shape = Shape::of(gguf);
    Resident {
        weights: gguf.tensor_bytes(),
        repacked: serving.repacked,
        cache: cache(&shape, serving),
        compute: compute(&shape, serving),
        vocabulary: Bytes(product(&[shape.vocabulary, TOKEN_BYTES]).saturating_add(product(&[shape.merges, MERGE_BYTES]))),
        fixed: FIXED,
    }
}

/// Bytes that llama.cpp copies and rearranges when it loads on an x86-64 with AVX2 (`repack.cpp`):
/// matrices of these types whose rows come in eights. The copy is on top of the mapped file.
#[must_use]
pub fn repacked_on_avx2(gguf: &Gguf) -> Bytes {
    let own_output = gguf.tensors().iter().any(|tensor| tensor.name == "output.weight");
    let copied = |tensor: &&crate::gguf::Tensor| {
        let rows = tensor.shape.get(1).copied().unwrap_or(1);
        ["Q4_0", "Q4_K", "IQ4_NL", "MXFP4"].contains(&tensor.kind.name())
            && rows > 1
            && rows.is_multiple_of(8)
            && !(own_output && tensor.name == "token_embd.weight")
    };
    gguf.tensors().iter().filter(copied).fold(Bytes::ZERO, |sum, tensor| sum.plus(tensor.bytes))
}

fn product(factors: &[u64]) -> u64 {
    factors.iter().fold(1, |product, factor| product.saturating_mul(*factor))
}

/// Cells of the whole layers' cache and of the windowed ones'.
fn cells(shape: &Shape, serving: &Serving) -> (u64, u64) {
    let up = |cells: u64| cells.checked_next_multiple_of(CELLS_STEP).unwrap_or(u64::MAX);
    let whole = up(u64::from(serving.n_ctx.max(1)));
    let sequences = u64::from(serving.n_seq.max(1));
    let needed = shape.window.saturating_mul(sequences).saturating_add(serving.n_ubatch.into());
    let windowed = if serving.swa_full { whole } else { up(needed.min(whole)) };
    (whole, windowed)
}

fn cache(shape: &Shape, serving: &Serving) -> Bytes {
    if !shape.caches {
        return Bytes::ZERO;
    }
    let (whole, windowed) = cells(shape, serving);
    let row = |elements: u64| elements.div_ceil(serving.cache.block_weights()).saturating_mul(serving.cache.block_bytes());
    let bytes = shape.layers.iter().fold(0_u64, |sum, layer| {
        let cells = if layer.windowed { windowed } else { whole };
        let attention = cells.saturating_mul(row(layer.keys).saturating_add(row(layer.values)));
        let state = product(&[layer.state, FLOAT, u64::from(serving.n_seq.max(1))]);
        sum.saturating_add(attention).saturating_add(state)
    });
    Bytes(bytes)
}

fn compute(shape: &Shape, serving: &Serving) -> Bytes {
    let (whole, windowed) = cells(shape, serving);
    let tokens = u64::from(serving.n_ubatch.max(1)).min(whole);
    let sequences = u64::from(serving.n_seq.max(1));
    let rows = u64::from(serving.outputs).max(sequences).min(tokens);
    let (whole, windowed) = if shape.caches { (whole, windowed) } else { (tokens, 0) };
    let seen = if shape.window > 0 { whole.saturating_add(windowed) } else { whole };
    let masks = product(&[seen, tokens, HALF]);
    let attention = product(&[5, shape.embedding, tokens, FLOAT]);
    let feed_forward = product(&[3, shape.feed_forward, tokens, FLOAT]);
    let output = product(&[shape.vocabulary.saturating_add(shape.embedding), rows, FLOAT]);
    let logits = product(&[shape.vocabulary, rows.max(sequences), FLOAT]);
    Bytes([attention, feed_forward.max(output), logits].into_iter().fold(masks, u64::saturating_add))
}
