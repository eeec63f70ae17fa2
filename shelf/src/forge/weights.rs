//! Random weights that are the same everywhere, and their storage as F32, F16 or `Q8_0`.
#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "rounding floats is what this file is for"
)]

use crate::gguf::TensorType;

/// Weights evenly spread over -`spread` to +`spread`, by `seed` and `name` alone.
pub(super) fn random(seed: u64, name: &str, count: u64, spread: f32) -> Vec<f32> {
    let mut state = name.bytes().fold(seed, |state, byte| split_mix(state ^ u64::from(byte)));
    (0..count)
        .map(|_| {
            state = split_mix(state);
            ((state >> 40) as f32 / 8_388_608.0 - 1.0) * spread // 24 bits: exact in an f32
        })
        .collect()
}

/// The next number of `SplitMix64` (Steele, Lea, Flood 2014).
const fn split_mix(state: u64) -> u64 {
    let mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The bytes of `weights` stored as `kind`.
///
/// # Panics
///
/// For a `kind` other than F32, F16 and `Q8_0`, or weights that are no whole blocks.
#[must_use]
pub fn encode(weights: &[f32], kind: TensorType) -> Vec<u8> {
    match kind {
        TensorType::F32 => weights.iter().flat_map(|weight| weight.to_le_bytes()).collect(),
        TensorType::F16 => weights.iter().flat_map(|weight| half(*weight).to_le_bytes()).collect(),
        TensorType::Q8_0 => {
            assert!(weights.len().is_multiple_of(32), "Q8_0 has blocks of 32");
            weights.chunks(32).flat_map(block).collect()
        }
        other => unimplemented!("the forge cannot write {}", other.name()),
    }
}

/// A block of 32 weights: a scale, then 32 bytes.
fn block(weights: &[f32]) -> Vec<u8> {
    let largest = weights.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
    let scale = largest / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let mut bytes = half(scale).to_le_bytes().to_vec();
    bytes.extend(weights.iter().flat_map(|weight| ((weight * inverse).round() as i8).to_le_bytes()));
    bytes
}

/// IEEE 754 half precision, rounded to nearest even; too small becomes 0, too large infinity.
fn half(number: f32) -> u16 {
    let bits = number.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let exponent = ((bits >> 23) & 0xff).cast_signed() - 112;
    let fraction = bits & 0x007f_ffff;
    let magnitude = match exponent {
        ..=-11 => 0,
        -10..=0 => {
            let whole = fraction | 0x0080_0000; // subnormal: the leading one is written out
            round(whole, (14 - exponent) as u32)
        }
        1..=30 => round(((exponent as u32) << 23) | fraction, 13),
        _ => 0x7c00,
    };
    (sign | magnitude) as u16
}

/// Drops `bits` low bits, to nearest even.
const fn round(number: u32, bits: u32) -> u32 {
    let kept = number >> bits;
    let rest = number & ((1 << bits) - 1);
    let middle = 1 << (bits - 1);
    kept + ((rest > middle || (rest == middle && kept & 1 == 1)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_ieee_754_says() {
        let table = [
            (0.0, 0x0000),
            (-0.0, 0x8000),
            (1.0, 0x3c00),
            (-2.0, 0xc000),
            (65_504.0, 0x7bff),
            (65_520.0, 0x7c00),
            (1e9, 0x7c00),
            (6.103_515_6e-5, 0x0400),
            (5.960_464_5e-8, 0x0001),
            (2e-8, 0x0000),
            (0.1, 0x2e66),
            (1.000_488_3, 0x3c00),
            (1.001_464_8, 0x3c02),
        ];
        for (number, bits) in table {
            assert_eq!(half(number), bits, "{number}");
        }
    }

    #[test]
    fn weights_depend_on_seed_and_name_alone() {
        let one = random(7, "blk.0.attn_q.weight", 64, 0.5);
        assert_eq!(one, random(7, "blk.0.attn_q.weight", 64, 0.5));
        assert_ne!(one, random(8, "blk.0.attn_q.weight", 64, 0.5));
        assert_ne!(one, random(7, "blk.1.attn_q.weight", 64, 0.5));
        assert!(one.iter().all(|weight| weight.abs() <= 0.5));
        assert_eq!(one[0].to_bits(), random(7, "blk.0.attn_q.weight", 1, 0.5)[0].to_bits());
    }

    #[test]
    fn q8_0_comes_back_within_half_a_step() {
        let weights = random(1, "x", 64, 2.0);
        let bytes = encode(&weights, TensorType::Q8_0);
        assert_eq!(bytes.len(), 68);
        for (block, weights) in bytes.chunks(34).zip(weights.chunks(32)) {
            let step = weights.iter().fold(0.0_f32, |most, weight| most.max(weight.abs())) / 127.0;
            for (byte, weight) in block[2..].iter().zip(weights) {
                assert!((f32::from(byte.cast_signed()) * step - weight).abs() <= step * 0.51);
            }
        }
    }
}
