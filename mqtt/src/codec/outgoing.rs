//! What we send, as bytes.
//!
//! Promise: what passed `Message::check` and `LinkSettings::check` is encoded without loss or truncation
//! (rumqttc cuts lengths to 16 bits without a word, so those checks come first).

use bytes::{BufMut, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::{QoS, v5};

use super::bytes;
use crate::message::{Message, Properties, Qos};
use crate::settings::{LinkSettings, Version};
use crate::why::Why;

/// A message made ready to travel, maybe several times: copying it does not copy the payload.
#[derive(Debug, Clone)]
pub(crate) struct Parcel(v5::Publish);

impl Parcel {
    pub(crate) fn new(message: Message) -> Self {
        let said = message.properties;
        let properties = (said != Properties::default()).then(|| v5::PublishProperties {
            payload_format_indicator: said.payload_is_utf8.then_some(1),
            message_expiry_interval: said.message_expiry,
            topic_alias: None,
            response_topic: said.response_topic,
            correlation_data: said.correlation_data.map(Into::into),
            user_properties: said.user,
            subscription_identifiers: Vec::new(),
            content_type: said.content_type,
        });
        let mut publish = v5::Publish::new(message.topic, v5_qos(message.qos), message.payload, properties);
        publish.retain = message.retain;
        publish.pkid = u16::from(message.qos == Qos::AtLeastOnce); // any id: `size` counts it
        Self(publish)
    }

    pub(crate) fn wants_confirmation(&self) -> bool {
        self.0.qos == QoS::AtLeastOnce
    }

    /// Length of the packet on MQTT 5, in bytes; on 3.1.1 it is no longer.
    pub(crate) fn size(&self) -> usize {
        self.0.size()
    }

    pub(crate) fn topic(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0.topic)
    }

    /// Seconds until it is worth nothing.
    pub(crate) fn expiry(&self) -> Option<u32> {
        self.0.properties.as_ref().and_then(|said| said.message_expiry_interval)
    }

    /// Appends the packet. `left` replaces the expiry, where there is one.
    pub(crate) fn encode(&self, version: Version, sent: Sent, left: Option<u32>, out: &mut BytesMut) -> Result<(), Why> {
        let retain = self.0.retain && sent.retain;
        let done = match version {
            Version::V5 => {
                let mut publish = self.0.clone();
                (publish.pkid, publish.dup, publish.retain) = (sent.id, sent.again, retain);
                if let Some(said) = &mut publish.properties {
                    said.message_expiry_interval = left;
                }
                publish.write(out).is_ok()
            }
            Version::V311 => {
                let qos = if sent.id == 0 { rumqttc::QoS::AtMostOnce } else { rumqttc::QoS::AtLeastOnce };
                let mut publish = v4::Publish::from_bytes(self.topic(), qos, self.0.payload.clone());
                (publish.pkid, publish.dup, publish.retain) = (sent.id, sent.again, retain);
                publish.write(out).is_ok()
            }
        };
        encoded(done, "PUBLISH")
    }
}

/// How a parcel travels this time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// Packet id; 0 at QoS 0.
    pub(crate) id: u16,
    /// The broker may have seen it before.
    pub(crate) again: bool,
    /// The broker keeps retained messages.
    pub(crate) retain: bool,
}

fn encoded(done: bool, what: &str) -> Result<(), Why> {
    if done { Ok(()) } else { Err(Why::Protocol(format!("cannot encode {what}"))) }
}

const fn v5_qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}

const fn v4_qos(qos: Qos) -> rumqttc::QoS {
    match qos {
        Qos::AtMostOnce => rumqttc::QoS::AtMostOnce,
        Qos::AtLeastOnce => rumqttc::QoS::AtLeastOnce,
    }
}

/// CONNECT.
pub(crate) fn connect(version: Version, settings: &LinkSettings, out: &mut BytesMut) -> Result<(), Why> {
    let keep_alive = u16::try_from(settings.keep_alive.as_secs()).unwrap_or(u16::MAX);
    let clean = settings.session_expiry == 0;
    let client_id = settings.client_id.clone();
    let login = settings.login.as_ref();
    let done = match version {
        Version::V5 => {
            let mut properties = v5::ConnectProperties::new();
            properties.session_expiry_interval = Some(settings.session_expiry);
            properties.receive_maximum = Some(settings.receive_maximum);
            properties.max_packet_size = Some(settings.max_packet);
            let connect = v5::Connect { keep_alive, client_id, clean_start: clean, properties: Some(properties) };
            let login = login.map(|login| v5::Login::new(&login.user, login.password.reveal()));
            connect.write(&settings.will.as_ref().map(v5_will), &login, out).is_ok()
        }
        Version::V311 => {
            let mut connect = v4::Connect::new(client_id);
            (connect.keep_alive, connect.clean_session) = (keep_alive, clean);
            connect.login = login.map(|login| v4::Login::new(&login.user, login.password.reveal()));
            connect.last_will = settings
                .will
                .as_ref()
                .map(|will| v4::LastWill::new(&will.topic, will.payload.clone(), v4_qos(will.qos), will.retain));
            connect.write(out).is_ok()
        }
    };
    encoded(done, "CONNECT")
}

fn v5_will(will: &Message) -> v5::LastWill {
    let said = will.properties.clone();
    let properties = v5::LastWillProperties {
        delay_interval: None,
        payload_format_indicator: said.payload_is_utf8.then_some(1),
        message_expiry_interval: said.message_expiry,
        content_type: said.content_type,
        response_topic: said.response_topic,
        correlation_data: said.correlation_data.map(Into::into),
        user_properties: said.user,
    };
    v5::LastWill {
        topic: bytes(&will.topic),
        message: will.payload.clone().into(),
        qos: v5_qos(will.qos),
        retain: will.retain,
        properties: Some(properties),
    }
}

/// SUBSCRIBE to all of them.
pub(crate) fn subscribe(version: Version, id: u16, filters: &[(String, Qos)], out: &mut BytesMut) -> Result<(), Why> {
    let done = match version {
        Version::V5 => {
            let filters = filters.iter().map(|(filter, qos)| v5::Filter::new(filter, v5_qos(*qos)));
            let mut subscribe = v5::Subscribe::new_many(filters, None);
            subscribe.pkid = id;
            subscribe.write(out).is_ok()
        }
        Version::V311 => {
            let filters = filters.iter().map(|(filter, qos)| v4::SubscribeFilter::new(filter.clone(), v4_qos(*qos)));
            let mut subscribe = v4::Subscribe::new_many(filters);
            subscribe.pkid = id;
            subscribe.write(out).is_ok()
        }
    };
    encoded(done, "SUBSCRIBE")
}

/// PUBACK, success: the same bytes in both versions.
pub(crate) fn puback(id: u16, out: &mut BytesMut) {
    out.put_slice(&[0x40, 2]);
    out.put_u16(id);
}

/// PINGREQ.
pub(crate) fn ping(out: &mut BytesMut) {
    out.put_slice(&[0xc0, 0]);
}

/// DISCONNECT; on MQTT 5 `with_will` lets the broker publish the will all the same.
pub(crate) fn disconnect(with_will: bool, out: &mut BytesMut) {
    out.put_slice(if with_will { &[0xe0, 1, 0x04] } else { &[0xe0, 0] });
}
