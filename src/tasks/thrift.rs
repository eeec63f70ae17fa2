//! Source: what is switched off while nobody asks, and on again with the first prompt.
//!
//! ```text
//! waiting, running (watch) ─▶ how long idle ─▶ decide (core) ─▶ files of the board (hal)
//! ```
//!
//! Promise: everything is undone when this ends; what a killed process left is undone when the next one starts.
//! Deliberately absent: unloading the model (`thinking` has it), the decision (`hob_core::thrift`).

use std::{path::PathBuf, sync::Arc, time::Duration};

use hob_core::{
    thrift::{Pause, StepName, ThriftRules, decide, taken},
    units::{Micros, Millis},
};
use hob_engine::Gauges;
use hob_hal::thrift::{Report, Thrift};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{desk::Queue, thinking::Serving};
use crate::{gauge::Gauge, settings};

const BEAT: Duration = Duration::from_secs(1);
/// The journal that undoes what a killed process switched.
const JOURNAL: &str = "thrift.journal";

/// What it watches and tells.
pub(crate) struct Around {
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) waiting: watch::Receiver<Queue>,
    pub(crate) serving: watch::Receiver<Serving>,
    /// The steps that are taken now.
    pub(crate) steps: watch::Sender<Vec<StepName>>,
}

/// The owner's rules.
#[must_use]
pub(crate) fn rules(settings: &settings::Thrift) -> ThriftRules {
    ThriftRules {
        steps: settings.steps.iter().filter_map(|word| step(word)).collect(),
        after: Millis(settings.after_s.saturating_mul(1_000)),
        longest_wake: Millis(settings.longest_wake_ms),
        keep_alive: Millis(settings.keep_alive_s.saturating_mul(1_000)),
        ..ThriftRules::default()
    }
}

/// A step by its word.
#[must_use]
pub(crate) fn step(word: &str) -> Option<StepName> {
    StepName::ALL.into_iter().find(|step| step.as_str() == word)
}

/// Runs until the stop token; then everything is as it was.
pub(crate) async fn run(root: PathBuf, state: PathBuf, rules: ThriftRules, mut around: Around, stop: CancellationToken) {
    // Also without any rule: what a killed process left behind is undone.
    let recovered = tokio::task::spawn_blocking(move || Thrift::recover(&root, &state.join(JOURNAL)));
    let Ok((mut thrift, report)) = recovered.await else { return };
    tell(&report);
    let rules = ThriftRules { steps: rules.steps.into_iter().filter(|step| *step != StepName::Unload).collect(), ..rules };
    if rules.steps.is_empty() {
        return;
    }
    for (step, why) in thrift.off().into_iter().filter(|(step, _)| rules.steps.contains(step)) {
        tracing::warn!(step = step.as_str(), why, "this step of thrift.steps is not possible here");
    }
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut busy, mut busy_until) = (false, around.gauge.now());
    let mut tried = Vec::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Ok(()) = around.waiting.changed() => {}
            Ok(()) = around.serving.changed() => {}
            _ = beat.tick() => {}
        }
        let now = around.gauge.now();
        let was_busy = busy;
        busy = around.waiting.borrow_and_update().count > 0 || around.serving.borrow_and_update().running > 0;
        if busy || was_busy {
            busy_until = now;
        }
        let idle_for = if busy { Micros::ZERO } else { now.minus(busy_until) };
        let wanted = taken(&decide(&Pause { idle_for, ..Pause::default() }, &rules, &thrift.offers()));
        let left = thrift.taken().iter().any(|step| !wanted.contains(step));
        // A step that failed is not tried again before the next pause; one that would not be undone is.
        if std::mem::replace(&mut tried, wanted.clone()) == wanted && !left {
            continue;
        }
        let changed = tokio::task::spawn_blocking(move || {
            let report = thrift.want(&wanted);
            (thrift, report)
        });
        let Ok((back, report)) = changed.await else { return };
        thrift = back;
        tell(&report);
        around.steps.send_replace(thrift.taken());
    }
    let _undone = tokio::task::spawn_blocking(move || drop(thrift)).await;
}

fn tell(report: &Report) {
    let words = |steps: &[StepName]| steps.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(", ");
    if !report.taken.is_empty() {
        tracing::info!(steps = words(&report.taken), "nobody asks: switched to save power");
    }
    if !report.undone.is_empty() {
        tracing::info!(steps = words(&report.undone), "switched back");
    }
    for note in &report.notes {
        tracing::warn!(note, "saving power");
    }
}
