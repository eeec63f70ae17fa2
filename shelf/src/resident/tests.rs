//! The prediction against what llama.cpp measured, and its promises against any numbers.

use super::*;
use crate::forge::{self, Draft, Meta, Tiny, Words};
use proptest::prelude::*;
use std::io::Cursor;

fn read(draft: &Draft) -> Gguf {
    let bytes = draft.bytes();
    Gguf::read(Cursor::new(&bytes), Bytes(bytes.len() as u64)).unwrap()
}

/// The metadata of a model, without its weights: embedding, feed-forward, heads, heads of keys and
/// values, width of a head, layers, vocabulary.
fn model(architecture: &str, [wide, forward, heads, heads_kv, head, layers, tokens]: [u32; 7], merges: usize) -> Draft {
    let own = |key: &str| format!("{architecture}.{key}");
    let tokens = Meta::List(vec![Meta::U8(0); tokens as usize]); // only counted
    Draft::new(architecture)
        .meta(&own("embedding_length"), Meta::U32(wide))
        .meta(&own("feed_forward_length"), Meta::U32(forward))
        .meta(&own("attention.head_count"), Meta::U32(heads))
        .meta(&own("attention.head_count_kv"), Meta::U32(heads_kv))
        .meta(&own("attention.key_length"), Meta::U32(head))
        .meta(&own("attention.value_length"), Meta::U32(head))
        .meta(&own("block_count"), Meta::U32(layers))
        .meta("tokenizer.ggml.tokens", tokens)
        .meta("tokenizer.ggml.merges", Meta::List(vec![Meta::U8(0); merges]))
}

/// In mebibytes; what is predicted here stays far below what an `f64` counts exactly.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn mebibytes(bytes: Bytes) -> f64 {
    bytes.0 as f64 / 1_048_576.0
}

fn serving(n_ctx: u32, n_seq: u32, n_ubatch: u32, outputs: u32) -> Serving {
    Serving { n_ubatch, outputs, ..Serving::new(n_ctx, n_seq) }
}

/// Printed by llama.cpp of `llama-cpp-sys-2` 0.1.161 on x86-64: cache, compute and output buffer, in MiB.
#[test]
#[rustfmt::skip]
fn caches_and_buffers_are_those_that_llama_cpp_allocated() {
    let small = model("llama", [576, 1536, 9, 3, 64, 2, 49152], 0);
    let large = model("llama", [2048, 5632, 32, 4, 64, 3, 49152], 0);
    let qwen2 = model("qwen2", [896, 4864, 14, 2, 64, 3, 151_936], 0);
    let gemma = model("gemma3", [1152, 6912, 4, 1, 256, 6, 262_144], 0).meta("gemma3.attention.sliding_window", Meta::U32(512));
    let qwen3 = model("qwen3", [1024, 3072, 16, 8, 128, 3, 49152], 0);
    let smol = model("llama", [576, 1536, 9, 3, 64, 30, 49152], 0);
    let table = [
        (&smol, serving(2048, 4, 512, 4),   45.0,  16.64, 0.75),
        (&small,    serving(2048, 1, 512, 1),    3.0,  16.64, 0.19),
        (&small,    serving(2048, 4, 128, 4),    3.0,   4.16, 0.75),
        (&small,    serving(8192, 4, 512, 4),   12.0,  22.64, 0.75),
        (&large,    serving(2048, 1, 512, 1),    6.0,  55.02, 0.19),
        (&large,    serving(8192, 4, 512, 4),   24.0,  61.02, 0.75),
        (&qwen2,    serving(2048, 1, 512, 1),    3.0,  39.27, 0.58),
        (&qwen2,    serving(2048, 4, 128, 4),    3.0,   9.82, 2.32),
        (&gemma,    serving(2048, 1, 512, 1),   12.0,  55.78, 1.00),
        (&gemma,    serving(8192, 4, 512, 4),   48.0,  67.78, 4.00),
        (&qwen3,    serving(2048, 1, 512, 1),   24.0,  30.02, 0.19),
        (&qwen3,    serving(8192, 4, 512, 4),   96.0,  36.02, 0.75),
    ];
    for (draft, serving, cache, compute, output) in table {
        let predicted = predict(&read(draft), &serving);
        let gguf = read(draft);
        assert!((mebibytes(predicted.cache) - cache).abs() < 0.01, "cache of {} at {serving:?}", gguf.architecture());
        let buffers = mebibytes(predicted.compute);
        assert!((buffers / (compute + output) - 1.0).abs() < 0.01, "{buffers} for {} at {serving:?}", gguf.architecture());
    }
}

/// Many rows of logits outweigh the layers' work. The output buffer grows with them only when they
/// are really fetched, so that llama.cpp printed the compute buffer alone.
#[test]
fn many_rows_of_logits_are_counted() {
    let at = serving(4096, 4, 256, 64);
    for (draft, compute, rows) in [
        (model("llama", [576, 1536, 9, 3, 64, 2, 49152], 0), 16.82, 12.0),
        (model("llama", [2048, 5632, 32, 4, 64, 3, 49152], 0), 28.51, 12.0),
        (model("qwen2", [896, 4864, 14, 2, 64, 3, 151_936], 0), 43.48, 37.1),
    ] {
        let predicted = mebibytes(predict(&read(&draft), &at).compute);
        assert!(predicted / (compute + rows) > 0.99 && predicted / (compute + rows) < 1.12, "{predicted} for {compute} + {rows}");
    }
}

/// Resident sets of a bare process that loaded the file, read two micro-batches and wrote four
/// tokens; `weights` is the size of the mapped tensors. All in MiB.
#[test]
#[rustfmt::skip]
fn the_whole_is_within_a_tenth_of_what_was_measured() {
    let at = serving(4096, 4, 256, 4);
    let table = [
        (model("llama", [576, 1536, 9, 3, 64, 30, 49152], 48_900), serving(2048, 4, 512, 4), 92.10, 178.95),
        (model("llama", [576, 1536, 9, 3, 64, 30, 49152], 48_900), serving(8192, 2, 256, 2), 92.10, 305.43),
        (model("llama", [576, 1536, 9, 3, 64, 30, 49152], 48_900), Serving { repacked: Bytes(59_719_680), ..serving(4096, 4, 128, 4) }, 85.77, 262.32),
        (model("llama", [576, 1536, 9, 3, 64, 2, 49152], 48_900), at,  35.87,  73.65),
        (model("llama", [2048, 5632, 32, 4, 64, 3, 49152], 48_900), at, 337.93, 399.53),
        (model("qwen2", [896, 4864, 14, 2, 64, 3, 151_936], 48_900), at, 183.30, 249.12),
        (model("gemma3", [1152, 6912, 4, 1, 256, 6, 262_144], 48_900).meta("gemma3.attention.sliding_window", Meta::U32(512)), at, 469.28, 580.41),
        (model("qwen3", [1024, 3072, 16, 8, 128, 3, 49152], 48_900), at, 98.84, 184.56),
        (model("llama", [2048, 2048, 32, 32, 64, 2, 49152], 48_900), at, 161.54, 261.29),
    ];
    for (draft, serving, weights, measured) in table {
        let predicted = mebibytes(predict(&read(&draft), &serving).total()) + weights;
        assert!((predicted / measured - 1.0).abs() < 0.10, "{predicted} predicted, {measured} measured");
    }
}

#[test]
fn windowed_layers_need_only_their_window_unless_told_otherwise() {
    let gemma = model("gemma3", [64, 64, 1, 1, 64, 26, 10], 0).meta("gemma3.attention.sliding_window", Meta::U32(512));
    let cell = 2 * 64 * 2; // keys and values of 64 halves
    let full = Serving::new(8192, 2);
    let narrow = Serving { swa_full: false, n_ubatch: 128, ..full };
    let gguf = read(&gemma);
    assert_eq!(predict(&gguf, &full).cache, Bytes(26 * 8192 * cell));
    assert_eq!(
        predict(&gguf, &narrow).cache,
        Bytes(4 * 8192 * cell + 22 * 1280 * cell),
        "every sixth layer is whole; 2 x 512 + 128 is 1280"
    );
    let marked = gemma.meta("gemma3.attention.sliding_window_pattern", Meta::List((0..26).map(|i| Meta::Bool(i > 0)).collect()));
    assert_eq!(
        predict(&read(&marked), &narrow).cache,
        Bytes(8192 * cell + 25 * 1280 * cell),
        "the file's own pattern goes first"
    );
}

#[test]
fn layers_without_heads_keep_a_state_instead_of_a_cache() {
    let heads = Meta::List([0, 8, 0, 8].map(Meta::I32).to_vec());
    let lfm = model("lfm2", [1024, 64, 16, 8, 64, 4, 10], 0)
        .meta("lfm2.attention.head_count_kv", heads)
        .meta("lfm2.shortconv.l_cache", Meta::U32(3));
    let predicted = predict(&read(&lfm), &Serving::new(1024, 2));
    assert_eq!(predicted.cache, Bytes(2 * 1024 * (2 * 8 * 64 * 2) + 2 * 2 * (2 * 1024 * 4)));
    let mamba = model("mamba", [768, 0, 0, 0, 0, 24, 10], 0)
        .meta("mamba.ssm.conv_kernel", Meta::U32(4))
        .meta("mamba.ssm.inner_size", Meta::U32(1536))
        .meta("mamba.ssm.state_size", Meta::U32(16));
    assert_eq!(predict(&read(&mamba), &Serving::new(1024, 1)).cache, Bytes(24 * 4 * (3 * 1536 + 16 * 1536)));
    let qwen = model("qwen35", [1024, 64, 16, 8, 64, 8, 10], 0);
    assert_eq!(
        predict(&read(&qwen), &Serving::new(1024, 1)).cache,
        Bytes(2 * 1024 * (2 * 8 * 64 * 2)),
        "every fourth layer attends"
    );
}

#[test]
fn shared_and_latent_caches_are_smaller() {
    let gemma4 = model("gemma4", [64, 64, 1, 1, 64, 10, 10], 0).meta("gemma4.attention.shared_kv_layers", Meta::U32(4));
    assert_eq!(predict(&read(&gemma4), &Serving::new(256, 1)).cache, Bytes(6 * 256 * 256));
    let latent = model("deepseek2", [64, 64, 8, 1, 576, 3, 10], 0).meta("deepseek2.attention.key_length_mla", Meta::U32(192));
    assert_eq!(predict(&read(&latent), &Serving::new(256, 1)).cache, Bytes(3 * 256 * 576 * 2), "values are part of the keys");
}

#[test]
fn a_quantized_cache_and_an_encoder_without_one() {
    let llama = read(&forge::llama(&Tiny::default(), &Words::bytes()));
    let q8 = Serving { cache: TensorType::Q8_0, ..Serving::new(1024, 1) };
    assert_eq!(predict(&llama, &q8).cache, Bytes(2 * 1024 * (34 + 34)));
    let bert = read(&forge::bert(&Tiny::default(), &Words::pieces()));
    assert_eq!(predict(&bert, &q8).cache, Bytes::ZERO);
}

#[test]
fn only_what_avx2_rearranges_is_repacked() {
    let q4 = TensorType::from_name("Q4_0").unwrap();
    let layers = Draft::new("llama")
        .blank("blk.0.attn_q.weight", &[64, 64], q4)
        .blank("blk.0.odd.weight", &[64, 12], q4)
        .blank("blk.0.ffn_up.weight", &[64, 64], TensorType::Q8_0)
        .blank("token_embd.weight", &[64, 80], q4);
    assert_eq!(repacked_on_avx2(&read(&layers)), Bytes((64 + 80) * 36), "the embedding is the output too");
    let own = layers.blank("output.weight", &[64, 80], TensorType::Q8_0);
    assert_eq!(repacked_on_avx2(&read(&own)), Bytes(64 * 36));
}

proptest! {
    #[test]
    fn more_is_never_less(
        ctx in 1..20_000_u32, seq in 1..9_u32, ubatch in 1..600_u32, outputs in 1..600_u32,
        more_ctx in 0..9_000_u32, more_seq in 0..9_u32, more_ubatch in 0..600_u32, more_outputs in 0..600_u32, full: bool,
    ) {
        let gemma = model("gemma3", [64, 128, 2, 1, 32, 12, 1000], 10).meta("gemma3.attention.sliding_window", Meta::U32(512));
        let gguf = read(&gemma);
        let less = Serving { swa_full: full, ..serving(ctx, seq, ubatch, outputs) };
        let more = Serving { swa_full: full, ..serving(ctx + more_ctx, seq + more_seq, ubatch + more_ubatch, outputs + more_outputs) };
        prop_assert!(predict(&gguf, &more).total() >= predict(&gguf, &less).total());
    }

    #[test]
    fn any_numbers_give_a_prediction(numbers: [u32; 7], architecture in 0..6_usize, window: u32, n: [u32; 4]) {
        let mut numbers = numbers;
        numbers[6] %= 100; // the list of tokens is written out
        let architecture = ["llama", "gemma3", "mamba", "qwen35", "falcon-h1", "bert"][architecture];
        let draft = model(architecture, numbers, 0)
            .meta(&format!("{architecture}.attention.sliding_window"), Meta::U32(window))
            .meta(&format!("{architecture}.attention.sliding_window_pattern"), Meta::U32(window % 3))
            .meta(&format!("{architecture}.full_attention_interval"), Meta::U32(window % 3))
            .meta(&format!("{architecture}.ssm.state_size"), Meta::U32(window));
        let _ = predict(&read(&draft), &serving(n[0], n[1], n[2], n[3])).total();
    }
}
