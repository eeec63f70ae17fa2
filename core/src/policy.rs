//! Which level answers a prompt, and in how many tokens, from what the board, the battery and the asker can spare.
//!
//! ```text
//! ladder ─▶ fit (memory, power, stress) ─▶ hull (no worse at a higher cost) ─▶ plan (forecast) ─▶ backlog ─▶ budget
//!                                                                                                  └─▶ Decision or Refusal
//! ```
//!
//! Promises, each held by a property test:
//! 1. what is picked fits the means it was picked for, and the prompt's own limits as far as can be foretold;
//! 2. for what fits, more means never choose a poorer level;
//! 3. means wavering by less than the margin never swap levels twice;
//! 4. a refusal carries its numbers and a remedy.
//!
//! Deliberately absent: reading memory or power (`hal`), loading a model (`engine`), what is learned between two
//! decisions (`steward`), deciding *when* to ask (the desk's task).

use crate::units::{BasisPoints, Bytes, Microjoules, Micros, MilliCelsius, Millis, Milliwatts, PartsPerMillion};

pub mod backlog;
pub mod budget;
pub mod fit;
pub mod hull;
mod refusal;
#[cfg(test)]
mod tests;
mod words;

pub use crate::levels::Level;
pub use refusal::{Refusal, Shortage};
pub use words::sentence;

/// What the board can spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Means {
    /// Memory that would be available if no model were loaded.
    pub memory: Bytes,
    /// Power that is left above idle under the cap, if there is a cap and a meter.
    pub power: Option<Milliwatts>,
    /// Share of the last ten seconds in which some task waited for memory (PSI `some avg10`).
    pub pressure: Option<BasisPoints>,
    /// Temperature of the SoC.
    pub soc: Option<MilliCelsius>,
    /// The supply's voltage is too low.
    pub under_voltage: bool,
}

/// Limits and margins of the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Memory that is never given to a model.
    pub reserve: Bytes,
    /// Memory that must be free on top before a richer level replaces the loaded one.
    pub climb_memory: Bytes,
    /// Power that must be free on top before a richer level replaces the loaded one.
    pub climb_power: Milliwatts,
    /// Memory pressure from which on a poorer level is taken.
    pub pressure_limit: BasisPoints,
    /// Temperature from which on a poorer level is taken.
    pub hot: MilliCelsius,
    /// Temperature below which a richer one may be taken again.
    pub cool: MilliCelsius,
    /// Charge below which the battery cuts the board off; prompts are refused where it is surely below, bound included.
    pub critical: PartsPerMillion,
    /// Charge at which a board that was cut off comes up again.
    pub restart: PartsPerMillion,
    /// Share of what goes in or out of the battery's converter that comes out of it.
    pub converter: BasisPoints,
    /// The quality that `endurance` does not go below while something better fits.
    pub sane: BasisPoints,
    /// Tokens that an answer cut to its budget must have at least, unless it asked for fewer.
    pub least_tokens: u32,
}

impl Default for Rules {
    /// 300 MB stay free for the system (measured choice of the power study); a climb needs 128 MiB and 0.4 W to spare;
    /// 10 % pressure; 80 °C is where the BCM2711 starts to throttle. Lithium cells are cut off at about 5 %; a board comes
    /// up again at 12 %, and its converter gives 90 % (the power study, §5). Quality below .95 is where the study's
    /// collapse begins; an answer of fewer than 16 tokens says nothing.
    fn default() -> Self {
        Self {
            reserve: Bytes(300_000_000),
            climb_memory: Bytes::from_mebibytes(128),
            climb_power: Milliwatts(400),
            pressure_limit: BasisPoints(1_000),
            hot: MilliCelsius(80_000),
            cool: MilliCelsius(75_000),
            critical: PartsPerMillion(50_000),
            restart: PartsPerMillion(120_000),
            converter: BasisPoints(9_000),
            sane: BasisPoints(9_500),
            least_tokens: 16,
        }
    }
}

/// What the owner wants of all prompts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// The most quality over the coming day and a half.
    #[default]
    Auto,
    /// The best that fits, whatever it costs.
    Quality,
    /// The longest life that leaves sane answers.
    Endurance,
    /// This level or none.
    Fixed(String),
}

/// What one prompt wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish<'a> {
    /// What the mode says.
    #[default]
    Auto,
    /// This level or none.
    Exactly(&'a str),
}

/// One prompt, as far as the policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// Tokens of the prompt that must be computed.
    pub prompt_tokens: u32,
    /// The most tokens the answer may have.
    pub max_tokens: u32,
    /// Until its deadline, loading and answering included.
    pub left: Option<Millis>,
    /// What it may cost at the wall: idle draw while it is answered included, loading not.
    pub max_energy: Option<Microjoules>,
    /// The poorest level that will do.
    pub min_quality: Option<BasisPoints>,
}

/// All that one decision is made from, besides what was learned.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The levels to choose from, poorest first.
    pub ladder: &'a [Level],
    /// What the board can spare.
    pub means: &'a Means,
    /// Place of the level that is in memory.
    pub loaded: Option<usize>,
    /// The prompt whose turn it is.
    pub asked: Asked,
    /// Those that wait behind it, in the order they will be called.
    pub queue: &'a [Asked],
    /// Which level it wants.
    pub wish: Wish<'a>,
}

/// Why this level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The best there is, and nothing is scarce.
    Best,
    /// It was asked for by name, by the prompt or by the mode.
    Asked,
    /// Richer ones need more memory than there is.
    Ram,
    /// Richer ones draw more power than is left.
    PowerCap,
    /// Richer ones would fit, but not by the margin that a climb needs; or a change would gain too little.
    Hold,
    /// Tasks wait for memory: one level down.
    Pressure,
    /// The SoC is hot: one level down.
    Thermal,
    /// The supply's voltage is too low: one level down.
    UnderVoltage,
    /// The battery and the sun will feed the best.
    Surplus,
    /// The battery would not last with a richer one.
    Scarcity,
    /// More of those that wait are answered in time.
    Backlog,
    /// The mode asks for the best that fits.
    Quality,
    /// The mode asks for the longest life.
    Endurance,
    /// Richer ones would cost more than the prompt may.
    Budget,
    /// Richer ones would miss the prompt's deadline.
    Deadline,
    /// Poorer ones are below the quality that the prompt asks for.
    MinQuality,
}

impl Reason {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Asked => "asked",
            Self::Ram => "ram",
            Self::PowerCap => "power_cap",
            Self::Hold => "hold",
            Self::Pressure => "pressure",
            Self::Thermal => "thermal",
            Self::UnderVoltage => "under_voltage",
            Self::Surplus => "surplus",
            Self::Scarcity => "scarcity",
            Self::Backlog => "backlog",
            Self::Quality => "quality",
            Self::Endurance => "endurance",
            Self::Budget => "budget",
            Self::Deadline => "deadline",
            Self::MinQuality => "min_quality",
        }
    }
}

/// What became of one level in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This is it.
    Chosen,
    /// It fits, but another was better or asked for.
    Fits,
    /// It needs more memory than there is.
    Ram,
    /// It draws more power than is left.
    PowerCap,
    /// It fits, but changing up to it needs a margin that is not there.
    Hold,
    /// It fits, but the board is under stress, so a poorer one is taken.
    Stress,
    /// It fits, but others give at least its quality for less.
    Dominated,
}

impl Verdict {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Fits => "fits",
            Self::Ram => "ram",
            Self::PowerCap => "power_cap",
            Self::Hold => "hold",
            Self::Stress => "stress",
            Self::Dominated => "dominated",
        }
    }
}

/// What a prompt is expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Predicted {
    /// At the wall, idle draw included, loading not.
    pub energy: Microjoules,
    /// From the first prompt token read to the last token said, loading not included.
    pub time: Micros,
}

/// One level in the compared table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What became of it.
    pub verdict: Verdict,
    /// Of its answers.
    pub quality: BasisPoints,
    /// Of a usual prompt.
    pub usual: Predicted,
    /// What the coming day and a half would bring if it were taken; none without a battery or outside of `auto`.
    pub outlook: Option<crate::forecast::Outlook>,
}

/// A decision and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Place of the chosen level on the ladder.
    pub picked: usize,
    /// Why.
    pub reason: Reason,
    /// The most tokens that the answer may have, so that it keeps the prompt's limits.
    pub max_tokens: u32,
    /// What it takes if it says all of them.
    pub predicted: Predicted,
    /// How all compared, in the ladder's order.
    pub table: Vec<Row>,
}
