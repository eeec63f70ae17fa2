//! One connection: everything in, everything out, and nothing in between that waits.
//!
//! ```text
//! orders ──▶ flight ─┐                       ┌─▶ inbox (tried, never awaited)
//! chunks ────────────┼─▶ out ══▶ broker ══▶ ─┼─▶ confirmations to the flight
//! acks ──────────────┘                       └─▶ status
//! ```
//!
//! Promises: reading, writing and the keep-alive never wait for each other nor for the users; a connection
//! on which nothing is heard for 1.5 times the keep-alive is given up, also while a write is stuck.
//! Deliberately absent: connecting, and what is done after the connection.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};

use crate::closing::Bell;
use crate::codec::{self, Decoder, Packet, Parcel, Sent};
use crate::dial::{Connection, Dial, PATIENCE, Wire};
use crate::flight::{Order, SUBSCRIBE_ID, Terms, WINDOW, fit};
use crate::link::{Ack, Event, Incoming, Status};
use crate::run::Runner;
use crate::settings::{LinkSettings, Version};
use crate::why::Why;

/// A connection that lasted so long was a good one.
const STEADY: Duration = Duration::from_secs(1);
/// While so many bytes wait to be written, nothing more is taken from the users.
const HIGH_WATER: usize = 64 << 10;
/// For each of the two steps of a farewell.
const FAREWELL: Duration = Duration::from_secs(1);

/// What belongs to this connection alone.
struct Line {
    terms: Terms,
    epoch: u64,
    decoder: Decoder,
    out: BytesMut,
    /// Something in `out`, or written but not flushed.
    dirty: bool,
    /// Messages from the broker that are not confirmed yet.
    unconfirmed: usize,
    /// Beats since something was heard.
    quiet: u32,
    beat: Interval,
    keep_alive: Duration,
    up: bool,
}

impl<D: Dial> Runner<D> {
    /// Serves until the connection breaks (an error) or the link is closed.
    pub(crate) async fn serve(&mut self, connection: Connection) -> Result<(), Why> {
        let began = Instant::now();
        let Connection { version, welcome, mut reader, decoder, mut writer } = connection;
        while self.chunks.try_recv().is_ok() {
            self.shared.drop_one(); // left from the connection before: nobody waits for it any more
        }
        let max_packet = welcome.max_packet.min(self.settings.max_packet);
        self.shared.limit.store(max_packet, Ordering::Relaxed);
        let epoch = self.shared.epoch.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(seconds) = welcome.session_expiry.filter(|seconds| *seconds < self.settings.session_expiry) {
            tracing::warn!(seconds, wanted = self.settings.session_expiry, "the broker keeps our session for less long");
        }
        let wish = welcome.keep_alive.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into()));
        let keep_alive = wish.unwrap_or(self.settings.keep_alive);
        let mut beat = interval_at(began + keep_alive / 2, keep_alive / 2);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut line = Line {
            terms: Terms {
                version,
                session_present: welcome.session_present,
                max_packet,
                window: usize::from(welcome.receive_maximum).min(WINDOW),
                retains: welcome.retains,
            },
            epoch,
            decoder,
            out: BytesMut::new(),
            dirty: false,
            unconfirmed: 0,
            quiet: 0,
            beat,
            keep_alive,
            up: false,
        };
        let end = self.turn(&mut line, &mut reader, &mut writer).await;
        self.shared.epoch.fetch_add(1, Ordering::Relaxed);
        self.flight.landed(end.as_ref().is_err_and(Why::hung_up));
        if began.elapsed() >= STEADY {
            self.backoff.reset();
        }
        end
    }

    async fn turn(&mut self, line: &mut Line, reader: &mut ReadHalf<Wire>, writer: &mut WriteHalf<Wire>) -> Result<(), Why> {
        if self.filters.is_empty() {
            self.up(line, &[]);
        } else {
            codec::subscribe(line.terms.version, SUBSCRIBE_ID, &self.filters, &mut line.out)?;
        }
        self.flight.send(&line.terms, &mut line.out)?;
        line.dirty = true;
        let up_by = Instant::now() + PATIENCE;
        self.hear(line)?; // what came along with CONNACK
        loop {
            if self.closing.asked() && self.idle() && self.acks.is_empty() && self.chunks.is_empty() && !line.dirty {
                farewell(&self.settings, line, reader, writer).await;
                return Ok(());
            }
            let room = line.out.len() < HIGH_WATER;
            tokio::select! {
                filled = line.decoder.fill(reader) => {
                    filled?;
                    line.quiet = 0;
                    self.hear(line)?;
                }
                written = write(writer, &mut line.out), if line.dirty => {
                    written?;
                    line.dirty = false;
                }
                Some((epoch, id)) = self.acks.recv() => line.confirm(epoch, id),
                Some(chunk) = self.chunks.recv(), if room => line.send_once(&chunk, chunk.expiry())?,
                Some(order) = self.orders.recv(), if room && self.flight.room(&line.terms) => self.take(line, order)?,
                _ = line.beat.tick() => line.beat()?,
                () = sleep_until(up_by), if !line.up => return Err(Why::Silent(PATIENCE)),
                bell = self.closing.bell() => {
                    self.close_inlets();
                    if bell == Bell::Due {
                        farewell(&self.settings, line, reader, writer).await;
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Takes one order in, or ends it at once.
    fn take(&mut self, line: &mut Line, order: Order) -> Result<(), Why> {
        if order.parcel.wants_confirmation() {
            self.flight.take(order);
            line.dirty = true;
            return self.flight.send(&line.terms, &mut line.out);
        }
        let how = match fit(&order, &line.terms) {
            Ok(left) => Ok(line.send_once(&order.parcel, left)?),
            Err(error) => Err(error),
        };
        let _nobody_waits = order.reply.send(how);
        Ok(())
    }

    /// Acts on every packet that has come.
    fn hear(&mut self, line: &mut Line) -> Result<(), Why> {
        while let Some(packet) = line.decoder.next()? {
            match packet {
                Packet::Message { id, message } => {
                    let ack = Ack { id, epoch: line.epoch, shared: self.shared.clone(), line: self.acks_in.clone() };
                    self.deliver(line, id, Event::Message(Incoming { message, ack }))?;
                }
                Packet::TooLarge { id, topic, bytes } => {
                    tracing::warn!(%topic, bytes, limit = self.settings.max_packet, "threw a message away: too large");
                    if id != 0 {
                        codec::puback(id, &mut line.out); // or it would come again for ever
                        line.dirty = true;
                    }
                    self.deliver(line, 0, Event::TooLarge { topic, bytes })?;
                }
                Packet::Confirmed { id, code } => {
                    self.flight.confirmed(id, code);
                    self.flight.send(&line.terms, &mut line.out)?;
                    line.dirty = true;
                }
                Packet::Subscribed(granted) => self.up(line, &granted),
                Packet::Pong => {}
                Packet::Bye(code) => return Err(Why::from_code(code)),
                other => return Err(Why::Protocol(format!("{other:?} in the middle of a connection"))),
            }
        }
        Ok(())
    }

    /// Hands an event to the users without waiting. QoS 0 (`id` 0) is dropped if they are slow; a message at QoS 1
    /// is not, and stays with the broker.
    fn deliver(&mut self, line: &mut Line, id: u16, event: Event) -> Result<(), Why> {
        line.unconfirmed += usize::from(id != 0);
        if line.unconfirmed > self.held {
            return Err(Why::Overrun);
        }
        match self.inbox.try_send(event) {
            Ok(()) => Ok(()),
            Err(_) if self.inbox.is_closed() || id == 0 => {
                self.shared.drop_one();
                Ok(())
            }
            Err(_) => Err(Why::Overrun),
        }
    }

    fn up(&self, line: &mut Line, granted: &[bool]) {
        let refused: Vec<String> =
            self.filters.iter().zip(granted).filter(|(_, granted)| !**granted).map(|((filter, _), _)| filter.clone()).collect();
        let Terms { version, session_present, max_packet, .. } = line.terms;
        if !refused.is_empty() {
            tracing::warn!(?refused, "the broker refuses subscriptions: see its access rules");
        }
        tracing::info!(broker = %self.settings.host, ?version, session_present, max_packet, "link up");
        line.up = true;
        self.status.send_replace(Some(Status::Up { version, session_present, max_packet, refused }));
    }
}

impl Line {
    fn confirm(&mut self, epoch: u64, id: u16) {
        if epoch == self.epoch {
            codec::puback(id, &mut self.out);
            self.unconfirmed = self.unconfirmed.saturating_sub(1);
            self.dirty = true;
        }
    }

    fn send_once(&mut self, parcel: &Parcel, left: Option<u32>) -> Result<(), Why> {
        self.dirty = true;
        let sent = Sent { id: 0, again: false, retain: self.terms.retains };
        parcel.encode(self.terms.version, sent, left, &mut self.out)
    }

    /// Every half keep-alive: pings, and gives up at the third without an answer.
    fn beat(&mut self) -> Result<(), Why> {
        self.quiet += 1;
        if self.quiet > 2 {
            return Err(Why::Silent(self.keep_alive + self.keep_alive / 2));
        }
        codec::ping(&mut self.out);
        self.dirty = true;
        Ok(())
    }
}

/// Writes all of `out` and flushes. May be dropped and called again.
async fn write(writer: &mut (impl AsyncWrite + Unpin), out: &mut BytesMut) -> Result<(), Why> {
    let broken = |error| Why::from_io(&error, true);
    while !out.is_empty() {
        if writer.write_buf(out).await.map_err(broken)? == 0 {
            return Err(Why::Closed("while writing".into()));
        }
    }
    writer.flush().await.map_err(broken)
}

/// Says goodbye so that the broker keeps the will to itself, and waits for it to close: closing first could
/// destroy what is still on its way to it.
async fn farewell(settings: &LinkSettings, line: &mut Line, reader: &mut ReadHalf<Wire>, writer: &mut WriteHalf<Wire>) {
    let with_will = settings.will_on_close;
    if !with_will || line.terms.version == Version::V5 {
        codec::disconnect(with_will, &mut line.out);
    }
    let leave = async {
        write(writer, &mut line.out).await.ok()?;
        writer.shutdown().await.ok()
    };
    if timeout(FAREWELL, leave).await.is_ok() {
        let mut rest = [0; 1024];
        let drained = async { while reader.read(&mut rest).await.is_ok_and(|count| count > 0) {} };
        let _patience_ends = timeout(FAREWELL, drained).await;
    }
    tracing::info!(broker = %settings.host, "link closed");
}
