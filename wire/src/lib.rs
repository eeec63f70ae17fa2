//! Topics and payloads of Hob, version 1.
//!
//! ```text
//! bytes + properties ─▶ request ─▶ Ask ─▶ [the house] ─▶ reply ─▶ JSON + properties
//!                          └──────▶ Refusal ────────────────▲
//! ```
//!
//! Promises, each held by a test:
//! 1. whatever bytes come in, the outcome is a checked [`request::Ask`] or a [`request::Refusal`] that can be
//!    sent back; never a panic;
//! 2. every payload fits its JSON Schema under `wire/schemas/`, in both directions, and every topic is a channel
//!    of `wire/asyncapi.json`;
//! 3. joules and grams are written exactly as they were counted;
//! 4. within version 1 fields are only added to what Hob publishes, so readers ignore what they do not know;
//!    what Hob reads is strict, so that a misspelt field is an error and not a surprise.
//!
//! Deliberately absent: sockets, brokers and acknowledgements (`hob-mqtt`), clocks and random numbers (ids and time
//! stamps are handed in), and any decision about an ask that is well formed.
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

pub mod decimal;
pub mod event;
mod json;
pub mod limits;
pub mod properties;
pub mod reply;
pub mod request;
mod shared;
pub mod state;
pub mod topics;

pub use shared::V1;

/// The version that every payload carries as `v`, and every message as the user property `hob-v`.
pub const VERSION: u32 = 1;
