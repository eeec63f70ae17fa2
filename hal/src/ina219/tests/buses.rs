//! Buses that listen in, or fail.

use crate::ina219::chip::{BusError, SimulatedBus};
use embedded_hal::i2c::{ErrorType, I2c, Operation};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Notes the shape of every transaction: lengths, and the register that is meant.
#[derive(Clone)]
pub(super) struct Recording {
    pub(super) bus: SimulatedBus,
    pub(super) seen: Arc<Mutex<Vec<String>>>,
}

impl ErrorType for Recording {
    type Error = BusError;
}

impl I2c for Recording {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), Self::Error> {
        let shape: Vec<String> = operations
            .iter()
            .map(|operation| match operation {
                Operation::Write(bytes) => format!("w{}@{}", bytes.len(), bytes[0]),
                Operation::Read(bytes) => format!("r{}", bytes.len()),
            })
            .collect();
        self.seen.lock().unwrap().push(shape.join(" "));
        self.bus.transaction(address, operations)
    }
}

/// Fails one transaction, so many from now; it may have reached the chip all the same.
#[derive(Clone)]
pub(super) struct Failing {
    pub(super) bus: SimulatedBus,
    pub(super) in_so_many: Arc<AtomicUsize>,
    pub(super) lands: bool,
}

impl ErrorType for Failing {
    type Error = BusError;
}

impl I2c for Failing {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), Self::Error> {
        let left = self.in_so_many.load(Ordering::SeqCst);
        self.in_so_many.store(left.saturating_sub(1), Ordering::SeqCst);
        if left != 1 || self.lands {
            self.bus.transaction(address, operations)?;
        }
        if left == 1 { Err(BusError::NoAcknowledge) } else { Ok(()) }
    }
}
