//! Which meter this machine has: the best that answers, or the one that was asked for.
//!
//! ```text
//! auto:  ina219 ─▶ hwmon ─▶ rapl ─▶ model          only X:  X, or an error with its remedy
//!        each passed over leaves a note that says why
//! ```
//!
//! Promises: `auto` finds a meter wherever a process can ask for its CPU time; a pretended meter
//! (`simulated`) is only had by asking for it; a battery has a sensor or none, never a model.
//! Deliberately absent: looking again later; what was absent at the start stays so.

use crate::clock::{self, Clock};
use crate::gain::Gain;
use crate::hwmon::{Hwmon, Wanted};
use crate::ina219::{self, Address, Wiring};
use crate::line::{Line, Position};
use crate::meter::{Meter, Source};
use crate::model::{Model, ModelSettings};
use crate::rapl::Rapl;
use crate::shunt::MicroOhms;
use crate::simulated::Simulated;
use crate::sysfs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[cfg(test)]
mod tests;

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
    /// Which line the INA219 sits in.
    pub position: Position,
    /// What readings are multiplied with, once the meter was compared with a better one. Not for the
    /// counters of an x86 processor: what they leave out is no factor.
    pub gain: Option<Gain>,
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
            position: Position::PiInput,
            gain: None,
            model: ModelSettings::default(),
            root: PathBuf::from("/"),
        }
    }
}

/// Something to know about a meter that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// For people.
    pub text: String,
    /// The meter itself is in doubt: what it says is hardly the board's draw.
    pub doubt: bool,
}

impl Note {
    /// Why a better meter was passed over, or something of that kind.
    #[must_use]
    pub fn passing(text: String) -> Self {
        Self { text, doubt: false }
    }

    /// The meter is in doubt.
    #[must_use]
    pub fn doubting(text: String) -> Self {
        Self { text, doubt: true }
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
    /// The kernel reads others, and none of them is at the configured place.
    #[error("{count} power sensor(s) under {}, none of them at the configured bus and address ({wanted}); set the bus and address of the one that is meant", folder.display())]
    ManyHwmon {
        /// Where they are.
        folder: PathBuf,
        /// How many.
        count: usize,
        /// The kernel's name of the configured place, such as `1-0040`.
        wanted: String,
    },
    /// The meter that was chosen cannot look at a battery.
    #[error("{} cannot look at a battery; wire an INA219 into its line, and use `ina219` or `hwmon`", .0.as_str())]
    NoBattery(Source),
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
pub fn open(settings: &MeterSettings) -> Result<(Box<dyn Meter>, Vec<Note>), Absent> {
    let clock = clock::monotonic();
    let mut notes = Vec::new();
    let (better, last): (&[Source], Source) = match settings.choice {
        Choice::Auto => (&[Source::Ina219, Source::Hwmon, Source::Rapl], Source::Model),
        Choice::Only(source) => (&[], source),
    };
    for source in better {
        match open_one(*source, settings, &clock, &mut notes) {
            Ok(meter) => return Ok((meter, notes)),
            Err(absent) => notes.push(Note::passing(format!("no {}: {absent}", source.as_str()))),
        }
    }
    let meter = open_one(last, settings, &clock, &mut notes)?;
    Ok((meter, notes))
}

/// Opens an INA219 in the battery's line, beside whatever meters the board: its readings say in
/// [`supply`](crate::meter::Reading::supply) how the battery fares. Usual hats have it at 0x42 or 0x43.
///
/// Of the settings' choices, `ina219` and `auto` try the chip itself and the kernel's driver if that holds
/// it; `hwmon` the driver alone. The position is the battery's whatever the settings say.
///
/// # Errors
///
/// [`Absent`] with its remedy; [`Absent::NoBattery`] when the choice is no sensor at all.
pub fn open_battery(settings: &MeterSettings) -> Result<(Box<dyn Meter>, Vec<Note>), Absent> {
    let source = match settings.choice {
        Choice::Auto | Choice::Only(Source::Ina219) => Source::Ina219,
        Choice::Only(Source::Hwmon) => Source::Hwmon,
        Choice::Only(other) => return Err(Absent::NoBattery(other)),
    };
    let position = match settings.position {
        Position::PiInput => Position::BATTERY,
        battery @ Position::Battery { .. } => battery,
    };
    let mut notes = Vec::new();
    let settings = MeterSettings { position, ..settings.clone() };
    let meter = open_one(source, &settings, &clock::monotonic(), &mut notes)?;
    Ok((meter, notes))
}

fn open_one(source: Source, settings: &MeterSettings, clock: &Clock, notes: &mut Vec<Note>) -> Result<Box<dyn Meter>, Absent> {
    let MeterSettings { bus, address, shunt, invert, shared, position, gain, model, root, .. } = settings;
    let wiring = Wiring { address: *address, shunt: shunt.unwrap_or(MicroOhms::COMMON), invert: *invert, shared: *shared };
    let in_battery = matches!(position, Position::Battery { .. });
    let model = || Model::open(*model, root, clock.clone());
    let line = |shunt| -> Result<Line, Absent> {
        let model = if in_battery { Some(model()?) } else { None };
        Ok(Line { shunt, position: *position, gain: *gain, model })
    };
    let hwmon = |notes: &mut Vec<Note>| {
        let place = kernel_name(bus, *address);
        let wanted = Wanted { place: &place, exactly: in_battery, shunt: *shunt, invert: *invert };
        Hwmon::open(root, wanted, line, notes)
    };
    Ok(match source {
        Source::Ina219 => match ina219::open(bus, wiring, line(wiring.shunt)?, clock, notes) {
            Err(absent @ Absent::Busy { .. }) => {
                notes.push(Note::passing(format!("read through the kernel: {absent}")));
                Box::new(
                    hwmon(notes).map_err(|missing| if matches!(missing, Absent::NoHwmon { .. }) { absent } else { missing })?,
                )
            }
            opened => Box::new(opened?),
        },
        Source::Hwmon => Box::new(hwmon(notes)?),
        Source::Rapl => Box::new(Rapl::open(root, clock.clone())?),
        Source::Model => Box::new(model()?.calibrated(*gain)),
        Source::Simulated => Box::new(Simulated::open(wiring, model()?.calibrated(*gain), clock.clone())?),
    })
}

/// What the kernel calls the chip at this place: `1-0040` for address 0x40 on `/dev/i2c-1`.
fn kernel_name(bus: &Path, address: Address) -> String {
    let number = sysfs::name(bus).trim_start_matches("i2c-");
    format!("{number}-{:04x}", address.as_byte())
}
