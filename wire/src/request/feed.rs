//! A live feed of the grid's carbon intensity.
//!
//! Promises: a figure that no grid can have, a time that is none and a field that is not in the list are errors; zero, which
//! hides missing data, is one. Deliberately absent: whether it still holds (`hob_core::ledger::Mix` asks the clock).

use hob_core::ledger::{Factor, Kind, LIVE_BOUND, Live, MOST};
use hob_core::units::{Millis, UnixSeconds};

use super::ask::one_of;
use super::command::{open, word};
use crate::limits::{FOR_S, SOURCE_BYTES};
use crate::reply::Fault;

/// The fields of a feed.
const FIELDS: [&str; 6] = ["v", "g_per_kwh", "source", "t", "valid_s", "kind"];

/// Reads what came on `grid_intensity`:
/// `{"g_per_kwh":212.5,"source":"grid operator","t":"2026-11-21T04:00:00Z","valid_s":3600,"kind":"average"}`.
/// All but `v` and `kind` are needed. Fractions of a gram are rounded off; the range is ±10 %.
///
/// # Errors
///
/// [`Fault`] with code `bad_request`.
pub fn grid_intensity(payload: &[u8]) -> Result<Live, Fault> {
    let text = word(payload)?;
    if !text.starts_with('{') {
        return Err(Fault::bad("a grid intensity is an object with g_per_kwh, source, t and valid_s"));
    }
    let mut fields = open(text, "a grid intensity", &FIELDS)?;
    let missing = |name: &str| Fault::bad(format!("`{name}` is missing"));
    let most = f32::from(u16::try_from(MOST.0).unwrap_or(u16::MAX));
    let grams = fields.real("g_per_kwh", 1.0..=most)?.ok_or_else(|| missing("g_per_kwh"))?;
    let grams = format!("{grams:.0}").parse().unwrap_or(0);
    let factor = Factor::around(grams, LIVE_BOUND).map_err(|error| Fault::bad(error.to_string()))?;
    let source = fields.text("source", SOURCE_BYTES)?.ok_or_else(|| missing("source"))?;
    if source.trim().is_empty() || source.contains(char::is_control) {
        return Err(Fault::bad("`source` must say who says so, without control characters"));
    }
    let t = fields.text("t", SOURCE_BYTES)?.ok_or_else(|| missing("t"))?;
    let taken = unix_seconds(&t).ok_or_else(|| Fault::bad("`t` must be a moment such as 2026-11-21T04:10:00Z (RFC 3339)"))?;
    let valid = fields.number::<0>("valid_s", &(1..=FOR_S))?.ok_or_else(|| missing("valid_s"))?;
    let kinds = [Kind::Average, Kind::Marginal].map(|kind| (kind.as_str(), kind));
    let kind = one_of(&mut fields, "kind", &kinds)?.unwrap_or_default();
    Ok(Live { factor, source, kind, taken, valid: Millis(u64::try_from(valid.0).unwrap_or(0) * 1_000) })
}

/// A moment of RFC 3339, in capitals as the schemas have it, from 1970 on; fractions of a second are cut off, and a leap second is the one before it.
fn unix_seconds(text: &str) -> Option<UnixSeconds> {
    let number = |from: usize, count: usize| -> Option<i64> {
        let digits = text.get(from..from + count)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let is = |at: usize, marks: &[u8]| text.as_bytes().get(at).is_some_and(|byte| marks.contains(byte));
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let shaped = is(4, b"-") && is(7, b"-") && is(10, b"T") && is(13, b":") && is(16, b":");
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if !shaped || year < 1970 || !(1..=length).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text.get(19..)?;
    let zone = rest.strip_prefix('.').map_or(Some(rest), |part| {
        let zone = part.trim_start_matches(|digit: char| digit.is_ascii_digit());
        (zone.len() < part.len()).then_some(zone)
    })?;
    let east = match zone.as_bytes() {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = text.len() - 5;
            let (hours, minutes) = (number(at, 2)?, number(at + 3, 2)?);
            let span = (hours < 24 && minutes < 60).then_some(hours * 3_600 + minutes * 60)?;
            if *sign == b'+' { span } else { -span }
        }
        _ => return None,
    };
    let before = |year: i64| year * 365 + year / 4 - year / 100 + year / 400;
    let months: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    let days = before(year - 1) - before(1969) + months + day - 1;
    u64::try_from(days * 86_400 + hour * 3_600 + minute * 60 + second.min(59) - east).ok().map(UnixSeconds)
}

/// Whether the year has a 29 February.
fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_read_in_every_zone_and_in_no_other_spelling() {
        let table = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00Z", Some(951_825_600)),
            ("2026-11-21T04:10:00Z", Some(1_795_234_200)),
            ("2026-11-21T05:10:00.123456+01:00", Some(1_795_234_200)),
            ("2026-11-20T22:40:00-05:30", Some(1_795_234_200)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_799)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("2100-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-00-01T00:00:00Z", None),
            ("2026-04-31T00:00:00Z", None),
            ("2026-11-21T24:00:00Z", None),
            ("2026-11-21T04:10:00", None),
            ("2026-11-21T04:10:00.Z", None),
            ("2026-11-21T04:10:00+0100", None),
            ("2026-11-21T04:10:00+25:00", None),
            ("2026-11-21 04:10:00Z", None),
            ("2026-11-21t04:10:00z", None),
            ("2026-11-21", None),
            ("1969-12-31T23:59:59Z", None),
            ("1970-01-01T00:00:00+01:00", None),
            ("+026-11-21T04:10:00Z", None),
            ("ä026-11-21T04:10:00Z", None),
            ("", None),
        ];
        for (text, seconds) in table {
            assert_eq!(unix_seconds(text), seconds.map(UnixSeconds), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}", like in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,3})?(Z|[+-][0-9ä]{2}:[0-9]{2})?") {
            unix_seconds(&text);
            unix_seconds(&like);
        }
    }
}
