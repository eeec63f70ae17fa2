//! What can be wrong with the disk, and how the journal is.
//!
//! Promise: every state is named and says whether it passes by itself; a new try follows each by itself.
//! Deliberately absent: retrying (`writer`).

use std::path::PathBuf;

use hob_core::units::Bytes;
use rusqlite::{Error, ErrorCode};

/// Why a call was not carried out. Nothing of it was kept; what was accepted before is untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No space left on the disk.
    #[error("the disk is full")]
    DiskFull,
    /// The disk, or the file, cannot be written to.
    #[error("the disk is read-only")]
    ReadOnly,
    /// The disk answers with errors; the number is `SQLite`'s extended result code.
    #[error("the disk fails (SQLite result {0})")]
    Failing(i32),
    /// Another process has the journal open.
    #[error("another process has the journal open")]
    Locked,
    /// The file is damaged; it is moved aside at the next try.
    #[error("the journal is damaged")]
    Damaged,
    /// Too many calls wait for the disk.
    #[error("too many calls wait for the disk")]
    Crowded,
    /// The body is larger than allowed; trying again is of no use.
    #[error("larger than the journal takes")]
    TooLarge,
    /// The journal is closed; trying again is of no use.
    #[error("the journal is closed")]
    Closed,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let Error::SqliteFailure(cause, _) = error else {
            // A row that does not have the types it was written with.
            return Self::Damaged;
        };
        match cause.code {
            ErrorCode::DiskFull => Self::DiskFull,
            ErrorCode::ReadOnly => Self::ReadOnly,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged,
            _ => Self::Failing(cause.extended_code),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => Self::ReadOnly,
            _ => Self::Failing(error.raw_os_error().unwrap_or_default()),
        }
    }
}

/// A journal that could not be used as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// The folder it is kept in now.
    pub kept: PathBuf,
    /// What was wrong with it.
    pub why: String,
    /// Prompts that could be read and were carried over.
    pub saved: u64,
}

/// What was found at start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// A file that had to be moved aside.
    pub aside: Option<Aside>,
    /// The journal is not usable yet; it tries again by itself.
    pub trouble: Option<Trouble>,
    /// Prompts without a final message.
    pub waiting: u64,
    /// Final messages that were not acknowledged yet.
    pub unsent: u64,
}

/// How the journal is, at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Set while the disk does not take writes.
    pub trouble: Option<Trouble>,
    /// Prompts whose final message has not arrived.
    pub open_rows: u64,
    /// Their bytes, as the quota counts them.
    pub open_bytes: Bytes,
    /// Journals moved aside since the start, the newest last.
    pub asides: Vec<Aside>,
}
