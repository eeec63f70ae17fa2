//! A checksum over what was said, for cards that return other bytes than they were given.
//!
//! Promise: any error of up to 32 bits in a row, and all but one in 2^32 others, are noticed when the journal is opened.
//! Deliberately absent: protection against somebody who wants to change the file.

/// CRC-32 (IEEE 802.3, reflected 0xEDB88320) over the id, a zero byte and the body.
pub(crate) fn sum(id: &str, body: &[u8]) -> u32 {
    let bytes = id.as_bytes().iter().chain([&0]).chain(body);
    !bytes.fold(u32::MAX, |crc, &byte| {
        let index = (crc ^ u32::from(byte)).to_le_bytes()[0];
        (crc >> 8) ^ TABLE.get(usize::from(index)).copied().unwrap_or(0)
    })
}

const TABLE: [u32; 256] = table();

#[allow(clippy::indexing_slicing, clippy::as_conversions, clippy::cast_possible_truncation, reason = "evaluated by the compiler")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn it_is_the_crc_that_everybody_else_computes() {
        // `python3 -c 'import zlib; print(hex(zlib.crc32(b"p7\0egg")))'`
        assert_eq!(sum("p7", b"egg"), 0x1E97_C8A4);
    }
}
