//! Why llama.cpp refused: its C functions return nothing but null, and say the reason in the log.
//!
//! Promise: what is logged meanwhile goes on to where logs go.
//!
//! Deliberately absent: logs of other threads.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    dispatcher::{get_default, with_default},
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::Interest,
};

/// The longest reason, in characters.
const MOST: usize = 300;

/// Does something and returns the first error that was logged on this thread meanwhile.
pub(super) fn of<T>(act: impl FnOnce() -> T) -> (T, Option<String>) {
    let heard = Arc::new(Mutex::new(None));
    let level = LevelFilter::current().max(LevelFilter::ERROR);
    let ear = Ear { inner: get_default(Clone::clone), level, heard: Arc::clone(&heard) };
    let outcome = with_default(&Dispatch::new(ear), act);
    let reason = heard.lock().unwrap_or_else(PoisonError::into_inner).take();
    (outcome, reason)
}

/// Listens to errors and passes everything on.
struct Ear {
    inner: Dispatch,
    level: LevelFilter,
    heard: Arc<Mutex<Option<String>>>,
}

impl Subscriber for Ear {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR || self.inner.enabled(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        if *event.metadata().level() == Level::ERROR {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            event.record(&mut Words(&mut heard));
        }
        if self.inner.enabled(event.metadata()) {
            self.inner.event(event);
        }
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        self.inner.new_span(span)
    }

    fn record(&self, span: &span::Id, values: &span::Record<'_>) {
        self.inner.record(span, values);
    }

    fn record_follows_from(&self, span: &span::Id, follows: &span::Id) {
        self.inner.record_follows_from(span, follows);
    }

    fn enter(&self, span: &span::Id) {
        self.inner.enter(span);
    }

    fn exit(&self, span: &span::Id) {
        self.inner.exit(span);
    }

    fn clone_span(&self, id: &span::Id) -> span::Id {
        self.inner.clone_span(id)
    }

    fn try_close(&self, id: span::Id) -> bool {
        self.inner.try_close(id)
    }
}

/// Keeps the first message.
struct Words<'heard>(&'heard mut Option<String>);

impl Visit for Words<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" && self.0.is_none() {
            let text = value.trim().trim_start_matches("error loading model: ");
            *self.0 = Some(text.chars().filter(|character| !character.is_control()).take(MOST).collect());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
