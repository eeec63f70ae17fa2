//! The INA219 current and voltage sensor, read so that its known traps do not bite.
//!
//! ```text
//! shunt: average of 128 samples, 68.10 ms ┐
//! bus:   one 12-bit sample,       0.53 ms ┴▶ product in software, in integers
//! ```
//!
//! * No calibration register: after a brown-out a calibrated chip reports 0 mA and no error.
//! * Never the power-on configuration, so that a reset shows: the configuration is read back every 10 s
//!   (every 200 readings where there is no clock) and after every failure, and written again when it was
//!   lost.
//! * Averaging on the shunt alone: the current is watched 99.2 % of the time, not half of it.
//! * Each register is read in a transaction of its own: a Pi's I2C controller refuses any read that is
//!   not the last message (feature `no_transaction` of the crate `ina219`).
//! * A chip shared with another program is never written to (`shared`).
//!
//! Deliberately absent: energy; what the voltages mean where the sensor sits (`line`).

#[cfg(feature = "fake")]
mod bench;
mod bus;
pub mod chip;
#[cfg(any(test, feature = "fake"))]
pub mod paths;
#[cfg(test)]
mod tests;
mod wire;

pub use ::ina219::address::Address;
pub(crate) use bus::open;

use crate::clock::Clock;
use crate::line::Line;
use crate::meter::{Meter, MeterError, Reading, Source};
use crate::shunt::{MicroOhms, Microvolts, Millivolts};
use ::ina219::SyncIna219;
use ::ina219::calibration::UnCalibrated;
use ::ina219::configuration::{
    BusVoltageRange, Configuration, MeasuredSignals, OperatingMode, Reset, Resolution, ShuntVoltageRange,
};
use ::ina219::errors::{
    BusVoltageReadError, ConfigurationReadError, InitializationErrorReason, MeasurementError, ShuntVoltageReadError,
};
use ::ina219::measurements::{BusVoltage, ShuntVoltage};
use embedded_hal::i2c::{Error as _, I2c};
use hob_core::units::{BasisPoints, Micros};

/// What the chip is told to do.
const WANTED: Configuration = Configuration {
    reset: Reset::Run,
    bus_voltage_range: BusVoltageRange::Fsr16v,
    shunt_voltage_range: ShuntVoltageRange::Fsr320mv,
    bus_resolution: Resolution::Res12Bit,
    shunt_resolution: Resolution::Avg128,
    operating_mode: OperatingMode::Continous(MeasuredSignals::ShutAndBusVoltage),
};

/// Between two looks at the configuration, at any beat.
const CHECK_EVERY: Micros = Micros(10_000_000);

/// The same, where there is no clock: readings, 20 a second.
const READS_TO_CHECK: u32 = 200;

/// What sampling 20 times a second adds to the bound for an answer of 15 s (simulated, p95 0.47 %).
const SAMPLING: BasisPoints = BasisPoints(50);

/// How the chip is wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wiring {
    /// Its address on the bus, 0x40 to 0x4F.
    pub address: Address,
    /// The shunt that it looks at.
    pub shunt: MicroOhms,
    /// VIN+ and VIN- are swapped.
    pub invert: bool,
    /// Another program uses the chip too: take it as it is and never write to it.
    pub shared: bool,
}

/// What the chip measured, signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Average voltage over the shunt; above zero when current flows towards the board.
    pub drop: Microvolts,
    /// Voltage of the supply behind the shunt.
    pub bus: Millivolts,
    /// How long a conversion takes in the present configuration.
    pub window: Micros,
    /// A conversion ended since the last sample; always so for a shared chip, where it cannot be told.
    pub fresh: bool,
    /// The shunt voltage is at the end of its range.
    pub clipped: bool,
    /// The configuration was found lost, and was written again.
    pub sensor_reset: bool,
}

/// An INA219 on any I2C bus.
pub struct Ina219<B> {
    chip: SyncIna219<B, UnCalibrated>,
    wiring: Wiring,
    line: Line,
    config: Configuration,
    clock: Option<Clock>,
    reads_to_check: u32,
    checked: Micros,
    reset_seen: bool,
    last: Option<Sample>,
    last_reading: Option<Reading>,
}

impl<B: I2c> Ina219<B> {
    /// Resets and configures the chip; when it is shared, only looks whether it answers.
    ///
    /// # Errors
    ///
    /// The bus failed, or what answers does not behave like an INA219 after a reset.
    pub fn new(bus: B, wiring: Wiring) -> Result<Self, InitializationErrorReason<B::Error>> {
        let (chip, config) = if wiring.shared {
            let mut chip = SyncIna219::new_unchecked(bus, wiring.address, UnCalibrated);
            let config = read_configuration(&mut chip)?;
            (chip, config)
        } else {
            let mut chip = SyncIna219::new(bus, wiring.address).map_err(|refused| refused.reason)?;
            chip.set_configuration(WANTED)?;
            (chip, WANTED)
        };
        Ok(Self {
            chip,
            wiring,
            line: Line::plain(wiring.shunt),
            config,
            clock: None,
            reads_to_check: READS_TO_CHECK,
            checked: Micros::ZERO,
            reset_seen: false,
            last: None,
            last_reading: None,
        })
    }

    /// Looks at the configuration every 10 s by this clock, whatever the beat of the readings is, instead
    /// of counting them.
    #[must_use]
    pub fn checked_by(self, clock: Clock) -> Self {
        Self { checked: clock(), clock: Some(clock), ..self }
    }

    /// Sits in this line, which has the shunt of the wiring.
    pub(crate) fn within(self, line: Line) -> Self {
        Self { line, ..self }
    }

    /// Both voltages of the last conversion that ended.
    ///
    /// # Errors
    ///
    /// [`MeterError`] but [`Backwards`](MeterError::Backwards). After a failure the next call looks at the
    /// configuration first and never repeats what was measured before.
    pub fn sample(&mut self) -> Result<Sample, MeterError> {
        let sample = self.checked_sample();
        if matches!(sample, Err(ref error) if !matches!(error, MeterError::NotReady)) {
            self.reads_to_check = 0;
            self.last = None;
        }
        sample
    }

    fn checked_sample(&mut self) -> Result<Sample, MeterError> {
        let now = self.clock.as_ref().map(|clock| clock());
        let due = now.is_some_and(|now| now.minus(self.checked) >= CHECK_EVERY);
        if due || self.reads_to_check == 0 {
            self.check_configuration()?;
            self.checked = now.unwrap_or_default();
        }
        if now.is_none() {
            self.reads_to_check = self.reads_to_check.saturating_sub(1);
        }
        let window = self.config.conversion_time_us().ok_or(MeterError::NotReady)?;
        let sample = match (self.voltages()?, self.last) {
            (Some((shunt, bus)), _) => self.fresh_sample(shunt, bus, Micros(u64::from(window))),
            (None, Some(last)) => Sample { fresh: false, ..last },
            (None, None) => return Err(MeterError::NotReady),
        };
        self.last = Some(sample);
        Ok(Sample { sensor_reset: std::mem::take(&mut self.reset_seen), ..sample })
    }

    /// Looks whether the chip still does what it was told, and tells it again if not.
    fn check_configuration(&mut self) -> Result<(), MeterError> {
        let found = read_configuration(&mut self.chip).map_err(|error| self.silent(&error))?;
        if self.wiring.shared {
            self.config = found;
        } else if found != WANTED {
            self.reset_seen = true;
            self.chip.set_configuration(WANTED).map_err(|error| self.silent(&error))?;
        }
        self.reads_to_check = READS_TO_CHECK;
        Ok(())
    }

    /// The two registers, or nothing when no conversion ended since they were last read.
    fn voltages(&mut self) -> Result<Option<(ShuntVoltage, BusVoltage)>, MeterError> {
        if self.wiring.shared {
            // Reading the power register, as below, would take the ready flag from the other program.
            let bus = self.chip.bus_voltage().map_err(|error| match error {
                BusVoltageReadError::I2cError(error) => self.silent(&error),
                BusVoltageReadError::BusVoltageOutOfRange { .. } => self.nonsense(),
            })?;
            let shunt = self.chip.shunt_voltage().map_err(|error| match error {
                ShuntVoltageReadError::I2cError(error) => self.silent(&error),
                ShuntVoltageReadError::ShuntVoltageOutOfRange { .. } => self.nonsense(),
            })?;
            return Ok(Some((shunt, bus)));
        }
        match self.chip.next_measurement() {
            Ok(found) => Ok(found.map(|found| (found.shunt_voltage, found.bus_voltage))),
            // The overflow is in the chip's own product, which is not used.
            Err(MeasurementError::MathOverflow(found)) => Ok(Some((found.shunt_voltage, found.bus_voltage))),
            Err(MeasurementError::I2cError(error)) => Err(self.silent(&error)),
            Err(MeasurementError::ShuntVoltageReadError(_) | MeasurementError::BusVoltageReadError(_)) => Err(self.nonsense()),
        }
    }

    fn fresh_sample(&self, shunt: ShuntVoltage, bus: BusVoltage, window: Micros) -> Sample {
        let full_scale = i32::from(*self.config.shunt_voltage_range.range_mv().end()) * 1_000;
        let drop = shunt.shunt_voltage_uv();
        Sample {
            drop: Microvolts(if self.wiring.invert { -drop } else { drop }),
            bus: Millivolts(u32::from(bus.voltage_mv())),
            window,
            fresh: true,
            clipped: drop.abs() >= full_scale,
            sensor_reset: false,
        }
    }

    fn silent(&self, error: &B::Error) -> MeterError {
        MeterError::Silent { address: self.wiring.address.as_byte(), cause: error.kind() }
    }

    fn nonsense(&self) -> MeterError {
        MeterError::Nonsense { address: self.wiring.address.as_byte() }
    }
}

fn read_configuration<B: I2c>(chip: &mut SyncIna219<B, UnCalibrated>) -> Result<Configuration, B::Error> {
    match chip.configuration() {
        Ok(read) | Err(ConfigurationReadError::ConfigurationMismatch { read, .. }) => Ok(read),
        Err(ConfigurationReadError::I2cError(error)) => Err(error),
    }
}

impl<B: I2c + Send + 'static> Meter for Ina219<B> {
    fn read(&mut self) -> Result<Reading, MeterError> {
        let Sample { drop, bus, window, fresh, clipped, sensor_reset } = self.sample()?;
        let reading = match self.last_reading.take().filter(|_| !fresh) {
            Some(last) => Reading { fresh: false, ..last },
            None => Reading { fresh, ..self.line.reading(drop, bus, window)? },
        };
        self.last_reading = Some(reading);
        Ok(Reading { clipped, sensor_reset, ..reading })
    }

    fn source(&self) -> Source {
        Source::Ina219
    }

    fn bound(&self) -> BasisPoints {
        self.line.bound()
    }

    fn sampling(&self) -> BasisPoints {
        SAMPLING
    }
}
