//! What was changed and how to change it back, on the disk before it is changed.
//!
//! ```text
//! hob-thrift 1 <id of this boot>
//! slow_clock<TAB>sys/devices/…/scaling_governor<TAB>schedutil<TAB>powersave<TAB>powersave<TAB>schedutil
//! end 1
//! ```
//!
//! Promises: it is replaced as a whole (written beside, flushed, renamed), so it is the old one or the new
//! one; one that is not whole, or names a file outside `/sys`, is damaged, and nothing of it is used.
//! Deliberately absent: what to do with the changes.

use super::Change;
use hob_core::thrift::StepName;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// A journal at its place.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    boot: String,
}

/// What a journal says.
#[derive(Debug)]
pub(super) enum Found {
    /// There is none: nothing was left behind.
    Nothing,
    /// It is of an earlier boot.
    Void,
    /// These were left behind, the first change first.
    Changes(Vec<Change>),
    /// It cannot be used.
    Damaged(String),
}

/// The journal cannot be written, so nothing may be changed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the journal {}: {cause}; its folder must be there and writable", path.display())]
pub(super) struct Unwritable {
    path: PathBuf,
    cause: io::Error,
}

impl Journal {
    pub(super) fn new(path: &Path, boot: String) -> Self {
        Self { path: path.to_owned(), boot }
    }

    /// Replaces it; without changes there is none.
    pub(super) fn save(&self, changes: &[Change]) -> Result<(), Unwritable> {
        self.replace(changes).map_err(|cause| Unwritable { path: self.path.clone(), cause })
    }

    fn replace(&self, changes: &[Change]) -> io::Result<()> {
        if changes.is_empty() {
            match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        } else {
            let beside = self.path.with_extension("new");
            let mut file = File::create(&beside)?;
            file.write_all(self.text(changes).as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)?;
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }

    fn text(&self, changes: &[Change]) -> String {
        let lines = changes.iter().map(|Change { step, path, was, write, says, back }| {
            format!("{}\t{}\t{was}\t{write}\t{says}\t{back}\n", step.as_str(), path.display())
        });
        format!("hob-thrift 1 {}\n{}end {}\n", self.boot, lines.collect::<String>(), changes.len())
    }

    pub(super) fn read(&self) -> Found {
        match fs::read_to_string(&self.path) {
            Ok(text) => self.parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
            Err(error) => Found::Damaged(error.to_string()),
        }
    }

    fn parse(&self, text: &str) -> Found {
        let damaged = |why: &str| Found::Damaged(why.to_owned());
        let mut lines = text.lines();
        let Some(boot) = lines.next().and_then(|line| line.strip_prefix("hob-thrift 1 ")) else {
            return damaged("it does not begin as a journal does");
        };
        let mut lines: Vec<&str> = lines.collect();
        if lines.pop() != Some(&format!("end {}", lines.len())) || !text.ends_with('\n') {
            return damaged("its end is missing");
        }
        match lines.into_iter().map(change).collect::<Option<Vec<Change>>>() {
            None => damaged("a line of it is no change under /sys"),
            Some(_) if boot != self.boot => Found::Void,
            Some(changes) => Found::Changes(changes),
        }
    }

    /// Puts a damaged one out of the way, for whoever wants to look at it.
    pub(super) fn set_aside(&self, reason: &str) -> String {
        let aside = self.path.with_extension("damaged");
        let (path, moved) = (self.path.display(), fs::rename(&self.path, &aside));
        let fate =
            moved.map_or_else(|error| format!("cannot set it aside: {error}"), |()| format!("set aside as {}", aside.display()));
        format!(
            "the journal {path} is damaged ({reason}), so what an earlier process switched off stays off until a reboot; {fate}"
        )
    }
}

fn change(line: &str) -> Option<Change> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [step, path, was, write, says, back] = fields[..] else { return None };
    let step = StepName::ALL.into_iter().find(|known| known.as_str() == step)?;
    let path = PathBuf::from(path);
    let inside = path.starts_with("sys") && path.components().all(|part| matches!(part, Component::Normal(_)));
    let [was, write, says, back] = [was, write, says, back].map(str::to_owned);
    inside.then_some(Change { step, path, was, write, says, back })
}
