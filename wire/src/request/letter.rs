//! What all requests have in common: a payload that is a text or an object, an id, and a way back.
//!
//! Promises: what can be made out of a broken request (id, topic, correlation) is, so that its error reaches the sender.
//! Deliberately absent: the fields of each request (`ask`).

use hob_core::prompt::PromptId;
use hob_core::units::Millis;

use super::{Intake, Refusal, ReplyRoute};
use crate::json::{Fields, scan};
use crate::limits::{PAYLOAD_BYTES, REPLY_TOPIC_BYTES};
use crate::properties::{HOB_ID, HOB_V, Properties, TEXT};
use crate::reply::{Code, Fault};
use crate::{VERSION, properties};

/// A request, opened: the envelope is read, the fields are not.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    pub(super) id: PromptId,
    pub(super) reply: ReplyRoute,
    pub(super) dedupe: bool,
    pub(super) expires: Option<Millis>,
    /// The payload, if it is a bare text.
    pub(super) text: Option<&'a str>,
    /// The payload's fields, if it is an object.
    pub(super) fields: Fields<'a>,
}

impl<'a> Letter<'a> {
    /// Reads the envelope. The first thing found wrong is the one that is told.
    pub(super) fn open(
        intake: &Intake,
        payload: &'a [u8],
        properties: &Properties,
        what: &str,
        known: &[&str],
        fresh: impl FnOnce() -> PromptId,
    ) -> Result<Self, Box<Refusal>> {
        let mut wrong = Wrong::default();
        let (text, mut fields) = unfold(payload, properties, what, known, &mut wrong);
        wrong.note(version(&mut fields, properties));
        let named = wrong.note(id(&mut fields, properties)).flatten();
        let dedupe = named.is_some();
        let id = named.unwrap_or_else(fresh);
        let asked = wrong.note(topic(intake, &mut fields, properties)).flatten();
        let stream = wrong.note(fields.flag("stream")).unwrap_or_default();
        let stream = match &asked {
            _ if !stream => None,
            Some(topic) => Some(format!("{topic}/stream")),
            None => Some(intake.topics.stream(&id)),
        };
        let topic = asked.unwrap_or_else(|| intake.topics.answer(&id));
        let reply = ReplyRoute { topic, stream, correlation: properties.correlation.clone() };
        let expires = properties.message_expiry.map(|seconds| Millis(u64::from(seconds) * 1_000));
        let letter = Self { id, reply, dedupe, expires, text, fields };
        match wrong.0 {
            None => Ok(letter),
            Some(fault) => Err(letter.refuse(fault)),
        }
    }

    /// The error that goes back the way the letter names.
    pub(super) fn refuse(&self, fault: Fault) -> Box<Refusal> {
        Box::new(Refusal { id: self.id.clone(), reply: self.reply.clone(), fault })
    }
}

/// The first thing found wrong.
#[derive(Default)]
struct Wrong(Option<Fault>);

impl Wrong {
    /// Keeps what is wrong, if it is the first, and passes on what is right.
    fn note<T>(&mut self, outcome: Result<T, Fault>) -> Option<T> {
        match outcome {
            Ok(right) => Some(right),
            Err(fault) => {
                self.0.get_or_insert(fault);
                None
            }
        }
    }
}

/// The payload as a text or as fields. Of a broken one, as much as can be read.
fn unfold<'a>(
    payload: &'a [u8],
    properties: &Properties,
    what: &str,
    known: &[&str],
    wrong: &mut Wrong,
) -> (Option<&'a str>, Fields<'a>) {
    if payload.len() > PAYLOAD_BYTES {
        let message = format!("the payload has {} bytes; at most {PAYLOAD_BYTES} are taken", payload.len());
        wrong.note::<()>(Err(Fault::new(Code::TooLarge, message)));
    }
    let text = std::str::from_utf8(payload).unwrap_or_else(|error| {
        let sound = payload.get(..error.valid_up_to()).unwrap_or_default();
        let message = format!("the payload is not UTF-8 from byte {} on (counted from 0)", sound.len());
        wrong.note::<()>(Err(Fault::bad(message)));
        std::str::from_utf8(sound).unwrap_or_default()
    });
    let kind = properties.content_type.as_deref().and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    let is = |kind_of: &str| kind.eq_ignore_ascii_case(kind_of);
    let named_json = is(properties::JSON) || kind.to_ascii_lowercase().ends_with("+json");
    let looks_json = text.trim_ascii_start().starts_with('{');
    if !named_json && (is(TEXT) || !looks_json) {
        if text.contains('\0') {
            wrong.note::<()>(Err(Fault::bad("the text has a NUL character in it")));
        }
        return (Some(text), Fields::default());
    }
    let (fields, outcome) = Fields::read(text, what, known);
    let hint = "; a plain text that begins with '{' needs the content type text/plain";
    wrong.note(outcome.map_err(|fault| if named_json { fault } else { fault.and(hint) }));
    wrong.note(scan(text));
    (None, fields)
}

/// Checks the version: none is this one.
fn version(fields: &mut Fields, properties: &Properties) -> Result<(), Fault> {
    fields.number::<0>("v", &(i64::from(VERSION)..=i64::from(VERSION)))?;
    match properties.user(HOB_V) {
        Some(other) if other != VERSION.to_string() => {
            Err(Fault::bad(format!("the user property `{HOB_V}` must be {VERSION}, the only version that this Hob speaks")))
        }
        _ => Ok(()),
    }
}

/// The asker's id: the payload's, else the user property's. Correlation Data is no id: many clients just count,
/// and two that count would be given each other's answers.
fn id(fields: &mut Fields, properties: &Properties) -> Result<Option<PromptId>, Fault> {
    if let Some(id) = fields.text("id", usize::MAX)? {
        return PromptId::new(id).map(Some).map_err(|error| Fault::bad(format!("`id`: {error}")));
    }
    if let Some(id) = properties.user(HOB_ID) {
        let bad = |error| Fault::bad(format!("user property `{HOB_ID}`: {error}"));
        return PromptId::new(id).map(Some).map_err(bad);
    }
    Ok(None)
}

/// The topic that the asker named: the Response Topic, else `reply_to`.
fn topic(intake: &Intake, fields: &mut Fields, properties: &Properties) -> Result<Option<String>, Fault> {
    let allowed = |name: &str, topic: String| match intake.topics.may_answer_to(&topic, &intake.replies) {
        Ok(()) => Ok(Some(topic)),
        Err(why) => Err(Fault::bad(format!("{name} is no topic to answer to: {why}"))),
    };
    let written = fields.text("reply_to", REPLY_TOPIC_BYTES);
    match &properties.response_topic {
        Some(topic) => written.and_then(|_| allowed("the Response Topic", topic.clone())),
        None => written?.map_or(Ok(None), |topic| allowed("`reply_to`", topic)),
    }
}
