//! The shelf over good files, broken ones, and manifests that say too much or too little.

use super::*;
use crate::checksum::Checksum;
use crate::forge::{Draft, Meta, Tiny, Words, llama};
use crate::gguf::TensorType;
use crate::manifest::{self, Quality};

fn put(dir: &Path, name: &str, kind: TensorType) -> u64 {
    let bytes = llama(&Tiny { kind, ..Tiny::default() }, &Words::bytes()).bytes();
    std::fs::write(dir.join(name), &bytes).unwrap();
    bytes.len() as u64
}

fn files(shelf: &Shelf) -> Vec<&str> {
    shelf.levels.iter().map(|level| level.file.as_str()).collect()
}

#[test]
fn files_without_a_manifest_are_taken_up_from_their_headers() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "b.Q8_0.gguf", TensorType::Q8_0);
    put(dir.path(), "b.F16.gguf", TensorType::F16);
    put(dir.path(), "a.gguf", TensorType::F32);
    let shelf = Shelf::open(dir.path()).unwrap();
    assert_eq!(files(&shelf), ["a.gguf", "b.F16.gguf", "b.Q8_0.gguf"], "by model, then the richest first");
    assert_eq!(shelf.models().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    let q8 = shelf.of_model("b").last().unwrap();
    assert_eq!((q8.name(), q8.verified()), ("Q8_0", false));
    assert!(q8.resident(&Serving::new(512, 1)).total() > q8.bytes());
    assert_eq!(shelf.notes.iter().filter(|note| matches!(note, Note::Unverified(_))).count(), 3);
    assert!(!dir.path().join(manifest::FILE).exists(), "opening writes nothing");
}

#[test]
fn broken_files_are_noted_and_hide_nothing() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "good.gguf", TensorType::F16);
    std::fs::write(dir.path().join("zip.gguf"), b"PK\x03\x04").unwrap();
    std::fs::write(dir.path().join("un named.gguf"), b"").unwrap();
    std::fs::create_dir(dir.path().join("folder.gguf")).unwrap();
    std::fs::write(dir.path().join("half.gguf.part"), b"GGUF").unwrap();
    Draft::new("alien").blank("w", &[8], TensorType::F32).write(&dir.path().join("alien.gguf")).unwrap();
    let shelf = Shelf::open(dir.path()).unwrap();
    assert_eq!(files(&shelf), ["good.gguf"]);
    let notes: Vec<String> = shelf.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert!(notes[0].starts_with("alien.gguf: architecture \"alien\" is unknown"), "{notes:?}");
    assert!(notes[2].starts_with("left out: \"un named.gguf\" is no name"), "{notes:?}");
    assert!(notes[3].starts_with("zip.gguf: not a GGUF file: it starts with \"PK..\""), "{notes:?}");
}

#[test]
fn the_manifest_adds_what_headers_do_not_know() {
    let dir = tempfile::tempdir().unwrap();
    let small = put(dir.path(), "m.Q8_0.gguf", TensorType::Q8_0);
    let big = put(dir.path(), "m.F16.gguf", TensorType::F16);
    let entry = |level: &str, bytes, score_bp| Entry {
        model: "m".into(),
        level: level.into(),
        bytes,
        milli_bits: 1,
        licence: Some("MIT".into()),
        sha256: Some(Checksum::of(b"")),
        quality: Some(Quality { score_bp, measured_by: "a test".into() }),
        draw_mw: Some(5_000),
        ..Entry::default()
    };
    Manifest::change(dir.path(), |m| {
        m.files.insert("m.Q8_0.gguf".into(), entry("Q8_0", small, 9_000));
        m.files.insert("m.F16.gguf".into(), entry("F16", big, 8_000));
        m.files.insert("lost.gguf".into(), entry("F16", 7, 1));
    })
    .unwrap();
    let shelf = Shelf::open(dir.path()).unwrap();
    assert_eq!(files(&shelf), ["m.Q8_0.gguf", "m.F16.gguf"], "measured quality goes before bits");
    let first = &shelf.levels[0];
    assert_eq!((first.draw(), first.quality()), (Some(Milliwatts(5_000)), Some(BasisPoints(9_000))));
    assert!(first.verified() && first.entry.milli_bits == first.bits().0, "bits are the header's");
    assert!(matches!(&shelf.notes[..], [Note::Gone(file)] if file == "lost.gguf"), "{:?}", shelf.notes);
}

#[test]
fn a_model_is_ordered_by_bits_while_one_of_its_levels_is_not_measured() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = put(dir.path(), "m.Q8_0.gguf", TensorType::Q8_0);
    put(dir.path(), "m.F16.gguf", TensorType::F16);
    let quality = Some(Quality { score_bp: 9_000, measured_by: "a test".into() });
    let entry = Entry { model: "m".into(), level: "Q8_0".into(), bytes, quality, ..Entry::default() };
    Manifest::change(dir.path(), |m| drop(m.files.insert("m.Q8_0.gguf".into(), entry))).unwrap();
    assert_eq!(files(&Shelf::open(dir.path()).unwrap()), ["m.F16.gguf", "m.Q8_0.gguf"]);
}

#[test]
fn a_file_that_changed_loses_its_figures_and_a_twin_is_not_offered() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "m.gguf", TensorType::F16);
    put(dir.path(), "n.F16.gguf", TensorType::F16);
    put(dir.path(), "n.f16.gguf", TensorType::F16);
    let known = Entry { model: "m".into(), level: "F16".into(), bytes: 5, sha256: Some(Checksum::of(b"")), ..Entry::default() };
    Manifest::change(dir.path(), |m| drop(m.files.insert("m.gguf".into(), known))).unwrap();
    let shelf = Shelf::open(dir.path()).unwrap();
    assert_eq!(files(&shelf), ["m.gguf", "n.F16.gguf"]);
    assert!(!shelf.levels[0].verified());
    assert!(shelf.notes.iter().any(|note| matches!(note, Note::Changed { was: 5, .. })));
    assert!(
        shelf
            .notes
            .iter()
            .any(|note| matches!(note, Note::Double { file, first, .. } if file == "n.f16.gguf" && first == "n.F16.gguf"))
    );
}

#[test]
fn a_garbled_manifest_costs_only_what_it_said() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "m.gguf", TensorType::F16);
    std::fs::write(dir.path().join(manifest::FILE), "what?").unwrap();
    let shelf = Shelf::open(dir.path()).unwrap();
    assert_eq!(files(&shelf), ["m.gguf"]);
    assert!(shelf.notes[0].to_string().contains("shelf.json cannot be understood"), "{}", shelf.notes[0]);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_it() {
    let error = Shelf::open(Path::new("/nowhere/models")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/models") && error.contains("create the folder"), "{error}");
}

#[test]
fn an_embedding_model_is_marked() {
    let dir = tempfile::tempdir().unwrap();
    let draft = Draft::new("bert").meta("bert.pooling_type", Meta::U32(1)).blank("w", &[8], TensorType::F32);
    draft.write(&dir.path().join("e.gguf")).unwrap();
    assert!(Shelf::open(dir.path()).unwrap().levels[0].entry.embeds);
}
