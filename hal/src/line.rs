//! What a sensor in a line says about the draw of the board, by where that line is.
//!
//! ```text
//! pi_input   supply ──[ shunt ]──▶ board                     draw = what flows
//! battery    battery ─[ shunt ]─┬▶ converter ──▶ board       draw = what flows x efficiency,
//!                    charger ───┘                            unless the charger feeds the board
//! ```
//!
//! Promises: in the battery's line, current that flows backwards is charging and no error, and a draw
//! that the sensor cannot have seen is said to be inferred.
//! Deliberately absent: the case that charger and battery feed the board together. The draw then reads
//! too low, and nothing in one line can tell.

use crate::gain::Gain;
use crate::meter::{Meter, MeterError, Reading, Supply};
use crate::model::Model;
use crate::shunt::{self, MicroOhms, Microvolts, Millivolts};
use hob_core::units::{BasisPoints, Micros, Milliwatts};

/// Where a sensor sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Position {
    /// In the line that feeds the board.
    #[default]
    PiInput,
    /// In the line of the battery, before the converter that makes the board's 5 V.
    Battery {
        /// What of the battery's power reaches the board.
        efficiency: BasisPoints,
    },
}

impl Position {
    /// In the battery's line, before a converter that loses 10 %; UPS hats lose 8 to 15 %.
    pub const BATTERY: Self = Self::Battery { efficiency: BasisPoints(9_000) };
}

/// What a converter adds to the bound: ±5 % for one that nobody measured, ±3 % for one that was
/// calibrated, whose loss changes with load and voltage all the same. Engineering judgement.
const CONVERTER: [BasisPoints; 2] = [BasisPoints(500), BasisPoints(300)];

/// A line with a shunt in it.
pub(crate) struct Line {
    pub(crate) shunt: MicroOhms,
    pub(crate) position: Position,
    pub(crate) gain: Option<Gain>,
    /// What the board draws when the sensor cannot see it; only asked in the battery's line.
    pub(crate) model: Option<Model>,
}

impl Line {
    /// A line that feeds the board, uncalibrated.
    pub(crate) const fn plain(shunt: MicroOhms) -> Self {
        Self { shunt, position: Position::PiInput, gain: None, model: None }
    }

    /// The draw of the board, from the voltage over the shunt and the one behind it.
    ///
    /// # Errors
    ///
    /// [`MeterError::Backwards`] in the line that feeds the board; what the model says in the other.
    pub(crate) fn reading(&mut self, drop: Microvolts, bus: Millivolts, window: Micros) -> Result<Reading, MeterError> {
        let supply = Some(Supply { volts: bus, current: shunt::current(drop, self.shunt) });
        let seen = shunt::draw(drop, bus, self.shunt);
        let Position::Battery { efficiency } = self.position else {
            return Ok(Reading { supply, ..Reading::plain(self.corrected(seen?), window) });
        };
        let discharge = seen.map_or(0, |seen| u64::from(seen.0)) * u64::from(efficiency.0) / 10_000;
        let seen = self.corrected(Milliwatts(u32::try_from(discharge).unwrap_or(u32::MAX)));
        // Asked every time: its CPU time is that since it was last asked.
        let modelled = self.model.as_mut().map(|model| (model.idle(), model.read()));
        match modelled {
            // No board that runs this draws less than half of its idle power: something else feeds it.
            Some((idle, modelled)) if seen.0 < idle.0 / 2 => Ok(Reading { inferred: true, supply, ..modelled? }),
            _ => Ok(Reading { supply, ..Reading::plain(seen, window) }),
        }
    }

    /// Bound before sampling, while the sensor sees the draw.
    pub(crate) fn bound(&self) -> BasisPoints {
        let calibrated = self.gain.is_some();
        let [unknown, known] = CONVERTER;
        match self.position {
            Position::PiInput => shunt::bound(self.shunt, calibrated),
            Position::Battery { .. } => {
                let (shunt, converter) = (shunt::bound(self.shunt, calibrated), if calibrated { known } else { unknown });
                BasisPoints(shunt.0.saturating_pow(2).saturating_add(converter.0.pow(2)).isqrt())
            }
        }
    }

    /// What is odd about a first reading, if anything.
    pub(crate) fn doubt(&self, first: &Reading) -> Option<String> {
        if first.inferred { None } else { shunt::doubt(first.power, self.shunt) }
    }

    fn corrected(&self, read: Milliwatts) -> Milliwatts {
        self.gain.map_or(read, |gain| gain.of(read))
    }
}

#[cfg(test)]
mod tests;
