//! The link as its users see it: publish, hear, confirm, close.
//!
//! Promises: [`Link::publish`] waits only for room in the queue; [`Link::try_publish`] and [`Ack::done`]
//! never wait; [`Events::recv`] may be dropped and called again without losing an event.
//! Deliberately absent: the work itself (`run`, `pump`).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::closing::Closing;
use crate::codec::Parcel;
use crate::dial::{Dial, Socket};
use crate::flight::Order;
use crate::message::{BadMessage, Message, Qos};
use crate::run::Runner;
use crate::settings::{BadSettings, LinkSettings, Version};
use crate::why::Why;

/// Messages that wait for a place in the flight.
const QUEUE: usize = 32;
/// Messages that wait to be sent or dropped.
const CHUNKS: usize = 128;
/// Unconfirmed messages from the broker that can be held, at least. 3.1.1 brokers choose their own number
/// (mosquitto: 20).
const HELD: usize = 64;

/// What both sides of the link look at.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Odd while connected; counts up with every connect and disconnect.
    pub(crate) epoch: AtomicU64,
    /// The longest packet that may be sent, in bytes.
    pub(crate) limit: AtomicU32,
    /// Messages that were dropped: chunks while the link was down or busy, and QoS 0 that nobody took out.
    pub(crate) dropped: AtomicU64,
}

impl Shared {
    pub(crate) fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// A handle on the link; copies share it. When all are dropped, what is queued is flushed for a second.
#[derive(Debug, Clone)]
pub struct Link {
    orders: mpsc::Sender<Order>,
    chunks: mpsc::Sender<Parcel>,
    shared: Arc<Shared>,
    close: Arc<watch::Sender<Option<Instant>>>,
    unsent: watch::Receiver<Option<usize>>,
}

impl Link {
    /// Starts to connect, and goes on until closed. Runs as a task of the current tokio runtime.
    ///
    /// `subscriptions` are made anew at every connection; [`Event::Up`] follows when they stand.
    ///
    /// # Errors
    ///
    /// [`BadSettings`] if no attempt could ever succeed. A broker that is away is no error.
    pub fn open(settings: LinkSettings, subscriptions: Vec<(String, Qos)>) -> Result<(Self, Events), BadSettings> {
        if let Some(tls) = &settings.tls {
            crate::tls::config(tls).map_err(BadSettings::Tls)?;
        }
        Self::open_over(Socket, settings, subscriptions)
    }

    pub(crate) fn open_over<D: Dial>(
        dial: D,
        settings: LinkSettings,
        subscriptions: Vec<(String, Qos)>,
    ) -> Result<(Self, Events), BadSettings> {
        settings.check(&subscriptions)?;
        let held = usize::from(settings.receive_maximum).max(HELD);
        let shared =
            Arc::new(Shared { epoch: AtomicU64::new(0), limit: AtomicU32::new(settings.max_packet), dropped: AtomicU64::new(0) });
        let (orders, orders_out) = mpsc::channel(QUEUE);
        let (chunks, chunks_out) = mpsc::channel(CHUNKS);
        let (acks, acks_out) = mpsc::channel(2 * held);
        let (inbox_in, inbox) = mpsc::channel(2 * held);
        let (status_in, status) = watch::channel(None);
        let (close, order) = watch::channel(None);
        let (unsent_in, unsent) = watch::channel(None);
        let runner = Runner {
            dial,
            filters: subscriptions,
            held,
            orders: orders_out,
            chunks: chunks_out,
            acks_in: acks,
            acks: acks_out,
            inbox: inbox_in,
            status: status_in,
            shared: Arc::clone(&shared),
            closing: Closing::new(order),
            unsent: unsent_in,
            flight: crate::flight::Flight::default(),
            preference: crate::dial::Preference::default(),
            backoff: crate::backoff::BackOff::new(settings.retry_ceiling, settings.retry_seed),
            settings,
        };
        tokio::spawn(runner.run());
        Ok((Self { orders, chunks, shared, close: Arc::new(close), unsent }, Events { status, inbox }))
    }

    /// Queues a message, waiting while the queue (32) is full, as it is when the link has been down for long.
    ///
    /// At QoS 1 the [`Delivery`] ends with the broker's confirmation, however many connections that takes;
    /// at QoS 0 when the message is handed to the connection.
    ///
    /// # Errors
    ///
    /// [`PublishError`]; nothing was queued.
    pub async fn publish(&self, message: Message) -> Result<Delivery, PublishError> {
        let parcel = self.parcel(message)?;
        let (reply, answer) = oneshot::channel();
        let order = Order { parcel, since: Instant::now(), reply };
        self.orders.send(order).await.map_err(|_| PublishError::Closed)?;
        Ok(Delivery(answer))
    }

    /// Sends a message at QoS 0 if that can be done at once, or drops and counts it: for stream chunks and telemetry.
    ///
    /// # Errors
    ///
    /// [`PublishError::Dropped`] if the link is down or too busy.
    pub fn try_publish(&self, mut message: Message) -> Result<(), PublishError> {
        message.qos = Qos::AtMostOnce;
        let parcel = self.parcel(message)?;
        let sent = if self.is_up() { self.chunks.try_send(parcel).is_ok() } else { false };
        if sent {
            return Ok(());
        }
        self.shared.drop_one();
        Err(if self.chunks.is_closed() { PublishError::Closed } else { PublishError::Dropped })
    }

    fn parcel(&self, message: Message) -> Result<Parcel, PublishError> {
        message.check()?;
        let parcel = Parcel::new(message);
        let (bytes, limit) = (parcel.size(), self.shared.limit.load(Ordering::Relaxed));
        if u32::try_from(bytes).is_ok_and(|bytes| bytes <= limit) {
            Ok(parcel)
        } else {
            Err(PublishError::TooLarge { bytes, limit })
        }
    }

    /// True while a broker has welcomed us.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.shared.epoch.load(Ordering::Relaxed) % 2 == 1
    }

    /// The longest packet (topic, properties and payload) that may be published, in bytes: our own limit, or the
    /// last broker's if that is lower.
    #[must_use]
    pub fn max_packet(&self) -> u32 {
        self.shared.limit.load(Ordering::Relaxed)
    }

    /// How many QoS 0 messages, out and in, were dropped since the link was opened.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Takes nothing more in, sends what is queued, waits for its confirmations, and disconnects.
    ///
    /// Returns within `grace` and at most 2 s, with the number of messages that were not confirmed; their
    /// [`Delivery`] says [`DeliveryError::Closed`]. The first call sets the grace. The will is not published,
    /// unless `will_on_close` is set.
    pub async fn close(&self, grace: Duration) -> usize {
        self.close.send_if_modified(|until| {
            let first = until.is_none();
            until.get_or_insert(Instant::now() + grace);
            first
        });
        let mut unsent = self.unsent.clone();
        unsent.wait_for(Option::is_some).await.ok().and_then(|count| *count).unwrap_or(0)
    }
}

/// Ends when the broker has confirmed the message. Dropping it takes nothing back.
#[derive(Debug)]
#[must_use = "without it nobody learns whether the message arrived"]
pub struct Delivery(oneshot::Receiver<Result<(), DeliveryError>>);

impl Future for Delivery {
    type Output = Result<(), DeliveryError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(DeliveryError::Closed)))
    }
}

/// Why a message was not taken. Nothing was queued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Its form is wrong.
    #[error(transparent)]
    Bad(#[from] BadMessage),
    /// Longer than the broker, or `max_packet`, allows.
    #[error("the message makes a packet of {bytes} bytes and {limit} are allowed: shorten it, or raise the limit")]
    TooLarge {
        /// Length of the packet.
        bytes: usize,
        /// What is allowed.
        limit: u32,
    },
    /// Only from [`Link::try_publish`]: the link is down or busy.
    #[error("the link is down or busy, and the message was not worth waiting for")]
    Dropped,
    /// The link is closed, or closing.
    #[error("the link is closed")]
    Closed,
}

/// Why a queued message will not be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The broker said no, with this MQTT 5 reason code (0x87: not authorised, 0x97: over quota, ...).
    #[error("the broker refused the message (reason code 0x{0:02x}): see its access rules and limits")]
    Refused(u8),
    /// A broker with a lower limit than the one before.
    #[error("the message makes a packet of {bytes} bytes and the broker allows {limit}: shorten it")]
    TooLarge {
        /// Length of the packet.
        bytes: usize,
        /// What is allowed.
        limit: u32,
    },
    /// Its expiry ran out before it was confirmed; it may have arrived all the same.
    #[error("the message expired before it was confirmed")]
    Expired,
    /// The broker closed the connection five times on this message: too long for it, or not allowed.
    #[error("the broker hangs up on this message: see its log for a size limit or an access rule")]
    HungUpOn,
    /// The link was closed first; it may have arrived all the same.
    #[error("the link was closed before the message was confirmed")]
    Closed,
}

/// What happens on the link.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Connected and subscribed. Messages that waited in the session may come before it.
    Up {
        /// What is spoken.
        version: Version,
        /// The broker still had our session.
        session_present: bool,
        /// The longest packet that may be sent, in bytes.
        max_packet: u32,
        /// Those of the subscriptions that the broker refused.
        refused: Vec<String>,
    },
    /// Not connected. Of several in a row only the last is told.
    Down {
        /// Why.
        why: Why,
        /// When the next attempt starts.
        again_in: Duration,
    },
    /// A message came.
    Message(Incoming),
    /// A message came that is longer than `max_packet`; it was confirmed and thrown away (3.1.1 only: a v5 broker
    /// throws it away itself).
    TooLarge {
        /// Its topic.
        topic: String,
        /// Length of its packet.
        bytes: usize,
    },
}

/// A message from the broker.
#[derive(Debug)]
pub struct Incoming {
    /// The message.
    pub message: Message,
    /// Confirms it.
    pub ack: Ack,
}

/// The right to confirm a message. Without it the broker sends the message again at the next connection.
#[derive(Debug)]
#[must_use = "an unconfirmed message comes again, and takes up one of receive_maximum"]
pub struct Ack {
    pub(crate) id: u16,
    pub(crate) epoch: u64,
    pub(crate) shared: Arc<Shared>,
    pub(crate) line: mpsc::Sender<(u64, u16)>,
}

impl Ack {
    /// Tells the broker that the message is in safe hands. Does nothing if the connection that it came on is
    /// gone (its number means another message by now; the broker sends it again) or at QoS 0.
    pub fn done(self) {
        if self.id != 0 && self.shared.epoch.load(Ordering::Relaxed) == self.epoch {
            // Full only of acks of dead connections, as at most half of it are unconfirmed on this one.
            let _sent = self.line.try_send((self.epoch, self.id));
        }
    }
}

/// Up or down, as last seen.
#[derive(Debug, Clone)]
pub(crate) enum Status {
    Up { version: Version, session_present: bool, max_packet: u32, refused: Vec<String> },
    Down { why: Why, again_in: Duration },
}

/// The ear of the link. Dropping it is fine for a link without subscriptions.
#[derive(Debug)]
pub struct Events {
    status: watch::Receiver<Option<Status>>,
    inbox: mpsc::Receiver<Event>,
}

impl Events {
    /// The next event; `None` when the link is closed and everything has been taken out.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                biased;
                Ok(()) = self.status.changed() => match self.status.borrow_and_update().clone() {
                    Some(Status::Up { version, session_present, max_packet, refused }) => {
                        return Some(Event::Up { version, session_present, max_packet, refused });
                    }
                    Some(Status::Down { why, again_in }) => return Some(Event::Down { why, again_in }),
                    None => {}
                },
                event = self.inbox.recv() => return event,
            }
        }
    }
}
