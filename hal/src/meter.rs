//! A power meter: what every source of power readings can do, and how it fails.
//!
//! Promises: a reading says how it was come by (see [`Reading`]); a meter says which it is and how far
//! off it may be. Deliberately absent: the beat, stamps and energy, which are the metering task's.

use hob_core::units::{BasisPoints, Micros, Milliamps, Millivolts, Milliwatts};
use std::io;
use std::path::PathBuf;

/// Reads the power that the board draws.
///
/// A read blocks, for up to two milliseconds on a 100 kHz I2C bus and for as long as the controller waits
/// (a second on a Pi) on one that is stuck: keep it off async threads.
pub trait Meter: Send + 'static {
    /// The draw, averaged over the last window that ended.
    ///
    /// # Errors
    ///
    /// [`MeterError`]; every variant is worth a retry at the next beat.
    fn read(&mut self) -> Result<Reading, MeterError>;

    /// Where the readings come from. It stays the same as long as the meter lives.
    fn source(&self) -> Source;

    /// How far the energy of an answer may be off what a wall meter would say: the bound of a k = 2
    /// (95 %) interval, in hundredths of a percent of the energy, before what sampling adds.
    fn bound(&self) -> BasisPoints;

    /// What sampling adds to the bound, at 20 readings a second and for an answer of 15 s; it shrinks
    /// with the root of the answer's length, and both add up as the root of their squares. Nothing where
    /// a counter is read.
    fn sampling(&self) -> BasisPoints {
        BasisPoints::ZERO
    }
}

/// One look at a meter.
#[allow(clippy::struct_excessive_bools, reason = "four things that happen, each without the others")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The draw; current towards the supply within the sensor's offset reads as zero.
    pub power: Milliwatts,
    /// The draw is the average over so long a time, which ended less than one more such time before
    /// the reading.
    pub window: Micros,
    /// A window ended since the last reading. If not, `power` is that of the last reading again.
    pub fresh: bool,
    /// The sensor is at the end of its range: the true draw is higher.
    pub clipped: bool,
    /// The sensor had lost its configuration (a brown-out) and has it again; what was read since the
    /// last check, at most about 10 s ago, may have been averaged over less time.
    pub sensor_reset: bool,
    /// The sensor did not see what the board draws (it sits in the battery's line, and something else
    /// feeds the board): `power` is what the model without a sensor says, and no better than that.
    pub inferred: bool,
    /// What the sensor saw in its line; absent where nothing of the kind is seen.
    pub supply: Option<Supply>,
}

/// What a sensor sees in the line it sits in, as measured: no gain is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supply {
    /// Voltage behind the shunt.
    pub volts: Millivolts,
    /// Current; above zero towards the board, so that a battery that is charged has a negative one.
    pub current: Milliamps,
}

impl Reading {
    /// A fresh reading without events.
    #[must_use]
    pub const fn plain(power: Milliwatts, window: Micros) -> Self {
        Self { power, window, fresh: true, clipped: false, sensor_reset: false, inferred: false, supply: None }
    }
}

/// Where power readings come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// An INA219 on I2C, read by Hob itself.
    Ina219,
    /// An INA219 or a sibling that the kernel's `ina2xx` driver reads.
    Hwmon,
    /// The energy counters of an x86 processor package.
    Rapl,
    /// No sensor: worked out from CPU time.
    Model,
    /// A pretended INA219 over the model.
    Simulated,
}

impl Source {
    /// All of them, the most trustworthy first.
    pub const ALL: [Self; 5] = [Self::Ina219, Self::Hwmon, Self::Rapl, Self::Model, Self::Simulated];

    /// The word on the wire and in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ina219 => "ina219",
            Self::Hwmon => "hwmon",
            Self::Rapl => "rapl",
            Self::Model => "model",
            Self::Simulated => "simulated",
        }
    }
}

/// Why a reading is missing. Always: keep the last draw and try again at the next beat.
#[derive(Debug, thiserror::Error)]
pub enum MeterError {
    /// The bus or the chip did not answer; often a loose wire.
    #[error(
        "the INA219 at {address:#04x} does not answer on I2C ({cause}); tried again at the next beat; if it lasts, check its wires and supply"
    )]
    Silent {
        /// Its I2C address.
        address: u8,
        /// What the bus said.
        cause: embedded_hal::i2c::ErrorKind,
    },
    /// The registers hold what the chip cannot have measured.
    #[error(
        "the INA219 at {address:#04x} answers with values outside its range; tried again at the next beat; if it lasts, check SDA and SCL for noise and that nothing else has this address"
    )]
    Nonsense {
        /// Its I2C address.
        address: u8,
    },
    /// Current flows towards the supply, so the draw of the board is not known.
    #[error("the current flows backwards through the shunt, {} mW towards the supply; swap VIN+ and VIN-, or set `invert`", .0.0)]
    Backwards(Milliwatts),
    /// No window has ended yet.
    #[error("the meter has not finished its first measurement; tried again at the next beat")]
    NotReady,
    /// A file of the kernel's cannot be read, or does not hold a number.
    #[error("cannot read {}: {cause}; tried again at the next beat; if it lasts, look for its driver in the kernel log", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// A meter that reads from a script, then repeats the last line.
#[cfg(any(test, feature = "fake"))]
#[derive(Debug)]
pub struct ScriptedMeter {
    script: std::collections::VecDeque<Result<Reading, MeterError>>,
    last: Option<Reading>,
    source: Source,
    bound: BasisPoints,
}

#[cfg(any(test, feature = "fake"))]
impl ScriptedMeter {
    /// Reads these in order; past the end, the last good one again, fresh and without events.
    pub fn new(script: impl IntoIterator<Item = Result<Reading, MeterError>>) -> Self {
        Self { script: script.into_iter().collect(), last: None, source: Source::Ina219, bound: BasisPoints(160) }
    }

    /// Always draws the same, averaged over the last 50 ms.
    #[must_use]
    pub fn drawing(power: Milliwatts) -> Self {
        Self::new([Ok(Reading::plain(power, Micros(50_000)))])
    }

    /// Says that it is another source.
    #[must_use]
    pub fn labelled(self, source: Source, bound: BasisPoints) -> Self {
        Self { source, bound, ..self }
    }
}

#[cfg(any(test, feature = "fake"))]
impl Meter for ScriptedMeter {
    fn read(&mut self) -> Result<Reading, MeterError> {
        match self.script.pop_front() {
            Some(Ok(reading)) => {
                self.last = Some(Reading { fresh: true, clipped: false, sensor_reset: false, ..reading });
                Ok(reading)
            }
            Some(Err(error)) => Err(error),
            None => self.last.ok_or(MeterError::NotReady),
        }
    }

    fn source(&self) -> Source {
        self.source
    }

    fn bound(&self) -> BasisPoints {
        self.bound
    }
}

#[test]
fn a_script_is_read_in_order_and_its_last_good_line_held_without_its_events() {
    let odd = Reading { clipped: true, ..Reading::plain(Milliwatts(5_000), Micros(50_000)) };
    let mut meter = ScriptedMeter::new([Ok(odd), Err(MeterError::NotReady)]).labelled(Source::Rapl, BasisPoints(7));
    assert_eq!(meter.read().unwrap(), odd);
    assert!(matches!(meter.read(), Err(MeterError::NotReady)));
    assert_eq!(meter.read().unwrap(), Reading { clipped: false, ..odd });
    assert_eq!((meter.source(), meter.bound()), (Source::Rapl, BasisPoints(7)));
}
