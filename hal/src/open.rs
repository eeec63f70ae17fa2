//! Which meter this machine has: the best that answers, or the one that was asked for.
//!
//! ```text
//! auto:  ina219 ─▶ hwmon ─▶ rapl ─▶ model          only X:  X, or an error with its remedy
//!        each passed over leaves a note that says why
//! ```
//!
//! Promises: `auto` finds a meter wherever a process can ask for its CPU time; a pretended meter
//! (`simulated`) is only had by asking for it.
//! Deliberately absent: looking again later; what was absent at the start stays so.

use crate::clock::{self, Clock};
use crate::hwmon::Hwmon;
use crate::ina219::{self, Address, Wiring};
use crate::meter::{Meter, Source};
use crate::model::{Model, ModelSettings};
use crate::rapl::Rapl;
use crate::shunt::MicroOhms;
use crate::simulated::Simulated;
use crate::sysfs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Which meter is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The best there is.
    #[default]
    Auto,
    /// This one, or an error.
    Only(Source),
}

/// The word names no meter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no meter; it is one of auto, ina219, hwmon, rapl, model, simulated")]
pub struct BadChoice(pub String);

impl FromStr for Choice {
    type Err = BadChoice;

    fn from_str(word: &str) -> Result<Self, BadChoice> {
        if word == "auto" {
            return Ok(Self::Auto);
        }
        let named = Source::ALL.into_iter().find(|source| source.as_str() == word);
        named.map(Self::Only).ok_or_else(|| BadChoice(word.to_owned()))
    }
}

/// What is known about the meter before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterSettings {
    /// Which one.
    pub choice: Choice,
    /// The I2C bus of the INA219.
    pub bus: PathBuf,
    /// Its address there.
    pub address: Address,
    /// Its shunt. If absent: 0.1 Ω for an INA219 that Hob reads, what the kernel believes for one that
    /// the kernel reads.
    pub shunt: Option<MicroOhms>,
    /// VIN+ and VIN- are swapped.
    pub invert: bool,
    /// Another program uses the INA219 too: never write to it.
    pub shared: bool,
    /// What the board draws, for the model without a sensor.
    pub model: ModelSettings,
    /// Where `/sys` and `/proc` are; a fake tree in tests.
    pub root: PathBuf,
}

impl Default for MeterSettings {
    /// The usual breakout board on the usual pins of a Pi.
    fn default() -> Self {
        Self {
            choice: Choice::Auto,
            bus: PathBuf::from("/dev/i2c-1"), // pins 3 and 5 of every Pi's header
            address: Address::default(),      // 0x40: no solder bridge closed
            shunt: None,
            invert: false,
            shared: false,
            model: ModelSettings::default(),
            root: PathBuf::from("/"),
        }
    }
}

/// Why a meter cannot be had. Worth a retry only after the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Absent {
    /// The bus cannot be opened.
    #[error("cannot open the I2C bus {}: {cause}; switch I2C on (dtparam=i2c_arm=on in config.txt, module i2c-dev) and let this user open it (group i2c)", bus.display())]
    NoBus {
        /// Its path.
        bus: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The kernel's own driver has the chip.
    #[error("a kernel driver holds address {address:#04x} on {}; use `hwmon`, or take the driver away (modprobe -r ina2xx)", bus.display())]
    Busy {
        /// The bus.
        bus: PathBuf,
        /// The address.
        address: u8,
    },
    /// Nothing answers.
    #[error("nothing answers at address {address:#04x} on {}: {cause}; check the wires (3.3 V, ground, SDA, SCL) and the address (i2cdetect -y lists who answers)", bus.display())]
    NoAnswer {
        /// The bus.
        bus: PathBuf,
        /// The address.
        address: u8,
        /// What the bus said.
        cause: io::Error,
    },
    /// Something else answers.
    #[error("what answers at address {address:#04x} on {} is no INA219 ({reason}); check the address, or set `shared` if another program is using the chip", bus.display())]
    NotAnIna219 {
        /// The bus.
        bus: PathBuf,
        /// The address.
        address: u8,
        /// How it differs.
        reason: String,
    },
    /// The kernel reads no such sensor.
    #[error("no INA219 or sibling under {}; bind the kernel's ina2xx driver to it (dtoverlay=i2c-sensor,ina219), or use `ina219`", folder.display())]
    NoHwmon {
        /// Where it would be.
        folder: PathBuf,
    },
    /// The kernel reads several, and none of them is at the configured place.
    #[error("{count} power sensors under {}, none of them at the configured bus and address ({wanted}); set the address of the one in the board's supply line", folder.display())]
    ManyHwmon {
        /// Where they are.
        folder: PathBuf,
        /// How many.
        count: usize,
        /// The kernel's name of the configured place, such as `1-0040`.
        wanted: String,
    },
    /// No energy counter can be read.
    #[error("no readable energy counter under {}; RAPL is for x86, and only root may read it unless energy_uj is made readable (udev rule, or chmod at boot)", folder.display())]
    NoRapl {
        /// Where it would be.
        folder: PathBuf,
    },
    /// A first reading failed.
    #[error(transparent)]
    Unread(#[from] crate::meter::MeterError),
}

/// Opens the meter that the settings ask for, with notes for the log: why better ones were passed over,
/// and what looks wrong with the one that was found.
///
/// Blocks until an INA219 has measured once, about 0.1 s.
///
/// # Errors
///
/// [`Absent`]: the only meter that was wanted is not there. An INA219 that the kernel's driver holds is
/// read through the kernel instead.
pub fn open(settings: &MeterSettings) -> Result<(Box<dyn Meter>, Vec<String>), Absent> {
    let clock = clock::monotonic();
    let mut notes = Vec::new();
    let (better, last): (&[Source], Source) = match settings.choice {
        Choice::Auto => (&[Source::Ina219, Source::Hwmon, Source::Rapl], Source::Model),
        Choice::Only(source) => (&[], source),
    };
    for source in better {
        match open_one(*source, settings, &clock, &mut notes) {
            Ok(meter) => return Ok((meter, notes)),
            Err(absent) => notes.push(format!("no {}: {absent}", source.as_str())),
        }
    }
    let meter = open_one(last, settings, &clock, &mut notes)?;
    Ok((meter, notes))
}

fn open_one(source: Source, settings: &MeterSettings, clock: &Clock, notes: &mut Vec<String>) -> Result<Box<dyn Meter>, Absent> {
    let MeterSettings { bus, address, shunt, invert, shared, model, root, .. } = settings;
    let wiring = Wiring { address: *address, shunt: shunt.unwrap_or(MicroOhms::COMMON), invert: *invert, shared: *shared };
    let model = || Model::open(*model, root, clock.clone());
    let hwmon = |notes: &mut Vec<String>| Hwmon::open(root, &kernel_name(bus, *address), *shunt, *invert, notes);
    Ok(match source {
        Source::Ina219 => match ina219::open(bus, wiring, notes) {
            Err(absent @ Absent::Busy { .. }) => {
                notes.push(format!("read through the kernel: {absent}"));
                Box::new(hwmon(notes)?)
            }
            opened => Box::new(opened?),
        },
        Source::Hwmon => Box::new(hwmon(notes)?),
        Source::Rapl => Box::new(Rapl::open(root, clock.clone())?),
        Source::Model => Box::new(model()?),
        Source::Simulated => Box::new(Simulated::open(wiring, model()?, clock.clone())?),
    })
}

/// What the kernel calls the chip at this place: `1-0040` for address 0x40 on `/dev/i2c-1`.
fn kernel_name(bus: &Path, address: Address) -> String {
    let number = sysfs::name(bus).trim_start_matches("i2c-");
    format!("{number}-{:04x}", address.as_byte())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysfs::plant;
    use hob_core::units::Milliwatts;

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
            assert!(notes[0].starts_with("no ina219: cannot open the I2C bus"), "{}", notes[0]);
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
}
