//! Tensor types and quantization levels, numbered and spelled as in the llama.cpp inside
//! `llama-cpp-sys-2` 0.1.161 (ggml 0.26.0: `ggml.h`, `ggml-common.h`, `llama.h`).

/// A tensor type that this llama.cpp can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorType(u32);

/// Number in the file, name, weights in a block, bytes of a block.
#[rustfmt::skip]
const TENSOR_TYPES: [(u32, &str, u64, u64); 35] = [
    (0, "F32", 1, 4),          (1, "F16", 1, 2),          (2, "Q4_0", 32, 18),       (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),       (7, "Q5_1", 32, 24),       (8, "Q8_0", 32, 34),       (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),     (11, "Q3_K", 256, 110),    (12, "Q4_K", 256, 144),    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),    (15, "Q8_K", 256, 292),    (16, "IQ2_XXS", 256, 66),  (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),  (19, "IQ1_S", 256, 50),    (20, "IQ4_NL", 32, 18),    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),    (23, "IQ4_XS", 256, 136),  (24, "I8", 1, 1),          (25, "I16", 1, 2),
    (26, "I32", 1, 4),         (27, "I64", 1, 8),         (28, "F64", 1, 8),         (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),        (34, "TQ1_0", 256, 54),    (35, "TQ2_0", 256, 66),    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),     (41, "Q1_0", 128, 18),     (42, "Q2_0", 64, 18),
];

impl TensorType {
    /// 32-bit floating point.
    pub const F32: Self = Self(0);
    /// 16-bit floating point.
    pub const F16: Self = Self(1);
    /// 8.5 bits a weight, in blocks of 32.
    pub const Q8_0: Self = Self(8);

    /// The type with this number, if this llama.cpp has it.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        TENSOR_TYPES.iter().any(|row| row.0 == number).then_some(Self(number))
    }

    /// The type of this name, as llama.cpp spells it, whatever the case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        TENSOR_TYPES.iter().find(|row| row.1.eq_ignore_ascii_case(name)).map(|row| Self(row.0))
    }

    /// Its number in a GGUF file.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Its name, in capitals (`Q4_K`).
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Weights that share one block; rows are whole blocks.
    #[must_use]
    pub fn block_weights(self) -> u64 {
        self.row().2
    }

    /// Bytes of one block.
    #[must_use]
    pub fn block_bytes(self) -> u64 {
        self.row().3
    }

    fn row(self) -> (u32, &'static str, u64, u64) {
        TENSOR_TYPES.iter().find(|row| row.0 == self.0).copied().unwrap_or((self.0, "?", 1, 4))
    }
}

/// `general.file_type` and the level's name as `llama-quantize` spells it.
#[rustfmt::skip]
const LEVELS: [(u32, &str); 36] = [
    (0, "F32"),      (1, "F16"),      (2, "Q4_0"),     (3, "Q4_1"),     (7, "Q8_0"),     (8, "Q5_0"),
    (9, "Q5_1"),     (10, "Q2_K"),    (11, "Q3_K_S"),  (12, "Q3_K_M"),  (13, "Q3_K_L"),  (14, "Q4_K_S"),
    (15, "Q4_K_M"),  (16, "Q5_K_S"),  (17, "Q5_K_M"),  (18, "Q6_K"),    (19, "IQ2_XXS"), (20, "IQ2_XS"),
    (21, "Q2_K_S"),  (22, "IQ3_XS"),  (23, "IQ3_XXS"), (24, "IQ1_S"),   (25, "IQ4_NL"),  (26, "IQ3_S"),
    (27, "IQ3_M"),   (28, "IQ2_S"),   (29, "IQ2_M"),   (30, "IQ4_XS"),  (31, "IQ1_M"),   (32, "BF16"),
    (36, "TQ1_0"),   (37, "TQ2_0"),   (38, "MXFP4_MOE"), (39, "NVFP4"), (40, "Q1_0"),    (41, "Q2_0"),
];

/// The name of a quantization level by its `general.file_type` (`llama_ftype`).
#[must_use]
pub fn level_name(file_type: u64) -> Option<&'static str> {
    const GUESSED: u64 = 1024; // llama.cpp adds this when the file does not say
    let plain = file_type & !GUESSED;
    LEVELS.iter().find(|(number, _)| u64::from(*number) == plain).map(|(_, name)| *name)
}

/// The `llama_ftype` of a level by its name, whatever the case; what `llama_model_quantize` takes.
#[must_use]
pub fn level_number(name: &str) -> Option<u32> {
    LEVELS.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(number, _)| *number)
}

/// The names of all levels, in the order of their numbers.
pub fn level_names() -> impl Iterator<Item = &'static str> {
    LEVELS.iter().map(|(_, name)| *name)
}
