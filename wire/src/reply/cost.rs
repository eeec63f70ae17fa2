//! What an answer cost in joules, and how well that is known.
//!
//! Promises: joules are the counted ones to the last digit, and `wall_j` is `idle_j` and `marginal_j` together; what was
//! not measured, or lies in doubt, is said beside the figure.
//! Deliberately absent: counting (`hob_core::accounts`), grams (`co2`).

use hob_core::accounts::{Bill, Marks};
use hob_core::units::{Microjoules, Micros};
use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;

/// Why a reading is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The draw ran past what the sensor can tell: the truth is more.
    Clipped,
    /// The sensor lost its settings, by a brown-out, and was given them again.
    SensorReset,
    /// The sensor did not answer for a while.
    SensorLost,
    /// Readings were missing for longer than half a second, and were bridged.
    Gap,
    /// Part of the work was told of too late: that part was paid for by others.
    Late,
    /// No sensor saw this part: it was worked out from the load.
    Inferred,
    /// The meter reads what this board can hardly draw: the shunt is hardly what the settings say.
    ShuntDoubt,
}

impl Mark {
    /// Those that the books set.
    const BOOKED: [(Self, Marks); 7] = [
        (Self::Clipped, Marks::CLIPPED),
        (Self::SensorReset, Marks::SENSOR_RESET),
        (Self::SensorLost, Marks::SENSOR_LOST),
        (Self::Gap, Marks::GAP),
        (Self::Late, Marks::LATE),
        (Self::Inferred, Marks::INFERRED),
        (Self::ShuntDoubt, Marks::SHUNT_DOUBT),
    ];

    fn among(marks: Marks) -> Vec<Self> {
        Self::BOOKED.into_iter().filter(|(_, booked)| marks.has(*booked)).map(|(mark, _)| mark).collect()
    }
}

/// Joules for a token, or tokens for a joule, on both bases: the literature mixes them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Of all that the answer drew.
    pub wall: Decimal<6>,
    /// Of what it drew above idle; absent where there was nothing to divide by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marginal: Option<Decimal<6>>,
}

impl Rates {
    /// Joules a token, rounded down to the microjoule; `None` without tokens.
    #[must_use]
    pub fn joules_per_token(wall: Microjoules, marginal: Microjoules, tokens: u32) -> Option<Self> {
        let each = |energy: Microjoules| energy.0.checked_div(tokens.into()).map(|each| Microjoules(each).into());
        Some(Self { wall: each(wall)?, marginal: each(marginal) })
    }

    /// Tokens a joule, rounded down to the millionth; `None` without tokens or joules.
    #[must_use]
    pub fn tokens_per_joule(wall: Microjoules, marginal: Microjoules, tokens: u32) -> Option<Self> {
        // Millionths of a token for a joule: both millions stand above the line. Past 18 million tokens it stays there.
        let each = |energy: Microjoules| u64::from(tokens).saturating_mul(1_000_000_000_000).checked_div(energy.0).map(decimal);
        let rates = Self { wall: each(wall)?, marginal: each(marginal) };
        (tokens > 0).then_some(rates)
    }
}

/// A count as a decimal; the largest there is instead of an overflow.
fn decimal<const PLACES: u32>(count: u64) -> Decimal<PLACES> {
    Decimal(i64::try_from(count).unwrap_or(i64::MAX))
}

/// What an answer cost, and how well that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Energy {
    /// This answer's share of what the board drew, in joules: `idle_j` and `marginal_j` together.
    pub wall_j: Decimal<6>,
    /// Its share of what the board would have drawn anyway.
    pub idle_j: Decimal<6>,
    /// What it drew above that.
    pub marginal_j: Decimal<6>,
    /// The true wall energy is within so many percent (k = 2).
    pub u_abs_pct: Decimal<2>,
    /// Beside another answer of the same board it is within so many percent (k = 2): what is wrong with the sensor is
    /// wrong with both.
    pub u_rel_pct: Decimal<2>,
    /// The share of the time that was measured, 0 to 1.
    pub coverage: Decimal<6>,
    /// The time that was not, in milliseconds.
    pub unmeasured_ms: Decimal<0>,
    /// Where the reading comes from: `ina219`, `hwmon`, `rapl`, `model` or `simulated`.
    pub source: String,
    /// What lies in doubt; left out if nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Joules for each token of the answer; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub j_per_token: Option<Rates>,
    /// Tokens of the answer for each joule; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_j: Option<Rates>,
    /// Words like these that a full battery would give, idle draw included; absent without a battery or words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words_per_charge: Option<Decimal<0>>,
}

impl Energy {
    /// A bill as it is published, for an answer of so many tokens. The caller adds what the bill does not know:
    /// [`Mark::Inferred`], and the words of a charge.
    #[must_use]
    pub fn of(bill: &Bill, source: impl Into<String>, tokens: u32) -> Self {
        Self {
            wall_j: bill.wall.into(),
            idle_j: bill.idle.into(),
            marginal_j: bill.marginal.into(),
            u_abs_pct: bill.u_abs.into(),
            u_rel_pct: bill.u_rel.into(),
            coverage: Decimal(bill.coverage.0.into()),
            unmeasured_ms: bill.unmeasured.into(),
            source: source.into(),
            marks: Mark::among(bill.marks),
            j_per_token: Rates::joules_per_token(bill.wall, bill.marginal, tokens),
            tokens_per_j: Rates::tokens_per_joule(bill.wall, bill.marginal, tokens),
            words_per_charge: None,
        }
    }
}

/// So many words for `wall`, how many for `full`? Rounded down; `None` if there were none, or they cost nothing.
#[must_use]
pub fn words_per_charge(full: Microjoules, wall: Microjoules, words: u32) -> Option<Decimal<0>> {
    let count = (u128::from(full.0) * u128::from(words)).checked_div(u128::from(wall.0))?;
    (words > 0).then(|| decimal(u64::try_from(count).unwrap_or(u64::MAX)))
}

/// What Hob expects, or expected before it began, of a prompt. What was not worked out is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predicted {
    /// At the wall, in joules; loading a model not included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub j: Option<Decimal<6>>,
    /// How long it takes, in milliseconds; waiting not included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<Decimal<0>>,
    /// At which level; absent where the level stands beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
}

impl Predicted {
    /// A prediction; `level` where it does not stand beside it.
    #[must_use]
    pub fn of(energy: Option<Microjoules>, time: Option<Micros>, level: Option<&str>) -> Self {
        let ms = time.map(|time| time.millis().into());
        Self { j: energy.map(Into::into), ms, level: level.map(str::to_owned) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hob_core::units::{BasisPoints, Millis, PartsPerMillion};
    use proptest::prelude::*;

    #[test]
    fn both_bases_are_told_apart_and_no_tokens_have_no_rates() {
        let (wall, marginal) = (Microjoules(305_000_000), Microjoules(155_000_000));
        let rates = |wall, marginal| Some(Rates { wall: Decimal(wall), marginal: Some(Decimal(marginal)) });
        assert_eq!(Rates::joules_per_token(wall, marginal, 120), rates(2_541_666, 1_291_666));
        assert_eq!(Rates::tokens_per_joule(wall, marginal, 120), rates(393_442, 774_193));
        assert_eq!((Rates::joules_per_token(wall, marginal, 0), Rates::tokens_per_joule(wall, marginal, 0)), (None, None));
        let idle = Rates::tokens_per_joule(wall, Microjoules(0), 120).unwrap();
        assert_eq!(idle.marginal, None, "nothing above idle: no rate instead of a boundless one");
        assert_eq!(Rates::tokens_per_joule(Microjoules(0), Microjoules(0), 120), None);
    }

    #[test]
    fn a_charge_has_as_many_words_as_it_has_joules_for() {
        // 19 Wh at 305 J for 90 words.
        assert_eq!(words_per_charge(Microjoules(68_400_000_000), Microjoules(305_000_000), 90), Some(Decimal(20_183)));
        assert_eq!(words_per_charge(Microjoules(68_400_000_000), Microjoules(305_000_000), 0), None);
        assert_eq!(words_per_charge(Microjoules(68_400_000_000), Microjoules(0), 90), None);
    }

    #[test]
    fn a_bill_is_published_as_it_was_booked() {
        let bill = Bill {
            wall: Microjoules(61_200_001),
            idle: Microjoules(30_400_000),
            marginal: Microjoules(30_800_001),
            elapsed: Micros(15_320_000),
            unmeasured: Millis(20),
            coverage: PartsPerMillion(998_694),
            marks: Marks::GAP,
            u_abs: BasisPoints(164),
            u_rel: BasisPoints(62),
        };
        let told = serde_json::to_value(Energy::of(&bill, "ina219", 64)).unwrap();
        let published = serde_json::json!({
            "wall_j": 61.200_001, "idle_j": 30.4, "marginal_j": 30.800_001, "u_abs_pct": 1.64, "u_rel_pct": 0.62,
            "coverage": 0.998_694, "unmeasured_ms": 20, "source": "ina219", "marks": ["gap"],
            "j_per_token": { "wall": 0.956_25, "marginal": 0.481_25 }, "tokens_per_j": { "wall": 1.045_751, "marginal": 2.077_922 },
        });
        assert_eq!(told, published);
        let nothing_said = Energy::of(&bill, "ina219", 0);
        assert_eq!((nothing_said.j_per_token, nothing_said.tokens_per_j), (None, None));
    }

    #[test]
    fn every_mark_of_a_bill_has_the_word_that_the_books_have_for_it() {
        let all = Mark::BOOKED.iter().fold(Marks::NONE, |all, (_, mark)| all.and(*mark));
        let words: Vec<String> = serde_json::from_value(serde_json::to_value(Mark::among(all)).unwrap()).unwrap();
        assert_eq!(words, all.codes().collect::<Vec<_>>());
        assert_eq!(Mark::among(Marks::NONE), []);
    }

    proptest! {
        #[test]
        fn rates_never_say_more_than_was_counted_whatever_was_counted(wall: u64, marginal: u64, full: u64, tokens: u32) {
            let (wall, marginal, full) = (Microjoules(wall), Microjoules(marginal), Microjoules(full));
            let joules = Rates::joules_per_token(wall, marginal, tokens);
            prop_assert_eq!(joules.is_some(), tokens > 0);
            prop_assert!(joules.is_none_or(|each| i128::from(each.wall.0) * i128::from(tokens) <= i128::from(wall.0)));
            let rates = Rates::tokens_per_joule(wall, marginal, tokens);
            prop_assert!(rates.is_none_or(|each| i128::from(each.wall.0) * i128::from(wall.0) <= i128::from(tokens) * 1_000_000_000_000));
            let words = words_per_charge(full, wall, tokens);
            prop_assert!(words.is_none_or(|words| i128::from(words.0) * i128::from(wall.0) <= i128::from(full.0) * i128::from(tokens)));
        }
    }
}
