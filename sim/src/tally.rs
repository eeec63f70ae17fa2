//! What became of one week under one policy.
//!
//! Promises: every prompt is counted once: answered, refused, expired, late, lost or unheard.
//! Deliberately absent: sums over weeks (`report`).

use hob_core::{
    ledger,
    units::{GramsPerKwh, Micrograms, Microjoules, Milliwatts},
};

use crate::{number::float, scenario::Scenario, store::Flows};

pub use crate::books::Sums;

/// Answers that a brown-out is worth: the power study's choice.
pub const PRICE: f64 = 5.0;

/// A week's counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    /// Prompts that came.
    pub asked: u64,
    /// Answered in time.
    pub served: u64,
    /// Turned away: a full desk, or by the policy.
    pub refused: u64,
    /// Waited at the desk until their deadline.
    pub expired: u64,
    /// Cut at their deadline while in hand.
    pub late: u64,
    /// In hand or waiting when the board was cut off.
    pub lost: u64,
    /// Came while the board was off.
    pub unheard: u64,
    /// Still there when the week ended.
    pub left: u64,
    /// Quality of all answers that were in time; a cut one counts by its share.
    pub quality: f64,
    /// Times that the board was cut off.
    pub brown_outs: u64,
    /// Changes from one level to another.
    pub switches: u64,
    /// From asking to the end of the answer, in microseconds, answer by answer.
    pub latencies: Vec<u64>,
    /// The real accounts: where the energy went.
    pub books: Sums,
    /// Drawn in all, hour of the day by hour, in nanojoules (mW x µs).
    drawn: [u128; 24],
    intensity: [u32; 24],
    /// Where the sun went.
    pub flows: Flows,
    /// Charge at the end less charge at the start, in joules.
    pub stored: f64,
    /// Moments of the week, for the chart.
    pub samples: Vec<Sample>,
}

/// A moment of the week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Microseconds since it began.
    pub at: u64,
    /// Charge, share of full.
    pub charge: Option<f64>,
    /// What the panels could give, in watts.
    pub sun: f64,
    /// Place of the loaded level.
    pub level: Option<usize>,
    /// Answered in time so far.
    pub served: u64,
    /// Asked so far.
    pub asked: u64,
    /// Cut off so far.
    pub brown_outs: u64,
}

/// Minutes between two samples.
const PACE: u64 = 15;

impl Tally {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let solar = scenario.sun.as_ref().map_or(0, |sun| sun.g_per_kwh);
        let intensity = scenario.grid.as_ref().map_or([solar; 24], |grid| grid.g_per_kwh);
        Self { intensity, ..Self::default() }
    }

    /// A span without events; never over a full hour.
    pub(crate) fn passes(&mut self, at: u64, span: u64, draw: Milliwatts) {
        let hour = usize::try_from(at / 3_600_000_000 % 24).unwrap_or(0);
        if let Some(drawn) = self.drawn.get_mut(hour) {
            *drawn += u128::from(span) * u128::from(draw.0);
        }
    }

    pub(crate) fn answered(&mut self, quality: f64, latency: u64) {
        self.served += 1;
        self.quality += quality;
        self.latencies.push(latency);
    }

    pub(crate) fn minute(&mut self, at: u64, charge: Option<f64>, sun: f64, level: Option<usize>) {
        if (at / 60_000_000).is_multiple_of(PACE) {
            let Self { served, asked, brown_outs, .. } = *self;
            self.samples.push(Sample { at, charge, sun, level, served, asked, brown_outs });
        }
    }

    /// Quality of all answers, less the price of the brown-outs.
    #[must_use]
    pub fn utility(&self) -> f64 {
        self.quality - PRICE * float(self.brown_outs)
    }

    /// All that the board drew.
    #[must_use]
    pub fn drawn(&self) -> Microjoules {
        Microjoules(u64::try_from(self.drawn.iter().sum::<u128>() / 1_000).unwrap_or(u64::MAX))
    }

    /// What that emitted, hour by hour at its intensity.
    #[must_use]
    pub fn emitted(&self) -> Micrograms {
        let hour = |(drawn, grams): (&u128, &u32)| {
            let spent = Microjoules(u64::try_from(drawn / 1_000).unwrap_or(u64::MAX));
            ledger::emissions(spent, GramsPerKwh(*grams)).unwrap_or(Micrograms(u64::MAX))
        };
        self.drawn.iter().zip(&self.intensity).map(hour).fold(Micrograms::ZERO, Micrograms::plus)
    }

    /// Prompts that are accounted for; equals `asked` at the end.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.served + self.refused + self.expired + self.late + self.lost + self.unheard + self.left
    }
}
