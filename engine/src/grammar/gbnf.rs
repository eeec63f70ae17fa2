//! GBNF, read and written anew: llama.cpp's compiler sees only what was understood here.
//!
//! ```text
//! text ─▶ rules ─▶ all defined? any that never ends? small enough? (checks) ─▶ the same, written plainly
//! ```
//!
//! Promise: what comes out neither stops nor swells the compiler, which recurses with every parenthesis,
//! takes `{5,2}` for an endless repetition, and never comes back from a rule that hides itself behind an
//! empty one.
//!
//! Deliberately absent: tokens by number or name (`<[5]>`): a model's own tokens are not text.

use std::collections::HashMap;

use super::checks;

/// The deepest nesting of parentheses.
const MAX_DEPTH: usize = 64;
/// The most that a repetition counts; llama.cpp's own bound.
const MAX_TIMES: u32 = 2_000;

/// Alternatives, each a sequence.
pub(super) type Choice = Vec<Vec<Item>>;

/// One thing in a sequence, so many times.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) thing: Thing,
    pub(super) least: u32,
    /// `None` has no end.
    pub(super) most: Option<u32>,
}

/// What can stand in a sequence.
#[derive(Debug, Clone)]
pub(super) enum Thing {
    /// Characters one after the other.
    Text(Vec<u32>),
    /// One of these ranges of characters.
    Class(Vec<(u32, u32)>),
    /// A rule, by its place.
    Rule(usize),
    /// Parentheses.
    Group(Choice),
}

/// Reads a grammar, checks it, and writes it plainly.
///
/// # Errors
///
/// What is wrong, and where.
pub(super) fn checked(text: &str) -> Result<String, String> {
    let mut reader = Reader { rest: text, rules: Vec::new(), places: HashMap::new(), depth: 0 };
    reader.blank(true);
    while !reader.rest.is_empty() {
        reader.rule()?;
    }
    let mut rules = Vec::with_capacity(reader.rules.len());
    for (name, choice) in reader.rules {
        rules.push(choice.ok_or_else(|| format!("the rule {name} is not defined"))?);
    }
    let Some(root) = reader.places.get("root").copied() else {
        return Err("it has no rule named root; begin one with `root ::=`".into());
    };
    let names: Vec<String> =
        (0..rules.len()).map(|place| if place == root { "root".into() } else { format!("r{place}") }).collect();
    let mut spoken: Vec<&str> = vec![""; rules.len()];
    for (name, &place) in &reader.places {
        if let Some(spot) = spoken.get_mut(place) {
            *spot = name;
        }
    }
    checks::all(&rules, &spoken)?;
    let lines = rules.iter().zip(&names).map(|(choice, name)| format!("{name} ::= {}\n", written(choice, &names)));
    Ok(lines.collect())
}

fn written(choice: &Choice, names: &[String]) -> String {
    let sequence = |items: &Vec<Item>| match items.as_slice() {
        [] => "\"\"".into(),
        items => items.iter().map(|item| format!("{}{}", thing(&item.thing, names), times(item))).collect::<Vec<_>>().join(" "),
    };
    choice.iter().map(sequence).collect::<Vec<String>>().join(" | ")
}

fn thing(thing: &Thing, names: &[String]) -> String {
    let code = |code: &u32| format!("\\U{code:08X}");
    match thing {
        Thing::Text(codes) => format!("\"{}\"", codes.iter().map(code).collect::<String>()),
        Thing::Class(ranges) => {
            let range = |(low, high): &(u32, u32)| [code(low), "-".into(), code(high)].concat();
            format!("[{}]", ranges.iter().map(range).collect::<String>())
        }
        Thing::Rule(place) => names.get(*place).cloned().unwrap_or_default(),
        Thing::Group(choice) => format!("({})", written(choice, names)),
    }
}

fn times(item: &Item) -> String {
    match (item.least, item.most) {
        (1, Some(1)) => String::new(),
        (least, None) => format!("{{{least},}}"),
        (least, Some(most)) => format!("{{{least},{most}}}"),
    }
}

struct Reader<'text> {
    rest: &'text str,
    rules: Vec<(String, Option<Choice>)>,
    places: HashMap<String, usize>,
    depth: usize,
}

impl Reader<'_> {
    fn rule(&mut self) -> Result<(), String> {
        let name = self.name().ok_or_else(|| self.wrong("a rule's name was expected"))?;
        let place = self.place(&name);
        self.blank(false);
        if !self.eat("::=") {
            return Err(self.wrong(&format!("`::=` was expected after {name}")));
        }
        self.blank(true);
        let choice = self.choice()?;
        if !self.rest.is_empty() && !self.rest.starts_with(['\r', '\n']) {
            return Err(self.wrong(&format!("the rule {name} was expected to end")));
        }
        self.blank(true);
        match self.rules.get_mut(place) {
            Some((_, empty @ None)) => *empty = Some(choice),
            _ => return Err(format!("the rule {name} is defined twice")),
        }
        Ok(())
    }

    fn choice(&mut self) -> Result<Choice, String> {
        let mut choice = vec![self.sequence()?];
        while self.eat("|") {
            self.blank(true);
            choice.push(self.sequence()?);
        }
        Ok(choice)
    }

    fn sequence(&mut self) -> Result<Vec<Item>, String> {
        let mut items = Vec::new();
        while let Some(thing) = self.thing()? {
            self.blank(self.depth > 0);
            let (least, most) = self.times()?;
            self.blank(self.depth > 0);
            if self.rest.starts_with(['*', '+', '?', '{']) {
                return Err(self.wrong("one repetition follows another; put parentheses around the first"));
            }
            items.push(Item { thing, least, most });
        }
        Ok(items)
    }

    fn thing(&mut self) -> Result<Option<Thing>, String> {
        if self.eat("\"") {
            let mut codes = Vec::new();
            while !self.eat("\"") {
                codes.push(self.character()?);
            }
            return Ok(Some(Thing::Text(codes)));
        }
        if self.eat("[") {
            return self.class().map(Some);
        }
        if self.eat(".") {
            return Ok(Some(Thing::Class(vec![(1, LAST)])));
        }
        if self.eat("(") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(format!("it nests deeper than {MAX_DEPTH}"));
            }
            self.blank(true);
            let choice = self.choice()?;
            if !self.eat(")") {
                return Err(self.wrong("`)` was expected"));
            }
            self.depth -= 1;
            return Ok(Some(Thing::Group(choice)));
        }
        Ok(self.name().map(|name| Thing::Rule(self.place(&name))))
    }

    fn class(&mut self) -> Result<Thing, String> {
        let negated = self.eat("^");
        let mut ranges = Vec::new();
        while !self.eat("]") {
            let low = self.character()?;
            let range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            let high = if range && self.eat("-") { self.character()? } else { low };
            if high < low {
                return Err(self.wrong("a range of characters has its ends the wrong way round"));
            }
            ranges.push((low, high));
        }
        if negated {
            ranges = others(ranges);
        }
        if ranges.is_empty() {
            return Err(self.wrong("a class of characters has none in it"));
        }
        Ok(Thing::Class(ranges))
    }

    /// A character of a text or a class, escapes resolved.
    fn character(&mut self) -> Result<u32, String> {
        let mut characters = self.rest.chars();
        let first = characters.next().ok_or("it ends inside a text or a class of characters")?;
        self.rest = characters.as_str();
        if first != '\\' {
            return Ok(u32::from(first));
        }
        let escape = characters.next().ok_or("it ends inside an escape")?;
        self.rest = characters.as_str();
        let digits = match escape {
            't' => return Ok(9),
            'n' => return Ok(10),
            'r' => return Ok(13),
            '\\' | '"' | '[' | ']' | '-' | '^' | '.' => return Ok(u32::from(escape)),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => return Err(self.wrong(&format!("\\{other} is no escape"))),
        };
        let hex = self.rest.get(..digits).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).filter(|&code| code <= LAST);
        let code = code.ok_or_else(|| self.wrong(&format!("{digits} hexadecimal digits of a character were expected")))?;
        self.rest = self.rest.get(digits..).unwrap_or_default();
        Ok(code)
    }

    /// How often the thing before is repeated.
    fn times(&mut self) -> Result<(u32, Option<u32>), String> {
        if self.eat("*") {
            return Ok((0, None));
        }
        if self.eat("+") {
            return Ok((1, None));
        }
        if self.eat("?") {
            return Ok((0, Some(1)));
        }
        if !self.eat("{") {
            return Ok((1, Some(1)));
        }
        let Some((inside, rest)) = self.rest.split_once('}') else { return Err(self.wrong("`}` was expected")) };
        let number = |text: &str| text.trim().parse::<u32>().ok().filter(|&times| times <= MAX_TIMES);
        let bad = || format!("the repetition {{{inside}}} is none: write {{n}}, {{n,}} or {{n,m}}, up to {MAX_TIMES}");
        let (least, most) = match inside.split_once(',') {
            None => (number(inside).ok_or_else(bad)?, Some(number(inside).ok_or_else(bad)?)),
            Some((least, most)) if most.trim().is_empty() => (number(least).ok_or_else(bad)?, None),
            Some((least, most)) => (number(least).ok_or_else(bad)?, Some(number(most).ok_or_else(bad)?)),
        };
        if most.is_some_and(|most| most < least) {
            return Err(format!("the repetition {{{inside}}} has its bounds the wrong way round"));
        }
        self.rest = rest;
        Ok((least, most))
    }

    fn name(&mut self) -> Option<String> {
        let end = self.rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-')).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn place(&mut self, name: &str) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        self.rules.push((name.to_owned(), None));
        self.places.insert(name.to_owned(), self.rules.len() - 1);
        self.rules.len() - 1
    }

    fn eat(&mut self, sign: &str) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Skips blanks and comments, and ends of lines too where they mean nothing.
    fn blank(&mut self, lines: bool) {
        loop {
            self.rest =
                self.rest.trim_start_matches(|letter| matches!(letter, ' ' | '\t') || (lines && matches!(letter, '\r' | '\n')));
            if !self.rest.starts_with('#') {
                return;
            }
            let end = self.rest.find(['\r', '\n']).unwrap_or(self.rest.len());
            self.rest = self.rest.get(end..).unwrap_or_default();
        }
    }

    fn wrong(&self, what: &str) -> String {
        let near: String = self.rest.chars().take(20).collect();
        if near.is_empty() { format!("{what} at its end") } else { format!("{what} before `{near}`") }
    }
}

/// The last character of Unicode.
const LAST: u32 = 0x0010_FFFF;

/// All characters but these.
fn others(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut rest = Vec::new();
    let mut next = 1;
    for (low, high) in ranges {
        if low > next {
            rest.push((next, low - 1));
        }
        next = next.max(high + 1);
    }
    if next <= LAST {
        rest.push((next, LAST));
    }
    rest
}
