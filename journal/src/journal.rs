//! The handle: one method a call, each told its outcome through a closure.
//!
//! Promises: no method waits for the disk (but [`Journal::open`], and the drop, which carries out what is queued);
//! each closure is called exactly once, on the writer's thread after the commit, or on the caller's own when refused.
//! A closure should be short and must not panic: send to a channel and return.
//! Deliberately absent: async; a one-shot channel's sender is a fine closure.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use hob_core::units::Bytes;

use crate::ask::{Ask, Begun, Entry, Limits, Place, Settled, Stamp, Taken};
use crate::inbox::{Errand, Inbox};
use crate::schema::Beneath;
use crate::store::Store;
use crate::trouble::{Health, Report, Trouble};
use crate::writer::{Ground, Shared, Writer};

/// The journal. Dropping it carries out what is queued and closes the file.
pub struct Journal {
    shared: Arc<Shared>,
    largest: Bytes,
    writer: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens or makes the journal under `dir`, and checks it. Blocks; a hundred megabytes take a few seconds on an SD card.
    ///
    /// `boot` names what [`Stamp::mono`] counts from: the kernel's boot id with a clock that counts from boot, or a
    /// name made up at each start with one that counts from there.
    ///
    /// # Errors
    ///
    /// Only if no thread can be started. A disk in trouble is in the [`Report`], and passes by itself.
    pub fn open(dir: &Path, boot: &str, limits: Limits) -> std::io::Result<(Self, Report)> {
        Self::open_on(Beneath::default(), dir, boot, limits)
    }

    /// [`Journal::open`] on another file layer.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub fn open_on(beneath: Beneath, dir: &Path, boot: &str, limits: Limits) -> std::io::Result<(Self, Report)> {
        let shared = Arc::new(Shared { inbox: Inbox::new(limits.queue), health: Mutex::default() });
        let ground = Ground { dir: dir.to_owned(), boot: boot.to_owned(), limits, beneath };
        let mut writer = Writer::new(ground, Arc::clone(&shared));
        let opened = writer.open().and_then(|()| writer.store.as_ref().map_or(Ok((0, 0)), Store::tally));
        writer.show(opened.err());
        let (waiting, unsent) = opened.unwrap_or_default();
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run())?;
        let journal = Self { shared, largest: limits.largest, writer: Some(thread) };
        let report = Report { aside: journal.health().asides.pop(), trouble: opened.err(), waiting, unsent };
        Ok((journal, report))
    }

    /// Takes a prompt in, or recognises it.
    pub fn take_in(&self, ask: Ask, told: impl FnOnce(Result<Taken, Trouble>) + Send + 'static) {
        if self.too_large(&ask.id, &ask.body) {
            return told(Err(Trouble::TooLarge));
        }
        self.put(3, false, move |store| store.take_in(&ask), told);
    }

    /// Counts an attempt, before it is made.
    pub fn begin(&self, id: &str, told: impl FnOnce(Result<Begun, Trouble>) + Send + 'static) {
        let id = id.to_owned();
        self.put(4, false, move |store| store.begin(&id), told);
    }

    /// Takes an attempt back that was ended in good order (the daemon closes), so that it does not count.
    pub fn put_back(&self, id: &str, told: impl FnOnce(Result<(), Trouble>) + Send + 'static) {
        let id = id.to_owned();
        self.put(4, true, move |store| store.put_back(&id), told);
    }

    /// Stores the final message of a prompt, whether it was begun or not. Outlasts a disk in trouble.
    pub fn settle(&self, id: &str, body: Vec<u8>, now: Stamp, told: impl FnOnce(Result<Settled, Trouble>) + Send + 'static) {
        if self.too_large(id, &body) {
            return told(Err(Trouble::TooLarge));
        }
        let id = id.to_owned();
        self.put(4, true, move |store| store.settle(&id, &body, now), told);
    }

    /// The oldest final messages that are not in flight; with those that are, no more than `window`.
    /// They count as in flight until [`Journal::sent`] or [`Journal::recall`].
    pub fn next_unsent(&self, window: usize, now: Stamp, told: impl FnOnce(Result<Vec<Entry>, Trouble>) + Send + 'static) {
        self.put(4, false, move |store| store.next_unsent(window, now), told);
    }

    /// The broker has acknowledged it; false: it was not waiting for that. Outlasts a disk in trouble.
    pub fn sent(&self, id: &str, told: impl FnOnce(Result<bool, Trouble>) + Send + 'static) {
        let id = id.to_owned();
        self.put(4, true, move |store| store.sent(&id), told);
    }

    /// Nothing is in flight any more: the link was lost. Call it at each new connection.
    pub fn recall(&self, told: impl FnOnce(Result<(), Trouble>) + Send + 'static) {
        let recall = |store: &mut Store| {
            store.recall();
            Ok(())
        };
        self.put(4, true, recall, told);
    }

    /// Up to `most` prompts without a final message, in order of arrival, from the one after `after`.
    /// After a restart, from [`Place`] zero on: those that were begun have their state and attempts.
    pub fn waiting(
        &self,
        after: Place,
        most: usize,
        now: Stamp,
        told: impl FnOnce(Result<Vec<Entry>, Trouble>) + Send + 'static,
    ) {
        self.put(4, false, move |store| store.waiting(after, most, now), told);
    }

    /// Forgets what is no longer kept, and takes note of the time; tells how many prompts. Call it about every minute,
    /// and once as soon as the civil clock is known.
    pub fn prune(&self, now: Stamp, told: impl FnOnce(Result<u64, Trouble>) + Send + 'static) {
        self.put(4, false, move |store| store.prune(now), told);
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn too_large(&self, id: &str, body: &[u8]) -> bool {
        u64::try_from(id.len().saturating_add(body.len())).unwrap_or(u64::MAX) > self.largest.0
    }

    fn put<T: Send + 'static>(
        &self,
        share: usize,
        stays: bool,
        work: impl FnMut(&mut Store) -> Result<T, Trouble> + Send + 'static,
        told: impl FnOnce(Result<T, Trouble>) + Send + 'static,
    ) {
        self.shared.inbox.put(Box::new(Errand { work, made: None, told, stays }), share);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.inbox.close();
        if let Some(writer) = self.writer.take() {
            // The writer ends after its last call; that it panicked was told to every call already.
            drop(writer.join());
        }
    }
}
