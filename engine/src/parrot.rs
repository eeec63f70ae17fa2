//! An engine that follows a script, for the stories of the house.
//!
//! It loads at once (or refuses the files that it is told to), keeps what it is asked, and answers when the
//! story says so. Deliberately absent: time; the story owns the clock.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hob_core::{
    prompt::{Finish, Prompt, PromptId, TokenCount},
    units::Micros,
};

use crate::api::{Answer, Event, Events, Gauges, Head, Heads, LoadError, Spec, ThinkError, Vectors};

/// The engine that the house gets.
#[derive(Clone, Default)]
pub struct Parrot(Arc<Mutex<Cage>>);

/// The story's side of it.
#[derive(Clone)]
pub struct ParrotHandle(Arc<Mutex<Cage>>);

#[derive(Default)]
struct Cage {
    loaded: Vec<PathBuf>,
    broken: Vec<PathBuf>,
    asked: VecDeque<(Prompt, Shared)>,
    /// Until when work is noted.
    noted: Micros,
    cancelled: Vec<PromptId>,
}

/// What a head shares with the prompts it holds.
#[derive(Clone)]
struct Shared {
    events: Arc<Mutex<Events>>,
    gauges: Arc<dyn Gauges>,
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cage {
    /// What was done since the last time was done for this prompt.
    fn note(&mut self, id: &PromptId, shared: &Shared) {
        let now = shared.gauges.now();
        shared.gauges.work(self.noted, now, &[(id, 1)]);
        self.noted = now;
    }
}

impl Parrot {
    /// A parrot and the handle to it.
    #[must_use]
    pub fn new() -> (Self, ParrotHandle) {
        let parrot = Self::default();
        let handle = ParrotHandle(Arc::clone(&parrot.0));
        (parrot, handle)
    }
}

impl ParrotHandle {
    /// From now on this file does not load.
    pub fn break_file(&self, file: &Path) {
        lock(&self.0).broken.push(file.to_owned());
    }

    /// All files that were loaded, in order.
    #[must_use]
    pub fn loaded(&self) -> Vec<PathBuf> {
        lock(&self.0).loaded.clone()
    }

    /// Prompts in hand, oldest first.
    #[must_use]
    pub fn in_hand(&self) -> Vec<PromptId> {
        lock(&self.0).asked.iter().map(|(prompt, _)| prompt.id.clone()).collect()
    }

    /// What it was given with the oldest prompt in hand.
    #[must_use]
    pub fn oldest(&self) -> Option<Prompt> {
        lock(&self.0).asked.front().map(|(prompt, _)| prompt.clone())
    }

    /// Prompts that were to be cancelled.
    #[must_use]
    pub fn cancelled(&self) -> Vec<PromptId> {
        lock(&self.0).cancelled.clone()
    }

    /// Says a piece of the oldest prompt's answer.
    pub fn say(&self, text: &str) {
        let oldest = lock(&self.0).asked.front().cloned();
        if let Some((prompt, shared)) = oldest {
            let piece = Event::Piece { id: prompt.id, text: text.to_owned() };
            (lock(&shared.events))(piece);
        }
    }

    /// Answers the oldest prompt, if there is one. Its work is all since it, or the one before it, came in hand.
    pub fn answer(&self, text: &str, finish: Finish) {
        let Some((prompt, shared)) = lock(&self.0).asked.pop_front() else { return };
        lock(&self.0).note(&prompt.id, &shared);
        let words = u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX);
        let answer = Answer {
            text: text.to_owned(),
            finish,
            tokens: TokenCount { prompt: 1, cached: 0, completion: words },
            prefill: Micros::ZERO,
            decode: Micros::ZERO,
            first_token: Some(Micros::ZERO),
        };
        (lock(&shared.events))(Event::Answered { id: prompt.id, answer });
    }

    /// Fails the oldest prompt, if there is one.
    pub fn fail(&self, error: ThinkError) {
        let Some((prompt, shared)) = lock(&self.0).asked.pop_front() else { return };
        lock(&self.0).note(&prompt.id, &shared);
        let event = Event::Failed { id: prompt.id, error };
        (lock(&shared.events))(event);
    }
}

impl Heads for Parrot {
    fn load(
        &self,
        spec: &Spec,
        gauges: Arc<dyn Gauges>,
        events: Events,
        mut progress: Box<dyn FnMut(u8) + Send>,
    ) -> Result<Box<dyn Head>, LoadError> {
        let mut cage = lock(&self.0);
        if cage.broken.contains(&spec.file) {
            return Err(LoadError::Refused { file: spec.file.display().to_string(), why: "the script says so".into() });
        }
        progress(100);
        cage.loaded.push(spec.file.clone());
        Ok(Box::new(ParrotHead { cage: Arc::clone(&self.0), shared: Shared { events: Arc::new(Mutex::new(events)), gauges } }))
    }
}

struct ParrotHead {
    cage: Arc<Mutex<Cage>>,
    shared: Shared,
}

impl Head for ParrotHead {
    fn think(&self, prompt: Prompt, _waited: Micros) -> Result<(), ThinkError> {
        let mut cage = lock(&self.cage);
        if cage.asked.is_empty() {
            cage.noted = self.shared.gauges.now();
        }
        cage.asked.push_back((prompt, self.shared.clone()));
        Ok(())
    }

    fn cancel(&self, id: PromptId) {
        let mut cage = lock(&self.cage);
        cage.cancelled.push(id.clone());
        let found = cage.asked.iter().position(|(prompt, _)| prompt.id == id).and_then(|place| cage.asked.remove(place));
        drop(cage);
        if found.is_some() {
            self.close(id, Finish::Cancelled);
        }
    }

    fn embed(&self, id: PromptId, texts: Vec<String>) -> Result<(), ThinkError> {
        let vectors = texts.iter().map(|_| vec![1.0, 0.0]).collect();
        let vectors = Vectors { vectors, tokens: 1, took: Micros::ZERO };
        (lock(&self.shared.events))(Event::Embedded { id, vectors });
        Ok(())
    }
}

impl ParrotHead {
    fn close(&self, id: PromptId, finish: Finish) {
        lock(&self.cage).note(&id, &self.shared);
        let answer = Answer::nothing(finish);
        (lock(&self.shared.events))(Event::Answered { id, answer });
    }
}

impl Drop for ParrotHead {
    fn drop(&mut self) {
        let left: Vec<PromptId> = lock(&self.cage).asked.drain(..).map(|(prompt, _)| prompt.id).collect();
        for id in left {
            self.close(id, Finish::Closing);
        }
    }
}
