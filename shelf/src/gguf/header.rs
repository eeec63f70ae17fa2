//! Reads a GGUF header from front to back, checking each number before it is believed.
//!
//! Deliberately absent: what the numbers mean for serving (`mod.rs`).

use super::cursor::Cursor;
use super::error::GgufError;
use super::types::TensorType;
use super::value::{self, Budget, Value};
use super::{Meta, Tensor};
use hob_core::units::Bytes;
use std::collections::BTreeSet;
use std::io::{Read, Seek};

/// More keys than this no model has (today's have 20 to 80).
const MOST_KEYS: u64 = 1 << 14;
/// More tensors than this no model has (today's largest have some 2000).
const MOST_TENSORS: u64 = 1 << 16;
/// Longest key that is read, in bytes (today's have up to 60).
const LONGEST_KEY: u64 = 1_024;
/// Longest tensor name that llama.cpp takes (`GGML_MAX_NAME` less its end mark).
const LONGEST_TENSOR_NAME: u64 = 63;
/// `GGML_MAX_DIMS`.
const MOST_DIMENSIONS: u32 = 4;

/// Version, metadata and tensors of the file under `from`.
pub(super) fn read<R: Read + Seek>(from: &mut Cursor<R>) -> Result<(u32, Meta, Vec<Tensor>), GgufError> {
    let version = read_version(from)?;
    let tensors = counted(from, "tensors", MOST_TENSORS)?;
    let keys = counted(from, "metadata keys", MOST_KEYS)?;
    let (meta, alignment) = read_meta(from, keys)?;
    let tensors = read_tensors(from, tensors, alignment)?;
    check_extent(from, &tensors, alignment)?;
    Ok((version, meta, tensors))
}

fn read_version<R: Read + Seek>(from: &mut Cursor<R>) -> Result<u32, GgufError> {
    const HEADER: &str = "its first 24 bytes";
    let magic: [u8; 4] = from.array(HEADER)?;
    if &magic != b"GGUF" {
        let printable = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' };
        return Err(GgufError::NotGguf { starts: magic.iter().map(printable).collect() });
    }
    match from.u32(HEADER)? {
        version @ (2 | 3) => Ok(version),
        swapped if swapped.trailing_zeros() >= 16 && swapped != 0 => Err(GgufError::BigEndian),
        other => Err(GgufError::Version(other)),
    }
}

fn counted<R: Read + Seek>(from: &mut Cursor<R>, what: &'static str, limit: u64) -> Result<u64, GgufError> {
    let says = from.u64("its first 24 bytes")?;
    if says > limit {
        return Err(GgufError::TooMany { what, says, limit });
    }
    Ok(says)
}

fn name<R: Read + Seek>(from: &mut Cursor<R>, what: &'static str, index: u64, limit: u64) -> Result<String, GgufError> {
    let bytes = from.u64(what)?;
    let bad = GgufError::BadName { what, index, bytes };
    if bytes == 0 || bytes > limit {
        return Err(bad);
    }
    String::from_utf8(from.bytes(bytes, what)?).map_err(|_| bad)
}

/// The metadata, and the alignment that it orders.
fn read_meta<R: Read + Seek>(from: &mut Cursor<R>, keys: u64) -> Result<(Meta, u64), GgufError> {
    const U32: u32 = 4;
    let mut meta = Meta::new();
    let mut alignment = 32;
    let mut budget = Budget::default();
    for index in 0..keys {
        let key = name(from, "metadata key", index, LONGEST_KEY)?;
        let kind = from.u32("a value's type")?;
        let value = value::read(from, &key, kind, &mut budget)?;
        if key == "general.alignment" {
            alignment = match value {
                Value::Unsigned(bytes @ 1..=0x10_0000) if kind == U32 && bytes.is_power_of_two() => bytes,
                ref other => return Err(GgufError::BadAlignment(format!("{other:?}"))),
            };
        }
        if meta.contains_key(&key) {
            return Err(GgufError::Twice { what: "metadata key", name: key });
        }
        meta.insert(key, value);
    }
    Ok((meta, alignment))
}

fn read_tensors<R: Read + Seek>(from: &mut Cursor<R>, count: u64, alignment: u64) -> Result<Vec<Tensor>, GgufError> {
    let mut tensors = Vec::new();
    let mut seen = BTreeSet::new();
    let mut expected = 0_u64;
    for index in 0..count {
        let tensor = read_tensor(from, index)?;
        if tensor.offset != expected {
            return Err(GgufError::BadOffset { tensor: tensor.name, says: tensor.offset, expected });
        }
        if !seen.insert(tensor.name.clone()) {
            return Err(GgufError::Twice { what: "tensor", name: tensor.name });
        }
        let end = expected.checked_add(tensor.bytes.0).and_then(|end| end.checked_next_multiple_of(alignment));
        let Some(end) = end else {
            return Err(GgufError::Truncated { needs: u64::MAX, has: from.len() });
        };
        expected = end;
        tensors.push(tensor);
    }
    Ok(tensors)
}

fn read_tensor<R: Read + Seek>(from: &mut Cursor<R>, index: u64) -> Result<Tensor, GgufError> {
    const INSIDE: &str = "the list of tensors";
    let name = name(from, "tensor", index, LONGEST_TENSOR_NAME)?;
    let dimensions = from.u32(INSIDE)?;
    if dimensions > MOST_DIMENSIONS {
        let says = dimensions.into();
        return Err(GgufError::TooMany { what: "dimensions of a tensor", says, limit: MOST_DIMENSIONS.into() });
    }
    let shape = (0..dimensions).map(|_| from.u64(INSIDE)).collect::<Result<Vec<_>, _>>()?;
    let number = from.u32(INSIDE)?;
    let offset = from.u64(INSIDE)?;
    let Some(kind) = TensorType::from_number(number) else {
        return Err(GgufError::UnknownType { tensor: name, says: number });
    };
    match extent(&shape, kind) {
        Ok((weights, bytes)) => Ok(Tensor { name, shape, kind, offset, weights, bytes }),
        Err(why) => Err(GgufError::BadShape { tensor: name, shape, why }),
    }
}

/// Weights and bytes of a tensor, or why it cannot be.
fn extent(shape: &[u64], kind: TensorType) -> Result<(u64, Bytes), &'static str> {
    let too_big = "is more than any memory holds";
    let weights = shape.iter().try_fold(1_u64, |product, &side| product.checked_mul(side)).ok_or(too_big)?;
    let row = shape.first().copied().unwrap_or(1);
    if weights == 0 {
        return Err("holds nothing");
    }
    if i64::try_from(weights).is_err() {
        return Err(too_big);
    }
    if !row.is_multiple_of(kind.block_weights()) {
        return Err("does not divide into the blocks of its type");
    }
    let bytes = (weights / kind.block_weights()).checked_mul(kind.block_bytes()).ok_or(too_big)?;
    Ok((weights, Bytes(bytes)))
}

/// Checks that the last tensor ends inside the file.
fn check_extent<R: Read + Seek>(from: &Cursor<R>, tensors: &[Tensor], alignment: u64) -> Result<(), GgufError> {
    let Some(last) = tensors.last() else { return Ok(()) };
    let needs = from
        .at()
        .checked_next_multiple_of(alignment)
        .and_then(|start| start.checked_add(last.offset))
        .and_then(|start| start.checked_add(last.bytes.0))
        .unwrap_or(u64::MAX);
    if needs > from.len() {
        return Err(GgufError::Truncated { needs, has: from.len() });
    }
    Ok(())
}
