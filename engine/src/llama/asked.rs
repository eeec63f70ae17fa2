//! Prompts that were taken in: how many they are, and the way to take one back.
//!
//! Promises: a prompt that is taken back is marked at once, wherever it is by then; there are never more
//! prompts in hand than the bound.
//!
//! Deliberately absent: the thread; the mark is read there before each step.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicBool, Ordering},
};

use hob_core::{
    prompt::{Finish, Prompt, PromptId},
    units::Micros,
};

use crate::api::ThinkError;

/// A prompt that waits for a slot, or sits in one.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) prompt: Arc<Prompt>,
    /// How long it has waited so far.
    pub(super) waited: Micros,
    /// When that was.
    pub(super) since: Micros,
    back: Arc<AtomicBool>,
}

impl Asked {
    /// Whether the asker took it back.
    pub(super) fn taken_back(&self) -> bool {
        self.back.load(Ordering::Relaxed)
    }

    /// Why it has to end while it still waits, if it has to.
    pub(super) fn over(&self, now: Micros) -> Option<Finish> {
        if self.taken_back() {
            Some(Finish::Cancelled)
        } else {
            self.deadline().filter(|&deadline| now >= deadline).map(|_| Finish::Deadline)
        }
    }

    /// The moment at which its answer has to end.
    pub(super) fn deadline(&self) -> Option<Micros> {
        self.prompt.deadline.map(|deadline| self.since.plus(deadline.micros().minus(self.waited)))
    }
}

/// All prompts in hand.
#[derive(Debug)]
pub(super) struct Register {
    most: usize,
    /// A mark lives as long as its prompt is in hand.
    marks: Mutex<Vec<(PromptId, Weak<AtomicBool>)>>,
}

impl Register {
    pub(super) fn new(most: usize) -> Self {
        Self { most, marks: Mutex::default() }
    }

    /// Enters a prompt.
    ///
    /// # Errors
    ///
    /// [`ThinkError::Full`] past the bound.
    pub(super) fn admit(&self, prompt: Prompt, waited: Micros) -> Result<Asked, ThinkError> {
        let mut marks = self.marks();
        marks.retain(|(_, mark)| mark.strong_count() > 0);
        if marks.len() >= self.most {
            return Err(ThinkError::Full);
        }
        let back = Arc::new(AtomicBool::new(false));
        marks.push((prompt.id.clone(), Arc::downgrade(&back)));
        Ok(Asked { prompt: Arc::new(prompt), waited, since: Micros::ZERO, back })
    }

    /// Marks a prompt; unknown ids are ignored.
    pub(super) fn take_back(&self, id: &PromptId) {
        for (_, mark) in self.marks().iter().filter(|(known, _)| known == id) {
            if let Some(mark) = mark.upgrade() {
                mark.store(true, Ordering::Relaxed);
            }
        }
    }

    fn marks(&self) -> MutexGuard<'_, Vec<(PromptId, Weak<AtomicBool>)>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
