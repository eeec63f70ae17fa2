//! How to reach a broker and as whom.
//!
//! Promise: settings that pass [`LinkSettings::check`] never panic nor wedge the link, and `Debug` shows
//! neither passwords nor keys.
//! Deliberately absent: reading them from a file or the environment (the daemon), reading certificates (`tls`).

use std::path::PathBuf;
use std::time::Duration;

use crate::message::{BadMessage, Message, Qos, text};

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("(hidden)")
    }
}

/// User name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// At most 65 535 bytes.
    pub user: String,
    /// At most 65 535 bytes.
    pub password: Secret,
}

/// Whom to trust, and who we are. TLS 1.2 and 1.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Who may vouch for the broker. Its certificate has to name the `host` of the settings.
    pub roots: Roots,
    /// Our own certificate, where the broker asks for one.
    pub identity: Option<Identity>,
}

/// Who may vouch for the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The certificates in this PEM file.
    File(PathBuf),
    /// The certificates that the operating system trusts.
    System,
}

/// A client certificate and its key; both PEM files, read again at every connection (so renewed ones count).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate (X.509 v3) and what leads up to the broker's CA.
    pub cert: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 5.
    V5,
    /// MQTT 3.1.1: no properties, no reasons.
    V311,
}

/// Which versions may be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Versions {
    /// 5, and 3.1.1 with a broker that refuses it.
    #[default]
    Auto,
    /// This one or none.
    Only(Version),
}

/// How to reach a broker and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    /// Name or address of the broker.
    pub host: String,
    /// 1883 as a rule, 8883 with TLS.
    pub port: u16,
    /// Which session is ours; 1 to 65 535 bytes, and no other client's. A lasting session needs a lasting id.
    pub client_id: String,
    /// User name and password, where asked for.
    pub login: Option<Login>,
    /// Encrypt, and check the broker.
    pub tls: Option<Tls>,
    /// How long the link may be quiet; 5 to 65 535 s. A dead one is noticed within 1.5 times of it.
    pub keep_alive: Duration,
    /// Seconds that the broker keeps the session (subscriptions, unconfirmed and waiting messages) while we
    /// are away. 0 starts clean and leaves nothing: for short-lived clients. On 3.1.1 anything else is "for ever".
    pub session_expiry: u32,
    /// How many messages the broker may send ahead of our confirmations; 1 to 1 000. 3.1.1 cannot say it.
    pub receive_maximum: u16,
    /// The longest packet in bytes, both ways; 1 KiB to 256 MiB less a byte. A v5 broker *silently drops* what is longer
    /// on its way to us, so keep it well above the longest prompt that shall get an answer.
    pub max_packet: u32,
    /// Which protocol.
    pub versions: Versions,
    /// What the broker says in our place when the connection breaks.
    pub will: Option<Message>,
    /// Let the broker publish the will on [`crate::Link::close`] too.
    pub will_on_close: bool,
    /// The longest wait between two attempts; at least 0.2 s. The first is 0.2 to 0.4 s.
    pub retry_ceiling: Duration,
    /// Fixes the jitter of the waits: for tests.
    pub retry_seed: Option<u64>,
}

impl LinkSettings {
    /// Plain TCP, no login, a session of 7 days, 20 s of keep-alive, 4 messages ahead, packets up to 1 MiB,
    /// waits up to 30 s.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, client_id: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            client_id: client_id.into(),
            login: None,
            tls: None,
            keep_alive: Duration::from_secs(20),
            session_expiry: 7 * 24 * 3600,
            receive_maximum: 4,
            max_packet: 1 << 20,
            versions: Versions::Auto,
            will: None,
            will_on_close: false,
            retry_ceiling: Duration::from_secs(30),
            retry_seed: None,
        }
    }

    /// Checks ranges and texts.
    ///
    /// # Errors
    ///
    /// [`BadSettings`] names the setting, what it was and what it may be.
    pub fn check(&self, subscriptions: &[(String, Qos)]) -> Result<(), BadSettings> {
        range("port", u64::from(self.port), 1, 65_535)?;
        range("client_id length", count(self.client_id.len()), 1, 65_535)?;
        range("host length", count(self.host.len()), 1, 255)?;
        range("keep_alive seconds", self.keep_alive.as_secs(), 5, 65_535)?;
        range("receive_maximum", u64::from(self.receive_maximum), 1, 1_000)?;
        range("max_packet", u64::from(self.max_packet), 1 << 10, (1 << 28) - 1)?;
        let named = |setting| move |error| BadSettings::Text { setting, error };
        text("client_id", &self.client_id).map_err(named("client_id"))?;
        if let Some(login) = &self.login {
            text("user", &login.user).map_err(named("login"))?;
            text("password", login.password.reveal()).map_err(named("login"))?;
        }
        if let Some(will) = &self.will {
            will.check().map_err(named("will"))?;
            range("will's payload length", count(will.payload.len()), 0, 65_535)?;
        }
        for (filter, _) in subscriptions {
            text("filter", filter).map_err(named("subscriptions"))?;
            if !crate::codec::valid_filter(filter) {
                return Err(BadSettings::Filter(filter.clone()));
            }
        }
        Ok(())
    }
}

/// Why a link cannot even be tried. Only other settings help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    /// A number is out of range.
    #[error("{setting} is {is}; it may be {least} to {most}")]
    Range {
        /// Which.
        setting: &'static str,
        /// What it is.
        is: u64,
        /// The smallest allowed.
        least: u64,
        /// The largest allowed.
        most: u64,
    },
    /// A text that MQTT cannot carry.
    #[error("{setting}: {error}")]
    Text {
        /// Which.
        setting: &'static str,
        /// What is wrong with it.
        error: BadMessage,
    },
    /// A wildcard in the wrong place, or nothing at all.
    #[error("'{0}' is no topic filter: '+' stands for a whole level, '#' only at the end")]
    Filter(String),
    /// The CA, the certificate or the key cannot be used.
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Tls(crate::Why),
}

const fn range(setting: &'static str, is: u64, least: u64, most: u64) -> Result<(), BadSettings> {
    if is < least || is > most { Err(BadSettings::Range { setting, is, least, most }) } else { Ok(()) }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_shows_in_debug_output() {
        let mut settings = LinkSettings::new("h", 1883, "c");
        settings.login = Some(Login { user: "hob".into(), password: Secret::new("swordfish") });
        let shown = format!("{settings:?}");
        assert!(shown.contains("hob") && !shown.contains("swordfish"), "{shown}");
    }

    #[test]
    #[rustfmt::skip]
    fn settings_out_of_range_are_named_with_what_they_may_be() {
        type Change = fn(&mut LinkSettings);
        let table: [(Change, &str); 6] = [
            (|s| s.keep_alive = Duration::from_secs(4),          "keep_alive seconds is 4; it may be 5 to 65535"),
            (|s| s.receive_maximum = 0,                          "receive_maximum is 0; it may be 1 to 1000"),
            (|s| s.max_packet = 10,                              "max_packet is 10; it may be 1024"),
            (|s| s.client_id = String::new(),                    "client_id length is 0"),
            (|s| s.will = Some(Message::new("a/#", "")),         "will: topic 'a/#'"),
            (|s| s.client_id = "a\0".into(),                     "client_id: client_id holds a NUL"),
        ];
        for (change, says) in table {
            let mut settings = LinkSettings::new("h", 1883, "c");
            assert_eq!(settings.check(&[]), Ok(()));
            change(&mut settings);
            let error = settings.check(&[]).unwrap_err().to_string();
            assert!(error.contains(says), "{error:?} does not say {says:?}");
        }
        let error = LinkSettings::new("h", 1883, "c").check(&[("a/#/b".into(), Qos::AtMostOnce)]).unwrap_err();
        assert_eq!(error, BadSettings::Filter("a/#/b".into()));
    }
}
