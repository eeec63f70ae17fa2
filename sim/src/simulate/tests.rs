//! Whole weeks: what must hold whatever the weather.

use super::*;
use crate::{
    chart::charts,
    number::{float, index},
    store::Flows,
};
use hob_core::policy::Mode;
use proptest::prelude::*;

fn site(capacity_wh: f64, peak_w: f64, clearness: f64, per_day: f64) -> Scenario {
    let mut scenario = Scenario::shipped("B").unwrap();
    scenario.battery.as_mut().unwrap().capacity_wh = capacity_wh;
    let sun = scenario.sun.as_mut().unwrap();
    (sun.peak_w, sun.clearness) = (peak_w, clearness);
    scenario.prompts.per_day = per_day;
    scenario
}

fn options(scenario: &Scenario, seed: u64) -> Options {
    Options { weeks: 1, seed, policies: Options::compare_all(scenario), trim: false }
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_seed_another() {
    let scenario = Scenario::shipped("C").unwrap();
    let report = |seed| run(&scenario, &options(&scenario, seed)).unwrap();
    assert_eq!(report(7), report(7));
    assert_ne!(report(7).policies, report(8).policies);
}

#[test]
fn an_endless_battery_and_patience_let_every_policy_answer_everybody() {
    let mut scenario = site(50_000.0, 40.0, 0.6, 100.0);
    scenario.prompts.deadline_s = 3_600.0;
    let mut all = options(&scenario, 3);
    all.policies.extend([Policy::Hob(Mode::Quality), Policy::Hob(Mode::Endurance)]);
    let report = run(&scenario, &all).unwrap();
    for weeks in &report.tallies {
        let week = &weeks[0];
        assert_eq!((week.served + week.left, week.brown_outs), (week.asked, 0));
        assert!(week.left <= 1, "only who came in the last moments is left");
    }
}

#[test]
fn without_sun_the_board_is_cut_off_once_and_nobody_is_answered_afterwards() {
    let scenario = site(30.0, 0.0, 0.6, 300.0);
    let report = run(&scenario, &options(&scenario, 4)).unwrap();
    for weeks in &report.tallies {
        let week = &weeks[0];
        assert_eq!(week.brown_outs, 1);
        assert!(week.served > 0 && week.unheard > week.asked / 2, "{} of {}", week.unheard, week.asked);
    }
}

#[test]
fn trimming_idle_saves_energy_and_never_answers() {
    let scenario = Scenario::shipped("A").unwrap();
    let [off, on] = [false, true].map(|trim| run(&scenario, &Options { trim, ..options(&scenario, 5) }).unwrap());
    for (off, on) in off.policies.iter().zip(&on.policies) {
        let saved = off.wh_per_week - on.wh_per_week;
        assert!((98.0..104.0).contains(&saved), "0.6 W over 168 h are 100.8 Wh, not {saved} ({})", on.policy);
        assert!(on.served_pct >= off.served_pct - 0.2);
    }
}

#[test]
fn clean_hours_make_light_grams() {
    let mut scenario = Scenario::shipped("grid").unwrap();
    let week = |scenario: &Scenario| run(scenario, &options(scenario, 6)).unwrap().policies[1].clone();
    scenario.grid.as_mut().unwrap().g_per_kwh = [400; 24];
    let flat = week(&scenario);
    assert!((flat.grams_per_week - flat.wh_per_week * 0.4).abs() < 0.001, "{flat:?}");
    scenario.grid.as_mut().unwrap().g_per_kwh[..12].fill(0);
    assert!(week(&scenario).grams_per_week < 0.7 * flat.grams_per_week);
}

#[test]
fn a_level_that_is_not_there_is_named_with_those_that_are() {
    let scenario = Scenario::shipped("A").unwrap();
    let wrong = Options { policies: vec![Policy::Always("Q5_1".into())], ..options(&scenario, 1) };
    let error = run(&scenario, &wrong).unwrap_err().to_string();
    assert!(error.contains("Q5_1") && error.contains("Q4_K_M") && error.contains("thresholds"), "{error}");
}

#[test]
fn policies_are_read_back_by_the_names_they_print() {
    for name in ["hob", "hob:quality", "hob:endurance", "thresholds", "Q8_0"] {
        let policy: Policy = name.parse().unwrap();
        assert_eq!(policy.to_string(), name);
    }
}

#[test]
fn a_report_is_a_table_and_json_and_pictures() {
    let scenario = Scenario::shipped("C").unwrap();
    let report = run(&scenario, &options(&scenario, 2)).unwrap();
    let table = report.to_string();
    assert_eq!(table.lines().count(), 3 + report.policies.len());
    let json: serde_json::Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(json["policies"][1]["policy"], "Q8_0");
    assert!(json["policies"][1]["regret_pct"].is_f64());
    let pictures = charts(&report).unwrap();
    assert_eq!(pictures.len(), report.policies.len());
    for (policy, svg) in pictures {
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{policy}");
        assert!(
            svg.contains(&policy) && svg.contains("brown-outs") && svg.contains("Q4_K_M") && svg.contains("<polyline"),
            "{policy}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_oracle_is_never_beaten_and_nothing_is_lost_from_sight(
        capacity in 10.0..120.0_f64, peak in 5.0..60.0_f64, clearness in 0.15..0.95_f64,
        per_day in 5.0..900.0_f64, seed in any::<u64>(), trim in any::<bool>(),
    ) {
        let scenario = site(capacity, peak, clearness, per_day);
        let report = run(&scenario, &Options { trim, ..options(&scenario, seed) }).unwrap();
        let best = report.oracle_pct / 100.0 * index(usize::try_from(report.asked).unwrap());
        for (row, weeks) in report.policies.iter().zip(&report.tallies) {
            let week = &weeks[0];
            prop_assert!(week.utility() <= best + 0.05, "{}: {} beats {best}", row.policy, week.utility());
            prop_assert_eq!(week.accounted(), week.asked, "{}", &row.policy);

            // Sun = board + converter + thrown away + what the battery holds more.
            let Flows { sun, thrown_away, lost, board } = week.flows;
            let missing = sun - thrown_away - lost - board - week.stored;
            prop_assert!(missing.abs() < 1e-6 * (1.0 + sun), "{}: {missing} J", row.policy);

            // The real accounts: all names add up to what the odometer turned, and that is what was drawn.
            let sums = week.books;
            let named = sums.answers.plus(sums.wasted).plus(sums.overhead).plus(sums.idle);
            let starts = 2 * (week.brown_outs + 1);
            prop_assert!(named.0.abs_diff(sums.turned.0) <= starts, "{}: {:?}", row.policy, sums);
            prop_assert!(sums.turned.0.abs_diff(week.drawn().0) <= 1_000_000, "{}: {:?} {:?}", row.policy, sums, week.drawn());
            prop_assert!((float(week.drawn().0) / 1e6 - board).abs() < 1.0);
        }
    }
}
