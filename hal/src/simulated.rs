//! A pretended board: the chip in software under the real driver, drawing what the model says.
//!
//! ```text
//! CPU time ─▶ Model ─▶ chip's registers ─▶ real driver ─▶ Reading, labelled `simulated`
//! ```
//!
//! Promises: the whole path of a real sensor runs, and no reading of it is ever taken for a real one.
//! Deliberately absent: noise; a supply that sags (it is 5.1 V, as a Pi's is).

use crate::clock::Clock;
use crate::ina219::chip::{Load, SimulatedBus};
use crate::ina219::{Ina219, Wiring};
use crate::meter::{Meter, MeterError, Reading, Source};
use crate::model::{self, Model};
use crate::open::Absent;
use crate::shunt::Millivolts;
use hob_core::units::BasisPoints;

/// The official Pi supply.
const SUPPLY: Millivolts = Millivolts(5_100);

/// An INA219 in software.
pub struct Simulated {
    meter: Ina219<SimulatedBus>,
    bus: SimulatedBus,
}

impl Simulated {
    /// Powers up a chip that is wired as `wiring` says.
    ///
    /// # Errors
    ///
    /// [`Absent::NotAnIna219`], which would be a mistake in the chip.
    pub fn open(wiring: Wiring, mut model: Model, clock: Clock) -> Result<Self, Absent> {
        let address = wiring.address.as_byte();
        let mut draw = 0;
        let bus = SimulatedBus::new(address, wiring.shunt, clock.clone(), move |_| {
            if let Ok(reading) = model.read() {
                draw = i32::try_from(reading.power.0).unwrap_or(i32::MAX);
            }
            Load { milliwatts: if wiring.invert { -draw } else { draw }, bus: SUPPLY }
        });
        let meter = Ina219::new(bus.clone(), wiring).map_err(|reason| Absent::NotAnIna219 {
            bus: "(simulated)".into(),
            address,
            reason: format!("{reason:?}"),
        })?;
        Ok(Self { meter: meter.checked_by(clock), bus })
    }

    /// The bus that the chip is on, to order faults by.
    #[must_use]
    pub fn bus(&self) -> SimulatedBus {
        self.bus.clone()
    }
}

impl Meter for Simulated {
    fn read(&mut self) -> Result<Reading, MeterError> {
        self.meter.read()
    }

    fn source(&self) -> Source {
        Source::Simulated
    }

    fn bound(&self) -> BasisPoints {
        model::BOUND
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;
    use crate::ina219::Address;
    use crate::ina219::chip::Fault;
    use crate::model::ModelSettings;
    use crate::shunt::MicroOhms;
    use hob_core::units::{Micros, Milliwatts};

    fn simulated(time: &HandClock) -> Simulated {
        let root = std::path::Path::new("/nonexistent");
        let settings = ModelSettings { idle: Milliwatts(2_856), per_core: Milliwatts(0) };
        let model = Model::open(settings, root, time.clock()).unwrap();
        let wiring = Wiring { address: Address::default(), shunt: MicroOhms::COMMON, invert: true, shared: false };
        Simulated::open(wiring, model, time.clock()).unwrap()
    }

    #[test]
    fn the_models_draw_goes_through_the_chip_and_is_labelled_as_simulated() {
        let time = HandClock::default();
        let mut meter = simulated(&time);
        time.turn(Micros(70_000));
        assert_eq!(meter.read().unwrap().power, Milliwatts(2_856)); // 0.56 A at 5.1 V
        assert_eq!((meter.source(), meter.bound()), (Source::Simulated, BasisPoints(1_500)));
    }

    #[test]
    fn faults_can_be_ordered_while_it_runs() {
        let time = HandClock::default();
        let mut meter = simulated(&time);
        meter.bus().order(Fault::Vanish);
        time.turn(Micros(70_000));
        assert!(matches!(meter.read(), Err(MeterError::Silent { .. })));
        meter.bus().order(Fault::Return);
        assert!(meter.read().is_ok());
    }
}
