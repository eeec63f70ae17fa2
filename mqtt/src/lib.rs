//! Hob's link to an MQTT broker: bytes in, bytes out.
//!
//! ```text
//!  Link::publish ──▶ queue ──▶ flight (≤ 8 unconfirmed) ──▶ ┐            ┌──▶ broker
//!  Delivery ◀────────────────── PUBACK ◀──────────────────── │ pump (one  │
//!  Events::recv ◀── messages, Up, Down ◀──────────────────── │ connection)│
//!  Ack::done ──▶ acks of this connection only ─────────────▶ ┘            └──◀ broker
//! ```
//!
//! Promises:
//! 1. a QoS 1 message is confirmed to its sender by the broker's PUBACK, or an error says why not; a lost
//!    connection, or a broker that forgot the session, only makes it travel again;
//! 2. a message taken in is confirmed to the broker only when [`Ack::done`] is called, so whoever stores
//!    it first loses nothing;
//! 3. every queue has a bound, and none of them can stop the pump;
//! 4. what the broker would not take is refused before it is queued, and cannot wedge the link.
//!
//! MQTT 5 is tried first, 3.1.1 is the fallback at run time. Of `rumqttc` only the packet codec is used
//! (`codec.rs` alone names it, so that a fork can take its place): its event loop loses unconfirmed
//! messages with the session and can lock itself up (rumqtt #1056, #1014).
//!
//! Deliberately absent: what the bytes mean (`hob-wire`), QoS 2 (ids make prompts idempotent), topic
//! aliases, WebSocket, and keeping anything over a restart of the process (the caller's store does that).

#![allow(clippy::doc_markdown, reason = "QoS is a word here, not code")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        reason = "tests may"
    )
)]

mod backoff;
pub mod child;
mod closing;
mod codec;
mod dial;
mod flight;
mod link;
mod message;
mod pump;
mod run;
mod settings;
mod tls;
mod why;

pub use child::{PrivateBroker, Probe, probe};
pub use link::{Ack, Delivery, DeliveryError, Event, Events, Incoming, Link, PublishError};
pub use message::{BadMessage, Message, Properties, Qos};
pub use settings::{BadSettings, Identity, LinkSettings, Login, Roots, Secret, Tls, Version, Versions};
pub use why::Why;
