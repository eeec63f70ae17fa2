//! SHA-256 sums: of files, of bytes that pass by, and as 64 hexadecimal digits.

use crate::{Progress, Step};
use hob_core::units::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

/// The SHA-256 sum of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checksum([u8; 32]);

/// A text that is no SHA-256 sum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no SHA-256 sum: that is 64 hexadecimal digits")]
pub struct BadChecksum(String);

impl Checksum {
    /// The sum of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The sum of the file at `path`, telling `progress` about each mebibyte.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::open`] and [`Read::read`].
    pub fn of_file(path: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> std::io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let total = Bytes(file.metadata()?.len());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut summing = Summing::default();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = file.read(&mut buffer)?;
            let Some(read @ [_, ..]) = buffer.get(..count) else { return Ok(summing.sum()) };
            summing.add(read);
            progress(Progress { file: &name, step: Step::Check, done: summing.bytes(), total });
        }
    }
}

/// A sum in the making.
#[derive(Clone, Default)]
pub(crate) struct Summing {
    hasher: Sha256,
    bytes: Bytes,
}

impl Summing {
    /// Takes more bytes in.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes = self.bytes.plus(Bytes(u64::try_from(bytes.len()).unwrap_or(u64::MAX)));
    }

    /// How many bytes were taken in.
    pub(crate) const fn bytes(&self) -> Bytes {
        self.bytes
    }

    /// The sum of all of them.
    pub(crate) fn sum(self) -> Checksum {
        Checksum(self.hasher.finalize().into())
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for Checksum {
    type Err = BadChecksum;

    fn from_str(text: &str) -> Result<Self, BadChecksum> {
        let bad = || BadChecksum(text.chars().take(80).collect());
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let mut sum = [0; 32];
        for (byte, digits) in sum.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
        }
        Ok(Self(sum))
    }
}

impl TryFrom<String> for Checksum {
    type Error = BadChecksum;

    fn try_from(text: String) -> Result<Self, BadChecksum> {
        text.parse()
    }
}

impl From<Checksum> for String {
    fn from(sum: Checksum) -> Self {
        sum.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_spelled_in_64_hexadecimal_digits() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Checksum::of(b"").to_string(), empty);
        assert_eq!(empty.to_uppercase().parse(), Ok(Checksum::of(b"")));
        for bad in ["", &empty[1..], &format!("{empty}0"), &empty.replace('e', "g"), &format!("+{}", &empty[1..])] {
            assert!(bad.parse::<Checksum>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_has_the_sum_of_its_bytes_and_tells_how_far_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.gguf");
        let bytes = vec![7; (1 << 20) + 9];
        std::fs::write(&path, &bytes).unwrap();
        let mut told = vec![];
        let sum = Checksum::of_file(&path, &mut |at| told.push((at.done.0, at.total.0))).unwrap();
        assert_eq!(sum, Checksum::of(&bytes));
        assert_eq!(told.last(), Some(&(bytes.len() as u64, bytes.len() as u64)));
    }
}
