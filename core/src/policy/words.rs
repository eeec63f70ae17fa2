//! The last decision in one sentence for people, with its numbers.
//!
//! Deliberately absent: other languages, and the refusals (they speak for themselves).

use super::{Decision, Reason, Row};
use crate::{
    forecast::{AHEAD, Outlook},
    levels::Level,
    steward::Supply,
    units::{BasisPoints, Now, PartsPerMillion},
};

/// What the sentence is made of.
struct Telling<'a> {
    name: &'a str,
    chosen: Option<&'a Row>,
    /// The next better level, by name.
    better: Option<(&'a str, &'a Row)>,
    charge: Option<PartsPerMillion>,
    now: Now,
}

/// The decision in one sentence: the level, why, and the numbers that spoke for it.
///
/// `ladder`, `now` and `supply` are those that it was made from.
#[must_use]
pub fn sentence(decision: &Decision, ladder: &[Level], now: Now, supply: &Supply) -> String {
    let name = |place: usize| ladder.get(place).map_or("?", |level| level.name.as_str());
    let chosen = decision.table.get(decision.picked);
    let quality = chosen.map(|row| row.quality).unwrap_or_default();
    let richer = decision.table.iter().enumerate().filter(|(_, row)| row.quality > quality);
    let better = richer.min_by_key(|(_, row)| (row.outlook.is_none(), row.quality)).map(|(place, row)| (name(place), row));
    let charge = supply.charge.map(|charge| charge.level);
    let telling = Telling { name: name(decision.picked), chosen, better, charge, now };
    let why = telling.why(decision);
    format!("{} because {why}.", telling.name)
}

impl Telling<'_> {
    fn why(&self, decision: &Decision) -> String {
        let better = self.better.map_or("a better level", |(name, _)| name);
        let answer = format!(
            "{} tokens take about {} J and {} s",
            decision.max_tokens,
            decision.predicted.energy.0.div_ceil(1_000_000),
            decision.predicted.time.0.div_ceil(1_000_000)
        );
        match decision.reason {
            Reason::Best => format!("it is the best there is and nothing is scarce; {answer}"),
            Reason::Asked => format!("it was asked for by name; {answer}"),
            Reason::Ram => format!("{better} needs more memory than is free"),
            Reason::PowerCap => format!("{better} draws more power than the cap leaves"),
            Reason::Hold => self.hold(),
            Reason::Pressure => format!("programs wait for memory, so {better} has to wait"),
            Reason::Thermal => format!("the board is hot, so {better} has to wait until it is cool"),
            Reason::UnderVoltage => format!("the supply's voltage is too low for {better}"),
            Reason::Surplus => self.surplus(),
            Reason::Scarcity => self.scarcity(),
            Reason::Backlog => format!("prompts wait, and with {better} fewer of them would be answered in time; {answer}"),
            Reason::Quality => format!("the mode asks for quality, and it is the best that fits; {answer}"),
            Reason::Endurance => {
                format!("the mode asks for endurance, and it is the thriftiest whose answers are sane; {answer}")
            }
            Reason::Budget => format!("more would cost more energy than the prompt allows; {answer}"),
            Reason::Deadline => format!("more would come after the prompt's deadline; {answer}"),
            Reason::MinQuality => {
                let quality = self.chosen.map(|row| row.quality).unwrap_or_default();
                format!("the prompt asks for quality, and it is the thriftiest that has it ({})", percent(quality))
            }
        }
    }

    fn hold(&self) -> String {
        match self.outlooks() {
            Some((mine, Some((name, its)))) => format!(
                "it is loaded and changing to {name} would gain only {} answers in the next day and a half",
                answers(its.score.saturating_sub(mine.score))
            ),
            Some((_, None)) => "it is loaded and a thriftier one would gain too little in the next day and a half".to_owned(),
            None => "it is loaded, and a better one fits too narrowly to be worth the change".to_owned(),
        }
    }

    fn surplus(&self) -> String {
        let Some((mine, _)) = self.outlooks() else { return "there is power to spare".to_owned() };
        match mine.empty {
            Some(quarters) => format!(
                "{} runs out at about {} with any level, and until then the best answers are the most worth",
                self.battery(),
                self.clock(quarters)
            ),
            None => format!("{} will not fall below {} with it until the sun is back", self.battery(), share(mine.trough)),
        }
    }

    fn scarcity(&self) -> String {
        let Some((mine, Some((name, its)))) = self.outlooks() else {
            return "the battery would not last with a better one".to_owned();
        };
        match (mine.empty, its.empty) {
            (None, Some(quarters)) => format!(
                "{} would run out at about {} with {name}; with {} it holds until the sun is back",
                self.battery(),
                self.clock(quarters),
                self.name
            ),
            (Some(later), Some(sooner)) if later > sooner => format!(
                "{} lasts until about {} with it and only until {} with {name}",
                self.battery(),
                self.clock(later),
                self.clock(sooner)
            ),
            _ => format!(
                "with {} {} answers are expected in the next day and a half and with {name} {}",
                self.battery(),
                mine.served / 1_000,
                its.served / 1_000
            ),
        }
    }

    /// What was expected of the chosen one, and of the better one.
    fn outlooks(&self) -> Option<(Outlook, Option<(&str, Outlook)>)> {
        let mine = self.chosen?.outlook?;
        Some((mine, self.better.and_then(|(name, row)| Some((name, row.outlook?)))))
    }

    fn battery(&self) -> String {
        self.charge.map_or("the battery".to_owned(), |level| format!("the battery ({})", share(level)))
    }

    /// The time of day so many quarters from now.
    fn clock(&self, quarters: u32) -> String {
        let quarters = quarters.min(u32::try_from(AHEAD).unwrap_or(u32::MAX));
        let minutes = (self.now.day / 60).saturating_add(quarters.saturating_mul(15)) % 1_440;
        let quarter = minutes / 15 * 15;
        format!("{:02}:{:02}", quarter / 60, quarter % 60)
    }
}

fn answers(thousandths: i64) -> String {
    let tenths = thousandths.max(0) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn share(level: PartsPerMillion) -> String {
    format!("{} %", level.0 / 10_000)
}

fn percent(quality: BasisPoints) -> String {
    format!("{} %", quality.0 / 100)
}
