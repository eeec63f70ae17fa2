//! Why the link is down, in classes that a person can act on.
//!
//! Promise: each class has a remedy, and none shows a password or a key.
//! Deliberately absent: how long to wait (`backoff`), which the class only hints at.

/// Why there is no connection. All but [`Why::Overrun`] come from outside; the link retries them all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// Wrong user name or password, or a client that is not allowed (brokers do not tell which, on purpose).
    #[error("the broker refuses this client ({0})")]
    Refused(String),
    /// No trust on one of the two sides, or no TLS at all.
    #[error("TLS with the broker failed: {what}")]
    Tls {
        /// What the TLS library said.
        what: String,
        /// What mends it.
        remedy: &'static str,
    },
    /// Nobody answers there: no such name, no route, no listener, no network.
    #[error("the broker cannot be reached: {0}")]
    Unreachable(String),
    /// Connected, but no answer in time: a stalled broker or a dead link.
    #[error("the broker has not answered for {0:?}")]
    Silent(std::time::Duration),
    /// The broker, or something on the way, closed the connection.
    #[error("the connection was closed ({0})")]
    Closed(String),
    /// Another client with the same id has connected.
    #[error("another client with the same client id has taken the session over")]
    TakenOver,
    /// The broker is there but has no room: busy, over quota, shutting down, moved.
    #[error("the broker turns clients away ({0})")]
    Busy(String),
    /// What came is not MQTT, or not what was asked for.
    #[error("the other side does not speak as expected: {0}")]
    Protocol(String),
    /// More unconfirmed messages came than can be held; the broker has them still.
    #[error("more messages came than were taken out; the rest stays with the broker")]
    Overrun,
}

impl Why {
    /// What a person can do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Refused(_) => "check user name, password and client id against the broker's password and access files",
            Self::Tls { remedy, .. } => remedy,
            Self::Unreachable(_) => "check host, port, network and firewall, and that the broker runs",
            Self::Silent(_) => "check the network and the broker's load; a TLS port answers nothing to plain MQTT",
            Self::Closed(_) => "see the broker's log: it may be restarting, or want TLS on this port",
            Self::TakenOver => "give every client its own client id",
            Self::Busy(_) => "wait, or raise the broker's limits",
            Self::Protocol(_) => "check that host and port are an MQTT listener, and whether it wants TLS",
            Self::Overrun => "take messages out faster, or lower receive_maximum",
        }
    }

    /// A person has to mend it: trying again soon only fills the broker's log.
    pub(crate) const fn hopeless(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Tls { .. } | Self::TakenOver | Self::Protocol(_))
    }

    /// The other side chose to close: a message that it cannot bear may be the cause.
    pub(crate) const fn hung_up(&self) -> bool {
        matches!(self, Self::Closed(_) | Self::Protocol(_) | Self::Refused(_))
    }

    /// Sorts an I/O error of connecting (`connected` false) or of a connection.
    pub(crate) fn from_io(error: &std::io::Error, connected: bool) -> Self {
        use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return crate::tls::why(tls);
        }
        let ended = matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe);
        if connected && ended { Self::Closed(error.to_string()) } else { Self::Unreachable(error.to_string()) }
    }

    /// Sorts a reason code of CONNACK or DISCONNECT (MQTT 5, 2.4).
    pub(crate) fn from_code(code: u8) -> Self {
        let said = format!("reason code 0x{code:02x}");
        match code {
            0x85 | 0x86 | 0x87 | 0x8a | 0x8c => Self::Refused(said),
            0x8e => Self::TakenOver,
            0x88 | 0x89 | 0x8b | 0x96 | 0x97 | 0x9c | 0x9d | 0x9f | 0xa0 => Self::Busy(said),
            0x00 | 0x80 | 0x83 | 0x8d | 0x98 => Self::Closed(said),
            _ => Self::Protocol(said),
        }
    }

    /// Sorts a return code of a 3.1.1 CONNACK (section 3.2.2.3).
    pub(crate) fn from_return_code(code: u8) -> Self {
        let said = format!("return code {code}");
        match code {
            2 | 4 | 5 => Self::Refused(said),
            3 => Self::Busy(said),
            _ => Self::Protocol(said),
        }
    }
}
