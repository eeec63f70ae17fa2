//! The dimensions of a model that decide how much memory serving it takes.
//!
//! Read from the metadata the way llama.cpp reads it (`llama-model.cpp` and `models/*.cpp` of
//! `llama-cpp-sys-2` 0.1.161); what is missing or absurd counts as 0. Deliberately absent: anything
//! that only decides the answer (rotary bases, scales).

use crate::gguf::{Gguf, Value, only_embeds};

/// More layers than this no model has; a hostile count must not cost time.
const MOST_LAYERS: u64 = 4_096;

/// One layer's share of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Layer {
    /// Elements of the keys of one token; 0 without attention.
    pub(super) keys: u64,
    /// Elements of the values of one token; 0 without attention, or where they are part of the keys.
    pub(super) values: u64,
    /// Whether it looks back only as far as the window.
    pub(super) windowed: bool,
    /// 32-bit numbers of state that one sequence has, whatever its length.
    pub(super) state: u64,
}

/// What of a model matters for its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) layers: Vec<Layer>,
    pub(super) embedding: u64,
    pub(super) feed_forward: u64,
    pub(super) vocabulary: u64,
    pub(super) merges: u64,
    /// Tokens that windowed layers look back; 0 if there are none.
    pub(super) window: u64,
    /// Whether there is a cache at all; encoders read a text in one go.
    pub(super) caches: bool,
}

impl Shape {
    /// Reads it from the metadata.
    pub(super) fn of(gguf: &Gguf) -> Self {
        let own = Own(gguf);
        let architecture = gguf.architecture();
        let embedding = own.number("embedding_length");
        let experts = own.largest("expert_feed_forward_length").saturating_mul(own.number("expert_used_count"));
        let embedded = gguf.tensors().iter().find(|tensor| tensor.name == "token_embd.weight");
        let rows = embedded.and_then(|tensor| tensor.shape.get(1)).copied().unwrap_or(0);
        let window = if default_pattern(architecture).is_some() || own.0.get_own("attention.sliding_window_pattern").is_some() {
            own.number("attention.sliding_window")
        } else {
            0
        };
        Self {
            layers: layers(&own, window),
            embedding,
            feed_forward: own.largest("feed_forward_length").max(experts),
            vocabulary: own.count("tokenizer.ggml.tokens").max(rows),
            merges: own.count("tokenizer.ggml.merges"),
            window,
            caches: !only_embeds(architecture) && !matches!(architecture, "dream" | "llada" | "llada-moe" | "rnd1" | "clef"),
        }
    }
}

/// The keys of one architecture.
struct Own<'a>(&'a Gguf);

impl Own<'_> {
    fn number(&self, key: &str) -> u64 {
        self.0.get_own(key).and_then(Value::unsigned).unwrap_or(0)
    }

    /// One number for all layers, or one for each; for layers past a list's end the last one counts.
    fn at(&self, key: &str, layer: u64) -> Option<u64> {
        match self.0.get_own(key)? {
            Value::List { integers, .. } => {
                let place = usize::try_from(layer).ok()?;
                let number = integers.get(place).or(integers.last())?;
                u64::try_from(*number).ok()
            }
            value => value.unsigned(),
        }
    }

    fn largest(&self, key: &str) -> u64 {
        match self.0.get_own(key) {
            Some(Value::List { integers, .. }) => {
                integers.iter().max().and_then(|number| u64::try_from(*number).ok()).unwrap_or(0)
            }
            _ => self.number(key),
        }
    }

    fn count(&self, key: &str) -> u64 {
        match self.0.get(key) {
            Some(Value::List { count, .. }) => *count,
            _ => 0,
        }
    }
}

/// Which layers are windowed when the file only names the window: every layer but each n-th, where
/// the whole one comes first or last of its n.
fn default_pattern(architecture: &str) -> Option<(u64, bool)> {
    Some(match architecture {
        "gemma3" | "gemma-embedding" => (6, false),
        "gemma3n" => (5, false),
        "gemma2" | "gpt-oss" => (2, false),
        "cohere2" | "exaone4" | "exaone-moe" | "olmo2" | "llama4" | "mellum" | "muse-glimmer" | "afmoe" => (4, false),
        "cohere2moe" | "smallthinker" | "laguna" => (4, true),
        "plamo3" => (8, false),
        "modern-bert" => (3, true),
        _ => return None,
    })
}

/// Whether `layer` is windowed.
fn is_windowed(own: &Own<'_>, layer: u64) -> bool {
    const PATTERN: &str = "attention.sliding_window_pattern";
    if let Some(Value::List { .. }) = own.0.get_own(PATTERN) {
        return own.at(PATTERN, layer) == Some(1);
    }
    let Some((period, whole_first)) = default_pattern(own.0.architecture()) else { return false };
    let period = own.0.get_own(PATTERN).and_then(Value::unsigned).unwrap_or(period);
    let Some(place) = layer.checked_rem(period) else { return true };
    if whole_first { place != 0 } else { place < period.saturating_sub(1) }
}

/// How an architecture's layers divide into attention and state.
enum Memory {
    Attention,
    State,
    Both,
}

fn memory_of(own: &Own<'_>, layer: u64, heads: u64) -> Memory {
    match own.0.architecture() {
        "mamba" | "mamba2" | "rwkv6" | "rwkv6qwen2" | "rwkv7" | "arwkv7" => Memory::State,
        "falcon-h1" => Memory::Both,
        "qwen3next" | "qwen35" | "qwen35moe" => {
            let interval = own.at("full_attention_interval", layer).unwrap_or(4).max(1);
            let whole = layer.saturating_add(1).is_multiple_of(interval);
            if whole { Memory::Attention } else { Memory::State }
        }
        _ if heads == 0 => Memory::State,
        _ => Memory::Attention,
    }
}

fn layers(own: &Own<'_>, window: u64) -> Vec<Layer> {
    let count = own.number("block_count").min(MOST_LAYERS);
    let shared = own.number("attention.shared_kv_layers");
    let state = state(own);
    (0..count)
        .map(|layer| {
            let all_heads = own.at("attention.head_count", layer).unwrap_or(0);
            let heads = own.at("attention.head_count_kv", layer).unwrap_or(all_heads);
            let windowed = window > 0 && is_windowed(own, layer);
            let (keys, values) = head_widths(own, layer, windowed, all_heads);
            let attention = Layer { keys: heads.saturating_mul(keys), values: heads.saturating_mul(values), windowed, state: 0 };
            let attention =
                if layer >= count.saturating_sub(shared) { Layer { windowed, ..Layer::default() } } else { attention };
            match memory_of(own, layer, heads) {
                Memory::Attention => attention,
                Memory::State => Layer { state, ..Layer::default() },
                Memory::Both => Layer { state, ..attention },
            }
        })
        .collect()
}

/// Elements of one head's key and value.
fn head_widths(own: &Own<'_>, layer: u64, windowed: bool, heads: u64) -> (u64, u64) {
    let even = own.number("embedding_length").checked_div(heads).unwrap_or(0);
    let width = |key: &str| {
        let narrow = if windowed { own.at(&format!("{key}_swa"), layer) } else { None };
        narrow.or_else(|| own.at(key, layer)).unwrap_or(even)
    };
    let latent = own.0.get_own("attention.key_length_mla").is_some();
    (width("attention.key_length"), if latent { 0 } else { width("attention.value_length") })
}

/// 32-bit numbers of one sequence's state in one layer (`llama_hparams::n_embd_r` and `n_embd_s`).
fn state(own: &Own<'_>) -> u64 {
    let embedding = own.number("embedding_length");
    let wkv = own.number("wkv.head_size");
    if wkv > 0 {
        let shifts = own.0.get_own("token_shift_count").and_then(Value::unsigned).unwrap_or(2);
        return embedding.saturating_mul(shifts.saturating_add(wkv));
    }
    let short = own.number("shortconv.l_cache");
    if short > 0 {
        return embedding.saturating_mul(short - 1);
    }
    let kernel = own.number("ssm.conv_kernel").saturating_sub(1);
    let inner = own.number("ssm.inner_size");
    let size = own.number("ssm.state_size");
    let grouped = own.number("ssm.group_count").saturating_mul(size).saturating_mul(2);
    kernel.saturating_mul(inner.saturating_add(grouped)).saturating_add(size.saturating_mul(inner))
}
