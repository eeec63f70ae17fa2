//! One policy lives through one week: the discrete-event engine.
//!
//! ```text
//!                 ┌─ minute ─ arrival ─ deadline ─ end of a phase ─ battery empty / charged again
//!  World ─▶ next ─┤
//!                 └▶ pass time (energy flows) ─▶ act: real desk, real steward, real accounts ─▶ Tally
//! ```
//!
//! Promises: time is a number that jumps from event to event; between two events every power is constant, so
//! energy is exact; what comes from the sun is drawn, lost, thrown away or in the battery.
//! Deliberately absent: decisions (`player`), chance in the week itself (`world`).

use hob_core::{
    desk::Desk,
    prompt::{Priority, PromptId},
    units::{Micros, Milliwatts, Now},
};

use crate::{
    books::{Books, Doing},
    number::count,
    plant::Plant,
    player::Player,
    scenario::Scenario,
    store::{Crossing, Store},
    tally::Tally,
    world::{Ask, DAYS, World},
};

mod hand;
mod senses;

use hand::Hand;
use senses::Senses;

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 86_400 * SECOND;

/// What the board is doing.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Cut off.
    Off,
    /// Starting.
    Starting,
    /// Nobody is answered.
    Waiting,
    /// The level for this prompt comes into memory.
    Loading(Hand),
    /// The prompt is read.
    Reading(Hand),
    /// The answer is written.
    Writing(Hand),
}

/// A policy's week.
pub(crate) struct Week<'a> {
    scenario: &'a Scenario,
    world: &'a World,
    plant: &'a Plant,
    player: Player,
    senses: Senses,
    store: Store,
    books: Books,
    /// Who waits, and until when.
    desk: Desk<(Ask, u64)>,
    phase: Phase,
    /// When the phase ends by itself.
    until: u64,
    loaded: Option<usize>,
    coming: usize,
    now: u64,
    tally: Tally,
}

impl<'a> Week<'a> {
    pub(crate) fn new(scenario: &'a Scenario, world: &'a World, plant: &'a Plant, player: Player, seed: u64) -> Self {
        Self {
            scenario,
            world,
            plant,
            player,
            senses: Senses::new(seed),
            store: Store::new(plant.battery.as_ref()),
            books: Books::new(plant.idle),
            desk: Desk::new(usize::try_from(scenario.prompts.places).unwrap_or(1)),
            phase: Phase::Starting,
            until: 0,
            loaded: None,
            coming: 0,
            now: 0,
            tally: Tally::new(scenario),
        }
    }

    /// Lives through the week.
    pub(crate) fn live(mut self) -> Tally {
        let end = DAY * u64::try_from(DAYS).unwrap_or(7);
        let before = self.store.joules();
        let mut minute = 0;
        while self.now < end {
            let coming = self.world.asks.get(self.coming).map_or(end, |ask| ask.at);
            let due = self.desk.next_due().map_or(end, |due| due.0);
            let next = minute.min(self.until).min(coming).min(due).max(self.now).min(end);
            if let Some(crossing) = self.pass(next) {
                self.cross(crossing);
                continue;
            }
            if self.now >= self.until {
                self.end_phase();
            }
            while let Some(ask) = self.world.asks.get(self.coming).filter(|ask| ask.at <= self.now) {
                self.arrive(*ask);
            }
            let late = self.desk.expire(Micros(self.now)).len();
            self.tally.expired += u64::try_from(late).unwrap_or(0);
            if self.now >= minute {
                self.each_minute();
                minute += MINUTE;
            }
            self.begin();
        }
        self.tally.left = u64::try_from(self.desk.len()).unwrap_or(0) + u64::from(self.in_hand());
        self.tally.stored = self.store.joules() - before;
        self.tally.flows = self.store.flows;
        self.tally.books = self.books.settle_all(self.now);
        self.tally
    }

    fn moment(&self) -> Now {
        Now { mono: Micros(self.now), day: u32::try_from(self.now % DAY / SECOND).unwrap_or(0) }
    }

    fn draw(&self) -> Milliwatts {
        match self.phase {
            Phase::Off => Milliwatts::ZERO,
            Phase::Waiting => self.plant.idle,
            Phase::Starting | Phase::Loading(_) => self.plant.load,
            Phase::Reading(_) => self.plant.prefill,
            Phase::Writing(_) => self.plant.decode,
        }
    }

    fn doing(&self) -> Doing {
        match self.phase {
            Phase::Off | Phase::Waiting => Doing::Idle,
            Phase::Starting | Phase::Loading(_) => Doing::Overhead,
            Phase::Reading(hand) | Phase::Writing(hand) => Doing::Prompt(hand.ask.at),
        }
    }

    /// Time passes until `next`, or until the battery is empty or charged again.
    fn pass(&mut self, next: u64) -> Option<Crossing> {
        let draw = self.draw();
        let sun = self.world.sun_at(self.now);
        let up = !matches!(self.phase, Phase::Off);
        let (span, crossing) = self.store.pass(next - self.now, sun, self.plant.watts(draw), up);
        self.tally.passes(self.now, span, draw);
        self.books.pass(self.now, self.now + span, draw, self.doing());
        self.now += span;
        crossing
    }

    fn cross(&mut self, crossing: Crossing) {
        match crossing {
            Crossing::Empty => {
                self.tally.lost += u64::from(self.in_hand());
                self.tally.lost += u64::try_from(self.desk.close().len()).unwrap_or(0);
                self.books.settle_all(self.now);
                self.tally.brown_outs += 1;
                self.loaded = None;
                self.turn(Phase::Off, u64::MAX);
            }
            Crossing::Charged => {
                if let Some(hob) = self.player.hob() {
                    hob.restart();
                }
                let boot = count(self.scenario.board.boot_s * 1e6);
                self.turn(Phase::Starting, self.now + boot);
            }
        }
    }

    fn in_hand(&self) -> bool {
        matches!(self.phase, Phase::Loading(_) | Phase::Reading(_) | Phase::Writing(_))
    }

    fn turn(&mut self, phase: Phase, until: u64) {
        self.phase = phase;
        self.until = until;
    }

    fn arrive(&mut self, ask: Ask) {
        self.coming += 1;
        self.tally.asked += 1;
        if matches!(self.phase, Phase::Off | Phase::Starting) && self.now > 0 {
            self.tally.unheard += 1;
            return;
        }
        let moment = self.moment();
        if let Some(hob) = self.player.hob() {
            hob.steward.arrived(moment);
        }
        let due = ask.at + count(self.scenario.prompts.deadline_s * 1e6);
        let admitted = PromptId::new(self.coming.to_string())
            .is_ok_and(|id| self.desk.admit(id, Priority::Normal, Some(Micros(due)), (ask, due)).is_ok());
        self.tally.refused += u64::from(!admitted);
    }

    fn each_minute(&mut self) {
        let up = !matches!(self.phase, Phase::Off | Phase::Starting);
        let sun = self.world.sun_at(self.now);
        if up {
            let supply = self.senses.supply(self.plant, self.store.level(), sun);
            let moment = self.moment();
            if let Some(hob) = self.player.hob() {
                hob.steward.supply(moment, &supply);
            }
        }
        self.tally.minute(self.now, self.store.level(), sun, self.loaded);
    }
}
