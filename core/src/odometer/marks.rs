//! What befell the sensor while a bill ran.
//!
//! Promise: a bill without marks was measured throughout, by a sensor that did nothing odd.
//! Deliberately absent: sentences about it, which are for whoever shows a bill.

/// A set of events. Each has a code, which is the word on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Marks(u8);

impl Marks {
    /// Nothing befell it.
    pub const NONE: Self = Self(0);
    /// The sensor was at the end of its range: the true draw was higher.
    pub const CLIPPED: Self = Self(1);
    /// The sensor had lost its configuration, up to ten seconds before.
    pub const SENSOR_RESET: Self = Self(1 << 1);
    /// The sensor did not answer for a while.
    pub const SENSOR_LOST: Self = Self(1 << 2);
    /// Nothing was measured for a while; the draw was interpolated.
    pub const GAP: Self = Self(1 << 3);
    /// Work was told of after its time had been booked: others paid for that part.
    pub const LATE: Self = Self(1 << 4);

    /// No sensor saw this part: it was worked out from the load.
    pub const INFERRED: Self = Self(1 << 5);

    /// The meter reads what this board can hardly draw: the shunt is hardly what the settings say.
    pub const SHUNT_DOUBT: Self = Self(1 << 6);

    const CODES: [(Self, &'static str); 7] = [
        (Self::CLIPPED, "clipped"),
        (Self::SENSOR_RESET, "sensor_reset"),
        (Self::SENSOR_LOST, "sensor_lost"),
        (Self::GAP, "gap"),
        (Self::LATE, "late"),
        (Self::INFERRED, "inferred"),
        (Self::SHUNT_DOUBT, "shunt_doubt"),
    ];

    /// These and those.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Those of them that are among `others`.
    #[must_use]
    pub const fn only(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Whether all of `others` are among them.
    #[must_use]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// The codes of all that are set.
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        Self::CODES.into_iter().filter(move |(mark, _)| self.has(*mark)).map(|(_, code)| code)
    }
}

#[test]
fn each_mark_has_a_code_of_its_own() {
    let all = Marks::CODES.iter().fold(Marks::NONE, |all, (mark, _)| all.and(*mark));
    assert_eq!(all.codes().count(), Marks::CODES.len());
    assert_eq!(Marks::GAP.and(Marks::CLIPPED).codes().collect::<Vec<_>>(), ["clipped", "gap"]);
    assert_eq!(Marks::NONE.codes().count(), 0);
}
