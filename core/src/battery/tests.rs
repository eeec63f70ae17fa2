//! What the estimator makes of readings; how well it does on other cells than its own is judged in `hob-sim`.

use super::*;
use proptest::prelude::*;

const PACK: Pack = Pack { chemistry: Chemistry::Nmc, cells: 2, capacity: MilliampHours(3_000) };
const SECOND: u64 = 1_000_000;

/// Volts of a pack at rest at so many percent.
fn volts(pack: Pack, percent: u32) -> Millivolts {
    let cell = pack.chemistry.rest_microvolts(PartsPerMillion(percent * 10_000));
    Millivolts(u32::try_from(cell * i64::from(pack.cells) / 1_000).unwrap())
}

fn resting_at(pack: Pack, percent: u32) -> Battery {
    let mut battery = Battery::new(pack);
    battery.observe(Micros(0), volts(pack, percent), Milliamps(0));
    battery
}

fn percent(battery: &Battery) -> u32 {
    (battery.charge().level.0 + 5_000) / 10_000
}

#[test]
fn before_any_reading_anything_is_possible() {
    let charge = Battery::new(PACK).charge();
    assert_eq!((charge.level, charge.bound), (PartsPerMillion(500_000), PartsPerMillion(1_000_000)));
    // 3 Ah x 2 x 3.745 V
    assert_eq!(charge.full, Microjoules(3 * 3_600 * 7_490_000));
}

#[test]
fn a_battery_at_rest_is_read_from_its_curve() {
    for chemistry in Chemistry::ALL {
        for level in [0, 7, 33, 50, 80, 100] {
            let pack = Pack { chemistry, ..PACK };
            assert!(percent(&resting_at(pack, level)).abs_diff(level) <= 1, "{} at {level} %", chemistry.as_str());
        }
    }
    assert!(resting_at(PACK, 50).charge().bound < PartsPerMillion(60_000));
    let flat = resting_at(Pack { chemistry: Chemistry::Lfp, ..PACK }, 50).charge().bound;
    assert!(flat > PartsPerMillion(300_000), "a plateau tells little, and the bound says so: {flat:?}");
}

#[test]
fn on_a_plateau_the_counter_rules() {
    let pack = Pack { chemistry: Chemistry::Lfp, cells: 4, capacity: MilliampHours(6_000) };
    let mut battery = Battery::new(pack);
    battery.told(PartsPerMillion(800_000));
    // Two hours at 0.6 A are 20 %; the voltage stays where it is at 40 %.
    for second in 0..7_200 {
        battery.observe(Micros(second * SECOND), volts(pack, 40), Milliamps(600));
    }
    assert_eq!(percent(&battery), 60);
}

#[test]
fn on_a_plateau_no_voltage_moves_what_was_counted() {
    let pack = Pack { chemistry: Chemistry::Lfp, ..PACK };
    let mut battery = Battery::new(pack);
    battery.told(PartsPerMillion(600_000));
    for second in 0..7_200 {
        battery.observe(Micros(second * SECOND), volts(pack, 14), Milliamps(0));
    }
    assert_eq!(percent(&battery), 60);
}

#[test]
fn a_reading_from_before_the_last_one_is_passed_over() {
    let pack = Pack { chemistry: Chemistry::Lfp, ..PACK };
    let mut battery = Battery::new(pack);
    battery.told(PartsPerMillion(900_000));
    for second in [0, 3_600, 0, 3_601] {
        battery.observe(Micros(second * SECOND), volts(pack, 60), Milliamps(600));
    }
    assert_eq!(percent(&battery), 70, "an hour at 0.6 A of 3 Ah, once");
}

#[test]
fn on_a_slope_the_voltage_sets_a_wrong_counter_right() {
    let mut battery = Battery::new(PACK);
    battery.told(PartsPerMillion(900_000));
    for second in 0..7_200 {
        battery.observe(Micros(second * SECOND), volts(PACK, 40), Milliamps(0));
    }
    assert!(percent(&battery).abs_diff(40) <= 3, "{}", percent(&battery));
}

#[test]
fn the_resistance_is_learned_from_steps_of_the_load() {
    let mut battery = resting_at(PACK, 60);
    let truth = 140; // mOhm
    for second in 1..120_u32 {
        let current = if second % 20 < 10 { 400 } else { 900 };
        let sagged = volts(PACK, 60).minus(Millivolts(current * truth / 1_000));
        battery.observe(Micros(u64::from(second) * SECOND), sagged, Milliamps(i32::try_from(current).unwrap()));
    }
    assert!(battery.resistance().0.abs_diff(truth) <= 15, "{:?}", battery.resistance());
}

#[test]
fn full_and_then_nearly_empty_teach_the_capacity() {
    let mut battery = resting_at(PACK, 90);
    for second in 1..100 {
        battery.observe(Micros(second * SECOND), Millivolts(8_380), Milliamps(-80));
    }
    assert_eq!((percent(&battery), battery.capacity()), (100, MilliampHours(3_000)));
    assert_eq!(battery.charge().bound, PartsPerMillion(20_000));
    // An aged pack: 1 A for 2.28 h, and only 5 % are left, which makes 2.4 Ah.
    for second in 100..100 + 8_208 {
        battery.observe(Micros(second * SECOND), volts(PACK, 60), Milliamps(1_000));
    }
    for second in 8_308..12_000 {
        battery.observe(Micros(second * SECOND), volts(PACK, 5), Milliamps(0));
    }
    assert!(battery.capacity().0.abs_diff(2_400) < 60, "{:?}", battery.capacity());
}

#[test]
fn a_short_moment_at_a_high_voltage_is_not_full() {
    let mut battery = resting_at(PACK, 50);
    for second in 1..50 {
        battery.observe(Micros(second * SECOND), Millivolts(8_380), Milliamps(-80));
    }
    assert!(percent(&battery) < 60, "{}", percent(&battery));
}

#[test]
fn a_gap_is_bridged_with_what_flowed_at_its_ends_and_widens_the_bound() {
    let lfp = Pack { chemistry: Chemistry::Lfp, ..PACK };
    let run = |step: usize| {
        let mut battery = Battery::new(lfp);
        battery.told(PartsPerMillion(900_000));
        for second in (0..=3_600).step_by(step) {
            battery.observe(Micros(second * SECOND), volts(lfp, 60), Milliamps(600));
        }
        battery.charge()
    };
    let (steady, gap) = (run(1), run(3_600));
    assert_eq!(steady.level, gap.level);
    assert!(gap.bound.0 > steady.bound.0 + 100_000, "{gap:?} against {steady:?}");
}

#[test]
fn after_a_restart_what_was_saved_goes_on_unless_the_voltage_speaks_against_it() {
    let pack = Pack { chemistry: Chemistry::Lfp, ..PACK };
    let mut battery = Battery::new(pack);
    battery.told(PartsPerMillion(700_000));
    let mut again = Battery::restore(pack, battery.save());
    again.observe(Micros(0), volts(pack, 60), Milliamps(0));
    assert_eq!(percent(&again), 70, "60 % and 70 % look alike on the plateau");
    let mut swapped = Battery::restore(pack, battery.save());
    swapped.observe(Micros(0), volts(pack, 4), Milliamps(0));
    assert_eq!(percent(&swapped), 4, "2.9 V at rest is not 70 %");
}

#[test]
fn what_died_empty_and_runs_again_was_charged_unseen() {
    let pack = Pack { chemistry: Chemistry::Lfp, ..PACK };
    let mut battery = Battery::new(pack);
    battery.told(PartsPerMillion(20_000));
    let mut again = Battery::restore(pack, battery.save());
    again.observe(Micros(0), volts(pack, 30), Milliamps(0));
    assert_eq!(percent(&again), 30);
    assert!(again.charge().bound > PartsPerMillion(300_000), "{:?}", again.charge());
}

#[test]
fn with_a_voltage_alone_the_bound_is_never_below_fifteen_percent() {
    let mut battery = Battery::new(PACK);
    for minute in 0..60 {
        battery.observe_volts(Micros(minute * 60 * SECOND), volts(PACK, 50).minus(Millivolts(80)));
    }
    assert_eq!(percent(&battery), 50);
    assert_eq!(battery.charge().bound, PartsPerMillion(150_000));
}

#[test]
fn what_the_board_spends_counts_down_through_its_converter() {
    let mut battery = Battery::new(PACK);
    battery.told(PartsPerMillion(1_000_000));
    // 3 Ah x 7.45 V = 22.3 Wh; an hour at 4 W through 0.9 is 4.44 Wh of it.
    for _ in 0..60 {
        battery.spend(Milliwatts(4_000), Micros(60 * SECOND), PartsPerMillion(900_000));
    }
    assert_eq!(percent(&battery), 80);
    assert!((55_000..65_000).contains(&battery.charge().bound.0), "{:?}", battery.charge().bound);
}

/// A pack at rest at 60 %, with 140 mOhm, under a load that changes every minute; read once a second.
fn under_load(battery: &mut Battery, seconds: std::ops::Range<u64>, sign: i32) {
    for second in seconds {
        let current = if second / 60 % 2 == 0 { 400 } else { 900 };
        let sagged = volts(PACK, 60).minus(Millivolts(current * 140 / 1_000));
        battery.observe(Micros(second * SECOND), sagged, Milliamps(sign * i32::try_from(current).unwrap()));
    }
}

#[test]
fn a_reversed_sensor_is_found_by_a_dozen_steps_and_then_the_voltage_alone_counts() {
    let mut battery = Battery::new(PACK);
    battery.told(PartsPerMillion(950_000));
    under_load(&mut battery, 0..12 * 60, -1);
    assert!(!battery.reversed(), "eleven steps");
    under_load(&mut battery, 12 * 60..13 * 60, -1);
    assert!(battery.reversed(), "twelve");
    // Ten hours at "650 mA into it" would fill it twice.
    under_load(&mut battery, 13 * 60..600 * 60, -1);
    let Charge { level, bound, .. } = battery.charge();
    assert!(level.0.abs_diff(600_000) < bound.0 && bound == PartsPerMillion(150_000), "{level:?} {bound:?}");
    assert!(battery.resistance().0.abs_diff(140) < 10, "{:?}", battery.resistance());
    assert!(!Battery::restore(PACK, battery.save()).reversed(), "which is not saved");
}

#[test]
fn what_a_reversed_sensor_taught_is_forgotten_and_wires_put_right_are_believed_again() {
    let mut battery = Battery::new(PACK);
    battery.kept.capacity = 2_000 * MAH;
    under_load(&mut battery, 0..20 * 60, -1);
    assert_eq!((battery.reversed(), battery.capacity()), (true, MilliampHours(3_000)));
    under_load(&mut battery, 20 * 60..30 * 60, 1);
    assert!(!battery.reversed());
    let before = percent(&battery);
    under_load(&mut battery, 30 * 60..60 * 60, 1);
    assert!(before.abs_diff(percent(&battery)) < 20 && battery.charge().bound < PartsPerMillion(150_000));
}

#[derive(Debug, Clone, Copy)]
enum Fed {
    Reading(u64, u32, i32),
    Volts(u64, u32),
    Spent(u32, u64),
    Told(u32),
}

fn fed() -> impl Strategy<Value = Fed> {
    prop_oneof![
        6 => (any::<u64>(), 4_000..10_000_u32, -3_000..3_000_i32).prop_map(|(at, volts, amps)| Fed::Reading(at % 100_000_000_000, volts, amps)),
        1 => (any::<u64>(), any::<u32>(), any::<i32>()).prop_map(|(at, volts, amps)| Fed::Reading(at, volts, amps)),
        1 => (any::<u64>(), any::<u32>()).prop_map(|(at, volts)| Fed::Volts(at, volts)),
        1 => (any::<u32>(), any::<u64>()).prop_map(|(drawn, span)| Fed::Spent(drawn, span)),
        1 => any::<u32>().prop_map(Fed::Told),
    ]
}

fn feed(battery: &mut Battery, fed: Fed) {
    match fed {
        Fed::Reading(at, volts, amps) => battery.observe(Micros(at), Millivolts(volts), Milliamps(amps)),
        Fed::Volts(at, volts) => battery.observe_volts(Micros(at), Millivolts(volts)),
        Fed::Spent(drawn, span) => battery.spend(Milliwatts(drawn), Micros(span), PartsPerMillion(900_000)),
        Fed::Told(level) => battery.told(PartsPerMillion(level)),
    }
}

fn pack() -> impl Strategy<Value = Pack> {
    (0..4_usize, any::<u8>(), any::<u32>()).prop_map(|(kind, cells, capacity)| Pack {
        chemistry: Chemistry::ALL[kind],
        cells: cells % 8,
        capacity: MilliampHours(capacity >> (cells % 32)),
    })
}

proptest! {
    #[test]
    fn whatever_is_fed_the_level_is_a_level_and_what_is_restored_is_what_was_saved(
        pack in pack(), story in prop::collection::vec(fed(), 0..80),
    ) {
        let mut battery = Battery::new(pack);
        for fed in story {
            feed(&mut battery, fed);
            let charge = battery.charge();
            prop_assert!(charge.level.0 <= 1_000_000 && charge.bound.0 <= 1_000_000);
            let back = Battery::restore(pack, battery.save());
            prop_assert_eq!(back.save(), battery.save());
            prop_assert_eq!(back.charge(), charge);
        }
    }

    #[test]
    fn more_discharge_never_leaves_more_without_a_reason_in_the_voltage(
        level in 400_000..900_000_u32, currents in prop::collection::vec(0..500_i32, 1..60), more in 0..200_i32, steady in 30..70_u32,
    ) {
        let run = |more: i32| {
            let mut battery = Battery::new(Pack { chemistry: Chemistry::Lfp, ..PACK });
            battery.told(PartsPerMillion(level));
            for (second, current) in (0..).zip(&currents) {
                let pack = Pack { chemistry: Chemistry::Lfp, ..PACK };
                battery.observe(Micros(second * SECOND), volts(pack, steady), Milliamps(current + more));
            }
            battery.charge().level
        };
        prop_assert!(run(more) <= run(0));
        prop_assert!(run(0) <= PartsPerMillion(level));
    }

    #[test]
    fn the_bound_only_grows_while_charge_is_counted_on_a_plateau(currents in prop::collection::vec(0..2_000_i32, 2..60)) {
        let pack = Pack { chemistry: Chemistry::Lfp, ..PACK };
        let mut battery = Battery::new(pack);
        battery.told(PartsPerMillion(600_000));
        let mut bound = PartsPerMillion(0);
        for (second, current) in (0..).zip(currents) {
            battery.observe(Micros(second * SECOND), volts(pack, 50), Milliamps(current));
            prop_assert!(battery.charge().bound >= bound);
            bound = battery.charge().bound;
        }
    }
}
