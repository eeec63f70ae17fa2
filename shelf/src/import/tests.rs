//! Imports from folders that are good, bad, linked, and described by a manifest.

use super::*;
use crate::Shelf;
use crate::forge::{Tiny, Words, llama};

fn write(dir: &Path, name: &str, seed: u64) -> Checksum {
    let bytes = llama(&Tiny { seed, ..Tiny::default() }, &Words::bytes()).bytes();
    std::fs::write(dir.join(name), &bytes).unwrap();
    Checksum::of(&bytes)
}

fn take(source: &Path, dir: &Path) -> Result<Imported, ImportError> {
    import(source, dir, &|_| Ok(Bytes(1 << 40)), &mut |_| {})
}

fn names(dir: &Path) -> Vec<String> {
    model_files(dir).unwrap()
}

#[test]
fn a_stick_is_taken_file_by_file_and_a_bad_one_stops_none() {
    let (stick, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sum = write(stick.path(), "a.F16.gguf", 1);
    write(stick.path(), "c.F16.gguf", 3);
    std::fs::write(stick.path().join("b.gguf"), b"GGUF\x03\0").unwrap();
    std::fs::write(stick.path().join("b b.gguf"), b"").unwrap();
    std::fs::write(stick.path().join("holiday.jpg"), b"").unwrap();
    let mut told = vec![];
    let imported = import(stick.path(), shelf.path(), &|_| Ok(Bytes(1 << 40)), &mut |at| told.push(at.file.to_owned())).unwrap();
    assert_eq!(names(shelf.path()), ["a.F16.gguf", "c.F16.gguf"]);
    assert_eq!(told, ["a.F16.gguf", "c.F16.gguf"], "one mebibyte a step");
    assert_eq!(imported.taken[0].1.sha256, Some(sum));
    let refused: Vec<String> = imported.refused.iter().map(ToString::to_string).collect();
    assert!(refused[0].contains("\"b b.gguf\" is no name") && refused[1].contains("b.gguf: truncated"), "{refused:?}");
    let shelf = Shelf::open(shelf.path()).unwrap();
    assert!(shelf.notes.is_empty() && shelf.levels.iter().all(crate::Level::verified));
}

#[test]
fn a_single_file_is_taken_and_replaces_one_of_its_name_whole() {
    let (stick, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(shelf.path(), "a.gguf", 9);
    std::fs::write(shelf.path().join("a.gguf.part"), vec![7; 99]).unwrap();
    let sum = write(stick.path(), "a.gguf", 1);
    take(&stick.path().join("a.gguf"), shelf.path()).unwrap();
    assert_eq!(Checksum::of(&std::fs::read(shelf.path().join("a.gguf")).unwrap()), sum);
    assert!(!shelf.path().join("a.gguf.part").exists());
}

#[test]
fn links_are_followed_inside_the_folder_only() {
    let (stick, shelf, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(home.path(), "secret.gguf", 1);
    write(stick.path(), "real.gguf", 2);
    std::os::unix::fs::symlink("real.gguf", stick.path().join("alias.gguf")).unwrap();
    std::os::unix::fs::symlink(home.path().join("secret.gguf"), stick.path().join("out.gguf")).unwrap();
    let imported = take(stick.path(), shelf.path()).unwrap();
    assert_eq!(names(shelf.path()), ["alias.gguf", "real.gguf"]);
    assert!(matches!(&imported.refused[..], [ImportError::Outside { path, .. }] if path.ends_with("out.gguf")));
    assert!(!shelf.path().join("alias.gguf").is_symlink());
}

#[test]
fn the_manifest_on_the_stick_is_checked_and_believed() {
    let (stick, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let good = write(stick.path(), "good.gguf", 1);
    write(stick.path(), "bad.gguf", 2);
    let entry = |sum| Entry {
        model: "Named".into(),
        level: "F16".into(),
        licence: Some("MIT".into()),
        sha256: Some(sum),
        ..Entry::default()
    };
    Manifest::change(stick.path(), |m| {
        m.files.insert("good.gguf".into(), entry(good));
        m.files.insert("bad.gguf".into(), entry(good));
    })
    .unwrap();
    let imported = take(stick.path(), shelf.path()).unwrap();
    assert!(matches!(&imported.refused[..], [ImportError::WrongSum { expected, .. }] if *expected == good));
    assert_eq!(names(shelf.path()), ["good.gguf"]);
    assert!(!shelf.path().join("bad.gguf.part").exists());
    let shelf = Shelf::open(shelf.path()).unwrap();
    assert_eq!((shelf.levels[0].model(), shelf.levels[0].entry.licence.as_deref()), ("Named", Some("MIT")));
    assert!(shelf.notes.is_empty(), "{:?}", shelf.notes);
}

#[test]
fn what_cannot_be_taken_at_all_says_why() {
    let (stick, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(matches!(take(stick.path(), shelf.path()), Err(ImportError::NothingThere(_))));
    assert!(matches!(take(&stick.path().join("x.gguf"), shelf.path()), Err(ImportError::Unreadable { .. })));
    write(stick.path(), "a.gguf", 1);
    let tight = import(stick.path(), shelf.path(), &|_| Ok(SPARE_ROOM), &mut |_| {}).unwrap();
    assert!(matches!(&tight.refused[..], [ImportError::NoRoom { .. }]), "{:?}", tight.refused);
    assert!(names(shelf.path()).is_empty());
}
