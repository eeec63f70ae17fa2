//! Reads little-endian values from a file of known length.
//!
//! Promise: nothing is read, skipped or allocated before it was checked against what is left of
//! the file. Deliberately absent: any meaning of what is read.

use super::error::GgufError;
use std::io::{BufReader, Read, Seek};

/// A place in a file of `len` bytes.
pub(super) struct Cursor<R> {
    from: BufReader<R>,
    at: u64,
    len: u64,
}

impl<R: Read + Seek> Cursor<R> {
    /// At the start of `from`, which holds `len` bytes.
    pub(super) fn new(from: R, len: u64) -> Self {
        Self { from: BufReader::with_capacity(1 << 16, from), at: 0, len }
    }

    /// How far it has come, in bytes from the start.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// The whole length, in bytes.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Bytes not yet read.
    pub(super) const fn left(&self) -> u64 {
        self.len.saturating_sub(self.at)
    }

    /// Fails if fewer than `bytes` are left.
    pub(super) const fn need(&self, bytes: u64, inside: &'static str) -> Result<(), GgufError> {
        if bytes > self.left() {
            return Err(GgufError::HeaderCut { inside, needs: self.at.saturating_add(bytes), has: self.len });
        }
        Ok(())
    }

    /// So many bytes as they are.
    pub(super) fn array<const N: usize>(&mut self, inside: &'static str) -> Result<[u8; N], GgufError> {
        let count = u64::try_from(N).unwrap_or(u64::MAX);
        self.need(count, inside)?;
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        self.at = self.at.saturating_add(count);
        Ok(bytes)
    }

    /// A 32-bit number.
    pub(super) fn u32(&mut self, inside: &'static str) -> Result<u32, GgufError> {
        self.array(inside).map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub(super) fn u64(&mut self, inside: &'static str) -> Result<u64, GgufError> {
        self.array(inside).map(u64::from_le_bytes)
    }

    /// `bytes` of a text whose length was read and found reasonable.
    pub(super) fn bytes(&mut self, bytes: u64, inside: &'static str) -> Result<Vec<u8>, GgufError> {
        self.need(bytes, inside)?;
        let mut text = Vec::new();
        self.from.by_ref().take(bytes).read_to_end(&mut text)?;
        self.at = self.at.saturating_add(bytes);
        if u64::try_from(text.len()) == Ok(bytes) {
            return Ok(text);
        }
        Err(GgufError::HeaderCut { inside, needs: self.at, has: self.len }) // it shrank while being read
    }

    /// Leaves `bytes` out.
    pub(super) fn skip(&mut self, bytes: u64, inside: &'static str) -> Result<(), GgufError> {
        self.need(bytes, inside)?;
        let step = i64::try_from(bytes).map_err(|_| GgufError::HeaderCut { inside, needs: bytes, has: self.len })?;
        self.from.seek_relative(step)?;
        self.at = self.at.saturating_add(bytes);
        Ok(())
    }
}
