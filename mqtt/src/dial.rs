//! From nothing to a connection that the broker has welcomed.
//!
//! ```text
//! name ──▶ TCP ──▶ [TLS] ──▶ CONNECT ──▶ CONNACK ──▶ Connection
//!                              5 refused? ──▶ once more with 3.1.1
//! ```
//!
//! Promises: one attempt ends within [`PATIENCE`] a version, and with a reason; the version that worked is
//! tried first next time.
//! Deliberately absent: trying again (`run`).

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;

use crate::codec::{self, Decoder, Packet, Welcome};
use crate::settings::{LinkSettings, Version, Versions};
use crate::why::Why;

/// For name, TCP, TLS and CONNACK together: four round trips of a slow satellite link.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Bytes both ways, whatever they run over.
pub(crate) type Wire = Box<dyn Stream>;

/// Where the bytes come from: a socket, or a test's pipe.
pub(crate) trait Dial: Send + 'static {
    /// Connects, without a word of MQTT.
    fn dial(&mut self, settings: &LinkSettings) -> impl Future<Output = Result<Wire, Why>> + Send;
}

/// TCP, with TLS if the settings say so.
#[derive(Debug)]
pub(crate) struct Socket;

impl Dial for Socket {
    async fn dial(&mut self, settings: &LinkSettings) -> Result<Wire, Why> {
        let unreachable = |error| Why::from_io(&error, false);
        let tcp = TcpStream::connect((settings.host.as_str(), settings.port)).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let Some(tls) = &settings.tls else { return Ok(Box::new(tcp)) };
        let name = rustls::pki_types::ServerName::try_from(settings.host.clone()).map_err(|error| Why::Tls {
            what: format!("'{}' is no name that a certificate can hold: {error}", settings.host),
            remedy: "connect by DNS name or IP address",
        })?;
        let connector = tokio_rustls::TlsConnector::from(crate::tls::config(tls)?);
        let stream = connector.connect(name, tcp).await.map_err(|error| Why::from_io(&error, true))?;
        Ok(Box::new(stream))
    }
}

/// A connection that the broker has welcomed.
pub(crate) struct Connection {
    pub(crate) version: Version,
    pub(crate) welcome: Welcome,
    pub(crate) reader: ReadHalf<Wire>,
    pub(crate) decoder: Decoder,
    pub(crate) writer: WriteHalf<Wire>,
}

/// Which version to try first; remembers what worked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Preference(Option<Version>);

/// Connects, with the second version if the broker refuses the first.
pub(crate) async fn connect<D: Dial>(
    dial: &mut D,
    settings: &LinkSettings,
    preference: &mut Preference,
) -> Result<Connection, Why> {
    let (first, second) = match (settings.versions, preference.0) {
        (Versions::Only(version), _) => (version, None),
        (Versions::Auto, Some(Version::V311)) => (Version::V311, Some(Version::V5)),
        (Versions::Auto, _) => (Version::V5, Some(Version::V311)),
    };
    let mut outcome = attempt(dial, settings, first).await?;
    if let (Err(Unfit), Some(second)) = (&outcome, second) {
        tracing::debug!(?first, ?second, "the broker does not take the first version");
        outcome = attempt(dial, settings, second).await?;
    }
    let connection = outcome.map_err(|Unfit| Why::Protocol("the broker takes none of the versions we speak".into()))?;
    preference.0 = Some(connection.version);
    Ok(connection)
}

/// The broker does not take the version.
struct Unfit;

async fn attempt<D: Dial>(dial: &mut D, settings: &LinkSettings, version: Version) -> Result<Result<Connection, Unfit>, Why> {
    tokio::time::timeout(PATIENCE, greet(dial, settings, version)).await.unwrap_or(Err(Why::Silent(PATIENCE)))
}

async fn greet<D: Dial>(dial: &mut D, settings: &LinkSettings, version: Version) -> Result<Result<Connection, Unfit>, Why> {
    let broken = |error| Why::from_io(&error, true);
    let (mut reader, mut writer) = tokio::io::split(dial.dial(settings).await?);
    let mut hello = BytesMut::new();
    codec::connect(version, settings, &mut hello)?;
    writer.write_all(&hello).await.map_err(broken)?;
    writer.flush().await.map_err(broken)?;
    let mut decoder = Decoder::new(version, settings.max_packet);
    loop {
        match decoder.next()? {
            None => {}
            Some(Packet::OtherVersion) => return Ok(Err(Unfit)),
            Some(Packet::Refused(why)) => return Err(why),
            Some(Packet::Welcome(welcome)) if !welcome.confirms => {
                return Err(Why::Protocol("the broker takes QoS 0 only, so nothing could be confirmed".into()));
            }
            Some(Packet::Welcome(welcome)) => {
                return Ok(Ok(Connection { version, welcome, reader, decoder, writer }));
            }
            Some(other) => return Err(Why::Protocol(format!("{other:?} instead of CONNACK"))),
        }
        match decoder.fill(&mut reader).await {
            // Some brokers of 3.1.1 hang up on a version that they do not know, without an answer.
            Err(Why::Closed(_)) if version == Version::V5 && settings.versions == Versions::Auto => {
                return Ok(Err(Unfit));
            }
            Err(Why::Closed(how)) => return Err(Why::Closed(format!("{how}, before it answered CONNECT"))),
            filled => filled?,
        }
    }
}
