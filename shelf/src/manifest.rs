//! `shelf.json`: what is known about the files beyond what their headers say.
//!
//! Promises: it is replaced whole or not at all; two processes that change it do so one after the
//! other (`shelf.lock`); a manifest that cannot be read is set aside, never overwritten.
//! Deliberately absent: anything that the file itself says better (bits, size, architecture).

use crate::checksum::Checksum;
use crate::gguf::Gguf;
use crate::place;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Name of the manifest in the folder.
pub const FILE: &str = "shelf.json";
/// A larger manifest is not read.
const LARGEST: u64 = 4 << 20;

/// Why the manifest was not read or written. The shelf works without it.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The disk says no.
    #[error("{FILE}: {0}; check that the folder is writable and the disk not full")]
    Disk(#[from] io::Error),
    /// No JSON, or not of this form.
    #[error("{FILE} cannot be understood ({0}); it is set aside as {FILE}.bad when it is next written")]
    Garbled(#[from] serde_json::Error),
    /// Larger than 4 MiB.
    #[error("{FILE} has {0} bytes, more than any shelf needs")]
    TooLarge(u64),
}

/// A measured quality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Share of the best possible, in hundredths of a percent (0 to 10 000).
    pub score_bp: u32,
    /// What measured it, and when: scores of different measurers do not compare.
    pub measured_by: String,
}

/// What the manifest says about one file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entry {
    /// Name of the model, the same for all its levels.
    pub model: String,
    /// Quantization level, as llama.cpp spells it.
    pub level: String,
    /// Bits per weight that the file really has, in thousandths.
    #[serde(default)]
    pub milli_bits: u32,
    /// Size of the file.
    pub bytes: u64,
    /// SPDX name of the licence, or the licence's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its checksum, if it was ever checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Checksum>,
    /// How good its answers are, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// What serving it draws, if that was measured, in milliwatts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw_mw: Option<u32>,
    /// Made from a file that was quantized already: worse than the level's name says.
    #[serde(default)]
    pub requantized: bool,
    /// Whether it gives vectors.
    #[serde(default)]
    pub embeds: bool,
}

impl Entry {
    /// What the header of a file named `name` says.
    #[must_use]
    pub fn of_header(name: &str, gguf: &Gguf) -> Self {
        let level = gguf.level();
        Self {
            model: model_name(name, level),
            level: level.to_owned(),
            milli_bits: gguf.bits_per_weight().0,
            bytes: gguf.file_bytes().0,
            licence: gguf.text("general.license").map(str::to_owned),
            source: gguf.text("general.source.url").or_else(|| gguf.text("general.repo_url")).map(str::to_owned),
            embeds: gguf.embeds(),
            ..Self::default()
        }
    }
}

/// A file's name without `.gguf` and without the level at its end, which is how models are named.
#[must_use]
pub fn model_name(file: &str, level: &str) -> String {
    let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
    let cut = stem.len().saturating_sub(level.len());
    match (stem.get(..cut), stem.get(cut..)) {
        (Some(front), Some(end)) if end.eq_ignore_ascii_case(level) && front.ends_with(['.', '-', '_']) && front.len() > 1 => {
            front.trim_end_matches(['.', '-', '_']).to_owned()
        }
        _ => stem.into_owned(),
    }
}

/// The manifest of a folder: entries by file name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// What is known about each file.
    pub files: BTreeMap<String, Entry>,
}

impl Manifest {
    /// Reads the manifest in `dir`; a folder without one has an empty one.
    ///
    /// # Errors
    ///
    /// [`ManifestError`].
    pub fn load(dir: &Path) -> Result<Self, ManifestError> {
        let file = match File::open(dir.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        let bytes = file.metadata()?.len();
        if bytes > LARGEST {
            return Err(ManifestError::TooLarge(bytes));
        }
        let mut text = Vec::new();
        file.take(LARGEST).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Reads the manifest in `dir`, lets `edit` change it and writes it, while no one else can.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Disk`].
    pub fn change(dir: &Path, edit: impl FnOnce(&mut Self)) -> Result<(), ManifestError> {
        let lock = File::create(dir.join("shelf.lock"))?;
        lock.lock()?; // held until `lock` is dropped
        let mut manifest = match Self::load(dir) {
            Err(ManifestError::Garbled(_) | ManifestError::TooLarge(_)) => {
                std::fs::rename(dir.join(FILE), dir.join(format!("{FILE}.bad")))?;
                Self::default()
            }
            read => read?,
        };
        edit(&mut manifest);
        let mut text = serde_json::to_vec_pretty(&manifest)?;
        text.push(b'\n');
        Ok(place::write_whole(&dir.join(FILE), &text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_named_by_their_files_without_the_level() {
        let table = [
            ("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1", "SmolLM2-135M-Instruct"),
            ("qwen2.5-0.5b-instruct-q4_k_m.gguf", "Q4_K_M", "qwen2.5-0.5b-instruct"),
            ("model.gguf", "Q8_0", "model"),
            ("Q8_0.gguf", "Q8_0", "Q8_0"),
            ("-Q8_0.gguf", "Q8_0", "-Q8_0"),
            ("xQ8_0.gguf", "Q8_0", "xQ8_0"),
        ];
        for (file, level, model) in table {
            assert_eq!(model_name(file, level), model);
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let entry = Entry {
            model: "m".into(),
            level: "Q4_K_M".into(),
            sha256: Some(Checksum::of(b"x")),
            quality: Some(Quality { score_bp: 7_100, measured_by: "arc-easy, 2026-11".into() }),
            draw_mw: Some(5_900),
            requantized: true,
            ..Entry::default()
        };
        Manifest::change(dir.path(), |m| drop(m.files.insert("m.gguf".into(), entry.clone()))).unwrap();
        Manifest::change(dir.path(), |m| drop(m.files.insert("n.gguf".into(), Entry::default()))).unwrap();
        let manifest = Manifest::load(dir.path()).unwrap();
        assert_eq!(manifest.files["m.gguf"], entry);
        assert_eq!(manifest.files.len(), 2);
    }

    #[test]
    fn a_manifest_of_a_later_day_is_read_as_far_as_it_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"{"version": 9, "files": {"m.gguf": {"model": "m", "level": "Q8_0", "bytes": 3, "mood": "good"}}}"#;
        std::fs::write(dir.path().join(FILE), text).unwrap();
        assert_eq!(Manifest::load(dir.path()).unwrap().files["m.gguf"].level, "Q8_0");
    }

    #[test]
    fn a_garbled_manifest_is_set_aside_and_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "{\"files\": ").unwrap();
        assert!(matches!(Manifest::load(dir.path()), Err(ManifestError::Garbled(_))));
        Manifest::change(dir.path(), |_| {}).unwrap();
        assert_eq!(Manifest::load(dir.path()).unwrap(), Manifest::default());
        assert_eq!(std::fs::read_to_string(dir.path().join("shelf.json.bad")).unwrap(), "{\"files\": ");
    }
}
