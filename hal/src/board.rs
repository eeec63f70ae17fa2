//! How the board fares, and what is on it.
//!
//! ```text
//! thermal_zone0 ─▶ temperature ┐               /dev/i2c-*, /dev/gpiochip* ┐
//! hwmon rpi_volt ▶ under-volt  ┴▶ telemetry    device tree's model        ┴▶ `hob doctor`
//! ```
//!
//! Promises: what the kernel does not say is absent, not zero.
//! Deliberately absent: the throttling bits of the firmware's mailbox, and what to do about any of it.

use crate::sysfs;
use hob_core::units::MilliCelsius;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// How the board fares at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BoardReading {
    /// Of the processor. A Pi slows down from 80 °C.
    pub temperature: Option<MilliCelsius>,
    /// The supply has fallen below about 4.63 V since the kernel last looked, 2 s ago at most.
    pub undervoltage: Option<bool>,
}

/// Looks at the files under `root`.
#[must_use]
pub fn read(root: &Path) -> BoardReading {
    let temperature = sysfs::number(&root.join("sys/class/thermal/thermal_zone0/temp")).ok().map(MilliCelsius);
    let undervoltage = sysfs::entries(&root.join("sys/class/hwmon"))
        .iter()
        .find(|folder| sysfs::text(&folder.join("name")).is_ok_and(|name| name == "rpi_volt"))
        .and_then(|folder| sysfs::number::<u8>(&folder.join("in0_lcrit_alarm")).ok())
        .map(|alarm| alarm != 0);
    BoardReading { temperature, undervoltage }
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
        assert_eq!(read(root.path()), BoardReading { temperature: None, undervoltage: None });
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
            let expected = BoardReading { temperature: Some(MilliCelsius(-1_250)), undervoltage: Some(undervoltage) };
            assert_eq!(read(root.path()), expected);
        }
    }

    #[test]
    fn nonsense_in_a_file_is_an_absent_value() {
        let root = plant(&[("sys/class/thermal/thermal_zone0/temp", "warm\n")]);
        assert_eq!(read(root.path()).temperature, None);
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
