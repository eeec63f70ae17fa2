//! How the board fares, and what is on it.
//!
//! ```text
//! thermal_zone0 ─────▶ temperature ┐
//! /dev/vcio ─────────▶ throttling  │           /dev/i2c-*, /dev/gpiochip* ┐
//! hwmon rpi_volt ────▶ under-volt  ┼▶ telemetry   device tree's model     ┴▶ `hob doctor`
//! cpufreq ───────────▶ frequency   │
//! /proc/pressure, loadavg ▶ strain ┘
//! ```
//!
//! Promises: what the kernel does not say is absent, not zero. No program is started to ask.
//! Deliberately absent: what to do about any of it.

use crate::{mailbox, sysfs};
use hob_core::units::{BasisPoints, Kilohertz, MilliCelsius};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// How the board fares at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BoardReading {
    /// Of the processor. A Pi slows down from 80 °C.
    pub temperature: Option<MilliCelsius>,
    /// The supply is below about 4.63 V, or has been since the kernel last looked, 2 s ago at most.
    pub undervoltage: Option<bool>,
    /// What the firmware of a Pi holds back, and why; absent without `/dev/vcio`.
    pub throttle: Option<Throttle>,
    /// Present clock of the processor.
    pub frequency: Option<Kilohertz>,
    /// Who waits for what; each absent where the kernel does not say (a Pi needs `psi=1`).
    pub pressure: Pressure,
    /// Tasks that ran or waited for a disk, averaged over the last minute; 10 000 is one task.
    pub load: Option<BasisPoints>,
}

/// Share of the last 10 s in which some task waited (PSI `some avg10`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// For memory.
    pub memory: Option<BasisPoints>,
    /// For a processor.
    pub cpu: Option<BasisPoints>,
    /// For a disk.
    pub io: Option<BasisPoints>,
}

/// What the firmware of a Pi says it does to the processor, and has done.
///
/// What has been is since boot; but where the kernel's driver `rpi_volt` runs, it takes that part back
/// every 2 s, so that it tells of the last 2 s.
///
/// # Source
///
/// `vcgencmd get_throttled` in the documentation of Raspberry Pi: bits 0 to 3 now, 16 to 19 has been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle(pub u32);

/// Why a Pi is slower than it could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The supply is below 4.63 V.
    UnderVoltage,
    /// The clock is capped.
    FrequencyCapped,
    /// The clock is held down, by heat or by the supply.
    Throttled,
    /// The lower of two temperature limits is passed (60 °C on a Pi 3A+ or 3B+).
    SoftTemperature,
}

impl Limit {
    /// All of them, by their bits.
    pub const ALL: [Self; 4] = [Self::UnderVoltage, Self::FrequencyCapped, Self::Throttled, Self::SoftTemperature];

    /// The word for telemetry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnderVoltage => "under_voltage",
            Self::FrequencyCapped => "frequency_capped",
            Self::Throttled => "throttled",
            Self::SoftTemperature => "soft_temperature",
        }
    }

    const fn bit(self) -> u32 {
        match self {
            Self::UnderVoltage => 1,
            Self::FrequencyCapped => 1 << 1,
            Self::Throttled => 1 << 2,
            Self::SoftTemperature => 1 << 3,
        }
    }
}

impl Throttle {
    /// Whether it is so now.
    #[must_use]
    pub const fn now(self, limit: Limit) -> bool {
        self.0 & limit.bit() != 0
    }

    /// Whether it has been so.
    #[must_use]
    pub const fn has_been(self, limit: Limit) -> bool {
        self.0 >> 16 & limit.bit() != 0
    }
}

/// Looks at the files under `root`; takes well under a millisecond.
#[must_use]
pub fn read(root: &Path) -> BoardReading {
    let throttle = mailbox::throttled(root).map(Throttle);
    let alarm = sysfs::entries(&root.join("sys/class/hwmon"))
        .iter()
        .find(|folder| sysfs::text(&folder.join("name")).is_ok_and(|name| name == "rpi_volt"))
        .and_then(|folder| sysfs::number::<u8>(&folder.join("in0_lcrit_alarm")).ok())
        .map(|alarm| alarm != 0);
    let pressure = |of| pressure(&sysfs::text(&root.join("proc/pressure").join(of)).unwrap_or_default());
    BoardReading {
        temperature: sysfs::number(&root.join("sys/class/thermal/thermal_zone0/temp")).ok().map(MilliCelsius),
        undervoltage: low(alarm, throttle),
        throttle,
        frequency: sysfs::number(&root.join("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq")).ok().map(Kilohertz),
        pressure: Pressure { memory: pressure("memory"), cpu: pressure("cpu"), io: pressure("io") },
        load: load(&sysfs::text(&root.join("proc/loadavg")).unwrap_or_default()),
    }
}

/// The supply is low if either says so; the alarm remembers, the firmware knows first.
fn low(alarm: Option<bool>, throttle: Option<Throttle>) -> Option<bool> {
    let now = throttle.map(|throttle| throttle.now(Limit::UnderVoltage));
    [alarm, now].into_iter().flatten().reduce(|one, other| one || other)
}

/// `1.50` is 150 hundredths.
fn hundredths(text: &str) -> Option<u32> {
    let (whole, rest) = text.split_once('.')?;
    if rest.len() != 2 {
        return None;
    }
    let (whole, rest): (u32, u32) = (whole.parse().ok()?, rest.parse().ok()?);
    whole.checked_mul(100)?.checked_add(rest)
}

/// `some avg10=1.50 ...` is 150 hundredths of a percent.
pub(crate) fn pressure(text: &str) -> Option<BasisPoints> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let percent = some.split(' ').find_map(|field| field.strip_prefix("avg10="))?;
    hundredths(percent).map(BasisPoints)
}

/// `0.52 0.58 ...` is 0.52 of a task.
fn load(text: &str) -> Option<BasisPoints> {
    let tasks = hundredths(text.split(' ').next()?)?;
    tasks.checked_mul(100).map(BasisPoints)
}

/// What is on the board.
#[derive(Debug)]
pub struct Inventory {
    /// Its name, such as `Raspberry Pi 400 Rev 1.0`; absent without a device tree.
    pub model: Option<String>,
    /// I2C buses, by path.
    pub i2c: Vec<Device>,
    /// GPIO chips, by path.
    pub gpio: Vec<Device>,
}

/// A device file.
#[derive(Debug)]
pub struct Device {
    /// Its path.
    pub path: PathBuf,
    /// Why this process may not open it for reading and writing; absent when it may.
    pub refused: Option<io::Error>,
}

/// Looks what is there, opening and closing each device once.
#[must_use]
pub fn inventory(root: &Path) -> Inventory {
    let devices = |kind: &str| {
        let paths = sysfs::entries(&root.join("dev")).into_iter().filter(|path| {
            let number = sysfs::name(path).strip_prefix(kind);
            number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        });
        paths.map(|path| Device { refused: File::options().read(true).write(true).open(&path).err(), path }).collect()
    };
    let model = sysfs::text(&root.join("proc/device-tree/model")).ok().filter(|model| !model.is_empty());
    Inventory { model, i2c: devices("i2c-"), gpio: devices("gpiochip") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysfs::plant;

    #[test]
    fn a_bare_machine_says_nothing_rather_than_zero() {
        let root = plant(&[]);
        assert_eq!(read(root.path()), BoardReading::default());
        let found = inventory(root.path());
        assert!(found.model.is_none() && found.i2c.is_empty() && found.gpio.is_empty());
    }

    #[test]
    fn a_pi_says_how_warm_it_is_and_whether_its_supply_holds() {
        for (alarm, undervoltage) in [("0\n", false), ("1\n", true)] {
            let root = plant(&[
                ("sys/class/thermal/thermal_zone0/temp", "-1250\n"),
                ("sys/class/hwmon/hwmon0/name", "cpu_thermal\n"),
                ("sys/class/hwmon/hwmon1/name", "rpi_volt\n"),
                ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", alarm),
            ]);
            let expected = (Some(MilliCelsius(-1_250)), Some(undervoltage), None);
            let found = read(root.path());
            assert_eq!((found.temperature, found.undervoltage, found.throttle), expected);
        }
    }

    #[test]
    fn clock_strain_and_load_are_read_each_on_its_own() {
        let root = plant(&[
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1800000\n"),
            ("proc/pressure/cpu", "some avg10=12.34 avg60=1.00 avg300=0.10 total=5\n"),
            ("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00\n"),
            ("proc/loadavg", "1.52 0.58 0.59 3/602 12345\n"),
        ]);
        let pressure = Pressure { memory: None, cpu: Some(BasisPoints(1_234)), io: Some(BasisPoints(0)) };
        let (frequency, load) = (Some(Kilohertz(1_800_000)), Some(BasisPoints(15_200)));
        assert_eq!(read(root.path()), BoardReading { frequency, pressure, load, ..BoardReading::default() });
    }

    #[test]
    fn the_supply_is_low_if_either_says_so_and_unknown_if_neither_speaks() {
        let (fine, bad) = (Some(Throttle(1 << 16)), Some(Throttle(1)));
        let table = [
            (None, None, None),
            (Some(false), None, Some(false)),
            (None, fine, Some(false)),
            (Some(false), bad, Some(true)),
            (Some(true), fine, Some(true)),
        ];
        for (alarm, throttle, expected) in table {
            assert_eq!(low(alarm, throttle), expected, "{alarm:?} {throttle:?}");
        }
    }

    #[test]
    fn every_bit_of_the_firmwares_answer_has_its_name_now_and_before() {
        let now = [1, 2, 4, 8];
        for (limit, bit) in Limit::ALL.into_iter().zip(now) {
            for other in Limit::ALL {
                assert_eq!(Throttle(bit).now(other), other == limit, "{limit:?}");
                assert_eq!(Throttle(bit << 16).has_been(other), other == limit, "{limit:?}");
            }
            assert!(!Throttle(bit).has_been(limit) && !Throttle(bit << 16).now(limit));
        }
        assert_eq!(Limit::ALL.map(Limit::as_str), ["under_voltage", "frequency_capped", "throttled", "soft_temperature"]);
    }

    #[test]
    fn nonsense_in_a_file_is_an_absent_value() {
        let root = plant(&[
            ("sys/class/thermal/thermal_zone0/temp", "warm\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "<unknown>\n"),
            ("proc/pressure/cpu", "some avg10=a.bc avg60=1.00\n"),
            ("proc/loadavg", "\n"),
        ]);
        assert_eq!(read(root.path()), BoardReading::default());
    }

    #[test]
    fn the_inventory_lists_devices_and_whether_they_may_be_opened() {
        let root = plant(&[
            ("proc/device-tree/model", "Raspberry Pi 400 Rev 1.0\0"),
            ("dev/i2c-1", ""),
            ("dev/i2c-stub", ""),
            ("dev/gpiochip0/not-a-file", ""),
        ]);
        let found = inventory(root.path());
        assert_eq!(found.model.as_deref(), Some("Raspberry Pi 400 Rev 1.0"));
        let [bus] = &found.i2c[..] else { panic!("{:?}", found.i2c) };
        assert!(bus.path.ends_with("dev/i2c-1") && bus.refused.is_none());
        let [chip] = &found.gpio[..] else { panic!("{:?}", found.gpio) };
        assert!(chip.refused.is_some(), "a folder cannot be opened for writing");
    }
}
