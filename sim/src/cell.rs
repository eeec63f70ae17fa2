//! A battery as it is, for judging what an estimator makes of it.
//!
//! ```text
//! power ─▶ current (what the voltage under load makes of it) ─▶ charge ─▶ electrodes ─▶ voltage at rest ─┐
//!              └─▶ resistance (by temperature), two RC pairs, hysteresis ────────────────────────────────┴▶ terminals
//! ```
//!
//! The voltages at rest are published fits of electrodes or cells that have nothing to do with the estimator's curves:
//! other makers, other labs, other decades. 0 and 100 % are where the fit gives the empty and the full voltage at rest.
//!
//! Deliberately absent: differences between the cells of a pack, self-discharge, heat of its own, gassing.

mod fits;
#[cfg(test)]
mod tests;

/// A cell that somebody measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// LG M50, NMC 811 and graphite with silicon: Chen and others, J. Electrochem. Soc. 167, 080534 (2020).
    Nmc,
    /// TCL PL-383562, a flat cell: Chen and Rincón-Mora, IEEE Trans. Energy Convers. 21, 504 (2006), carried on from
    /// its 4.1 V to 4.2 V.
    Lco,
    /// Cobalt oxide and MCMB graphite of the nineties (Dualfoil, as in Marquis and others, J. Electrochem. Soc. 166,
    /// A3693, 2019), charged to 4.1 V: unlike any curve in use today.
    OldLco,
    /// LFP of Afshar and others, arXiv 1709.03970, on the graphite of Mohtat and others, J. Electrochem. Soc. 167,
    /// 110561 (2020).
    Lfp,
    /// Lead and acid of Bode (1977), as in Sulzer and others, J. Electrochem. Soc. 166, A2363 (2019).
    Lead,
}

/// What a pack is made of, and how it is worn.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// The cell.
    pub kind: Kind,
    /// Cells in series.
    pub cells: f64,
    /// What it holds from full to empty, in ampere-hours; worn cells hold less than is printed on them.
    pub capacity: f64,
    /// Resistance of one cell at 25 °C that shows at once, in ohms.
    pub resistance: f64,
    /// Wires and protection, in ohms.
    pub wires: f64,
    /// Acid of the full lead cell, in mol/m³ (others: without meaning).
    pub acid: f64,
}

/// A pack at a moment.
#[derive(Debug, Clone)]
pub struct Pack {
    build: Build,
    /// Ends of the fit's own scale at the empty and the full voltage.
    ends: (f64, f64),
    level: f64,
    fast: f64,
    slow: f64,
    hysteresis: f64,
    /// What flows, in amperes; above zero it discharges.
    pub current: f64,
    /// Voltage at the terminals.
    pub volts: f64,
}

/// What of the charging current a cell keeps.
const fn kept(kind: Kind) -> f64 {
    match kind {
        Kind::Lead => 0.9,
        _ => 0.999,
    }
}

/// Time constants in seconds, and resistances as parts of the one that shows at once, of the two RC pairs: charge
/// transfer, and diffusion (slow, and large in lead).
const fn pairs(kind: Kind) -> [(f64, f64); 2] {
    match kind {
        Kind::Lead => [(30.0, 0.4), (2_400.0, 1.5)],
        Kind::Lfp => [(20.0, 0.4), (900.0, 0.7)],
        _ => [(25.0, 0.35), (700.0, 0.6)],
    }
}

impl Pack {
    /// A pack that has rested at `level` (0 to 1).
    #[must_use]
    pub fn rested(build: Build, level: f64) -> Self {
        let mut pack = Self {
            build,
            ends: fits::ends(build.kind, build.acid),
            level,
            fast: 0.0,
            slow: 0.0,
            hysteresis: 0.0,
            current: 0.0,
            volts: 0.0,
        };
        pack.volts = pack.at_rest() * build.cells;
        pack
    }

    /// The true state of charge, 0 to 1.
    #[must_use]
    pub const fn level(&self) -> f64 {
        self.level
    }

    /// What a charger stops at, and what a protection circuit switches off at, in volts of the pack.
    #[must_use]
    pub fn limits(&self) -> (f64, f64) {
        let (empty, full) = match self.build.kind {
            Kind::Nmc | Kind::Lco => (3.0, 4.2),
            Kind::OldLco => (3.0, 4.1),
            Kind::Lfp => (2.5, 3.6),
            Kind::Lead => (1.80, 2.40),
        };
        (empty * self.build.cells, full * self.build.cells)
    }

    /// Whether a protection circuit has switched off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.level <= 0.0 || self.volts <= self.limits().0
    }

    /// Voltage of one cell when nothing flowed for long.
    fn at_rest(&self) -> f64 {
        let (empty, full) = self.ends;
        fits::volts(self.build.kind, empty + (full - empty) * self.level, self.build.acid) + self.hysteresis
    }

    /// Lets `watts` flow out (below zero: in) for `seconds` at `celsius`. A charger holds its end voltage, so less may
    /// flow in than is offered.
    pub fn step(&mut self, watts: f64, seconds: f64, celsius: f64) {
        let Build { kind, cells, capacity, resistance, wires, .. } = self.build;
        // Arrhenius, 25 kJ/mol; and a cell that is nearly empty resists more.
        let warmth = (25_000.0 / 8.314 * (1.0 / (celsius + 273.15) - 1.0 / 298.15)).exp();
        let inner = resistance * warmth * (1.0 + 0.6 * (-self.level * 12.0).exp());
        let all = inner * cells + wires;
        let open = (self.at_rest() - self.fast - self.slow) * cells;
        // P = (open - all x I) x I; at most half of the open voltage can be lost.
        let most = open * open / (4.0 * all);
        let flows = (open - (open * open - 4.0 * all * watts.min(most)).max(0.0).sqrt()) / (2.0 * all);
        let charger = (open - self.limits().1) / all;
        self.current = if flows < 0.0 { flows.max(charger).min(0.0) } else { flows };
        self.volts = open - all * self.current;
        for (pair, (time, part)) in [&mut self.fast, &mut self.slow].into_iter().zip(pairs(kind)) {
            *pair += (inner * part * self.current - *pair) * (1.0 - (-seconds / time).exp());
        }
        let moved = self.current * seconds / 3_600.0 / capacity;
        if kind == Kind::Lfp {
            // One branch 12 mV above, one 12 mV below; it takes some percent of charge to get from one to the other.
            self.hysteresis += (-0.012 * moved.signum() - self.hysteresis) * (1.0 - (-40.0 * moved.abs()).exp());
        }
        self.level = (self.level - if moved < 0.0 { moved * kept(kind) } else { moved }).clamp(0.0, 1.0);
    }
}
