//! Reading the small text files of `/sys` and `/proc`.
//!
//! Promises: an unreadable file or nonsense in it is an error that names the path.
//! Deliberately absent: what the numbers mean.

use crate::meter::MeterError;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The text of a small file, without blanks and NULs around it.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned())
}

/// The one number in a small file.
pub(crate) fn number<N: FromStr>(path: &Path) -> io::Result<N> {
    let text = text(path)?;
    text.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{text:?} is not the number expected there")))
}

/// The same, with the path in the error.
pub(crate) fn metered<N: FromStr>(path: &Path) -> Result<N, MeterError> {
    number(path).map_err(|cause| MeterError::Unreadable { path: path.to_owned(), cause })
}

/// What is in a folder, sorted; nothing when there is no such folder.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    paths
}

/// The last part of a path, as text; empty when there is none.
pub(crate) fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Builds a folder of small files for a test.
#[cfg(test)]
pub(crate) fn plant(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    root
}
