//! What the engine's tests share: where the model lies, a scripted clock and odometer, and a head whose
//! events can be waited for.
//!
//! Promise: nothing here depends on time; a test waits for events only.
#![allow(dead_code, reason = "every test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests may"
)]

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, sync_channel},
    },
};

use hob_core::{
    prompt::{LevelWish, Message, Priority, Prompt, PromptId, Role, Sampling, Shape},
    units::{Microjoules, Micros},
};
use hob_engine::{Answer, Event, Gauges, Head, Heads, Llama, LoadError, Spec, ThinkError};

/// The default model, as scripts/get-model puts it.
pub(crate) fn model() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from);
    let shelf = std::env::var_os("HOB_SHELF__DIR").map_or_else(|| cache.join("hob/shelf"), PathBuf::from);
    let file = shelf.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(file.is_file(), "{} is missing: run scripts/get-model first", file.display());
    file
}

/// The default model in a small room: quick to load.
pub(crate) fn spec() -> Spec {
    small(model())
}

/// Any model in a small room.
pub(crate) fn small(file: PathBuf) -> Spec {
    Spec { slots: 2, context: 384, batch: 64, threads: 1, ..Spec::new(file) }
}

/// What happened on the head's thread, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happened {
    /// A step was computed, or texts were.
    Worked { from: Micros, to: Micros, shares: Vec<(String, u32)> },
    /// A piece was said.
    Said(String),
    /// A prompt ended.
    Ended(String),
}

/// A clock that stands still unless told, and a joule a token.
#[derive(Debug, Default)]
pub(crate) struct Script {
    now: AtomicU64,
    /// How far the clock goes on with every look at it, in microseconds.
    pub(crate) tick: AtomicU64,
    pub(crate) log: Mutex<Vec<Happened>>,
}

impl Script {
    pub(crate) fn pass(&self, span: Micros) {
        self.now.fetch_add(span.0, Ordering::SeqCst);
    }

    pub(crate) fn happened(&self) -> Vec<Happened> {
        self.log.lock().unwrap().clone()
    }
}

impl Gauges for Script {
    fn now(&self) -> Micros {
        Micros(self.now.fetch_add(self.tick.load(Ordering::SeqCst), Ordering::SeqCst))
    }

    fn work(&self, from: Micros, to: Micros, shares: &[(&PromptId, u32)]) {
        let shares = shares.iter().map(|(id, tokens)| (id.to_string(), *tokens)).collect();
        self.log.lock().unwrap().push(Happened::Worked { from, to, shares });
    }

    /// A joule a token.
    fn spent(&self, id: &PromptId) -> Microjoules {
        let tokens = |happened: &Happened| match happened {
            Happened::Worked { shares, .. } => {
                shares.iter().filter(|(who, _)| who == id.as_str()).map(|(_, tokens)| u64::from(*tokens)).sum()
            }
            _ => 0,
        };
        Microjoules(self.happened().iter().map(tokens).sum::<u64>() * 1_000_000)
    }
}

/// How a prompt ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Answered(Answer),
    Failed(ThinkError),
}

impl End {
    pub(crate) fn answer(self) -> Answer {
        match self {
            Self::Answered(answer) => answer,
            Self::Failed(error) => panic!("no answer: {error}"),
        }
    }

    pub(crate) fn error(self) -> ThinkError {
        match self {
            Self::Answered(answer) => panic!("answered: {answer:?}"),
            Self::Failed(error) => error,
        }
    }
}

/// A loaded model. The events come first, so that they are dropped first and never block the end.
pub(crate) struct Room {
    pub(crate) events: Receiver<Event>,
    pub(crate) script: Arc<Script>,
    pub(crate) head: Box<dyn Head>,
}

impl Room {
    /// With events that do not wait to be heard.
    pub(crate) fn load(spec: &Spec) -> Result<Self, LoadError> {
        Self::with_queue(spec, 100_000)
    }

    /// With a head that goes on only when its last event was heard.
    pub(crate) fn in_step(spec: &Spec) -> Self {
        Self::with_queue(spec, 0).unwrap()
    }

    fn with_queue(spec: &Spec, queue: usize) -> Result<Self, LoadError> {
        let script = Arc::new(Script::default());
        let (tell, events) = sync_channel(queue);
        let log = Arc::clone(&script);
        let told = move |event: Event| {
            let happened = match &event {
                Event::Piece { id, .. } => Happened::Said(id.to_string()),
                Event::Answered { id, .. } | Event::Failed { id, .. } | Event::Embedded { id, .. } => {
                    Happened::Ended(id.to_string())
                }
            };
            log.log.lock().unwrap().push(happened);
            let _ = tell.send(event);
        };
        let head = Llama.load(spec, Arc::clone(&script) as Arc<dyn Gauges>, Box::new(told), Box::new(|_| {}))?;
        Ok(Self { events, script, head })
    }

    pub(crate) fn think(&self, prompt: Prompt) {
        self.head.think(prompt, Micros::ZERO).unwrap();
    }

    /// Asks and waits; checks on the way that the pieces are the whole.
    pub(crate) fn ask(&self, prompt: Prompt) -> End {
        let id = prompt.id.clone();
        self.think(prompt);
        let mut ends = self.ends(1);
        assert_eq!(ends[0].0, id.to_string());
        ends.remove(0).1
    }

    pub(crate) fn answer(&self, prompt: Prompt) -> Answer {
        self.ask(prompt).answer()
    }

    /// Waits for so many prompts to end; in the order in which they do.
    pub(crate) fn ends(&self, count: usize) -> Vec<(String, End)> {
        let mut said: Vec<(PromptId, String)> = Vec::new();
        let mut ends = Vec::new();
        while ends.len() < count {
            match self.events.recv().expect("the head lives") {
                Event::Piece { id, text } => {
                    assert!(!text.is_empty(), "an empty piece says nothing");
                    said.push((id, text));
                }
                Event::Answered { id, answer } => {
                    let whole: String = said.iter().filter(|(whose, _)| *whose == id).map(|(_, text)| text.as_str()).collect();
                    assert!(answer.text.ends_with(&whole), "pieces are the whole: {whole:?} of {:?}", answer.text);
                    ends.push((id.to_string(), End::Answered(answer)));
                }
                Event::Failed { id, error } => ends.push((id.to_string(), End::Failed(error))),
                Event::Embedded { id, .. } => panic!("{id} was not to be embedded"),
            }
        }
        ends
    }

    /// Waits for the next piece of a prompt.
    pub(crate) fn piece(&self, whose: &str) -> String {
        loop {
            match self.events.recv().expect("the head lives") {
                Event::Piece { id, text } if id.as_str() == whose => return text,
                Event::Piece { .. } => {}
                other => panic!("instead of a piece: {other:?}"),
            }
        }
    }
}

/// A question without a system prompt (SmolLM2 would add its own), greedy.
pub(crate) fn ask(id: &str, text: &str) -> Prompt {
    talk(id, &[(Role::System, ""), (Role::User, text)])
}

/// A conversation.
pub(crate) fn talk(id: &str, turns: &[(Role, &str)]) -> Prompt {
    Prompt {
        id: PromptId::new(id).unwrap(),
        messages: turns.iter().map(|(role, content)| Message { role: *role, content: (*content).into() }).collect(),
        model: None,
        level: LevelWish::Auto,
        sampling: Sampling::default(),
        shape: Shape::Free,
        stop: vec![],
        max_tokens: 48,
        deadline: None,
        max_energy: None,
        min_quality: None,
        priority: Priority::Normal,
    }
}

/// A text of about so many tokens that are not alike.
pub(crate) fn long(words: usize) -> String {
    const WORDS: [&str; 7] = ["river", "stone", "window", "seven", "garden", "paper", "light"];
    (0..words).map(|at| WORDS[(at * at + at / 7) % 7]).collect::<Vec<_>>().join(" ")
}
