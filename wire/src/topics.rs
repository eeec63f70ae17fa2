//! The topic tree: one device's branch below a prefix, and the fleet's door.
//!
//! ```text
//! <prefix>/ask                          in    for whoever of the fleet takes it
//! <prefix>/<device>/ask, embed          in    for this device
//! <prefix>/<device>/set/level, cancel, telemetry   in    a level may be retained
//! <prefix>/grid_intensity               in    retained; for every device of the site
//! <prefix>/<device>/grid_intensity      in    retained; for this device, and before the site's
//! <prefix>/<device>/answer/<id>         out   unless the asker named a topic
//! <prefix>/<device>/stream/<id>         out   or `<the asker's topic>/stream`
//! <prefix>/<device>/event, telemetry    out
//! <prefix>/<device>/status, state/…     out   retained
//! ```
//!
//! Promises: no topic made here has a wildcard in it or begins with `$` (but for the share), and [`CHANNELS`] is all of
//! them, as `wire/asyncapi.json` describes them. Deliberately absent: who may answer where (`replies`), Home Assistant's
//! discovery topics, and subscribing.

mod replies;

use hob_core::ledger::Feed;
use hob_core::prompt::PromptId;

pub use replies::{BadReply, allowed_reply};

/// The longest prefix, in bytes.
pub const MAX_PREFIX_BYTES: usize = 128;
/// The longest device id, in bytes.
pub const MAX_DEVICE_BYTES: usize = 64;

/// Why a prefix or a device id is unfit for topics. Settings are at fault: it does not mend itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// The prefix.
    #[error(
        "the topic prefix {0:?} is unfit: use 1 to {MAX_PREFIX_BYTES} bytes, not beginning with '$' or '/', not ending with '/', without '//', '+', '#', blanks or control characters"
    )]
    Prefix(String),
    /// The device id.
    #[error("the device id {0:?} is unfit: use 1 to {MAX_DEVICE_BYTES} ASCII letters, digits, '-', '_' or '.'")]
    Device(String),
}

/// Which way a channel's messages go, seen from the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Hob subscribes.
    In,
    /// Hob publishes.
    Out,
}

/// One kind of topic and how its messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// Its name in `wire/asyncapi.json`.
    pub name: &'static str,
    /// The topic with `{prefix}`, `{device}` and `{id}` for what differs.
    pub address: &'static str,
    /// Which way.
    pub way: Way,
    /// MQTT quality of service: 1, or 0 where a lost message does not matter.
    pub qos: u8,
    /// Whether the broker keeps the last one; of what comes in, whether it may.
    pub retain: bool,
}

const fn channel(name: &'static str, address: &'static str, way: Way, qos: u8, retain: bool) -> Channel {
    Channel { name, address, way, qos, retain }
}

/// Every kind of topic that Hob reads or writes.
pub const CHANNELS: [Channel; 18] = [
    channel("ask", "{prefix}/{device}/ask", Way::In, 1, false),
    channel("fleetAsk", "{prefix}/ask", Way::In, 1, false),
    channel("embed", "{prefix}/{device}/embed", Way::In, 1, false),
    channel("setLevel", "{prefix}/{device}/set/level", Way::In, 1, true),
    channel("setTelemetry", "{prefix}/{device}/set/telemetry", Way::In, 1, false),
    channel("setCancel", "{prefix}/{device}/set/cancel", Way::In, 1, false),
    channel("gridIntensity", "{prefix}/grid_intensity", Way::In, 1, true),
    channel("ownGridIntensity", "{prefix}/{device}/grid_intensity", Way::In, 1, true),
    channel("answer", "{prefix}/{device}/answer/{id}", Way::Out, 1, false),
    channel("stream", "{prefix}/{device}/stream/{id}", Way::Out, 0, false),
    channel("event", "{prefix}/{device}/event", Way::Out, 1, false),
    channel("status", "{prefix}/{device}/status", Way::Out, 1, true),
    channel("info", "{prefix}/{device}/state/info", Way::Out, 1, true),
    channel("level", "{prefix}/{device}/state/level", Way::Out, 1, true),
    channel("lastAnswer", "{prefix}/{device}/state/answer", Way::Out, 1, true),
    channel("power", "{prefix}/{device}/state/power", Way::Out, 1, true),
    channel("why", "{prefix}/{device}/state/why", Way::Out, 1, true),
    channel("telemetry", "{prefix}/{device}/telemetry", Way::Out, 0, false),
];

/// What a message that came in is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbound {
    /// A prompt, for this device or for the fleet.
    Ask,
    /// Texts to embed.
    Embed,
    /// Who chooses the level.
    SetLevel,
    /// A quicker beat of telemetry for a while.
    SetTelemetry,
    /// A prompt to drop.
    SetCancel,
    /// What the grid carries now.
    GridIntensity(Feed),
}

/// The topics of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    prefix: String,
    device: String,
}

impl Topics {
    /// Checks both names. The prefix may have several segments (`farm/hob`); the device id is one.
    ///
    /// # Errors
    ///
    /// [`BadName`] says which of them is unfit, and what would be fit.
    pub fn new(prefix: impl Into<String>, device: impl Into<String>) -> Result<Self, BadName> {
        let (prefix, device) = (prefix.into(), device.into());
        let unfit = |letter: char| letter.is_control() || letter.is_whitespace() || matches!(letter, '+' | '#');
        let segments_fit = prefix.split('/').all(|segment| !segment.is_empty() && !segment.contains(unfit));
        if prefix.len() > MAX_PREFIX_BYTES || prefix.starts_with('$') || !segments_fit {
            return Err(BadName::Prefix(prefix));
        }
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if device.is_empty() || device.len() > MAX_DEVICE_BYTES || !device.bytes().all(fit) {
            return Err(BadName::Device(device));
        }
        Ok(Self { prefix, device })
    }

    /// The prefix.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The device id.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }

    fn own(&self, tail: &str) -> String {
        format!("{}/{}/{tail}", self.prefix, self.device)
    }

    /// Where prompts for this device come in.
    #[must_use]
    pub fn ask(&self) -> String {
        self.own("ask")
    }

    /// Where prompts for any device of the fleet come in.
    #[must_use]
    pub fn fleet_ask(&self) -> String {
        format!("{}/ask", self.prefix)
    }

    /// The filter by which a device shares [`Self::fleet_ask`] with the others; named here, subscribed by no one yet.
    /// A share's name may hold no `/`, so those of a prefix become `-`.
    #[must_use]
    pub fn fleet_share(&self) -> String {
        format!("$share/{}/{}", self.prefix.replace('/', "-"), self.fleet_ask())
    }

    /// Where texts to embed come in.
    #[must_use]
    pub fn embed(&self) -> String {
        self.own("embed")
    }

    /// Where the level is set.
    #[must_use]
    pub fn set_level(&self) -> String {
        self.own("set/level")
    }

    /// Where a quicker beat of telemetry is asked for.
    #[must_use]
    pub fn set_telemetry(&self) -> String {
        self.own("set/telemetry")
    }

    /// Where prompts are taken back.
    #[must_use]
    pub fn set_cancel(&self) -> String {
        self.own("set/cancel")
    }

    /// Where a live feed says what the grid carries.
    #[must_use]
    pub fn grid_intensity(&self, feed: Feed) -> String {
        match feed {
            Feed::Site => format!("{}/grid_intensity", self.prefix),
            Feed::Own => self.own("grid_intensity"),
        }
    }

    /// What this device subscribes to, in one SUBSCRIBE.
    #[must_use]
    pub fn filters(&self) -> [String; 7] {
        let (site, own) = (self.grid_intensity(Feed::Site), self.grid_intensity(Feed::Own));
        [self.ask(), self.embed(), self.set_level(), self.set_telemetry(), self.set_cancel(), site, own]
    }

    /// What a message on `topic` is for; `None` if Hob does not read that topic.
    #[must_use]
    pub fn inbound(&self, topic: &str) -> Option<Inbound> {
        let tail = topic.strip_prefix(self.prefix.as_str())?.strip_prefix('/')?;
        match tail {
            "ask" => return Some(Inbound::Ask),
            "grid_intensity" => return Some(Inbound::GridIntensity(Feed::Site)),
            _ => {}
        }
        match tail.strip_prefix(self.device.as_str())? {
            "/ask" => Some(Inbound::Ask),
            "/embed" => Some(Inbound::Embed),
            "/set/level" => Some(Inbound::SetLevel),
            "/set/telemetry" => Some(Inbound::SetTelemetry),
            "/set/cancel" => Some(Inbound::SetCancel),
            "/grid_intensity" => Some(Inbound::GridIntensity(Feed::Own)),
            _ => None,
        }
    }

    /// Where the answer goes if the asker named no topic.
    #[must_use]
    pub fn answer(&self, id: &PromptId) -> String {
        self.own(&format!("answer/{id}"))
    }

    /// Where the pieces of the answer go if the asker named no topic.
    #[must_use]
    pub fn stream(&self, id: &PromptId) -> String {
        self.own(&format!("stream/{id}"))
    }

    /// What happened, for automations.
    #[must_use]
    pub fn event(&self) -> String {
        self.own("event")
    }

    /// `online` or `offline`, retained; also the topic of the last will.
    #[must_use]
    pub fn status(&self) -> String {
        self.own("status")
    }

    /// What this device is and has, retained.
    #[must_use]
    pub fn info(&self) -> String {
        self.own("state/info")
    }

    /// The level in use and why, retained.
    #[must_use]
    pub fn level(&self) -> String {
        self.own("state/level")
    }

    /// The account of the last answer, retained.
    #[must_use]
    pub fn last_answer(&self) -> String {
        self.own("state/answer")
    }

    /// Where the joules go, and what the battery holds, retained.
    #[must_use]
    pub fn power(&self) -> String {
        self.own("state/power")
    }

    /// The last decision in a sentence, retained.
    #[must_use]
    pub fn why(&self) -> String {
        self.own("state/why")
    }

    /// Readings of the board, on a beat.
    #[must_use]
    pub fn telemetry(&self) -> String {
        self.own("telemetry")
    }
}

#[cfg(test)]
mod tests;
