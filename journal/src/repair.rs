//! The journal's folder: found, made, or moved aside when what is in it cannot be used.
//!
//! ```text
//! DIR/journal/            the file and its log
//! DIR/journal-new/        being filled from a damaged one
//! DIR/journal-damaged-1/  what was moved aside, for whoever wants to look; the four newest are kept
//! ```
//!
//! The file and its log belong together, so they move together: one rename of the folder. A power cut at any point
//! leaves either the damaged journal where it was, or a complete new one to be renamed.
//!
//! Promises: a damaged file never stops the start; what can still be read of it is carried over; nothing is deleted
//! but a half-filled copy and the fifth damaged one.
//! Deliberately absent: telling a failing disk from a damaged file (`schema` does).

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, types::Value};

use crate::schema::{self, Beneath, Unusable};
use crate::sum::sum;
use crate::trouble::{Aside, Trouble};

const FILE: &str = "journal.db";
const KEPT: u32 = 4;

/// Opens the journal under `dir`; one that is damaged is moved aside first, and so is a `suspect` one, which passed the
/// check before and then turned out to be damaged all the same.
pub(crate) fn open(dir: &Path, beneath: &Beneath, suspect: bool) -> Result<(Connection, Option<Aside>), Trouble> {
    let (home, new) = (dir.join("journal"), dir.join("journal-new"));
    if new.is_dir() && !home.exists() {
        fs::rename(&new, &home)?; // a cut between the last two steps of `move_aside`
        sync(dir)?;
    }
    if !home.is_dir() {
        fs::create_dir_all(&home)?;
        sync(dir)?;
    }
    let mut why = "damaged in use".to_owned();
    let open = || schema::open(&home.join(FILE), beneath);
    match open() {
        Ok(connection) if suspect => drop(connection),
        Ok(connection) => return sync(&home).map(|()| (connection, None)),
        Err(Unusable::Disk(trouble)) => return Err(trouble),
        Err(Unusable::File(found)) => why = found,
    }
    let aside = move_aside(dir, &home, &new, why, beneath)?;
    match open() {
        Ok(connection) => Ok((connection, Some(aside))),
        Err(Unusable::Disk(trouble)) => Err(trouble),
        Err(Unusable::File(_)) => Err(Trouble::Damaged),
    }
}

fn move_aside(dir: &Path, home: &Path, new: &Path, why: String, beneath: &Beneath) -> Result<Aside, Trouble> {
    if new.exists() {
        fs::remove_dir_all(new)?;
    }
    fs::create_dir_all(new)?;
    let saved = fill(&new.join(FILE), &home.join(FILE), beneath)?;
    sync(new)?;
    let kept = aside(dir)?;
    fs::rename(home, &kept)?;
    fs::rename(new, home)?;
    sync(dir)?;
    Ok(Aside { kept, why, saved })
}

/// The next free name; the oldest one makes room.
fn aside(dir: &Path) -> Result<PathBuf, Trouble> {
    let name = |number: u32| dir.join(format!("journal-damaged-{number}"));
    let number = |entry: &fs::DirEntry| entry.file_name().to_str()?.strip_prefix("journal-damaged-")?.parse::<u32>().ok();
    let taken: Vec<u32> = fs::read_dir(dir)?.flatten().filter_map(|entry| number(&entry)).collect();
    let last = taken.iter().max().copied().unwrap_or(0);
    for old in taken.into_iter().filter(|number| number.saturating_add(KEPT) <= last.saturating_add(1)) {
        fs::remove_dir_all(name(old))?;
    }
    Ok(name(last.saturating_add(1)))
}

/// A new journal with all rows of the old one that can still be read.
fn fill(new: &Path, old: &Path, beneath: &Beneath) -> Result<u64, Trouble> {
    let mut new = match schema::open(new, beneath) {
        Ok(new) => new,
        Err(Unusable::Disk(trouble)) => return Err(trouble),
        Err(Unusable::File(_)) => return Err(Trouble::Damaged),
    };
    let change = new.transaction()?;
    let mut saved = 0;
    if let Ok(old) = schema::connect(old, beneath) {
        for row in salvage(&old, "SELECT key, name, zero, last FROM boot NOT INDEXED ORDER BY rowid", 4) {
            change.execute("INSERT OR IGNORE INTO boot VALUES (?1, ?2, ?3, ?4)", rusqlite::params_from_iter(row)).ok();
        }
        let columns = "place, id, state, attempts, boot, came, span, ended_boot, ended, sum, body";
        for row in salvage(&old, &format!("SELECT {columns} FROM prompt NOT INDEXED ORDER BY rowid"), 11) {
            if !whole(&row) {
                continue;
            }
            // A row whose values do not fit its columns is damage too; the rest is saved without it.
            let sql = "INSERT OR IGNORE INTO prompt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
            saved += change.execute(sql, rusqlite::params_from_iter(row)).unwrap_or(0);
        }
    }
    change.commit()?;
    new.close().map_err(|(_, error)| Trouble::from(error))?;
    Ok(saved.try_into().unwrap_or(u64::MAX))
}

/// Whether a row's id, state and body are those that were written.
fn whole(row: &[Value]) -> bool {
    let [_, Value::Text(id), Value::Integer(state), .., Value::Integer(known), Value::Blob(body)] = row else { return false };
    known.checked_sub(*state) == Some(i64::from(sum(id, body)))
}

/// Reads from both ends up to the first page that cannot be read.
fn salvage(old: &Connection, sql: &str, columns: usize) -> Vec<Vec<Value>> {
    let mut rows = read(old, sql, columns);
    if let Err(mut forwards) = rows {
        let backwards = read(old, &format!("{sql} DESC"), columns).unwrap_or_else(|some| some);
        forwards.extend(backwards);
        rows = Ok(forwards);
    }
    rows.unwrap_or_default()
}

/// All rows, or those before the first that could not be read.
fn read(old: &Connection, sql: &str, columns: usize) -> Result<Vec<Vec<Value>>, Vec<Vec<Value>>> {
    let mut found = Vec::new();
    let Ok(mut statement) = old.prepare(sql) else { return Err(found) };
    let values = |row: &Row<'_>| (0..columns).map(|column| row.get::<_, Value>(column)).collect::<Result<Vec<_>, _>>();
    let Ok(rows) = statement.query_map([], values) else { return Err(found) };
    for row in rows {
        match row {
            Ok(row) => found.push(row),
            Err(_) => return Err(found),
        }
    }
    Ok(found)
}

/// Makes the names in a folder last.
fn sync(folder: &Path) -> Result<(), Trouble> {
    Ok(File::open(folder)?.sync_all()?)
}
