//! What MQTT 5 carries beside a payload, as plain data.
//!
//! | MQTT 5 | meaning | without it (3.1.1) |
//! |---|---|---|
//! | Response Topic | where to answer | `reply_to` |
//! | Correlation Data | sent back byte for byte; it is not the id | `id` |
//! | Message Expiry | after that nobody wants the answer | none |
//! | Content Type | `application/json` or `text/plain` | the first byte is `{` |
//! | user property `hob-id` | the id, if the payload names none | `id` |
//! | user properties `hob-v`, `hob-device`, `hob-level` | version, who answered, at which level | in the payload |
//!
//! Promises: Correlation Data is never changed. Deliberately absent: a broker client's own types (`hob-mqtt` maps them).

use hob_core::prompt::PromptId;
use hob_core::units::Millis;

use crate::VERSION;
use crate::request::ReplyRoute;

/// Content type of every JSON payload.
pub const JSON: &str = "application/json";
/// Content type of a payload that is a bare text.
pub const TEXT: &str = "text/plain";
/// User property: the version of the payload.
pub const HOB_V: &str = "hob-v";
/// User property: the id of the prompt.
pub const HOB_ID: &str = "hob-id";
/// User property: the device that answers.
pub const HOB_DEVICE: &str = "hob-device";
/// User property: the level of the answer.
pub const HOB_LEVEL: &str = "hob-level";

/// The properties of one PUBLISH that Hob reads or writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// Payload Format Indicator 1: the payload is UTF-8.
    pub utf8: bool,
    /// Content Type.
    pub content_type: Option<String>,
    /// Response Topic.
    pub response_topic: Option<String>,
    /// Correlation Data.
    pub correlation: Option<Vec<u8>>,
    /// Message Expiry Interval, in seconds.
    pub message_expiry: Option<u32>,
    /// User Properties, in order.
    pub user: Vec<(String, String)>,
}

impl Properties {
    /// Those of every JSON payload that Hob publishes unasked: state, events, telemetry.
    #[must_use]
    pub fn json() -> Self {
        let version = (HOB_V.to_owned(), VERSION.to_string());
        Self { utf8: true, content_type: Some(JSON.to_owned()), user: vec![version], ..Self::default() }
    }

    /// Those of `online` and `offline`.
    #[must_use]
    pub fn text() -> Self {
        Self { content_type: Some(TEXT.to_owned()), ..Self::json() }
    }

    /// Those of a request, as a client sends it.
    #[must_use]
    pub fn ask(id: &PromptId, response_topic: Option<String>) -> Self {
        let correlation = Some(id.as_str().as_bytes().to_vec());
        Self { response_topic, correlation, ..Self::json() }.with(HOB_ID, id.as_str())
    }

    /// Those of anything said to an asker; `level` where there is one.
    #[must_use]
    pub fn reply(route: &ReplyRoute, id: &PromptId, device: &str, level: Option<&str>) -> Self {
        let reply =
            Self { correlation: route.correlation.clone(), ..Self::json() }.with(HOB_ID, id.as_str()).with(HOB_DEVICE, device);
        level.map_or_else(|| reply.clone(), |level| reply.clone().with(HOB_LEVEL, level))
    }

    /// The same, of no use to anybody after `left`; in whole seconds, at least one, for MQTT counts no finer.
    #[must_use]
    pub fn expiring(self, left: Millis) -> Self {
        let seconds = u32::try_from(left.0.div_ceil(1_000)).unwrap_or(u32::MAX);
        Self { message_expiry: Some(seconds.max(1)), ..self }
    }

    /// The first user property of that name.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&str> {
        self.user.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.user.push((name.to_owned(), value.to_owned()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_echoes_the_correlation_byte_for_byte_and_says_who_answered() {
        let correlation = Some((0..=255).collect::<Vec<u8>>());
        let route = ReplyRoute { topic: "app/1".into(), stream: None, correlation: correlation.clone() };
        let id = PromptId::new("q1").unwrap();
        let reply = Properties::reply(&route, &id, "pi", Some("Q4_K_M"));
        assert_eq!(reply.correlation, correlation);
        assert_eq!(reply.content_type.as_deref(), Some("application/json"));
        let user = [(HOB_V, "1"), (HOB_ID, "q1"), (HOB_DEVICE, "pi"), (HOB_LEVEL, "Q4_K_M")];
        assert_eq!(reply.user, user.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(Properties::reply(&route, &id, "pi", None).user(HOB_LEVEL), None);
        assert_eq!(reply.response_topic, None, "an answer asks for no answer");
    }

    #[test]
    fn what_expires_has_at_least_a_second_left() {
        for (left, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (u64::MAX, u32::MAX)] {
            assert_eq!(Properties::json().expiring(Millis(left)).message_expiry, Some(seconds), "{left} ms");
        }
    }
}
