//! The one thread that writes: gathers calls, commits them together, tells each one after the commit.
//!
//! When the disk is in trouble it lets go of the file, refuses what can be done over, keeps what cannot, and tries
//! again after a pause that doubles. It comes back by itself.
//!
//! Promises: an outcome is told after its commit is on the disk; calls are carried out in the order they came.
//! Deliberately absent: what the calls do (`store`).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hob_core::units::{Bytes, Micros};

use crate::ask::Limits;
use crate::inbox::{Call, Inbox};
use crate::repair;
use crate::schema::Beneath;
use crate::store::{Known, Store};
use crate::trouble::{Health, Trouble};

/// Where the journal is, and by which rules.
pub(crate) struct Ground {
    pub(crate) dir: PathBuf,
    pub(crate) boot: String,
    pub(crate) limits: Limits,
    pub(crate) beneath: Beneath,
}

/// What the handle and the writer share.
pub(crate) struct Shared {
    pub(crate) inbox: Inbox,
    pub(crate) health: Mutex<Health>,
}

/// The thread's own.
pub(crate) struct Writer {
    pub(crate) ground: Ground,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Option<Store>,
    known: Known,
    /// How often the file was found damaged since the last commit.
    damaged: u32,
}

/// However the thread ends, calls are told.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        let mut calls = Vec::new();
        self.0.inbox.close();
        self.0.inbox.more(&mut calls);
        for call in calls {
            call.tell(Err(Trouble::Closed));
        }
    }
}

impl Writer {
    pub(crate) fn new(ground: Ground, shared: Arc<Shared>) -> Self {
        Self { ground, shared, store: None, known: Known::default(), damaged: 0 }
    }

    /// Opens the file; what was in flight stays so.
    pub(crate) fn open(&mut self) -> Result<(), Trouble> {
        self.store = None; // lets go of the file first
        let opened = repair::open(&self.ground.dir, &self.ground.beneath, self.damaged > 1);
        let (connection, aside) = opened?;
        if let Some(aside) = aside {
            self.health(|health| health.asides.push(aside));
        }
        let mut store = Store::new(connection, self.ground.limits, &self.ground.boot)?;
        store.resume(std::mem::take(&mut self.known));
        self.known = store.known.clone();
        self.store = Some(store);
        Ok(())
    }

    /// Sets what `health` shows and `inbox` goes by.
    pub(crate) fn show(&mut self, trouble: Option<Trouble>) {
        self.damaged = self.damaged.saturating_add(u32::from(trouble == Some(Trouble::Damaged)));
        self.shared.inbox.set(trouble);
        self.health(|health| {
            health.trouble = trouble;
            health.open_rows = self.known.open_rows;
            health.open_bytes = Bytes(self.known.open_bytes);
        });
    }

    fn health(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.shared.health.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Runs until the journal is closed and everything in it is told.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _closing = Closing(Arc::clone(&shared));
        let gather = Duration::from_micros(self.ground.limits.gather.0);
        let mut trouble = shared.inbox.trouble();
        loop {
            let mut calls = Vec::new();
            if trouble.is_none() {
                calls = shared.inbox.take(gather);
                if calls.is_empty() {
                    return;
                }
                trouble = self.carry_out(&mut calls).err();
            }
            if trouble.is_some() {
                trouble = self.sit_out(&mut calls).err();
                if trouble.is_some() {
                    return; // closed meanwhile
                }
            }
            shared.inbox.empty_handed();
        }
    }

    /// Commits `calls` as one and tells them; on trouble those that stay are left, the others are told.
    fn carry_out(&mut self, calls: &mut Vec<Box<dyn Call>>) -> Result<(), Trouble> {
        match self.commit(calls) {
            Ok(()) => {
                self.show(None);
                calls.drain(..).for_each(|call| call.tell(Ok(())));
                Ok(())
            }
            Err(trouble) => {
                self.show(Some(trouble));
                let (stay, go): (Vec<_>, Vec<_>) = calls.drain(..).partition(|call| call.stays());
                *calls = stay;
                for call in go {
                    call.tell(Err(trouble));
                }
                Err(trouble)
            }
        }
    }

    fn commit(&mut self, calls: &mut [Box<dyn Call>]) -> Result<(), Trouble> {
        let Some(store) = &mut self.store else { return Err(Trouble::Closed) };
        let begun = store.say("BEGIN IMMEDIATE");
        let worked = begun.and_then(|()| calls.iter_mut().try_for_each(|call| call.work(store)));
        let committed = worked.and_then(|()| store.say("COMMIT"));
        if committed.is_ok() {
            self.known = store.known.clone();
            self.damaged = 0;
        } else {
            self.store = None; // rolls back; whatever the file was left in is read anew
        }
        committed
    }

    /// Tries again and again, until it works or the journal is closed.
    fn sit_out(&mut self, calls: &mut Vec<Box<dyn Call>>) -> Result<(), Trouble> {
        let (mut pause, longest) = self.ground.limits.back_off;
        loop {
            let goes_on = self.shared.inbox.pause(Duration::from_micros(pause.0));
            pause = pause.plus(pause).min(longest);
            self.shared.inbox.more(calls);
            let tried = self.open().and_then(|()| self.probe()).and_then(|()| self.carry_out(calls));
            let Err(trouble) = tried else { return Ok(()) };
            self.show(Some(trouble));
            if !goes_on {
                calls.drain(..).for_each(|call| call.tell(Err(trouble)));
                return Err(trouble);
            }
        }
    }

    /// A disk that can be read may still not take a write.
    fn probe(&mut self) -> Result<(), Trouble> {
        self.store.as_mut().ok_or(Trouble::Closed)?.beat(Micros(0))
    }
}
