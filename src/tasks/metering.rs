//! Source: the meter, twenty times a second, on a thread of its own.
//!
//! Promise: what befalls the sensor is told once when it begins, and once when it is over.
//! Deliberately absent: accounts (`gauge`).

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hob_core::units::Micros;
use hob_engine::Gauges;
use hob_hal::meter::{Meter, MeterError, Reading};
use hob_wire::event::MeterCode;
use tokio::sync::mpsc::Sender;

use crate::gauge::Gauge;

/// Faster than the sensor's 14.6 conversions a second, so that none is missed.
const BEAT: Duration = Duration::from_millis(50);
/// The civil clock and ours may drift apart by so much between two beats before that is a jump.
const JUMP: Micros = Micros(5_000_000);

/// What befell the meter, for programs and for people.
pub type Trouble = (MeterCode, String);

/// Runs until `stop` is dropped. A reading that is missing is made up for by the next.
pub(crate) fn run(mut meter: Box<dyn Meter>, gauge: &Gauge, troubles: &Sender<Trouble>, stop: &Receiver<()>) {
    let mut watch = Watch { troubles, silent: false, clipped: false, civil: None };
    while stop.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
        watch.clock(gauge.now());
        match meter.read() {
            Ok(reading) => {
                watch.good(&reading);
                gauge.read(&reading);
            }
            Err(MeterError::NotReady) => {}
            Err(error) => {
                gauge.lost();
                watch.bad(&error);
            }
        }
    }
}

/// Tells of changes, not of states.
struct Watch<'a> {
    troubles: &'a Sender<Trouble>,
    silent: bool,
    clipped: bool,
    /// The civil clock less ours, at the last beat, in microseconds.
    civil: Option<i128>,
}

impl Watch<'_> {
    fn good(&mut self, reading: &Reading) {
        if std::mem::take(&mut self.silent) {
            self.tell(MeterCode::SensorFound, "the power meter is back; what was missed is interpolated and marked".into());
        }
        if reading.sensor_reset {
            let text = "the power meter had lost its configuration (a brown-out?) and has got it again; bills of the last 10 s are marked";
            self.tell(MeterCode::SensorReset, text.into());
        }
        if reading.clipped && !self.clipped {
            self.tell(
                MeterCode::Clipped,
                "the draw is past the power meter's range: bills are too low, and marked; use a smaller shunt".into(),
            );
        }
        self.clipped = reading.clipped;
    }

    fn bad(&mut self, error: &MeterError) {
        if !std::mem::replace(&mut self.silent, true) {
            let code = if matches!(error, MeterError::Backwards(_)) { MeterCode::Backwards } else { MeterCode::SensorLost };
            self.tell(code, format!("{error}; energy goes on at the last draw, and bills say how long was not measured"));
        }
    }

    /// Energy goes by the monotonic clock; a jump of the civil one is told, for time stamps go by that.
    fn clock(&mut self, now: Micros) {
        let civil = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let ahead = i128::try_from(civil).unwrap_or(0) - i128::from(now.0);
        let before = self.civil.replace(ahead).unwrap_or(ahead);
        let jump = ahead - before;
        if jump.unsigned_abs() > u128::from(JUMP.0) {
            let seconds = jump / 1_000_000;
            self.tell(
                MeterCode::ClockJump,
                format!("the clock was set by {seconds} s; energy and deadlines go by another clock and are right"),
            );
        }
    }

    fn tell(&self, code: MeterCode, text: String) {
        tracing::warn!(?code, text, "power meter");
        // A full channel means that nobody listens; the log has it.
        let _full = self.troubles.try_send((code, text));
    }
}

/// Starts the thread. Dropping the sender ends it.
pub(crate) fn start(
    meter: Box<dyn Meter>,
    gauge: Arc<Gauge>,
    troubles: Sender<Trouble>,
) -> std::io::Result<std::sync::mpsc::SyncSender<()>> {
    let (stop, stopped) = std::sync::mpsc::sync_channel(1);
    std::thread::Builder::new().name("hob-meter".into()).spawn(move || run(meter, &gauge, &troubles, &stopped))?;
    Ok(stop)
}
