//! The journal's tables as operations, each a part of a transaction that the writer begins and commits.
//!
//! Promises: the first final message stays; an id is one prompt for as long as it is kept; what has not arrived is
//! never removed; the quota is checked where the row is written.
//! Deliberately absent: committing, retrying and threads (`writer`); opening and repairing (`schema`, `repair`).

use std::collections::BTreeSet;

use hob_core::units::{Bytes, Micros};
use rusqlite::{Connection, Error, OptionalExtension, Row, ffi, params};

use crate::ask::{Ago, Ask, Begun, Entry, Limits, Place, Settled, Stamp, State, Taken};
use crate::clock::{Boot, Boots, signed};
use crate::sum::sum;
use crate::trouble::Trouble;

/// What is known without asking the disk; put back as it was when a transaction fails.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) boots: Boots,
    /// Prompts and bytes whose final message has not arrived.
    pub(crate) open_rows: u64,
    pub(crate) open_bytes: u64,
    /// Handed out to be sent and not acknowledged.
    in_flight: BTreeSet<i64>,
}

/// The open file.
pub(crate) struct Store {
    connection: Connection,
    limits: Limits,
    pub(crate) known: Known,
}

type Done<T> = Result<T, Trouble>;

impl Store {
    /// Reads what must be known from the tables, and enters this boot.
    pub(crate) fn new(connection: Connection, limits: Limits, boot: &str) -> Done<Self> {
        connection.execute("INSERT INTO boot (name, last) VALUES (?1, 0) ON CONFLICT (name) DO NOTHING", [boot])?;
        let mut store = Self { connection, limits, known: Known::default() };
        store.known.boots = store.boots(boot)?;
        (store.known.open_rows, store.known.open_bytes) = store.count()?;
        Ok(store)
    }

    fn boots(&self, current: &str) -> Done<Boots> {
        let mut boots = self.connection.prepare("SELECT key, zero, last FROM boot ORDER BY name = ?1, key")?;
        let boots = boots.query_map([current], |row| Ok(Boot { key: row.get(0)?, zero: row.get(1)?, last: row.get(2)? }))?;
        Ok(Boots(boots.collect::<Result<_, _>>()?))
    }

    /// Keeps what is in flight over a reopening: those messages are still on the wire.
    pub(crate) fn resume(&mut self, before: Known) {
        self.known.in_flight = before.in_flight;
    }

    fn count(&self) -> Done<(u64, u64)> {
        let sql = "SELECT count(*), coalesce(sum(length(CAST(id AS BLOB)) + length(body) + iif(state < 2, ?1, 0)), 0) FROM prompt WHERE state < 3";
        let room = i64::try_from(self.limits.answer.0).unwrap_or(i64::MAX);
        let (rows, bytes): (i64, i64) = self.connection.query_row(sql, [room], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((rows.try_into().unwrap_or(0), bytes.try_into().unwrap_or(0)))
    }

    /// Begins, ends or undoes a transaction.
    pub(crate) fn say(&self, sql: &str) -> Done<()> {
        Ok(self.connection.execute_batch(sql)?)
    }

    /// Proves that a write reaches the disk; remembers how far this boot has come.
    pub(crate) fn beat(&mut self, now: Micros) -> Done<()> {
        let Some(here) = self.known.boots.0.last_mut() else { return Ok(()) };
        here.last = here.last.max(signed(now));
        self.connection.execute("UPDATE boot SET last = ?2 WHERE key = ?1", [here.key, here.last])?;
        Ok(())
    }

    /// Learns the civil clock where it is news, which dates all stamps of this boot.
    fn stamp(&mut self, now: Stamp) -> Done<(i64, i64)> {
        if let Some(zero) = self.known.boots.news(now) {
            self.connection.execute("UPDATE boot SET zero = ?2 WHERE key = ?1", [self.here(), zero])?;
            if let Some(here) = self.known.boots.0.last_mut() {
                here.zero = Some(zero);
            }
        }
        Ok((self.here(), signed(now.mono)))
    }

    fn here(&self) -> i64 {
        self.known.boots.0.last().map_or(0, |boot| boot.key)
    }

    fn find(&self, id: &str) -> Done<Option<(i64, i64, u32, u64)>> {
        let sql = "SELECT place, state, attempts, length(body) FROM prompt WHERE id = ?1";
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)?.try_into().unwrap_or(0)));
        Ok(self.connection.prepare_cached(sql)?.query_row([id], read).optional()?)
    }

    pub(crate) fn take_in(&mut self, ask: &Ask) -> Done<Taken> {
        match self.find(&ask.id)? {
            Some((place, ..=2, ..)) => return Ok(Taken::Waiting(Place(place))),
            Some((place, ..)) => {
                let sql = "SELECT sum - state, body FROM prompt WHERE place = ?1";
                return Ok(Taken::Answered(self.connection.query_row(sql, [place], |row| body(row, 0, &ask.id))?));
            }
            None => {}
        }
        let bytes = size(ask.id.len(), ask.body.len()).saturating_add(self.limits.answer.0);
        let full = self.known.open_bytes.saturating_add(bytes) > self.limits.open_bytes.0;
        if full || self.known.open_rows >= self.limits.open_rows {
            return Ok(Taken::Full);
        }
        let (boot, mono) = self.stamp(ask.now)?;
        let sql = "INSERT INTO prompt (id, state, attempts, boot, came, span, sum, body) VALUES (?1, 0, 0, ?2, ?3, ?4, ?5, ?6)";
        self.connection.prepare_cached(sql)?.execute(params![
            ask.id,
            boot,
            mono,
            ask.left.map(signed),
            sum(&ask.id, &ask.body),
            ask.body
        ])?;
        self.known.open_rows = self.known.open_rows.saturating_add(1);
        self.known.open_bytes = self.known.open_bytes.saturating_add(bytes);
        Ok(Taken::New(Place(self.connection.last_insert_rowid())))
    }

    pub(crate) fn begin(&mut self, id: &str) -> Done<Begun> {
        let Some((place, ..2, attempts, _)) = self.find(id)? else { return Ok(Begun::Over) };
        if attempts >= self.limits.attempts {
            return Ok(Begun::Poison);
        }
        let sql = "UPDATE prompt SET sum = sum - state + 1, state = 1, attempts = attempts + 1 WHERE place = ?1";
        self.connection.prepare_cached(sql)?.execute([place])?;
        Ok(Begun::Run(attempts.saturating_add(1)))
    }

    pub(crate) fn put_back(&mut self, id: &str) -> Done<()> {
        let sql = "UPDATE prompt SET sum = sum - state, state = 0, attempts = max(attempts - 1, 0) WHERE id = ?1 AND state = 1";
        self.connection.prepare_cached(sql)?.execute([id])?;
        Ok(())
    }

    pub(crate) fn settle(&mut self, id: &str, body: &[u8], now: Stamp) -> Done<Settled> {
        let (place, before) = match self.find(id)? {
            Some((place, ..=1, _, before)) => (place, before),
            Some(_) => return Ok(Settled::Already),
            None => return Ok(Settled::Unknown),
        };
        let (boot, mono) = self.stamp(now)?;
        let sql = "UPDATE prompt SET state = 2, ended_boot = ?2, ended = ?3, sum = ?4 + 2, body = ?5 WHERE place = ?1";
        self.connection.prepare_cached(sql)?.execute(params![place, boot, mono, sum(id, body), body])?;
        let freed = before.saturating_add(self.limits.answer.0);
        self.known.open_bytes = self.known.open_bytes.saturating_sub(freed).saturating_add(size(0, body.len()));
        Ok(Settled::Stored)
    }

    pub(crate) fn sent(&mut self, id: &str) -> Done<bool> {
        let Some((place, 2, _, bytes)) = self.find(id)? else { return Ok(false) };
        self.connection
            .prepare_cached("UPDATE prompt SET sum = sum - state + 3, state = 3 WHERE place = ?1")?
            .execute([place])?;
        self.known.in_flight.remove(&place);
        self.known.open_rows = self.known.open_rows.saturating_sub(1);
        self.known.open_bytes = self.known.open_bytes.saturating_sub(bytes.saturating_add(size(id.len(), 0)));
        Ok(true)
    }

    pub(crate) fn next_unsent(&mut self, window: usize, now: Stamp) -> Done<Vec<Entry>> {
        let free = window.saturating_sub(self.known.in_flight.len());
        let mut entries = Vec::new();
        for entry in self.read("state = 2 AND place > ?1", 0, window, now)? {
            if entries.len() < free && self.known.in_flight.insert(entry.place.0) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    pub(crate) fn recall(&mut self) {
        self.known.in_flight.clear();
    }

    pub(crate) fn waiting(&self, after: Place, most: usize, now: Stamp) -> Done<Vec<Entry>> {
        self.read("state < 2 AND place > ?1", after.0, most, now)
    }

    fn read(&self, which: &str, after: i64, most: usize, now: Stamp) -> Done<Vec<Entry>> {
        let sql = format!(
            "SELECT place, id, state, attempts, boot, came, span, ended_boot, ended, sum - state, body FROM prompt
             WHERE state < 3 AND {which} ORDER BY place LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([after, i64::try_from(most).unwrap_or(i64::MAX)], |row| self.entry(row, now))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn entry(&self, row: &Row<'_>, now: Stamp) -> rusqlite::Result<Entry> {
        let came: Ago = self.known.boots.ago(now, row.get(4)?, row.get(5)?);
        let ended = row.get::<_, Option<i64>>(7)?.zip(row.get(8)?);
        let span = row.get::<_, Option<i64>>(6)?.map(|span| Micros(u64::try_from(span).unwrap_or(0)));
        let id: String = row.get(1)?;
        Ok(Entry {
            place: Place(row.get(0)?),
            state: match row.get::<_, i64>(2)? {
                0 => State::Received,
                1 => State::Running,
                2 => State::Answered,
                _ => State::Sent,
            },
            attempts: row.get(3)?,
            came,
            settled: ended.map(|(boot, mono)| self.known.boots.ago(now, boot, mono)),
            left: span.map(|span| span.minus(came.ago)),
            body: body(row, 9, &id)?,
            id,
        })
    }

    /// Forgets finished prompts beyond what is kept, oldest first, and boots that no stamp refers to.
    /// The last place stays taken, so that places only ever rise.
    pub(crate) fn prune(&mut self, now: Stamp) -> Done<u64> {
        self.stamp(now)?;
        self.beat(now.mono)?;
        let sql = "SELECT place, ended_boot, ended, length(body) FROM prompt
                   WHERE state = 3 AND place < (SELECT max(place) FROM prompt) ORDER BY place DESC";
        let mut gone = Vec::new();
        let (mut rows, mut bytes) = (0_u64, 0_u64);
        {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut kept = statement.query([])?;
            while let Some(row) = kept.next()? {
                rows = rows.saturating_add(1);
                bytes = bytes.saturating_add(row.get::<_, i64>(3)?.try_into().unwrap_or(0));
                let ended = row.get::<_, Option<i64>>(1)?.zip(row.get(2)?);
                let old = ended.is_some_and(|(boot, mono)| self.known.boots.ago(now, boot, mono).ago >= self.limits.kept_for);
                if old || rows > self.limits.kept_rows || Bytes(bytes) > self.limits.kept_bytes {
                    gone.push(row.get::<_, i64>(0)?);
                }
            }
        }
        for place in &gone {
            self.connection.prepare_cached("DELETE FROM prompt WHERE place = ?1 AND state = 3")?.execute([place])?;
        }
        if !gone.is_empty() {
            let sql = "DELETE FROM boot WHERE key <> ?1 AND key < (SELECT min(boot) FROM prompt)";
            self.connection.execute(sql, [self.here()])?;
        }
        Ok(gone.len().try_into().unwrap_or(u64::MAX))
    }

    /// Prompts without a final message, and final messages that have not arrived.
    pub(crate) fn tally(&self) -> Done<(u64, u64)> {
        let sql = "SELECT coalesce(sum(state < 2), 0), coalesce(sum(state = 2), 0) FROM prompt WHERE state < 3";
        let (waiting, unsent): (i64, i64) = self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((waiting.try_into().unwrap_or(0), unsent.try_into().unwrap_or(0)))
    }
}

/// The body after the checksum in `column`, if it is the one that was written.
fn body(row: &Row<'_>, column: usize, id: &str) -> rusqlite::Result<Vec<u8>> {
    let body: Vec<u8> = row.get(column.saturating_add(1))?;
    if i64::from(sum(id, &body)) == row.get::<_, i64>(column)? {
        Ok(body)
    } else {
        Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), None))
    }
}

fn size(id: usize, body: usize) -> u64 {
    u64::try_from(id.saturating_add(body)).unwrap_or(u64::MAX)
}
