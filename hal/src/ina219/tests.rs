//! The driver against the chip in software: what is read is what flows, and no known trap bites.

mod buses;

use super::bus::first_impression;
use super::chip::{Fault, Load, SimulatedBus};
use super::*;
use crate::clock::HandClock;
use crate::meter::Supply;
use buses::{Failing, Recording};
use embedded_hal::i2c::Operation;
use hob_core::units::{Milliamps, Milliwatts};
use proptest::prelude::*;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

const BEAT: Micros = Micros(50_000);
const CONVERSION: Micros = Micros(68_632);

/// A chip, what flows through it, and the time.
struct Bench {
    time: HandClock,
    load: Arc<Mutex<Load>>,
    bus: SimulatedBus,
}

impl Bench {
    fn new(address: u8, shunt: u32, milliwatts: i32, millivolts: u32) -> Self {
        let time = HandClock::default();
        let load = Arc::new(Mutex::new(Load { milliwatts, bus: Millivolts(millivolts) }));
        let flows = load.clone();
        let shunt = MicroOhms::new(shunt).unwrap();
        let bus = SimulatedBus::new(address, shunt, time.clock(), move |_| *flows.lock().unwrap());
        Self { time, load, bus }
    }

    fn usual(milliwatts: i32) -> Self {
        Self::new(0x40, 100_000, milliwatts, 5_000)
    }

    fn meter(&self) -> Ina219<SimulatedBus> {
        Ina219::new(self.bus.clone(), wiring(0x40, 100_000)).unwrap()
    }

    fn set(&self, milliwatts: i32) {
        self.load.lock().unwrap().milliwatts = milliwatts;
    }

    /// Reads after one conversion; what is said of the supply is left out.
    fn read<B: I2c + Send + 'static>(&self, meter: &mut Ina219<B>) -> Result<Reading, MeterError> {
        self.time.turn(CONVERSION);
        bare(meter)
    }
}

fn wiring(address: u8, shunt: u32) -> Wiring {
    let address = Address::from_byte(address).unwrap();
    Wiring { address, shunt: MicroOhms::new(shunt).unwrap(), invert: false, shared: false }
}

fn bare<B: I2c + Send + 'static>(meter: &mut Ina219<B>) -> Result<Reading, MeterError> {
    meter.read().map(|reading| Reading { supply: None, ..reading })
}

fn plain(milliwatts: u32) -> Reading {
    Reading::plain(Milliwatts(milliwatts), CONVERSION)
}

#[test]
#[rustfmt::skip]
fn readings_equal_the_truth_at_every_address_and_shunt() {
    let table = [
        // address shunt µΩ  mV      mW
        (0x40,     100_000,  5_100,  6_375), // 1250 mA
        (0x42,     100_000,  7_400,  5_920), //  800 mA
        (0x43,      10_000,  3_900,  6_240), // 1600 mA
        (0x4F,      50_000, 12_100,  5_445), //  450 mA
    ];
    for (address, shunt, millivolts, milliwatts) in table {
        let bench = Bench::new(address, shunt, milliwatts, millivolts);
        let mut meter = Ina219::new(bench.bus.clone(), wiring(address, shunt)).unwrap();
        assert_eq!(bench.read(&mut meter).unwrap(), plain(milliwatts.cast_unsigned()), "at {address:#x}");
        assert_eq!(meter.source(), Source::Ina219);
    }
}

#[test]
fn nothing_answers_at_another_address() {
    let bench = Bench::usual(2_900);
    let refused = Ina219::new(bench.bus.clone(), wiring(0x41, 100_000)).err().unwrap();
    assert!(matches!(refused, InitializationErrorReason::I2cError(super::chip::BusError::NoAcknowledge)));
}

#[test]
fn before_the_first_conversion_there_is_no_reading_and_between_two_the_last_one_repeats() {
    let bench = Bench::usual(2_900);
    let mut meter = bench.meter();
    assert!(matches!(meter.read(), Err(MeterError::NotReady)));
    assert_eq!(bench.read(&mut meter).unwrap(), plain(2_900));
    bench.set(6_000);
    assert_eq!(bare(&mut meter).unwrap(), Reading { fresh: false, ..plain(2_900) });
    assert_eq!(bench.read(&mut meter).unwrap(), plain(6_000));
}

#[test]
fn at_twenty_readings_a_second_every_conversion_is_seen_once() {
    let bench = Bench::usual(2_900);
    let mut meter = bench.meter();
    let fresh = (0..1_000)
        .filter(|_| {
            bench.time.turn(BEAT);
            meter.read().is_ok_and(|reading| reading.fresh)
        })
        .count();
    assert_eq!(fresh as u64, 1_000 * BEAT.0 / CONVERSION.0);
}

#[test]
fn a_brown_out_changes_no_reading_and_is_told_once_within_ten_seconds() {
    let bench = Bench::usual(6_375);
    let mut meter = bench.meter();
    bench.read(&mut meter).unwrap();
    bench.bus.order(Fault::BrownOut);
    let readings: Vec<Reading> = (0..400)
        .map(|_| {
            bench.time.turn(BEAT);
            meter.read().unwrap()
        })
        .collect();
    assert!(readings.iter().all(|reading| reading.power == Milliwatts(6_375)));
    let told: Vec<usize> = (0..readings.len()).filter(|at| readings[*at].sensor_reset).collect();
    assert_eq!(told, [199], "with the 200th reading after the last check");
    assert!(!readings[200..].iter().any(|reading| reading.sensor_reset), "the configuration holds again");
}

#[test]
fn at_any_beat_a_brown_out_is_told_with_the_first_reading_after_ten_seconds() {
    for (beat, readings) in [(50_000, 200), (1_000_000, 10), (60_000_000, 1)] {
        let bench = Bench::usual(6_375);
        let mut meter = bench.meter().checked_by(bench.time.clock());
        bench.bus.order(Fault::BrownOut);
        let told = (1..=400).find(|_| {
            bench.time.turn(Micros(beat));
            meter.read().is_ok_and(|reading| reading.sensor_reset)
        });
        // The first reading after the check finds the chip at its first conversion in the new configuration.
        assert!(told.is_some_and(|told| told >= readings && told <= readings + 2), "{told:?} at a beat of {beat} µs");
    }
}

#[test]
fn by_the_clock_the_configuration_is_looked_at_six_times_a_minute_at_twenty_readings_a_second() {
    let bench = Bench::usual(2_900);
    let bus = Recording { bus: bench.bus.clone(), seen: Arc::default() };
    let mut meter = Ina219::new(bus.clone(), wiring(0x40, 100_000)).unwrap().checked_by(bench.time.clock());
    let looks = |readings| {
        let before = bus.seen.lock().unwrap().iter().filter(|shape| shape.starts_with("w1@0 ")).count();
        (0..readings).for_each(|_| {
            bench.time.turn(BEAT);
            let _not_ready_at_first = meter.read();
        });
        bus.seen.lock().unwrap().iter().filter(|shape| shape.starts_with("w1@0 ")).count() - before
    };
    assert_eq!([1_200, 1_200].map(looks), [6, 6]);
}

#[test]
fn voltage_and_signed_current_of_the_line_come_with_the_draw() {
    let bench = Bench::new(0x42, 100_000, -5_600, 8_000);
    let battery = Line { position: crate::line::Position::BATTERY, ..Line::plain(MicroOhms::COMMON) };
    let mut meter = Ina219::new(bench.bus.clone(), wiring(0x42, 100_000)).unwrap().within(battery);
    let supply = |volts, current| Some(Supply { volts: Millivolts(volts), current: Milliamps(current) });
    for (milliwatts, current, draw) in [(-5_600, -700, 0), (5_600, 700, 5_040), (0, 0, 0)] {
        bench.set(milliwatts);
        bench.time.turn(CONVERSION);
        let reading = meter.read().unwrap();
        assert_eq!((reading.supply, reading.power), (supply(8_000, current), Milliwatts(draw)));
        assert_eq!(meter.read().unwrap(), Reading { fresh: false, ..reading }, "and again until the next conversion");
    }
}

#[test]
fn a_draw_that_was_backwards_is_not_repeated_as_the_one_before() {
    let bench = Bench::usual(2_900);
    let mut meter = bench.meter();
    bench.read(&mut meter).unwrap();
    bench.set(-2_900);
    bench.read(&mut meter).unwrap_err();
    assert!(matches!(meter.read(), Err(MeterError::Backwards(_))));
}

#[test]
fn a_chip_that_was_unplugged_comes_back_configured_and_says_so() {
    let bench = Bench::usual(2_900);
    let mut meter = bench.meter();
    bench.read(&mut meter).unwrap();
    bench.bus.order(Fault::Vanish);
    for _ in 0..3 {
        assert!(matches!(bench.read(&mut meter), Err(MeterError::Silent { address: 0x40, .. })));
    }
    bench.bus.order(Fault::BrownOut);
    bench.bus.order(Fault::Return);
    bench.set(4_000);
    assert!(matches!(bench.read(&mut meter), Err(MeterError::NotReady)), "what was read before is not repeated");
    assert_eq!(bench.read(&mut meter).unwrap(), Reading { sensor_reset: true, ..plain(4_000) });
    assert_eq!(bench.read(&mut meter).unwrap(), plain(4_000));
}

#[test]
fn a_loose_bus_wire_is_no_reset() {
    let bench = Bench::usual(2_900);
    let mut meter = bench.meter();
    bench.read(&mut meter).unwrap();
    bench.bus.order(Fault::NackOnce);
    assert!(matches!(bench.read(&mut meter), Err(MeterError::Silent { .. })));
    assert_eq!(bench.read(&mut meter).unwrap(), plain(2_900));
}

#[test]
fn a_reset_is_told_even_when_the_bus_fails_while_it_is_being_mended() {
    for (failing, lands) in (1..=5).flat_map(|failing| [(failing, false), (failing, true)]) {
        let bench = Bench::usual(2_900);
        let bus = Failing { bus: bench.bus.clone(), in_so_many: Arc::default(), lands };
        let mut meter = Ina219::new(bus.clone(), wiring(0x40, 100_000)).unwrap();
        bench.read(&mut meter).unwrap();
        bench.bus.order(Fault::NackOnce);
        bench.read(&mut meter).unwrap_err();
        bench.bus.order(Fault::BrownOut);
        bus.in_so_many.store(failing, Ordering::SeqCst);
        let told = (0..5).filter(|_| bench.read(&mut meter).is_ok_and(|reading| reading.sensor_reset)).count();
        assert_eq!(told, 1, "when transaction {failing} fails, though it lands: {lands}");
    }
}

#[test]
fn past_its_range_a_reading_is_marked_as_clipped() {
    let bench = Bench::usual(15_999);
    let mut meter = bench.meter();
    assert!(!bench.read(&mut meter).unwrap().clipped, "3.1998 A through 0.1 ohm still fits");
    bench.set(20_000);
    assert_eq!(bench.read(&mut meter).unwrap(), Reading { clipped: true, ..plain(16_000) });
}

#[test]
fn an_overflow_of_the_chips_own_product_does_not_touch_ours() {
    let bench = Bench::usual(6_375);
    let mut meter = bench.meter();
    bench.bus.order(Fault::Overflow);
    assert_eq!(bench.read(&mut meter).unwrap(), plain(6_375));
}

#[test]
fn backwards_current_is_an_error_until_invert_is_set() {
    let bench = Bench::usual(-5_600);
    let mut meter = bench.meter();
    let error = bench.read(&mut meter).unwrap_err();
    assert!(matches!(error, MeterError::Backwards(Milliwatts(5_600))), "{error}");
    assert!(error.to_string().contains("invert"));
    let mut meter = Ina219::new(bench.bus.clone(), Wiring { invert: true, ..wiring(0x40, 100_000) }).unwrap();
    assert_eq!(bench.read(&mut meter).unwrap(), plain(5_600));
}

#[test]
fn a_wrong_shunt_is_remarked_on_at_the_first_reading() {
    for (shunt, remark) in [(10_000, None), (100_000, Some("10000 would make it 6240 mW"))] {
        let meter = &mut slow_bus(0x43, 6_240, 3_900, wiring(0x43, shunt));
        let found = first_impression(meter);
        assert_eq!(found.is_some(), remark.is_some());
        assert!(remark.is_none_or(|remark| found.as_ref().unwrap().contains(remark)), "{found:?}");
    }
}

#[test]
fn swapped_wires_are_remarked_on_at_the_first_reading() {
    let remark = first_impression(&mut slow_bus(0x40, -5_600, 5_000, wiring(0x40, 10_000))).unwrap();
    assert!(remark.contains("set `invert`"), "{remark}");
}

/// A meter on a bus where every transaction takes its time, as on a wire.
fn slow_bus(address: u8, milliwatts: i32, millivolts: u32, wiring: Wiring) -> Ina219<SimulatedBus> {
    let time = HandClock::default();
    let hand = time.clock();
    let ticking = Arc::new(move || {
        time.turn(Micros(450));
        hand()
    });
    let load = Load { milliwatts, bus: Millivolts(millivolts) };
    let bus = SimulatedBus::new(address, MicroOhms::new(10_000).unwrap(), ticking, move |_| load);
    Ina219::new(bus, wiring).unwrap()
}

#[test]
fn a_shared_chip_is_read_as_it_is_and_never_written() {
    let bench = Bench::usual(2_900);
    let bus = Recording { bus: bench.bus.clone(), seen: Arc::default() };
    let shared = Wiring { shared: true, ..wiring(0x40, 100_000) };
    let mut meter = Ina219::new(bus.clone(), shared).unwrap();
    for _ in 0..250 {
        assert_eq!(bench.read(&mut meter).unwrap(), Reading::plain(Milliwatts(2_900), Micros(1_064)));
    }
    let seen = bus.seen.lock().unwrap();
    assert!(seen.iter().all(|shape| shape.starts_with("w1@") && shape.ends_with(" r2")), "only register pointers are written");
}

#[test]
fn a_read_is_always_the_last_message_of_its_transaction() {
    let bench = Bench::usual(2_900);
    let bus = Recording { bus: bench.bus.clone(), seen: Arc::default() };
    let mut meter = Ina219::new(bus.clone(), wiring(0x40, 100_000)).unwrap();
    for beat in 0..250 {
        if beat == 20 {
            bench.bus.order(Fault::BrownOut);
        }
        bench.read(&mut meter).unwrap();
    }
    let seen = bus.seen.lock().unwrap();
    assert!(
        seen.len() > 750
            && seen.iter().all(|shape| shape.starts_with("w3@0") || shape.starts_with("w1@") && shape.ends_with(" r2")),
        "{seen:?}"
    );
}

#[test]
fn the_bus_refuses_what_a_pi_refuses() {
    let mut bus = Bench::usual(2_900).bus;
    let (mut first, mut second) = ([0; 2], [0; 2]);
    let mut two_reads =
        [Operation::Write(&[2]), Operation::Read(&mut first), Operation::Write(&[1]), Operation::Read(&mut second)];
    assert_eq!(bus.transaction(0x40, &mut two_reads), Err(super::chip::BusError::ReadNotLast));
}

#[test]
fn the_chip_powers_up_and_resets_as_the_datasheet_says() {
    let bench = Bench::usual(2_900);
    let mut bus = bench.bus.clone();
    let mut config = |write: Option<[u8; 3]>| {
        if let Some(bytes) = write {
            bus.write(0x40, &bytes).unwrap();
        }
        let mut read = [0; 2];
        bus.write_read(0x40, &[0], &mut read).unwrap();
        u16::from_be_bytes(read)
    };
    assert_eq!(config(None), 0x399F);
    assert_eq!(config(Some([0, 0x19, 0xFF])), 0x19FF);
    assert_eq!(config(Some([0, 0x99, 0xFF])), 0x399F, "the reset bit resets and does not stay");
}

proptest! {
    #[test]
    fn the_product_is_the_truth_within_one_step_of_either_register(
        milliwatts in 0..15_000_i32, millivolts in 3_000..15_000_u32,
        shunt in prop::sample::select(vec![10_000_u32, 20_000, 50_000, 100_000]),
    ) {
        let amperes = f64::from(milliwatts) / f64::from(millivolts);
        prop_assume!(amperes * f64::from(shunt) < 319_990.0);
        let bench = Bench::new(0x40, shunt, milliwatts, millivolts);
        let mut meter = Ina219::new(bench.bus.clone(), wiring(0x40, shunt)).unwrap();
        let read = f64::from(bench.read(&mut meter).unwrap().power.0);
        let step = 10.0 / f64::from(shunt) * f64::from(millivolts) + 4.0 * amperes + 1.0;
        prop_assert!((read - f64::from(milliwatts)).abs() <= step, "{read} for {milliwatts}, step {step}");
    }
}
