//! What people and programs ask of Hob, from bytes to checked values.
//!
//! ```text
//! payload ──┐           ┌─ text ────────────┐
//!           ├─▶ letter ─┤                   ├─▶ Ask, EmbedAsk
//! properties┘           └─ fields, one by one┘
//!                └──────────────────────────────▶ Refusal: an error that knows its way back
//! ```
//!
//! Promises: any bytes give an ask or a [`Refusal`] and never a panic; a refusal goes back to whoever asked, under
//! their id, as far as those can be made out; an ask is within every bound of [`crate::limits`].
//! Deliberately absent: whether there is room, power or a model for it (the desk and the policy say that).

mod ask;
mod command;
mod feed;
mod letter;
mod write;

use hob_core::prompt::{Prompt, PromptId, Sampling};
use hob_core::units::Millis;

use crate::properties::Properties;
use crate::reply::Fault;
use crate::topics::Topics;
use letter::Letter;

pub use command::{ModeCommand, TelemetryCommand, cancel, level, mode, telemetry};
pub use feed::grid_intensity;
pub use write::{BadShape, ask as write_ask};

/// What an ask gets that it does not name itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Defaults {
    /// The most tokens an answer may have.
    pub max_tokens: u32,
    /// Standing instructions; an ask with `"system": ""` has none.
    pub system: Option<String>,
    /// How tokens are picked.
    pub sampling: Sampling,
}

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyRoute {
    /// The topic of everything that is said to the asker.
    pub topic: String,
    /// The topic of the pieces of the answer, if they are wanted.
    pub stream: Option<String>,
    /// Correlation Data, sent back byte for byte.
    pub correlation: Option<Vec<u8>>,
}

/// A prompt that came in, and how to answer it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// What is asked.
    pub prompt: Prompt,
    /// Where the answer goes.
    pub reply: ReplyRoute,
    /// Whether the id is the asker's: then the same id again is the same prompt. An id that Hob made up says nothing.
    pub dedupe: bool,
    /// Nobody wants the answer so long after the ask was taken in (Message Expiry).
    pub expires: Option<Millis>,
}

/// Texts to embed, and how to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedAsk {
    /// The name of the request.
    pub id: PromptId,
    /// The texts; 1 to 64, none empty.
    pub input: Vec<String>,
    /// Which model, by its name on the shelf; `None` is the configured one.
    pub model: Option<String>,
    /// Where the answer goes.
    pub reply: ReplyRoute,
    /// As [`Ask::dedupe`].
    pub dedupe: bool,
    /// As [`Ask::expires`].
    pub expires: Option<Millis>,
}

/// A request that is not one, and where to say so. Sending it again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("request {id}: {fault}")]
pub struct Refusal {
    /// The asker's id, or a new one if it could not be made out.
    pub id: PromptId,
    /// The asker's topic and correlation, or the device's own answer topic.
    pub reply: ReplyRoute,
    /// What is wrong.
    pub fault: Fault,
}

/// Where requests come in: everything that reading one depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Intake {
    /// This device's topics.
    pub topics: Topics,
    /// The prefixes to which answers may go, as [`crate::topics::allowed_reply`] reads them.
    pub replies: Vec<String>,
    /// What an ask gets that it does not name itself.
    pub defaults: Defaults,
}

impl Intake {
    /// Reads a prompt. `fresh` makes up an id for one that came without.
    ///
    /// # Errors
    ///
    /// [`Refusal`], with code `bad_request` or `too_large`, ready to be sent back.
    pub fn ask(&self, payload: &[u8], properties: &Properties, fresh: impl FnOnce() -> PromptId) -> Result<Ask, Box<Refusal>> {
        let mut letter = Letter::open(self, payload, properties, ask::WHAT, &ask::FIELDS, fresh)?;
        let prompt = ask::read(&mut letter, &self.defaults).map_err(|fault| letter.refuse(fault))?;
        let Letter { reply, dedupe, expires, .. } = letter;
        Ok(Ask { prompt, reply, dedupe, expires })
    }

    /// Reads texts to embed; a plain text is one.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`].
    pub fn embed(
        &self,
        payload: &[u8],
        properties: &Properties,
        fresh: impl FnOnce() -> PromptId,
    ) -> Result<EmbedAsk, Box<Refusal>> {
        let mut letter = Letter::open(self, payload, properties, "an embed request", &ask::EMBED_FIELDS, fresh)?;
        let (input, model) = ask::read_embed(&mut letter).map_err(|fault| letter.refuse(fault))?;
        let Letter { id, reply, dedupe, expires, .. } = letter;
        Ok(EmbedAsk { id, input, model, reply, dedupe, expires })
    }
}
