//! Who listens on a port.
//!
//! Promise: it answers within the patience given, and leaves no session behind.
//! Deliberately absent: TLS ports (they look like something else) and whether we would be let in.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::codec::{self, Decoder, Packet};
use crate::settings::{LinkSettings, Version};
use crate::why::Why;

/// Who listens on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// An MQTT broker, whether or not it would let us in.
    Broker,
    /// Something that does not answer like a broker.
    Other,
    /// Nobody.
    Nobody,
}

/// Looks who listens on `host` and `port`, for `patience` at most.
pub async fn probe(host: &str, port: u16, patience: Duration) -> Probe {
    let Ok(Ok(mut stream)) = timeout(patience, TcpStream::connect((host, port))).await else { return Probe::Nobody };
    let settings = LinkSettings { session_expiry: 0, ..LinkSettings::new(host, port, "hob-probe") };
    let ask = async {
        let mut words = BytesMut::new();
        codec::connect(Version::V311, &settings, &mut words)?;
        stream.write_all(&words).await.map_err(|error| Why::from_io(&error, true))?;
        let mut decoder = Decoder::new(Version::V311, settings.max_packet);
        let answer = loop {
            if let Some(packet) = decoder.next()? {
                break packet;
            }
            decoder.fill(&mut stream).await?;
        };
        words.clear();
        codec::disconnect(false, &mut words);
        let _gone = stream.write_all(&words).await;
        Ok::<_, Why>(answer)
    };
    match timeout(patience, ask).await {
        Ok(Ok(Packet::Welcome(_) | Packet::Refused(_) | Packet::OtherVersion)) => Probe::Broker,
        _ => Probe::Other,
    }
}
