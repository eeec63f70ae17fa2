//! Source: the meter, twenty times a second, on a thread of its own.
//!
//! Deliberately absent: accounts (`gauge`).

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use hob_hal::meter::{Meter, MeterError};

use crate::gauge::Gauge;

/// Faster than the sensor's 14.6 conversions a second, so that none is missed.
const BEAT: Duration = Duration::from_millis(50);

/// Runs until `stop` is dropped. A reading that is missing is made up for by the next.
pub(crate) fn run(mut meter: Box<dyn Meter>, gauge: &Gauge, stop: &Receiver<()>) {
    let mut silent = false;
    while stop.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
        match meter.read() {
            Ok(reading) => {
                if std::mem::take(&mut silent) {
                    tracing::info!("the power meter is back");
                }
                if reading.sensor_reset {
                    tracing::warn!("the power meter had lost its configuration (a brown-out?) and has got it again");
                }
                if reading.clipped {
                    tracing::debug!("the draw is past the power meter's range");
                }
                if reading.fresh {
                    gauge.read(reading.power, reading.window);
                }
            }
            Err(MeterError::NotReady) => {}
            Err(error) if !silent => {
                silent = true;
                tracing::warn!(%error, "the power meter is silent; energy goes on at the last draw");
            }
            Err(_) => {}
        }
    }
}

/// Starts the thread. Dropping the sender ends it.
pub(crate) fn start(meter: Box<dyn Meter>, gauge: Arc<Gauge>) -> std::io::Result<std::sync::mpsc::SyncSender<()>> {
    let (stop, stopped) = std::sync::mpsc::sync_channel(1);
    std::thread::Builder::new().name("hob-meter".into()).spawn(move || run(meter, &gauge, &stopped))?;
    Ok(stop)
}
