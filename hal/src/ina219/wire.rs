//! A Linux I2C bus, also one that only speaks `SMBus`.
//!
//! ```text
//! register access ─▶ I2C_RDWR ─▶ most adapters
//!                └─▶ `SMBus` word, once the kernel says that the adapter can do no more (EOPNOTSUPP)
//! ```
//!
//! Small USB adapters and the kernel's `i2c-stub` are of the second kind. `SMBus` sends the low byte of a
//! word first, the INA219 the high one.
//!
//! Deliberately absent: transfers other than of one 16-bit register.

use embedded_hal::i2c::{ErrorType, I2c, Operation};
use linux_embedded_hal::i2cdev::core::I2CDevice;
use linux_embedded_hal::i2cdev::linux::LinuxI2CError;
use linux_embedded_hal::{I2CError, I2cdev};
use nix::errno::Errno;
use std::path::Path;

/// One open bus; one chip's, for changing the address opens it again.
pub(crate) struct Wire {
    dev: I2cdev,
    words_only: bool,
}

impl Wire {
    pub(crate) fn open(bus: &Path) -> Result<Self, LinuxI2CError> {
        Ok(Self { dev: I2cdev::new(bus)?, words_only: false })
    }
}

/// Access to one register, as `SMBus` has it: the byte that goes first is the low one of the word.
#[derive(Debug, PartialEq, Eq)]
enum Word<'a> {
    Read(u8, &'a mut [u8; 2]),
    Write(u8, u16),
}

/// The register access that a transaction is, if it is one.
fn word<'a>(operations: &'a mut [Operation<'_>]) -> Option<Word<'a>> {
    match operations {
        [Operation::Write([register]), Operation::Read(bytes)] => {
            let register = *register;
            <&mut [u8; 2]>::try_from(&mut **bytes).ok().map(|bytes| Word::Read(register, bytes))
        }
        [Operation::Write([register, high, low])] => Some(Word::Write(*register, u16::from_le_bytes([*high, *low]))),
        _ => None,
    }
}

impl ErrorType for Wire {
    type Error = I2CError;
}

impl I2c for Wire {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), I2CError> {
        if !self.words_only {
            // This also tells the kernel the address, for the words below.
            match self.dev.transaction(address, operations) {
                Err(error) if is_unsupported(error.inner()) => self.words_only = true,
                done => return done,
            }
        }
        match word(operations) {
            Some(Word::Read(register, bytes)) => *bytes = self.dev.smbus_read_word_data(register)?.to_le_bytes(),
            Some(Word::Write(register, value)) => self.dev.smbus_write_word_data(register, value)?,
            None => return Err(LinuxI2CError::Io(Errno::EOPNOTSUPP.into()).into()),
        }
        Ok(())
    }
}

fn is_unsupported(error: &LinuxI2CError) -> bool {
    let errno = match error {
        LinuxI2CError::Errno(errno) => Some(*errno),
        LinuxI2CError::Io(error) => error.raw_os_error(),
    };
    errno.map(Errno::from_raw) == Some(Errno::EOPNOTSUPP)
}

#[test]
fn a_register_access_is_one_word_and_nothing_else_is() {
    let (mut two, mut three) = ([0; 2], [0; 3]);
    assert_eq!(word(&mut [Operation::Write(&[2]), Operation::Read(&mut two)]), Some(Word::Read(2, &mut [0; 2])));
    assert_eq!(word(&mut [Operation::Write(&[0, 0x1F, 0xF8])]), Some(Word::Write(0, 0xF81F)));
    assert_eq!(word(&mut [Operation::Write(&[2]), Operation::Read(&mut three)]), None);
    assert_eq!(word(&mut [Operation::Write(&[2])]), None);
}

#[test]
fn only_an_adapter_that_cannot_is_spoken_to_in_words() {
    for (errno, words) in [(Errno::EOPNOTSUPP, true), (Errno::EREMOTEIO, false), (Errno::ENXIO, false)] {
        assert_eq!(is_unsupported(&LinuxI2CError::Errno(errno as i32)), words);
        assert_eq!(is_unsupported(&LinuxI2CError::Io(errno.into())), words);
    }
}
