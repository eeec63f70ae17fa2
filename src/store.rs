//! Which ids have been seen, and what was answered to them.
//!
//! ```text
//! take_in(id) ─▶ New ─▶ … ─▶ settle(id, reply)       the same id again ─▶ Waiting, or Done(reply)
//! ```
//!
//! Promises: bounded in number and bytes, the oldest answers leave first; a prompt that waits is never forgotten.
//! Deliberately absent: a disk. What is in here is lost with the process; the durable journal takes this place.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use hob_core::prompt::PromptId;

/// Answers kept for repeated ids.
const MAX_ANSWERS: usize = 1_000;
/// Bytes of them.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A final message, ready to be said again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Final {
    /// The payload, with `duplicate` set.
    pub payload: Vec<u8>,
    /// The level that answered, if one did.
    pub level: Option<String>,
}

/// Whether an id is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Never seen, or forgotten: it is noted as waiting now.
    New,
    /// It waits, or is being answered.
    Waiting,
    /// It was answered.
    Done(Final),
}

/// The store; shared by intake and outbox.
#[derive(Debug, Default)]
pub struct Store(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    ids: HashMap<PromptId, Option<Final>>,
    /// Answered ids, oldest first.
    order: VecDeque<PromptId>,
    bytes: usize,
}

impl Store {
    /// Asks about an id, and notes it if it is new.
    pub fn take_in(&self, id: &PromptId) -> Seen {
        let mut inner = self.lock();
        match inner.ids.get(id) {
            Some(Some(answer)) => Seen::Done(answer.clone()),
            Some(None) => Seen::Waiting,
            None => {
                inner.ids.insert(id.clone(), None);
                Seen::New
            }
        }
    }

    /// What was answered, if it was.
    #[must_use]
    pub fn answer(&self, id: &PromptId) -> Option<Final> {
        self.lock().ids.get(id).cloned().flatten()
    }

    /// Whether it was taken in and not answered yet.
    #[must_use]
    pub fn waits(&self, id: &PromptId) -> bool {
        self.lock().ids.get(id).is_some_and(Option::is_none)
    }

    /// Keeps the final message of an id that was taken in.
    pub fn settle(&self, id: &PromptId, answer: Final) {
        let mut inner = self.lock();
        inner.bytes += answer.payload.len();
        if let Some(Some(before)) = inner.ids.insert(id.clone(), Some(answer)) {
            inner.bytes -= before.payload.len();
        } else {
            inner.order.push_back(id.clone());
        }
        while inner.order.len() > MAX_ANSWERS || (inner.bytes > MAX_BYTES && inner.order.len() > 1) {
            let Some(oldest) = inner.order.pop_front() else { break };
            if let Some(Some(gone)) = inner.ids.remove(&oldest) {
                inner.bytes -= gone.payload.len();
            }
        }
    }

    /// An id that is worth another try: it is new the next time.
    pub fn forget(&self, id: &PromptId) {
        let mut inner = self.lock();
        if let Some(None) = inner.ids.get(id) {
            inner.ids.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> PromptId {
        PromptId::new(format!("p{number}")).unwrap()
    }

    fn reply(bytes: usize) -> Final {
        Final { payload: vec![b'x'; bytes], level: None }
    }

    #[test]
    fn an_id_is_new_then_waits_then_is_done() {
        let store = Store::default();
        assert_eq!(store.take_in(&id(1)), Seen::New);
        assert_eq!(store.take_in(&id(1)), Seen::Waiting);
        store.settle(&id(1), reply(3));
        assert_eq!(store.take_in(&id(1)), Seen::Done(reply(3)));
    }

    #[test]
    fn a_refused_id_may_come_again_and_an_answered_one_is_kept() {
        let store = Store::default();
        store.take_in(&id(1));
        store.forget(&id(1));
        assert_eq!(store.take_in(&id(1)), Seen::New);
        store.settle(&id(1), reply(1));
        store.forget(&id(1));
        assert_eq!(store.take_in(&id(1)), Seen::Done(reply(1)));
    }

    #[test]
    fn the_oldest_answers_leave_first_and_the_waiting_never() {
        let store = Store::default();
        store.take_in(&id(9_999));
        for number in 0..=MAX_ANSWERS {
            store.take_in(&id(number));
            store.settle(&id(number), reply(1));
        }
        assert_eq!(store.take_in(&id(0)), Seen::New);
        assert_eq!(store.take_in(&id(1)), Seen::Done(reply(1)));
        assert_eq!(store.take_in(&id(9_999)), Seen::Waiting);
        store.settle(&id(9_999), reply(MAX_BYTES + 1));
        assert_eq!(store.take_in(&id(2)), Seen::New, "a large one drives the small ones out");
        assert!(matches!(store.take_in(&id(9_999)), Seen::Done(_)), "but not itself");
    }
}
