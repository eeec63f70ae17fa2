//! An INA219, or a sibling, that the kernel's `ina2xx` driver reads.
//!
//! ```text
//! /sys/class/hwmon/hwmonN/  name  in0_input (shunt, mV)  in1_input (bus, mV)
//!                           curr1_input (mA)  shunt_resistor (µΩ)  device -> ../../1-0040
//! ```
//!
//! The kernel believes in a shunt of 10 mΩ unless it was told, which makes its own current and power ten
//! times wrong on the common 100 mΩ boards. So only voltages are taken, and multiplied here. `in0_input`
//! has whole millivolts, half of which is 9 % of an idle Pi's drop over 10 mΩ; `curr1_input` times the
//! resistor that the kernel believes in is the same voltage, down to 10 µV. It reads 0 after a brown-out
//! until the kernel notices; then `in0_input` is used.
//!
//! Deliberately absent: averaging (the kernel samples for 0.5 ms, once), clipping and resets (the kernel
//! does not tell), `power1_input`.

use crate::line::Line;
use crate::meter::{Meter, MeterError, Reading, Source};
use crate::open::{Absent, Note};
use crate::shunt::{MicroOhms, Microvolts, Millivolts};
use crate::sysfs;
use hob_core::units::{BasisPoints, Micros};
use std::path::{Path, PathBuf};

/// One shunt and one bus sample of 532 µs each.
const WINDOW: Micros = Micros(1_064);

/// What single samples, 20 a second, add for an answer of 15 s (simulated, p95 1.3 %).
const SAMPLING: BasisPoints = BasisPoints(130);

/// A sensor of the kernel's.
pub struct Hwmon {
    folder: PathBuf,
    line: Line,
    invert: bool,
}

/// Which of the kernel's sensors is meant.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// What the kernel calls its place, such as `1-0040`.
    pub(crate) place: &'a str,
    /// Not even the only one there is, if it is at another place.
    pub(crate) exactly: bool,
    /// Its shunt; otherwise the kernel's word is taken.
    pub(crate) shunt: Option<MicroOhms>,
    /// VIN+ and VIN- are swapped.
    pub(crate) invert: bool,
}

impl Hwmon {
    /// Finds the sensor under `root`: the only one, or of several the one at the place. It sits in the
    /// `line` that is made from its shunt.
    ///
    /// # Errors
    ///
    /// [`Absent`]: there is none, there are several others, or it cannot be read.
    pub(crate) fn open(
        root: &Path,
        wanted: Wanted<'_>,
        line: impl FnOnce(MicroOhms) -> Result<Line, Absent>,
        notes: &mut Vec<Note>,
    ) -> Result<Self, Absent> {
        let Wanted { place, exactly, shunt, invert } = wanted;
        let all = Self::folder(root);
        let sensors: Vec<PathBuf> = sysfs::entries(&all)
            .into_iter()
            .filter(|folder| {
                let name = sysfs::text(&folder.join("name")).unwrap_or_default();
                matches!(name.as_str(), "ina219" | "ina220" | "ina226" | "ina230" | "ina231")
            })
            .collect();
        let at_place =
            |folder: &&PathBuf| std::fs::read_link(folder.join("device")).is_ok_and(|device| sysfs::name(&device) == place);
        let folder = match (sensors.as_slice(), sensors.iter().find(at_place)) {
            ([], _) => return Err(Absent::NoHwmon { folder: all }),
            (_, Some(there)) => there.clone(),
            ([only], _) if !exactly => only.clone(),
            (many, None) => {
                return Err(Absent::ManyHwmon { folder: all, count: many.len(), wanted: place.to_owned() });
            }
        };
        let believed = sysfs::number(&folder.join("shunt_resistor")).ok().and_then(|ohms| MicroOhms::new(ohms).ok());
        if let (Some(ours), Some(theirs)) = (shunt, believed)
            && ours.get().abs_diff(theirs.get()) > ours.get() / 100
        {
            notes.push(Note::doubting(format!(
                "the kernel believes in a shunt of {} micro-ohms, the settings say {}: the settings are used",
                theirs.get(),
                ours.get()
            )));
        }
        let line = line(shunt.or(believed).unwrap_or(MicroOhms::COMMON))?;
        let mut meter = Self { folder, line, invert };
        match meter.read() {
            Ok(reading) => notes.extend(meter.line.doubt(&reading).map(Note::doubting)),
            Err(error @ MeterError::Backwards(_)) => notes.push(Note::doubting(format!("the first reading failed: {error}"))),
            Err(error) => return Err(error.into()),
        }
        Ok(meter)
    }

    /// Where the kernel lists its sensors.
    pub(crate) fn folder(root: &Path) -> PathBuf {
        root.join("sys/class/hwmon")
    }

    /// The voltage over the shunt, as fine as it can be had.
    fn drop(&self) -> Result<Microvolts, MeterError> {
        let coarse: i32 = sysfs::metered(&self.folder.join("in0_input"))?;
        let fine = || -> Option<i32> {
            let milliamps: i64 = sysfs::number(&self.folder.join("curr1_input")).ok()?;
            let believed: i64 = sysfs::number(&self.folder.join("shunt_resistor")).ok()?;
            // mA x µΩ = nV
            i32::try_from(milliamps.checked_mul(believed)? / 1_000).ok().filter(|microvolts| *microvolts != 0)
        };
        let microvolts = fine().unwrap_or_else(|| coarse.saturating_mul(1_000));
        Ok(Microvolts(if self.invert { microvolts.saturating_neg() } else { microvolts }))
    }
}

impl Meter for Hwmon {
    fn read(&mut self) -> Result<Reading, MeterError> {
        let bus = Millivolts(sysfs::metered(&self.folder.join("in1_input"))?);
        self.line.reading(self.drop()?, bus, WINDOW)
    }

    fn source(&self) -> Source {
        Source::Hwmon
    }

    fn bound(&self) -> BasisPoints {
        self.line.bound()
    }

    fn sampling(&self) -> BasisPoints {
        SAMPLING
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Supply;
    use crate::sysfs::plant;
    use hob_core::units::{Milliamps, Milliwatts};

    fn files<'a>(fields: &[(&'a str, &'a str)]) -> tempfile::TempDir {
        let root = plant(&[("sys/class/hwmon/hwmon0/name", "cpu_thermal\n"), ("sys/class/hwmon/hwmon1/name", "ina219\n")]);
        for (field, value) in fields {
            std::fs::write(root.path().join("sys/class/hwmon/hwmon1").join(field), value).unwrap();
        }
        root
    }

    fn wanted(shunt: Option<MicroOhms>) -> Wanted<'static> {
        Wanted { place: "1-0040", exactly: false, shunt, invert: false }
    }

    fn open(root: &Path, shunt: Option<u32>) -> (Result<Hwmon, Absent>, Vec<Note>) {
        let mut notes = Vec::new();
        let shunt = shunt.map(|ohms| MicroOhms::new(ohms).unwrap());
        (Hwmon::open(root, wanted(shunt), |shunt| Ok(Line::plain(shunt)), &mut notes), notes)
    }

    #[test]
    #[rustfmt::skip]
    fn the_draw_is_the_product_of_the_voltages_over_the_right_shunt() {
        let table = [
            // in0   in1    curr1         resistor        configured     mW      what the row is for
            ("58",  "5000", None,         None,           Some(100_000), 2_900, "voltages alone"),
            ("58",  "5000", Some("5830"), Some("10000"),  Some(100_000), 2_915, "the kernel's default on a 0.1 ohm board"),
            ("6",   "3900", Some("620"),  Some("10000"),  None,          2_418, "the kernel was told right; finer than 6 mV"),
            ("58",  "5000", Some("0"),    Some("10000"),  Some(100_000), 2_900, "calibration lost"),
        ];
        for (in0, in1, curr1, resistor, configured, milliwatts, why) in table {
            let mut fields = vec![("in0_input", in0), ("in1_input", in1)];
            fields.extend(curr1.map(|value| ("curr1_input", value)));
            fields.extend(resistor.map(|value| ("shunt_resistor", value)));
            let root = files(&fields);
            let mut meter = open(root.path(), configured).0.unwrap();
            assert_eq!(meter.read().unwrap().power, Milliwatts(milliwatts), "{why}");
            assert_eq!(meter.source(), Source::Hwmon);
        }
    }

    #[test]
    fn another_shunt_than_the_kernels_is_noted() {
        let root = files(&[("in0_input", "58"), ("in1_input", "5000"), ("shunt_resistor", "10000")]);
        let (meter, notes) = open(root.path(), Some(100_000));
        assert!(meter.is_ok() && notes.len() == 1 && notes[0].text.contains("believes in a shunt of 10000"), "{notes:?}");
        let (meter, notes) = open(root.path(), None);
        assert!(meter.is_ok() && notes.len() == 1 && notes[0].text.contains("100000 would make it 2900 mW"), "{notes:?}");
    }

    #[test]
    fn swapped_wires_are_noted_and_mended_by_invert() {
        let root = files(&[("in0_input", "-58"), ("in1_input", "5000")]);
        let (meter, notes) = open(root.path(), Some(100_000));
        assert!(notes.len() == 1 && notes[0].text.contains("set `invert`"), "{notes:?}");
        assert!(matches!(meter.unwrap().read(), Err(MeterError::Backwards(Milliwatts(2_900)))));
        let swapped = Wanted { invert: true, ..wanted(Some(MicroOhms::COMMON)) };
        let mut meter = Hwmon::open(root.path(), swapped, |shunt| Ok(Line::plain(shunt)), &mut Vec::new()).unwrap();
        assert_eq!(meter.read().unwrap().power, Milliwatts(2_900));
    }

    #[test]
    fn of_several_sensors_the_one_at_the_configured_place_is_read() {
        let root = files(&[("in0_input", "58"), ("in1_input", "5000")]);
        let other = root.path().join("sys/class/hwmon/hwmon2");
        std::fs::create_dir(&other).unwrap();
        for (field, value) in [("name", "ina226"), ("in0_input", "80"), ("in1_input", "5000")] {
            std::fs::write(other.join(field), value).unwrap();
        }
        assert!(matches!(open(root.path(), Some(100_000)).0, Err(Absent::ManyHwmon { count: 2, .. })));
        std::os::unix::fs::symlink("../../../1-0040", other.join("device")).unwrap();
        assert_eq!(open(root.path(), Some(100_000)).0.unwrap().read().unwrap().power, Milliwatts(4_000));
    }

    #[test]
    fn the_only_sensor_is_not_taken_for_one_that_must_be_elsewhere() {
        let root = files(&[("in0_input", "58"), ("in1_input", "5000")]);
        let open = |exactly| {
            let wanted = Wanted { exactly, ..wanted(Some(MicroOhms::COMMON)) };
            Hwmon::open(root.path(), wanted, |shunt| Ok(Line::plain(shunt)), &mut Vec::new())
        };
        assert!(open(false).is_ok());
        assert!(matches!(open(true), Err(Absent::ManyHwmon { count: 1, .. })));
        std::os::unix::fs::symlink("../../../1-0040", root.path().join("sys/class/hwmon/hwmon1/device")).unwrap();
        assert!(open(true).is_ok());
    }

    #[test]
    fn voltage_and_signed_current_come_with_the_draw() {
        let root = files(&[("in0_input", "-6"), ("in1_input", "3900")]);
        let battery = |shunt| Ok(Line { position: crate::line::Position::BATTERY, ..Line::plain(shunt) });
        let wanted = wanted(Some(MicroOhms::new(10_000).unwrap()));
        let reading = Hwmon::open(root.path(), wanted, battery, &mut Vec::new()).unwrap().read().unwrap();
        assert_eq!(reading.supply, Some(Supply { volts: Millivolts(3_900), current: Milliamps(-600) }));
    }

    #[test]
    fn a_sensor_that_goes_away_is_an_error_that_names_the_file() {
        let root = files(&[("in0_input", "58"), ("in1_input", "5000")]);
        let mut meter = open(root.path(), Some(100_000)).0.unwrap();
        std::fs::write(root.path().join("sys/class/hwmon/hwmon1/in1_input"), "").unwrap();
        let error = meter.read().unwrap_err().to_string();
        assert!(error.contains("in1_input") && error.contains("not the number"), "{error}");
    }
}
