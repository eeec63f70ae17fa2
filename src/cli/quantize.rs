//! `hob quantize`: a ladder of levels out of one GGUF, put on the shelf.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::mpsc,
    time::Duration,
};

use anyhow::{Context, bail};
use hob_engine::{QUANTIZATIONS, Quantization, quantize};
use hob_shelf::{
    Checksum,
    gguf::Gguf,
    manifest::{Entry, Manifest, model_name},
    place,
};
use std::io::IsTerminal;

use super::{args::QuantizeArgs, print, progress};
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, args: &QuantizeArgs) -> anyhow::Result<ExitCode> {
    let dir = settings.shelf_dir();
    std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    let from = source(&dir, &args.from)?;
    let header = Gguf::open(&from).with_context(|| from.display().to_string())?;
    header.check_servable().with_context(|| from.display().to_string())?;
    let name = from.file_name().and_then(|name| name.to_str()).context("the file name is not UTF-8; rename it")?;
    let model = model_name(name, header.level());
    let licence = Manifest::load(&dir).ok().and_then(|manifest| manifest.files.get(name).and_then(|entry| entry.licence.clone()));
    print::line(&format!("{name}: {} {} bits/weight", header.level(), bits(&header)));
    let mut failed = false;
    for level in &args.levels {
        let Some(level) = Quantization::by_name(level) else {
            let names: Vec<&str> = QUANTIZATIONS.iter().map(|level| level.name).collect();
            bail!("{level} is no level that can be made; there are: {}", names.join(", "));
        };
        let file = format!("{model}.{}.gguf", level.name);
        match make(&dir, &from, &header, &file, level, args) {
            Ok(made) => report(&dir, &file, &made, (&model, level, licence.clone()), header.level(), args.requantize)?,
            Err(error) => {
                failed = true;
                print::error(&format!("{}: {error:#}", level.name));
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn source(dir: &Path, given: &Path) -> anyhow::Result<PathBuf> {
    let on_shelf = dir.join(given);
    [given.to_owned(), on_shelf]
        .into_iter()
        .find(|path| path.is_file())
        .with_context(|| format!("there is no file {}", given.display()))
}

/// Makes one level beside its final name, and moves it there when it is whole.
fn make(dir: &Path, from: &Path, header: &Gguf, file: &str, level: Quantization, args: &QuantizeArgs) -> anyhow::Result<Gguf> {
    let target = dir.join(file);
    if target.exists() {
        bail!("{file} is on the shelf already; `hob model rm {file}` first");
    }
    let room = place::free_room(dir)?;
    if room.0 < header.file_bytes().0.saturating_add(place::SPARE_ROOM.0) {
        bail!(
            "{} has {} MiB left, and up to {} MiB are needed",
            dir.display(),
            room.mebibytes(),
            header.file_bytes().mebibytes()
        );
    }
    let part = dir.join(format!("{file}.part"));
    let outcome =
        with_bar(&part, header.file_bytes().0, level.name, || quantize(from, &part, level, args.requantize, args.threads));
    if let Err(error) = outcome {
        let _half = std::fs::remove_file(&part);
        return Err(error.into());
    }
    let made = Gguf::open(&part)?;
    std::fs::File::open(&part)?.sync_all()?;
    std::fs::rename(&part, &target)?;
    Ok(made)
}

/// Runs `work` while a bar shows how the file grows.
fn with_bar<T: Send>(part: &Path, about: u64, level: &str, work: impl FnOnce() -> T + Send) -> T {
    let shown = std::io::stderr().is_terminal().then(|| progress::bar(about, "quantizing to", level));
    if shown.is_none() {
        print::note(&format!("quantizing to {level}"));
    }
    std::thread::scope(|scope| {
        let (done, wait) = mpsc::sync_channel::<()>(1);
        scope.spawn(move || {
            while wait.recv_timeout(Duration::from_millis(100)) == Err(mpsc::RecvTimeoutError::Timeout) {
                if let (Some(bar), Ok(meta)) = (&shown, std::fs::metadata(part)) {
                    bar.set_position(meta.len().min(about));
                }
            }
            if let Some(bar) = shown {
                bar.finish_and_clear();
            }
        });
        let outcome = work();
        drop(done);
        outcome
    })
}

/// Says what came out, and writes it into the manifest.
fn report(
    dir: &Path,
    file: &str,
    made: &Gguf,
    (model, level, licence): (&str, Quantization, Option<String>),
    from: &str,
    requantize: bool,
) -> anyhow::Result<()> {
    let types: Vec<String> = made.census().iter().map(|(kind, count)| format!("{}:{}", kind.name(), count.tensors)).collect();
    print::line(&format!(
        "{file}: {} MiB, {} bits/weight, tensors {}",
        made.file_bytes().mebibytes(),
        bits(made),
        types.join(" ")
    ));
    let sum = Checksum::of_file(&dir.join(file), &mut |_| {})?;
    let whole = ["F32", "F16", "BF16"].contains(&from);
    let entry = Entry {
        model: model.to_owned(),
        level: level.name.to_owned(),
        licence,
        source: Some(format!("hob quantize from {from}")),
        sha256: Some(sum),
        requantized: requantize && !whole,
        ..Entry::of_header(file, made)
    };
    Manifest::change(dir, |manifest| drop(manifest.files.insert(file.to_owned(), entry)))?;
    Ok(())
}

fn bits(header: &Gguf) -> String {
    let milli = header.bits_per_weight().0;
    format!("{}.{:03}", milli / 1_000, milli % 1_000)
}
