//! What a key of a scenario is when nobody says: the board, ladder and site of the power study.
//!
//! Deliberately absent: the keys' meaning and units (`scenario`).

use super::{Board, Rung};

impl Default for Board {
    /// A Raspberry Pi 400 with a 1.2 B model on an SD card, as assumed in the power study; 0.6 W of
    /// trimming (HDMI, Wi-Fi power save, USB) are to be measured.
    fn default() -> Self {
        Self {
            idle_w: 2.9,
            trimmed_w: 2.3,
            prefill_w: 6.4,
            decode_w: 5.8,
            load_w: 4.5,
            load_mb_s: 40.0,
            boot_s: 45.0,
            memory_mib: 3_400,
            error: 0.12,
        }
    }
}

/// Five levels with the assumptions of the power study; the poorest is a ternary 0.7 B model.
pub(super) fn ladder() -> Vec<Rung> {
    // name, GB, billions of weights, quality, prefill and decode in tokens per second
    let table = [
        ("ternary", 0.25, 0.7, 0.72, 18.0, 9.0),
        ("Q2_K", 0.58, 1.24, 0.86, 9.0, 4.3),
        ("Q4_K_M", 0.81, 1.24, 0.975, 11.0, 3.85),
        ("Q6_K", 1.02, 1.24, 0.995, 9.0, 2.85),
        ("Q8_0", 1.32, 1.24, 1.0, 12.0, 2.65),
    ];
    let rung = |(name, size_gb, weights_b, quality, prefill_tok_s, decode_tok_s): (&str, f64, f64, f64, f64, f64)| Rung {
        name: name.to_owned(),
        size_gb,
        weights_b,
        quality,
        prefill_tok_s,
        decode_tok_s,
    };
    table.map(rung).into()
}

pub(super) const fn converter() -> f64 {
    0.9
}
pub(super) const fn start() -> f64 {
    0.7
}
/// Protection circuits of lithium cells cut off at about 5 %.
pub(super) const fn cut_off() -> f64 {
    0.05
}
pub(super) const fn restart() -> f64 {
    0.12
}
pub(super) const fn noon_share() -> f64 {
    0.75
}
pub(super) const fn daylight_h() -> f64 {
    10.5
}
pub(super) const fn clearness() -> f64 {
    0.62
}
pub(super) const fn spread() -> f64 {
    0.65
}
pub(super) const fn persistence() -> f64 {
    0.3
}
/// UNECE's and IPCC's middle for photovoltaics; 8 to 83.
pub(super) const fn solar_g_per_kwh() -> u32 {
    40
}
/// A household: quiet at night, busy in the evening.
pub(super) const fn hours() -> [f64; 24] {
    [2., 1., 1., 1., 1., 2., 4., 6., 7., 6., 5., 5., 6., 6., 5., 5., 6., 7., 8., 9., 9., 8., 6., 4.]
}
pub(super) const fn one() -> f64 {
    1.0
}
pub(super) const fn weights_b() -> f64 {
    1.24
}
pub(super) const fn tokens_in() -> f64 {
    80.0
}
pub(super) const fn tokens_out() -> f64 {
    120.0
}
pub(super) const fn lengths() -> f64 {
    0.4
}
pub(super) const fn max_tokens() -> u32 {
    256
}
pub(super) const fn deadline_s() -> f64 {
    300.0
}
pub(super) const fn places() -> u32 {
    64
}
