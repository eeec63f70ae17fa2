//! Voltages at rest as their authors fitted them; x and y are the parts of the electrodes' places that are taken.
//!
//! Deliberately absent: any change to their coefficients.

use super::Kind;

/// Voltage of one cell at rest at a point of the fit's own scale, on which it runs from 0 to about 1.
pub(super) fn volts(kind: Kind, z: f64, acid: f64) -> f64 {
    match kind {
        // Stoichiometries at the ends of the cell's own range, as its authors give them.
        Kind::Nmc => nmc_811(0.9084 - z * (0.9084 - 0.2661)) - graphite_silicon(0.0279 + z * (0.9014 - 0.0279)),
        Kind::Lco => tcl(z),
        // From x 0.8, y 0.6 at 4.1 V down; the positive electrode holds 1/0.585 of the negative one.
        Kind::OldLco => cobalt(0.6 + 0.585 * 0.8 * (1.0 - z)) - mcmb(0.8 * z),
        Kind::Lfp => iron(0.9931 - z * (0.9931 - 0.0038)) - graphite(0.01 + 0.8 * z),
        Kind::Lead => lead(molality(EMPTY_ACID + z * (acid - EMPTY_ACID))),
    }
}

/// Where the fit gives the empty and the full voltage of its kind.
pub(super) fn ends(kind: Kind, acid: f64) -> (f64, f64) {
    let find = |volts_there: f64| bisect(|z| volts(kind, z, acid), volts_there);
    match kind {
        Kind::Nmc | Kind::Lco => (find(3.0), find(4.2)),
        Kind::OldLco => (find(3.0), find(4.1)),
        Kind::Lfp => (find(2.5), 1.0),
        Kind::Lead => (0.0, 1.0),
    }
}

/// Where a rising function has this value.
fn bisect(rising: impl Fn(f64) -> f64, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.2);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if rising(middle) < value { low = middle } else { high = middle }
    }
    low
}

/// LG M50, positive.
fn nmc_811(y: f64) -> f64 {
    -0.8090 * y + 4.4875 - 0.0428 * (18.5138 * (y - 0.5542)).tanh() - 17.7326 * (15.7890 * (y - 0.3117)).tanh()
        + 17.5842 * (15.9308 * (y - 0.3120)).tanh()
}

/// LG M50, negative.
fn graphite_silicon(x: f64) -> f64 {
    1.9793 * (-39.3631 * x).exp() + 0.2482
        - 0.0909 * (29.8538 * (x - 0.1234)).tanh()
        - 0.04478 * (14.9159 * (x - 0.2769)).tanh()
        - 0.0205 * (30.4444 * (x - 0.6103)).tanh()
}

/// The whole TCL cell.
fn tcl(z: f64) -> f64 {
    -1.031 * (-35.0 * z).exp() + 3.685 + 0.2156 * z - 0.1178 * z * z + 0.3201 * z * z * z
}

fn cobalt(y: f64) -> f64 {
    let y = 1.062 * y;
    2.16216 + 0.07645 * (30.834 - 54.4806 * y).tanh() + 2.1581 * (52.294 - 50.294 * y).tanh()
        - 0.14169 * (11.0923 - 19.8543 * y).tanh()
        + 0.2051 * (1.4684 - 5.4888 * y).tanh()
        + 0.2531 * ((0.56478 - y) / 0.1316).tanh()
        - 0.02167 * ((y - 0.525) / 0.006).tanh()
}

fn mcmb(x: f64) -> f64 {
    0.194 + 1.5 * (-120.0 * x).exp() + 0.0351 * ((x - 0.286) / 0.083).tanh()
        - 0.0045 * ((x - 0.849) / 0.119).tanh()
        - 0.035 * ((x - 0.9233) / 0.05).tanh()
        - 0.0147 * ((x - 0.5) / 0.034).tanh()
        - 0.102 * ((x - 0.194) / 0.142).tanh()
        - 0.022 * ((x - 0.9) / 0.0164).tanh()
        - 0.011 * ((x - 0.124) / 0.0226).tanh()
        + 0.0155 * ((x - 0.105) / 0.029).tanh()
}

fn iron(y: f64) -> f64 {
    3.4077 - 0.020_269 * y + 0.5 * (-150.0 * y).exp() - 0.9 * (-30.0 * (1.0 - y)).exp()
}

/// Graphite of a University of Michigan pouch cell, without silicon.
fn graphite(x: f64) -> f64 {
    0.063 + 0.8 * (-75.0 * (x + 0.001)).exp()
        - 0.0120 * ((x - 0.127) / 0.016).tanh()
        - 0.0118 * ((x - 0.155) / 0.016).tanh()
        - 0.0035 * ((x - 0.220) / 0.020).tanh()
        - 0.0095 * ((x - 0.190) / 0.013).tanh()
        - 0.0145 * ((x - 0.490) / 0.020).tanh()
        - 0.0800 * ((x - 1.030) / 0.055).tanh()
}

/// Acid of an empty lead cell, in mol/m³: about 1.11 kg/l.
const EMPTY_ACID: f64 = 1_800.0;

/// Moles of acid in a kilogram of water, from moles in a cubic metre (partial molar volumes of Sulzer and others).
fn molality(acid: f64) -> f64 {
    acid * 1.75e-5 / ((1.0 - acid * 4.5e-5) * 0.018_01)
}

fn lead(molality: f64) -> f64 {
    let l = molality.log10();
    let positive = 1.628 + 0.074 * l + 0.033 * l.powi(2) + 0.043 * l.powi(3) + 0.022 * l.powi(4);
    let negative = -0.294 - 0.074 * l - 0.030 * l.powi(2) - 0.031 * l.powi(3) - 0.012 * l.powi(4);
    positive - negative
}
