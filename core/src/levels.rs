//! What is known of each level on this board: what it costs, and how good it is.
//!
//! ```text
//! Level (file: bytes, weights, bits) ─▶ prior ─┐
//! Observed (answers as they were metered) ─────┴─▶ Learned ─▶ energy and time of the next answer, with a margin
//! ```
//!
//! Promises: the first prediction needs nothing but the file's size; every answer makes the next one better; no
//! observation, however wrong, makes a cost zero or infinite.
//! Deliberately absent: metering (`accounts`), choosing (`policy`), measuring quality (a bench on the board).

use crate::units::{BasisPoints, Bytes, Microjoules, Micros, MilliBits, Milliwatts};

mod learned;
#[cfg(test)]
mod tests;

pub use learned::{Learned, Observed};

/// One level of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Level {
    /// The model's name on the shelf.
    pub model: String,
    /// The level as llama.cpp spells it: `Q4_K_M`.
    pub name: String,
    /// Bits per weight that the file really has.
    pub bits: MilliBits,
    /// Predicted memory for serving it: weights, KV cache and compute buffers.
    pub resident: Bytes,
    /// Draw of the whole board above idle while it answers.
    pub draw: Milliwatts,
    /// Size of the file.
    pub file: Bytes,
    /// Weights in the file; 0 if not known (then bytes and bits tell).
    pub weights: u64,
    /// Measured quality, the best level of the best model being 10 000; `None` takes [`usual_quality`].
    pub quality: Option<BasisPoints>,
}

/// Which level is meant, across restarts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LevelKey {
    /// The model's name on the shelf.
    pub model: String,
    /// The level's name.
    pub name: String,
}

impl Level {
    /// Its name in the books.
    #[must_use]
    pub fn key(&self) -> LevelKey {
        LevelKey { model: self.model.clone(), name: self.name.clone() }
    }

    /// Whether `key` is its name, without making one.
    #[must_use]
    pub fn is(&self, key: &LevelKey) -> bool {
        self.model == key.model && self.name == key.name
    }

    /// Measured quality, or the usual one for its bits.
    #[must_use]
    pub fn quality(&self) -> BasisPoints {
        self.quality.unwrap_or_else(|| usual_quality(self.bits))
    }

    /// How many weights it has, as far as that can be told; at least one.
    #[must_use]
    pub fn weights(&self) -> u64 {
        let told =
            if self.weights > 0 { self.weights } else { self.file.0.saturating_mul(8_000) / u64::from(self.bits.0.max(1)) };
        told.max(1)
    }

    /// Size of the file, or of the resident set where the file's is not known.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        if self.file > Bytes::ZERO { self.file } else { self.resident }
    }
}

/// Quality where none was measured: what quantizing one model of about a billion weights usually leaves of it.
///
/// Between the points of the table in a straight line; flat outside. Bits not known (0) are taken for the best.
///
/// # Source
///
/// The power study (facts/power.md §5): `Q8_0` 1, `Q6_K` .995, `Q4_K_M` .975, `Q2_K` .86, here at the bits per weight that
/// such files really have (embeddings and output are kept finer). Small models lose more: measure where it matters.
#[must_use]
pub fn usual_quality(bits: MilliBits) -> BasisPoints {
    const KNOWN: [(u32, u32); 5] = [(1_600, 7_200), (3_400, 8_600), (4_900, 9_750), (6_600, 9_950), (8_500, 10_000)];
    let after = KNOWN.iter().position(|&(known, _)| bits.0 < known);
    let quality = match after {
        _ if bits.0 == 0 => 10_000,
        None => 10_000,
        Some(place) => {
            let (high, rich) = KNOWN.get(place).copied().unwrap_or((8_500, 10_000));
            let (low, poor) = place.checked_sub(1).and_then(|below| KNOWN.get(below)).copied().unwrap_or((high, rich));
            if high == low { rich } else { poor + (rich - poor) * (bits.0 - low) / (high - low) }
        }
    };
    BasisPoints(quality)
}

/// Quality of each level of `ladder`: measured where it is, else the usual one for its bits and its model's size.
///
/// A model of w weights is taken to be worth w / (w + 300 million), in relation to the largest of the ladder: a house
/// guess that puts a small model behind a large one at any bits. Within one model it changes nothing.
#[must_use]
pub fn qualities(ladder: &[Level]) -> Vec<BasisPoints> {
    const HALF: u128 = 300_000_000;
    let worth = |level: &Level| u128::from(level.weights()) * 1_000_000 / (u128::from(level.weights()) + HALF);
    let largest = ladder.iter().map(worth).max().unwrap_or(0).max(1);
    let same = |level: &Level| ladder.iter().all(|other| other.model == level.model);
    let quality = |level: &Level| match level.quality {
        None if !same(level) => {
            let share = u128::from(level.quality().0) * worth(level) / largest;
            BasisPoints(u32::try_from(share).unwrap_or(0))
        }
        _ => level.quality().min(BasisPoints(10_000)),
    };
    ladder.iter().map(quality).collect()
}

/// What one prompt takes on one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Above idle.
    pub marginal: Microjoules,
    /// From the first token read to the last one said.
    pub time: Micros,
}

impl Cost {
    /// With the idle draw while it runs: what the wall sees.
    #[must_use]
    pub fn wall(self, idle: Milliwatts) -> Microjoules {
        self.marginal.plus(idle.over(self.time))
    }
}
