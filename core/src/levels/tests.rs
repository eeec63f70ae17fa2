//! Examples and promises of what is known of a level.

use proptest::prelude::*;

use super::*;
use crate::units::PartsPerMillion;

fn llama(name: &str, megabytes: u64, bits: u32) -> Level {
    Level {
        model: "llama-3.2-1b".into(),
        name: name.into(),
        bits: MilliBits(bits),
        file: Bytes(megabytes * 1_000_000),
        weights: 1_240_000_000,
        ..Level::default()
    }
}

#[test]
fn before_the_first_answer_the_file_tells_how_fast_it_will_be() {
    // The expected column of facts/pi400.md §4: 3.2 and 4.3 tokens a second, here in hundredths.
    let hundredths = |level: &Level| 100_000_000 / Learned::prior(level).decode.0;
    assert!((310..340).contains(&hundredths(&llama("Q8_0", 1_320, 8_500))), "{}", hundredths(&llama("Q8_0", 1_320, 8_500)));
    assert!((420..450).contains(&hundredths(&llama("Q4_0", 773, 4_500))), "{}", hundredths(&llama("Q4_0", 773, 4_500)));
    assert_eq!(Learned::prior(&llama("Q8_0", 1_320, 8_500)).load, Micros(33_000_000), "1.32 GB at 40 MB/s");
}

#[test]
fn a_board_unlike_the_prior_is_believed_at_once_and_then_averaged() {
    let mut learned = Learned::prior(&llama("Q4_0", 773, 4_500));
    let seen = |milliseconds: u64| Observed {
        prompt_tokens: 10,
        answer_tokens: 10,
        prefill: Micros(100_000),
        decode: Micros(milliseconds * 1_000),
        prefill_energy: Microjoules(500_000),
        decode_energy: Microjoules(1_000_000),
    };
    learned.answered(&seen(300));
    assert_eq!((learned.decode, learned.prefill, learned.decode_energy), (Micros(30_000), Micros(10_000), Microjoules(100_000)));
    learned.answered(&seen(3_000));
    assert!(learned.decode < Micros(100_000), "one outlier does not turn it over again: {learned:?}");
}

#[test]
fn a_board_that_was_held_up_is_believed_to_be_the_same_again_soon() {
    let mut learned = Learned::prior(&llama("Q4_0", 773, 4_500));
    let seen = |milliseconds: u64| Observed {
        prompt_tokens: 10,
        answer_tokens: 10,
        prefill: Micros(100_000),
        decode: Micros(milliseconds * 1_000),
        prefill_energy: Microjoules(500_000),
        decode_energy: Microjoules(milliseconds * 3_000),
    };
    (0..5).for_each(|_| learned.answered(&seen(300)));
    let before = learned;
    learned.answered(&seen(40_000));
    learned.answered(&seen(40_000));
    assert!(learned.decode.0 < before.decode.0 * 3 / 2, "{learned:?}");
    assert!(learned.time_spread() < PartsPerMillion(400_000), "{learned:?}");
    let doubted = learned.time_spread();
    (0..30).for_each(|_| learned.refused());
    assert!(
        learned.time_spread().0 < doubted.0 * 2 / 3 && learned.time_spread().0 >= 100_000,
        "doubt wears off by refusing: {learned:?}"
    );
}

#[test]
fn below_four_bits_quality_collapses() {
    let quality = |bits| usual_quality(MilliBits(bits)).0;
    assert_eq!(
        [
            quality(16_000),
            quality(8_500),
            quality(6_600),
            quality(4_900),
            quality(3_400),
            quality(1_600),
            quality(1_000),
            quality(0)
        ],
        [10_000, 10_000, 9_950, 9_750, 8_600, 7_200, 7_200, 10_000]
    );
    assert!(quality(4_900) - quality(3_400) > 4 * (quality(8_500) - quality(4_900)));
}

#[test]
fn a_measured_quality_wins_and_a_small_model_is_behind_a_large_one() {
    let measured = Level { quality: Some(BasisPoints(9_300)), ..llama("Q4_K_M", 810, 4_900) };
    assert_eq!(qualities(&[measured, llama("Q8_0", 1_320, 8_500)]), [BasisPoints(9_300), BasisPoints(10_000)]);
    let small = Level { model: "smol".into(), weights: 135_000_000, ..llama("Q8_0", 145, 8_500) };
    let both = qualities(&[small, llama("Q4_K_M", 810, 4_900)]);
    assert!(both[0] < BasisPoints(5_000) && both[1] == BasisPoints(9_750), "{both:?}");
}

fn seen(learned: &Learned, factor: u64) -> Observed {
    Observed {
        prompt_tokens: 80,
        answer_tokens: 120,
        prefill: Micros(learned.prefill.0 * 80 * factor / 100),
        decode: Micros(learned.decode.0 * 120 * factor / 100),
        prefill_energy: Microjoules(learned.prefill_energy.0 * 80 * factor / 100),
        decode_energy: Microjoules(learned.decode_energy.0 * 120 * factor / 100),
    }
}

#[test]
fn thirty_answers_outweigh_the_prior_and_narrow_the_spread() {
    let prior = Learned::prior(&llama("Q8_0", 1_320, 8_500));
    let mut learned = prior;
    assert_eq!(learned.energy_spread(), PartsPerMillion(150_000));
    learned.answered(&seen(&prior, 150));
    assert_eq!(learned.decode.0, prior.decode.0 * 110 / 100, "one answer against four of the prior");
    for _ in 0..200 {
        learned.answered(&seen(&prior, 150));
    }
    let off = learned.decode.0.abs_diff(prior.decode.0 * 150 / 100);
    assert!(off * 100 < learned.decode.0, "{learned:?}");
    assert!(learned.energy_spread() < PartsPerMillion(30_000), "{:?}", learned.energy_spread());
}

proptest! {
    #[test]
    fn no_observation_makes_a_cost_zero_or_panics(
        prompt: u32, answer: u32, prefill: u64, decode: u64, prefill_energy: u64, decode_energy: u64, load: u64, bytes: u64, weights: u64,
        bits: u32, answers: u32, loads: u32,
    ) {
        let level = Level { weights, bits: MilliBits(bits), file: Bytes(bytes), ..Level::default() };
        let mut learned = Learned { answers, loads, ..Learned::prior(&level) };
        let seen = Observed {
            prompt_tokens: prompt,
            answer_tokens: answer,
            prefill: Micros(prefill),
            decode: Micros(decode),
            prefill_energy: Microjoules(prefill_energy),
            decode_energy: Microjoules(decode_energy),
        };
        learned.answered(&seen);
        learned.loaded(Micros(load), Microjoules(load));
        prop_assert!(learned.decode > Micros::ZERO && learned.prefill > Micros::ZERO);
        prop_assert!(learned.cost(prompt, answer).time <= learned.cost(prompt, answer.saturating_add(1)).time);
        prop_assert!(usual_quality(MilliBits(bits)) <= BasisPoints(10_000));
    }
}
