//! QoS 1 messages under way: sent or about to be, not yet confirmed.
//!
//! Promises:
//! 1. each parcel ends exactly once: confirmed, or with an error that says why not;
//! 2. no two parcels under way share a packet id, whatever order the broker confirms in;
//! 3. after a reconnect every unconfirmed parcel travels again, oldest first, under its old id;
//! 4. a parcel that makes the broker hang up five times in a row is given up, so it cannot wedge the link.
//!
//! Deliberately absent: sockets, and the queue before the flight (`pump`).

use std::collections::VecDeque;

use bytes::BytesMut;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::codec::Parcel;
use crate::codec::Sent;
use crate::link::DeliveryError;
use crate::settings::Version;
use crate::why::Why;

/// Most parcels under way; the broker may want fewer.
pub(crate) const WINDOW: usize = 8;
/// The id of SUBSCRIBE, which no parcel gets.
pub(crate) const SUBSCRIBE_ID: u16 = u16::MAX;
/// How often a broker may hang up on a parcel.
const CUTS: u8 = 5;

/// Tells the sender how it ended.
pub(crate) type Reply = oneshot::Sender<Result<(), DeliveryError>>;

/// A message on its way from the caller to the broker.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) parcel: Parcel,
    pub(crate) since: Instant,
    pub(crate) reply: Reply,
}

impl Order {
    /// Seconds left of its expiry; an error if none is.
    pub(crate) fn left(&self) -> Result<Option<u32>, DeliveryError> {
        let Some(expiry) = self.parcel.expiry() else { return Ok(None) };
        let waited = u32::try_from(self.since.elapsed().as_secs()).unwrap_or(u32::MAX);
        if waited > 0 && waited >= expiry { Err(DeliveryError::Expired) } else { Ok(Some(expiry - waited)) }
    }
}

#[derive(Debug)]
struct Slot {
    id: u16,
    /// On this connection.
    sent: bool,
    /// On an earlier one.
    sent_before: bool,
    /// How often the broker hung up while this was the oldest.
    cuts: u8,
    order: Order,
}

/// What the broker of this connection takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) version: Version,
    pub(crate) session_present: bool,
    pub(crate) max_packet: u32,
    pub(crate) window: usize,
    pub(crate) retains: bool,
}

/// The parcels under way.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    slots: VecDeque<Slot>,
    last_id: u16,
}

impl Flight {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if one more may be taken in. While the oldest is under suspicion it flies alone.
    pub(crate) fn room(&self, terms: &Terms) -> bool {
        self.slots.len() < self.allowed(terms)
    }

    fn allowed(&self, terms: &Terms) -> usize {
        if self.slots.front().is_some_and(|oldest| oldest.cuts > 0) { 1 } else { terms.window.min(WINDOW) }
    }

    /// Takes an order in; [`Self::send`] sends it.
    pub(crate) fn take(&mut self, order: Order) {
        let id = self.free_id();
        self.slots.push_back(Slot { id, sent: false, sent_before: false, cuts: 0, order });
    }

    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = if self.last_id >= SUBSCRIBE_ID - 1 { 1 } else { self.last_id + 1 };
            if self.slots.iter().all(|slot| slot.id != self.last_id) {
                return self.last_id;
            }
        }
    }

    /// Appends to `out` what may be sent now. What cannot be sent on these terms ends with its error.
    pub(crate) fn send(&mut self, terms: &Terms, out: &mut BytesMut) -> Result<(), Why> {
        let mut index = 0;
        while index < self.allowed(terms) {
            let Some(slot) = self.slots.get_mut(index) else { break };
            if slot.sent {
                index += 1;
                continue;
            }
            let again = slot.sent_before && terms.session_present;
            let sent = Sent { id: slot.id, again, retain: terms.retains };
            match fit(&slot.order, terms) {
                Ok(left) => {
                    slot.order.parcel.encode(terms.version, sent, left, out)?;
                    slot.sent = true;
                    index += 1;
                }
                Err(error) => self.end(index, Err(error)),
            }
        }
        Ok(())
    }

    /// The broker answered. An id that is not under way is an old answer, and no reason to hang up.
    pub(crate) fn confirmed(&mut self, id: u16, code: u8) {
        let Some(index) = self.slots.iter().position(|slot| slot.id == id && slot.sent) else {
            tracing::debug!(id, code, "a confirmation of nothing that is under way");
            return;
        };
        self.end(index, if code < 0x80 { Ok(()) } else { Err(DeliveryError::Refused(code)) });
    }

    /// The connection is gone; `hung_up` if the other side chose so.
    pub(crate) fn landed(&mut self, hung_up: bool) {
        if let Some(oldest) = self.slots.front_mut()
            && oldest.sent
            && hung_up
        {
            oldest.cuts += 1;
            if oldest.cuts >= CUTS {
                tracing::warn!(topic = %oldest.order.parcel.topic(), "given up: the broker hangs up on this message");
                self.end(0, Err(DeliveryError::HungUpOn));
            }
        }
        for slot in &mut self.slots {
            slot.sent_before |= slot.sent;
            slot.sent = false;
        }
    }

    fn end(&mut self, index: usize, how: Result<(), DeliveryError>) {
        if let Some(slot) = self.slots.remove(index) {
            let _nobody_waits = slot.order.reply.send(how);
        }
    }
}

/// The rest of the expiry, or why the order cannot be sent on these terms.
pub(crate) fn fit(order: &Order, terms: &Terms) -> Result<Option<u32>, DeliveryError> {
    let bytes = order.parcel.size();
    if bytes > usize::try_from(terms.max_packet).unwrap_or(usize::MAX) {
        return Err(DeliveryError::TooLarge { bytes, limit: terms.max_packet });
    }
    order.left()
}

#[cfg(test)]
mod tests;
