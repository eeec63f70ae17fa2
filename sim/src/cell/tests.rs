//! The cell keeps its own books, and behaves as cells do.

use super::*;

fn build(kind: Kind) -> Build {
    Build { kind, cells: 2.0, capacity: 3.0, resistance: 0.035, wires: 0.02, acid: 5_300.0 }
}

const ALL: [Kind; 5] = [Kind::Nmc, Kind::Lco, Kind::OldLco, Kind::Lfp, Kind::Lead];

#[test]
fn the_voltage_at_rest_rises_with_charge_between_its_published_ends() {
    for kind in ALL {
        let volts: Vec<f64> = (0..=20_u32).map(|step| Pack::rested(build(kind), f64::from(step) / 20.0).volts).collect();
        assert!(volts.is_sorted(), "{kind:?} {volts:?}");
    }
    let half = |kind| Pack::rested(build(kind), 0.5).volts / 2.0;
    // By hand, from the authors' formulas.
    for (kind, volts) in [(Kind::Nmc, 3.727), (Kind::Lco, 3.822), (Kind::Lfp, 3.277), (Kind::Lead, 2.058)] {
        assert!((half(kind) - volts).abs() < 0.003, "{kind:?} {}", half(kind));
    }
}

#[test]
fn current_times_voltage_is_the_power_that_is_asked_for() {
    let mut pack = Pack::rested(build(Kind::Nmc), 0.7);
    for _ in 0..600 {
        pack.step(6.0, 1.0, 25.0);
    }
    assert!((pack.current * pack.volts - 6.0).abs() < 1e-9);
}

#[test]
fn what_flows_out_is_what_the_level_loses() {
    for kind in ALL {
        let mut pack = Pack::rested(build(kind), 0.8);
        let mut amperes = 0.0;
        for _ in 0..3_600 {
            pack.step(5.0, 1.0, 20.0);
            amperes += pack.current / 3_600.0;
        }
        assert!((0.8 - pack.level() - amperes / 3.0).abs() < 1e-9, "{kind:?}");
    }
}

#[test]
fn under_load_it_sags_at_once_and_further_with_time_and_more_in_the_cold() {
    let sag = |seconds: u32, celsius: f64| {
        let mut pack = Pack::rested(build(Kind::Nmc), 0.6);
        let before = pack.volts;
        for _ in 0..seconds {
            pack.step(7.0, 1.0, celsius);
        }
        before - pack.volts
    };
    assert!(sag(1, 25.0) > 0.05 && sag(300, 25.0) > 1.3 * sag(1, 25.0) && sag(1, 0.0) > 1.5 * sag(1, 25.0));
}

#[test]
fn a_charger_holds_its_end_voltage_and_the_current_fades() {
    let mut pack = Pack::rested(build(Kind::Nmc), 0.9);
    for _ in 0..7_200 {
        pack.step(-15.0, 1.0, 25.0);
        assert!(pack.volts <= pack.limits().1 + 1e-9 && pack.current <= 0.0);
    }
    assert!(pack.current > -0.15 && pack.level() > 0.98, "{} {}", pack.current, pack.level());
}

#[test]
fn iron_phosphate_remembers_which_way_it_came() {
    let arrive = |from: f64, watts: f64| {
        let mut pack = Pack::rested(build(Kind::Lfp), from);
        while (pack.level() - 0.5) * (from - 0.5) > 0.0 {
            pack.step(watts, 1.0, 25.0);
        }
        pack.at_rest()
    };
    let apart = arrive(0.3, -5.0) - arrive(0.7, 5.0);
    assert!((0.02..0.026).contains(&apart), "{apart}");
}
