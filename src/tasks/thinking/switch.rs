//! From one model to another, or to none.

use std::sync::Arc;

use hob_core::{
    thrift::{Offer, Pause, StepName, decide},
    units::{Micros, Millis},
};
use hob_engine::{Event, Head, Heads, Purpose, Spec};
use tokio::sync::mpsc;

use super::{Loaded, Taster, Thinking};
use crate::{gauge::Gauge, ladder::Rung};

impl Thinking {
    /// Loads a rung in place of what is loaded; on failure marks it broken. Only called with empty slots.
    pub(super) async fn switch_to(&mut self, rung: Rung) {
        let reserve = self.tools.reserve;
        let both_fit = self.tools.memory.read().is_ok_and(|reading| reading.available.minus(reserve) >= rung.level.resident);
        if !both_fit {
            unload(self.loaded.take()).await;
        }
        let (model, level) = (rung.level.model.clone(), rung.level.name.clone());
        tracing::info!(model, level, keep_old = both_fit, "loading");
        let since = self.tools.gauge.loading();
        let outcome = self.load(&rung).await;
        let took = self.tools.gauge.loaded(since);
        match outcome {
            Ok(head) => {
                tracing::info!(model, level, ms = took.millis().0, "loaded");
                // Booked as overhead a moment later; the last draw is near enough to learn from.
                let shown = self.tools.gauge.shown();
                let spent = shown.draw.unwrap_or_default().minus(shown.idle_draw).over(took);
                self.tools.steward.loaded(&rung.level.key(), took, spent);
                unload(self.loaded.replace(Loaded { rung, head })).await;
            }
            Err(why) => {
                tracing::warn!(file = %rung.path.display(), why, "left out from now on");
                self.tools.ladder.mark_broken(&rung, why);
            }
        }
        self.show();
    }

    /// Gives the model's memory back until the next prompt, if that is worth it.
    pub(super) async fn unload_if_idle(&mut self) {
        let Some(loaded) = self.loaded.as_ref().filter(|_| self.running.is_empty() && self.held.is_none()) else { return };
        let memory = self.tools.memory.read();
        let pause = Pause {
            idle_for: Micros(u64::try_from(self.at_rest.elapsed().as_micros()).unwrap_or(u64::MAX)),
            next_in: self.tools.steward.next_in(self.tools.gauge.today()),
            reload: self.tools.steward.reload(&loaded.rung.level.key()),
            memory_wanted: memory.is_ok_and(|memory| memory.pressure.is_some_and(|share| share >= self.tools.memory_wanted)),
        };
        let unload_step = [Offer { step: StepName::Unload, wake: Millis::ZERO }];
        for verdict in decide(&pause, &self.tools.thrift, &unload_step) {
            if verdict.why.takes() {
                tracing::info!(why = verdict.why.as_str(), "nobody asks: the model is unloaded");
                unload(self.loaded.take()).await;
                self.show();
            }
        }
    }

    async fn load(&self, rung: &Rung) -> Result<Box<dyn Head>, String> {
        let engine = &self.tools.engine;
        let spec = Spec {
            file: rung.path.clone(),
            purpose: Purpose::Answer,
            slots: engine.slots,
            context: engine.context,
            batch: engine.batch,
            threads: engine.threads,
        };
        load(&self.tools.heads, &self.tools.taster, spec, &self.tools.gauge, self.events.0.clone()).await
    }
}

/// Lets a model go; its thread ends meanwhile.
async fn unload(old: Option<Loaded>) {
    if let Some(old) = old {
        let _gone = tokio::task::spawn_blocking(move || drop(old)).await;
    }
}

/// Tries the file in a process of its own, then loads it. What the head says goes to `events`.
pub(crate) async fn load(
    heads: &Arc<dyn Heads>,
    taster: &Taster,
    spec: Spec,
    gauge: &Arc<Gauge>,
    events: mpsc::Sender<Event>,
) -> Result<Box<dyn Head>, String> {
    let (heads, taster, gauge) = (Arc::clone(heads), taster.clone(), Arc::clone(gauge));
    let say = move |event| {
        if let Err(mpsc::error::TrySendError::Full(event)) = events.try_send(event) {
            // The head's own thread: waiting here slows the engine down to its listeners.
            let _gone = events.blocking_send(event);
        }
    };
    let work = move || {
        (taster.prober)(&spec.file)?;
        let file = spec.file.clone();
        let progress = move |percent: u8| (taster.loading)(&file, percent);
        heads.load(&spec, gauge, Box::new(say), Box::new(progress)).map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(format!("loading broke off: {error}")))
}
