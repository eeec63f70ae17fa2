//! The energy counters of x86 processors (RAPL), through the kernel's `powercap`.
//!
//! ```text
//! /sys/class/powercap/intel-rapl:N/    name (package-0)  energy_uj  max_energy_range_uj
//! /sys/class/powercap/intel-rapl:N:M/  name (dram)       ...
//! ```
//!
//! Packages and their memory are added up; a counter that starts again from zero is seen through.
//! Counters that cannot be read (since Linux 5.10 only root may) are as good as absent.
//!
//! Deliberately absent: what the board draws beside its processor (see [`Rapl::bound`]), the parts of a
//! package (`core`, `uncore`: they are in it already), and `psys`, which many boards report wrongly.

use crate::clock::Clock;
use crate::meter::{Meter, MeterError, Reading, Source};
use crate::open::Absent;
use crate::sysfs;
use hob_core::units::{BasisPoints, Micros, Milliwatts};
use std::path::{Path, PathBuf};

/// Counters turn once a millisecond; over less than this, a power is mostly rounding.
const SHORTEST: Micros = Micros(5_000);

/// All counters of the machine that add up to its processors and memory.
pub struct Rapl {
    counters: Vec<Counter>,
    clock: Clock,
    since: Micros,
    last: Option<Reading>,
}

#[derive(Debug)]
struct Counter {
    file: PathBuf,
    range: u64, // µJ after which it starts from zero
    before: u64,
}

impl Counter {
    fn open(folder: &Path) -> Option<Self> {
        let name = sysfs::text(&folder.join("name")).ok()?;
        let file = folder.join("energy_uj");
        let range = sysfs::number(&folder.join("max_energy_range_uj")).ok()?;
        let before = sysfs::number(&file).ok()?;
        (name.starts_with("package") || name == "dram").then_some(Self { file, range, before })
    }

    fn turned_to(&self, now: u64) -> u64 {
        now.checked_sub(self.before).unwrap_or_else(|| self.range.saturating_sub(self.before).saturating_add(now))
    }
}

impl Rapl {
    /// Finds the counters under `root` and starts from where they stand.
    ///
    /// # Errors
    ///
    /// [`Absent::NoRapl`] when none can be read.
    pub fn open(root: &Path, clock: Clock) -> Result<Self, Absent> {
        let folder = root.join("sys/class/powercap");
        let counters: Vec<Counter> = sysfs::entries(&folder)
            .iter()
            .filter(|entry| sysfs::name(entry).starts_with("intel-rapl:"))
            .filter_map(|entry| Counter::open(entry))
            .collect();
        if counters.is_empty() {
            return Err(Absent::NoRapl { folder });
        }
        let since = clock();
        Ok(Self { counters, clock, since, last: None })
    }
}

impl Meter for Rapl {
    fn read(&mut self) -> Result<Reading, MeterError> {
        let now = (self.clock)();
        let window = now.minus(self.since);
        if window < SHORTEST {
            return self.last.map(|last| Reading { fresh: false, ..last }).ok_or(MeterError::NotReady);
        }
        let turned: Vec<u64> = self.counters.iter().map(|counter| sysfs::metered(&counter.file)).collect::<Result<_, _>>()?;
        let mut microjoules: u64 = 0;
        for (counter, now) in self.counters.iter_mut().zip(turned) {
            microjoules = microjoules.saturating_add(counter.turned_to(now));
            counter.before = now;
        }
        self.since = now;
        // µJ / µs = W
        let milliwatts = u128::from(microjoules) * 1_000 / u128::from(window.0.max(1));
        let reading = Reading::plain(Milliwatts(u32::try_from(milliwatts).unwrap_or(u32::MAX)), window);
        self.last = Some(reading);
        Ok(reading)
    }

    fn source(&self) -> Source {
        Source::Rapl
    }

    /// ±50 %: the counters are good to a few percent, but power supply, disks, screen and fans are not
    /// in them. Engineering judgement; nothing was measured.
    fn bound(&self) -> BasisPoints {
        BasisPoints(5_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;
    use crate::sysfs::plant;

    const BEAT: Micros = Micros(50_000);

    fn machine() -> tempfile::TempDir {
        let zone = |zone: &str, name: &str| {
            [("name", name), ("energy_uj", "900000"), ("max_energy_range_uj", "1000000")]
                .map(|(file, text)| (format!("sys/class/powercap/{zone}/{file}"), text.to_owned()))
        };
        let files = [
            zone("intel-rapl:0", "package-0"),
            zone("intel-rapl:0:0", "core"),
            zone("intel-rapl:0:1", "dram"),
            zone("intel-rapl:1", "psys"),
            zone("intel-rapl-mmio:0", "package-0"),
        ];
        let files: Vec<(&str, &str)> = files.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        plant(&files)
    }

    fn turn(root: &tempfile::TempDir, zone: &str, microjoules: &str) {
        std::fs::write(root.path().join("sys/class/powercap").join(zone).join("energy_uj"), microjoules).unwrap();
    }

    #[test]
    fn packages_and_memory_are_added_up_and_a_restarting_counter_is_seen_through() {
        let (root, time) = (machine(), HandClock::default());
        let mut meter = Rapl::open(root.path(), time.clock()).unwrap();
        assert!(matches!(meter.read(), Err(MeterError::NotReady)));
        time.turn(BEAT);
        turn(&root, "intel-rapl:0", "150000"); // 250 mJ, past the end of its range
        turn(&root, "intel-rapl:0:0", "990000");
        turn(&root, "intel-rapl:0:1", "950000"); // 50 mJ
        turn(&root, "intel-rapl:1", "990000");
        let reading = meter.read().unwrap();
        assert_eq!(reading, Reading::plain(Milliwatts(6_000), BEAT)); // 300 mJ in 50 ms
        assert_eq!(meter.read().unwrap(), Reading { fresh: false, ..reading });
        time.turn(BEAT);
        assert_eq!(meter.read().unwrap().power, Milliwatts(0), "and counts on from there");
    }

    #[test]
    fn counters_that_cannot_be_read_are_absent() {
        let root = machine();
        for zone in ["intel-rapl:0", "intel-rapl:0:1"] {
            let file = root.path().join("sys/class/powercap").join(zone).join("energy_uj");
            std::fs::remove_file(&file).unwrap();
            std::fs::create_dir(&file).unwrap(); // unreadable even for root
        }
        assert!(matches!(Rapl::open(root.path(), HandClock::default().clock()), Err(Absent::NoRapl { .. })));
    }

    #[test]
    fn energy_of_a_failed_read_is_not_lost() {
        let (root, time) = (machine(), HandClock::default());
        let mut meter = Rapl::open(root.path(), time.clock()).unwrap();
        time.turn(BEAT);
        turn(&root, "intel-rapl:0", "950000");
        turn(&root, "intel-rapl:0:1", "");
        assert!(matches!(meter.read(), Err(MeterError::Unreadable { .. })));
        time.turn(BEAT);
        turn(&root, "intel-rapl:0:1", "900000");
        assert_eq!(meter.read().unwrap(), Reading::plain(Milliwatts(500), Micros(100_000))); // 50 mJ in 100 ms
    }
}
