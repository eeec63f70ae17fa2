//! Takes models from a file or a folder, for instance a USB stick, onto the shelf.
//!
//! Promises: a bad file is refused by name and the others go on; nothing outside the named folder
//! is read, whatever links lie in it; a file comes whole, checked, or not at all. A `shelf.json`
//! beside the files is believed as far as its sums are right, and its sums must be right.
//! Deliberately absent: archives, subfolders, and writing to the stick.

#[cfg(test)]
mod tests;

use crate::checksum::Checksum;
use crate::gguf::{Gguf, GgufError};
use crate::manifest::{Entry, Manifest, ManifestError};
use crate::part::Part;
use crate::place::{self, BadFileName, SPARE_ROOM};
use crate::shelf::model_files;
use crate::{Progress, Step};
use hob_core::units::Bytes;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why a file, or all of them, did not come onto the shelf.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be looked at.
    #[error("{} cannot be read: {cause}; is the stick mounted?", path.display())]
    Unreadable {
        /// File or folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A folder without models.
    #[error("{} holds no *.gguf file; name the folder that they lie in", .0.display())]
    NothingThere(PathBuf),
    /// A name that is not taken.
    #[error(transparent)]
    BadName(#[from] BadFileName),
    /// A link out of the folder.
    #[error("{} is a link to {}, outside the folder; import that file itself", path.display(), to.display())]
    Outside {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
    /// No model for this llama.cpp.
    #[error("{}: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: GgufError,
    },
    /// Damaged, or not the file that the manifest beside it means.
    #[error("{}: its sum is {got}, the shelf.json beside it says {expected}; copy it onto the stick again", path.display())]
    WrongSum {
        /// The file.
        path: PathBuf,
        /// What the manifest says.
        expected: Checksum,
        /// What was read.
        got: Checksum,
    },
    /// No room.
    #[error(
        "{} needs {} MiB and {} MiB to spare, the disk has {} MiB; remove a level with `hob model rm`",
        path.display(), needs.mebibytes(), SPARE_ROOM.mebibytes(), has.mebibytes()
    )]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Its size.
        needs: Bytes,
        /// What is free.
        has: Bytes,
    },
    /// Somebody else is putting a file of this name onto the shelf.
    #[error("{0} is being pulled or imported already")]
    Busy(String),
    /// The disk of the shelf says no.
    #[error("cannot write {name}: {cause}")]
    Disk {
        /// The file.
        name: String,
        /// Why.
        cause: io::Error,
    },
    /// A manifest cannot be read or written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// What came of an import.
#[derive(Debug, Default)]
pub struct Imported {
    /// Names and entries of the files that are on the shelf now.
    pub taken: Vec<(String, Entry)>,
    /// Why the others are not.
    pub refused: Vec<ImportError>,
}

/// Takes `source`, a file or all `*.gguf` in a folder, into the folder `dir`. `room` tells the free
/// bytes of a folder ([`place::free_room`]). Blocks for as long as copying takes.
///
/// # Errors
///
/// [`ImportError`] if there is nothing to take at all; what is wrong with single files stands in
/// [`Imported::refused`].
pub fn import(
    source: &Path,
    dir: &Path,
    room: &dyn Fn(&Path) -> io::Result<Bytes>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Imported, ImportError> {
    let unreadable = |cause| ImportError::Unreadable { path: source.to_owned(), cause };
    let whole = source.canonicalize().map_err(unreadable)?;
    let (folder, names) = if whole.is_dir() {
        let names = model_files(&whole).map_err(unreadable)?;
        (whole, names)
    } else {
        let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (whole.parent().unwrap_or(&whole).to_owned(), vec![name])
    };
    if names.is_empty() {
        return Err(ImportError::NothingThere(source.to_owned()));
    }
    let known = Manifest::load(&folder)?;
    let mut imported = Imported::default();
    for name in names {
        let job = Job { folder: &folder, name: &name, dir, known: known.files.get(&name) };
        match job.take(room, progress) {
            Ok(entry) => imported.taken.push((name, entry)),
            Err(error) => imported.refused.push(error),
        }
    }
    Ok(imported)
}

/// One file to be taken.
struct Job<'a> {
    folder: &'a Path,
    name: &'a str,
    dir: &'a Path,
    known: Option<&'a Entry>,
}

impl Job<'_> {
    fn take(
        &self,
        room: &dyn Fn(&Path) -> io::Result<Bytes>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Entry, ImportError> {
        place::check_name(self.name)?;
        let path = self.inside()?;
        let header = servable(&path).map_err(|why| self.unusable(why))?;
        let (needs, has) = (header.file_bytes(), room(self.dir).map_err(|cause| self.disk(cause))?);
        if needs.plus(SPARE_ROOM) > has {
            return Err(ImportError::NoRoom { path: self.source(), needs, has });
        }
        let part = Part::open(self.dir, self.name, needs).map_err(|cause| self.disk(cause))?;
        let mut part = part.ok_or_else(|| ImportError::Busy(self.name.to_owned()))?;
        let entry = self.copy(&path, &mut part, progress).inspect_err(|_| part.remove())?;
        part.settle(&self.dir.join(self.name)).map_err(|cause| self.disk(cause))?;
        Manifest::change(self.dir, |manifest| drop(manifest.files.insert(self.name.to_owned(), entry.clone())))?;
        Ok(entry)
    }

    /// Where the file really lies, which must be in the folder.
    fn inside(&self) -> Result<PathBuf, ImportError> {
        let path = self.source();
        let to = path.canonicalize().map_err(|cause| self.unreadable(cause))?;
        if to.starts_with(self.folder) { Ok(to) } else { Err(ImportError::Outside { path, to }) }
    }

    /// Copies the file and says what is known of it; checks sum and header of the copy.
    fn copy(&self, from: &Path, part: &mut Part, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Entry, ImportError> {
        let mut file = File::open(from).map_err(|cause| self.unreadable(cause))?;
        part.restart().map_err(|cause| self.disk(cause))?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = file.read(&mut buffer).map_err(|cause| self.unreadable(cause))?;
            let Some(read @ [_, ..]) = buffer.get(..count) else { break };
            part.add(read).map_err(|cause| self.disk(cause))?;
            progress(Progress { file: self.name, step: Step::Copy, done: part.done(), total: part.total() });
        }
        let got = part.sum();
        if let Some(expected) = self.known.and_then(|known| known.sha256).filter(|expected| *expected != got) {
            return Err(ImportError::WrongSum { path: self.source(), expected, got });
        }
        let header = servable(part.path()).map_err(|why| self.unusable(why))?;
        let said = Entry::of_header(self.name, &header);
        let known = self.known.filter(|known| known.sha256.is_some()).cloned();
        let source = format!("imported from {}", self.source().display());
        Ok(match known {
            Some(known) => Entry { bytes: said.bytes, milli_bits: said.milli_bits, embeds: said.embeds, ..known },
            None => Entry { sha256: Some(got), source: Some(source), ..said },
        })
    }

    fn source(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    fn disk(&self, cause: io::Error) -> ImportError {
        ImportError::Disk { name: self.name.to_owned(), cause }
    }

    fn unreadable(&self, cause: io::Error) -> ImportError {
        ImportError::Unreadable { path: self.source(), cause }
    }

    fn unusable(&self, why: GgufError) -> ImportError {
        ImportError::Unusable { path: self.source(), why }
    }
}

fn servable(path: &Path) -> Result<Gguf, GgufError> {
    let header = Gguf::open(path)?;
    header.check_servable()?;
    Ok(header)
}
