//! What is wrong with a board, its wires, its settings or its clock, and what flows then.
//!
//! Deliberately absent: what Hob makes of it (`bench`).

use crate::metering::Fault;
use hob_core::units::{Micros, Milliwatts};
use hob_hal::ina219::chip::Load;
use hob_hal::shunt::{MicroOhms, Millivolts};

/// What is wrong. Moments are counted from the beginning of the first answer.
#[derive(Debug, Clone)]
pub(super) struct Wrong {
    /// The sensor sits in the battery's line, before a converter that passes on 90 %.
    pub(super) battery: bool,
    /// VIN+ and VIN- are swapped, and nobody said so.
    pub(super) swapped: bool,
    /// What the sun gives to the battery's line, in milliwatts.
    pub(super) sun: i32,
    /// What the settings say of a shunt of 0.1 Ω.
    pub(super) shunt: MicroOhms,
    /// Something else hangs on the board's line, from when until when, and draws so many milliwatts.
    pub(super) extra: (Micros, Micros, u32),
    /// What happens to the sensor, in order.
    pub(super) faults: Vec<(Micros, Fault)>,
    /// The civil clock is set by so many seconds, then.
    pub(super) clock: Option<(Micros, i64)>,
}

impl Default for Wrong {
    /// Nothing.
    fn default() -> Self {
        let extra = (Micros::ZERO, Micros::ZERO, 0);
        Self { battery: false, swapped: false, sun: 0, shunt: MicroOhms::COMMON, extra, faults: Vec::new(), clock: None }
    }
}

impl Wrong {
    /// The same, counted from the beginning of the trace.
    pub(super) fn from(mut self, begin: Micros) -> Self {
        self.extra = (self.extra.0.plus(begin), self.extra.1.plus(begin), self.extra.2);
        self.faults.iter_mut().for_each(|(at, _)| *at = at.plus(begin));
        self.clock = self.clock.map(|(at, seconds)| (at.plus(begin), seconds));
        self
    }

    /// What else was drawn between two moments, in nJ.
    pub(super) fn extra_energy(&self, from: Micros, to: Micros) -> u128 {
        let (begin, end, draw) = self.extra;
        u128::from(end.min(to).minus(begin.max(from)).0) * u128::from(draw)
    }

    /// What flows through the shunt on average when the board itself draws so much.
    pub(super) fn load(&self, from: Micros, to: Micros, draw: Milliwatts) -> Load {
        let extra = self.extra_energy(from, to) / u128::from(to.minus(from).0.max(1));
        let draw = i32::try_from(u128::from(draw.0) + extra).unwrap_or(i32::MAX);
        // Two cells of 3.7 V with 0.13 Ω, before a converter of 90 %; or 5.12 V that give way by 0.13 Ω.
        let (flows, volts, falls) = if self.battery { (draw / 9 * 10 - self.sun, 7_400, 57) } else { (draw, 5_120, 40) };
        let bus = Millivolts(u32::try_from(volts - flows / falls).unwrap_or_default());
        Load { milliwatts: if self.swapped { -flows } else { flows }, bus }
    }
}

/// The second of the day by the civil clock, which was noon when the trace began.
pub(super) fn civil(now: Micros, set: Option<(Micros, i64)>) -> u32 {
    let jump = set.filter(|(at, _)| now >= *at).map_or(0, |(_, seconds)| seconds);
    let second = 43_200_i64.saturating_add_unsigned(now.0 / 1_000_000).saturating_add(jump).rem_euclid(86_400);
    u32::try_from(second).unwrap_or(0)
}
