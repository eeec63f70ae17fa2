//! What Hob decides, as pure functions over plain values.
//!
//! ```text
//! prompt ─▶ desk ─▶ policy (which level) ─▶ [engine] ─▶ odometer (whose joules) ─▶ ledger (grams)
//! ```
//!
//! Promises: no I/O, no clock (time is an argument), no threads, no floats in accounts, no panic.
//! Deliberately absent: reading the board (`hob-hal`), payload formats (`hob-wire`), inference (`hob-engine`).

pub mod accounts;
pub mod battery;
pub mod desk;
pub mod forecast;
pub mod grid;
pub mod habits;
pub mod ledger;
pub mod levels;
pub mod odometer;
pub mod policy;
pub mod prompt;
pub mod steward;
pub mod sun;
pub mod thrift;
pub mod units;
