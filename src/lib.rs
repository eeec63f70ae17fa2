//! The daemon minus the world: the house and its rooms.
//!
//! ```text
//!  broker ─▶ intake ─▶ desk ─▶ thinking ─▶ outbox ─▶ broker
//!                              ▲   ▲   ▲
//!          metering (accounts) ─┘   │   └─ steward: which level, when a seat is filled
//!                                supply (battery, sun)
//! ```
//!
//! Data flows one way. `tasks/` has a file for each box; [`house::run`] puts them together and closes them in
//! order: the stop token reaches only the sources, a stage ends when its inbox closes.
//!
//! Deliberately absent: payload formats (`hob-wire`), decisions (`hob-core`), inference (`hob-engine`).

pub mod broker;
pub mod carbon;
pub mod cli;
pub mod gauge;
pub mod house;
pub mod kept;
pub mod ladder;
pub mod messages;
pub mod settings;
pub mod store;
pub mod tasks;
