//! Reads INA219s through a real `/dev/i2c-N` and says whether what is read is the truth; started by
//! `scripts/i2c-story` in a guest whose kernel keeps the chips' registers (`i2c-stub`).
//!
//! Deliberately absent: a chip that answers back. The stub only keeps what it is told, so it is read as a
//! chip that is shared with another program: never written. Nothing converts, resets or vanishes here.

use hob_core::units::{Milliamps, Millivolts, Milliwatts};
use hob_hal::ina219::Address;
use hob_hal::meter::{Reading, Source, Supply};
use hob_hal::open::{self, Choice, MeterSettings};
use hob_hal::shunt::MicroOhms;
use linux_embedded_hal::i2cdev::core::I2CDevice;
use linux_embedded_hal::i2cdev::linux::LinuxI2CDevice;
use std::error::Error;
use std::io::{self, Write};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Address, shunt in µΩ, and what flows: mV, shunt register in steps of 10 µV, mW.
const LOADS: [(u8, u32, u32, i16, u32); 12] = [
    (0x40, 100_000, 5_100, 5_600, 2_856),
    (0x40, 100_000, 5_100, 12_500, 6_375),
    (0x40, 100_000, 5_000, 1, 1), // 0.5 mW, one step of the register
    (0x42, 100_000, 7_400, 8_000, 5_920),
    (0x42, 50_000, 8_400, 4_000, 6_720),
    (0x42, 10_000, 8_400, 800, 6_720),
    (0x43, 10_000, 3_900, 1_600, 6_240),
    (0x43, 50_000, 3_900, 8_000, 6_240),
    (0x43, 100_000, 4_200, 15_238, 6_400),
    (0x4F, 50_000, 12_100, 2_250, 5_445),
    (0x4F, 100_000, 12_100, 4_500, 5_445),
    (0x4F, 10_000, 12_100, 450, 5_445),
];

fn main() -> Outcome<()> {
    let bus = std::env::args().nth(1).unwrap_or_else(|| "/dev/i2c-0".into());
    let mut out = io::stdout().lock();
    let mut wrong = 0;
    for (address, shunt, millivolts, steps, milliwatts) in LOADS {
        keep(&bus, address, millivolts, steps)?;
        let (mut meter, _) = open::open(&settings(&bus, address, shunt)?)?;
        let Reading { power, supply, .. } = meter.read()?;
        let current = Milliamps(i32::try_from(i64::from(steps) * 10_000 / i64::from(shunt))?);
        let volts = Millivolts(millivolts);
        let right = power == Milliwatts(milliwatts) && supply.is_some_and(|seen| near(seen, Supply { volts, current }));
        wrong += u32::from(!right);
        writeln!(out, "{address:#04x} {shunt:>6} µΩ  truth {milliwatts:>5} mW  read {:>5} mW  {}", power.0, verdict(right))?;
    }
    let mut told = |what: &str, found: Result<String, String>, expected: &str| {
        let (Ok(text) | Err(text)) = found;
        let right = text.contains(expected);
        wrong += u32::from(!right);
        writeln!(out, "{what}: {text}  {}", verdict(right))
    };
    keep(&bus, 0x40, 5_100, 32_000)?;
    told("at the end of the range", read(&settings(&bus, 0x40, 100_000)?, false), "clipped: true")?;
    keep(&bus, 0x40, 5_100, -5_600)?;
    told("wires swapped", read(&settings(&bus, 0x40, 100_000)?, false), "set `invert`")?;
    keep(&bus, 0x42, 8_000, -7_000)?;
    told("a battery that is charged", read(&settings(&bus, 0x42, 100_000)?, true), "current: Milliamps(-700)")?;
    told("nobody there", read(&settings(&bus, 0x44, 100_000)?, false), "nothing answers at address 0x44")?;
    let mine = MeterSettings { shared: false, ..settings(&bus, 0x4F, 100_000)? };
    told("a chip that cannot be reset", read(&mine, false), "is no INA219")?;
    let reset = LinuxI2CDevice::new(&bus, 0x4F)?.smbus_read_word_data(0)?.swap_bytes();
    told("what was written to reset it", Ok(format!("{reset:#06x}")), "0xb99f")?; // power-on configuration and the reset bit
    std::fs::write("/sys/class/i2c-dev/i2c-0/device/new_device", "dummy 0x43")?;
    told("held by a kernel driver", read(&settings(&bus, 0x43, 10_000)?, false), "a kernel driver holds address 0x43")?;
    writeln!(out, "{}", if wrong == 0 { "all as it should be" } else { "NOT as it should be" })?;
    Ok(out.flush()?)
}

/// Lets the stub keep a chip that has measured this: power-on configuration, shunt, bus and its ready flag.
fn keep(bus: &str, address: u8, millivolts: u32, steps: i16) -> Outcome<()> {
    let mut chip = LinuxI2CDevice::new(bus, u16::from(address))?;
    let ready = u16::try_from(millivolts / 4)? << 3 | 0b10;
    for (register, value) in [(0, 0x399F), (1, steps.cast_unsigned()), (2, ready), (3, 0)] {
        chip.smbus_write_word_data(register, value.swap_bytes())?; // SMBus: low byte first
    }
    Ok(())
}

fn settings(bus: &str, address: u8, shunt: u32) -> Outcome<MeterSettings> {
    Ok(MeterSettings {
        choice: Choice::Only(Source::Ina219),
        bus: bus.into(),
        address: Address::from_byte(address).map_err(|_| "no address of an INA219")?,
        shunt: Some(MicroOhms::new(shunt)?),
        shared: true,
        ..MeterSettings::default()
    })
}

/// What one reading says, or why there is none.
fn read(settings: &MeterSettings, battery: bool) -> Result<String, String> {
    let opened = if battery { open::open_battery(settings) } else { open::open(settings) };
    let (mut meter, _) = opened.map_err(|error| error.to_string())?;
    meter.read().map(|reading| format!("{reading:?}")).map_err(|error| error.to_string())
}

/// Within one step of either register: 4 mV, and a milliampere of rounding.
fn near(seen: Supply, truth: Supply) -> bool {
    seen.volts.0.abs_diff(truth.volts.0) <= 4 && seen.current.0.abs_diff(truth.current.0) <= 1
}

fn verdict(right: bool) -> &'static str {
    if right { "ok" } else { "WRONG" }
}
