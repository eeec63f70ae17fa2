//! The reader against good files, files wrong in one way each, and files that are only bytes.

use super::*;
use crate::forge::{self, Draft, Meta, Tiny, Words};
use proptest::prelude::*;
use std::io::Cursor as Bare;
use std::sync::LazyLock;

fn read(bytes: &[u8]) -> Result<Gguf, GgufError> {
    Gguf::read(Bare::new(bytes), Bytes(bytes.len() as u64))
}

static TINY: LazyLock<Vec<u8>> =
    LazyLock::new(|| forge::llama(&Tiny { kind: TensorType::Q8_0, ..Tiny::default() }, &Words::bytes()).bytes());

/// As small as a model gets, so that most of it is header.
static TINIEST: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let size = Tiny { embedding: 32, heads: 1, feed_forward: 32, layers: 1, kind: TensorType::Q8_0, ..Tiny::default() };
    forge::llama(&size, &Words::bytes()).bytes()
});

/// A header with nothing in it but these counts.
fn bare(version: u32, tensors: u64, keys: u64) -> Vec<u8> {
    [b"GGUF".as_slice(), &version.to_le_bytes(), &tensors.to_le_bytes(), &keys.to_le_bytes()].concat()
}

#[test]
fn a_model_says_what_it_is() {
    let bytes = &*TINY;
    let gguf = read(bytes).unwrap();
    assert_eq!((gguf.version(), gguf.architecture(), gguf.level()), (3, "llama", "Q8_0"));
    assert_eq!(gguf.file_bytes(), Bytes(bytes.len() as u64));
    assert_eq!(gguf.get_own("block_count").and_then(Value::unsigned), Some(2));
    assert_eq!(gguf.get("tokenizer.ggml.tokens"), Some(&Value::List { count: 260, integers: vec![] }));
    let census = gguf.census();
    assert_eq!(census[&TensorType::Q8_0].tensors, 2 + 2 * 7);
    assert_eq!(census[&TensorType::F32].tensors, 1 + 2 * 2);
    assert_eq!(census[&TensorType::F32].bytes, Bytes(5 * 64 * 4));
    let bits = gguf.bits_per_weight().0;
    assert!((8_501..8_700).contains(&bits), "Q8_0 is 8.5 bits and the norms are 32: {bits}");
    assert!(gguf.check_servable().is_ok());
    assert!(!gguf.embeds());
}

#[test]
fn every_type_of_value_is_read() {
    let table = [
        (Meta::U8(200), Value::Unsigned(200)),
        (Meta::I8(-2), Value::Signed(-2)),
        (Meta::U16(40_000), Value::Unsigned(40_000)),
        (Meta::I16(-3), Value::Signed(-3)),
        (Meta::U32(u32::MAX), Value::Unsigned(u32::MAX.into())),
        (Meta::I32(-4), Value::Signed(-4)),
        (Meta::F32(0.5), Value::Float(0.5)),
        (Meta::Bool(true), Value::Bool(true)),
        (Meta::text("Grüezi"), Value::Text("Grüezi".into())),
        (Meta::U64(u64::MAX), Value::Unsigned(u64::MAX)),
        (Meta::I64(i64::MIN), Value::Signed(i64::MIN)),
        (Meta::F64(0.25), Value::Float(0.25)),
        (Meta::List(vec![Meta::U32(3), Meta::U32(0)]), Value::List { count: 2, integers: vec![3, 0] }),
        (Meta::List(vec![Meta::Bool(true), Meta::Bool(false)]), Value::List { count: 2, integers: vec![1, 0] }),
        (Meta::List(vec![Meta::F32(1.0)]), Value::List { count: 1, integers: vec![] }),
        (Meta::texts(["a", "bc"]), Value::List { count: 2, integers: vec![] }),
        (Meta::List(vec![Meta::U8(1); 5_000]), Value::List { count: 5_000, integers: vec![] }),
        (Meta::Text("x".repeat((1 << 20) + 1)), Value::LongText((1 << 20) + 1)),
    ];
    for (meta, value) in table {
        let bytes = Draft::new("llama").meta("key", meta).meta("after", Meta::U8(7)).bytes();
        let gguf = read(&bytes).unwrap();
        assert_eq!(gguf.get("key"), Some(&value));
        assert_eq!(gguf.get("after"), Some(&Value::Unsigned(7)), "the reader kept its place after {value:?}");
    }
}

#[test]
fn a_text_that_is_no_utf_8_is_read_with_replacements() {
    let mut bytes = Draft::new("llama").meta("key", Meta::text("abc")).bytes();
    let place = bytes.windows(3).position(|three| three == b"abc").unwrap();
    bytes[place] = 0xff;
    assert_eq!(read(&bytes).unwrap().text("key"), Some("\u{fffd}bc"));
}

#[test]
fn version_2_and_other_alignments_are_read() {
    for (version, alignment) in [(2, 32), (3, 1), (3, 64), (3, 4096)] {
        let mut draft = forge::gpt2(&Tiny::default(), &Words::bytes()).meta("general.alignment", Meta::U32(alignment));
        draft.version = version;
        let gguf = read(&draft.bytes()).unwrap();
        assert_eq!(gguf.version(), version);
        assert_eq!(gguf.architecture(), "gpt2");
    }
}

#[test]
#[rustfmt::skip]
fn a_broken_file_says_what_is_wrong_with_it() {
    let one = |kind| Draft::new("llama").blank("w", &[256, 2], kind);
    let align = |value| Draft::new("llama").meta("general.alignment", value).bytes();
    let shape = |shape: &[u64]| Draft::new("llama").blank("w", shape, TensorType::F32).bytes();
    let patched = |bytes: Vec<u8>, from: &[u8], to: &[u8]| {
        let place = bytes.windows(from.len()).rposition(|window| window == from).unwrap();
        [&bytes[..place], to, &bytes[place + from.len()..]].concat()
    };
    // A tensor's kind and offset stand behind its shape.
    let kind = |number: u32| patched(one(TensorType::F32).bytes(), &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[[2, 0, 0, 0, 0, 0, 0, 0].as_slice(), &number.to_le_bytes()].concat());
    let sides = |inner: u64, outer: u64| patched(shape(&[255, 254]), &[255_u64.to_le_bytes(), 254_u64.to_le_bytes()].concat(),
        &[inner.to_le_bytes(), outer.to_le_bytes()].concat());
    let long_name = "n".repeat(64);
    let short = { let mut bytes = one(TensorType::F32).bytes(); bytes.pop(); bytes };
    let table: &[(&str, Vec<u8>, &str)] = &[
        ("empty", vec![], "inside its first 24 bytes"),
        ("a zip", b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaaa".to_vec(), "it starts with \"PK..\""),
        ("GGML", b"lmgg\x01\0\0\0".to_vec(), "it starts with \"lmgg\""),
        ("version 1", bare(1, 0, 0), "GGUF version 1 is not supported"),
        ("version 4", bare(4, 0, 0), "GGUF version 4 is not supported"),
        ("version 0", bare(0, 0, 0), "GGUF version 0 is not supported"),
        ("big-endian", bare(3_u32.swap_bytes(), 0, 0), "big-endian"),
        ("2^64-1 tensors", bare(3, u64::MAX, 0), "18446744073709551615 tensors"),
        ("2^63 keys", bare(3, 0, 1 << 63), "9223372036854775808 metadata keys"),
        ("keys that are not there", bare(3, 0, 9), "truncated: the file ends inside metadata key"),
        ("half a header", bare(3, 0, 0)[..20].to_vec(), "inside its first 24 bytes"),
        ("a key of 2^62 bytes", [bare(3, 0, 1), (1_u64 << 62).to_le_bytes().to_vec()].concat(), "no usable name"),
        ("an empty key", [bare(3, 0, 1), vec![0; 8]].concat(), "metadata key 0 has no usable name"),
        ("a key twice", Draft::new("llama").again("k", Meta::U8(0)).again("k", Meta::U8(1)).bytes(), "\"k\" stands there twice"),
        ("value type 13", patched(Draft::new("llama").meta("k", Meta::U8(77)).bytes(), &[0, 0, 0, 0, 77], &[13, 0, 0, 0, 77]), "value type 13, which GGUF does not have"),
        ("a list of lists", Draft::new("llama").meta("k", Meta::List(vec![Meta::texts(["x"])])).bytes(), "a list of lists"),
        ("a list of type 99", patched(Draft::new("llama").meta("k", Meta::List(vec![Meta::U8(77)])).bytes(), &[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 77], &[99, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 77]), "value type 99"),
        ("a list past the end", patched(Draft::new("llama").meta("k", Meta::List(vec![Meta::U64(77)])).bytes(), &[1, 0, 0, 0, 0, 0, 0, 0, 77], &[255, 255, 255, 255, 255, 255, 255, 255, 77]), "inside a list of numbers"),
        ("texts past the end", patched(Draft::new("llama").meta("k", Meta::texts(["abc"])).bytes(), &[1, 0, 0, 0, 0, 0, 0, 0, 3], &[9, 0, 0, 0, 0, 0, 0, 0, 3]), "inside a list of texts"),
        ("2^61 texts", patched(Draft::new("llama").meta("k", Meta::texts(["abc"])).bytes(), &[1, 0, 0, 0, 0, 0, 0, 0, 3], &[255, 255, 255, 255, 255, 255, 255, 31, 3]), "2305843009213693951 texts in a list"),
        ("a text past the end", patched(Draft::new("llama").meta("k", Meta::text("abc")).bytes(), &[3, 0, 0, 0, 0, 0, 0, 0, b'a'], &[255, 255, 255, 255, 255, 255, 255, 255, b'a']), "inside a long text"),
        ("alignment 0", align(Meta::U32(0)), "general.alignment"),
        ("alignment 48", align(Meta::U32(48)), "general.alignment"),
        ("alignment 2^31", align(Meta::U32(1 << 31)), "general.alignment"),
        ("alignment as u64", align(Meta::U64(32)), "general.alignment"),
        ("a tensor twice", one(TensorType::F32).blank("w", &[8], TensorType::F32).bytes(), "tensor \"w\" stands there twice"),
        ("a long name", Draft::new("llama").blank(&long_name, &[8], TensorType::F32).bytes(), "tensor 0 has no usable name (64 bytes)"),
        ("five dimensions", shape(&[1, 1, 1, 1, 1]), "5 dimensions"),
        ("a removed type", kind(4), "type 4, which"),
        ("a type of the future", kind(43), "type 43, which"),
        ("2^80 weights", sides(1 << 40, 1 << 40), "more than any memory holds"),
        ("2^63 weights", sides(1 << 62, 2), "more than any memory holds"),
        ("2^62 weights", sides(1 << 62, 1), "more than any memory holds"),
        ("2^60 weights", sides(1 << 60, 1), "truncated: the header says 46116860184273"),
        ("no weights", sides(0, 7), "holds nothing"),
        ("a tensor past the end", short, "truncated: the header says"),
    ];
    for (what, bytes, words) in table {
        match read(bytes) {
            Ok(_) => panic!("{what} was taken"),
            Err(error) => assert!(error.to_string().contains(words), "{what}: {error}"),
        }
    }
}

#[test]
fn tensors_that_overlap_or_leave_holes_are_refused() {
    let bytes = Draft::new("llama").blank("a", &[8], TensorType::F32).blank("b", &[8], TensorType::F32).bytes();
    let place = bytes.windows(9).rposition(|window| window == [0, 0, 0, 0, 32, 0, 0, 0, 0]).unwrap() + 4;
    for offset in [0_u64, 31, 33, 64, u64::MAX, 1 << 63] {
        let mut bytes = bytes.clone();
        bytes[place..place + 8].copy_from_slice(&offset.to_le_bytes());
        let error = read(&bytes).unwrap_err();
        assert!(
            matches!(&error, GgufError::BadOffset { tensor, says, expected: 32 } if tensor == "b" && *says == offset),
            "{error}"
        );
    }
}

#[test]
fn rows_must_be_whole_blocks() {
    let bytes = Draft::new("llama").blank("w", &[256, 2], TensorType::Q8_0).bytes();
    let place = bytes.windows(16).rposition(|w| w[..8] == 256_u64.to_le_bytes() && w[8..] == 2_u64.to_le_bytes()).unwrap();
    let mut bytes = bytes;
    bytes[place..place + 8].copy_from_slice(&255_u64.to_le_bytes());
    assert!(matches!(read(&bytes).unwrap_err(), GgufError::BadShape { shape, .. } if shape == [255, 2]));
}

#[test]
fn what_is_no_servable_model_is_named_before_loading() {
    let full = |architecture: &str| Draft::new(architecture).blank("w", &[8], TensorType::F32);
    let table = [
        (full("llama"), ""),
        (full("qwen3"), ""),
        (full("llama-of-2031"), "architecture \"llama-of-2031\" is unknown"),
        (full(""), "general.architecture is missing"),
        (full("llama").meta("general.architecture", Meta::U8(1)), "general.architecture is missing"),
        (full("clip"), "image or audio part"),
        (full("eagle3"), "draft head"),
        (full("llama").meta("general.type", Meta::text("adapter")), "LoRA adapter"),
        (full("llama").meta("split.count", Meta::U16(3)), "one part of a split model"),
        (Draft::new("llama"), "a vocabulary and no weights"),
        (full("llama").blank("output_norm.weight", &[32], TensorType::Q8_0), "norms or biases are quantized"),
        (full("bert").blank("token_types.weight", &[8, 2], TensorType::F16), "norms or biases are quantized"),
        (full("llama").blank("output_norm.weight", &[32], TensorType::F16), ""),
    ];
    for (draft, words) in table {
        match read(&draft.bytes()).unwrap().check_servable() {
            Ok(()) => assert_eq!(words, "", "taken"),
            Err(error) => assert!(!words.is_empty() && error.to_string().contains(words), "{error}"),
        }
    }
}

#[test]
fn models_that_embed_are_known_by_architecture_or_pooling() {
    let pooling = |kind| Draft::new("qwen3").meta("qwen3.pooling_type", Meta::U32(kind));
    for (draft, embeds) in [
        (forge::bert(&Tiny::default(), &Words::pieces()), true),
        (pooling(3), true),
        (pooling(0), false),
        (pooling(4), false),
        (Draft::new("qwen3"), false),
    ] {
        assert_eq!(read(&draft.bytes()).unwrap().embeds(), embeds);
    }
}

#[test]
fn the_level_is_spelled_as_llama_cpp_spells_it_or_guessed_from_the_tensors() {
    let named = |number| Draft::new("llama").meta("general.file_type", Meta::U32(number)).blank("w", &[256], TensorType::F16);
    for (number, level) in [(15, "Q4_K_M"), (1024 + 15, "Q4_K_M"), (37, "TQ2_0"), (0, "F32"), (5, "F16"), (999, "F16")] {
        assert_eq!(read(&named(number).bytes()).unwrap().level(), level, "{number}");
    }
    assert_eq!(read(&Draft::new("llama").bytes()).unwrap().level(), "?");
    for name in level_names() {
        let number = level_number(&name.to_lowercase()).unwrap();
        assert_eq!(level_name(number.into()), Some(name));
    }
}

#[test]
#[rustfmt::skip]
fn types_take_the_bits_that_llama_cpp_states() {
    // bits per weight, in thousandths, from llama-quantize's help and the ggml structures
    for (name, bits) in [("Q4_0", 4500), ("Q4_1", 5000), ("Q8_0", 8500), ("Q2_K", 2625), ("Q3_K", 3438), ("Q4_K", 4500), ("Q5_K", 5500),
        ("Q6_K", 6563), ("TQ1_0", 1688), ("TQ2_0", 2063), ("MXFP4", 4250), ("IQ1_S", 1563), ("IQ1_M", 1750), ("IQ2_XXS", 2063),
        ("IQ4_XS", 4250), ("IQ4_NL", 4500), ("BF16", 16_000), ("Q1_0", 1125), ("Q2_0", 2250), ("NVFP4", 4500)] {
        let kind = TensorType::from_name(name).unwrap();
        assert_eq!((kind.block_bytes() * 16_000 / kind.block_weights()).div_ceil(2), bits, "{name}");
        assert_eq!((kind.name(), TensorType::from_number(kind.number())), (name, Some(kind)));
        let bytes = Draft::new("llama").blank("w", &[256, 3], kind).bytes();
        assert_eq!(u64::from(read(&bytes).unwrap().bits_per_weight().0), bits, "{name}");
    }
}

#[test]
fn the_list_of_architectures_is_sorted_and_has_the_usual_ones() {
    for known in ["llama", "gpt2", "qwen2", "qwen3", "qwen35", "gemma3", "bert", "lfm2", "bitnet", "afmoe", "xverse"] {
        assert!(is_known(known), "{known}");
    }
    assert!(!is_known("clip") && !is_known("(unknown)") && !is_known("") && !is_known("Llama"));
}

/// What a parsed header holds in memory, roughly.
fn kept(gguf: &Gguf) -> usize {
    let value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::List { integers, .. } => integers.len() * 8,
        _ => 0,
    };
    let meta: usize = gguf.meta().iter().map(|(key, v)| key.len() + value(v) + 100).sum();
    meta + gguf.tensors().iter().map(|tensor| tensor.name.len() + tensor.shape.len() * 8 + 100).sum::<usize>()
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
        let behind_a_header = [bare(3, 2, 2), bytes].concat();
        let _ = read(&behind_a_header);
    }

    #[test]
    fn a_header_with_any_byte_changed_is_read_or_refused_in_bounds(place in 0..8_000_usize, byte: u8) {
        let mut bytes = TINIEST.clone();
        bytes[place] = byte;
        if let Ok(gguf) = read(&bytes) {
            prop_assert!(kept(&gguf) <= bytes.len() * 16);
            let _ = (gguf.level(), gguf.bits_per_weight(), gguf.census(), gguf.embeds(), gguf.check_servable());
        }
    }

    #[test]
    fn a_header_with_any_word_changed_is_read_or_refused_in_bounds(
        place in 0..8_000_usize, word in prop_oneof![any::<u64>(), Just(u64::MAX), Just(1 << 63), Just(0), 0..99_u64],
    ) {
        let mut bytes = TINIEST.clone();
        bytes[place..place + 8].copy_from_slice(&word.to_le_bytes());
        if let Ok(gguf) = read(&bytes) {
            prop_assert!(kept(&gguf) <= bytes.len() * 16);
            let _ = (gguf.level(), gguf.bits_per_weight(), gguf.census(), gguf.embeds(), gguf.check_servable());
        }
    }

    #[test]
    fn a_model_cut_anywhere_is_refused(cut: proptest::sample::Index) {
        let bytes = &*TINY;
        let kept = cut.index(bytes.len());
        prop_assert!(read(&bytes[..kept]).is_err());
    }
}
