//! Which level for this prompt: facts gathered, the policy asked, the choice published when it changed.

use hob_core::{
    policy::{self, Means, Shortage, Verdict, Wish, choose},
    prompt::LevelWish,
    units::{Bytes, Milliwatts},
};
use hob_wire::{
    V1,
    decimal::Decimal,
    reply::{Code, Fault},
    state::{Candidate, Info, LevelState},
};

use super::{Thinking, fault_of_shortage};
use crate::{
    ladder::Rung,
    messages::{Ticket, Told},
    tasks::outbox::timestamp,
};

/// What of a choice is worth publishing again when it changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Published {
    mode: LevelWish,
    level: Option<(String, String)>,
    why: &'static str,
    verdicts: Vec<(String, String, String)>,
}

/// A choice as it came out, for publishing.
struct Outcome<'a> {
    picked: Option<&'a Rung>,
    why: &'static str,
    table: &'a [Verdict],
}

impl Thinking {
    /// The level for this prompt, and the reason code.
    pub(super) async fn choose_for(&mut self, ticket: &Ticket) -> Result<(Rung, &'static str), Fault> {
        let wish = match &ticket.prompt.level {
            LevelWish::Auto => self.mode.clone(),
            asked @ LevelWish::Exactly(_) => asked.clone(),
        };
        let model = ticket.prompt.model.clone().or_else(|| self.tools.engine.model.clone());
        self.choose(model.as_deref(), &wish).await
    }

    /// The owner wants another mode; a level that is not here is refused, and the mode stays.
    pub(super) async fn change_mode(&mut self) {
        let wanted = self.around.wish.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.mode, wanted.clone());
        let model = self.tools.engine.model.clone();
        let chosen = self.choose(model.as_deref(), &wanted).await;
        if let Err(fault) = chosen
            && fault.code == Code::NoModel
        {
            self.mode = before;
            let mode = self.mode.clone();
            let _as_before = self.choose(model.as_deref(), &mode).await;
            self.tell(Told::Refused { command: "set/level", fault }).await;
        }
    }

    /// Loads what would be chosen now, so that the first prompt need not wait.
    pub(super) async fn preload(&mut self) {
        let mode = self.mode.clone();
        let model = self.tools.engine.model.clone();
        while self.loaded.is_none()
            && let Ok((rung, _)) = self.choose(model.as_deref(), &mode).await
        {
            self.switch_to(rung).await;
        }
    }

    async fn choose(&mut self, model: Option<&str>, wish: &LevelWish) -> Result<(Rung, &'static str), Fault> {
        self.refresh().await;
        if let Some(model) = model.filter(|model| !self.tools.ladder.knows(model)) {
            let has = self.tools.ladder.names();
            return Err(Fault::new(Code::NoModel, format!("there is no model {model} here; there are: {has}")));
        }
        let rungs = self.tools.ladder.answering(model);
        let levels: Vec<policy::Level> = rungs.iter().map(|rung| rung.level.clone()).collect();
        let loaded = self.loaded.as_ref().and_then(|loaded| rungs.iter().position(|rung| *rung == loaded.rung));
        let means = self.means();
        let asked = match wish {
            LevelWish::Auto => Wish::Auto,
            LevelWish::Exactly(name) => Wish::Exactly(name),
        };
        let chosen = choose(&levels, &means, &self.tools.rules, loaded, asked);
        let outcome = match &chosen {
            Ok(choice) => Outcome { picked: rungs.get(choice.picked), why: choice.reason.as_str(), table: &choice.table },
            Err(shortage) => Outcome { picked: None, why: code_of(shortage), table: &[] },
        };
        self.publish(&outcome, &rungs, &means).await;
        match (outcome.picked, &chosen) {
            (Some(rung), _) => Ok((rung.clone(), outcome.why)),
            (None, Err(shortage)) => Err(self.with_broken(shortage)),
            (None, Ok(_)) => Err(self.with_broken(&Shortage::EmptyShelf)),
        }
    }

    async fn refresh(&mut self) {
        match self.tools.ladder.refresh() {
            Ok(true) => self.tell_info().await,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the shelf cannot be read; what was on it is used"),
        }
    }

    /// What this device is and has, now.
    async fn tell_info(&mut self) {
        let info = Info { models: self.tools.ladder.models().to_vec(), ..self.tools.info.clone() };
        self.tell(Told::Info(Box::new(info))).await;
    }

    /// What the board can spare, as if nothing were loaded.
    fn means(&mut self) -> Means {
        let memory = self.tools.memory.read();
        let board = (self.tools.board)();
        let shown = self.tools.gauge.shown();
        if let Err(error) = &memory {
            tracing::warn!(%error, "free memory is not known; nothing can be chosen");
        }
        let own = self.loaded.as_ref().map_or(Bytes::ZERO, |loaded| loaded.rung.own);
        let left = |cap: Milliwatts| cap.minus(shown.idle_draw.or(shown.draw).unwrap_or_default());
        Means {
            memory: memory.as_ref().map_or(Bytes::ZERO, |reading| reading.available.plus(own)),
            power: self.tools.power_cap.map(left),
            pressure: memory.ok().and_then(|reading| reading.pressure),
            soc: board.temperature,
            under_voltage: board.undervoltage.unwrap_or(false),
        }
    }

    async fn publish(&mut self, outcome: &Outcome<'_>, rungs: &[Rung], means: &Means) {
        let verdict = |place: usize| outcome.table.get(place).map_or("short", |verdict| verdict.as_str());
        let mut candidates: Vec<Candidate> =
            rungs.iter().enumerate().map(|(place, rung)| candidate(rung, verdict(place))).collect();
        candidates.extend(self.tools.ladder.broken().map(|(rung, _)| candidate(rung, "broken")));
        let names = |rung: &Rung| (rung.level.model.clone(), rung.level.name.clone());
        let verdicts = candidates.iter().map(|one| (one.model.clone(), one.level.clone(), one.why.clone())).collect();
        let fixed = self.mode != LevelWish::Auto;
        let published = Published { mode: self.mode.clone(), level: outcome.picked.map(names), why: outcome.why, verdicts };
        if self.published.as_ref() == Some(&published) {
            return;
        }
        let (model, level) = published.level.clone().unzip();
        self.published = Some(published);
        let state = LevelState {
            v: V1,
            mode: if fixed { "fixed".into() } else { "auto".into() },
            model,
            level,
            why: outcome.why.to_owned(),
            ram_free_mib: Decimal::mebibytes(means.memory.minus(self.tools.rules.reserve)),
            power_left_w: means.power.map(Into::into),
            candidates,
            ts: timestamp(),
        };
        self.tell(Told::Level(Box::new(state))).await;
    }

    /// A shortage, with the files that failed: they may be what is missing.
    fn with_broken(&self, shortage: &Shortage) -> Fault {
        let mut fault = fault_of_shortage(shortage);
        let broken: Vec<String> = self.tools.ladder.broken().map(|(rung, why)| format!("{}: {why}", rung.level.name)).collect();
        if !broken.is_empty() {
            fault.message = format!("{}. Left out because they failed: {}", fault.message, broken.join("; "));
        }
        fault
    }
}

fn candidate(rung: &Rung, why: &str) -> Candidate {
    Candidate {
        model: rung.level.model.clone(),
        level: rung.level.name.clone(),
        resident_mib: Decimal::mebibytes(rung.level.resident),
        draw_w: Some(rung.level.draw.into()),
        quality_pct: rung.quality.map(Into::into),
        fits: ["chosen", "fits", "hold", "stress"].contains(&why),
        why: why.to_owned(),
    }
}

fn code_of(shortage: &Shortage) -> &'static str {
    match shortage {
        Shortage::EmptyShelf => "empty_shelf",
        Shortage::NoSuchLevel { .. } => "no_such_level",
        Shortage::Memory { .. } => "memory",
        Shortage::Power { .. } => "power",
    }
}
