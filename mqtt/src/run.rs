//! The life of a link: connect, serve, rest, again, until closed.
//!
//! Promises: it ends when closing is due, whatever it is doing; what is queued or under way survives every
//! reconnect; it waits longer after failures that only a person can mend.
//! Deliberately absent: what happens on a connection (`pump`).

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::backoff::BackOff;
use crate::closing::{Bell, Closing};
use crate::codec::Parcel;
use crate::dial::{Connection, Dial, Preference, connect};
use crate::flight::{Flight, Order};
use crate::link::{Event, Shared, Status};
use crate::message::Qos;
use crate::settings::LinkSettings;
use crate::why::Why;

/// Everything that outlives a connection.
pub(crate) struct Runner<D> {
    pub(crate) dial: D,
    pub(crate) settings: LinkSettings,
    pub(crate) filters: Vec<(String, Qos)>,
    /// How many unconfirmed messages from the broker can be held.
    pub(crate) held: usize,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) chunks: mpsc::Receiver<Parcel>,
    pub(crate) acks_in: mpsc::Sender<(u64, u16)>,
    pub(crate) acks: mpsc::Receiver<(u64, u16)>,
    pub(crate) inbox: mpsc::Sender<Event>,
    pub(crate) status: watch::Sender<Option<Status>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) closing: Closing,
    pub(crate) unsent: watch::Sender<Option<usize>>,
    pub(crate) flight: Flight,
    pub(crate) preference: Preference,
    pub(crate) backoff: BackOff,
}

impl<D: Dial> Runner<D> {
    pub(crate) async fn run(mut self) {
        while let Some(outcome) = self.attempt().await {
            let why = match outcome {
                Err(why) => why,
                Ok(connection) => match self.serve(connection).await {
                    Err(why) => why,
                    Ok(()) => break,
                },
            };
            let nothing_left = self.closing.asked() && self.idle();
            if nothing_left || !self.rest(why).await {
                break;
            }
        }
        self.close_inlets();
        let count = self.flight.len() + self.orders.len();
        if count > 0 {
            tracing::warn!(messages = count, "closed with messages that the broker has not confirmed");
        }
        self.unsent.send_replace(Some(count));
    }

    /// One attempt to connect; `None` if it is time to end.
    async fn attempt(&mut self) -> Option<Result<Connection, Why>> {
        let attempt = connect(&mut self.dial, &self.settings, &mut self.preference);
        tokio::pin!(attempt);
        loop {
            tokio::select! {
                outcome = &mut attempt => return Some(outcome),
                bell = self.closing.bell() => {
                    self.orders.close();
                    self.chunks.close();
                    if bell == Bell::Due || (self.orders.is_empty() && self.flight.len() == 0) {
                        return None;
                    }
                }
            }
        }
    }

    /// Says why, and waits before the next attempt; false if it is time to end.
    async fn rest(&mut self, why: Why) -> bool {
        let again_in = self.backoff.next(why.hopeless());
        let ms = u64::try_from(again_in.as_millis()).unwrap_or(u64::MAX);
        if why.hopeless() {
            tracing::warn!(broker = %self.settings.host, again_in_ms = ms, remedy = why.remedy(), "link down: {why}");
        } else {
            tracing::info!(broker = %self.settings.host, again_in_ms = ms, "link down: {why}");
        }
        self.status.send_replace(Some(Status::Down { why, again_in }));
        let until = Instant::now() + again_in;
        tokio::select! {
            () = tokio::time::sleep_until(until) => true,
            bell = self.closing.bell() => {
                self.close_inlets();
                bell == Bell::Asked && !self.idle()
            }
        }
    }

    pub(crate) fn close_inlets(&mut self) {
        self.orders.close();
        self.chunks.close();
    }

    /// True if nothing waits for the broker.
    pub(crate) fn idle(&self) -> bool {
        self.orders.is_empty() && self.flight.len() == 0
    }
}

#[cfg(test)]
mod tests;
