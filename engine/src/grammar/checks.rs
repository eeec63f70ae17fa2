//! Whether a grammar is one that can be followed with bounded memory.
//!
//! Deliberately absent: reading and writing it (`gbnf`).

use super::gbnf::{Choice, Item, Thing};

/// The most elements that it may be written out to.
const MAX_ELEMENTS: u64 = 100_000;
/// The most rules.
const MAX_RULES: usize = 1_000;
/// The most ways through its beginnings: llama.cpp walks them all, and each anew.
const MAX_WAYS: u64 = 1_000_000;

/// All checks.
///
/// # Errors
///
/// What is wrong, by the name of the rule.
pub(super) fn all(rules: &[Choice], names: &[&str]) -> Result<(), String> {
    if rules.len() > MAX_RULES {
        return Err(format!("it has {} rules and {MAX_RULES} are the most", rules.len()));
    }
    let facts = Facts::of(rules);
    let name = |place: usize| names.get(place).copied().unwrap_or_default();
    let elements: u64 = rules.iter().map(elements).fold(0, u64::saturating_add);
    if elements > MAX_ELEMENTS {
        return Err(format!("it would be {elements} elements when written out, and {MAX_ELEMENTS} are the most; repeat less"));
    }
    for (place, choice) in rules.iter().enumerate() {
        if repeats_nothing(choice, &facts) {
            return Err(format!("the rule {} repeats something that may be empty", name(place)));
        }
    }
    let mut ways = vec![None; rules.len()];
    let mut total = 0_u64;
    for place in 0..rules.len() {
        let own = count_ways(place, rules, &facts, &mut ways)
            .ok_or_else(|| format!("the rule {} begins with itself (left recursion); write it as a repetition", name(place)))?;
        total = total.saturating_add(own);
    }
    if total > MAX_WAYS {
        return Err(format!("there are {total} ways into it, and {MAX_WAYS} are the most; simplify the rules"));
    }
    match (0..rules.len()).find(|&place| rules.get(place).is_some_and(|choice| splits(choice, place, rules, &facts))) {
        Some(place) => Err(format!(
            "the rule {} contains itself in two ways that begin alike; let them begin with different characters",
            name(place)
        )),
        None => Ok(()),
    }
}

/// What follows from the rules.
struct Facts {
    /// Which may be empty.
    empty: Vec<bool>,
    /// Which rules each leads to, itself perhaps among them.
    leads: Vec<Vec<bool>>,
}

impl Facts {
    /// Repeats the same step until nothing changes.
    fn of(rules: &[Choice]) -> Self {
        let count = rules.len();
        let mut facts = Self { empty: vec![false; count], leads: vec![] };
        let mut changing = true;
        while changing {
            changing = false;
            // Backwards, for rules mostly stand before those that they mention.
            for (place, choice) in rules.iter().enumerate().rev() {
                let empty = facts.choice_empty(choice);
                if let Some(known) = facts.empty.get_mut(place)
                    && *known != empty
                {
                    (*known, changing) = (empty, true);
                }
            }
        }
        let direct: Vec<Vec<usize>> = rules.iter().map(mentioned).collect();
        for start in 0..count {
            let (mut seen, mut todo) = (vec![false; count], vec![start]);
            while let Some(place) = todo.pop() {
                for &next in direct.get(place).into_iter().flatten() {
                    if let Some(new @ false) = seen.get_mut(next) {
                        *new = true;
                        todo.push(next);
                    }
                }
            }
            facts.leads.push(seen);
        }
        facts
    }

    fn choice_empty(&self, choice: &Choice) -> bool {
        choice.iter().any(|items| items.iter().all(|item| self.item_empty(item)))
    }

    fn item_empty(&self, item: &Item) -> bool {
        item.least == 0 || item.most == Some(0) || self.thing_empty(&item.thing)
    }

    fn thing_empty(&self, thing: &Thing) -> bool {
        match thing {
            Thing::Text(codes) => codes.is_empty(),
            Thing::Class(_) => false,
            Thing::Rule(place) => self.empty.get(*place).copied().unwrap_or_default(),
            Thing::Group(choice) => self.choice_empty(choice),
        }
    }

    /// Whether a thing leads back to the rule.
    fn returns(&self, thing: &Thing, rule: usize) -> bool {
        let leads = |from: &usize| *from == rule || self.leads.get(*from).is_some_and(|to| to.get(rule) == Some(&true));
        match thing {
            Thing::Text(_) | Thing::Class(_) => false,
            Thing::Rule(place) => leads(place),
            Thing::Group(choice) => choice.iter().flatten().any(|item| self.returns(&item.thing, rule)),
        }
    }
}

fn mentioned(choice: &Choice) -> Vec<usize> {
    let of = |item: &Item| match &item.thing {
        Thing::Rule(place) => vec![*place],
        Thing::Group(inner) => mentioned(inner),
        Thing::Text(_) | Thing::Class(_) => vec![],
    };
    choice.iter().flatten().flat_map(of).collect()
}

/// What llama.cpp writes it out to: a repeated thing once for each time.
fn elements(choice: &Choice) -> u64 {
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let of = |item: &Item| {
        let (size, own) = match &item.thing {
            Thing::Text(codes) => (count(codes.len()), 0),
            Thing::Class(ranges) => (count(ranges.len()) * 2, 0),
            Thing::Rule(_) => (1, 0),
            Thing::Group(inner) => (1, elements(inner)),
        };
        let times = u64::from(item.most.unwrap_or(item.least + 1).max(1));
        (size + 3).saturating_mul(times).saturating_add(own)
    };
    choice.iter().flatten().map(of).fold(count(choice.len()), u64::saturating_add)
}

/// Whether something that may be empty is repeated.
fn repeats_nothing(choice: &Choice, facts: &Facts) -> bool {
    choice.iter().flatten().any(|item| {
        let many = item.most.is_none_or(|most| most > 1);
        let inner = if let Thing::Group(inner) = &item.thing { repeats_nothing(inner, facts) } else { false };
        inner || (many && facts.thing_empty(&item.thing))
    })
}

/// How many ways lead into a rule; `None` if one leads back to its own beginning.
fn count_ways(place: usize, rules: &[Choice], facts: &Facts, known: &mut Vec<Option<u64>>) -> Option<u64> {
    const BEGUN: u64 = 0;
    match known.get(place) {
        Some(Some(BEGUN)) | None => return None,
        Some(Some(ways)) => return Some(*ways),
        Some(None) => {}
    }
    if let Some(spot) = known.get_mut(place) {
        *spot = Some(BEGUN);
    }
    let mut ways = 1_u64;
    for (rule, times) in beginnings(rules.get(place)?, facts) {
        ways = ways.saturating_add(count_ways(rule, rules, facts, known)?.saturating_mul(times));
    }
    if let Some(spot) = known.get_mut(place) {
        *spot = Some(ways);
    }
    Some(ways)
}

/// The rules that a choice may begin with, and how often each is tried.
fn beginnings(choice: &Choice, facts: &Facts) -> Vec<(usize, u64)> {
    let mut found = Vec::new();
    for items in choice {
        for item in items {
            let times = u64::from(item.most.unwrap_or(item.least + 1).max(1));
            match &item.thing {
                Thing::Rule(place) => found.push((*place, times)),
                Thing::Group(inner) => {
                    found.extend(beginnings(inner, facts).into_iter().map(|(place, own)| (place, own.saturating_mul(times))));
                }
                Thing::Text(_) | Thing::Class(_) => {}
            }
            if !facts.item_empty(item) {
                break;
            }
        }
    }
    found
}

/// Whether a rule can go on into itself in two ways that begin alike. Each such step would double what has
/// to be kept in mind.
fn splits(choice: &Choice, rule: usize, rules: &[Choice], facts: &Facts) -> bool {
    let openings = |items: &[Item]| {
        let mut reading = Openings { rules, facts, left: MAX_READ };
        reading.sequence(items)
    };
    let returning = |items: &&Vec<Item>| items.iter().any(|item| facts.returns(&item.thing, rule));
    let ways: Vec<_> = choice.iter().filter(returning).map(|items| openings(items)).collect();
    let twice = ways.iter().enumerate().any(|(at, one)| ways.iter().skip(at + 1).any(|other| alike(one, other)));
    let within = |items: &Vec<Item>| {
        items.iter().enumerate().any(|(at, item)| {
            let inner = if let Thing::Group(inner) = &item.thing { splits(inner, rule, rules, facts) } else { false };
            // One that may be left out, and one after it.
            let rest = items.get(at + 1..).unwrap_or_default();
            let until = rest.iter().position(|item| !facts.item_empty(item)).map_or(rest.len(), |last| last + 1);
            let reach = rest.get(..until).unwrap_or_default().iter();
            let skipped = facts.item_empty(item) && facts.returns(&item.thing, rule);
            let own = if skipped { openings(std::slice::from_ref(item)) } else { vec![] };
            inner
                || reach
                    .filter(|_| skipped)
                    .any(|next| facts.returns(&next.thing, rule) && alike(&own, &openings(std::slice::from_ref(next))))
        })
    };
    twice || choice.iter().any(within)
}

/// How something may begin: for each of its first characters, the ranges that it is in.
type Opening = Vec<Ranges>;
/// Characters, from one to another.
type Ranges = Vec<(u32, u32)>;

/// The most steps to find out how something begins.
const MAX_READ: usize = 1_000;

struct Openings<'rules> {
    rules: &'rules [Choice],
    facts: &'rules Facts,
    left: usize,
}

impl Openings<'_> {
    /// All ways; an empty one is like every other.
    fn sequence(&mut self, items: &[Item]) -> Vec<Opening> {
        let mut all = Vec::new();
        for item in items {
            all.append(&mut self.thing(&item.thing));
            if !self.facts.item_empty(item) {
                break;
            }
        }
        all
    }

    fn thing(&mut self, thing: &Thing) -> Vec<Opening> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return vec![vec![]];
        }
        let choice = match thing {
            Thing::Text(codes) if codes.is_empty() => return vec![],
            Thing::Text(codes) => return vec![codes.iter().map(|&code| vec![(code, code)]).collect()],
            Thing::Class(ranges) => return vec![vec![ranges.clone()]],
            Thing::Rule(place) => self.rules.get(*place),
            Thing::Group(choice) => Some(choice),
        };
        choice.into_iter().flatten().flat_map(|items| self.sequence(items)).collect()
    }
}

/// Whether some text could begin in one of the ways and in one of the others.
fn alike(one: &[Opening], other: &[Opening]) -> bool {
    let overlap = |(a, b): (&Ranges, &Ranges)| a.iter().any(|(low, high)| b.iter().any(|(from, to)| low <= to && from <= high));
    one.iter().any(|a| other.iter().any(|b| a.iter().zip(b).all(overlap)))
}
