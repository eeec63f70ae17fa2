//! A ladder of levels out of one GGUF.
//!
//! The one place where Hob calls C by hand: llama-cpp-2 has no safe way to `llama_model_quantize`.
//!
//! Deliberately absent: reading the result back (`hob-shelf` reports what tensor types it really has),
//! importance matrices.

#![allow(unsafe_code, reason = "llama_model_quantize exists only as a C function; it takes two paths and plain numbers")]

use std::{ffi::CString, path::Path};

use llama_cpp_sys_2 as sys;

use crate::llama::backend;

/// A quantization, as llama.cpp spells it, with its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantization {
    /// `Q4_K_M`
    pub name: &'static str,
    ftype: sys::llama_ftype,
}

/// What `hob quantize` can make: 8 to 2 bits by k-quants, the legacy ones, ternary, and 16 bits.
pub const QUANTIZATIONS: &[Quantization] = &[
    Quantization { name: "F16", ftype: sys::LLAMA_FTYPE_MOSTLY_F16 },
    Quantization { name: "Q8_0", ftype: sys::LLAMA_FTYPE_MOSTLY_Q8_0 },
    Quantization { name: "Q6_K", ftype: sys::LLAMA_FTYPE_MOSTLY_Q6_K },
    Quantization { name: "Q5_K_M", ftype: sys::LLAMA_FTYPE_MOSTLY_Q5_K_M },
    Quantization { name: "Q5_K_S", ftype: sys::LLAMA_FTYPE_MOSTLY_Q5_K_S },
    Quantization { name: "Q5_1", ftype: sys::LLAMA_FTYPE_MOSTLY_Q5_1 },
    Quantization { name: "Q5_0", ftype: sys::LLAMA_FTYPE_MOSTLY_Q5_0 },
    Quantization { name: "Q4_K_M", ftype: sys::LLAMA_FTYPE_MOSTLY_Q4_K_M },
    Quantization { name: "Q4_K_S", ftype: sys::LLAMA_FTYPE_MOSTLY_Q4_K_S },
    Quantization { name: "Q4_1", ftype: sys::LLAMA_FTYPE_MOSTLY_Q4_1 },
    Quantization { name: "Q4_0", ftype: sys::LLAMA_FTYPE_MOSTLY_Q4_0 },
    Quantization { name: "IQ4_NL", ftype: sys::LLAMA_FTYPE_MOSTLY_IQ4_NL },
    Quantization { name: "Q3_K_L", ftype: sys::LLAMA_FTYPE_MOSTLY_Q3_K_L },
    Quantization { name: "Q3_K_M", ftype: sys::LLAMA_FTYPE_MOSTLY_Q3_K_M },
    Quantization { name: "Q3_K_S", ftype: sys::LLAMA_FTYPE_MOSTLY_Q3_K_S },
    Quantization { name: "Q2_K", ftype: sys::LLAMA_FTYPE_MOSTLY_Q2_K },
    Quantization { name: "TQ2_0", ftype: sys::LLAMA_FTYPE_MOSTLY_TQ2_0 },
    Quantization { name: "TQ1_0", ftype: sys::LLAMA_FTYPE_MOSTLY_TQ1_0 },
];

impl Quantization {
    /// Looks one up by name, in any case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        QUANTIZATIONS.iter().copied().find(|quantization| quantization.name.eq_ignore_ascii_case(name))
    }
}

/// Why nothing was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantizeError {
    /// A path that C cannot take.
    #[error("the path {0} has a NUL byte or is not UTF-8; rename the file")]
    BadPath(String),
    /// llama.cpp refused.
    #[error(
        "llama.cpp could not make {to} of {from}: it is no model, the disk is full, or it is quantized already (then say --requantize; quality suffers)"
    )]
    Refused {
        /// The source.
        from: String,
        /// The target level.
        to: &'static str,
    },
}

/// Writes `from` at another level to `to`. Blocks; uses `threads` threads (0: one per core).
///
/// # Errors
///
/// [`QuantizeError`]; a partly written file may be left at `to`.
pub fn quantize(from: &Path, to: &Path, level: Quantization, requantize: bool, threads: u32) -> Result<(), QuantizeError> {
    let _backend = backend();
    let text = |path: &Path| {
        path.to_str().and_then(|path| CString::new(path).ok()).ok_or_else(|| QuantizeError::BadPath(path.display().to_string()))
    };
    let (source, target) = (text(from)?, text(to)?);
    // SAFETY: takes nothing and returns a plain struct.
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.ftype = level.ftype;
    params.allow_requantize = requantize;
    params.nthread = i32::try_from(threads).unwrap_or(0);
    // SAFETY: both paths are NUL-terminated and outlive the call, as do the parameters; C++ exceptions
    // are caught inside and become a return value other than 0.
    let failed = unsafe { sys::llama_model_quantize(source.as_ptr(), target.as_ptr(), &raw const params) };
    if failed == 0 { Ok(()) } else { Err(QuantizeError::Refused { from: from.display().to_string(), to: level.name }) }
}
