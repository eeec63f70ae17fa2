//! When steps are taken, and that they never are while somebody waits.

use super::*;
use proptest::prelude::*;

const OFFERS: [Offer; 4] = [
    Offer { step: StepName::Unload, wake: Millis(30_000) },
    Offer { step: StepName::ParkCores, wake: Millis(100) },
    Offer { step: StepName::Screen, wake: Millis(2_000) },
    Offer { step: StepName::Leds, wake: Millis(1) },
];

fn rules() -> ThriftRules {
    ThriftRules { steps: StepName::ALL.to_vec(), ..ThriftRules::default() }
}

fn pause(seconds: u64) -> Pause {
    Pause { idle_for: Micros(seconds * 1_000_000), reload: Microjoules(75_000_000), ..Pause::default() }
}

fn reasons(pause: &Pause, rules: &ThriftRules) -> Vec<(StepName, &'static str)> {
    decide(pause, rules, &OFFERS).iter().map(|verdict| (verdict.step, verdict.why.as_str())).collect()
}

#[test]
#[rustfmt::skip]
fn every_step_on_offer_has_a_verdict_and_its_reason() {
    use StepName::{Leds, ParkCores, Screen, Unload};
    let table = [
        // idle s  leds        screen          cores       model                  what the row is for
        (  0,      "too_soon", "too_soon",     "too_soon", "too_soon",            "somebody waits"),
        ( 59,      "too_soon", "too_soon",     "too_soon", "too_soon",            "a short pause"),
        ( 60,      "idle",     "slow_to_wake", "idle",     "too_soon",            "a screen takes 2 s to wake"),
        (300,      "idle",     "slow_to_wake", "idle",     "staying_is_cheaper",  "memory costs nothing to keep"),
    ];
    for (seconds, leds, screen, cores, model, why) in table {
        let expected = [(Leds, leds), (Screen, screen), (ParkCores, cores), (Unload, model)];
        assert_eq!(reasons(&pause(seconds), &rules()), expected, "{why}");
    }
    assert_eq!(taken(&decide(&pause(300), &rules(), &OFFERS)), [Leds, ParkCores]);
}

#[test]
fn what_the_owner_did_not_allow_is_not_done_and_by_default_nothing_that_could_be_missed() {
    let verdicts = decide(&pause(1_000), &ThriftRules::default(), &OFFERS);
    assert_eq!(taken(&verdicts), [StepName::Leds]);
    assert!(verdicts.iter().all(|verdict| verdict.step == StepName::Leds || verdict.why == Why::NotAllowed));
}

#[test]
#[rustfmt::skip]
fn the_model_goes_when_others_need_its_memory_or_when_staying_costs_more_than_loading() {
    let hour = Some(Micros(3_600_000_000));
    let table = [
        // residency next     wanted  takes  what the row is for
        (  0,        None,    true,   true,  "others wait for the memory"),
        (  0,        hour,    false,  false, "a Pi: nothing is saved"),
        ( 20,        hour,    false,  false, "72 J to stay, 75 J to load"),
        ( 21,        hour,    false,  true,  "75.6 J to stay"),
        (500,        None,    false,  false, "nothing is known of arrivals"),
    ];
    for (residency, next_in, memory_wanted, takes, why) in table {
        let rules = ThriftRules { residency: Milliwatts(residency), ..rules() };
        let pause = Pause { next_in, memory_wanted, ..pause(300) };
        let verdict = decide(&pause, &rules, &OFFERS[..1]);
        assert_eq!(verdict[0].why.takes(), takes, "{why}: {:?}", verdict[0].why);
    }
}

proptest! {
    #[test]
    fn waiting_longer_never_takes_fewer_steps(
        idle in 0..1_000_000_000_u64, longer in 0..1_000_000_000_u64, after in 0..600_000_u64, wake in 0..3_000_u64,
        residency in 0..1_000_u32, next in proptest::option::of(0..10_000_000_000_u64), memory_wanted: bool,
    ) {
        let rules = ThriftRules { after: Millis(after), longest_wake: Millis(wake), residency: Milliwatts(residency), ..rules() };
        let pause = |idle| Pause { idle_for: Micros(idle), next_in: next.map(Micros), memory_wanted, ..pause(0) };
        let [early, late] = [idle, idle + longer].map(|idle| taken(&decide(&pause(idle), &rules, &OFFERS)));
        prop_assert!(early.iter().all(|step| late.contains(step)));
        prop_assert!(taken(&decide(&pause(0), &rules, &OFFERS)).is_empty());
        let wake_of = |step| OFFERS.iter().find(|offer| offer.step == step).unwrap().wake;
        prop_assert!(late.iter().all(|step| *step == StepName::Unload || wake_of(*step) <= rules.longest_wake));
    }
}
