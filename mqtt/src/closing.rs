//! When to end: asked for, then due.
//!
//! Promise: an owner that vanishes without a word counts as having asked, with a short grace.
//! Deliberately absent: what is done in between (`run`, `pump`).

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Grace for what is queued when every handle was dropped without a `close`.
const ORPHANED: Duration = Duration::from_secs(1);

/// What rang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bell {
    /// Take nothing more in, flush what there is.
    Asked,
    /// Leave now.
    Due,
}

/// Listens for the end.
#[derive(Debug)]
pub(crate) struct Closing {
    order: watch::Receiver<Option<Instant>>,
    until: Option<Instant>,
}

impl Closing {
    pub(crate) const fn new(order: watch::Receiver<Option<Instant>>) -> Self {
        Self { order, until: None }
    }

    pub(crate) const fn asked(&self) -> bool {
        self.until.is_some()
    }

    /// Rings once for asked, then for due (again and again). May be dropped and called again.
    pub(crate) async fn bell(&mut self) -> Bell {
        if let Some(until) = self.until {
            tokio::time::sleep_until(until).await;
            return Bell::Due;
        }
        let until = self.order.wait_for(Option::is_some).await.ok().and_then(|until| *until);
        self.until = Some(until.unwrap_or_else(|| Instant::now() + ORPHANED));
        Bell::Asked
    }
}
