//! From one model to another.

use std::sync::Arc;

use hob_engine::{Event, Gauges, Head, Heads, Purpose, Spec};
use tokio::sync::mpsc;

use super::{Loaded, Taster, Thinking};
use crate::{gauge::Gauge, ladder::Rung};

impl Thinking {
    /// Loads a rung in place of what is loaded; on failure marks it broken. Only called with empty slots.
    pub(super) async fn switch_to(&mut self, rung: Rung) {
        let reserve = self.tools.rules.reserve;
        let both_fit = self.tools.memory.read().is_ok_and(|reading| reading.available.minus(reserve) >= rung.level.resident);
        if !both_fit {
            unload(self.loaded.take()).await;
        }
        let (model, level) = (rung.level.model.clone(), rung.level.name.clone());
        tracing::info!(model, level, keep_old = both_fit, "loading");
        let _idle = self.tools.gauge.take();
        let begun = self.tools.gauge.now();
        let outcome = self.load(&rung).await;
        self.tools.gauge.book_overhead(self.tools.gauge.take());
        match outcome {
            Ok(head) => {
                tracing::info!(model, level, ms = self.tools.gauge.now().minus(begun).millis().0, "loaded");
                unload(self.loaded.replace(Loaded { rung, head })).await;
            }
            Err(why) => {
                tracing::warn!(file = %rung.path.display(), why, "left out from now on");
                self.tools.ladder.mark_broken(&rung, why);
            }
        }
        self.show();
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
