//! What the sensor sees, and what it cannot.

use super::*;
use crate::clock::HandClock;
use crate::model::ModelSettings;
use hob_core::units::{Milliamps, PartsPerMillion};

const WINDOW: Micros = Micros(68_632);

fn battery(gain: Option<Gain>) -> (Line, HandClock) {
    let time = HandClock::default();
    let settings = ModelSettings { idle: Milliwatts(2_800), per_core: Milliwatts(0) };
    let model = Model::open(settings, std::path::Path::new("/nonexistent"), time.clock()).unwrap();
    (Line { shunt: MicroOhms::COMMON, position: Position::BATTERY, gain, model: Some(model) }, time)
}

fn read(line: &mut Line, milliamps: i32, millivolts: u32) -> Reading {
    line.reading(Microvolts(milliamps * 100), Millivolts(millivolts), WINDOW).unwrap()
}

#[test]
#[rustfmt::skip]
fn in_the_batterys_line_the_draw_is_seen_while_the_battery_feeds_the_board() {
    let table = [
        //  mA   mV     draw mW inferred  what the row is for
        (  800, 7_400,  5_328,  false,    "5.92 W, of which 90 % reach the board"),
        (  250, 7_400,  1_665,  false,    "little, and still more than half of idle"),
        (  200, 7_400,  2_800,  true,     "less than half of idle: something else feeds the board as well"),
        (    0, 8_400,  2_800,  true,     "full, on the charger"),
        ( -700, 8_000,  2_800,  true,     "charging is no error"),
    ];
    for (milliamps, millivolts, draw, inferred, why) in table {
        let (mut line, time) = battery(None);
        time.turn(WINDOW);
        let found = read(&mut line, milliamps, millivolts);
        assert_eq!((found.power, found.inferred), (Milliwatts(draw), inferred), "{why}");
        assert_eq!(found.supply, Some(Supply { volts: Millivolts(millivolts), current: Milliamps(milliamps) }), "{why}");
    }
}

#[test]
fn what_is_inferred_follows_the_work_since_the_last_reading_not_since_charging_began() {
    let (mut line, time) = battery(None);
    read(&mut line, 800, 7_400);
    time.turn(Micros(50_000));
    assert_eq!(read(&mut line, 800, 7_400).window, WINDOW, "seen: the sensor's window");
    time.turn(Micros(60_000));
    assert_eq!(read(&mut line, -800, 7_400).window, Micros(60_000), "inferred: since the last reading");
}

#[test]
fn in_the_boards_line_backwards_current_is_an_error() {
    let mut line = Line::plain(MicroOhms::COMMON);
    let error = line.reading(Microvolts(-58_000), Millivolts(5_000), WINDOW).unwrap_err();
    assert!(matches!(error, MeterError::Backwards(Milliwatts(2_900))), "{error}");
}

#[test]
fn a_gain_corrects_what_is_seen_and_neither_the_model_nor_the_current() {
    let (mut line, time) = battery(Gain::new(PartsPerMillion(1_100_000)).ok());
    time.turn(WINDOW);
    let seen = read(&mut line, 800, 7_400);
    assert_eq!((seen.power, seen.supply.unwrap().current), (Milliwatts(5_861), Milliamps(800)));
    time.turn(WINDOW);
    assert_eq!(read(&mut line, -800, 7_400).power, Milliwatts(2_800));
}

#[test]
fn a_converter_between_widens_the_bound_and_a_calibration_narrows_it() {
    let gain = Gain::new(PartsPerMillion(1_000_000)).ok();
    assert_eq!([battery(None).0.bound(), battery(gain).0.bound()], [BasisPoints(522), BasisPoints(309)]);
    let plain = Line::plain(MicroOhms::COMMON);
    assert_eq!([plain.bound(), Line { gain, ..Line::plain(MicroOhms::COMMON) }.bound()], [BasisPoints(153), BasisPoints(78)]);
}

#[test]
fn a_first_reading_is_doubted_only_when_the_sensor_saw_it() {
    let (mut line, time) = battery(None);
    time.turn(WINDOW);
    let seen = read(&mut line, 8_000, 7_400);
    assert!(line.doubt(&seen).unwrap().contains("looks wrong"));
    let inferred = read(&mut line, -8_000, 7_400);
    assert_eq!(line.doubt(&inferred), None);
}
