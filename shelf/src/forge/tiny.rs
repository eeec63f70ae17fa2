//! Whole models of a few hundred kilobytes: random weights, real architectures, given tokenizers.
//!
//! They answer nonsense, but the same nonsense everywhere, and llama.cpp loads them like any other.

use super::weights::random;
use super::{Draft, Meta};
use crate::gguf::TensorType;

/// The dimensions of a tiny model.
#[derive(Debug, Clone, Copy)]
pub struct Tiny {
    /// Width; a multiple of 32 times `heads` suits all types.
    pub embedding: u64,
    /// Layers.
    pub layers: u64,
    /// Attention heads.
    pub heads: u64,
    /// Heads of keys and values (llama only; others have `heads`).
    pub heads_kv: u64,
    /// Width of the feed-forward part; a multiple of 32.
    pub feed_forward: u64,
    /// Context it was "trained" for.
    pub context: u64,
    /// How its matrices are stored: F32, F16 or `Q8_0`. Norms and biases are F32.
    pub kind: TensorType,
    /// Another seed is another model.
    pub seed: u64,
}

impl Default for Tiny {
    fn default() -> Self {
        Self { embedding: 64, layers: 2, heads: 2, heads_kv: 1, feed_forward: 128, context: 512, kind: TensorType::F16, seed: 1 }
    }
}

/// A tokenizer: the metadata that makes it.
#[derive(Debug, Clone)]
pub struct Words {
    count: u64,
    meta: Vec<(String, Meta)>,
}

const NORMAL: i32 = 1;
const CONTROL: i32 = 3;

impl Words {
    /// A byte-pair tokenizer of GPT-2's kind. `types` as in `llama_token_type` (1 normal, 3 control).
    #[must_use]
    pub fn bpe(tokens: &[String], types: &[i32], merges: &[String], bos: u32, eos: u32) -> Self {
        Self { count: length(tokens.len()), meta: Vec::new() }
            .meta("tokenizer.ggml.model", Meta::text("gpt2"))
            .meta("tokenizer.ggml.pre", Meta::text("gpt-2"))
            .meta("tokenizer.ggml.tokens", Meta::texts(tokens))
            .meta("tokenizer.ggml.token_type", Meta::List(types.iter().copied().map(Meta::I32).collect()))
            .meta("tokenizer.ggml.merges", Meta::texts(merges))
            .meta("tokenizer.ggml.bos_token_id", Meta::U32(bos))
            .meta("tokenizer.ggml.eos_token_id", Meta::U32(eos))
            .meta("tokenizer.ggml.add_bos_token", Meta::Bool(false))
    }

    /// One token a byte, so that every text can be said, and the control tokens `<|endoftext|>` (0,
    /// the end), `<|im_start|>` (1) and `<|im_end|>` (2); one merge, since llama.cpp wants some.
    #[must_use]
    pub fn bytes() -> Self {
        let mut tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(String::from).to_vec();
        let mut types = vec![CONTROL; tokens.len()];
        tokens.extend((0..=u8::MAX).map(|byte| spelling(byte).to_string()));
        tokens.push("th".to_owned());
        types.resize(tokens.len(), NORMAL);
        Self::bpe(&tokens, &types, &["t h".to_owned()], 0, 0)
    }

    /// A word-piece tokenizer of BERT's kind: small letters and digits, at the start of a word and
    /// inside it, after `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]` and `[MASK]`.
    #[must_use]
    pub fn pieces() -> Self {
        let mut tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from).to_vec();
        let mut types = vec![CONTROL; tokens.len()];
        for letter in ('a'..='z').chain('0'..='9') {
            tokens.extend([format!("\u{2581}{letter}"), letter.to_string()]);
        }
        types.resize(tokens.len(), NORMAL);
        let roles = [("padding", 0), ("unknown", 1), ("bos", 2), ("cls", 2), ("seperator", 3), ("eos", 3), ("mask", 4)];
        let words = Self { count: length(tokens.len()), meta: Vec::new() }
            .meta("tokenizer.ggml.model", Meta::text("bert"))
            .meta("tokenizer.ggml.pre", Meta::text("jina-v2-en"))
            .meta("tokenizer.ggml.token_type_count", Meta::U32(2))
            .meta("tokenizer.ggml.tokens", Meta::texts(&tokens))
            .meta("tokenizer.ggml.token_type", Meta::List(types.into_iter().map(Meta::I32).collect()));
        roles.into_iter().fold(words, |words, (role, id)| words.meta(&format!("tokenizer.ggml.{role}_token_id"), Meta::U32(id)))
    }

    /// Sets a key, for instance `tokenizer.chat_template`.
    #[must_use]
    pub fn meta(mut self, key: &str, value: Meta) -> Self {
        self.meta.retain(|(known, _)| known != key);
        self.meta.push((key.to_owned(), value));
        self
    }

    /// How many tokens there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }
}

/// How GPT-2 spells a byte: printable ones as themselves, the rest from U+0100 on.
fn spelling(byte: u8) -> char {
    let plain = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if plain(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&other| !plain(other)).count();
    char::from_u32(0x100 + u32::try_from(before).expect("at most 68")).expect("a letter")
}

fn length(count: usize) -> u64 {
    u64::try_from(count).expect("a small count")
}

/// A draft with what all architectures have.
fn begin(architecture: &str, size: &Tiny, words: &Words) -> Draft {
    let number = |value: u64| Meta::U32(u32::try_from(value).expect("a tiny model"));
    let file_type = match size.kind {
        TensorType::F32 => 0,
        TensorType::Q8_0 => 7,
        _ => 1,
    };
    let own = |suffix: &str| format!("{architecture}.{suffix}");
    let draft = Draft::new(architecture)
        .meta("general.name", Meta::text("tiny"))
        .meta("general.file_type", Meta::U32(file_type))
        .meta(&own("block_count"), number(size.layers))
        .meta(&own("context_length"), number(size.context))
        .meta(&own("embedding_length"), number(size.embedding))
        .meta(&own("feed_forward_length"), number(size.feed_forward))
        .meta(&own("attention.head_count"), number(size.heads));
    words.meta.iter().fold(draft, |draft, (key, value)| draft.meta(key, value.clone()))
}

impl Draft {
    /// Adds a random matrix of `inner` by `outer`, spread so that signals keep their size.
    fn matrix(self, size: &Tiny, name: &str, inner: u64, outer: u64) -> Self {
        let spread = (3.0 / f32::from(u16::try_from(inner).expect("a tiny model"))).sqrt();
        let weights = random(size.seed, name, inner * outer, spread);
        self.tensor(name, &[inner, outer], size.kind, &weights)
    }

    /// Adds a random matrix that is always F32: llama.cpp adds it as it is.
    fn exact(self, size: &Tiny, name: &str, inner: u64, outer: u64) -> Self {
        self.matrix(&Tiny { kind: TensorType::F32, ..*size }, name, inner, outer)
    }

    /// Adds a vector of one number.
    fn flat(self, name: &str, length: u64, value: f32) -> Self {
        let count = usize::try_from(length).expect("a tiny model");
        self.tensor(name, &[length], TensorType::F32, &vec![value; count])
    }

    /// Adds a norm with its bias.
    fn norm(self, name: &str, length: u64) -> Self {
        self.flat(&format!("{name}.weight"), length, 1.0).flat(&format!("{name}.bias"), length, 0.0)
    }

    /// Adds a matrix with its bias.
    fn linear(self, size: &Tiny, name: &str, inner: u64, outer: u64) -> Self {
        self.matrix(size, &format!("{name}.weight"), inner, outer).flat(&format!("{name}.bias"), outer, 0.0)
    }
}

/// A llama: rotary positions, grouped heads, gated feed-forward, output of its own.
#[must_use]
pub fn llama(size: &Tiny, words: &Words) -> Draft {
    let wide = size.embedding;
    let head = wide / size.heads;
    let number = |value: u64| Meta::U32(u32::try_from(value).expect("a tiny model"));
    let mut draft = begin("llama", size, words)
        .meta("llama.attention.head_count_kv", number(size.heads_kv))
        .meta("llama.rope.dimension_count", number(head))
        .meta("llama.attention.layer_norm_rms_epsilon", Meta::F32(1e-5))
        .matrix(size, "token_embd.weight", wide, words.count)
        .flat("output_norm.weight", wide, 1.0)
        .matrix(size, "output.weight", wide, words.count);
    for layer in 0..size.layers {
        let own = |suffix: &str| format!("blk.{layer}.{suffix}.weight");
        draft = draft
            .flat(&own("attn_norm"), wide, 1.0)
            .matrix(size, &own("attn_q"), wide, wide)
            .matrix(size, &own("attn_k"), wide, head * size.heads_kv)
            .matrix(size, &own("attn_v"), wide, head * size.heads_kv)
            .matrix(size, &own("attn_output"), wide, wide)
            .flat(&own("ffn_norm"), wide, 1.0)
            .matrix(size, &own("ffn_gate"), wide, size.feed_forward)
            .matrix(size, &own("ffn_up"), wide, size.feed_forward)
            .matrix(size, &own("ffn_down"), size.feed_forward, wide);
    }
    draft
}

/// A GPT-2: learned positions, biases everywhere, the embedding as output.
#[must_use]
pub fn gpt2(size: &Tiny, words: &Words) -> Draft {
    let wide = size.embedding;
    let mut draft = begin("gpt2", size, words)
        .meta("gpt2.attention.layer_norm_epsilon", Meta::F32(1e-5))
        .matrix(size, "token_embd.weight", wide, words.count)
        .exact(size, "position_embd.weight", wide, size.context)
        .norm("output_norm", wide);
    for layer in 0..size.layers {
        let own = |suffix: &str| format!("blk.{layer}.{suffix}");
        draft = draft
            .norm(&own("attn_norm"), wide)
            .linear(size, &own("attn_qkv"), wide, 3 * wide)
            .linear(size, &own("attn_output"), wide, wide)
            .norm(&own("ffn_norm"), wide)
            .linear(size, &own("ffn_up"), wide, size.feed_forward)
            .linear(size, &own("ffn_down"), size.feed_forward, wide);
    }
    draft
}

/// A BERT that embeds: no cache, norms after, mean pooling.
#[must_use]
pub fn bert(size: &Tiny, words: &Words) -> Draft {
    const MEAN: u32 = 1;
    let wide = size.embedding;
    let mut draft = begin("bert", size, words)
        .meta("bert.attention.layer_norm_epsilon", Meta::F32(1e-12))
        .meta("bert.attention.causal", Meta::Bool(false))
        .meta("bert.pooling_type", Meta::U32(MEAN))
        .matrix(size, "token_embd.weight", wide, words.count)
        .exact(size, "token_types.weight", wide, 2)
        .exact(size, "position_embd.weight", wide, size.context)
        .norm("token_embd_norm", wide);
    for layer in 0..size.layers {
        let own = |suffix: &str| format!("blk.{layer}.{suffix}");
        draft = draft
            .linear(size, &own("attn_q"), wide, wide)
            .linear(size, &own("attn_k"), wide, wide)
            .linear(size, &own("attn_v"), wide, wide)
            .linear(size, &own("attn_output"), wide, wide)
            .norm(&own("attn_output_norm"), wide)
            .linear(size, &own("ffn_up"), wide, size.feed_forward)
            .linear(size, &own("ffn_down"), size.feed_forward, wide)
            .norm(&own("layer_output_norm"), wide);
    }
    draft
}
