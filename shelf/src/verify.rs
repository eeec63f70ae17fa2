//! Looks after what is on the shelf: computes sums again, and removes files.
//!
//! A file without a known sum gets one when it is first verified: from then on, decay is found out.
//! Deliberately absent: repair. A damaged file is pulled or imported again.

use crate::Progress;
use crate::checksum::Checksum;
use crate::gguf::Gguf;
use crate::manifest::{Entry, Manifest, ManifestError};
use crate::place::{self, BadFileName};
use crate::shelf::model_files;
use std::io;
use std::path::Path;

/// What a file's sum says about it.
#[derive(Debug)]
pub enum Verdict {
    /// It is what it was.
    Good,
    /// It is damaged, or another file.
    Wrong {
        /// The sum in the manifest.
        expected: Checksum,
        /// The sum that it has.
        got: Checksum,
    },
    /// No sum was known; this one is in the manifest now.
    FirstSeen(Checksum),
    /// It cannot be read to its end: often a dying SD card.
    Unreadable(io::Error),
}

/// Why the shelf could not be looked after.
#[derive(Debug, thiserror::Error)]
pub enum TendError {
    /// A name with a way out of the shelf in it.
    #[error(transparent)]
    BadName(#[from] BadFileName),
    /// No such file.
    #[error("{0} is not on the shelf; `hob model list` shows what is")]
    NotThere(String),
    /// The disk says no.
    #[error("the shelf cannot be read or changed: {0}")]
    Disk(#[from] io::Error),
    /// The manifest cannot be written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// Computes the sums of all files in `dir`, or of the one named `only`, and compares them with the
/// manifest's. Blocks for as long as reading takes (a minute a gigabyte from an SD card).
///
/// # Errors
///
/// [`TendError`]; what is wrong with single files is in their verdicts.
pub fn verify(
    dir: &Path,
    only: Option<&str>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<(String, Verdict)>, TendError> {
    let mut names = model_files(dir)?;
    if let Some(only) = only {
        place::check_name(only)?;
        names.retain(|name| name == only);
        if names.is_empty() {
            return Err(TendError::NotThere(only.to_owned()));
        }
    }
    let manifest = Manifest::load(dir)?;
    let mut verdicts = Vec::new();
    for name in names {
        let known = manifest.files.get(&name).and_then(|entry| entry.sha256);
        let verdict = match (Checksum::of_file(&dir.join(&name), progress), known) {
            (Err(error), _) => Verdict::Unreadable(error),
            (Ok(got), Some(expected)) if got == expected => Verdict::Good,
            (Ok(got), Some(expected)) => Verdict::Wrong { expected, got },
            (Ok(got), None) => remember(dir, &name, got)?,
        };
        verdicts.push((name, verdict));
    }
    Ok(verdicts)
}

/// Enters a sum that was not known before.
fn remember(dir: &Path, name: &str, sum: Checksum) -> Result<Verdict, TendError> {
    let Ok(header) = Gguf::open(&dir.join(name)) else { return Ok(Verdict::FirstSeen(sum)) }; // not on offer anyway
    let said = Entry::of_header(name, &header);
    Manifest::change(dir, |manifest| {
        let entry = manifest.files.entry(name.to_owned()).or_insert_with(|| said.clone());
        entry.bytes = said.bytes;
        entry.sha256 = Some(sum);
    })?;
    Ok(Verdict::FirstSeen(sum))
}

/// Removes the file `name`, what was begun of it, and its entry. A daemon that has it open goes on
/// with it until it closes it.
///
/// # Errors
///
/// [`TendError`].
pub fn remove(dir: &Path, name: &str) -> Result<(), TendError> {
    place::check_name(name)?;
    let gone = |path: &Path| match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        done => done.map(|()| true),
    };
    let path = dir.join(name);
    let (whole, part) = (gone(&path)?, gone(&place::part_of(dir, name))?);
    if !whole && !part {
        return Err(TendError::NotThere(name.to_owned()));
    }
    place::sync_parent(&path)?;
    Manifest::change(dir, |manifest| drop(manifest.files.remove(name)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shelf;
    use crate::forge::{Tiny, Words, llama};

    fn shelf() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, seed) in [("a.gguf", 1), ("b.gguf", 2)] {
            llama(&Tiny { seed, ..Tiny::default() }, &Words::bytes()).write(&dir.path().join(name)).unwrap();
        }
        dir
    }

    #[test]
    fn a_first_look_takes_the_sum_and_a_later_one_finds_decay() {
        let dir = shelf();
        let first = verify(dir.path(), None, &mut |_| {}).unwrap();
        assert!(matches!(&first[..], [(_, Verdict::FirstSeen(_)), (_, Verdict::FirstSeen(_))]));
        assert!(Shelf::open(dir.path()).unwrap().notes.is_empty(), "now both are known");

        let path = dir.path().join("b.gguf");
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let mut told = 0;
        let second = verify(dir.path(), None, &mut |_| told += 1).unwrap();
        assert!(matches!(&second[..], [(_, Verdict::Good), (_, Verdict::Wrong { .. })]), "{second:?}");
        assert_eq!(told, 2);
        assert_eq!(verify(dir.path(), Some("a.gguf"), &mut |_| {}).unwrap().len(), 1);
    }

    #[test]
    fn a_removed_file_is_gone_with_its_entry_and_its_beginning() {
        let dir = shelf();
        verify(dir.path(), None, &mut |_| {}).unwrap();
        std::fs::write(dir.path().join("a.gguf.part"), b"x").unwrap();
        remove(dir.path(), "a.gguf").unwrap();
        assert!(!dir.path().join("a.gguf.part").exists());
        let shelf = Shelf::open(dir.path()).unwrap();
        assert_eq!((shelf.levels.len(), shelf.notes.len()), (1, 0));
    }

    #[test]
    fn only_what_is_on_the_shelf_can_be_named() {
        let dir = shelf();
        assert!(matches!(remove(dir.path(), "c.gguf"), Err(TendError::NotThere(_))));
        assert!(matches!(remove(dir.path(), "../a.gguf"), Err(TendError::BadName(_))));
        assert!(matches!(verify(dir.path(), Some("c.gguf"), &mut |_| {}), Err(TendError::NotThere(_))));
        assert!(matches!(verify(Path::new("/nowhere"), None, &mut |_| {}), Err(TendError::Disk(_))));
    }
}
