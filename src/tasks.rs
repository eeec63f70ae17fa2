//! One file a task; `house` puts them together.

pub(crate) mod desk;
pub(crate) mod embedding;
pub(crate) mod intake;
pub(crate) mod metering;
pub(crate) mod outbox;
pub(crate) mod telemetry;
pub(crate) mod thinking;
