//! Whether the sensor of the battery's current is the right way round.
//!
//! ```text
//! a step of the current (0.2 A or more, within 5 s) ─▶ the voltage stepped the other way: it agrees       -5 ┐
//!                                                   └▶ the same way:                it contradicts  +1 ┴▶ 0 to 12
//! ```
//!
//! A battery of any kind gives less voltage the more is taken from it, at any charge, under load and under sun; only the
//! size of that is its own. At 12 the sensor is taken to be reversed, back at 0 to be right. So no fewer than twelve
//! steps tell, and only where more than five of six contradict; three in a row that agree clear it.
//!
//! Promise: what is smaller than the noise of a reading tells nothing.
//! Deliberately absent: a sensor that reads too much or too little; a battery whose load never steps.

/// Two steps of the bus voltage of an INA219, in mV: rounding and noise of both readings seldom come to so much.
const NOISE: i64 = 8;
/// Steps that contradict, with none that agrees, until it is taken to be reversed.
const ENOUGH: u8 = 12;
/// What a step that agrees takes back.
const AGREES: u8 = 5;

/// What the steps so far say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sign {
    score: u8,
    reversed: bool,
}

impl Sign {
    /// Takes a step: current and voltage rose by so many mA and mV.
    pub(super) fn weigh(&mut self, current: i64, volts: i64) {
        if volts.abs() < NOISE || current == 0 {
            return;
        }
        let contradicts = current.signum() == volts.signum();
        self.score = if contradicts { (self.score + 1).min(ENOUGH) } else { self.score.saturating_sub(AGREES) };
        self.reversed = self.score == ENOUGH || (self.reversed && self.score > 0);
    }

    /// What leaves the battery is read as entering it.
    pub(super) const fn reversed(self) -> bool {
        self.reversed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After so many steps of this kind: +1 contradicts, -1 agrees, 0 is too small to tell.
    fn after(sign: &mut Sign, steps: &[(usize, i64)]) -> bool {
        for (times, kind) in steps {
            (0..*times).for_each(|_| sign.weigh(300, kind * 20 + 7 * (1 - kind.abs())));
        }
        sign.reversed()
    }

    #[test]
    #[rustfmt::skip]
    fn it_takes_a_dozen_steps_and_more_than_five_of_six_that_contradict() {
        type Steps = [(usize, i64)];
        let table: [(&Steps, bool, &str); 8] = [
            (&[(11, 1)],                               false, "one too few"),
            (&[(12, 1)],                               true,  "a dozen"),
            (&[(11, 1), (500, 0)],                     false, "noise tells nothing"),
            (&[(6, 1), (1, -1), (6, 1)],               false, "one that agrees takes five back"),
            (&[(6, 1), (1, -1), (11, 1)],              true,  "and is made up for"),
            (&[(5, 1), (1, -1), (5, 1), (1, -1), (11, 1)], false, "five of six are not enough"),
            (&[(99, 1), (2, -1)],                      true,  "two that agree do not clear it"),
            (&[(99, 1), (3, -1)],                      false, "three in a row do"),
        ];
        for (steps, reversed, why) in table {
            assert_eq!(after(&mut Sign::default(), steps), reversed, "{why}");
        }
    }

    #[test]
    fn less_current_and_less_voltage_contradict_as_well() {
        let mut sign = Sign::default();
        (0..12).for_each(|_| sign.weigh(-300, -20));
        assert!(sign.reversed());
    }
}
