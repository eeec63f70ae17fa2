//! The energy in the battery, and where it goes.
//!
//! ```text
//! sun ─┬▶ battery ─▶ converter ─┬▶ board
//!      └▶ thrown away when full └▶ lost
//! ```
//!
//! Promises: sun = board + converter loss + thrown away + change of charge, to float precision (tested).
//! On the grid there is no store: it never ends and nothing is counted.
//! Deliberately absent: cells, voltages and heat (`cell`).

use crate::{
    number::{count, float},
    scenario::Battery,
};

/// What the battery holds and has passed on, in joules.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Store {
    battery: Option<Battery>,
    full: f64,
    joules: f64,
    /// Where energy came from and went to.
    pub flows: Flows,
}

/// Sums of a week, in joules.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Flows {
    /// What the panels could give.
    pub sun: f64,
    /// What of that found the battery full.
    pub thrown_away: f64,
    /// What the converter lost.
    pub lost: f64,
    /// What the board drew.
    pub board: f64,
}

/// The battery lets the board down, or up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    /// Down to the cut-off.
    Empty,
    /// Up to where the board may start.
    Charged,
}

impl Store {
    /// Charged as the scenario starts.
    #[must_use]
    pub fn new(battery: Option<&Battery>) -> Self {
        let full = battery.map_or(0.0, |battery| battery.capacity_wh * 3_600.0);
        let joules = battery.map_or(0.0, |battery| full * battery.start);
        Self { battery: battery.cloned(), full, joules, flows: Flows::default() }
    }

    /// What it holds, in joules.
    #[must_use]
    pub fn joules(&self) -> f64 {
        self.joules
    }

    /// Share of full; none on the grid.
    #[must_use]
    pub fn level(&self) -> Option<f64> {
        self.battery.as_ref().map(|_| self.joules / self.full)
    }

    /// Lets up to `span` microseconds pass with constant powers in watts, and says how many did, and what ended them early.
    pub fn pass(&mut self, span: u64, sun: f64, draw: f64, up: bool) -> (u64, Option<Crossing>) {
        let Some(battery) = &self.battery else {
            self.flows.board += draw * float(span) / 1e6;
            return (span, None);
        };
        let net = sun - draw / battery.converter;
        let (mark, crossing) =
            if up { (battery.cut_off * self.full, Crossing::Empty) } else { (battery.restart * self.full, Crossing::Charged) };
        let toward = if up { net < 0.0 } else { net > 0.0 };
        // A moment past the mark, never at the same moment again.
        let left = ((mark - self.joules) / net).max(0.0);
        let early = (toward && left * 1e6 < float(span)).then(|| count((left * 1e6).ceil()).min(span));
        let span = early.unwrap_or(span);

        let seconds = float(span) / 1e6;
        let after = self.joules + net * seconds;
        self.flows.sun += sun * seconds;
        self.flows.board += draw * seconds;
        self.flows.lost += draw * (1.0 / battery.converter - 1.0) * seconds;
        self.flows.thrown_away += (after - self.full).max(0.0);
        self.joules = after.min(self.full);
        (span, early.map(|_| crossing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use proptest::prelude::*;

    fn battery(start: f64) -> Battery {
        Battery { start, ..Scenario::shipped("B").unwrap().battery.unwrap() }
    }

    #[test]
    fn it_stops_where_the_board_is_cut_off_and_where_it_may_start() {
        let mut store = Store::new(Some(&battery(0.10)));
        // 5 % of 77 Wh are 13.86 kJ: 1 386 s at 9 W out of the converter, 10 W out of the battery.
        assert_eq!(store.pass(3_600_000_000, 0.0, 9.0, true), (1_386_000_000, Some(Crossing::Empty)));
        // 7 % of 77 Wh at 10 W.
        let (span, crossing) = store.pass(3_600_000_000, 10.0, 0.0, false);
        assert!(span.abs_diff(1_940_400_000) <= 2 && crossing == Some(Crossing::Charged), "{span}");
        assert_eq!(store.pass(60_000_000, 10.0, 0.0, true), (60_000_000, None));
    }

    #[test]
    fn the_grid_never_ends() {
        assert_eq!(Store::new(None).pass(u64::MAX, 0.0, 9.0, true), (u64::MAX, None));
    }

    proptest! {
        #[test]
        fn energy_is_drawn_or_lost_or_thrown_away_or_still_there(
            start in 0.05..1.0_f64,
            steps in prop::collection::vec((0..4_000_000_000_u64, 0.0..60.0_f64, 0.0..9.0_f64), 1..60),
        ) {
            let mut store = Store::new(Some(&battery(start)));
            let (before, mut up) = (store.joules(), true);
            for (span, sun, draw) in steps {
                let (_, crossing) = store.pass(span, sun, if up { draw } else { 0.0 }, up);
                up = match crossing { Some(Crossing::Empty) => false, Some(Crossing::Charged) => true, None => up };
                prop_assert!(store.level().unwrap() <= 1.0 && store.level().unwrap() > 0.049);
            }
            let flows = store.flows;
            let left = flows.sun - flows.board - flows.lost - flows.thrown_away - (store.joules() - before);
            prop_assert!(left.abs() < 1e-6 * (1.0 + flows.sun), "{left} J are missing");
        }
    }
}
