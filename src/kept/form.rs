//! The form in which things are kept: plain numbers, so that the next version can read them.

use hob_core::{
    battery,
    habits::Habits,
    ledger::Stored,
    levels::{Learned, LevelKey},
    odometer::Books,
    steward, sun,
    units::{Microjoules, Micros, Millis, Milliwatts, PartsPerMillion},
};
use serde::{Deserialize, Serialize};

/// All of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    levels: Vec<LevelForm>,
    habits: Option<HabitsForm>,
    sun: Option<SunForm>,
    battery: Option<BatteryForm>,
    /// Micrograms a kilowatt-hour: mean, low, high.
    stored: Option<[u64; 3]>,
    /// Microjoules: answers, overhead, idle.
    books: [u64; 3],
    /// The day, and what the books said when it began.
    morning: Option<(u64, [u64; 3])>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct LevelForm {
    model: String,
    level: String,
    prefill_uj: u64,
    decode_uj: u64,
    prefill_us: u64,
    decode_us: u64,
    load_us: u64,
    load_uj: u64,
    answers: u32,
    loads: u32,
    energy_error: u64,
    time_error: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct HabitsForm {
    hourly: [u32; 24],
    days: [u32; 24],
    prompt_tokens: u32,
    answer_tokens: u32,
    answer_spread: u32,
    patience_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SunForm {
    envelope_mw: Vec<u32>,
    clearness_ppm: u32,
    days: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct BatteryForm {
    held: i64,
    capacity: i64,
    learned: bool,
    since_full: Option<i64>,
    deviation: Option<i64>,
    resistance: i64,
}

impl Form {
    pub(super) fn steward(&self) -> steward::Saved {
        let mut habits = Habits::default();
        if let Some(form) = &self.habits {
            (habits.hourly, habits.days) = (form.hourly, form.days);
            (habits.prompt_tokens, habits.answer_tokens) = (form.prompt_tokens, form.answer_tokens);
            (habits.answer_spread, habits.patience) = (form.answer_spread, Millis(form.patience_ms));
        }
        let sun = self.sun.as_ref().and_then(|form| {
            let envelope: Vec<Milliwatts> = form.envelope_mw.iter().copied().map(Milliwatts).collect();
            let envelope = envelope.try_into().ok()?;
            Some(sun::Saved { envelope, clearness: PartsPerMillion(form.clearness_ppm), days: form.days })
        });
        steward::Saved { levels: self.levels.iter().map(LevelForm::learned).collect(), habits, sun: sun.unwrap_or_default() }
    }

    pub(super) fn set_steward(&mut self, saved: &steward::Saved) {
        self.levels = saved.levels.iter().map(LevelForm::of).collect();
        let Habits { hourly, days, prompt_tokens, answer_tokens, answer_spread, patience, .. } = saved.habits;
        self.habits = Some(HabitsForm { hourly, days, prompt_tokens, answer_tokens, answer_spread, patience_ms: patience.0 });
        let sun = &saved.sun;
        let envelope_mw = sun.envelope.iter().map(|power| power.0).collect();
        self.sun = Some(SunForm { envelope_mw, clearness_ppm: sun.clearness.0, days: sun.days });
    }

    pub(super) fn battery(&self) -> Option<battery::Saved> {
        let BatteryForm { held, capacity, learned, since_full, deviation, resistance } = self.battery.clone()?;
        Some(battery::Saved { held, capacity, learned, since_full, deviation, resistance })
    }

    pub(super) fn set_battery(&mut self, saved: battery::Saved) {
        let battery::Saved { held, capacity, learned, since_full, deviation, resistance } = saved;
        self.battery = Some(BatteryForm { held, capacity, learned, since_full, deviation, resistance });
    }

    pub(super) fn stored(&self) -> Option<Stored> {
        self.stored.map(|[mean, low, high]| Stored { mean, low, high })
    }

    pub(super) fn set_stored(&mut self, Stored { mean, low, high }: Stored) {
        self.stored = Some([mean, low, high]);
    }

    pub(super) fn books(&self) -> Books {
        let [answers, overhead, idle] = self.books.map(Microjoules);
        Books { answers, overhead, idle, ..Books::default() }
    }

    /// What the books said when this day began: now, if it is a new one.
    pub(super) fn morning(&mut self, day: u64, now: Books) -> Books {
        if self.morning.is_none_or(|(known, _)| known != day) {
            self.morning = Some((day, [now.answers.0, now.overhead.0, now.idle.0]));
        }
        let [answers, overhead, idle] = self.morning.map_or([0; 3], |(_, books)| books).map(Microjoules);
        Books { answers, overhead, idle, ..Books::default() }
    }

    pub(super) fn set_books(&mut self, books: Books) {
        self.books = [books.answers.0, books.overhead.0, books.idle.0];
    }
}

impl LevelForm {
    fn of((key, learned): &(LevelKey, Learned)) -> Self {
        Self {
            model: key.model.clone(),
            level: key.name.clone(),
            prefill_uj: learned.prefill_energy.0,
            decode_uj: learned.decode_energy.0,
            prefill_us: learned.prefill.0,
            decode_us: learned.decode.0,
            load_us: learned.load.0,
            load_uj: learned.load_energy.0,
            answers: learned.answers,
            loads: learned.loads,
            energy_error: learned.energy_error,
            time_error: learned.time_error,
        }
    }

    fn learned(&self) -> (LevelKey, Learned) {
        let key = LevelKey { model: self.model.clone(), name: self.level.clone() };
        let learned = Learned {
            prefill_energy: Microjoules(self.prefill_uj),
            decode_energy: Microjoules(self.decode_uj),
            prefill: Micros(self.prefill_us),
            decode: Micros(self.decode_us),
            load: Micros(self.load_us),
            load_energy: Microjoules(self.load_uj),
            answers: self.answers,
            loads: self.loads,
            energy_error: self.energy_error,
            time_error: self.time_error,
        };
        (key, learned)
    }
}
