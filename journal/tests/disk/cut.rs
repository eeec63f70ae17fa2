//! What a power cut leaves: everything synced, and of the rest whatever the disk happened to have done.
//!
//! A file's changes last once that file is synced; names (creations, deletions) once their folder is, which `SQLite`'s
//! own layer does at the first sync of a new log or rollback journal. Of those since, the disk may have done none, all, or any part in
//! any order; a write may have reached some of its 512-byte sectors, and the one under way may hold rubbish.
//! As `SQLite`'s own layer does by default, it is assumed that a write leaves the bytes beside it alone.

use std::collections::BTreeMap;
use std::path::Path;

use super::Op;

const SECTOR: usize = 512;

/// What became of the changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    All,
    /// A part, by the dice of this seed.
    Part(u64),
}

#[derive(Default, Clone)]
struct File {
    lasts: Option<Vec<u8>>,
    pending: Vec<Op>,
}

impl File {
    /// The folder is synced: what is deleted stays so, what is created is found.
    fn sync_name(&mut self) {
        if let Some(last) = self.pending.iter().rposition(|op| matches!(op, Op::Delete(..))) {
            self.pending.drain(..=last);
            self.lasts = None;
        }
        if self.pending.iter().any(|op| matches!(op, Op::Create(_))) {
            self.lasts.get_or_insert_default();
        }
    }
}

/// The disk after the first so many operations of a record.
#[derive(Default, Clone)]
pub(crate) struct Cut {
    files: BTreeMap<String, File>,
}

impl Cut {
    /// One operation further.
    pub(crate) fn step(&mut self, op: &Op) {
        match op {
            Op::Said(_) => {}
            Op::Sync(name) => {
                let file = self.files.entry(name.clone()).or_default();
                let pending = std::mem::take(&mut file.pending);
                let new = pending.iter().any(|op| matches!(op, Op::Create(_)));
                for op in &pending {
                    apply(&mut file.lasts, op);
                }
                if new && (name.ends_with("-wal") || name.ends_with("-journal")) {
                    self.files.values_mut().for_each(File::sync_name);
                }
            }
            Op::Create(name) | Op::Write(name, ..) | Op::Truncate(name, _) | Op::Delete(name, _) => {
                let file = self.files.entry(name.clone()).or_default();
                file.pending.push(op.clone());
                if matches!(op, Op::Delete(_, true)) {
                    *file = File::default();
                }
            }
        }
    }

    /// Lays out under `dir` what a cut at this moment leaves.
    pub(crate) fn leave(&self, dir: &Path, left: Left) {
        let mut dice = fastrand::Rng::with_seed(if let Left::Part(seed) = left { seed } else { 0 });
        for (name, file) in &self.files {
            let mut content = file.lasts.clone();
            for op in &file.pending {
                match left {
                    Left::Nothing => {}
                    Left::All => apply(&mut content, op),
                    // Another file of the same name: the folder shows the old one or the new one.
                    Left::Part(_) if matches!(op, Op::Delete(..)) && dice.bool() => break,
                    Left::Part(_) => tear(&mut content, op, &mut dice),
                }
            }
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if let Some(content) = content {
                std::fs::write(path, content).unwrap();
            }
        }
    }
}

fn apply(content: &mut Option<Vec<u8>>, op: &Op) {
    match op {
        Op::Create(_) => *content = Some(content.take().unwrap_or_default()),
        Op::Write(_, at, bytes) => put(content, usize::try_from(*at).unwrap(), bytes),
        Op::Truncate(_, size) => content.get_or_insert_default().resize(usize::try_from(*size).unwrap(), 0),
        Op::Delete(..) => *content = None,
        Op::Sync(_) | Op::Said(_) => {}
    }
}

fn put(content: &mut Option<Vec<u8>>, at: usize, bytes: &[u8]) {
    let content = content.get_or_insert_default();
    content.resize(content.len().max(at + bytes.len()), 0);
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

fn tear(content: &mut Option<Vec<u8>>, op: &Op, dice: &mut fastrand::Rng) {
    let Op::Write(_, at, bytes) = op else {
        if dice.bool() || matches!(op, Op::Delete(..)) {
            apply(content, op);
        }
        return;
    };
    match dice.u8(0..3) {
        0 => {}
        1 => apply(content, op),
        _ => {
            let (mut done, start) = (0, usize::try_from(*at).unwrap());
            while done < bytes.len() {
                let end = bytes.len().min(done + SECTOR - (start + done) % SECTOR);
                match dice.u8(0..8) {
                    0..4 => put(content, start + done, &bytes[done..end]),
                    4 => put(content, start + done, &std::iter::repeat_with(|| dice.u8(..)).take(end - done).collect::<Vec<_>>()),
                    _ => {}
                }
                done = end;
            }
        }
    }
}
