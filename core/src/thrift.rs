//! What to switch off while nobody asks anything.
//!
//! ```text
//! how long idle, what is expected ─┐
//! the owner's rules ───────────────┼─▶ decide ─▶ every step on offer: taken or not, and why
//! steps on offer, with their wake ─┘
//! ```
//!
//! Idling takes most of a board's joules, so what is saved there counts for more than any choice of
//! level. What a step saves is not guessed here: it is for the meter to show, with the steps on and off.
//!
//! Promises: the moment a prompt is there, no step is taken; a step that takes longer to undo than the
//! owner allows is never taken; waiting longer never takes fewer steps.
//! Deliberately absent: doing it and undoing it (`hob-hal`), unloading (the desk's task), the clock.

use crate::units::{Microjoules, Micros, Millis, Milliwatts};

#[cfg(test)]
mod tests;

/// Something that can be switched off and on again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepName {
    /// The board's lamps.
    Leds,
    /// The HDMI output.
    Screen,
    /// USB devices that nobody reads may sleep.
    UsbSleep,
    /// The radio sleeps between beacons.
    WifiSleep,
    /// The processor stays at its lowest clock.
    SlowClock,
    /// All cores but the first are taken off.
    ParkCores,
    /// The model leaves memory.
    Unload,
}

impl StepName {
    /// All of them, in the order in which they are taken.
    pub const ALL: [Self; 7] =
        [Self::Leds, Self::Screen, Self::UsbSleep, Self::WifiSleep, Self::SlowClock, Self::ParkCores, Self::Unload];

    /// The word in settings and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leds => "leds",
            Self::Screen => "screen",
            Self::UsbSleep => "usb_sleep",
            Self::WifiSleep => "wifi_sleep",
            Self::SlowClock => "slow_clock",
            Self::ParkCores => "park_cores",
            Self::Unload => "unload",
        }
    }
}

/// The owner's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThriftRules {
    /// Steps that may be taken at all.
    pub steps: Vec<StepName>,
    /// Nothing is switched off before the desk has been empty for so long.
    pub after: Millis,
    /// No step may take longer to undo.
    pub longest_wake: Millis,
    /// The model stays at least so long, whatever it costs.
    pub keep_alive: Millis,
    /// What a loaded model draws although it does nothing. As good as nothing: memory is refreshed
    /// whether a model is in it or not.
    pub residency: Milliwatts,
}

impl Default for ThriftRules {
    /// Nothing that anybody could miss: no screen, no parked cores, no unloading unless it is asked for.
    /// A minute is longer than most pauses in a conversation; half a second is not noticed before an answer
    /// of many; 5 min is the usual keep-alive of local model servers.
    fn default() -> Self {
        Self {
            steps: vec![StepName::Leds, StepName::UsbSleep, StepName::WifiSleep, StepName::SlowClock],
            after: Millis(60_000),
            longest_wake: Millis(500),
            keep_alive: Millis(300_000),
            residency: Milliwatts::ZERO,
        }
    }
}

/// A step that this board can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Which.
    pub step: StepName,
    /// How long it takes to undo.
    pub wake: Millis,
}

/// What stands on the desk, and what a model costs that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pause {
    /// How long nothing has been asked or answered; zero while something is.
    pub idle_for: Micros,
    /// How long until the next prompt, on the average of what was learned; absent while nothing was.
    pub next_in: Option<Micros>,
    /// What loading the model again takes.
    pub reload: Microjoules,
    /// Somebody else waits for the memory.
    pub memory_wanted: bool,
}

/// Why a step is taken, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Taken: idle for longer than this.
    Idle(Millis),
    /// Taken: others wait for the memory of the model.
    MemoryWanted,
    /// Taken: loading again costs less than staying loaded.
    ReloadIsCheaper {
        /// What loading again takes.
        reload: Microjoules,
        /// What staying takes until the next prompt.
        staying: Microjoules,
    },
    /// Not: the owner did not allow it.
    NotAllowed,
    /// Not: idle for less than this.
    TooSoon(Millis),
    /// Not: undoing takes longer than this.
    SlowToWake(Millis),
    /// Not: staying loaded costs no more than loading again.
    StayingIsCheaper {
        /// What loading again takes.
        reload: Microjoules,
        /// What staying takes until the next prompt; absent while arrivals are unknown.
        staying: Option<Microjoules>,
    },
}

impl Why {
    /// Whether it is a reason to take the step.
    #[must_use]
    pub const fn takes(self) -> bool {
        matches!(self, Self::Idle(_) | Self::MemoryWanted | Self::ReloadIsCheaper { .. })
    }

    /// The reason's code in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle(_) => "idle",
            Self::MemoryWanted => "memory_wanted",
            Self::ReloadIsCheaper { .. } => "reload_is_cheaper",
            Self::NotAllowed => "not_allowed",
            Self::TooSoon(_) => "too_soon",
            Self::SlowToWake(_) => "slow_to_wake",
            Self::StayingIsCheaper { .. } => "staying_is_cheaper",
        }
    }
}

/// One step and its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Which.
    pub step: StepName,
    /// Whether, and why.
    pub why: Why,
}

/// Every offer with its verdict, in the order in which steps are taken.
#[must_use]
pub fn decide(pause: &Pause, rules: &ThriftRules, offers: &[Offer]) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> =
        offers.iter().map(|offer| Verdict { step: offer.step, why: judge(pause, rules, *offer) }).collect();
    verdicts.sort_by_key(|verdict| verdict.step);
    verdicts
}

/// The steps to take, of the verdicts on all.
#[must_use]
pub fn taken(verdicts: &[Verdict]) -> Vec<StepName> {
    verdicts.iter().filter(|verdict| verdict.why.takes()).map(|verdict| verdict.step).collect()
}

fn judge(pause: &Pause, rules: &ThriftRules, offer: Offer) -> Why {
    let unload = offer.step == StepName::Unload;
    let patience = if unload { rules.keep_alive } else { rules.after };
    if !rules.steps.contains(&offer.step) {
        Why::NotAllowed
    } else if pause.idle_for == Micros::ZERO || pause.idle_for < patience.micros() {
        Why::TooSoon(patience)
    } else if unload {
        // The owner allowed it, and knows that the next answer begins with loading.
        stay_or_go(pause, rules)
    } else if offer.wake > rules.longest_wake {
        Why::SlowToWake(rules.longest_wake)
    } else {
        Why::Idle(patience)
    }
}

/// Whether the model is worth its place until the next prompt.
///
/// It pays to unload when residency x expected wait is more than the energy of loading. On a Pi residency
/// draws nothing that can be measured, so there it pays only to give the memory to others.
fn stay_or_go(pause: &Pause, rules: &ThriftRules) -> Why {
    let reload = pause.reload;
    if pause.memory_wanted {
        return Why::MemoryWanted;
    }
    match pause.next_in.map(|wait| rules.residency.over(wait)) {
        Some(staying) if staying > reload => Why::ReloadIsCheaper { reload, staying },
        staying => Why::StayingIsCheaper { reload, staying },
    }
}
