//! No sensor: what the board draws, worked out from the CPU time that this process used.
//!
//! ```text
//! P = P_idle + cores busy x P_core x (f / f_max)^2.4
//! ```
//!
//! Promises: the CPU time of all threads since the last reading is in the next one, so none is counted
//! twice or lost. The bound is wide and said to be so; a calibration halves it.
//! Deliberately absent: the work of other processes, screen, radio and USB.

use crate::clock::Clock;
use crate::gain::Gain;
use crate::meter::{Meter, MeterError, Reading, Source};
use crate::open::Absent;
use crate::sysfs;
use hob_core::units::{BasisPoints, Micros, Milliwatts};
use nix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// ±15 %: ±0.5 W of idle spread between boards and their USB devices, ±15 % per core. Engineering
/// judgement.
pub const BOUND: BasisPoints = BasisPoints(1_500);

/// ±7 % after one calibration against a wall meter: the idle draw of this board is then known, the effort
/// of its work is not. Engineering judgement.
pub const CALIBRATED_BOUND: BasisPoints = BasisPoints(700);

/// What the board draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelSettings {
    /// With nothing to do.
    pub idle: Milliwatts,
    /// In addition, for each busy core at full clock.
    pub per_core: Milliwatts,
}

impl Default for ModelSettings {
    /// A Raspberry Pi 4 or 400 without screen: 2.8 W, and 0.83 W for each core.
    ///
    /// # Source
    ///
    /// Published for the Pi 4: 540 mA idle and 1280 mA with four busy cores at 5 V, so 2.7 W and 0.92 W
    /// a core; idle is given as 2.7 to 2.9 W. Cores that wait for memory, as when tokens are made one by
    /// one, draw about 0.73 W (estimated). The mean of both is up to 7 % off either figure.
    fn default() -> Self {
        Self { idle: Milliwatts(2_800), per_core: Milliwatts(830) }
    }
}

/// Asks how much CPU time was used so far.
type CpuTime = Box<dyn FnMut() -> Result<Micros, MeterError> + Send>;

/// The model, with its eye on the clock and on this process.
pub struct Model {
    settings: ModelSettings,
    gain: Option<Gain>,
    cpu_time: CpuTime,
    clock: Clock,
    cpufreq: PathBuf,
    since: (Micros, Micros), // time, CPU time
    last: Reading,
}

impl Model {
    /// Starts from the CPU time used so far.
    ///
    /// # Errors
    ///
    /// [`Absent::Unread`] where a process cannot ask for its CPU time.
    pub fn open(settings: ModelSettings, root: &Path, clock: Clock) -> Result<Self, Absent> {
        Self::over(settings, root, clock, Box::new(process_cpu_time))
    }

    /// The same over a pretended process, which says how much CPU time it has used.
    ///
    /// # Errors
    ///
    /// None: nothing is asked that could fail.
    #[cfg(feature = "fake")]
    pub fn pretending(
        settings: ModelSettings,
        clock: Clock,
        mut used: impl FnMut() -> Micros + Send + 'static,
    ) -> Result<Self, Absent> {
        Self::over(settings, Path::new("/nonexistent"), clock, Box::new(move || Ok(used())))
    }

    fn over(settings: ModelSettings, root: &Path, clock: Clock, mut cpu_time: CpuTime) -> Result<Self, Absent> {
        let since = (clock(), cpu_time()?);
        let cpufreq = root.join("sys/devices/system/cpu/cpufreq/policy0");
        let last = Reading::plain(settings.idle, Micros::ZERO);
        Ok(Self { settings, gain: None, cpu_time, clock, cpufreq, since, last })
    }

    /// Multiplies what it says, once this board was compared with a meter.
    #[must_use]
    pub fn calibrated(self, gain: Option<Gain>) -> Self {
        Self { gain, ..self }
    }

    /// What it takes a board with nothing to do to draw.
    pub(crate) const fn idle(&self) -> Milliwatts {
        self.settings.idle
    }

    /// The present clock as a share of the highest; all of it when the kernel does not say.
    fn speed(&self) -> BasisPoints {
        let hertz = |file: &str| sysfs::number::<u64>(&self.cpufreq.join(file)).ok();
        let share =
            hertz("scaling_cur_freq").zip(hertz("cpuinfo_max_freq")).and_then(|(now, most)| (now * 10_000).checked_div(most));
        BasisPoints(share.and_then(|share| u32::try_from(share.min(10_000)).ok()).unwrap_or(10_000))
    }
}

impl Meter for Model {
    fn read(&mut self) -> Result<Reading, MeterError> {
        let now = ((self.clock)(), (self.cpu_time)()?);
        let (window, busy) = (now.0.minus(self.since.0), now.1.minus(self.since.1));
        let Some(cores) = (u128::from(busy.0) * 10_000).checked_div(u128::from(window.0)) else {
            return Ok(Reading { fresh: false, ..self.last });
        };
        let share = u128::from(effort(self.speed()).0);
        let working = u128::from(self.settings.per_core.0) * cores * share / 100_000_000;
        let power = self.settings.idle.plus(Milliwatts(u32::try_from(working).unwrap_or(u32::MAX)));
        let power = self.gain.map_or(power, |gain| gain.of(power));
        self.since = now;
        self.last = Reading::plain(power, window);
        Ok(self.last)
    }

    fn source(&self) -> Source {
        Source::Model
    }

    fn bound(&self) -> BasisPoints {
        if self.gain.is_some() { CALIBRATED_BOUND } else { BOUND }
    }
}

/// CPU time that all threads of this process have used, the ended ones included.
fn process_cpu_time() -> Result<Micros, MeterError> {
    let used = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .map_err(|errno| MeterError::Unreadable { path: "CLOCK_PROCESS_CPUTIME_ID".into(), cause: errno.into() })?;
    Ok(Micros(u64::try_from(Duration::from(used).as_micros()).unwrap_or(u64::MAX)))
}

/// `share` to the power of 2.4, from a table by tenths; straight lines between err by under 0.4 % of all.
fn effort(share: BasisPoints) -> BasisPoints {
    const BY_TENTHS: [u32; 11] = [0, 40, 210, 556, 1_109, 1_895, 2_935, 4_248, 5_854, 7_766, 10_000];
    let share = share.0.min(10_000);
    let mut steps = BY_TENTHS.windows(2).skip(usize::try_from(share / 1_000).unwrap_or_default());
    match steps.next() {
        Some([low, high]) => BasisPoints(low + (high - low) * (share % 1_000) / 1_000),
        _ => BasisPoints(10_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;
    use crate::sysfs::plant;
    use hob_core::units::PartsPerMillion;
    use std::hint::black_box;

    const BEAT: Micros = Micros(50_000);

    /// A model whose process keeps so many cores busy, in hundredths.
    fn busy(root: &Path, percent: u64) -> (Model, HandClock) {
        let time = HandClock::default();
        let clock = time.clock();
        let used = Box::new(move || Ok(Micros(clock().0 * percent / 100)));
        (Model::over(ModelSettings::default(), root, time.clock(), used).unwrap(), time)
    }

    #[test]
    #[rustfmt::skip]
    fn the_draw_is_idle_plus_busy_cores_by_their_clock() {
        let table = [
            // % of a core  kHz now        mW      what the row is for
            (    0,         None,          2_800,  "idle"),
            (  100,         None,          3_630,  "one core, clock unknown"),
            (  400,         Some("1800000"), 6_120,  "four cores"),
            (  400,         Some("900000"),  3_429,  "at half the clock: 0.19 of the effort"),
            (  400,         Some("600000"),  3_045,  "a third, between two entries of the table"),
        ];
        for (percent, kilohertz, milliwatts, why) in table {
            let root = plant(&[]);
            if let Some(kilohertz) = kilohertz {
                let folder = root.path().join("sys/devices/system/cpu/cpufreq/policy0");
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join("scaling_cur_freq"), kilohertz).unwrap();
                std::fs::write(folder.join("cpuinfo_max_freq"), "1800000\n").unwrap();
            }
            let (mut model, time) = busy(root.path(), percent);
            time.turn(BEAT);
            assert_eq!(model.read().unwrap(), Reading::plain(Milliwatts(milliwatts), BEAT), "{why}");
        }
    }

    #[test]
    fn a_calibrated_model_multiplies_what_it_says_and_is_bound_closer() {
        let root = plant(&[]);
        let (model, time) = busy(root.path(), 100);
        assert_eq!(model.bound(), BasisPoints(1_500));
        let mut model = model.calibrated(Gain::new(PartsPerMillion(1_100_000)).ok());
        time.turn(BEAT);
        assert_eq!((model.read().unwrap().power, model.bound()), (Milliwatts(3_993), BasisPoints(700)));
    }

    #[test]
    fn no_time_is_no_new_reading() {
        let root = plant(&[]);
        let (mut model, time) = busy(root.path(), 100);
        assert!(!model.read().unwrap().fresh);
        time.turn(BEAT);
        assert!(model.read().unwrap().fresh);
        assert_eq!(model.read().unwrap(), Reading { fresh: false, ..Reading::plain(Milliwatts(3_630), BEAT) });
    }

    #[test]
    fn the_work_of_every_thread_is_in_the_cpu_time() {
        let before = process_cpu_time().unwrap();
        let worker = std::thread::spawn(|| {
            black_box((0..3_000_000_u64).fold(0, |sum, x| black_box(sum ^ x)));
            Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap()).as_micros()
        });
        let its_share = worker.join().unwrap();
        assert!(u128::from(process_cpu_time().unwrap().minus(before).0) >= its_share);
    }

    #[test]
    fn effort_follows_the_power_of_two_point_four() {
        for share in (0..=10_000).step_by(7) {
            let exact = (f64::from(share) / 10_000.0).powf(2.4) * 10_000.0;
            let found = f64::from(effort(BasisPoints(share)).0);
            assert!((found - exact).abs() < 45.0, "{found} for {exact}");
        }
    }
}
