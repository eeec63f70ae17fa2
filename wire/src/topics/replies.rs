//! Which topics Hob answers to. A Response Topic is written by whoever sends the prompt, who might have Hob speak where
//! the sender may not: to a lamp, to the discovery of a home, to another Hob's ears.
//!
//! Promises: an answer goes only below a prefix that the site allows, and never to a topic of Hob's own tree that is not
//! for answers. Deliberately absent: who asked; the broker's ACL knows that.

use super::Topics;
use crate::limits::REPLY_TOPIC_BYTES;

/// Why Hob does not answer to a topic. The asker is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// Nothing in it, or too much.
    #[error("it must have 1 to {REPLY_TOPIC_BYTES} bytes")]
    Length,
    /// `+` or `#`.
    #[error("it must have no wildcard ('+' or '#') in it")]
    Wildcard,
    /// NUL or another control character.
    #[error("it must have no control character in it")]
    Control,
    /// A topic of the broker's own.
    #[error("it must not begin with '$'")]
    Dollar,
    /// Below no allowed prefix.
    #[error("it is below none of the prefixes to which this device may answer")]
    NotAllowed,
    /// One of the house's own topics.
    #[error("that topic of the house is not for answers")]
    Reserved,
}

/// Whether `topic` may be answered to. An entry of `allow` that ends with `/` allows what is below it; one that does not
/// allows itself and what is below it. Whole segments count:
///
/// ```
/// use hob_wire::topics::{BadReply, allowed_reply};
/// let allow = ["hob/".to_owned(), "desk/lamp".to_owned()];
/// assert_eq!(allowed_reply("hob/x", &allow), Ok(()));
/// assert_eq!(allowed_reply("desk/lamp", &allow), Ok(()));
/// assert_eq!(allowed_reply("hobby/x", &allow), Err(BadReply::NotAllowed));
/// assert_eq!(allowed_reply("desk/lamps", &allow), Err(BadReply::NotAllowed));
/// ```
///
/// # Errors
///
/// [`BadReply`] says why not. An empty entry allows nothing.
pub fn allowed_reply(topic: &str, allow: &[String]) -> Result<(), BadReply> {
    if topic.is_empty() || topic.len() > REPLY_TOPIC_BYTES {
        return Err(BadReply::Length);
    }
    if topic.contains(['+', '#']) {
        return Err(BadReply::Wildcard);
    }
    if topic.contains(char::is_control) {
        return Err(BadReply::Control);
    }
    if topic.starts_with('$') {
        return Err(BadReply::Dollar);
    }
    let below = |entry: &String| {
        !entry.is_empty()
            && topic.strip_prefix(entry.as_str()).is_some_and(|rest| {
                if entry.ends_with('/') { !rest.is_empty() } else { rest.is_empty() || rest.starts_with('/') }
            })
    };
    if allow.iter().any(below) { Ok(()) } else { Err(BadReply::NotAllowed) }
}

impl Topics {
    /// [`allowed_reply`], and not a topic of the house that is for something else: of `<prefix>/<any device>/…` only
    /// `answer/…`, or a branch that Hob does not use.
    ///
    /// # Errors
    ///
    /// [`BadReply`] says why not.
    pub fn may_answer_to(&self, topic: &str, allow: &[String]) -> Result<(), BadReply> {
        allowed_reply(topic, allow)?;
        let Some(tail) = topic.strip_prefix(self.prefix()).and_then(|tail| tail.strip_prefix('/')) else {
            return Ok(());
        };
        let mut segments = tail.split('/');
        match (segments.next(), segments.next()) {
            (Some("ask" | "grid_intensity"), None)
            | (_, Some("ask" | "embed" | "set" | "stream" | "event" | "status" | "state" | "telemetry" | "grid_intensity")) => {
                Err(BadReply::Reserved)
            }
            _ => Ok(()),
        }
    }
}
