//! The shelf as the policy sees it: a ladder of levels, poorest first.
//!
//! Promise: a folder that changed is looked at again before the next choice; a file that failed stays out until it
//! changes.
//! Deliberately absent: choosing (`hob_core::policy`).

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use hob_core::{
    policy::Level,
    units::{Bytes, Milliwatts},
};
use hob_shelf::{
    Shelf, ShelfError,
    resident::{Resident, Serving, repacked_on_avx2},
};
use hob_wire::state::{LevelInfo, ModelInfo};

use crate::settings;

/// Draw above idle of a board that answers, where the manifest does not know: four cores of a Pi 400 at decode,
/// 4 x 0.73 W.
const USUAL_DRAW: Milliwatts = Milliwatts(2_900);

/// How models will be served, as far as memory goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServingPlan {
    /// Prompts at a time.
    pub slots: u32,
    /// Tokens of each.
    pub context: u32,
    /// Tokens of a step.
    pub batch: u32,
}

impl ServingPlan {
    /// As the settings say.
    #[must_use]
    pub fn of(engine: &settings::Engine) -> Self {
        Self { slots: engine.slots, context: engine.context, batch: engine.batch }
    }
}

/// One level with its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// As the policy sees it.
    pub level: Level,
    /// The file.
    pub path: PathBuf,
    /// What part of the resident set is not mapped file: it comes back only when the model goes.
    pub own: Bytes,
    /// Whether it makes vectors instead of answers.
    pub embeds: bool,
    stamp: Stamp,
}

/// Size and time of a file: another file of the same name has another stamp.
type Stamp = (u64, Option<SystemTime>);

/// The shelf, watched.
#[derive(Debug)]
pub struct Ladder {
    dir: PathBuf,
    plan: ServingPlan,
    seen: Option<(Option<SystemTime>, Option<SystemTime>)>,
    rungs: Vec<Rung>,
    models: Vec<ModelInfo>,
    broken: HashMap<PathBuf, (Stamp, String)>,
}

impl Ladder {
    /// A ladder over this folder.
    #[must_use]
    pub fn new(dir: PathBuf, plan: ServingPlan) -> Self {
        Self { dir, plan, seen: None, rungs: Vec::new(), models: Vec::new(), broken: HashMap::new() }
    }

    /// Looks again if the folder or its manifest changed. Says whether it did.
    ///
    /// # Errors
    ///
    /// [`ShelfError`] if the folder cannot be read.
    pub fn refresh(&mut self) -> Result<bool, ShelfError> {
        let changed = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let now = (changed(&self.dir), changed(&self.dir.join(hob_shelf::manifest::FILE)));
        if self.seen == Some(now) {
            return Ok(false);
        }
        let found = Shelf::open(&self.dir)?;
        for note in &found.notes {
            tracing::warn!(%note, "on the shelf");
        }
        self.models = model_infos(&found);
        self.rungs = found.levels.iter().map(|level| rung(level, self.plan)).collect();
        // Measured quality if all have one, else more bytes are taken for more sense.
        let all_measured = self.rungs.iter().all(|rung| rung.level.quality.is_some());
        self.rungs.sort_by_key(|rung| (rung.level.quality.filter(|_| all_measured), rung.stamp.0));
        self.seen = Some(now);
        Ok(true)
    }

    /// The rungs that answer, of one model or of all, poorest first; those that failed are left out.
    #[must_use]
    pub fn answering(&self, model: Option<&str>) -> Vec<Rung> {
        let wanted =
            |rung: &&Rung| !rung.embeds && model.is_none_or(|model| rung.level.model == model) && self.fault(rung).is_none();
        self.rungs.iter().filter(wanted).cloned().collect()
    }

    /// The rungs that embed, of one model or of all.
    #[must_use]
    pub fn embedding(&self, model: Option<&str>) -> Vec<Rung> {
        let wanted =
            |rung: &&Rung| rung.embeds && model.is_none_or(|model| rung.level.model == model) && self.fault(rung).is_none();
        self.rungs.iter().filter(wanted).cloned().collect()
    }

    /// Whether any rung is of this model, failed or not.
    #[must_use]
    pub fn knows(&self, model: &str) -> bool {
        self.rungs.iter().any(|rung| rung.level.model == model)
    }

    /// Names of all models, for an error.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.models.iter().map(|model| model.name.as_str()).collect();
        if names.is_empty() { "none".into() } else { names.join(", ") }
    }

    /// Files that failed, with the reason.
    pub fn broken(&self) -> impl Iterator<Item = (&Rung, &str)> {
        self.rungs.iter().filter_map(|rung| self.fault(rung).map(|why| (rung, why)))
    }

    /// From now on this file is left out.
    pub fn mark_broken(&mut self, rung: &Rung, why: String) {
        self.broken.insert(rung.path.clone(), (rung.stamp, why));
    }

    /// The models as they are published.
    #[must_use]
    pub fn models(&self) -> &[ModelInfo] {
        &self.models
    }

    fn fault(&self, rung: &Rung) -> Option<&str> {
        self.broken.get(&rung.path).filter(|(stamp, _)| *stamp == rung.stamp).map(|(_, why)| why.as_str())
    }
}

fn rung(level: &hob_shelf::Level, plan: ServingPlan) -> Rung {
    let resident = predict(level, plan);
    let modified = std::fs::metadata(&level.path).and_then(|meta| meta.modified()).ok();
    Rung {
        level: Level {
            model: level.model().to_owned(),
            name: level.name().to_owned(),
            bits: level.bits(),
            resident: resident.total(),
            draw: level.draw().unwrap_or(USUAL_DRAW),
            file: level.bytes(),
            weights: level.header.weights(),
            quality: level.quality(),
        },
        path: level.path.clone(),
        own: resident.total().minus(resident.weights),
        embeds: level.entry.embeds,
        stamp: (level.bytes().0, modified),
    }
}

/// What serving a level will take.
#[must_use]
pub fn predict(level: &hob_shelf::Level, plan: ServingPlan) -> Resident {
    let cells = plan.context.saturating_mul(plan.slots);
    // llama.cpp repacks some types for AVX2; on a Cortex-A72 it cannot, and the weights stay mapped.
    let repacked = if cfg!(target_arch = "x86_64") { repacked_on_avx2(&level.header) } else { Bytes::ZERO };
    level.resident(&Serving { n_ubatch: plan.batch, outputs: plan.slots, repacked, ..Serving::new(cells, plan.slots) })
}

fn model_infos(shelf: &Shelf) -> Vec<ModelInfo> {
    let levels = |name: &str| {
        let info = |level: &hob_shelf::Level| LevelInfo {
            level: level.name().to_owned(),
            bits_per_weight: level.bits().into(),
            bytes: level.bytes().0,
            quality_pct: level.quality().map(Into::into),
        };
        shelf.of_model(name).map(info).collect()
    };
    let licence = |name: &str| shelf.of_model(name).find_map(|level| level.entry.licence.clone());
    let model = |name: &str| ModelInfo { name: name.to_owned(), licence: licence(name), levels: levels(name) };
    shelf.models().into_iter().map(model).collect()
}
