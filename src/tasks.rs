//! One file a task; `house` puts them together.

pub(crate) mod desk;
pub(crate) mod embedding;
pub(crate) mod intake;
pub mod metering;
pub(crate) mod outbox;
pub mod supply;
pub(crate) mod telemetry;
pub(crate) mod thinking;
pub(crate) mod thrift;
