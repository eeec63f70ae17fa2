//! What a bench without a board needs of the driver, and `open` does on a real one.
//!
//! Deliberately absent: the chip itself (`chip`).

use super::{Ina219, bus};
use crate::line::{Line, Position};
use crate::model::Model;
use embedded_hal::i2c::I2c;

impl<B: I2c + Send + 'static> Ina219<B> {
    /// Sits in the battery's line, before a converter that nobody measured; `model` says what the board draws while
    /// something else feeds it.
    #[must_use]
    pub fn in_battery(self, model: Model) -> Self {
        let line = Line { position: Position::BATTERY, model: Some(model), ..Line::plain(self.wiring.shunt) };
        self.within(line)
    }

    /// What is odd about a first reading, in the words that stand in the log. To be asked when a conversion has ended.
    pub fn first_impression(&mut self) -> Option<String> {
        bus::first_impression(self)
    }
}
