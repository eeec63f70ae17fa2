//! Between the house and the broker: arrivals in, letters out, and the status that others see.
//!
//! Promises: `online` is retained once connected, `offline` by the will or at closing; what a broker that forgot must
//! know (retained states) is told it again.
//! Deliberately absent: what the bytes mean.

use std::{collections::BTreeMap, path::Path, time::Duration};

use hob_mqtt::{
    Event, Events, Identity, Link, LinkSettings, Login, Message, PrivateBroker, Probe, Properties, Qos, Roots, Secret, Tls,
    Version, Versions, probe,
};
use hob_wire::{properties, state::Status, topics::Topics};
use tokio::sync::mpsc;

use crate::{
    messages::{Arrival, Letter},
    settings::{Mqtt, Settings},
};

/// Where the broker is, and the child that it is, if it is ours.
pub struct Found {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// A broker that ends with us.
    pub child: Option<PrivateBroker>,
}

/// Why there is no broker to use.
#[derive(Debug, thiserror::Error)]
pub enum BrokerTrouble {
    /// None could be started.
    #[error("no broker is configured (mqtt.host), none listens on localhost:{port}, and none can be started: {cause}")]
    NoneStarted {
        /// The port that was tried.
        port: u16,
        /// Why not.
        cause: hob_mqtt::child::BrokerError,
    },
    /// Something else sits there.
    #[error("localhost:{0} is taken by something that is no MQTT broker; name the broker in mqtt.host, or another mqtt.port")]
    NotABroker(u16),
    /// The password cannot be read.
    #[error("mqtt.password_file {file}: {why}")]
    Password {
        /// Which.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The link settings cannot be.
    #[error(transparent)]
    Settings(#[from] hob_mqtt::BadSettings),
}

/// The configured broker, else the one on localhost, else a private child.
///
/// # Errors
///
/// [`BrokerTrouble`] if there is none and none can be started.
pub async fn find(settings: &Settings) -> Result<Found, BrokerTrouble> {
    let port = settings.mqtt.port;
    if let Some(host) = settings.mqtt.host.clone() {
        return Ok(Found { host, port, child: None });
    }
    let here = if port == 0 { Probe::Nobody } else { probe("127.0.0.1", port, Duration::from_secs(2)).await };
    match here {
        Probe::Broker => {
            tracing::info!(port, "using the broker on localhost");
            Ok(Found { host: "127.0.0.1".into(), port, child: None })
        }
        Probe::Other => Err(BrokerTrouble::NotABroker(port)),
        Probe::Nobody => {
            let dir = settings.state_dir().join("broker");
            let child = PrivateBroker::start(dir, port).await.map_err(|cause| BrokerTrouble::NoneStarted { port, cause })?;
            let port = child.port();
            tracing::info!(port, "started a private broker on loopback");
            Ok(Found { host: "127.0.0.1".into(), port, child: Some(child) })
        }
    }
}

/// The settings of a link to this broker.
///
/// # Errors
///
/// [`BrokerTrouble::Password`] if the file cannot be read or is open to others.
pub fn link_settings(mqtt: &Mqtt, host: &str, port: u16, client_id: &str) -> Result<LinkSettings, BrokerTrouble> {
    let login = match (&mqtt.username, &mqtt.password_file) {
        (Some(user), Some(file)) => Some(Login { user: user.clone(), password: Secret::new(secret(file)?) }),
        _ => None,
    };
    let identity = mqtt.cert_file.clone().zip(mqtt.key_file.clone()).map(|(cert, key)| Identity { cert, key });
    let roots = mqtt.ca_file.clone().map_or(Roots::System, Roots::File);
    let versions = match mqtt.version.as_str() {
        "5" => Versions::Only(Version::V5),
        "3.1.1" => Versions::Only(Version::V311),
        _ => Versions::Auto,
    };
    Ok(LinkSettings {
        login,
        tls: mqtt.tls.then_some(Tls { roots, identity }),
        keep_alive: Duration::from_secs(mqtt.keep_alive_s),
        session_expiry: mqtt.session_s,
        versions,
        ..LinkSettings::new(host, port, client_id)
    })
}

/// A secret out of a file that nobody else may read.
fn secret(file: &Path) -> Result<String, BrokerTrouble> {
    use std::os::unix::fs::PermissionsExt;
    let trouble = |why: String| BrokerTrouble::Password { file: file.display().to_string(), why };
    let mode = std::fs::metadata(file).map_err(|error| trouble(error.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(trouble(format!("others may read it (mode {:o}); chmod 600 it", mode & 0o777)));
    }
    let text = std::fs::read_to_string(file).map_err(|error| trouble(error.to_string()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Opens the daemon's link: its subscriptions, and the will that says `offline`.
///
/// # Errors
///
/// [`BrokerTrouble`] if the settings cannot be.
pub fn open(mqtt: &Mqtt, found: &Found, topics: &Topics) -> Result<(Link, Events), BrokerTrouble> {
    let client_id = format!("hob-{}", topics.device());
    let settings =
        LinkSettings { will: Some(status(topics, Status::Offline)), ..link_settings(mqtt, &found.host, found.port, &client_id)? };
    let filters = topics.filters().into_iter().map(|filter| (filter, Qos::AtLeastOnce)).collect();
    Ok(Link::open(settings, filters)?)
}

fn status(topics: &Topics, status: Status) -> Message {
    let properties = Properties { content_type: Some(properties::TEXT.into()), payload_is_utf8: true, ..Properties::default() };
    Message { qos: Qos::AtLeastOnce, retain: true, properties, ..Message::new(topics.status(), status.as_str()) }
}

/// What the carrier tells `health`.
pub type Health = Box<dyn FnMut(&str) + Send + Sync>;

/// Carries until the house lets go of `letters`, then says goodbye within `grace`.
pub async fn carry(
    link: Link,
    mut events: Events,
    arrivals: mpsc::Sender<Arrival>,
    mut letters: mpsc::Receiver<Letter>,
    topics: Topics,
    grace: Duration,
    mut health: Health,
) {
    let mut kept: BTreeMap<String, Letter> = BTreeMap::new();
    let mut waiting: Option<Arrival> = None;
    loop {
        tokio::select! {
            biased;
            letter = letters.recv() => match letter {
                Some(letter) => {
                    if letter.retain {
                        kept.insert(letter.topic.clone(), letter.clone());
                    }
                    post(&link, letter).await;
                }
                None => break,
            },
            permit = arrivals.reserve(), if waiting.is_some() => match (permit, waiting.take()) {
                (Ok(permit), Some(arrival)) => permit.send(arrival),
                // The intake has ended: what is not confirmed stays with the broker.
                _ => drop(waiting.take()),
            },
            Some(event) = events.recv(), if waiting.is_none() => match event {
                Event::Message(incoming) => waiting = (!arrivals.is_closed()).then(|| arrival(incoming)),
                event => hear(&link, event, &topics, &kept, &mut health).await,
            },
        }
    }
    let _posted = link.publish(status(&topics, Status::Offline)).await;
    let left = link.close(grace).await;
    if left > 0 {
        tracing::warn!(left, "messages could not be delivered before closing");
    }
}

async fn hear(link: &Link, event: Event, topics: &Topics, kept: &BTreeMap<String, Letter>, health: &mut Health) {
    match event {
        Event::Up { version, session_present, refused, .. } => {
            tracing::info!(?version, session_present, "connected to the broker");
            for filter in refused {
                tracing::error!(filter, "the broker refused a subscription: see its access rules");
            }
            health("connected; ready for prompts");
            if let Err(error) = link.publish(status(topics, Status::Online)).await {
                tracing::warn!(%error, "the status could not be published");
            }
            if !session_present {
                for letter in kept.values().cloned() {
                    post(link, letter).await;
                }
            }
        }
        Event::Down { why, again_in } => {
            health("no broker");
            tracing::warn!(%why, remedy = why.remedy(), again_in_ms = again_in.as_millis(), "no connection to the broker");
        }
        Event::TooLarge { topic, bytes } => {
            tracing::warn!(topic, bytes, "a message was too large and is dropped; MQTT 3.1.1 cannot tell its sender");
        }
        _ => {}
    }
}

fn arrival(incoming: hob_mqtt::Incoming) -> Arrival {
    let hob_mqtt::Incoming { message, ack } = incoming;
    let from = message.properties;
    let properties = properties::Properties {
        utf8: from.payload_is_utf8,
        content_type: from.content_type,
        response_topic: from.response_topic,
        correlation: from.correlation_data,
        message_expiry: from.message_expiry,
        user: from.user,
    };
    let ack = Box::new(move || ack.done());
    Arrival { topic: message.topic, payload: message.payload, retained: message.retain, properties, ack }
}

async fn post(link: &Link, letter: Letter) {
    let message = message(letter);
    let topic = message.topic.clone();
    if message.qos == Qos::AtMostOnce {
        // Pieces and telemetry: dropped when the link is down or busy, by design.
        let _dropped = link.try_publish(message);
        return;
    }
    match link.publish(message).await {
        Ok(delivery) => drop(tokio::spawn(async move {
            if let Err(error) = delivery.await {
                tracing::warn!(topic, %error, "a message was not delivered");
            }
        })),
        Err(error) => tracing::warn!(topic, %error, "a message could not be sent"),
    }
}

/// A letter as the link takes it.
#[must_use]
pub fn message(letter: Letter) -> Message {
    let from = letter.properties;
    let properties = Properties {
        response_topic: from.response_topic,
        correlation_data: from.correlation,
        message_expiry: from.message_expiry,
        content_type: from.content_type,
        payload_is_utf8: from.utf8,
        user: from.user,
    };
    let qos = if letter.sure { Qos::AtLeastOnce } else { Qos::AtMostOnce };
    Message { qos, retain: letter.retain, properties, ..Message::new(letter.topic, letter.payload) }
}
