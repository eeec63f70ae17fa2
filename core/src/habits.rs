//! When prompts come and how long they are, learned from those that came.
//!
//! ```text
//! arrivals ─▶ 24 hours of the day, each a moving average over days ─▶ prompts expected in the quarter `ahead`
//! answers  ─▶ tokens of a usual prompt and a usual answer
//! ```
//!
//! Promises: hours in which the board was off teach nothing; an hour that was never seen is expected to be like the
//! others, the running one included, but for people who sleep; before anything was seen, six prompts an hour are.
//! Deliberately absent: days of the week, and who asks.

use crate::units::{Micros, Millis, Now};

#[cfg(test)]
mod tests;

const HOUR: Micros = Micros(3_600_000_000);
const HOURS: usize = 24;

/// A quarter of an hour, the step of all that is expected.
pub const QUARTER: Micros = Micros(900_000_000);

/// Expected of an hour before anything was seen, in thousandths of a prompt.
const FIRST_GUESS: u32 = 6_000;

/// How busy an hour of the night (0 to 6 h) is thought to be before it was seen, in percent of one of the day: people sleep.
const NIGHT: u64 = 25;
const NIGHT_ENDS: usize = 6;

/// Days that the average of an hour looks back on.
const DAYS: u32 = 7;

/// Answers that the average of tokens looks back on.
const ANSWERS: u32 = 50;

/// A call after a longer silence than this tells nothing of the time between: the board was off.
const SILENCE: Micros = Micros(600_000_000);

/// How often and how long people ask. Public fields are for keeping across restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// Prompts an hour, in thousandths, by hour of the day.
    pub hourly: [u32; HOURS],
    /// Days of which each hour was seen.
    pub days: [u32; HOURS],
    /// Tokens of a usual prompt, in thousandths.
    pub prompt_tokens: u32,
    /// Tokens of a usual answer, in thousandths.
    pub answer_tokens: u32,
    /// Mean distance of an answer's tokens from the usual, in thousandths.
    pub answer_spread: u32,
    /// How long a usual prompt may take, waiting included.
    pub patience: Millis,
    /// The hour that is being counted.
    counting: Option<Counting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counting {
    hour: usize,
    since: Micros,
    last: Micros,
    prompts: u32,
}

impl Default for Habits {
    /// A usual prompt of 80 tokens and answer of 120, and five minutes of patience (the power study, §5).
    fn default() -> Self {
        Self {
            hourly: [0; HOURS],
            days: [0; HOURS],
            prompt_tokens: 80_000,
            answer_tokens: 120_000,
            answer_spread: 40_000,
            patience: Millis(300_000),
            counting: None,
        }
    }
}

impl Habits {
    /// As it is kept across restarts: without the hour that is being counted.
    #[must_use]
    pub fn kept(&self) -> Self {
        Self { counting: None, ..self.clone() }
    }

    /// A prompt came.
    pub fn arrived(&mut self, now: Now) {
        self.passed(now);
        if let Some(counting) = &mut self.counting {
            counting.prompts = counting.prompts.saturating_add(1);
        }
    }

    /// Time passed with the board on; to be called at least every ten minutes.
    pub fn passed(&mut self, now: Now) {
        let hour = hour_of(now.day);
        let fresh = Counting { hour, since: now.mono, last: now.mono, prompts: 0 };
        match &mut self.counting {
            Some(counting) if now.mono.minus(counting.last) > SILENCE => *counting = fresh,
            Some(counting) if counting.hour == hour => counting.last = now.mono,
            Some(counting) => {
                let done = *counting;
                *counting = fresh;
                self.learn(done, now.mono);
            }
            None => self.counting = Some(fresh),
        }
    }

    /// An answer of so many tokens was given.
    pub fn answered(&mut self, prompt_tokens: u32, answer_tokens: u32) {
        let (prompt, answer) = (prompt_tokens.saturating_mul(1_000), answer_tokens.saturating_mul(1_000));
        let miss = answer.abs_diff(self.answer_tokens);
        self.prompt_tokens = toward(self.prompt_tokens, prompt, ANSWERS);
        self.answer_spread = toward(self.answer_spread, miss, ANSWERS);
        self.answer_tokens = toward(self.answer_tokens, answer, ANSWERS);
    }

    /// A prompt came with so much time until its deadline.
    pub fn hurried(&mut self, patience: Millis) {
        let millis = |span: Millis| u32::try_from(span.0).unwrap_or(u32::MAX);
        self.patience = Millis(u64::from(toward(millis(self.patience), millis(patience), ANSWERS)));
    }

    /// Tokens of a usual prompt.
    #[must_use]
    pub const fn usual_prompt(&self) -> u32 {
        self.prompt_tokens / 1_000
    }

    /// Tokens of a usual answer.
    #[must_use]
    pub const fn usual_answer(&self) -> u32 {
        self.answer_tokens / 1_000
    }

    /// Tokens that all but few answers do with.
    #[must_use]
    pub const fn ample_answer(&self) -> u32 {
        self.answer_tokens.saturating_add(self.answer_spread.saturating_mul(2)) / 1_000
    }

    /// Prompts expected in the quarter of an hour that is `ahead` quarters from now, in thousandths.
    #[must_use]
    pub fn expect(&self, now: Now, ahead: u32) -> u32 {
        let seconds = u64::from(now.day).saturating_add(u64::from(ahead).saturating_mul(900));
        let hour = hour_of(u32::try_from(seconds % 86_400).unwrap_or(0));
        self.in_hour(hour) / 4
    }

    /// Prompts expected in that hour of the day, in thousandths: what was seen of it, with one day's weight of the others.
    fn in_hour(&self, hour: usize) -> u32 {
        let rate = u64::from(self.hourly.get(hour).copied().unwrap_or(0));
        let days = u64::from(self.days.get(hour).copied().unwrap_or(0).min(DAYS));
        let others = self.by_day().saturating_mul(weight(hour)) / 100;
        u32::try_from((rate.saturating_mul(days).saturating_add(others)) / (days + 1)).unwrap_or(u32::MAX)
    }

    /// Prompts of an hour by day, in thousandths, as all hours tell that were seen, and the first guess as one of them.
    fn by_day(&self) -> u64 {
        let (mut prompts, mut hours) = (u64::from(FIRST_GUESS), 100);
        for (hour, (&rate, _)) in self.hourly.iter().zip(&self.days).enumerate().filter(|(_, (_, days))| **days > 0) {
            prompts = prompts.saturating_add(rate.into());
            hours += weight(hour);
        }
        if let Some(counting) = self.counting {
            prompts = prompts.saturating_add(u64::from(counting.prompts).saturating_mul(1_000));
            hours += weight(counting.hour) * counting.last.minus(counting.since).0.min(HOUR.0) / HOUR.0;
        }
        prompts.saturating_mul(100) / hours
    }

    /// Takes in an hour of which at least three quarters were seen.
    fn learn(&mut self, counted: Counting, until: Micros) {
        let seen = until.minus(counted.since);
        if seen.0 < HOUR.0 / 4 * 3 {
            return;
        }
        let rate =
            u64::from(counted.prompts).saturating_mul(1_000).saturating_mul(HOUR.0 / 1_000_000) / (seen.0 / 1_000_000).max(1);
        let rate = u32::try_from(rate).unwrap_or(u32::MAX);
        if let (Some(known), Some(days)) = (self.hourly.get_mut(counted.hour), self.days.get_mut(counted.hour)) {
            *days = days.saturating_add(1);
            *known = toward(*known, rate, (*days).min(DAYS));
        }
    }
}

/// What an hour of the day counts, in percent of one by day.
const fn weight(hour: usize) -> u64 {
    if hour < NIGHT_ENDS { NIGHT } else { 100 }
}

fn hour_of(day: u32) -> usize {
    usize::try_from(day / 3_600).unwrap_or(0) % HOURS
}

/// One part in `window` of the way from `known` to `seen`.
fn toward(known: u32, seen: u32, window: u32) -> u32 {
    let window = u64::from(window.max(1));
    u32::try_from((u64::from(known) * (window - 1) + u64::from(seen)) / window).unwrap_or(u32::MAX)
}
