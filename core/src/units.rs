//! Quantities as types, so that no bare number crosses a public function.
//!
//! Accounts are integers: mW x ms = µJ, so sums of bills are exact.
//! Deliberately absent: formatting for people (`wire` and the command line do that).

/// Declares a newtype over an unsigned integer with saturating arithmetic.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0);

            /// Adds; stays at the largest value instead of wrapping.
            #[must_use]
            pub const fn plus(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// Subtracts; stays at zero instead of wrapping.
            #[must_use]
            pub const fn minus(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }
    };
}

quantity!(
    /// Power, in thousandths of a watt.
    Milliwatts(u32)
);
quantity!(
    /// Energy, in millionths of a joule. A `u64` holds about 5 MWh: a century at 5 W.
    Microjoules(u64)
);
quantity!(
    /// A span of time, in milliseconds.
    Millis(u64)
);
quantity!(
    /// A span of time, or a moment on a monotonic clock, in microseconds.
    Micros(u64)
);
quantity!(
    /// Memory or file size, in bytes.
    Bytes(u64)
);
quantity!(
    /// Mass of CO2-equivalent, in millionths of a gram.
    Micrograms(u64)
);
quantity!(
    /// Carbon intensity of electricity, in grams of CO2-equivalent per kilowatt-hour.
    GramsPerKwh(u32)
);
quantity!(
    /// A share, in hundredths of a percent (10 000 is all of it).
    BasisPoints(u32)
);
quantity!(
    /// Bits per weight, in thousandths (4.5 bits per weight is 4500).
    MilliBits(u32)
);

quantity!(
    /// A moment of the civil clock, in seconds since 1970-01-01 00:00:00 UTC.
    UnixSeconds(u64)
);

quantity!(
    /// A share, in millionths (1 000 000 is all of it).
    PartsPerMillion(u32)
);
quantity!(
    /// Frequency, in thousands of hertz.
    Kilohertz(u32)
);
quantity!(
    /// Voltage, in thousandths of a volt.
    Millivolts(u32)
);
quantity!(
    /// Electric charge as batteries are sold by it, in thousandths of an ampere-hour.
    MilliampHours(u32)
);
quantity!(
    /// Electric resistance, in thousandths of an ohm.
    Milliohms(u32)
);

/// Current, in thousandths of an ampere; what leaves the battery, or flows to the board, is above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Milliamps(pub i32);

/// A moment, as decisions see it: a clock that never turns back, and the time of day.
///
/// The time of day is anchored once, when the daemon starts: a clock that is set later does not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Now {
    /// On the monotonic clock.
    pub mono: Micros,
    /// Seconds since midnight, 0 to 86 399, by the clock that the day's habits are learned with.
    pub day: u32,
}

impl Now {
    /// The moment `mono` of the same clock, by the time of day that was anchored with this one.
    ///
    /// ```
    /// use hob_core::units::*;
    /// let started = Now { mono: Micros(5_000_000), day: 86_390 };
    /// assert_eq!(started.at(Micros(25_000_000)), Now { mono: Micros(25_000_000), day: 10 });
    /// ```
    #[must_use]
    pub fn at(self, mono: Micros) -> Self {
        const DAY: u64 = 86_400;
        let day = (u64::from(self.day) + mono.minus(self.mono).0 / 1_000_000) % DAY;
        Self { mono, day: u32::try_from(day).unwrap_or(0) }
    }
}

/// Temperature, in thousandths of a degree Celsius; below zero is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MilliCelsius(pub i32);

impl Bytes {
    /// 2^20 bytes.
    pub const MEBIBYTE: u64 = 1 << 20;

    /// So many mebibytes (2^20 bytes).
    #[must_use]
    pub const fn from_mebibytes(mebibytes: u64) -> Self {
        Self(mebibytes.saturating_mul(Self::MEBIBYTE))
    }

    /// In mebibytes, rounded up.
    #[must_use]
    pub const fn mebibytes(self) -> u64 {
        self.0.div_ceil(Self::MEBIBYTE)
    }
}

impl Millis {
    /// The same span in microseconds.
    #[must_use]
    pub const fn micros(self) -> Micros {
        Micros(self.0.saturating_mul(1_000))
    }
}

impl Micros {
    /// The same span in milliseconds, rounded down.
    #[must_use]
    pub const fn millis(self) -> Millis {
        Millis(self.0 / 1_000)
    }
}

impl Milliwatts {
    /// Energy of drawing this power for `span`, rounded down. 5 W for 30 s is 150 J:
    ///
    /// ```
    /// use hob_core::units::*;
    /// assert_eq!(Milliwatts(5_000).over(Millis(30_000).micros()), Microjoules(150_000_000));
    /// ```
    #[must_use]
    pub fn over(self, span: Micros) -> Microjoules {
        // mW x µs = nJ
        let nanojoules = u128::from(self.0) * u128::from(span.0);
        Microjoules(u64::try_from(nanojoules / 1_000).unwrap_or(u64::MAX))
    }
}
