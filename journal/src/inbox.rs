//! The queue of calls that wait for the disk.
//!
//! Promises: it has a bound; nobody who puts a call in waits; each call is told its outcome exactly once, also when
//! it is refused or the journal is closed.
//! Deliberately absent: what the calls do (`journal`), and the disk (`writer`).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::store::Store;
use crate::trouble::Trouble;

/// A call: some work within a transaction, then word of it.
pub(crate) trait Call: Send {
    /// Does the work; is done again if the transaction fails and the call stays.
    fn work(&mut self, store: &mut Store) -> Result<(), Trouble>;
    /// Tells the caller, after the commit is on the disk or in place of it.
    fn tell(self: Box<Self>, outcome: Result<(), Trouble>);
    /// Whether it outlasts a disk in trouble, because its caller could not do it over.
    fn stays(&self) -> bool;
}

/// One kind of [`Call`] for all of them.
pub(crate) struct Errand<T, W, D> {
    pub(crate) work: W,
    pub(crate) made: Option<T>,
    pub(crate) told: D,
    pub(crate) stays: bool,
}

impl<T, W, D> Call for Errand<T, W, D>
where
    T: Send,
    W: FnMut(&mut Store) -> Result<T, Trouble> + Send,
    D: FnOnce(Result<T, Trouble>) + Send,
{
    fn work(&mut self, store: &mut Store) -> Result<(), Trouble> {
        self.made = Some((self.work)(store)?);
        Ok(())
    }

    fn tell(self: Box<Self>, outcome: Result<(), Trouble>) {
        let made = self.made;
        (self.told)(outcome.and_then(|()| made.ok_or(Trouble::Closed)));
    }

    fn stays(&self) -> bool {
        self.stays
    }
}

type Calls = Vec<Box<dyn Call>>;

#[derive(Default)]
struct State {
    calls: Calls,
    /// Calls that the writer still holds.
    held: usize,
    trouble: Option<Trouble>,
    closed: bool,
}

/// Between the callers and the writer.
pub(crate) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
    most: usize,
}

impl Inbox {
    pub(crate) fn new(most: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), most }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a call in, or tells it why not. `share` of the bound, in quarters, is open to it.
    pub(crate) fn put(&self, call: Box<dyn Call>, share: usize) {
        let mut state = self.lock();
        let refused = match state.trouble {
            _ if state.closed => Some(Trouble::Closed),
            Some(trouble) if !call.stays() => Some(trouble),
            _ if (state.calls.len() + state.held) * 4 >= self.most * share => Some(Trouble::Crowded),
            _ => None,
        };
        if let Some(trouble) = refused {
            drop(state);
            call.tell(Err(trouble));
        } else {
            state.calls.push(call);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Waits for calls, then up to `gather` for more; empty only when closed.
    pub(crate) fn take(&self, gather: Duration) -> Calls {
        const BATCH: usize = 64;
        let waits = |state: &mut State| state.calls.is_empty() && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        if !gather.is_zero() {
            let grows = |state: &mut State| state.calls.len() < BATCH && !state.closed;
            state = self.changed.wait_timeout_while(state, gather, grows).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.held = state.calls.len();
        std::mem::take(&mut state.calls)
    }

    /// What came in meanwhile, without waiting.
    pub(crate) fn more(&self, calls: &mut Calls) {
        let mut state = self.lock();
        calls.append(&mut state.calls);
        state.held = calls.len();
    }

    /// Waits for `span` to pass; false as soon as the journal is closed.
    pub(crate) fn pause(&self, span: Duration) -> bool {
        let state = self.changed.wait_timeout_while(self.lock(), span, |state| !state.closed);
        !state.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// The writer has told all it held.
    pub(crate) fn empty_handed(&self) {
        self.lock().held = 0;
    }

    /// From now on calls that do not stay are refused; or no longer.
    pub(crate) fn set(&self, trouble: Option<Trouble>) {
        self.lock().trouble = trouble;
    }

    /// What keeps calls out.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.lock().trouble
    }

    /// No more calls; those inside are still carried out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}
