//! A visit to a broker, as any client makes one: to one device there, for as long as a command runs.
//!
//! Deliberately absent: what is asked and heard.

use std::time::Duration;

use anyhow::Context;
use hob_mqtt::{Event, Events, Link, LinkSettings, Qos};
use hob_wire::topics::Topics;
use tokio::time::{Instant, timeout_at};

use super::args::WhereArgs;
use crate::{broker, settings::Settings};

/// How long a device that is there takes to say so.
const LOOK: Duration = Duration::from_secs(5);

/// Which device, and how to reach it.
pub(super) struct Visit {
    link: LinkSettings,
    /// The topics of the device.
    pub(super) topics: Topics,
}

impl Visit {
    /// Finds the device that is meant: the named one, the configured one, or the only one that is online.
    pub(super) async fn to(settings: &Settings, place: &WhereArgs, name: &str) -> anyhow::Result<Self> {
        let host = place.host.clone().or_else(|| settings.mqtt.host.clone()).unwrap_or_else(|| "127.0.0.1".into());
        let port = place.port.unwrap_or(settings.mqtt.port);
        let client_id = format!("hob-{name}-{:08x}", fastrand::u32(..));
        let link = LinkSettings { session_expiry: 0, ..broker::link_settings(&settings.mqtt, &host, port, &client_id)? };
        let device = match place.device.clone().or_else(|| settings.device.id.clone()) {
            Some(device) => device,
            None => find(settings, link.clone()).await.with_context(|| format!("no Hob to be found at {host}:{port}"))?,
        };
        Ok(Self { link, topics: Topics::new(settings.mqtt.prefix.clone(), device)? })
    }

    /// Opens the link, with these subscriptions.
    pub(super) fn open(self, filters: Vec<(String, Qos)>) -> anyhow::Result<(Link, Events, Topics)> {
        let (link, events) = Link::open(self.link, filters)?;
        Ok((link, events, self.topics))
    }
}

/// The one device that is online at this broker.
async fn find(settings: &Settings, mut link: LinkSettings) -> anyhow::Result<String> {
    link.client_id.push_str("-look");
    let filter = format!("{}/+/status", settings.mqtt.prefix);
    let (link, mut events) = Link::open(link, vec![(filter, Qos::AtLeastOnce)])?;
    let until = Instant::now() + LOOK;
    let found = loop {
        match timeout_at(until, events.recv()).await {
            Ok(Some(Event::Message(incoming))) => {
                let online = incoming.message.payload == b"online";
                incoming.ack.done();
                let device = incoming.message.topic.split('/').rev().nth(1).map(str::to_owned);
                if let (true, Some(device)) = (online, device) {
                    break Ok(device);
                }
            }
            Ok(Some(Event::Down { why, .. })) => break Err(anyhow::anyhow!("{why}: {}", why.remedy())),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => {
                break Err(anyhow::anyhow!("none says that it is online; start one with `hob up`, or name it with --device"));
            }
        }
    };
    link.close(Duration::from_secs(1)).await;
    found
}
