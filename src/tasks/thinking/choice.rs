//! Which level for this prompt: facts gathered, the steward asked, the decision told.

use hob_core::{
    policy::{Asked, Means, Mode, Predicted, Question, Refusal, Shortage, Wish},
    prompt::LevelWish,
    steward::Supply,
    units::{Bytes, Milliwatts, PartsPerMillion},
};
use hob_engine::Gauges;
use hob_wire::reply::{Code, Fault};
use tokio::time::Instant;

use super::{Thinking, Wanted, refusal::fault_of_refusal, tell::Outcome};
use crate::{
    ladder::Rung,
    messages::{Ticket, Told},
};

/// A charge that may be off by this is not known at all.
const ANYTHING: PartsPerMillion = PartsPerMillion(1_000_000);

/// A level, and how the prompt is to be answered at it.
pub(super) struct Chosen {
    pub(super) rung: Rung,
    pub(super) why: &'static str,
    pub(super) max_tokens: u32,
    pub(super) predicted: Predicted,
}

impl Thinking {
    /// The level for this prompt.
    pub(super) async fn choose_for(&mut self, ticket: &Ticket) -> Result<Chosen, Fault> {
        let model = ticket.prompt.model.clone().or_else(|| self.tools.engine.model.clone());
        let asked = ticket.asked(self.tools.gauge.now());
        self.choose(model.as_deref(), &ticket.prompt.level, Some(asked)).await
    }

    /// The owner wants another mode; a level that is not here is refused, and the mode stays.
    pub(super) async fn change_mode(&mut self, Wanted { mode, until }: Wanted) {
        if let Mode::Fixed(name) = &mode
            && let Some(fault) = self.lacks(name).await
        {
            self.tell(Told::Refused { command: "set/level", fault }).await;
            return;
        }
        let before = (self.tools.steward.mode().clone(), self.until);
        let names_a_level = matches!(mode, Mode::Fixed(_));
        self.tools.steward.set_mode(mode);
        self.until = until;
        if let Err(fault) = self.choose_for_nobody().await
            && names_a_level
            && fault.code == Code::NoModel
        {
            self.tools.steward.set_mode(before.0);
            self.until = before.1;
            let _as_before = self.choose_for_nobody().await;
            self.tell(Told::Refused { command: "set/level", fault }).await;
        }
    }

    /// Why a level cannot be stayed at, if it is not on the shelf.
    async fn lacks(&mut self, name: &str) -> Option<Fault> {
        self.refresh().await;
        let rungs = self.tools.ladder.answering(self.tools.engine.model.as_deref());
        if rungs.iter().any(|rung| rung.level.name.eq_ignore_ascii_case(name)) {
            return None;
        }
        let has = rungs.iter().map(|rung| rung.level.name.as_str()).collect::<Vec<_>>().join(", ");
        let missing = if rungs.is_empty() { Shortage::EmptyShelf } else { Shortage::NoSuchLevel { asked: name.to_owned(), has } };
        Some(self.with_broken(&missing.into()))
    }

    /// When the mode falls back to the configured one.
    pub(super) fn falls_back(&self) -> Option<Instant> {
        let left = self.until?.minus(self.tools.gauge.now());
        Some(Instant::now() + std::time::Duration::from_micros(left.0))
    }

    /// The configured mode holds again.
    pub(super) async fn fall_back(&mut self) {
        self.until = None;
        self.tools.steward.set_mode(self.tools.configured.clone());
        let _none_yet = self.choose_for_nobody().await;
    }

    /// Loads what would be chosen now, so that the first prompt need not wait.
    pub(super) async fn preload(&mut self) {
        while self.loaded.is_none()
            && let Ok(chosen) = self.choose_for_nobody().await
        {
            self.switch_to(chosen.rung).await;
        }
    }

    /// Tells the steward what feeds the board, keeps what it has learned, and lets an idle model go.
    pub(super) async fn look(&mut self) {
        self.feed();
        self.tools.kept.keep_steward(&self.tools.steward.save());
        let level = self.loaded.as_ref().map(|loaded| loaded.rung.level.key());
        self.around.reach.send_replace(self.tools.steward.range(self.tools.gauge.today(), level.as_ref()));
        self.unload_if_idle().await;
    }

    async fn choose_for_nobody(&mut self) -> Result<Chosen, Fault> {
        let model = self.tools.engine.model.clone();
        self.choose(model.as_deref(), &LevelWish::Auto, None).await
    }

    async fn choose(&mut self, model: Option<&str>, wish: &LevelWish, asked: Option<Asked>) -> Result<Chosen, Fault> {
        self.refresh().await;
        if let Some(model) = model.filter(|model| !self.tools.ladder.knows(model)) {
            let has = self.tools.ladder.names();
            return Err(Fault::new(Code::NoModel, format!("there is no model {model} here; there are: {has}")));
        }
        let rungs = self.tools.ladder.answering(model);
        let ladder: Vec<_> = rungs.iter().map(|rung| rung.level.clone()).collect();
        let means = self.means();
        let queue = self.around.queue.borrow().asked(self.tools.gauge.now());
        let question = Question {
            ladder: &ladder,
            means: &means,
            loaded: self.loaded.as_ref().and_then(|loaded| rungs.iter().position(|rung| *rung == loaded.rung)),
            asked: asked.unwrap_or(Asked { max_tokens: self.tools.engine.max_tokens, ..Asked::default() }),
            queue: &queue,
            wish: match wish {
                LevelWish::Auto => Wish::Auto,
                LevelWish::Exactly(name) => Wish::Exactly(name),
            },
        };
        let supply = self.feed();
        let now = self.tools.gauge.today();
        let decided = self.tools.steward.decide(now, &question);
        let outcome = Outcome::of(&decided, &rungs, now, &supply);
        self.publish(&outcome, &rungs, &means, asked.is_some()).await;
        let picked = decided.map_err(|refusal| self.with_broken(&refusal))?;
        let rung = rungs.get(picked.picked).cloned().ok_or_else(|| self.with_broken(&Shortage::EmptyShelf.into()))?;
        let (why, max_tokens, predicted) = (picked.reason.as_str(), picked.max_tokens, picked.predicted);
        Ok(Chosen { rung, why, max_tokens, predicted })
    }

    async fn refresh(&mut self) {
        match self.tools.ladder.refresh() {
            Ok(true) => self.tell_info().await,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the shelf cannot be read; what was on it is used"),
        }
    }

    /// What feeds the board, as the steward is told.
    fn feed(&mut self) -> Supply {
        let fed = *self.around.fed.borrow();
        // A battery that nobody looks at may be full or empty: it is no ground to decide on.
        let charge = fed.charge.filter(|charge| charge.bound < ANYTHING);
        let supply = Supply { idle: self.tools.gauge.shown().idle_draw, charge, solar: fed.charging };
        self.tools.steward.supply(self.tools.gauge.today(), &supply);
        supply
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
        let left = |cap: Milliwatts| cap.minus(shown.idle_draw);
        Means {
            memory: memory.as_ref().map_or(Bytes::ZERO, |reading| reading.available.plus(own)),
            power: self.tools.power_cap.map(left),
            pressure: memory.ok().and_then(|reading| reading.pressure),
            soc: board.temperature,
            under_voltage: board.undervoltage.unwrap_or(false),
        }
    }

    /// A refusal, with the files that failed where they may be what is missing.
    fn with_broken(&self, refusal: &Refusal) -> Fault {
        let mut fault = fault_of_refusal(refusal);
        let broken: Vec<String> = self.tools.ladder.broken().map(|(rung, why)| format!("{}: {why}", rung.level.name)).collect();
        if !broken.is_empty() && matches!(refusal, Refusal::Shortage(_)) {
            fault.message = format!("{}. Left out because they failed: {}", fault.message, broken.join("; "));
        }
        fault
    }
}
