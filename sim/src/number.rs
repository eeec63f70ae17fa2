//! Between the integers of the accounts and the floats of the world model: the one place that casts.
//!
//! Deliberately absent: arithmetic; the accounts' is in `hob_core`, the world's is plain `f64`.
#![allow(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a world model in f64 needs them; `as` saturates and takes NaN to zero"
)]

/// A count as a float; exact up to 2^53.
#[must_use]
pub const fn float(count: u64) -> f64 {
    count as f64
}

/// One count by another; 0 by 0 is 0.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The nearest count; what is below zero is zero.
#[must_use]
pub fn count(value: f64) -> u64 {
    value.round() as u64
}

/// The nearest count that fits.
#[must_use]
pub fn count32(value: f64) -> u32 {
    value.round() as u32
}

/// The nearest place in a list; what is below zero is the first.
#[must_use]
pub fn place(value: f64) -> usize {
    value.round() as usize
}

/// A place in a list as a float.
#[must_use]
pub const fn index(place: usize) -> f64 {
    place as f64
}

/// In the precision of the oracle's tables.
#[must_use]
pub const fn short(value: f64) -> f32 {
    value as f32
}
