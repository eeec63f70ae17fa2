//! The scripted broker: the other end of every pipe that the link opens.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

use crate::dial::{Dial, Wire};
use crate::*;

/// Hands the other end of every pipe to the test.
struct Pipes(mpsc::Sender<DuplexStream>);

impl Dial for Pipes {
    async fn dial(&mut self, _: &LinkSettings) -> Result<Wire, Why> {
        let (ours, theirs) = duplex(4 << 10);
        let nobody = |_| Why::Unreachable("nobody accepts".into());
        self.0.send(theirs).await.map_err(nobody)?;
        Ok(Box::new(ours))
    }
}

/// The broker's side of one connection.
pub(super) struct Peer(DuplexStream, BytesMut);

pub(super) const CONNECT: u8 = 0x10;
pub(super) const PUBACK: u8 = 0x40;
pub(super) const SUBSCRIBE: u8 = 0x82;
pub(super) const DISCONNECT: u8 = 0xe0;
pub(super) const WELCOME_V5: &[u8] = &[0x20, 3, 0, 0, 0];

impl Peer {
    /// The next packet but pings, which are answered: first byte and body.
    pub(super) async fn hears(&mut self) -> (u8, Vec<u8>) {
        loop {
            let packet = self.takes().await.expect("the link hung up");
            if packet.0 != 0xc0 {
                return packet;
            }
            self.says(&[0xd0, 0]).await;
        }
    }

    pub(super) async fn takes(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let mut length = 0;
            let header = self.1.iter().skip(1).take(4).enumerate().find_map(|(index, byte)| {
                length += usize::from(byte & 0x7f) << (7 * index);
                (byte & 0x80 == 0).then_some(index + 2)
            });
            if let Some(header) = header
                && self.1.len() >= header + length
            {
                let mut packet = self.1.split_to(header + length);
                let first = packet[0];
                packet.advance(header);
                return Some((first, packet.to_vec()));
            }
            if self.0.read_buf(&mut self.1).await.ok()? == 0 {
                return None;
            }
        }
    }

    pub(super) async fn says(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Takes CONNECT and SUBSCRIBE, and welcomes.
    pub(super) async fn welcomes(&mut self, welcome: &[u8]) {
        assert_eq!(self.hears().await.0, CONNECT);
        self.says(welcome).await;
        assert_eq!(self.hears().await.0, SUBSCRIBE);
        let granted: &[u8] = if welcome[1] == 2 { &[0x90, 3, 0xff, 0xff, 1] } else { &[0x90, 4, 0xff, 0xff, 0, 1] };
        self.says(granted).await;
    }

    /// The next PUBLISH at QoS 1: its id and the end of it.
    pub(super) async fn hears_message(&mut self) -> (u16, u8) {
        let (first, body) = self.hears().await;
        assert_eq!(first & 0xf6, 0x32, "a PUBLISH at QoS 1, not {first:02x}");
        let topic = usize::from(body[0]) << 8 | usize::from(body[1]);
        (u16::from(body[2 + topic]) << 8 | u16::from(body[3 + topic]), *body.last().unwrap())
    }

    pub(super) async fn confirms(&mut self, id: u16) {
        let [high, low] = id.to_be_bytes();
        self.says(&[PUBACK, 2, high, low]).await;
    }
}

pub(super) struct Stage {
    pub(super) link: Link,
    pub(super) events: Events,
    pipes: mpsc::Receiver<DuplexStream>,
}

pub(super) fn settings() -> LinkSettings {
    LinkSettings { retry_seed: Some(7), ..LinkSettings::new("broker", 1883, "hob-test") }
}

pub(super) fn open(settings: LinkSettings) -> Stage {
    let (give, pipes) = mpsc::channel(1);
    let (link, events) = Link::open_over(Pipes(give), settings, vec![("ask".into(), Qos::AtLeastOnce)]).unwrap();
    Stage { link, events, pipes }
}

impl Stage {
    pub(super) async fn accept(&mut self) -> Peer {
        Peer(self.pipes.recv().await.expect("the link is gone"), BytesMut::new())
    }

    pub(super) async fn up(&mut self) -> (Version, bool, u32) {
        match self.events.recv().await {
            Some(Event::Up { version, session_present, max_packet, .. }) => (version, session_present, max_packet),
            other => panic!("{other:?} instead of Up"),
        }
    }

    pub(super) async fn down(&mut self) -> (Why, Duration) {
        match self.events.recv().await {
            Some(Event::Down { why, again_in }) => (why, again_in),
            other => panic!("{other:?} instead of Down"),
        }
    }

    pub(super) async fn message(&mut self) -> Incoming {
        match self.events.recv().await {
            Some(Event::Message(incoming)) => incoming,
            other => panic!("{other:?} instead of a message"),
        }
    }

    pub(super) async fn connected(welcome: &[u8]) -> (Self, Peer) {
        let mut stage = open(settings());
        let mut peer = stage.accept().await;
        peer.welcomes(welcome).await;
        stage.up().await;
        (stage, peer)
    }
}

/// A PUBLISH at QoS 1 on topic "ask" with one byte of payload, as v5 puts it.
pub(super) fn asked(id: u8, payload: u8) -> Vec<u8> {
    vec![0x32, 9, 0, 3, b'a', b's', b'k', 0, id, 0, payload]
}
