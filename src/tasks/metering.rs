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

/// The same trouble is not told again for so long.
const HUSH: Micros = Micros(60_000_000);

/// What befell the meter, for programs and for people.
pub type Trouble = (MeterCode, String);

/// Runs until `stop` is dropped. A reading that is missing is made up for by the next.
pub(crate) fn run(mut meter: Box<dyn Meter>, gauge: &Gauge, troubles: &Sender<Trouble>, stop: &Receiver<()>) {
    let mut watch = Watch { troubles, told_silent: false, silent: None, clipped: None, civil: None };
    while stop.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
        let civil = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        watch.clock(civil, gauge.now());
        match meter.read() {
            Ok(reading) => {
                watch.good(&reading, gauge.now());
                gauge.read(&reading);
            }
            Err(MeterError::NotReady) => {}
            Err(error) => {
                gauge.lost();
                watch.bad(&error, gauge.now());
            }
        }
    }
}

/// Tells of changes, not of states.
struct Watch<'a> {
    troubles: &'a Sender<Trouble>,
    /// It is silent, and that was told.
    told_silent: bool,
    /// When it was last told.
    silent: Option<Micros>,
    /// When clipping was last told: a draw that hovers at the end of the range would tell all the time.
    clipped: Option<Micros>,
    /// The civil clock less ours, at the last beat, in microseconds.
    civil: Option<i128>,
}

impl Watch<'_> {
    fn good(&mut self, reading: &Reading, now: Micros) {
        if std::mem::take(&mut self.told_silent) {
            self.tell(MeterCode::SensorFound, "the power meter is back; what was missed is interpolated and marked".into());
        }
        if reading.sensor_reset {
            let text = "the power meter had lost its configuration (a brown-out?) and has got it again; bills of the last 10 s are marked";
            self.tell(MeterCode::SensorReset, text.into());
        }
        if reading.clipped && self.clipped.is_none_or(|told| now.minus(told) > HUSH) {
            self.clipped = Some(now);
            self.tell(
                MeterCode::Clipped,
                "the draw is past the power meter's range: bills are too low, and marked; use a smaller shunt".into(),
            );
        }
    }

    /// A loose wire comes and goes: it is told once in a while.
    fn bad(&mut self, error: &MeterError, now: Micros) {
        if !self.told_silent && self.silent.is_none_or(|told| now.minus(told) > HUSH) {
            (self.told_silent, self.silent) = (true, Some(now));
            let code = if matches!(error, MeterError::Backwards(_)) { MeterCode::Backwards } else { MeterCode::SensorLost };
            self.tell(code, format!("{error}; energy goes on at the last draw, and bills say how long was not measured"));
        }
    }

    /// Energy goes by the monotonic clock; a jump of the civil one is told, for time stamps go by that.
    fn clock(&mut self, civil: u128, now: Micros) {
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

#[cfg(test)]
mod tests {
    use hob_core::units::Milliwatts;

    use super::*;

    fn told(troubles: &mut tokio::sync::mpsc::Receiver<Trouble>) -> Vec<MeterCode> {
        std::iter::from_fn(|| troubles.try_recv().ok()).map(|(code, _)| code).collect()
    }

    #[test]
    fn what_befalls_the_sensor_is_told_when_it_begins_and_when_it_is_over_and_not_all_the_time() {
        let (tell, mut hear) = tokio::sync::mpsc::channel(16);
        let mut watch = Watch { troubles: &tell, told_silent: false, silent: None, clipped: None, civil: None };
        let fine = Reading::plain(Milliwatts(3_000), Micros(68_100));
        let second = |number: u64| Micros(number * 1_000_000);
        let lost = MeterError::Nonsense { address: 0x40 };
        watch.good(&fine, second(1));
        watch.bad(&lost, second(2));
        watch.bad(&lost, second(3));
        watch.good(&fine, second(4));
        watch.bad(&lost, second(5));
        watch.good(&fine, second(6));
        assert_eq!(told(&mut hear), [MeterCode::SensorLost, MeterCode::SensorFound], "a loose wire is told once a minute");
        watch.bad(&lost, second(90));
        watch.good(&Reading { sensor_reset: true, ..fine }, second(91));
        let hovering = Reading { clipped: true, ..fine };
        (92..130).for_each(|number| watch.good(if number % 2 == 0 { &hovering } else { &fine }, second(number)));
        let expected = [MeterCode::SensorLost, MeterCode::SensorFound, MeterCode::SensorReset, MeterCode::Clipped];
        assert_eq!(told(&mut hear), expected);
    }

    #[test]
    fn a_clock_that_is_set_is_told_and_one_that_runs_is_not() {
        let (tell, mut hear) = tokio::sync::mpsc::channel(16);
        let mut watch = Watch { troubles: &tell, told_silent: false, silent: None, clipped: None, civil: None };
        let hour = 3_600_000_000;
        watch.clock(1_000_000_000, Micros(0));
        watch.clock(1_000_050_000, Micros(50_000));
        assert_eq!(told(&mut hear), []);
        watch.clock(1_000_100_000 + hour, Micros(100_000));
        watch.clock(1_000_150_000 + hour, Micros(150_000));
        watch.clock(1_000_200_000, Micros(200_000));
        assert_eq!(told(&mut hear), [MeterCode::ClockJump; 2], "forward and back, once each");
    }
}
