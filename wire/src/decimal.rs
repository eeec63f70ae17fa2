//! Decimal numbers on the wire, exact although JSON readers use binary floats.
//!
//! A [`Decimal`] counts whole units of its last place: 61.2 J with six places is 61 200 000. It is written as the
//! shortest JSON number that means it, and read back to the same count, up to 15 significant digits (10^9 J with
//! six places; past that the nearest float). Deliberately absent: arithmetic; accounts are added up in `hob-core`.

use std::fmt;
use std::str::FromStr;

use hob_core::units::{
    BasisPoints, Bytes, GramsPerKwh, Micrograms, Microjoules, MilliBits, MilliCelsius, Milliamps, Millis, Millivolts, Milliwatts,
    PartsPerMillion,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// A count of 10^-`PLACES`. Of shares, percent are what is written: a [`BasisPoints`] is 0.01 %, a [`PartsPerMillion`] 0.0001 %.
///
/// ```
/// use hob_core::units::Microjoules;
/// use hob_wire::decimal::Decimal;
/// let spent = Decimal::<6>::from(Microjoules(61_200_000));
/// assert_eq!(spent.to_string(), "61.2");
/// assert_eq!("61.2".parse(), Ok(spent));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal<const PLACES: u32>(pub i64);

/// Why a text is no decimal of so many places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must be a number with at most {places} digits after the point, and not astronomic")]
pub struct BadDecimal {
    /// How many digits were allowed.
    pub places: u32,
}

impl Decimal<2> {
    /// So many things in so much time, per second, rounded down to hundredths; `None` in no time.
    #[must_use]
    pub fn per_second(count: u32, span: Millis) -> Option<Self> {
        (u64::from(count) * 100_000).checked_div(span.0).map(|rate| Self(signed(rate)))
    }
}

impl Decimal<3> {
    /// Energy in watt-hours, rounded down to thousandths; 3.6 J is 0.001 Wh.
    #[must_use]
    pub fn watt_hours(energy: Microjoules) -> Self {
        const MICROJOULES_PER_MILLIWATT_HOUR: u64 = 3_600_000;
        Self(signed(energy.0 / MICROJOULES_PER_MILLIWATT_HOUR))
    }

    /// A span of time in seconds.
    #[must_use]
    pub fn seconds(span: Millis) -> Self {
        Self(signed(span.0))
    }
}

impl Decimal<0> {
    /// Memory in mebibytes, rounded down: what is free is not overstated.
    #[must_use]
    pub fn mebibytes(memory: Bytes) -> Self {
        Self(signed(memory.0 / Bytes::MEBIBYTE))
    }
}

/// The same number, or the largest that there is: no account comes near it.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What one unit of a quantity is, in powers of ten.
macro_rules! counts {
    ($($unit:ident => $places:literal),+ $(,)?) => {$(
        impl From<$unit> for Decimal<$places> {
            fn from(quantity: $unit) -> Self {
                Self(i64::try_from(quantity.0).unwrap_or(i64::MAX))
            }
        }
    )+};
}
counts! { Microjoules => 6, Micrograms => 6, Millis => 0 }

/// The same for units that always fit.
macro_rules! small_counts {
    ($($unit:ident => $places:literal),+ $(,)?) => {$(
        impl From<$unit> for Decimal<$places> {
            fn from(quantity: $unit) -> Self {
                Self(i64::from(quantity.0))
            }
        }
    )+};
}
small_counts! {
    Milliwatts => 3, Millivolts => 3, Milliamps => 3, MilliCelsius => 3, MilliBits => 3,
    BasisPoints => 2, PartsPerMillion => 4, GramsPerKwh => 0,
}

impl<const PLACES: u32> fmt::Display for Decimal<PLACES> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10_u64.pow(PLACES);
        let (count, sign) = (self.0.unsigned_abs(), if self.0 < 0 { "-" } else { "" });
        let (whole, rest) = (count / one, count % one);
        if rest == 0 {
            return write!(out, "{sign}{whole}");
        }
        let width = usize::try_from(PLACES).unwrap_or_default();
        let digits = format!("{rest:0width$}");
        write!(out, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl<const PLACES: u32> FromStr for Decimal<PLACES> {
    type Err = BadDecimal;

    fn from_str(text: &str) -> Result<Self, BadDecimal> {
        let bad = BadDecimal { places: PLACES };
        let (digits, negative) = text.strip_prefix('-').map_or((text, false), |digits| (digits, true));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let part = part.trim_end_matches('0');
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let width = usize::try_from(PLACES).unwrap_or_default();
        if whole.is_empty() || !plain(whole) || !plain(part) || part.len() > width {
            return Err(bad);
        }
        let count: i64 = format!("{whole}{part:0<width$}").parse().map_err(|_| bad)?;
        Ok(Self(if negative { -count } else { count }))
    }
}

impl<const PLACES: u32> Serialize for Decimal<PLACES> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if PLACES == 0 {
            return out.serialize_i64(self.0);
        }
        let nearest: f64 = self.to_string().parse().map_err(ser::Error::custom)?;
        out.serialize_f64(nearest)
    }
}

impl<'de, const PLACES: u32> Deserialize<'de> for Decimal<PLACES> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // A float prints as the shortest decimal that means it, and never with an exponent.
        f64::deserialize(from)?.to_string().parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
