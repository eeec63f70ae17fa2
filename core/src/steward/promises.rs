//! The policy's promises 2 and 3, held by the whole decision: learning, plan, backlog and budget included.
//!
//! Deliberately absent: promise 2 under a plan. With a battery a level more to choose from makes every joule worth more
//! later, and the best plan may well save it now.

use proptest::prelude::*;

use super::{
    tests::{Site, asked, ladder, question},
    *,
};
use crate::{
    policy::{Asked, Means},
    units::{BasisPoints, Bytes, Millis},
};

fn means(megabytes: u64, power: Option<u32>) -> Means {
    Means { memory: Bytes(megabytes * 1_000_000), power: power.map(Milliwatts), ..Means::default() }
}

fn mode(which: u8) -> Mode {
    [Mode::Auto, Mode::Quality, Mode::Endurance][usize::from(which % 3)].clone()
}

prop_compose! {
    fn any_prompt()(
        prompt_tokens in 0..200_u32, max_tokens in 1..256_u32, left in prop::option::of(10..300_u64),
        joules in prop::option::of(20..600_u64), quality in prop::option::of(8_000..10_001_u32),
    ) -> Asked {
        Asked {
            prompt_tokens,
            max_tokens,
            left: left.map(|seconds| Millis(seconds * 1_000)),
            max_energy: joules.map(|joules| Microjoules(joules * 1_000_000)),
            min_quality: quality.map(BasisPoints),
        }
    }
}

proptest! {
    #[test]
    fn more_means_never_answer_on_a_poorer_level(
        asked in any_prompt(), queue in prop::collection::vec(any_prompt(), 0..9), loaded in prop::option::of(0..3_usize),
        memory in 900..2_500_u64, power in prop::option::of(2_500..4_000_u32), more in 0..1_000_u64, spare in 0..2_000_u32,
        which: u8,
    ) {
        let ladder = ladder();
        let mut steward = Steward::new(Rules::default(), mode(which));
        steward.supply(Now::default(), &Supply { idle: Milliwatts(2_900), ..Supply::default() });
        let (little, much) = (means(memory, power), means(memory + more, power.map(|power| power + spare)));
        let mut picked = |means: &Means| {
            let question = Question { means, loaded, ..question(&ladder, asked, &queue) };
            steward.decide(Now::default(), &question).ok().map(|decision| decision.picked)
        };
        let (little, much) = (picked(&little), picked(&much));
        prop_assert!(much >= little, "{:?} with less and {:?} with more", little, much);
    }

    #[test]
    fn wavering_by_less_than_the_margin_never_swaps_twice(
        memory in 900..2_500_u64, power in prop::option::of(2_900..4_000_u32), waiting in 0..6_usize, which: u8,
        wobbles in prop::collection::vec((0..134_u64, 0..400_u32), 2..40),
        percent in 6..101_u32, peak in 0..40_u64, apart in 1..9_u64, battery: bool,
    ) {
        let ladder = ladder();
        let site = Site { watt_hours: 77, percent, peak, rises: 360, apart, minutes: 1_440 + 12 * 60 };
        let (mut steward, supply, now) = site.lived(mode(which));
        if !battery {
            steward.supply(now, &Supply { charge: None, solar: None, ..supply });
        }
        let queue = vec![Asked { left: Some(Millis(300_000)), ..asked(120) }; waiting];
        let (mut loaded, mut swaps) = (None, 0);
        for (less, weaker) in wobbles {
            let means = means(memory - less, power.map(|power| power - weaker));
            let question = Question { means: &means, loaded, ..question(&ladder, asked(120), &queue) };
            if let Ok(decision) = steward.decide(now, &question) {
                swaps += usize::from(loaded.is_some_and(|hot| hot != decision.picked));
                loaded = Some(decision.picked);
            }
        }
        prop_assert!(swaps <= 1, "swapped {} times", swaps);
    }
}
