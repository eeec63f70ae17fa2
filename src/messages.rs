//! What the tasks hand to each other.
//!
//! Deliberately absent: channels (`house` makes them), bytes on the wire (`hob-wire`).

use hob_core::{
    accounts::Bill,
    policy::{Asked, Predicted},
    prompt::{Prompt, PromptId},
    units::Micros,
};
use hob_engine::{Answer, Vectors};
use hob_wire::{
    event::MeterCode,
    properties::Properties,
    reply::Fault,
    request::{EmbedAsk, ReplyRoute},
    state::{Info, LevelState, Why},
};

/// Confirms to the broker that a message is in safe hands.
pub type Ack = Box<dyn FnOnce() + Send + Sync>;

/// Something came in.
pub struct Arrival {
    /// The topic it came on.
    pub topic: String,
    /// What came.
    pub payload: Vec<u8>,
    /// The broker had kept it: nobody knows since when.
    pub retained: bool,
    /// MQTT 5 properties, as far as there were any.
    pub properties: Properties,
    /// To be called once it is in safe hands.
    pub ack: Ack,
}

/// Something goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Where to.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// At least once (QoS 1); else it may be dropped when the link is down or busy.
    pub sure: bool,
    /// The broker keeps the last one.
    pub retain: bool,
    /// MQTT 5 properties.
    pub properties: Properties,
}

/// A prompt with all that it needs to be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// What is asked.
    pub prompt: Prompt,
    /// Where the answer goes.
    pub route: ReplyRoute,
    /// Whether the id is the asker's own, so that the same id is the same prompt.
    pub dedupe: bool,
    /// When it came.
    pub taken_in: Micros,
    /// After this moment nobody wants it begun any more.
    pub due: Option<Micros>,
}

/// Bytes of UTF-8 that make a token at least, in the prose of most models: to foretell costs, not to bill them.
const BYTES_PER_TOKEN: usize = 3;
/// Tokens that a chat template adds to a message.
const TOKENS_PER_MESSAGE: usize = 6;

impl Ticket {
    /// What of it matters for choosing a level. Its tokens are guessed from its bytes, rather too many than too few.
    #[must_use]
    pub fn asked(&self, now: Micros) -> Asked {
        let tokens = |content: &String| content.len().div_ceil(BYTES_PER_TOKEN).saturating_add(TOKENS_PER_MESSAGE);
        let prompt_tokens = self.prompt.messages.iter().map(|message| tokens(&message.content)).fold(0, usize::saturating_add);
        let waited = now.minus(self.taken_in).millis();
        Asked {
            prompt_tokens: u32::try_from(prompt_tokens).unwrap_or(u32::MAX),
            max_tokens: self.prompt.max_tokens,
            left: self.prompt.deadline.map(|deadline| deadline.minus(waited)),
            max_energy: self.prompt.max_energy,
            min_quality: self.prompt.min_quality,
        }
    }
}

/// Texts to embed, with when they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedTicket {
    /// What is asked.
    pub ask: EmbedAsk,
    /// When it came.
    pub taken_in: Micros,
}

/// What the desk is told.
#[derive(Debug, PartialEq)]
pub enum Order {
    /// Let it wait.
    Ask(Box<Ticket>),
    /// Take it back, wherever it is.
    Cancel(PromptId),
}

/// At which level a prompt was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The model.
    pub model: String,
    /// The level.
    pub level: String,
    /// The policy's reason code.
    pub why: &'static str,
}

/// What is told to askers and onlookers.
#[derive(Debug)]
pub enum Told {
    /// It waits.
    Accepted {
        /// Whose.
        id: PromptId,
        /// Where to say so.
        route: ReplyRoute,
        /// How many are before it.
        queue: usize,
    },
    /// The same id came again.
    Again {
        /// Whose.
        id: PromptId,
        /// Where the new one wants it.
        route: ReplyRoute,
    },
    /// More of an answer.
    Piece {
        /// Whose.
        id: PromptId,
        /// The topic of pieces.
        topic: String,
        /// 0, 1, 2, ...
        seq: u64,
        /// The text; `None` is the end.
        text: Option<String>,
    },
    /// An answer.
    Answered {
        /// Whose.
        ticket: Box<Ticket>,
        /// What.
        answer: Answer,
        /// What it cost; nothing only if the books were closed on it, which is a bug.
        bill: Option<Bill>,
        /// By what.
        served: Served,
        /// What it was expected to take.
        predicted: Predicted,
        /// How long it waited at the desk.
        queued: Micros,
        /// From coming in to being answered.
        total: Micros,
    },
    /// No answer.
    Failed {
        /// Whose.
        id: PromptId,
        /// Where to say so.
        route: ReplyRoute,
        /// Whether the same id is the same prompt.
        dedupe: bool,
        /// Why.
        fault: Fault,
    },
    /// Vectors.
    Embedded {
        /// Whose.
        ticket: Box<EmbedTicket>,
        /// What.
        vectors: Vectors,
        /// What they cost.
        bill: Option<Bill>,
        /// By what.
        served: Served,
        /// From coming in to being answered.
        total: Micros,
    },
    /// A command could not be followed.
    Refused {
        /// Which.
        command: &'static str,
        /// Why.
        fault: Fault,
    },
    /// The choice of level changed.
    Level(Box<LevelState>),
    /// Something is wrong with a sensor, or right again.
    Trouble(MeterCode, String),
    /// A decision in a sentence.
    Why(Box<Why>),
    /// What this device is and has.
    Info(Box<Info>),
}

impl Told {
    /// A prompt that gets no answer.
    #[must_use]
    pub fn failed(ticket: &Ticket, fault: Fault) -> Self {
        Self::Failed { id: ticket.prompt.id.clone(), route: ticket.route.clone(), dedupe: ticket.dedupe, fault }
    }
}
