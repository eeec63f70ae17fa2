//! Opening an INA219 on a Linux I2C bus, and saying what is wrong when that fails.
//!
//! Deliberately absent: what to do instead (`open`).

use super::wire::Wire;
use super::{Ina219, Wiring};
use crate::clock::Clock;
use crate::line::Line;
use crate::meter::{Meter, MeterError};
use crate::open::{Absent, Note};
use ::ina219::errors::InitializationErrorReason;
use embedded_hal::i2c::I2c;
use linux_embedded_hal::i2cdev::linux::LinuxI2CError;
use std::io;
use std::path::Path;

/// Opens the chip on a bus such as `/dev/i2c-1`, and adds to `notes` what is odd about its first reading.
pub(crate) fn open(bus: &Path, wiring: Wiring, line: Line, clock: &Clock, notes: &mut Vec<Note>) -> Result<Ina219<Wire>, Absent> {
    let (at, address) = (|| bus.to_owned(), wiring.address.as_byte());
    let dev = Wire::open(bus).map_err(|error| Absent::NoBus { bus: at(), cause: cause(&error) })?;
    let meter = Ina219::new(dev, wiring).map_err(|reason| match reason {
        InitializationErrorReason::I2cError(error) => refusal(bus, address, cause(error.inner())),
        reason => Absent::NotAnIna219 { bus: at(), address, reason: format!("{reason:?}") },
    })?;
    let mut meter = meter.within(line).checked_by(clock.clone());
    notes.extend(first_impression(&mut meter).map(Note::doubting));
    Ok(meter)
}

/// Asks until the first conversion has ended and says what is odd about it, if anything.
///
/// Asking once takes 0.15 to 1.5 ms on the wire and the conversion 69 ms, so a thousand times is ample.
pub(super) fn first_impression<B: I2c + Send + 'static>(meter: &mut Ina219<B>) -> Option<String> {
    let mut asked = (0..1_000).map(|_| meter.read());
    match asked.find(|reading| !matches!(reading, Err(MeterError::NotReady)))? {
        Ok(reading) => meter.line.doubt(&reading),
        Err(error) => Some(format!("the first reading failed: {error}")),
    }
}

/// Why a chip could not be talked to on a bus that could be opened.
fn refusal(bus: &Path, address: u8, cause: io::Error) -> Absent {
    let bus = bus.to_owned();
    match cause.kind() {
        io::ErrorKind::ResourceBusy => Absent::Busy { bus, address },
        _ => Absent::NoAnswer { bus, address, cause },
    }
}

fn cause(error: &LinuxI2CError) -> io::Error {
    let errno = match error {
        LinuxI2CError::Errno(errno) => Some(*errno),
        LinuxI2CError::Io(error) => error.raw_os_error(),
    };
    errno.map_or_else(|| io::Error::other(error.to_string()), io::Error::from_raw_os_error)
}

#[test]
fn an_address_that_the_kernel_holds_is_told_from_one_where_nothing_answers() {
    let absent = |errno| refusal(Path::new("/dev/i2c-1"), 0x40, cause(&LinuxI2CError::Errno(errno)));
    assert!(matches!(absent(16), Absent::Busy { address: 0x40, .. }), "EBUSY");
    assert!(matches!(absent(121), Absent::NoAnswer { address: 0x40, .. }), "EREMOTEIO");
}
