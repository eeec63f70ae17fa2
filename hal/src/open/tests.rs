//! Which meter is found on which tree, and what is said of the others.

use super::*;
use crate::meter::Supply;
use crate::shunt::Millivolts;
use crate::sysfs::plant;
use hob_core::units::{BasisPoints, Milliamps, Milliwatts, PartsPerMillion};

const SENSOR: [(&str, &str); 3] = [
    ("sys/class/hwmon/hwmon0/name", "ina219\n"),
    ("sys/class/hwmon/hwmon0/in0_input", "58\n"),
    ("sys/class/hwmon/hwmon0/in1_input", "5000\n"),
];
const COUNTERS: [(&str, &str); 3] = [
    ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
    ("sys/class/powercap/intel-rapl:0/energy_uj", "5\n"),
    ("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "1000\n"),
];

fn settings(root: &tempfile::TempDir, choice: &str) -> MeterSettings {
    MeterSettings {
        choice: choice.parse().unwrap(),
        bus: root.path().join("dev/i2c-1"),
        root: root.path().to_owned(),
        shunt: Some(MicroOhms::COMMON),
        ..MeterSettings::default()
    }
}

#[test]
fn auto_takes_the_best_there_is_and_says_why_not_a_better_one() {
    let table =
        [(vec![], Source::Model, 3), (COUNTERS.to_vec(), Source::Rapl, 2), ([COUNTERS, SENSOR].concat(), Source::Hwmon, 1)];
    for (files, source, passed_over) in table {
        let root = plant(&files);
        let (meter, notes) = open(&settings(&root, "auto")).unwrap();
        assert_eq!((meter.source(), notes.len()), (source, passed_over), "{notes:#?}");
        assert!(notes[0].text.starts_with("no ina219: cannot open the I2C bus"), "{}", notes[0].text);
    }
}

#[test]
fn the_one_that_was_asked_for_is_had_or_is_an_error_with_its_remedy() {
    let root = plant(&[]);
    for (choice, remedy) in [("ina219", "dtparam=i2c_arm=on"), ("hwmon", "dtoverlay=i2c-sensor"), ("rapl", "udev")] {
        let error = open(&settings(&root, choice)).err().unwrap().to_string();
        assert!(error.contains(remedy), "{error}");
    }
    for (choice, source) in [("model", Source::Model), ("simulated", Source::Simulated)] {
        let (meter, notes) = open(&settings(&root, choice)).unwrap();
        assert_eq!((meter.source(), notes.len()), (source, 0));
    }
}

#[test]
fn a_file_that_is_no_bus_is_passed_over() {
    let root = plant(&[("dev/i2c-1", "")]);
    let error = open(&settings(&root, "ina219")).err().unwrap();
    assert!(matches!(error, Absent::NoBus { .. }), "{error}");
}

#[test]
fn a_meter_that_was_found_reads() {
    let root = plant(&SENSOR);
    let (mut meter, _) = open(&settings(&root, "hwmon")).unwrap();
    assert_eq!(meter.read().unwrap().power, Milliwatts(2_900));
}

#[test]
fn a_sensor_in_the_batterys_line_says_how_the_battery_fares_and_the_draw_when_it_can() {
    let root = plant(&SENSOR);
    let settings = MeterSettings { position: Position::BATTERY, ..settings(&root, "hwmon") };
    let sensor = root.path().join("sys/class/hwmon/hwmon0");
    std::os::unix::fs::symlink("../../../1-0040", sensor.join("device")).unwrap();
    let (mut meter, notes) = open_battery(&settings).unwrap();
    assert!(notes.is_empty(), "{notes:?}");
    let reading = meter.read().unwrap();
    assert_eq!((reading.power, reading.inferred), (Milliwatts(2_610), false), "90 % of 2.9 W reach the board");
    std::fs::write(sensor.join("in0_input"), "-100\n").unwrap();
    let reading = meter.read().unwrap();
    assert!(reading.inferred && reading.power >= Milliwatts(2_800), "{reading:?}");
    assert_eq!(reading.supply, Some(Supply { volts: Millivolts(5_000), current: Milliamps(-1_000) }));
}

#[test]
fn a_battery_has_a_sensor_or_an_error_with_its_remedy() {
    let root = plant(&SENSOR);
    let table = [("auto", "dtparam=i2c_arm=on"), ("hwmon", "none of them at the configured"), ("model", "wire an INA219")];
    for (choice, remedy) in table {
        let error = open_battery(&settings(&root, choice)).err().unwrap().to_string();
        assert!(error.contains(remedy), "{error}");
    }
}

#[test]
fn a_calibrated_sensor_reads_corrected_and_is_bound_closer() {
    let root = plant(&SENSOR);
    let gain = Gain::new(PartsPerMillion(1_020_000)).ok();
    let (mut meter, _) = open(&MeterSettings { gain, ..settings(&root, "hwmon") }).unwrap();
    let reading = meter.read().unwrap();
    assert_eq!((reading.power, meter.bound()), (Milliwatts(2_958), BasisPoints(78)));
    assert_eq!(reading.supply, Some(Supply { volts: Millivolts(5_000), current: Milliamps(580) }), "as measured");
}

#[test]
fn a_choice_is_a_word() {
    assert_eq!("auto".parse(), Ok(Choice::Auto));
    for source in Source::ALL {
        assert_eq!(source.as_str().parse(), Ok(Choice::Only(source)));
    }
    assert_eq!(Choice::from_str("INA219").unwrap_err(), BadChoice("INA219".into()));
}

#[test]
fn the_kernel_names_a_chip_by_bus_and_address() {
    assert_eq!(kernel_name(Path::new("/dev/i2c-1"), Address::from_byte(0x42).unwrap()), "1-0042");
}
