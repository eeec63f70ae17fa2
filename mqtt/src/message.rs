//! What travels: a topic, bytes, and what MQTT 5 says about them.
//!
//! Promise: a message that passes [`Message::check`] cannot make a broker close the connection for its
//! form: lengths, wildcards, NUL characters and UTF-8 are checked here, once, before it is queued.
//! Deliberately absent: its size on the wire (`codec`), QoS 2, topic aliases.

/// How surely a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Qos {
    /// Sent once and forgotten: fit for stream chunks and telemetry.
    #[default]
    AtMostOnce,
    /// Sent until confirmed; may arrive twice.
    AtLeastOnce,
}

/// One MQTT message.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Where it goes; 1 to 65 535 bytes of UTF-8 without wildcards.
    pub topic: String,
    /// Its bytes; a packet as a whole is at most `LinkSettings::max_packet` long.
    pub payload: Vec<u8>,
    /// How surely it arrives.
    pub qos: Qos,
    /// The broker keeps it for later subscribers.
    pub retain: bool,
    /// Carried on MQTT 5, dropped on 3.1.1.
    pub properties: Properties,
}

/// What MQTT 5 can say beside the payload. Every text is at most 65 535 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// Where an answer is wanted. On an incoming message it is whatever the sender wrote: check it
    /// against a list of allowed prefixes before publishing to it.
    pub response_topic: Option<String>,
    /// Echoed byte for byte in the answer; at most 65 535 bytes.
    pub correlation_data: Option<Vec<u8>>,
    /// Seconds until the message is worth nothing. Time spent waiting in the link is taken off.
    pub message_expiry: Option<u32>,
    /// MIME type of the payload.
    pub content_type: Option<String>,
    /// The payload is UTF-8 text (payload format indicator 1).
    pub payload_is_utf8: bool,
    /// Pairs of anything, in order, repeated keys included.
    pub user: Vec<(String, String)>,
}

/// Why a message cannot travel at all. Sending it again unchanged never helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// The topic, or the response topic, is empty or holds a wildcard.
    #[error("{field} '{text}' is no topic to publish to: it must not be empty nor hold '+' or '#'")]
    Topic {
        /// Which of the two.
        field: &'static str,
        /// What it was, cut after 80 characters.
        text: String,
    },
    /// A text or the correlation data is longer than MQTT's two-byte length can say.
    #[error("{field} has {bytes} bytes; MQTT allows 65535: shorten it or put it into the payload")]
    Long {
        /// Which field.
        field: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// MQTT forbids U+0000 in texts, and brokers close the connection for it.
    #[error("{field} holds a NUL character, which MQTT forbids: remove it")]
    Nul {
        /// Which field.
        field: &'static str,
    },
    /// `payload_is_utf8` is set and the payload is not.
    #[error("the payload is marked as UTF-8 but is not: clear payload_is_utf8 or fix the text")]
    NotUtf8,
}

impl Message {
    /// A message without properties, at QoS 1, not retained.
    #[must_use]
    pub fn new(topic: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self { topic: topic.into(), payload: payload.into(), qos: Qos::AtLeastOnce, ..Self::default() }
    }

    /// Checks everything that a broker would close the connection for.
    ///
    /// # Errors
    ///
    /// [`BadMessage`] names the field.
    pub fn check(&self) -> Result<(), BadMessage> {
        topic("topic", &self.topic)?;
        let said = &self.properties;
        if let Some(response) = &said.response_topic {
            topic("response_topic", response)?;
        }
        text("content_type", said.content_type.as_deref().unwrap_or_default())?;
        short("correlation_data", said.correlation_data.as_deref().unwrap_or_default().len())?;
        for (key, value) in &said.user {
            text("a user property's key", key)?;
            text("a user property's value", value)?;
        }
        if said.payload_is_utf8 && std::str::from_utf8(&self.payload).is_err() {
            return Err(BadMessage::NotUtf8);
        }
        Ok(())
    }
}

/// What people said is never logged: only the length of the payload is shown.
impl std::fmt::Debug for Message {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Message")
            .field("topic", &self.topic)
            .field("bytes", &self.payload.len())
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .finish_non_exhaustive()
    }
}

fn topic(field: &'static str, topic: &str) -> Result<(), BadMessage> {
    if topic.is_empty() || topic.contains(['+', '#']) {
        return Err(BadMessage::Topic { field, text: topic.chars().take(80).collect() });
    }
    text(field, topic)
}

/// Checks a text that MQTT carries with a two-byte length.
pub(crate) fn text(field: &'static str, text: &str) -> Result<(), BadMessage> {
    if text.contains('\0') {
        return Err(BadMessage::Nul { field });
    }
    short(field, text.len())
}

fn short(field: &'static str, bytes: usize) -> Result<(), BadMessage> {
    if bytes > usize::from(u16::MAX) { Err(BadMessage::Long { field, bytes }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn what_a_broker_would_hang_up_on_is_refused_by_name() {
        type Change = fn(&mut Message, &str);
        let long = "x".repeat(65_536);
        let with = |change: Change| { let mut m = Message::new("a/b", "é"); change(&mut m, &long); m.check().map_err(|e| e.to_string()) };
        let table: [(Change, &str); 9] = [
            (|m, _| m.topic = String::new(),                                    "topic ''"),
            (|m, _| m.topic = "a/+".into(),                                     "topic 'a/+'"),
            (|m, _| m.topic = "a\0".into(),                                     "topic holds a NUL"),
            (|m, l| m.topic = l.into(),                                         "topic has 65536 bytes"),
            (|m, _| m.properties.response_topic = Some("#".into()),             "response_topic '#'"),
            (|m, l| m.properties.correlation_data = Some(l.into()),             "correlation_data has 65536"),
            (|m, l| m.properties.content_type = Some(l.into()),                 "content_type has 65536"),
            (|m, _| m.properties.user = vec![("k".into(), "\0".into())],        "value holds a NUL"),
            (|m, _| { m.properties.payload_is_utf8 = true; m.payload = vec![0xff]; }, "marked as UTF-8"),
        ];
        for (change, says) in table {
            let error = with(change).unwrap_err();
            assert!(error.contains(says), "{error:?} does not say {says:?}");
        }
        assert_eq!(with(|m, l| { m.topic = l[1..].into(); m.properties.payload_is_utf8 = true; }), Ok(()));
    }

    #[test]
    fn what_people_said_does_not_show_in_debug_output() {
        let shown = format!("{:?}", Message::new("hob/a/ask", "my secret question"));
        assert!(shown.contains("hob/a/ask") && !shown.contains("secret"), "{shown}");
    }
}
