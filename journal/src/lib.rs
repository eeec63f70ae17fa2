//! What Hob must not forget: prompts that were accepted and final messages that have not arrived.
//!
//! ```text
//!            take_in      begin        settle        sent          prune
//!  (nothing) ──────▶ received ──▶ running ──▶ answered ──▶ sent ──────▶ (nothing)
//!                        ▲           │            │  ▲
//!                        └─ put_back ┘ next_unsent└──┘ recall
//! ```
//!
//! An `SQLite` file written by one thread. Calls return at once; what became of them is told to a closure, on the
//! writer's thread, **after the commit is on the disk**. Calls within 20 ms share a commit.
//!
//! Promises, each held by a test in `tests/`:
//! 1. what was told `New` is there after a power cut at any moment, and so is every final message told `Stored`;
//! 2. an id has one final message, and a repeat of it is recognised as long as it is kept;
//! 3. a prompt that ended the process three times is poison and not begun again;
//! 4. when the quota is used up new prompts are refused; nothing that waits is dropped;
//! 5. a damaged file is moved aside, what is readable carried over, and the start goes on;
//! 6. a disk that is full, read-only or fails is a named state; nothing accepted is lost; it ends by itself.
//!
//! Deliberately absent: the meaning of payloads, MQTT, telemetry (kept elsewhere: it may be lost), clocks and async.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::as_conversions, reason = "tests may"))]

mod ask;
mod clock;
mod inbox;
mod journal;
mod repair;
mod schema;
mod store;
mod sum;
mod trouble;
mod writer;

pub use ask::{Ago, Ask, Begun, Entry, Limits, Place, Settled, Stamp, State, Taken};
pub use journal::Journal;
pub use schema::Beneath;
pub use trouble::{Aside, Health, Report, Trouble};
