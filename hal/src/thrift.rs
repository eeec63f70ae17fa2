//! Switching off what an idle board does not need, and on again whatever happens.
//!
//! ```text
//!        ┌─ what the files said ─▶ journal, on the disk ─┐
//! want ──┤                                               ├─▶ files of /sys
//!        └─ no longer wanted: back, if they still say what was written
//! ```
//!
//! Promises: nothing is changed before the journal that undoes it is on the disk, so a process that was
//! killed has everything undone when the next one starts ([`Thrift::recover`]); what somebody else changed
//! meanwhile is left alone; a step whose files are absent or may not be written is off, and says why;
//! asking twice for the same does nothing the second time. A reboot undoes everything by itself, so a
//! journal of an earlier boot is void.
//!
//! Deliberately absent: when to do it (`hob_core::thrift`), the model, power saving of the radio (only
//! netlink can ask for it, and the Pi's driver has it on by default).

mod journal;
mod steps;
#[cfg(test)]
mod tests;

use crate::sysfs;
use hob_core::thrift::{Offer, StepName};
use journal::{Found, Journal};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that a step changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    step: StepName,
    /// Relative to the root.
    path: PathBuf,
    /// What it said before.
    was: String,
    /// What is written into it.
    write: String,
    /// What it says then: not always the same word.
    says: String,
    /// What is written to undo it.
    back: String,
}

/// What came of it, for the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Steps that were taken.
    pub taken: Vec<StepName>,
    /// Steps that were undone.
    pub undone: Vec<StepName>,
    /// What was refused, failed, or was left alone, each with its path and reason.
    pub notes: Vec<String>,
}

/// The steps that are taken at present. Dropping it undoes them.
#[derive(Debug)]
pub struct Thrift {
    root: PathBuf,
    journal: Journal,
    active: Vec<Change>,
}

impl Thrift {
    /// Undoes what an earlier process left behind, by its journal, and starts with nothing taken.
    ///
    /// A journal that is damaged is renamed to `….damaged` and noted: nothing of it is trusted.
    #[must_use]
    pub fn recover(root: &Path, journal: &Path) -> (Self, Report) {
        let boot = sysfs::text(&root.join("proc/sys/kernel/random/boot_id")).unwrap_or_default();
        let mut thrift = Self { root: root.to_owned(), journal: Journal::new(journal, boot), active: Vec::new() };
        let mut report = Report::default();
        match thrift.journal.read() {
            Found::Nothing => {}
            Found::Void => report.notes.extend(thrift.journal.save(&[]).err().map(|error| error.to_string())),
            Found::Changes(left) => {
                thrift.active = left;
                thrift.undo(|_| true, &mut report);
            }
            Found::Damaged(reason) => report.notes.push(thrift.journal.set_aside(&reason)),
        }
        (thrift, report)
    }

    /// The steps that this board can take, taken ones included.
    #[must_use]
    pub fn offers(&self) -> Vec<Offer> {
        let possible = |step: &StepName| self.is_taken(*step) || steps::changes(&self.root, *step).is_ok();
        StepName::ALL.into_iter().filter(possible).map(|step| Offer { step, wake: steps::wake(step) }).collect()
    }

    /// Why the other steps are off; for `hob doctor`.
    #[must_use]
    pub fn off(&self) -> Vec<(StepName, String)> {
        let reason = |step: StepName| Some((step, steps::changes(&self.root, step).err()?));
        StepName::ALL.into_iter().filter(|step| !self.is_taken(*step)).filter_map(reason).collect()
    }

    /// The steps that are taken.
    #[must_use]
    pub fn taken(&self) -> Vec<StepName> {
        StepName::ALL.into_iter().filter(|step| self.is_taken(*step)).collect()
    }

    /// Takes these steps and undoes all others. Blocks for some milliseconds a file, and for as long as
    /// the disk takes for the journal: keep it off async threads.
    pub fn want(&mut self, wanted: &[StepName]) -> Report {
        let mut report = Report::default();
        self.undo(|step| !wanted.contains(&step), &mut report);
        for step in StepName::ALL.into_iter().filter(|step| wanted.contains(step)) {
            if !self.is_taken(step) {
                self.take(step, &mut report);
            }
        }
        report
    }

    fn is_taken(&self, step: StepName) -> bool {
        self.active.iter().any(|change| change.step == step)
    }

    fn take(&mut self, step: StepName, report: &mut Report) {
        match steps::changes(&self.root, step) {
            Ok(changes) => self.make(step, changes, report),
            Err(reason) => report.notes.push(format!("{} is off: {reason}", step.as_str())),
        }
    }

    /// All of these changes or none.
    fn make(&mut self, step: StepName, changes: Vec<Change>, report: &mut Report) {
        let before = self.active.len();
        self.active.extend(changes);
        if let Err(error) = self.journal.save(&self.active) {
            self.active.truncate(before);
            return report.notes.push(format!("{} is off: {error}", step.as_str()));
        }
        let failed = self.active.iter().skip(before).find_map(|change| self.put(change, &change.write).err());
        match failed {
            None => report.taken.push(step),
            Some(reason) => {
                report.notes.push(reason);
                self.undo(|other| other == step, &mut Report::default());
            }
        }
    }

    /// Undoes the steps that are named, the last change first.
    fn undo(&mut self, named: impl Fn(StepName) -> bool, report: &mut Report) {
        let (gone, mut kept): (Vec<Change>, Vec<Change>) =
            std::mem::take(&mut self.active).into_iter().partition(|change| named(change.step));
        if gone.is_empty() {
            self.active = kept;
            return;
        }
        for change in gone.into_iter().rev() {
            match self.put_back(&change) {
                Ok(note) => report.notes.extend(note),
                Err(reason) => {
                    report.notes.push(reason);
                    kept.push(change);
                    continue;
                }
            }
            if !report.undone.contains(&change.step) {
                report.undone.push(change.step);
            }
        }
        self.active = kept;
        // Until this is on the disk, a restart would only find files that say what they said before.
        report.notes.extend(self.journal.save(&self.active).err().map(|error| error.to_string()));
    }

    /// Puts one file back, unless somebody else changed it, which is worth a note.
    fn put_back(&self, change: &Change) -> Result<Option<String>, String> {
        let says = match steps::says(&self.root.join(&change.path)) {
            Ok(says) => says,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None), // unplugged
            Err(error) => return Err(format!("{}: {error}; tried again later", self.root.join(&change.path).display())),
        };
        if says == change.says {
            self.put(change, &change.back).map(|()| None)
        } else if says == change.was {
            Ok(None)
        } else {
            let path = self.root.join(&change.path);
            Ok(Some(format!("{} says {says:?} by now, not {:?}: left alone", path.display(), change.says)))
        }
    }

    fn put(&self, change: &Change, value: &str) -> Result<(), String> {
        let path = self.root.join(&change.path);
        let written =
            std::fs::File::options().write(true).truncate(true).open(&path).and_then(|mut file| file.write_all(value.as_bytes()));
        written.map_err(|error| format!("cannot write {value:?} into {}: {error}", path.display()))
    }
}

impl Drop for Thrift {
    fn drop(&mut self) {
        self.undo(|_| true, &mut Report::default());
    }
}
