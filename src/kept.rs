//! What Hob has learned of its board and its site, kept across restarts in `learned.json`.
//!
//! Promises: it is replaced whole or not at all; a file that cannot be read is set aside as `learned.json.bad`, and Hob
//! begins anew; what is kept says nothing of what was asked.
//! Deliberately absent: prompts and answers (`store`), and learning (`hob_core`).

mod form;

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use hob_core::{battery, ledger::Stored, odometer::Books, steward};

use form::Form;

const FILE: &str = "learned.json";
/// A larger file is not ours.
const LARGEST: u64 = 1 << 20;

/// What is kept, and where.
#[derive(Debug)]
pub struct Kept {
    dir: PathBuf,
    form: Mutex<Form>,
    /// What was drawn before this start.
    before: Books,
}

impl Kept {
    /// Reads what was kept in this folder, if anything was.
    #[must_use]
    pub fn open(dir: &Path) -> Self {
        let form = read(dir).unwrap_or_else(|why| {
            let file = dir.join(FILE);
            tracing::warn!(file = %file.display(), why, "what was learned cannot be read; it is set aside, and learned anew");
            let _worse = std::fs::rename(&file, dir.join(format!("{FILE}.bad")));
            Form::default()
        });
        let before = form.books();
        Self { dir: dir.to_owned(), form: Mutex::new(form), before }
    }

    /// What was learned of levels, habits and sun.
    #[must_use]
    pub fn steward(&self) -> steward::Saved {
        self.form().steward()
    }

    /// Keeps what was learned of levels, habits and sun.
    pub fn keep_steward(&self, saved: &steward::Saved) {
        self.form().set_steward(saved);
    }

    /// What was learned of the battery, and what it held.
    #[must_use]
    pub fn battery(&self) -> Option<battery::Saved> {
        self.form().battery()
    }

    /// Keeps that.
    pub fn keep_battery(&self, saved: battery::Saved) {
        self.form().set_battery(saved);
    }

    /// Grams a kilowatt-hour of what the battery held.
    #[must_use]
    pub fn stored(&self) -> Option<Stored> {
        self.form().stored()
    }

    /// Keeps that.
    pub fn keep_stored(&self, stored: Stored) {
        self.form().set_stored(stored);
    }

    /// The books of all starts, this one's included.
    #[must_use]
    pub fn books(&self, this: Books) -> Books {
        let Books { answers, overhead, idle, .. } = self.before;
        Books { answers: this.answers.plus(answers), overhead: this.overhead.plus(overhead), idle: this.idle.plus(idle), ..this }
    }

    /// What was drawn on this day, by its number since 1970 (UTC); `all` are the books of all starts, as they are now.
    #[must_use]
    pub fn today(&self, day: u64, all: Books) -> Books {
        let Books { answers, overhead, idle, .. } = self.form().morning(day, all);
        Books { answers: all.answers.minus(answers), overhead: all.overhead.minus(overhead), idle: all.idle.minus(idle), ..all }
    }

    /// Keeps the books of this start beside the others.
    pub fn keep_books(&self, this: Books) {
        let all = self.books(this);
        self.form().set_books(all);
    }

    /// Puts it on the disk. A failure is logged; it is tried again with the next.
    pub fn write(&self) {
        if let Err(error) = self.replace() {
            tracing::warn!(dir = %self.dir.display(), %error, "what was learned cannot be kept; is the disk full?");
        }
    }

    fn replace(&self) -> std::io::Result<()> {
        let text = serde_json::to_vec_pretty(&*self.form())?;
        let new = self.dir.join(format!("{FILE}.new"));
        let mut file = std::fs::File::create(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&new, self.dir.join(FILE))?;
        std::fs::File::open(&self.dir)?.sync_all()
    }

    fn form(&self) -> MutexGuard<'_, Form> {
        self.form.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(dir: &Path) -> Result<Form, String> {
    let file = dir.join(FILE);
    match std::fs::metadata(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Form::default()),
        Err(error) => return Err(error.to_string()),
        Ok(meta) if meta.len() > LARGEST => return Err(format!("it has {} bytes", meta.len())),
        Ok(_) => {}
    }
    let text = std::fs::read(&file).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hob_core::{
        levels::{Learned, LevelKey},
        units::{Microjoules, Micros},
    };

    #[test]
    fn what_was_kept_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::open(dir.path());
        let key = LevelKey { model: "m".into(), name: "Q4_0".into() };
        let learned = Learned { decode: Micros(123), answers: 9, ..Learned::default() };
        kept.keep_steward(&steward::Saved { levels: vec![(key, learned)], ..steward::Saved::default() });
        kept.keep_stored(Stored { mean: 1, low: 2, high: 3 });
        kept.keep_books(Books { answers: Microjoules(5), ..Books::default() });
        kept.write();

        let again = Kept::open(dir.path());
        assert_eq!(again.steward().levels, kept.steward().levels);
        assert_eq!(again.stored(), Some(Stored { mean: 1, low: 2, high: 3 }));
        assert_eq!(again.books(Books { answers: Microjoules(2), ..Books::default() }).answers, Microjoules(7));
    }

    #[test]
    fn a_day_begins_with_nothing_drawn_also_across_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::open(dir.path());
        let drawn = |joules: u64| Books { answers: Microjoules(joules), ..Books::default() };
        assert_eq!(kept.today(7, drawn(100)).answers, Microjoules(0));
        assert_eq!(kept.today(7, drawn(130)).answers, Microjoules(30));
        kept.write();
        let kept = Kept::open(dir.path());
        assert_eq!(kept.today(7, drawn(150)).answers, Microjoules(50));
        assert_eq!(kept.today(8, drawn(160)).answers, Microjoules(0), "midnight");
    }

    #[test]
    fn a_garbled_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(Kept::open(dir.path()).steward().levels.is_empty());
        assert!(dir.path().join("learned.json.bad").exists() && !dir.path().join(FILE).exists());
    }
}
