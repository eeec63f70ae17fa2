//! Inference: one loaded model with its slots, on its own thread.
//!
//! ```text
//!            think, cancel                          pieces, answers, errors
//! daemon ──────────────────▶ Head (its own thread) ─────────────────────────▶ daemon
//!                              │  template ─▶ tokens ─▶ sequences (what is known already)
//!                              │  batch of all slots ─▶ llama.cpp ─▶ sampler ─▶ text
//!                              └─ Gauges: the clock and the odometer
//! ```
//!
//! Promises: nothing a prompt or a model file holds ends the process or costs another prompt its answer;
//! a prompt that was taken gets exactly one [`Event::Answered`] or [`Event::Failed`]; an answer that must
//! match a schema or grammar does; every microjoule between two steps is billed to those who worked in it.
//!
//! Deliberately absent: which level to load and when (`core`, the daemon), files and their checksums
//! (`hob-shelf`), MQTT, tokio.

mod api;
mod grammar;
mod llama;
mod parrot;
mod quantize;
mod sequences;
mod template;
mod text;

pub use api::{Answer, Event, Events, Gauges, Head, Heads, LoadError, Purpose, Spec, ThinkError, Vectors};
pub use llama::{Llama, probe};
pub use parrot::{Parrot, ParrotHandle};
pub use quantize::{QUANTIZATIONS, Quantization, QuantizeError, quantize};
pub use template::{Template, TemplateError};
