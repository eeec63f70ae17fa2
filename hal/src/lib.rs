//! The board under Hob: what it draws, what memory it has left, how warm it is, what it can switch off.
//!
//! ```text
//!  chip ──I2C──▶ ina219 ─┬▶ line, gain ─┐
//!  kernel ─────▶ hwmon  ─┘              │                     memory ─▶ policy
//!  CPU package ▶ rapl   ────────────────┼─▶ Meter ─▶ metering board  ─▶ telemetry, doctor
//!  CPU time ───▶ model  ────────────────┤                     thrift ◀─ core's thrift
//!  (pretend) ─▶ simulated ──────────────┘
//! ```
//!
//! Promises: no panic, and one `unsafe` call (`mailbox`); a thing that is missing is absent, never zero;
//! every reading says where it came from and within which bound; time and paths are arguments, so tests
//! neither sleep nor need a board.
//!
//! Deliberately absent: async, threads and beats (the daemon's tasks), integrating power to energy
//! (`hob-core`), and any decision about what to do with a reading.

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

pub mod board;
pub mod clock;
pub mod gain;
pub mod hwmon;
pub mod ina219;
pub mod line;
mod mailbox;
pub mod memory;
pub mod meter;
pub mod model;
pub mod open;
pub mod rapl;
pub mod shunt;
pub mod simulated;
mod sysfs;
pub mod thrift;
