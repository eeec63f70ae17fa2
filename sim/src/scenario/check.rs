//! What a scenario must keep to, and how it is said when it does not.
//!
//! Promises: every error names file, key, value and remedy. Deliberately absent: guessing what was meant.

use super::Scenario;

/// Why a scenario cannot be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadScenario {
    /// It is none of the shipped ones.
    #[error("there is no scenario {0}; there are: A, B, C, D, E, school, winter, grid; or give the path of a TOML file")]
    Unknown(String),
    /// The text is not TOML, lacks a key or has one too many; the cause shows the place.
    #[error("scenario {file}: {why}\ncorrect it; scenarios/B.toml lists every key")]
    Text {
        /// Whose text.
        file: String,
        /// With line, column and key.
        why: String,
    },
    /// A value is impossible.
    #[error("scenario {file}: {key} = {value} is not possible; {remedy}")]
    Value {
        /// Whose text.
        file: String,
        /// Dotted.
        key: String,
        /// As it was read.
        value: String,
        /// What to write instead.
        remedy: String,
    },
}

/// Checks what types cannot.
pub(super) fn check(file: &str, scenario: &Scenario) -> Result<(), BadScenario> {
    let check = Check(file);
    check.supply(scenario)?;
    check.prompts(scenario)?;
    check.board(scenario)
}

struct Check<'a>(&'a str);

impl Check<'_> {
    fn supply(&self, scenario: &Scenario) -> Result<(), BadScenario> {
        match (&scenario.battery, &scenario.sun, &scenario.grid) {
            (Some(battery), Some(sun), None) => {
                self.within("battery.capacity_wh", battery.capacity_wh, 1.0, 100_000.0)?;
                self.within("battery.converter", battery.converter, 0.3, 1.0)?;
                self.within("battery.start", battery.start, 0.0, 1.0)?;
                self.within("battery.cut_off", battery.cut_off, 0.0, 0.9)?;
                self.within("battery.restart", battery.restart, battery.cut_off + 0.001, 1.0)?;
                self.within("sun.peak_w", sun.peak_w, 0.0, 100_000.0)?;
                self.within("sun.noon_share", sun.noon_share, 0.0, 1.0)?;
                self.within("sun.daylight_h", sun.daylight_h, 1.0, 24.0)?;
                self.within("sun.clearness", sun.clearness, 0.01, 0.99)?;
                self.within("sun.spread", sun.spread, 0.0, 5.0)?;
                self.within("sun.persistence", sun.persistence, 0.0, 0.99)
            }
            (None, None, Some(_)) => Ok(()),
            (battery, sun, grid) => {
                let has = [("battery", battery.is_some()), ("sun", sun.is_some()), ("grid", grid.is_some())];
                let has: Vec<&str> = has.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
                let value = format!("[{}]", has.join(", "));
                Err(self.wrong("supply", value, "write [battery] and [sun], or [grid] alone"))
            }
        }
    }

    fn prompts(&self, scenario: &Scenario) -> Result<(), BadScenario> {
        let prompts = &scenario.prompts;
        self.within("prompts.per_day", prompts.per_day, 0.0, 20_000.0)?;
        self.within("prompts.weekend", prompts.weekend, 0.0, 10.0)?;
        self.within("prompts.tokens_in", prompts.tokens_in, 1.0, 100_000.0)?;
        self.within("prompts.tokens_out", prompts.tokens_out, 1.0, 100_000.0)?;
        self.within("prompts.spread", prompts.spread, 0.0, 2.0)?;
        self.within("prompts.max_tokens", f64::from(prompts.max_tokens), 1.0, 1_000_000.0)?;
        self.within("prompts.deadline_s", prompts.deadline_s, 1.0, 1_000_000.0)?;
        self.within("prompts.places", f64::from(prompts.places), 1.0, 10_000.0)?;
        for hour in prompts.hours {
            self.within("prompts.hours", hour, 0.0, 1e9)?;
        }
        self.within("sum of prompts.hours", prompts.hours.iter().sum(), 1e-6, 1e9)
    }

    fn board(&self, scenario: &Scenario) -> Result<(), BadScenario> {
        let board = &scenario.board;
        self.within("board.idle_w", board.idle_w, 0.01, 1_000.0)?;
        self.within("board.trimmed_w", board.trimmed_w, 0.01, board.idle_w)?;
        self.within("board.prefill_w", board.prefill_w, board.idle_w, 1_000.0)?;
        self.within("board.decode_w", board.decode_w, board.idle_w, 1_000.0)?;
        self.within("board.load_w", board.load_w, board.idle_w, 1_000.0)?;
        self.within("board.load_mb_s", board.load_mb_s, 0.1, 100_000.0)?;
        self.within("board.boot_s", board.boot_s, 0.0, 3_600.0)?;
        self.within("board.error", board.error, 0.0, 1.0)?;
        if scenario.level.is_empty() {
            return Err(self.wrong("level", "[]".to_owned(), "write at least one [[level]], or none of the key at all"));
        }
        for rung in &scenario.level {
            let key = |key: &str| format!("level.{key} of {}", rung.name);
            self.within(&key("size_gb"), rung.size_gb, 0.001, 1_000.0)?;
            self.within(&key("weights_b"), rung.weights_b, 0.001, 1_000.0)?;
            self.within(&key("quality"), rung.quality, 0.001, 1.0)?;
            self.within(&key("prefill_tok_s"), rung.prefill_tok_s, 0.001, 1e6)?;
            self.within(&key("decode_tok_s"), rung.decode_tok_s, 0.001, 1e6)?;
        }
        if scenario.level.is_sorted_by(|one, next| one.quality < next.quality) {
            return Ok(());
        }
        let order: Vec<&str> = scenario.level.iter().map(|rung| rung.name.as_str()).collect();
        Err(self.wrong("level", format!("[{}]", order.join(", ")), "order the levels by quality, poorest first, no two alike"))
    }

    fn within(&self, key: &str, value: f64, least: f64, most: f64) -> Result<(), BadScenario> {
        if (least..=most).contains(&value) {
            Ok(())
        } else {
            Err(self.wrong(key, value.to_string(), &format!("write a number from {least} to {most}")))
        }
    }

    fn wrong(&self, key: &str, value: String, remedy: &str) -> BadScenario {
        BadScenario::Value { file: self.0.to_owned(), key: key.to_owned(), value, remedy: remedy.to_owned() }
    }
}
