//! The tables, how the file is opened, and how an older file becomes a newer one.
//!
//! Durability rests on three settings: WAL, `synchronous=FULL` (a commit returns after its fsync; in WAL mode `NORMAL`
//! is not durable) and one connection. `locking_mode=EXCLUSIVE` keeps a second daemon out and does without the shared
//! memory file, whose mapping would kill the process when the disk fails under it. 1 KiB pages, because a change of
//! state touches few bytes and a commit writes whole pages: 27 KB a prompt, where 4 KiB pages take 54 KB.
//!
//! As `SQLite` does by default, it is assumed that a torn write leaves the bytes beside it alone (`psow`). Without that
//! assumption each commit would fill up its 4 KiB block: 53 KB a prompt (`tests/wear.rs` prints the shipped setting; the others were measured once, in edited builds).
//!
//! Promises: a migration happens wholly or not at all; a file of a later version is left as it is.
//! Deliberately absent: what to do with a file that cannot be used (`repair`).

use std::path::Path;
use std::time::Duration;

use rusqlite::ffi::{Error, SQLITE_IOERR};
use rusqlite::{Connection, OpenFlags};

use crate::sum::sum;
use crate::trouble::Trouble;

/// What the journal stands on. Other than the default only in tests of power cuts and failing disks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beneath {
    /// The name of another `SQLite` file layer.
    pub vfs: Option<String>,
    /// Off: commits are not synced, and a power cut loses what was accepted. Only to show that a test can see that.
    pub synced: bool,
    /// Pages of the write-ahead log after which it is copied into the file.
    pub checkpoint: u32,
}

impl Default for Beneath {
    /// The system's files, every commit synced, a log of about 4 MB.
    fn default() -> Self {
        Self { vfs: None, synced: true, checkpoint: 4_000 }
    }
}

/// "hobj" in the file's header.
const APPLICATION: i32 = 0x686f_626a;

/// Each step brings a file from the version of its index to the next one. Steps are only ever added.
pub(crate) const STEPS: &[&str] = &["
    CREATE TABLE boot (
        key  INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        zero INTEGER,            -- civil clock at the boot's zero, in microseconds since 1970; null while unknown
        last INTEGER NOT NULL    -- last known moment, in microseconds since the boot
    ) STRICT;
    CREATE TABLE prompt (
        place    INTEGER PRIMARY KEY,
        id       TEXT NOT NULL UNIQUE,
        state    INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),  -- 0 received, 1 running, 2 answered, 3 sent
        attempts INTEGER NOT NULL CHECK (attempts >= 0),
        boot     INTEGER NOT NULL,  -- it came in this boot
        came     INTEGER NOT NULL,  -- at this moment
        span     INTEGER,           -- and is worth something so long, in microseconds
        ended_boot INTEGER,         -- its final message was stored in this boot
        ended    INTEGER,           -- at this moment
        sum      INTEGER NOT NULL,  -- CRC-32 of id and body, plus state
        body     BLOB NOT NULL      -- what was asked; from state 2 on the final message
    ) STRICT;
    CREATE INDEX unsent ON prompt (place) WHERE state < 3;
"];

/// Why a file cannot be used as it is.
pub(crate) enum Unusable {
    /// The disk is in the way; the file may be well.
    Disk(Trouble),
    /// The file itself; for the report.
    File(String),
}

impl From<rusqlite::Error> for Unusable {
    fn from(error: rusqlite::Error) -> Self {
        let why = error.to_string();
        match Trouble::from(error) {
            Trouble::Damaged => Self::File(why),
            disk => Self::Disk(disk),
        }
    }
}

/// Opens or creates the file, checks it and brings it to the newest version.
pub(crate) fn open(path: &Path, beneath: &Beneath) -> Result<Connection, Unusable> {
    let mut connection = connect(path, beneath)?;
    check(&connection)?;
    migrate(&mut connection, STEPS)?;
    Ok(connection)
}

/// Opens or creates the file, whatever is in it.
pub(crate) fn connect(path: &Path, beneath: &Beneath) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match &beneath.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str())?,
        None => Connection::open_with_flags(path, flags)?,
    };
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "page_size", 1_024)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    into_wal(&connection, path)?;
    connection.pragma_update(None, "synchronous", if beneath.synced { "FULL" } else { "NORMAL" })?;
    connection.pragma_update(None, "wal_autocheckpoint", beneath.checkpoint)?;
    // Keeps the log's blocks, so that a disk that fills up later finds them still there.
    connection.pragma_update(None, "journal_size_limit", 8 << 20)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// `SQLite` stays in its old mode without an error when it cannot change, and a rollback journal left behind by a failed
/// deletion would undo everything at the next start.
fn into_wal(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    let mut rollback = path.as_os_str().to_owned();
    rollback.push("-journal");
    if mode == "wal" && !Path::new(&rollback).exists() {
        return Ok(());
    }
    let why = format!("the write-ahead log cannot be used: {mode}");
    Err(rusqlite::Error::SqliteFailure(Error::new(SQLITE_IOERR), Some(why)))
}

/// Whether every page, index and constraint of the file is in order, and the file one of ours.
/// `quick_check` would not do: an index that misses an entry forgets a prompt, or takes it in twice.
fn check(connection: &Connection) -> Result<(), Unusable> {
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        // A page that cannot be read at this moment is reported in the same way, with SQLite's code for I/O errors.
        return Err(if said.contains("error code=10") || said.contains("error code=7") {
            Unusable::Disk(Trouble::Failing(10))
        } else {
            Unusable::File(said)
        });
    }
    let whose: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = version(connection)?;
    match (whose, version) {
        (0, 0) => {
            let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables == 0 { Ok(()) } else { Err(Unusable::File("not a journal".to_owned())) }
        }
        (APPLICATION, version) if version <= STEPS.len() => check_sums(connection),
        (APPLICATION, version) => Err(Unusable::File(format!("of a later version ({version})"))),
        _ => Err(Unusable::File("not a journal".to_owned())),
    }
}

/// The pages being in order says nothing of the bytes in them.
fn check_sums(connection: &Connection) -> Result<(), Unusable> {
    let mut statement = connection.prepare("SELECT place, id, sum - state, body FROM prompt NOT INDEXED")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(1)?;
        if i64::from(sum(&id, &row.get::<_, Vec<u8>>(3)?)) != row.get::<_, i64>(2)? {
            return Err(Unusable::File(format!("row {} is not what was written", row.get::<_, i64>(0)?)));
        }
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Carries out the steps that the file has not seen, each in a transaction with its number.
fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let seen = version(connection)?;
    for (number, step) in (1_i64..).zip(steps).skip(seen) {
        let change = connection.transaction()?;
        change.execute_batch(step)?;
        change.pragma_update(None, "application_id", APPLICATION)?;
        change.pragma_update(None, "user_version", number)?;
        change.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(connection: &Connection) -> String {
        connection.query_row("SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_step_is_taken_once_and_a_failing_one_not_at_all() {
        let mut file = Connection::open_in_memory().unwrap();
        let first = "CREATE TABLE a (x) STRICT".replace(" STRICT", "");
        migrate(&mut file, &[&first]).unwrap();
        migrate(&mut file, &[&first, "CREATE TABLE b (x); CREATE TABLE b (x);"]).unwrap_err();
        assert_eq!((version(&file).unwrap(), names(&file)), (1, "a".to_owned()), "half a step is none");
        migrate(&mut file, &[&first, "CREATE TABLE b (x)"]).unwrap();
        migrate(&mut file, &[&first, "CREATE TABLE b (x)"]).unwrap();
        assert_eq!((version(&file).unwrap(), names(&file)), (2, "a,b".to_owned()));
    }
}
