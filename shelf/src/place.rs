//! Where files lie and how they get there whole: names, room on the disk, atomic writes.
//!
//! Promise: under its own name a file is complete and on the disk, or not there.

use hob_core::units::Bytes;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Room that is left on the disk when a model was put on it: the journal and the logs live there too.
pub const SPARE_ROOM: Bytes = Bytes::from_mebibytes(64);

/// A file name that is not taken from the net, a stick or a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name for a model file: 6 to 200 letters, digits, '.', '-', '_' or '+', not led by '.', ending in .gguf")]
pub struct BadFileName(pub String);

/// Checks that `name` is a plain name of a GGUF file, without any way into another folder.
///
/// # Errors
///
/// [`BadFileName`].
pub fn check_name(name: &str) -> Result<(), BadFileName> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    let fit = (6..=200).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['.', '-']);
    let ending = Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
    if fit && ending { Ok(()) } else { Err(BadFileName(name.chars().take(200).collect())) }
}

/// Bytes that an unprivileged process can still write into `dir`.
///
/// # Errors
///
/// As `statvfs(3)`.
pub fn free_room(dir: &Path) -> io::Result<Bytes> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(Bytes(stat.f_bavail.saturating_mul(stat.f_frsize)))
}

/// Where the beginning of a file lies until it is whole.
pub(crate) fn part_of(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.part"))
}

/// Gives a file that was written completely its own name, and makes both last through a power cut.
pub(crate) fn settle(file: &File, from: &Path, to: &Path) -> io::Result<()> {
    file.sync_all()?;
    std::fs::rename(from, to)?;
    sync_parent(to)
}

/// Writes `bytes` as the file `path`, whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    settle(&file, &beside, path)
}

/// Makes a new or removed name in the folder of `path` last.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for good in ["SmolLM2-135M-Instruct.Q4_1.gguf", "a.gguf", "x+y_2.GGUF"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let long = format!("{}.gguf", "a".repeat(196));
        for bad in [
            "",
            ".gguf",
            "a.bin",
            "../a.gguf",
            "a/b.gguf",
            "a\\b.gguf",
            "-a.gguf",
            ".a.gguf",
            "a b.gguf",
            "ä.gguf",
            "a\0.gguf",
            "a.gguf.part",
            "agguf",
            &long,
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shelf.json");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn there_is_some_room_on_this_disk() {
        assert!(free_room(&std::env::temp_dir()).unwrap() > Bytes(0));
        assert!(free_room(Path::new("/nowhere/at/all")).is_err());
    }
}
