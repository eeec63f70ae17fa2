//! From the bytes of tokens to text that may be said.
//!
//! Promises, each held by a property test: a character is never cut; a stop string is never said, not
//! even in part; what is said in pieces is, put together, what would have been said at once.
//!
//! Deliberately absent: tokens.

/// Turns bytes into text and watches for stop strings.
#[derive(Debug, Default)]
pub(crate) struct Speech {
    stops: Vec<String>,
    /// Bytes that are the start of a character.
    bytes: Vec<u8>,
    /// Text that may be the start of a stop string.
    held: String,
    said: String,
    stopped: bool,
}

impl Speech {
    /// Empty stop strings are ignored.
    pub(crate) fn new(stops: &[String]) -> Self {
        Self { stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(), ..Self::default() }
    }

    /// Takes the bytes of a token; returns what may be said now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        if self.stopped {
            return String::new();
        }
        self.bytes.extend_from_slice(bytes);
        // Character by character: the stop string that is complete first counts, however the bytes were cut.
        for character in take_characters(&mut self.bytes).chars() {
            self.held.push(character);
            let ends = |stop: &&String| self.held.ends_with(stop.as_str());
            if let Some(longest) = self.stops.iter().filter(ends).map(String::len).max() {
                self.held.truncate(self.held.len() - longest);
                self.stopped = true;
                break;
            }
        }
        let back = if self.stopped { 0 } else { self.longest_start_of_a_stop() };
        let until = self.held.len() - back;
        let rest = self.held.split_off(until);
        let now = std::mem::replace(&mut self.held, rest);
        self.said.push_str(&now);
        now
    }

    /// Whether a stop string came.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// No more tokens come: what was held back is said, an unfinished character as U+FFFD.
    /// Returns the last piece and the whole.
    pub(crate) fn end(mut self) -> (String, String) {
        if self.stopped {
            return (String::new(), self.said);
        }
        let mut last = std::mem::take(&mut self.held);
        last.push_str(&String::from_utf8_lossy(&self.bytes));
        self.said.push_str(&last);
        (last, self.said)
    }

    /// How many bytes at the end of what is held could become a stop string.
    fn longest_start_of_a_stop(&self) -> usize {
        let held = self.held.as_bytes();
        let partial = |stop: &String| {
            let most = stop.len().saturating_sub(1).min(held.len());
            (1..=most).rev().find(|&length| held.ends_with(stop.as_bytes().get(..length).unwrap_or_default())).unwrap_or(0)
        };
        let longest = self.stops.iter().map(partial).max().unwrap_or(0);
        // A stop string is whole characters, so its start is one too, unless it ends inside one.
        (longest..=self.held.len()).find(|back| self.held.is_char_boundary(self.held.len() - back)).unwrap_or(longest)
    }
}

/// Takes all complete characters off the front; bytes that can never be one become U+FFFD.
fn take_characters(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    loop {
        match std::str::from_utf8(bytes) {
            Ok(valid) => {
                text.push_str(valid);
                bytes.clear();
                return text;
            }
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                let Some(bad) = error.error_len() else {
                    *bytes = rest.to_vec();
                    return text;
                };
                text.push('\u{FFFD}');
                *bytes = rest.get(bad..).unwrap_or_default().to_vec();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn speak(stops: &[&str], parts: &[&[u8]]) -> (Vec<String>, String) {
        let mut speech = Speech::new(&stops.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut pieces: Vec<String> = parts.iter().map(|part| speech.push(part)).collect();
        let (last, whole) = speech.end();
        pieces.push(last);
        (pieces, whole)
    }

    #[test]
    fn a_character_waits_for_its_last_byte() {
        let (pieces, whole) = speak(&[], &[b"caf", b"\xc3", b"\xa9", b"!"]);
        assert_eq!(pieces, ["caf", "", "é", "!", ""]);
        assert_eq!(whole, "café!");
    }

    #[test]
    fn a_stop_string_is_never_said_in_part() {
        let (pieces, whole) = speak(&["\nUser:"], &[b"Yes.", b"\n", b"Us", b"er: what"]);
        assert_eq!(pieces, ["Yes.", "", "", "", ""]);
        assert_eq!(whole, "Yes.");
    }

    #[test]
    fn what_only_looked_like_a_stop_string_is_said_after_all() {
        let (pieces, whole) = speak(&["END"], &[b"the E", b"N", b"T"]);
        assert_eq!(pieces, ["the ", "", "ENT", ""]);
        assert_eq!(whole, "the ENT");
    }

    #[test]
    fn bytes_that_are_no_text_become_replacement_characters() {
        assert_eq!(speak(&[], &[b"a\xff\xfeb", b"\xe2\x82"]).1, "a\u{FFFD}\u{FFFD}b\u{FFFD}");
    }

    proptest! {
        #[test]
        fn pieces_are_the_whole_and_hold_no_stop_string(
            text in "[ab€é]{0,40}", cuts in prop::collection::vec(0..80_usize, 0..20), stops in prop::collection::vec("[ab€]{1,3}", 0..3),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let (pieces, whole) = speak(&stops, &parts);
            prop_assert_eq!(pieces.concat(), whole.clone());
            // Said at once: everything before the stop string that is complete first.
            let end = (0..=text.len()).filter(|&end| text.is_char_boundary(end))
                .find_map(|end| stops.iter().filter_map(|stop| text[..end].find(stop)).min());
            prop_assert_eq!(whole, &text[..end.unwrap_or(text.len())]);
        }

        #[test]
        fn any_bytes_in_any_parts_give_the_same_text(bytes in prop::collection::vec(any::<u8>(), 0..60), cut in 0..60_usize) {
            let cut = cut.min(bytes.len());
            let (_, whole) = speak(&[], &[&bytes[..cut], &bytes[cut..]]);
            prop_assert_eq!(whole, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
