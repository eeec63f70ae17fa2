//! The beginning of a file that is on its way, with the sum of what is there.
//!
//! Promises: one process at a time has it (a lock that ends with the process); its sum is always
//! that of exactly the bytes in it. Kept after a cut, removed when it turns out wrong.

use crate::checksum::{Checksum, Summing};
use crate::place;
use hob_core::units::Bytes;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file that is not yet whole.
pub(crate) struct Part {
    name: String,
    path: PathBuf,
    file: File,
    summing: Summing,
    total: Bytes,
}

impl Part {
    /// Takes up what lies in `dir` of the file `name`, which is to have `total` bytes; `None` if
    /// another process has it.
    pub(crate) fn open(dir: &Path, name: &str, total: Bytes) -> io::Result<Option<Self>> {
        let path = place::part_of(dir, name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            locked => locked?,
        }
        let mut part = Self { name: name.to_owned(), path, file, summing: Summing::default(), total };
        if part.file.metadata()?.len() > total.0 {
            part.restart()?;
        }
        let mut buffer = vec![0; 1 << 18];
        loop {
            let count = part.file.read(&mut buffer)?;
            let Some(read @ [_, ..]) = buffer.get(..count) else { return Ok(Some(part)) };
            part.summing.add(read);
        }
    }

    /// Name that the whole file will have.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are there.
    pub(crate) const fn done(&self) -> Bytes {
        self.summing.bytes()
    }

    /// Bytes that the whole file has.
    pub(crate) const fn total(&self) -> Bytes {
        self.total
    }

    /// The sum of what is there.
    pub(crate) fn sum(&self) -> Checksum {
        self.summing.clone().sum()
    }

    /// Writes more; what goes past the whole is left out.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = usize::try_from(self.total.minus(self.done()).0).unwrap_or(usize::MAX);
        let wanted = bytes.get(..left).unwrap_or(bytes);
        self.file.write_all(wanted)?;
        self.summing.add(wanted);
        Ok(())
    }

    /// Forgets what is there.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.summing = Summing::default();
        Ok(())
    }

    /// Removes it: it will never be whole. That it may stay for want of a working disk is the
    /// lesser of two errors, of which the caller already has one.
    pub(crate) fn remove(&self) {
        std::fs::remove_file(&self.path).unwrap_or_default();
    }

    /// Gives it its own name.
    pub(crate) fn settle(self, to: &Path) -> io::Result<()> {
        place::settle(&self.file, &self.path, to)
    }
}
