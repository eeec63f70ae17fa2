//! What this crate promises to those who speak to Hob: payloads are what the schemas say, in both directions; whatever
//! comes in is answered; the AsyncAPI document is true.
//!
//! Deliberately absent: brokers. Payloads are plain bytes here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests may"
)]

mod anything;
mod asks;
mod asyncapi;
mod commands;
mod examples;
mod invalid;
mod paper;
mod refusals;
mod valid;
