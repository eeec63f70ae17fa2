//! Packets to bytes and back, for both versions: the only place that knows `rumqttc`.
//!
//! Promises: whatever bytes come, [`Decoder::next`] answers with a packet, "more, please" or a reason, and
//! holds no more than `max_packet` of them; a message too large to take is skipped, not choked on.
//! What rumqttc's codec gets wrong is done here by hand: frames (it takes a broken packet for an unfinished
//! one), DISCONNECT without properties, PUBACK with an unknown reason, and a 3.1.1 refusal of a v5 CONNECT.
//! Deliberately absent: QoS 2, topic aliases, AUTH.

mod outgoing;
#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::{QoS, v5};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::message::{Message, Properties, Qos};
use crate::settings::Version;
use crate::why::Why;

pub(crate) use outgoing::{Parcel, Sent, connect, disconnect, ping, puback, subscribe};

/// Room for one read, in bytes.
const READ: usize = 8 << 10;

/// What the broker sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// The connection stands.
    Welcome(Welcome),
    /// The version we speak is not taken.
    OtherVersion,
    /// No connection.
    Refused(Why),
    /// A message; `id` is 0 at QoS 0.
    Message { id: u16, message: Message },
    /// A message longer than allowed; its payload was skipped.
    TooLarge { id: u16, topic: String, bytes: usize },
    /// PUBACK, with its reason code.
    Confirmed { id: u16, code: u8 },
    /// SUBACK: for each filter, whether it is granted.
    Subscribed(Vec<bool>),
    /// PINGRESP.
    Pong,
    /// DISCONNECT, with its reason code.
    Bye(u8),
}

/// What the broker allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Welcome {
    /// It still has our session.
    pub(crate) session_present: bool,
    /// How many unconfirmed messages it takes.
    pub(crate) receive_maximum: u16,
    /// The longest packet it takes.
    pub(crate) max_packet: u32,
    /// It keeps retained messages.
    pub(crate) retains: bool,
    /// It takes QoS 1.
    pub(crate) confirms: bool,
    /// The keep-alive it wants instead of ours, in seconds.
    pub(crate) keep_alive: Option<u16>,
    /// How long it keeps our session, in seconds, if not as long as we wish.
    pub(crate) session_expiry: Option<u32>,
}

impl Default for Welcome {
    /// What a broker that says nothing allows.
    fn default() -> Self {
        Self {
            session_present: false,
            receive_maximum: u16::MAX,
            max_packet: u32::MAX,
            retains: true,
            confirms: true,
            keep_alive: None,
            session_expiry: None,
        }
    }
}

/// True if `filter` can be subscribed to.
pub(crate) fn valid_filter(filter: &str) -> bool {
    rumqttc::valid_filter(filter)
}

/// Bytes in, packets out.
#[derive(Debug)]
pub(crate) struct Decoder {
    version: Version,
    max_packet: usize,
    skip: usize,
    /// Bytes go in here.
    pub(crate) buffer: BytesMut,
}

impl Decoder {
    pub(crate) fn new(version: Version, max_packet: u32) -> Self {
        let max_packet = usize::try_from(max_packet).unwrap_or(usize::MAX);
        Self { version, max_packet, skip: 0, buffer: BytesMut::new() }
    }

    /// Waits for more bytes; the end of them is an error. May be dropped and called again.
    pub(crate) async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<(), Why> {
        self.buffer.reserve(READ);
        match from.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Why::Closed("without a reason".into())),
            Ok(_) => Ok(()),
            Err(error) => Err(Why::from_io(&error, true)),
        }
    }

    /// The next whole packet, `None` if it has not all come yet.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, Why> {
        let skipped = self.skip.min(self.buffer.len());
        self.buffer.advance(skipped);
        self.skip -= skipped;
        let Some((header, length)) = frame(&self.buffer)? else { return Ok(None) };
        if length > self.max_packet {
            return self.too_large(header, length);
        }
        if self.buffer.len() < length {
            return Ok(None);
        }
        let frame = self.buffer.split_to(length);
        decode(self.version, frame, header).map(Some)
    }

    /// Reads topic and id of an outsized message and marks the rest for skipping.
    fn too_large(&mut self, header: usize, length: usize) -> Result<Option<Packet>, Why> {
        let mut head = &*self.buffer;
        let kind = head.try_get_u8().unwrap_or_default();
        head.advance((header - 1).min(head.len()));
        if kind >> 4 != 3 {
            return Err(Why::Protocol(format!("a packet of kind {} with {length} bytes", kind >> 4)));
        }
        let Ok(topic_length) = head.try_get_u16().map(usize::from) else { return Ok(None) };
        let Some((topic, mut rest)) = head.split_at_checked(topic_length) else { return Ok(None) };
        let topic = String::from_utf8_lossy(topic).into_owned();
        let id = if kind & 0b110 == 0 {
            0
        } else {
            let Ok(id) = rest.try_get_u16() else { return Ok(None) };
            id
        };
        self.skip = length;
        let gone = self.skip.min(self.buffer.len());
        self.buffer.advance(gone);
        self.skip -= gone;
        Ok(Some(Packet::TooLarge { id, topic, bytes: length }))
    }
}

/// Length of the fixed header, and of the whole packet; `None` if the header has not all come yet.
fn frame(bytes: &[u8]) -> Result<Option<(usize, usize)>, Why> {
    let mut remaining = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        remaining += usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let header = index + 2;
            return Ok(Some((header, header + remaining)));
        }
    }
    if bytes.len() > 4 { Err(Why::Protocol("a packet length of more than four bytes".into())) } else { Ok(None) }
}

fn decode(version: Version, frame: BytesMut, header: usize) -> Result<Packet, Why> {
    let kind = frame.first().map_or(0, |byte| byte >> 4);
    let mut body = frame.get(header..).unwrap_or_default();
    match kind {
        2 => welcome(version, frame, header),
        3 => message(version, frame),
        4 => {
            let id = body.try_get_u16().map_err(|_| malformed("PUBACK"))?;
            Ok(Packet::Confirmed { id, code: body.try_get_u8().unwrap_or(0) })
        }
        9 => subscribed(version, frame),
        13 => Ok(Packet::Pong),
        14 => Ok(Packet::Bye(body.try_get_u8().unwrap_or(0))),
        other => Err(Why::Protocol(format!("a packet of kind {other}, which no broker sends to us"))),
    }
}

fn malformed(what: &str) -> Why {
    Why::Protocol(format!("a malformed {what}"))
}

fn welcome(version: Version, mut frame: BytesMut, header: usize) -> Result<Packet, Why> {
    let old = version == Version::V311 || frame.len() == header + 2; // a v5 CONNACK has a property length
    let mut body = frame.get(header..).unwrap_or_default();
    let (Ok(flags), Ok(code)) = (body.try_get_u8(), body.try_get_u8()) else { return Err(malformed("CONNACK")) };
    let session_present = flags & 1 == 1;
    match (old, code) {
        (true, 0) if version == Version::V311 => Ok(Packet::Welcome(Welcome { session_present, ..Welcome::default() })),
        // 0: it takes the v5 CONNECT for one of 3.1.1
        (true, 0 | 1) | (false, 0x84) => Ok(Packet::OtherVersion),
        (true, _) => Ok(Packet::Refused(Why::from_return_code(code))),
        (false, 0) => {
            let Ok(v5::Packet::ConnAck(read)) = v5::Packet::read(&mut frame, None) else {
                return Err(malformed("CONNACK"));
            };
            Ok(Packet::Welcome(allowed(session_present, read.properties.as_ref())))
        }
        (false, _) => Ok(Packet::Refused(Why::from_code(code))),
    }
}

fn allowed(session_present: bool, said: Option<&v5::ConnAckProperties>) -> Welcome {
    let silent = Welcome { session_present, ..Welcome::default() };
    let Some(said) = said else { return silent };
    Welcome {
        session_present,
        receive_maximum: said.receive_max.unwrap_or(silent.receive_maximum).max(1),
        max_packet: said.max_packet_size.unwrap_or(silent.max_packet),
        retains: said.retain_available != Some(0),
        confirms: said.max_qos != Some(0),
        keep_alive: said.server_keep_alive,
        session_expiry: said.session_expiry_interval,
    }
}

fn message(version: Version, mut frame: BytesMut) -> Result<Packet, Why> {
    let wrong = |_| malformed("PUBLISH");
    if frame.first().is_some_and(|first| first & 0b100 != 0) {
        return Err(Why::Protocol("a message at QoS 2, which was not asked for".into()));
    }
    let (id, confirm, retain, topic, payload, properties) = match version {
        Version::V5 => {
            let Ok(v5::Packet::Publish(read)) = v5::Packet::read(&mut frame, None) else {
                return Err(malformed("PUBLISH"));
            };
            let topic = String::from_utf8(read.topic.into()).map_err(|_| malformed("topic"))?;
            let properties = read.properties.map(properties).unwrap_or_default();
            (read.pkid, read.qos != QoS::AtMostOnce, read.retain, topic, read.payload, properties)
        }
        Version::V311 => {
            let packet = v4::Packet::read(&mut frame, usize::MAX).map_err(wrong)?;
            let v4::Packet::Publish(read) = packet else { return Err(malformed("PUBLISH")) };
            let confirm = read.qos != rumqttc::QoS::AtMostOnce;
            (read.pkid, confirm, read.retain, read.topic, read.payload, Properties::default())
        }
    };
    let qos = if confirm { Qos::AtLeastOnce } else { Qos::AtMostOnce };
    Ok(Packet::Message { id, message: Message { topic, payload: payload.into(), qos, retain, properties } })
}

fn properties(read: v5::PublishProperties) -> Properties {
    Properties {
        response_topic: read.response_topic,
        correlation_data: read.correlation_data.map(Vec::from),
        message_expiry: read.message_expiry_interval,
        content_type: read.content_type,
        payload_is_utf8: read.payload_format_indicator == Some(1),
        user: read.user_properties,
    }
}

fn subscribed(version: Version, mut frame: BytesMut) -> Result<Packet, Why> {
    let wrong = |_| malformed("SUBACK");
    let granted = match version {
        Version::V5 => match v5::Packet::read(&mut frame, None) {
            Ok(v5::Packet::SubAck(read)) => {
                read.return_codes.iter().map(|code| matches!(code, v5::SubscribeReasonCode::Success(_))).collect()
            }
            _ => return Err(malformed("SUBACK")),
        },
        Version::V311 => match v4::Packet::read(&mut frame, usize::MAX).map_err(wrong)? {
            v4::Packet::SubAck(read) => {
                read.return_codes.iter().map(|code| matches!(code, v4::SubscribeReasonCode::Success(_))).collect()
            }
            _ => return Err(malformed("SUBACK")),
        },
    };
    Ok(Packet::Subscribed(granted))
}

/// rumqttc's `Bytes` of a text.
fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
