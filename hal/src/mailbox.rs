//! One question to the firmware of a Raspberry Pi: does the supply hold, is the processor slowed down?
//!
//! ```text
//! /dev/vcio ◀─ 28 bytes: size, 0, [ 0x00030046, 4, 0, value ], 0      and the same with the answer in `value`
//! ```
//!
//! The one place that makes a system call by hand. The kernel's `get_throttled` file would save it, but
//! it is deprecated (its first reader puts a warning with a stack trace into the kernel log) and only
//! repeats what the voltage driver was last told.
//!
//! Promises: nothing is written to the firmware, and a board without that device has no answer.
//! Deliberately absent: any other question; clearing the bits that stay.

#![allow(unsafe_code, reason = "the mailbox is an ioctl on 28 plain bytes that live until it returns; nix has no safe one")]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Seven words, least significant byte first, as the processor has them.
type Message = [u32; 7];

const BYTES: u32 = 28;
const GET_THROTTLED: u32 = 0x0003_0046;
const SUCCESS: u32 = 0x8000_0000;

/// The question.
///
/// # Source
///
/// `drivers/char/broadcom/vcio.c` and `include/soc/bcm2835/raspberrypi-firmware.h` of the Raspberry Pi
/// kernel. The value is a mask of bits to clear: none.
const QUESTION: Message = [BYTES, 0, GET_THROTTLED, 4, 0, 0, 0];

/// The value in an answer; nothing if it is no answer to the question.
fn value(answer: Message) -> Option<u32> {
    let [BYTES, SUCCESS, GET_THROTTLED, 4, length, value, 0] = answer else { return None };
    (length == SUCCESS | 4).then_some(value)
}

nix::ioctl_readwrite!(
    /// `_IOWR(100, 0, char *)` of `vcio.c`: the number has the size of a pointer, the argument is the message.
    property, 100, 0, *mut u8
);

/// Asks under `root`; takes about 0.1 ms.
pub(crate) fn throttled(root: &Path) -> Option<u32> {
    let device = File::options().read(true).write(true).open(root.join("dev/vcio")).ok()?;
    let mut message = QUESTION;
    // SAFETY: the first word says how many bytes the kernel reads and writes, and there are so many;
    // on another file than the mailbox the number means nothing (ENOTTY).
    unsafe { property(device.as_raw_fd(), message.as_mut_ptr().cast()) }.ok()?;
    value(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysfs::plant;

    #[test]
    fn the_question_is_laid_out_as_the_firmware_reads_it() {
        assert_eq!(usize::try_from(BYTES).unwrap(), size_of::<Message>());
        let bytes: Vec<u8> = QUESTION.iter().flat_map(|word| word.to_le_bytes()).collect();
        let expected = [28, 0, 0, 0, 0, 0, 0, 0, 0x46, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(bytes, expected);
        let pointer = u64::try_from(size_of::<usize>()).unwrap();
        assert_eq!(nix::request_code_readwrite!(100, 0, size_of::<*mut u8>()), 0xC000_6400 | pointer << 16);
    }

    #[test]
    fn only_an_answer_to_the_question_is_taken() {
        let answer = [28, SUCCESS, GET_THROTTLED, 4, SUCCESS | 4, 0x0005_0005, 0];
        assert_eq!(value(answer), Some(0x0005_0005));
        for at in [0, 1, 2, 3, 4, 6] {
            let mut other = answer;
            other[at] ^= 8;
            assert_eq!(value(other), None, "word {at}");
        }
        assert_eq!(value(QUESTION), None, "the question itself is no answer");
    }

    #[test]
    fn a_board_without_a_mailbox_has_no_answer() {
        assert_eq!(throttled(plant(&[]).path()), None);
        assert_eq!(throttled(plant(&[("dev/vcio", "")]).path()), None, "an ordinary file is no mailbox");
    }
}
