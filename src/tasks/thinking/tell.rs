//! What a decision looks like from outside: the table when it changed, and each time a sentence.

use std::time::{Duration, SystemTime};

use hob_core::{
    levels::Level,
    policy::{Decision, Means, Mode, Refusal, Row, sentence},
    steward::Supply,
    units::{Micros, Now},
};
use hob_engine::Gauges;
use hob_wire::{
    V1,
    decimal::Decimal,
    state::{Candidate, Info, LevelState, Outlook, Why, mode_word},
};

use super::{
    Thinking,
    refusal::{is_its_own, word},
};
use crate::{ladder::Rung, messages::Told, tasks::outbox::timestamp};

/// What of a choice is worth publishing again when it changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Published {
    mode: Mode,
    until: Option<Micros>,
    level: Option<(String, String)>,
    why: &'static str,
    verdicts: Vec<(String, String, String)>,
}

/// A decision as it came out, for publishing.
pub(super) struct Outcome<'a> {
    picked: Option<&'a Rung>,
    why: &'static str,
    sentence: String,
    /// What was compared; nothing if it was the prompt's own limits that could not be kept: the level stays what it is.
    table: Option<&'a [Row]>,
}

impl<'a> Outcome<'a> {
    pub(super) fn of(decided: &'a Result<Decision, Refusal>, rungs: &'a [Rung], now: Now, supply: &Supply) -> Self {
        match decided {
            Ok(decision) => {
                let ladder: Vec<Level> = rungs.iter().map(|rung| rung.level.clone()).collect();
                Self {
                    picked: rungs.get(decision.picked),
                    why: decision.reason.as_str(),
                    sentence: sentence(decision, &ladder, now, supply),
                    table: Some(&decision.table),
                }
            }
            Err(refusal) => {
                let table = (!is_its_own(refusal)).then_some(&[][..]);
                Self { picked: None, why: word(refusal), sentence: format!("Not answered, because {refusal}."), table }
            }
        }
    }
}

impl Thinking {
    /// What this device is and has, now.
    pub(super) async fn tell_info(&mut self) {
        let info = Info { models: self.tools.ladder.models().to_vec(), ..self.tools.info.clone() };
        self.tell(Told::Info(Box::new(info))).await;
    }

    /// The table, if it differs from what was told before; the sentence, if somebody asked.
    pub(super) async fn publish(&mut self, outcome: &Outcome<'_>, rungs: &[Rung], means: &Means, asked: bool) {
        if asked {
            let (sentence, why) = (outcome.sentence.clone(), outcome.why.to_owned());
            self.tell(Told::Why(Box::new(Why { v: V1, sentence, why, ts: timestamp() }))).await;
        }
        let Some(table) = outcome.table else { return };
        let candidates = self.candidates(table, rungs);
        let mode = self.tools.steward.mode().clone();
        let names = |rung: &Rung| (rung.level.model.clone(), rung.level.name.clone());
        let verdicts = candidates.iter().map(|one| (one.model.clone(), one.level.clone(), one.why.clone())).collect();
        let (level, until) = (outcome.picked.map(names), self.until);
        let published = Published { mode: mode.clone(), until, level, why: outcome.why, verdicts };
        if self.published.as_ref() == Some(&published) {
            return;
        }
        let (model, level) = published.level.clone().unzip();
        self.published = Some(published);
        let state = LevelState {
            v: V1,
            mode: mode_word(&mode).to_owned(),
            expires: self.expires(),
            model,
            level,
            why: outcome.why.to_owned(),
            ram_free_mib: Decimal::mebibytes(means.memory.minus(self.tools.reserve)),
            power_left_w: means.power.map(Into::into),
            candidates,
            ts: timestamp(),
        };
        self.tell(Told::Level(Box::new(state))).await;
    }

    fn candidates(&self, table: &[Row], rungs: &[Rung]) -> Vec<Candidate> {
        let row = |place: usize| table.get(place);
        let mut candidates: Vec<Candidate> = rungs.iter().enumerate().map(|(place, rung)| candidate(rung, row(place))).collect();
        let broken = self.tools.ladder.broken();
        candidates.extend(broken.map(|(rung, _)| Candidate { why: "broken".into(), ..candidate(rung, None) }));
        candidates
    }

    /// When the mode falls back, by the civil clock.
    fn expires(&self) -> Option<String> {
        timestamp()?;
        let left = self.until?.minus(self.tools.gauge.now());
        let at = SystemTime::now().checked_add(Duration::from_micros(left.0))?;
        Some(humantime::format_rfc3339_seconds(at).to_string())
    }
}

fn candidate(rung: &Rung, row: Option<&Row>) -> Candidate {
    let verdict = row.map_or("short", |row| row.verdict.as_str());
    Candidate {
        model: rung.level.model.clone(),
        level: rung.level.name.clone(),
        resident_mib: Decimal::mebibytes(rung.level.resident),
        draw_w: Some(rung.level.draw.into()),
        quality_pct: rung.level.quality.map(Into::into),
        j_per_answer: row.map(|row| row.usual.energy.into()),
        s_per_answer: row.map(|row| Decimal(i64::try_from(row.usual.time.millis().0).unwrap_or(i64::MAX))),
        outlook: row.and_then(|row| row.outlook).map(outlook),
        fits: ["chosen", "fits", "hold", "stress", "dominated"].contains(&verdict),
        why: verdict.to_owned(),
    }
}

fn outlook(outlook: hob_core::forecast::Outlook) -> Outlook {
    let count = |number: u64| Decimal(i64::try_from(number).unwrap_or(i64::MAX));
    Outlook {
        score: Decimal(outlook.score),
        served: count(outlook.served),
        expected: count(outlook.expected),
        brown_outs: count(outlook.brown_outs.into()),
        trough_pct: outlook.trough.into(),
    }
}
