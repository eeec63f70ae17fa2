//! The shelf: a folder of GGUF files, what is on it, and how files get there.
//!
//! ```text
//! catalogue ─▶ pull (hub) ──┐                            ┌─▶ Level: name, bits, quality, licence
//!           import (stick) ─┼─▶ *.gguf + shelf.json ─▶ Shelf ─▶ Resident: what serving it will take
//!       quantize (engine) ──┘                            └─▶ Note: what is wrong with the rest
//! ```
//!
//! A file comes onto the shelf whole, with its checksum checked and its header read, or not at all.
//! Deliberately absent: loading a model (`hob-engine`), choosing a level (`hob-core`), printing
//! (the command line), and anything asynchronous: callers on an async thread use `spawn_blocking`.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        reason = "tests may"
    )
)]

pub mod catalogue;
pub mod checksum;
#[cfg(any(test, feature = "fake"))]
pub mod forge;
pub mod gguf;
pub mod import;
pub mod manifest;
mod part;
pub mod place;
pub mod pull;
pub mod resident;
mod shelf;
pub mod verify;

pub use checksum::Checksum;
pub use shelf::{Level, Note, Shelf, ShelfError};

use hob_core::units::Bytes;

/// What is being done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It comes from the net.
    Download,
    /// It comes from another folder.
    Copy,
    /// Its checksum is computed.
    Check,
}

/// How far a long step has come; told about once a mebibyte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// What is being done.
    pub step: Step,
    /// Bytes done, those of an earlier try included.
    pub done: Bytes,
    /// Bytes of the whole.
    pub total: Bytes,
}
