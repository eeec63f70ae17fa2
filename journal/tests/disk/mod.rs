//! A disk that remembers what was done to it: a layer between `SQLite` and the real files (an `SQLite` VFS).
//!
//! It passes everything on, writes down each write, sync, truncation, creation and deletion in order, and can be told
//! to fail from a given step on. `Cut` turns such a record into what a power cut at any point may leave.
//!
//! Promise: nothing that reaches the files is missing in the record.
//! Deliberately absent: locks, reads and times (passed on), and shared memory (the journal does without).
//!
//! `unsafe`: `SQLite` calls a file layer through C function pointers; there is no other way below it. Each function
//! trusts what `SQLite`'s documentation says of its arguments: pointers that it made itself and that live long enough.
#![allow(dead_code, reason = "each test uses a part")]

pub(crate) mod cut;
mod layer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

/// One thing done to the disk, or said by the journal at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    Create(String),
    Write(String, u64, Vec<u8>),
    Truncate(String, u64),
    Sync(String),
    Delete(String, bool),
    Said(Said),
}

/// What the journal has promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Accepted(String, Vec<u8>),
    Begun(String, u32),
    Stored(String, Vec<u8>),
    Sent(String),
}

/// From step `at` on, `times` steps fail with `SQLite`'s `code`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fault {
    pub(crate) at: u64,
    pub(crate) times: u64,
    pub(crate) code: i32,
}

#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) ops: Vec<Op>,
    /// Steps that changed the disk or tried to.
    pub(crate) steps: u64,
    pub(crate) failed: u64,
    pub(crate) fault: Fault,
}

impl Record {
    /// Counts a step; the error to give for it, if any.
    fn step(&mut self) -> Option<i32> {
        let at = self.steps;
        self.steps += 1;
        let Fault { at: from, times, code } = self.fault;
        let fails = code != 0 && at >= from && at - from < times;
        self.failed += u64::from(fails);
        fails.then_some(code)
    }
}

/// The disk under one folder.
pub(crate) struct Disk {
    pub(crate) dir: PathBuf,
    pub(crate) record: Mutex<Record>,
}

static DISKS: LazyLock<Mutex<HashMap<PathBuf, Arc<Disk>>>> = LazyLock::new(Mutex::default);

impl Disk {
    /// Watches everything under `dir` that is opened by way of [`Disk::LAYER`].
    pub(crate) fn under(dir: &Path) -> Arc<Self> {
        layer::register();
        let disk = Arc::new(Self { dir: dir.to_owned(), record: Mutex::default() });
        DISKS.lock().unwrap().insert(dir.to_owned(), Arc::clone(&disk));
        disk
    }

    pub(crate) const LAYER: &'static str = "hob-disk";

    pub(crate) fn said(&self, said: Said) {
        self.record.lock().unwrap().ops.push(Op::Said(said));
    }

    fn holding(path: &str) -> Option<(Arc<Self>, String)> {
        let disks = DISKS.lock().unwrap();
        let (dir, disk) = disks.iter().find(|(dir, _)| Path::new(path).starts_with(dir))?;
        let name = Path::new(path).strip_prefix(dir).ok()?.to_str()?.to_owned();
        Some((Arc::clone(disk), name))
    }
}

/// A folder in memory where the machine has such: these tests sync many thousand times.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}
