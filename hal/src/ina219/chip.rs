//! An INA219 in software, down to its registers, for machines without the board.
//!
//! ```text
//! driver ──I2C──▶ [ registers ] ◀── conversions ◀── Load (what truly flows) and Clock
//!                      ▲
//!                   Faults on order
//! ```
//!
//! As on a Pi's wire: conversions take as long as the written configuration says; CNVR is cleared by
//! reading the power register and by writing the configuration; the shunt register is signed and clips
//! at the PGA's range; a transaction with a read that is not its last message is refused, as
//! `i2c-bcm2835` does.
//!
//! Deliberately absent: noise, offset, gain errors and the coarser ADC steps below 12 bits; writes that
//! the real chip ignores.

use crate::clock::Clock;
use crate::shunt::{MicroOhms, Millivolts};
use embedded_hal::i2c::{Error, ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};
use hob_core::units::Micros;
use std::sync::{Arc, Mutex, PoisonError};

/// What truly flows through the shunt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Power in milliwatts; below zero it flows from the board to the supply.
    pub milliwatts: i32,
    /// Voltage of the supply behind the shunt.
    pub bus: Millivolts,
}

/// What can be ordered to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A wire comes off: nothing answers at the address, the chip itself goes on.
    Vanish,
    /// The wire is on again.
    Return,
    /// The chip's supply dips: all registers are as after power-on.
    BrownOut,
    /// The next conversion overflows the chip's own arithmetic (OVF).
    Overflow,
    /// The next transaction is not acknowledged.
    NackOnce,
}

/// How a transaction can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// Nothing answers at the address.
    #[error("no acknowledge on the simulated bus")]
    NoAcknowledge,
    /// EOPNOTSUPP of `i2c-bcm2835`.
    #[error("only one read message supported, has to be last")]
    ReadNotLast,
}

impl Error for BusError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAcknowledge => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
            Self::ReadNotLast => ErrorKind::Other,
        }
    }
}

/// A bus with this chip on it. Clones are the same bus: one for the driver, one to order faults by.
#[derive(Clone)]
pub struct SimulatedBus(Arc<Mutex<Chip>>);

impl SimulatedBus {
    /// Powers up a chip at `address` that watches `load` through `shunt`.
    ///
    /// `load` is asked once for every conversion whose result can still be read, at the first
    /// transaction after its end, and is told when the shunt had been watched for it.
    pub fn new(address: u8, shunt: MicroOhms, clock: Clock, mut load: impl FnMut(Micros) -> Load + Send + 'static) -> Self {
        Self::averaging(address, shunt, clock, move |_, ended| load(ended))
    }

    /// The same for a load that changes within a conversion: it is told from when until when the shunt was
    /// watched, which the bus voltage's part of the conversion follows, and gives its mean over that time.
    pub fn averaging(
        address: u8,
        shunt: MicroOhms,
        clock: Clock,
        load: impl FnMut(Micros, Micros) -> Load + Send + 'static,
    ) -> Self {
        let registers = Registers::default();
        let started = clock();
        let chip = Chip {
            address,
            shunt,
            clock,
            load: Box::new(load),
            registers,
            started,
            done: 0,
            gone: false,
            nack: false,
            overflow: false,
        };
        Self(Arc::new(Mutex::new(chip)))
    }

    /// Lets it go wrong.
    pub fn order(&self, fault: Fault) {
        let mut chip = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match fault {
            Fault::Vanish => chip.gone = true,
            Fault::Return => chip.gone = false,
            Fault::BrownOut => chip.power_on(),
            Fault::Overflow => chip.overflow = true,
            Fault::NackOnce => chip.nack = true,
        }
    }
}

impl ErrorType for SimulatedBus {
    type Error = BusError;
}

impl I2c for SimulatedBus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusError> {
        let earlier = operations.split_last().map_or(&[][..], |(_, earlier)| earlier);
        if earlier.iter().any(|operation| matches!(operation, Operation::Read(_))) {
            return Err(BusError::ReadNotLast);
        }
        let mut chip = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if address != chip.address || chip.gone || std::mem::take(&mut chip.nack) {
            return Err(BusError::NoAcknowledge);
        }
        chip.catch_up();
        for operation in operations {
            match operation {
                Operation::Write(bytes) => chip.written(bytes),
                Operation::Read(bytes) => chip.read_into(bytes),
            }
        }
        Ok(())
    }
}

const RESET: u16 = 1 << 15;
const CONVERSION_READY: u16 = 1 << 1;
const MATH_OVERFLOW: u16 = 1;

struct Registers {
    pointer: u8,
    config: u16,
    shunt: i16,
    bus: u16, // value << 3, CNVR, OVF
    power: u16,
    current: i16,
    calibration: u16,
}

impl Default for Registers {
    fn default() -> Self {
        Self { pointer: 0, config: 0x399F, shunt: 0, bus: 0, power: 0, current: 0, calibration: 0 }
    }
}

struct Chip {
    address: u8,
    shunt: MicroOhms,
    clock: Clock,
    load: Box<dyn FnMut(Micros, Micros) -> Load + Send>,
    registers: Registers,
    started: Micros,
    done: u64, // conversions that ended since `started`
    gone: bool,
    nack: bool,
    overflow: bool,
}

impl Chip {
    fn power_on(&mut self) {
        self.registers = Registers::default();
        self.restart();
    }

    fn restart(&mut self) {
        self.started = (self.clock)();
        self.done = 0;
    }

    /// Fills the registers with the last conversion that has ended by now.
    fn catch_up(&mut self) {
        let Some(span) = conversion_time(self.registers.config) else { return };
        let continuous = self.registers.config & 0b100 != 0;
        let ended = (self.clock)().minus(self.started).0 / span.0;
        let ended = if continuous { ended } else { ended.min(1) };
        if ended > self.done {
            self.done = ended;
            let began = self.started.plus(Micros((ended - 1) * span.0));
            let watched = if self.registers.config & 0b01 == 0 { span } else { signal_time(self.registers.config >> 3) };
            let load = (self.load)(began, began.plus(watched));
            self.convert(load);
        }
    }

    fn convert(&mut self, load: Load) {
        let Registers { config, calibration, .. } = self.registers;
        let millivolts = i64::from(load.bus.0);
        if config & 0b01 != 0 {
            // mW / mV = A, and A x µΩ = µV; one step is 10 µV.
            let microvolts = i64::from(load.milliwatts) * i64::from(self.shunt.get());
            let steps = nearest(microvolts, millivolts * 10);
            let full_scale = 4_000_i64 << (config >> 11 & 0b11);
            self.registers.shunt = i16::try_from(steps.clamp(-full_scale, full_scale)).unwrap_or_default();
        }
        let mut bus = self.registers.bus >> 3;
        if config & 0b10 != 0 {
            let full_scale = if config >> 13 & 1 == 0 { 4_000 } else { 8_000 };
            bus = u16::try_from(nearest(millivolts, 4).min(full_scale)).unwrap_or_default();
        }
        let current = i64::from(self.registers.shunt) * i64::from(calibration) / 4_096;
        let power = current.abs() * i64::from(bus) / 5_000; // the power register has no sign
        let overflow = std::mem::take(&mut self.overflow) || i16::try_from(current).is_err() || u16::try_from(power).is_err();
        self.registers.current = i16::try_from(current).unwrap_or_default();
        self.registers.power = u16::try_from(power).unwrap_or_default();
        self.registers.bus = bus << 3 | CONVERSION_READY | if overflow { MATH_OVERFLOW } else { 0 };
    }

    fn written(&mut self, bytes: &[u8]) {
        if let Some(pointer) = bytes.first() {
            self.registers.pointer = *pointer;
        }
        let &[pointer, high, low] = bytes else { return };
        let value = u16::from_be_bytes([high, low]);
        match pointer {
            0 if value & RESET != 0 => self.power_on(),
            0 => {
                self.registers.config = value;
                if !matches!(value & 0b111, 0b000 | 0b100) {
                    self.registers.bus &= !CONVERSION_READY;
                }
                self.restart();
            }
            5 => self.registers.calibration = value & !1, // bit 0 is always 0
            _ => {}
        }
    }

    fn read_into(&mut self, bytes: &mut [u8]) {
        let registers = &mut self.registers;
        let value = match registers.pointer {
            0 => registers.config,
            1 => registers.shunt.cast_unsigned(),
            2 => registers.bus,
            3 => {
                registers.bus &= !CONVERSION_READY;
                registers.power
            }
            4 => registers.current.cast_unsigned(),
            5 => registers.calibration,
            _ => 0,
        };
        for (byte, wire) in bytes.iter_mut().zip(value.to_be_bytes().into_iter().cycle()) {
            *byte = wire;
        }
    }
}

/// How long one conversion takes; nothing when the ADC is off (datasheet, table 5).
fn conversion_time(config: u16) -> Option<Micros> {
    let shunt = if config & 0b01 != 0 { signal_time(config >> 3) } else { Micros::ZERO };
    let bus = if config & 0b10 != 0 { signal_time(config >> 7) } else { Micros::ZERO };
    Some(shunt.plus(bus)).filter(|span| *span > Micros::ZERO)
}

/// How long one signal takes with this ADC setting, in the lowest four bits.
fn signal_time(code: u16) -> Micros {
    Micros(match code & 0b1111 {
        0b0000 | 0b0100 => 84,
        0b0001 | 0b0101 => 148,
        0b0010 | 0b0110 => 276,
        0b0011 | 0b0111 | 0b1000 => 532,
        0b1001 => 1_060,
        0b1010 => 2_130,
        0b1011 => 4_260,
        0b1100 => 8_510,
        0b1101 => 17_020,
        0b1110 => 34_050,
        _ => 68_100,
    })
}

/// Quotient to the nearest; zero when there is nothing to divide by.
fn nearest(dividend: i64, divisor: i64) -> i64 {
    if divisor <= 0 {
        return 0;
    }
    (dividend + divisor / 2).div_euclid(divisor)
}
