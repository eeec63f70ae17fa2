//! What the board knows of itself and its supply, with the errors of real sensors.
//!
//! Deliberately absent: the sensors' own models (`trace`, `cell`); here their errors are thrown.

use hob_core::{
    battery::Charge,
    steward::Supply,
    units::{Microjoules, Milliwatts, PartsPerMillion},
};

use crate::{
    dice::Dice,
    number::{count, count32, float},
    plant::Plant,
};

/// Charge from which on the charger turns the panels down.
const FULL: f64 = 0.999;

/// What the board knows of its supply, with errors.
pub(super) struct Senses {
    dice: Dice,
    /// Error of the charge, share of full.
    drift: f64,
}

impl Senses {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed, 4), drift: 0.0 }
    }

    /// The meter is within 1 % (one standard deviation).
    pub(super) fn joules(&mut self, truth: Microjoules) -> Microjoules {
        Microjoules(count(float(truth.0) * (1.0 + 0.01 * self.dice.normal())))
    }

    /// The charge is within 3 % (k=2) with an error that changes over hours, the sun within 3 %.
    pub(super) fn supply(&mut self, plant: &Plant, level: Option<f64>, sun: f64) -> Supply {
        self.drift = 0.995 * self.drift + 0.015 * 0.1 * self.dice.normal();
        let charge = level.zip(plant.battery.as_ref()).map(|(level, battery)| Charge {
            level: PartsPerMillion(count32((level + self.drift).clamp(0.0, 1.0) * 1e6)),
            bound: PartsPerMillion(30_000),
            full: Microjoules(count(battery.capacity_wh * 3.6e9)),
        });
        let seen = Milliwatts(count32(sun * (1.0 + 0.03 * self.dice.normal()) * 1e3));
        // A full battery turns the panels down: what they could give cannot be seen.
        let solar = level.filter(|level| *level < FULL).map(|_| seen);
        Supply { idle: plant.idle, charge, solar }
    }
}
