//! What can be wrong with a GGUF file, in words that say what to do.
//!
//! The file's name is not in here: whoever opened it puts it in front.

/// Why a file is not taken for a model. None is worth a retry with the same bytes.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// Another kind of file.
    #[error("not a GGUF file: it starts with {starts:?}, not with \"GGUF\"")]
    NotGguf {
        /// The first bytes, unprintable ones as dots.
        starts: String,
    },
    /// Written for the other byte order.
    #[error("a big-endian GGUF file; convert it for little-endian machines")]
    BigEndian,
    /// A format that llama.cpp does not read.
    #[error("GGUF version {0} is not supported (2 and 3 are); convert the model anew")]
    Version(u32),
    /// The file ends inside the header.
    #[error("truncated: the file ends inside {inside} (byte {needs} is needed, the file has {has}); fetch it again")]
    HeaderCut {
        /// What was being read.
        inside: &'static str,
        /// The byte up to which the header reaches at least.
        needs: u64,
        /// Bytes in the file.
        has: u64,
    },
    /// The file ends inside the weights.
    #[error("truncated: the header says {needs} bytes, the file has {has}; fetch it again")]
    Truncated {
        /// Bytes that the tensors need, header included.
        needs: u64,
        /// Bytes in the file.
        has: u64,
    },
    /// A count no model has.
    #[error("the header says {says} {what}; no model has more than {limit}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The count in the file.
        says: u64,
        /// The largest that is read.
        limit: u64,
    },
    /// A key or a tensor's name that is empty, too long, or no UTF-8.
    #[error("{what} {index} has no usable name ({bytes} bytes)")]
    BadName {
        /// Key or tensor.
        what: &'static str,
        /// Its place in the file, from 0.
        index: u64,
        /// Length of the name.
        bytes: u64,
    },
    /// Two keys, or two tensors, of one name.
    #[error("{what} {name:?} stands there twice")]
    Twice {
        /// Key or tensor.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A metadata type that GGUF does not have, or a list of lists.
    #[error("key {key:?} has value type {says}, which {why}")]
    BadValueType {
        /// The key.
        key: String,
        /// The type's number.
        says: u32,
        /// What is wrong with it.
        why: &'static str,
    },
    /// `general.alignment` is not a 32-bit power of two.
    #[error("general.alignment is {0}, not a 32-bit power of two up to 1 MiB")]
    BadAlignment(String),
    /// A tensor type that this llama.cpp does not know.
    #[error(
        "tensor {tensor:?} has type {says}, which the llama.cpp in Hob does not know; take another quantization level of this model"
    )]
    UnknownType {
        /// The tensor.
        tensor: String,
        /// The type's number.
        says: u32,
    },
    /// Dimensions that no memory holds or that do not fit the type's blocks.
    #[error("tensor {tensor:?} has a shape of {shape:?}, which {why}")]
    BadShape {
        /// The tensor.
        tensor: String,
        /// Its dimensions, innermost first.
        shape: Vec<u64>,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A tensor that does not follow the one before it.
    #[error(
        "tensor {tensor:?} is said to start at {says}, the one before it ends at {expected}; the file was written by a foreign tool or damaged"
    )]
    BadOffset {
        /// The tensor.
        tensor: String,
        /// The offset in the file.
        says: u64,
        /// Where it must be.
        expected: u64,
    },
    /// Metadata without an architecture.
    #[error("general.architecture is missing: this is no model for llama.cpp")]
    NoArchitecture,
    /// An architecture that this llama.cpp does not know.
    #[error("architecture {0:?} is unknown to the llama.cpp in Hob; an update of Hob may know it")]
    UnknownArchitecture(String),
    /// GGUF, but nothing that can be served.
    #[error("a GGUF file, but {0}")]
    NotServable(&'static str),
}
