//! What Hob's decisions and accounts are worth, found out without a board.
//!
//! ```text
//! scenario (TOML) ─▶ world: weather, battery, arrivals, board ─▶ the real desk, steward and accounts ─▶ report
//! trace  ─▶ register-level INA219 ─▶ the real driver and accounts ─▶ metering error
//! cell   ─▶ register-level INA219 ─▶ the real battery estimator   ─▶ charge error
//! ```
//!
//! Promises: the same seed gives the same result; what is judged (`hob_core`) is never copied here.
//! Deliberately absent: any decision of Hob's.

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

mod books;
pub mod budget;
pub mod cell;
pub mod charge;
pub mod chart;
pub mod dice;
pub mod faults;
pub mod metering;
pub mod number;
pub mod oracle;
pub mod plant;
pub mod player;
pub mod report;
mod run;
pub mod scenario;
pub mod simulate;
pub mod store;
pub mod tally;
pub mod trace;
pub mod world;
