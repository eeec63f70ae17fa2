//! Examples and promises of fit, hull, backlog and the sentence.

use proptest::prelude::*;

use super::{
    backlog::{Line, Offer, relieve},
    fit::{fit, fitting, named},
    hull::hull,
    *,
};
use crate::{
    levels::{Cost, Learned},
    units::MilliBits,
};

fn level(name: &str, mebibytes: u64, milliwatts: u32) -> Level {
    Level {
        model: "m".into(),
        name: name.into(),
        bits: MilliBits(4_000),
        resident: Bytes::from_mebibytes(mebibytes),
        draw: Milliwatts(milliwatts),
        ..Level::default()
    }
}

fn ladder() -> Vec<Level> {
    vec![level("Q2_K", 700, 2_500), level("Q4_K_M", 1_000, 2_900), level("Q8_0", 1_700, 3_400)]
}

fn rules() -> Rules {
    Rules { reserve: Bytes::from_mebibytes(300), ..Rules::default() }
}

fn means(mebibytes: u64, power: Option<u32>) -> Means {
    Means { memory: Bytes::from_mebibytes(mebibytes), power: power.map(Milliwatts), ..Means::default() }
}

fn richest(means: &Means, loaded: Option<usize>) -> Option<(usize, &'static str)> {
    let found = fitting(&ladder(), means, &rules(), loaded).ok()?;
    Some((found.richest()?, found.bound.as_str()))
}

#[test]
#[rustfmt::skip]
fn the_richest_level_that_fits_may_be_taken() {
    let table = [
        // MiB    spare mW      loaded   served                 what the row is for
        (3_000, Some(9_000), None,    Some((2, "best")),      "plenty of both"),
        (3_000, None,        None,    Some((2, "best")),      "no cap is no limit"),
        (1_500, Some(9_000), None,    Some((1, "ram")),       "memory binds"),
        (3_000, Some(3_100), None,    Some((1, "power_cap")), "power binds"),
        (2_000, Some(3_400), None,    Some((2, "best")),      "exactly enough is enough"),
        (2_100, Some(9_000), Some(1), Some((1, "hold")),      "climbing needs a margin"),
        (2_128, Some(9_000), Some(1), Some((2, "best")),      "and gets it"),
        (3_000, Some(3_700), Some(1), Some((1, "hold")),      "a margin of power too"),
        (2_000, Some(9_000), Some(2), Some((2, "best")),      "staying needs none"),
        (1_999, Some(9_000), Some(2), Some((1, "ram")),       "falling needs none"),
        (  999, Some(9_000), None,    None,                   "nothing fits the memory"),
        (3_000, Some(2_000), None,    None,                   "nothing fits the power"),
    ];
    for (memory, power, loaded, served, why) in table {
        assert_eq!(richest(&means(memory, power), loaded), served, "{why}");
    }
}

#[test]
#[rustfmt::skip]
fn stress_steps_one_down() {
    let calm = means(3_000, None);
    let hot = Means { soc: Some(MilliCelsius(80_000)), ..calm };
    let warm = Means { soc: Some(MilliCelsius(76_000)), ..calm };
    let pressed = Means { pressure: Some(BasisPoints(1_000)), ..calm };
    let starved = Means { under_voltage: true, ..calm };
    let table = [
        (hot,     None,    (1, "thermal"),       "one below the richest"),
        (hot,     Some(2), (1, "thermal"),       "one below what is loaded"),
        (hot,     Some(1), (0, "thermal"),       "and again at the next prompt"),
        (hot,     Some(0), (0, "thermal"),       "but not below the smallest"),
        (warm,    Some(0), (0, "hold"),          "no climbing until it is cool"),
        (warm,    Some(2), (2, "best"),          "warm is no reason to leave"),
        (pressed, Some(2), (1, "pressure"),      "tasks wait for memory"),
        (starved, Some(2), (1, "under_voltage"), "the supply is weak"),
        (calm,    Some(0), (2, "best"),          "afterwards up again"),
    ];
    for (means, loaded, served, why) in table {
        assert_eq!(richest(&means, loaded), Some(served), "{why}");
    }
}

#[test]
fn a_level_asked_for_is_found_or_refused_with_the_reason() {
    let asked = |memory, name| named(&ladder(), &means(memory, None), &rules(), name);
    assert_eq!(asked(3_000, "q4_k_m"), Ok(1));
    assert_eq!(
        asked(1_500, "Q8_0").unwrap_err().to_string(),
        "Q8_0 needs 1700 MiB of memory and 1200 MiB are free for it; free some, or add a smaller level with `hob quantize`"
    );
    assert_eq!(
        asked(3_000, "Q5_0").unwrap_err().to_string(),
        "there is no level Q5_0 of this model here; there are: Q2_K, Q4_K_M, Q8_0"
    );
    assert_eq!(fitting(&[], &means(3_000, None), &rules(), None), Err(Shortage::EmptyShelf));
}

fn offer(joules: u64, quality: u32) -> Offer {
    let usual = Cost { marginal: Microjoules(joules * 1_000_000), time: Micros(joules * 300_000) };
    let learned = Learned { decode: Micros(joules * 3_000), load: Micros(20_000_000), ..Learned::default() };
    Offer { quality: BasisPoints(quality), usual, learned }
}

/// The study's ladder: J above idle of 80 + 120 tokens, and quality.
fn study() -> Vec<Offer> {
    vec![offer(54, 7_200), offer(112, 8_600), offer(116, 9_750), offer(153, 9_950), offer(155, 10_000)]
}

#[test]
#[rustfmt::skip]
fn only_levels_on_the_hull_are_compared() {
    let table = [
        (study(),                                                 vec![0, 2, 4], "two bits save little and lose much; six bits cost as much as eight"),
        (vec![offer(100, 9_000), offer(100, 9_500)],              vec![1],       "the better at the same cost"),
        (vec![offer(100, 9_000), offer(120, 9_000)],              vec![0],       "the cheaper at the same quality"),
        (vec![offer(100, 9_000), offer(80, 9_500)],               vec![1],       "cheaper and better"),
        (vec![offer(10, 1_000), offer(20, 2_000), offer(30, 3_000)], vec![0, 1, 2], "what is on the line stays"),
        (vec![],                                                  vec![],        "nothing"),
    ];
    for (offers, kept, why) in table {
        assert_eq!(hull(&offers, |_| true), kept, "{why}");
    }
}

fn waits(left_s: u64) -> Asked {
    Asked { prompt_tokens: 0, max_tokens: 100, left: Some(Millis(left_s * 1_000)), ..Asked::default() }
}

#[test]
#[rustfmt::skip]
fn a_cheaper_level_relieves_the_queue_when_it_answers_more_in_time() {
    // 100 tokens: 34.8 s on the middle level, 16.2 s on the poorest; a load is 20 s.
    let queue = |waiting: usize, left| vec![waits(left); waiting];
    let table = [
        (queue(0, 300), 0,      2, "nobody waits"),
        (queue(3, 300), 0,      2, "all are in time"),
        (queue(11, 300), 0,     0, "twelve are, with the poorest only"),
        (queue(6, 300), 40_000, 0, "those that will come count too"),
        (queue(1, 30), 0,       2, "too late for both"),
    ];
    for (queue, coming, served, why) in table {
        let line = Line { asked: &waits(300), queue: &queue, coming, patience: Millis(300_000), answer: 120 };
        assert_eq!(relieve(&study(), &[0, 2], 2, Some(2), &line), served, "{why}");
    }
}

prop_compose! {
    fn any_means()(mebibytes in 0..4_000_u64, power in prop::option::of(0..9_000_u32), soc in prop::option::of(20_000..95_000_i32),
                   pressure in prop::option::of(0..3_000_u32), under_voltage: bool) -> Means {
        Means { soc: soc.map(MilliCelsius), pressure: pressure.map(BasisPoints), under_voltage, ..means(mebibytes, power) }
    }
}

proptest! {
    #[test]
    fn what_may_be_taken_fits(means in any_means(), loaded in prop::option::of(0..4_usize)) {
        let (ladder, free) = (ladder(), means.memory.minus(rules().reserve));
        match fitting(&ladder, &means, &rules(), loaded) {
            Ok(found) => {
                prop_assert!(found.richest().is_some());
                for place in (0..ladder.len()).filter(|&place| found.has(place)) {
                    prop_assert_eq!(fit(&ladder[place], free, means.power), Verdict::Fits);
                }
            }
            Err(_) => prop_assert!(ladder.iter().all(|level| fit(level, free, means.power) != Verdict::Fits)),
        }
    }

    #[test]
    fn more_means_never_take_a_poorer_level(
        less in any_means(), more_memory in 0..1_000_u64, more_power in 0..2_000_u32, loaded in prop::option::of(0..3_usize),
    ) {
        let more = Means {
            memory: less.memory.plus(Bytes::from_mebibytes(more_memory)),
            power: less.power.map(|left| left.plus(Milliwatts(more_power))),
            ..less
        };
        let rank = |means: &Means| richest(means, loaded).map(|(place, _)| place);
        prop_assert!(rank(&more) >= rank(&less));
    }

    #[test]
    fn wavering_by_less_than_the_margin_never_swaps_twice(
        memory in 900..4_000_u64, power in prop::option::of(2_500..9_000_u32),
        wobbles in prop::collection::vec((0..128_u64, 0..400_u32), 2..60),
    ) {
        let (mut loaded, mut swaps) = (None, 0);
        for (less_memory, less_power) in wobbles {
            let means = means(memory.saturating_sub(less_memory), power.map(|left| left.saturating_sub(less_power)));
            if let Some((picked, _)) = richest(&means, loaded) {
                swaps += usize::from(loaded.is_some_and(|hot| hot != picked));
                loaded = Some(picked);
            }
        }
        prop_assert!(swaps <= 1, "swapped {swaps} times");
    }

    #[test]
    fn at_any_price_of_a_joule_the_best_is_on_the_hull(
        points in prop::collection::vec((1..300_u64, 1..10_000_u32), 1..8), price in 0..500_i128,
    ) {
        let offers: Vec<Offer> = points.iter().map(|&(joules, quality)| offer(joules, quality)).collect();
        let kept = hull(&offers, |_| true);
        let worth = |place: usize| i128::from(offers[place].quality.0) - price * offers[place].energy() / 1_000_000;
        let best = (0..offers.len()).map(worth).max();
        prop_assert_eq!(kept.iter().map(|&place| worth(place)).max(), best);
        prop_assert!(kept.is_sorted_by_key(|&place| offers[place].quality));
    }
}
