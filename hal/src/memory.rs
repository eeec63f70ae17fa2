//! What memory is left, for this process.
//!
//! ```text
//! /proc/meminfo ─▶ sysinfo ─┐
//! cgroup v2 limits ─────────┼─▶ the least of them        /proc/pressure/memory ─▶ pressure
//! ```
//!
//! Promises: a limit of any cgroup around this process (a systemd unit, a container) bounds both total
//! and available memory; file pages count as available under a limit, as they do in `MemAvailable`.
//! Deliberately absent: swap, which a model must not be put into; cgroup v1.

use crate::board::pressure;
use crate::sysfs;
use hob_core::units::{BasisPoints, Bytes};
use std::path::{Path, PathBuf};
use sysinfo::{MemoryRefreshKind, System};

/// Looks at memory.
pub trait Memory: Send + 'static {
    /// Memory as it is now. Takes well under a millisecond.
    ///
    /// # Errors
    ///
    /// [`MemoryError`]: keep the last reading and try again.
    fn read(&mut self) -> Result<MemoryReading, MemoryError>;
}

/// One look at memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryReading {
    /// What this process could have at most.
    pub total: Bytes,
    /// What it can still have without swapping: `MemAvailable`, or less under a limit.
    pub available: Bytes,
    /// Share of the last 10 s in which some task waited for memory (PSI `some avg10`); absent where the
    /// kernel does not say (a Pi needs `psi=1` on the kernel's command line).
    pub pressure: Option<BasisPoints>,
}

/// Memory cannot be read. Worth a retry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// `/proc/meminfo` says nothing.
    #[error("cannot read how much memory there is from /proc/meminfo; is /proc mounted in this container?")]
    NoMeminfo,
}

/// The memory of this machine.
#[derive(Debug)]
pub struct BoardMemory {
    system: System,
    root: PathBuf,
}

impl BoardMemory {
    /// Limits and pressure are read under `root`; `/proc/meminfo` is always the machine's.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { system: System::new(), root: root.to_owned() }
    }

    /// The folders of the cgroups around this process, from its own outwards.
    fn cgroups(&self) -> Vec<PathBuf> {
        let top = self.root.join("sys/fs/cgroup");
        let lines = sysfs::text(&self.root.join("proc/self/cgroup")).unwrap_or_default();
        let own = lines.lines().find_map(|line| line.strip_prefix("0::/")).filter(|own| !own.contains(".."));
        let own = top.join(own.unwrap_or_default());
        own.ancestors().take_while(|folder| folder.starts_with(&top)).map(Path::to_owned).collect()
    }
}

impl Memory for BoardMemory {
    fn read(&mut self) -> Result<MemoryReading, MemoryError> {
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let (total, available) = (self.system.total_memory(), self.system.available_memory());
        if total == 0 {
            return Err(MemoryError::NoMeminfo);
        }
        let limits: Vec<(u64, u64)> = self.cgroups().iter().filter_map(|folder| limit(folder)).collect();
        let least = |most: u64, ours: fn(&(u64, u64)) -> u64| limits.iter().map(ours).fold(most, u64::min);
        Ok(MemoryReading {
            total: Bytes(least(total, |limit| limit.0)),
            available: Bytes(least(available, |limit| limit.1)),
            pressure: pressure(&sysfs::text(&self.root.join("proc/pressure/memory")).unwrap_or_default()),
        })
    }
}

/// The limit of one cgroup and what is left of it, in bytes; nothing when it has none.
fn limit(folder: &Path) -> Option<(u64, u64)> {
    let bytes = |file: &str| sysfs::number::<u64>(&folder.join(file)).ok(); // the word `max` is no number
    // Above `memory.high` the kernel slows the group down until nothing moves, so that is a limit too.
    let limit = [bytes("memory.max"), bytes("memory.high")].into_iter().flatten().min()?;
    let stat = sysfs::text(&folder.join("memory.stat")).unwrap_or_default();
    let reclaimable: u64 = stat
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| matches!(*name, "active_file" | "inactive_file" | "slab_reclaimable"))
        .filter_map(|(_, bytes)| bytes.parse::<u64>().ok())
        .fold(0, u64::saturating_add);
    let held = bytes("memory.current").unwrap_or(0).saturating_sub(reclaimable);
    Some((limit, limit.saturating_sub(held)))
}

/// Memory that follows a script, then holds its last line.
#[cfg(any(test, feature = "fake"))]
#[derive(Debug)]
pub struct ScriptedMemory {
    script: std::collections::VecDeque<MemoryReading>,
    last: Option<MemoryReading>,
}

#[cfg(any(test, feature = "fake"))]
impl ScriptedMemory {
    /// Reads these in order; an empty script is memory that cannot be read.
    pub fn new(script: impl IntoIterator<Item = MemoryReading>) -> Self {
        Self { script: script.into_iter().collect(), last: None }
    }
}

#[cfg(any(test, feature = "fake"))]
impl Memory for ScriptedMemory {
    fn read(&mut self) -> Result<MemoryReading, MemoryError> {
        self.last = self.script.pop_front().or(self.last);
        self.last.ok_or(MemoryError::NoMeminfo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysfs::plant;

    const UNIT: &str = "sys/fs/cgroup/system.slice/hob.service";

    fn reading(files: &[(&str, &str)]) -> MemoryReading {
        let root = plant(files);
        BoardMemory::new(root.path()).read().unwrap()
    }

    #[test]
    fn without_a_limit_it_is_the_machines_memory() {
        let found = reading(&[]);
        assert!(found.total > found.available && found.available > Bytes::ZERO);
        assert_eq!(found.pressure, None);
    }

    #[test]
    #[rustfmt::skip]
    fn the_tightest_limit_around_the_process_bounds_it() {
        let mib = |mebibytes: u64| Bytes::from_mebibytes(mebibytes).0.to_string();
        let table = [
            // unit's max, high; slice's max; held; of it file pages   total  left  what the row is for
            (mib(64), "max".into(), "max".into(), mib(24), mib(8),      64,    48,  "a unit's limit"),
            (mib(64), mib(48),      "max".into(), mib(24), mib(0),      48,    24,  "memory.high binds"),
            (mib(64), "max".into(), mib(32),      mib(24), mib(8),      32,    32,  "the slice around it binds the total"),
            (mib(16), "max".into(), "max".into(), mib(24), mib(0),      16,     0,  "over its limit"),
        ];
        for (max, high, slice, held, pages, total, left, why) in table {
            let unit = |file: &str| format!("{UNIT}/{file}");
            let stat = format!("anon 5\nfile {pages}\nactive_file {pages}\ninactive_file 0\n");
            let found = reading(&[
                ("proc/self/cgroup", "1:cpu:/x\n0::/system.slice/hob.service\n"),
                (&unit("memory.max"), &max),
                (&unit("memory.high"), &high),
                (&unit("memory.current"), &held),
                (&unit("memory.stat"), &stat),
                ("sys/fs/cgroup/system.slice/memory.max", &slice),
                ("sys/fs/cgroup/system.slice/memory.current", "0"),
            ]);
            assert_eq!(found.total, Bytes::from_mebibytes(total), "{why}");
            assert_eq!(found.available, Bytes::from_mebibytes(left), "{why}");
        }
    }

    #[test]
    fn in_a_container_the_top_folder_is_ones_own() {
        let found = reading(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "1048576\n")]);
        assert_eq!((found.total, found.available), (Bytes(1_048_576), Bytes(1_048_576)));
    }

    #[test]
    #[rustfmt::skip]
    fn pressure_is_read_to_the_hundredth_or_is_absent() {
        let table = [
            ("some avg10=12.34 avg60=5.00 avg300=0.00 total=9\nfull avg10=1.00", Some(BasisPoints(1_234))),
            ("some avg10=0.07 avg60=0.00 avg300=0.00 total=9",                   Some(BasisPoints(7))),
            ("full avg10=1.00 avg60=0.00 avg300=0.00 total=9",                   None),
            ("some avg10=x",                                                     None),
            ("",                                                                 None),
        ];
        for (text, expected) in table {
            assert_eq!(pressure(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_script_is_read_in_order_and_its_last_line_held() {
        let line = |mebibytes| MemoryReading { total: Bytes(1), available: Bytes::from_mebibytes(mebibytes), pressure: None };
        let mut memory = ScriptedMemory::new([line(9), line(3)]);
        assert_eq!([memory.read(), memory.read(), memory.read()], [Ok(line(9)), Ok(line(3)), Ok(line(3))]);
        assert_eq!(ScriptedMemory::new([]).read(), Err(MemoryError::NoMeminfo));
    }
}
