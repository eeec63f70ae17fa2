//! Examples and promises of the choice.

use proptest::prelude::*;

use super::*;

fn level(name: &str, mebibytes: u64, milliwatts: u32) -> Level {
    Level {
        model: "m".into(),
        name: name.into(),
        bits: MilliBits(4_000),
        resident: Bytes::from_mebibytes(mebibytes),
        draw: Milliwatts(milliwatts),
    }
}

fn ladder() -> Vec<Level> {
    vec![level("Q2_K", 700, 2_500), level("Q4_K_M", 1_000, 2_900), level("Q8_0", 1_700, 3_400)]
}

const RULES: Rules = Rules {
    reserve: Bytes::from_mebibytes(300),
    climb_memory: Bytes::from_mebibytes(128),
    climb_power: Milliwatts(400),
    pressure_limit: BasisPoints(1_000),
    hot: MilliCelsius(80_000),
    cool: MilliCelsius(75_000),
};

fn means(mebibytes: u64, power: Option<u32>) -> Means {
    Means { memory: Bytes::from_mebibytes(mebibytes), power: power.map(Milliwatts), ..Means::default() }
}

#[test]
#[rustfmt::skip]
fn the_richest_level_that_fits_is_served() {
    let table = [
        // MiB    spare mW      loaded   served              what the row is for
        (3_000, Some(9_000), None,    Some((2, "best")),   "plenty of both"),
        (3_000, None,        None,    Some((2, "best")),   "no cap is no limit"),
        (1_500, Some(9_000), None,    Some((1, "memory")), "memory binds"),
        (3_000, Some(3_100), None,    Some((1, "power")),  "power binds"),
        (2_000, Some(3_400), None,    Some((2, "best")),   "exactly enough is enough"),
        (2_100, Some(9_000), Some(1), Some((1, "hold")),   "climbing needs a margin"),
        (2_128, Some(9_000), Some(1), Some((2, "best")),   "and gets it"),
        (3_000, Some(3_700), Some(1), Some((1, "hold")),   "a margin of power too"),
        (2_000, Some(9_000), Some(2), Some((2, "best")),   "staying needs none"),
        (1_999, Some(9_000), Some(2), Some((1, "memory")), "falling needs none"),
        (  999, Some(9_000), None,    None,                "nothing fits the memory"),
        (3_000, Some(2_000), None,    None,                "nothing fits the power"),
    ];
    for (memory, power, loaded, served, why) in table {
        let choice = choose(&ladder(), &means(memory, power), &RULES, loaded, Wish::Auto).ok();
        assert_eq!(choice.map(|choice| (choice.picked, choice.reason.as_str())), served, "{why}");
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
        (hot,     None,    (1, "thermal"),       "one below what would have been chosen"),
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
        let choice = choose(&ladder(), &means, &RULES, loaded, Wish::Auto).unwrap();
        assert_eq!((choice.picked, choice.reason.as_str()), served, "{why}");
        assert_eq!(choice.table.iter().filter(|&&verdict| verdict == Verdict::Chosen).count(), 1, "{why}");
    }
}

#[test]
fn the_table_says_what_became_of_each() {
    let choice = choose(&ladder(), &means(1_500, Some(9_000)), &RULES, None, Wish::Auto).unwrap();
    assert_eq!(choice.table, [Verdict::Fits, Verdict::Chosen, Verdict::Memory]);
    let choice = choose(&ladder(), &means(3_000, Some(3_100)), &RULES, None, Wish::Auto).unwrap();
    assert_eq!(choice.table, [Verdict::Fits, Verdict::Chosen, Verdict::Power]);
    let hot = Means { soc: Some(MilliCelsius(90_000)), ..means(3_000, None) };
    let choice = choose(&ladder(), &hot, &RULES, None, Wish::Auto).unwrap();
    assert_eq!(choice.table, [Verdict::Fits, Verdict::Chosen, Verdict::Stress]);
}

#[test]
fn a_level_asked_for_is_served_or_refused_with_the_reason() {
    let asked = |memory, name| choose(&ladder(), &means(memory, None), &RULES, None, Wish::Exactly(name));
    assert_eq!(asked(3_000, "q4_k_m").map(|choice| (choice.picked, choice.reason)), Ok((1, Reason::Asked)));
    let error = asked(1_500, "Q8_0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "Q8_0 needs 1700 MiB of memory and 1200 MiB are free for it; free some, or add a smaller level with `hob quantize`"
    );
    let error = asked(3_000, "Q5_0").unwrap_err();
    assert_eq!(error.to_string(), "there is no level Q5_0 of this model here; there are: Q2_K, Q4_K_M, Q8_0");
    assert_eq!(choose(&[], &means(3_000, None), &RULES, None, Wish::Auto), Err(Shortage::EmptyShelf));
}

prop_compose! {
    fn any_means()(mebibytes in 0..4_000_u64, power in prop::option::of(0..9_000_u32), soc in prop::option::of(20_000..95_000_i32),
                   pressure in prop::option::of(0..3_000_u32), under_voltage: bool) -> Means {
        Means { soc: soc.map(MilliCelsius), pressure: pressure.map(BasisPoints), under_voltage, ..means(mebibytes, power) }
    }
}

proptest! {
    #[test]
    fn what_is_chosen_fits(means in any_means(), loaded in prop::option::of(0..3_usize)) {
        let ladder = ladder();
        match choose(&ladder, &means, &RULES, loaded, Wish::Auto) {
            Ok(choice) => {
                let level = &ladder[choice.picked];
                prop_assert!(level.resident <= means.memory.minus(RULES.reserve));
                prop_assert!(means.power.is_none_or(|left| level.draw <= left));
                prop_assert_eq!(choice.table[choice.picked], Verdict::Chosen);
                prop_assert_eq!(choice.table.iter().filter(|&&verdict| verdict == Verdict::Chosen).count(), 1);
            }
            Err(_) => prop_assert!(ladder.iter().all(|level| fit(level, means.memory.minus(RULES.reserve), means.power) != Verdict::Fits)),
        }
    }

    #[test]
    fn more_means_never_choose_a_poorer_level(
        less in any_means(), more_memory in 0..1_000_u64, more_power in 0..2_000_u32, loaded in prop::option::of(0..3_usize),
    ) {
        let more = Means {
            memory: less.memory.plus(Bytes::from_mebibytes(more_memory)),
            power: less.power.map(|left| left.plus(Milliwatts(more_power))),
            ..less
        };
        let rank = |means| choose(&ladder(), means, &RULES, loaded, Wish::Auto).ok().map(|choice| choice.picked);
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
            if let Ok(choice) = choose(&ladder(), &means, &RULES, loaded, Wish::Auto) {
                swaps += usize::from(loaded.is_some_and(|hot| hot != choice.picked));
                loaded = Some(choice.picked);
            }
        }
        prop_assert!(swaps <= 1, "swapped {swaps} times");
    }
}
