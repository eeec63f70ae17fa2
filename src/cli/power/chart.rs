//! A small chart of power over time, for a terminal.
//!
//! Promise: it is as wide and as high as asked, whatever the values. Deliberately absent: colours, and the terminal.

use hob_core::units::Milliwatts;

/// Eighths of a character cell, from below.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last `width` of `values` as columns over a baseline of zero; the highest reaches the top of `height` lines.
/// Each line begins with its upper bound in watts.
#[must_use]
pub(super) fn chart(values: &[Milliwatts], width: usize, height: u32) -> Vec<String> {
    let shown = values.get(values.len().saturating_sub(width)..).unwrap_or_default();
    let top = round_up(shown.iter().max().copied().unwrap_or_default());
    let eighths = |value: Milliwatts| u64::from(value.0) * u64::from(height) * 8 / u64::from(top.0.max(1));
    let line = |line: u32| {
        let below = u64::from(height - 1 - line) * 8;
        let cell = |value: &Milliwatts| {
            let part = usize::try_from(eighths(*value).saturating_sub(below).min(8)).unwrap_or(8);
            EIGHTHS.get(part).copied().unwrap_or(' ')
        };
        let bound = u64::from(top.0) * u64::from(height - line) / u64::from(height);
        let columns: String = shown.iter().map(cell).collect();
        format!("{:>3}.{} W │{columns}", bound / 1_000, bound % 1_000 / 100)
    };
    (0..height).map(line).collect()
}

/// A whole number of watts that is not below it, at least one.
fn round_up(power: Milliwatts) -> Milliwatts {
    Milliwatts(power.0.div_ceil(1_000).max(1).saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_reaches_the_top_and_zero_is_blank() {
        let values = [0, 1_000, 2_000, 4_000, 3_500].map(Milliwatts);
        let drawn = chart(&values, 60, 4);
        assert_eq!(drawn, ["  4.0 W │   █▄", "  3.0 W │   ██", "  2.0 W │  ███", "  1.0 W │ ████"]);
    }

    #[test]
    fn only_the_last_are_shown_and_none_is_an_empty_chart() {
        let values: Vec<Milliwatts> = (1..100).map(|number| Milliwatts(number * 40)).collect();
        assert!(chart(&values, 10, 2).iter().all(|line| line.chars().skip_while(|&letter| letter != '│').count() == 11));
        assert_eq!(chart(&[], 10, 1), ["  1.0 W │"]);
    }
}
