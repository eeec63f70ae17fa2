//! What stands on the shelf: every file that can be served, and a note on every one that cannot.
//!
//! Promise: a broken file never hides the others, and opening changes nothing on the disk.

#[cfg(test)]
mod tests;

use crate::gguf::{Gguf, GgufError};
use crate::manifest::{Entry, Manifest, ManifestError};
use crate::place;
use crate::resident::{self, Resident, Serving};
use hob_core::units::{BasisPoints, Bytes, MilliBits, Milliwatts};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// One file that can be served: one quantization level of one model.
#[derive(Debug, Clone)]
pub struct Level {
    /// Name of the file in the folder.
    pub file: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What manifest and header say together; where both know, the header's numbers count.
    pub entry: Entry,
    /// The header.
    pub header: Gguf,
}

impl Level {
    /// Name of the model.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.entry.model
    }

    /// Name of the level, as llama.cpp spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.entry.level
    }

    /// Bits that a weight really takes.
    #[must_use]
    pub fn bits(&self) -> MilliBits {
        self.header.bits_per_weight()
    }

    /// Size of the file.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.header.file_bytes()
    }

    /// Measured quality.
    #[must_use]
    pub fn quality(&self) -> Option<BasisPoints> {
        self.entry.quality.as_ref().map(|quality| BasisPoints(quality.score_bp))
    }

    /// Measured draw while serving.
    #[must_use]
    pub fn draw(&self) -> Option<Milliwatts> {
        self.entry.draw_mw.map(Milliwatts)
    }

    /// Whether its checksum is known; else nobody can tell whether the file is what it was.
    #[must_use]
    pub const fn verified(&self) -> bool {
        self.entry.sha256.is_some()
    }

    /// What serving it will take.
    #[must_use]
    pub fn resident(&self, serving: &Serving) -> Resident {
        resident::predict(&self.header, serving)
    }
}

/// Something about the shelf that somebody should know.
#[derive(Debug, thiserror::Error)]
pub enum Note {
    /// A file that cannot be served.
    #[error("{file}: {why}")]
    Broken {
        /// Its name.
        file: String,
        /// What is wrong with it.
        why: GgufError,
    },
    /// A file whose name is not taken.
    #[error("left out: {0}")]
    Named(#[from] place::BadFileName),
    /// A file whose checksum is not known.
    #[error("{0} has no known checksum; `hob model verify` takes one from now on")]
    Unverified(String),
    /// A file that is not the one in the manifest.
    #[error("{file} has {is} bytes, the manifest says {was}: it was replaced or damaged; its checksum and figures are dropped")]
    Changed {
        /// Its name.
        file: String,
        /// Bytes that the manifest says.
        was: u64,
        /// Bytes that it has.
        is: u64,
    },
    /// A file in the manifest that is not there.
    #[error("{0} is in the manifest but not in the folder; its entry is not used")]
    Gone(String),
    /// A second file of the same model and level.
    #[error("{file} is another {level} of {model} beside {first}; it is not offered")]
    Double {
        /// The one that is left out.
        file: String,
        /// The one that is offered.
        first: String,
        /// Model of both.
        model: String,
        /// Level of both.
        level: String,
    },
    /// The manifest cannot be read.
    #[error("{0}; the headers alone are used")]
    Manifest(#[from] ManifestError),
}

/// The folder itself cannot be read. Worth a retry when a disk is mounted late.
#[derive(Debug, thiserror::Error)]
#[error("the shelf {} cannot be read: {cause}; create the folder, or name another one", dir.display())]
pub struct ShelfError {
    /// The folder.
    pub dir: PathBuf,
    /// Why.
    pub cause: io::Error,
}

/// A folder of models, as it was when it was opened.
#[derive(Debug, Default)]
pub struct Shelf {
    /// All levels that can be served: by model, and within a model the richest first (by quality
    /// where all its levels have one, else by bits per weight).
    pub levels: Vec<Level>,
    /// What is wrong with the rest.
    pub notes: Vec<Note>,
}

impl Shelf {
    /// Looks at every `*.gguf` in `dir`. Takes milliseconds a file.
    ///
    /// # Errors
    ///
    /// [`ShelfError`] if the folder itself cannot be read.
    pub fn open(dir: &Path) -> Result<Self, ShelfError> {
        let unreadable = |cause| ShelfError { dir: dir.to_owned(), cause };
        let mut shelf = Self::default();
        let mut manifest = Manifest::load(dir).unwrap_or_else(|error| {
            shelf.notes.push(error.into());
            Manifest::default()
        });
        for name in model_files(dir).map_err(unreadable)? {
            let known = manifest.files.remove(&name);
            shelf.take(dir, name, known);
        }
        shelf.notes.extend(manifest.files.into_keys().map(Note::Gone));
        shelf.order();
        Ok(shelf)
    }

    /// The levels of one model, richest first.
    pub fn of_model<'a>(&'a self, model: &'a str) -> impl Iterator<Item = &'a Level> {
        self.levels.iter().filter(move |level| level.model() == model)
    }

    /// The names of all models, sorted.
    #[must_use]
    pub fn models(&self) -> BTreeSet<&str> {
        self.levels.iter().map(Level::model).collect()
    }

    fn take(&mut self, dir: &Path, file: String, known: Option<Entry>) {
        if let Err(bad) = place::check_name(&file) {
            return self.notes.push(bad.into());
        }
        let path = dir.join(&file);
        let header = match Gguf::open(&path).and_then(|gguf| gguf.check_servable().map(|()| gguf)) {
            Ok(header) => header,
            Err(why) => return self.notes.push(Note::Broken { file, why }),
        };
        let said = Entry::of_header(&file, &header);
        let entry = match known {
            None => said,
            Some(known) if known.bytes == said.bytes => Entry { milli_bits: said.milli_bits, ..known },
            Some(known) => {
                self.notes.push(Note::Changed { file: file.clone(), was: known.bytes, is: said.bytes });
                said
            }
        };
        if entry.sha256.is_none() {
            self.notes.push(Note::Unverified(file.clone()));
        }
        let twin = self.levels.iter().find(|other| other.model() == entry.model && other.name() == entry.level);
        if let Some(first) = twin.map(|twin| twin.file.clone()) {
            return self.notes.push(Note::Double { file, first, model: entry.model, level: entry.level });
        }
        self.levels.push(Level { file, path, entry, header });
    }

    fn order(&mut self) {
        let unmeasured = |level: &&Level| level.quality().is_none();
        let by_bits: BTreeSet<String> = self.levels.iter().filter(unmeasured).map(|level| level.model().to_owned()).collect();
        self.levels.sort_by_key(|level| {
            let quality = level.quality().filter(|_| !by_bits.contains(level.model()));
            (level.model().to_owned(), Reverse((quality, level.bits())), level.file.clone())
        });
    }
}

/// Names of the model files in `dir`, sorted; hidden ones and folders left out.
pub(crate) fn model_files(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let ending = Path::new(&name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
        if ending && !name.starts_with('.') && !dir.join(&name).is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
